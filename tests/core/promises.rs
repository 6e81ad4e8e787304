//! The peers that a peer promises to, how far up, and for how long it waits for what was promised.

use peer::ids::Term;
use peer::protocol::{Alarm, Found, Standing};
use peer::wire::Message;

use crate::bench::{contact, id, join, leadership, leads, range, said_to, seat, term, view, view_of, Bench, LIFE};

/// The address of `s`, which speaks on connection 1.
const STRANGER: &str = "127.0.0.1:8001";

fn counter(peer: &Bench) -> u64 {
    peer.peer.promised().map_or(0, |term| term.counter)
}

/// `s` is heard of as the leader of this term, asked, and takes the peer in. Is it a learner then?
fn takes_in(peer: &mut Bench, led: &str) -> bool {
    let shown = view_of(view(led, vec![], 0), STRANGER, 2);
    peer.hears(Message::Leader(leadership(led, contact("s", 5, STRANGER), 2, 0)));
    if peer.waits_for(STRANGER) {
        peer.answered(STRANGER, leads(STRANGER, shown.clone()));
    }
    peer.said(1, Message::Added { view: shown, incarnation: LIFE });
    peer.peer.standing() == Standing::Learner
}

#[test]
fn with_a_quorum_a_leader_that_takes_a_seeker_in_again_and_again_raises_it_at_the_same_pace() {
    let mut seeker = Bench::under(Some(2), &Found::default());
    seeker.hello_under(Some(2), 1, "s");
    let since = seeker.now();
    for _ in 0..64 {
        for step in [1 << 30, 1 << 21, 1 << 20, 1 << 10] {
            let led = format!("{}@s/5", counter(&seeker) + step);
            if takes_in(&mut seeker, &led) {
                let mut without = view_of(view(&led, vec![], 0), STRANGER, 2);
                without.change = 2;
                seeker.said(1, Message::ViewChange(without));
                assert_eq!(seeker.peer.standing(), Standing::Seeking);
            }
        }
        seeker.after(1000).alarm(Alarm::Discovery);
    }
    let intervals = (seeker.now() - since) / 5000;
    let most = ((intervals + 2) << 20) + (64 << 10);
    assert!(counter(&seeker) <= most, "{} in {intervals} intervals", counter(&seeker));
}

#[test]
fn a_proposer_that_goes_up_in_small_steps_raises_a_peer_at_the_same_pace() {
    let raised = |step: u64| {
        let mut seeker = Bench::new();
        seeker.hello(1, "s", 5, STRANGER);
        for _ in 0..10_000 {
            let term = term(&format!("{}@s/5", counter(&seeker) + step));
            seeker.said(1, Message::Coordinator { term });
        }
        counter(&seeker)
    };
    assert!(raised(1 << 10) <= (2 << 20) + (2 << 10), "in no time");
    assert_eq!(raised(1), 10_000, "each election is believed");
}

#[test]
fn with_a_quorum_a_leader_far_above_is_joined_after_as_long_as_it_takes_to_get_there() {
    let mut seeker = Bench::under(Some(2), &Found::default());
    seeker.hello_under(Some(2), 1, "s");
    let led = format!("{}@s/5", 1u64 << 31);
    assert!(!takes_in(&mut seeker, &led), "it is too early");
    seeker.after(5001).alarm(Alarm::Discovery);
    seeker.after(5000 << 11);
    seeker.hello_under(Some(2), 1, "s");
    assert!(takes_in(&mut seeker, &led), "{:?}", seeker.peer.standing());
}

/// A peer with this promise asks to join. Its promise is above the term that it is offered: it says so.
fn joins_with(leader: &mut Bench, promised: &Term) -> bool {
    let promise = Some(promised.clone());
    let join = join(promise.clone());
    let effects = leader.said(1, join);
    let added = said_to(&effects, "y").iter().any(|message| matches!(message, Message::Added { .. }));
    if leader.term() < *promised {
        leader.said(1, Message::Stale { term: promise, leader: None });
    }
    added && leader.term() > *promised
}

#[test]
fn with_a_quorum_a_joiner_lifts_a_term_in_steps_that_newcomers_believe_soon_and_gets_in_after_some() {
    let mut leader = Bench::under(Some(1), &Found::default());
    leader.lead();
    leader.hello_under(Some(1), 1, "y");
    leader.after(10 * 3_600_000);
    let promised = term(&format!("{}@y/5", 1u64 << 26));
    let mut tries = 0;
    while !joins_with(&mut leader, &promised) {
        let before = counter(&leader);
        leader.after(90_000);
        tries += 1;
        assert!(tries < 20 && counter(&leader) - before <= (1 << 23) + 1, "{before} after {tries}");
    }
    assert!(tries >= 7, "{tries}");
}

#[test]
fn no_joiner_lifts_a_term_to_the_highest_counter() {
    // After centuries any counter is believed. The highest leaves no term for the next election.
    let highest = 1u64 << 48;
    for (promised, led) in [(highest - 2, highest - 1), (highest - 1, 1)] {
        let mut leader = Bench::leader();
        leader.after(300 * 365 * 86_400_000).hello(1, "y", 5, "127.0.0.1:8001");
        let promised = Some(term(&format!("{promised}@y/5")));
        leader.said(1, join(promised));
        assert_eq!((leader.peer.standing(), leader.term().counter), (Standing::Leader, led));
    }
}

#[test]
fn an_electing_member_promises_to_no_stranger() {
    let mut member = Bench::member(&["z", "y"]);
    member.hello(3, "zz", 5, "127.0.0.1:8009");
    member.after(10_001).alarm(Alarm::LeaderCheck);
    assert_eq!(member.peer.standing(), Standing::Electing);
    member.said(3, Message::Coordinator { term: term("2@zz/5") });
    assert_eq!(member.peer.standing(), Standing::Electing);
    member.said(2, Message::Coordinator { term: term("2@y/5") });
    assert_eq!(member.peer.promised(), Some(&term("2@y/5")), "to a member it does");
}

#[test]
fn a_member_whose_leader_lifts_its_term_promises_to_no_stranger() {
    let mut member = Bench::member(&["z", "y"]);
    member.hello(3, "zz", 5, "127.0.0.1:8009");
    member.said(1, Message::Coordinator { term: term("2@z/5") });
    assert_eq!(member.peer.standing(), Standing::Promised);
    member.said(3, Message::Coordinator { term: term("3@zz/5") });
    assert_eq!(member.peer.promised(), Some(&term("2@z/5")));
    member.said(2, Message::Coordinator { term: term("3@y/5") });
    assert_eq!(member.peer.promised(), Some(&term("3@y/5")), "to a member it does");
}

#[test]
fn a_leader_that_lifts_its_term_promises_to_no_stranger() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    leader.hello(2, "y", 5, "127.0.0.1:8002");
    let promised = Some(term("7@y/5"));
    leader.said(2, join(promised));
    assert_eq!(leader.peer.standing(), Standing::Proposing);
    leader.said(2, Message::Coordinator { term: term("9@y/5") });
    assert_eq!(leader.peer.standing(), Standing::Proposing);
}

/// How long this peer waits for a proposer on this connection that goes on saying what `says` gives, in seconds, or
/// 200: for longer.
fn waits(peer: &mut Bench, says: impl Fn(u64, &Term) -> (u64, Message)) -> u64 {
    for seconds in (0..200).step_by(5) {
        let promised = peer.peer.promised().expect("it promised").clone();
        let (connection, message) = says(seconds / 5, &promised);
        peer.said(connection, message);
        peer.after(5000).alarm(Alarm::Election);
        if peer.peer.standing() != Standing::Promised {
            return seconds;
        }
    }
    200
}

fn beats(term: &Term) -> Message {
    Message::Heartbeat { term: term.clone(), committed: 0 }
}

#[test]
fn a_stranger_that_proposes_and_sends_no_view_is_waited_for_no_longer_than_six_heartbeat_timeouts() {
    let strangers = || {
        let mut seeker = Bench::new();
        seeker.hello(1, "s", 5, STRANGER);
        seeker.hello(2, "t", 5, "127.0.0.1:8002");
        seeker.said(1, Message::Coordinator { term: term("2@s/5") });
        assert_eq!(seeker.peer.standing(), Standing::Promised);
        seeker
    };
    assert!(waits(&mut strangers(), |_, term| (1, beats(term))) <= 60, "by heartbeats");
    let above = |name: &str, promised: &Term| {
        let term = term(&format!("{}@{name}/5", promised.counter + 1));
        Message::Coordinator { term }
    };
    assert!(waits(&mut strangers(), |_, term| (1, above("s", term))) <= 60, "by higher and higher terms");
    let in_turn = |n, term: &Term| if n % 2 == 0 { (2, above("t", term)) } else { (1, above("s", term)) };
    assert!(waits(&mut strangers(), in_turn) <= 60, "by two in turn");
    let mut seeker = strangers();
    waits(&mut seeker, |_, term| (1, beats(term)));
    seeker.said(1, Message::Coordinator { term: term("3@s/5") });
    assert_eq!(seeker.peer.standing(), Standing::Seeking, "it is passed over for a while");
}

/// With a log of this many readings.
fn promised_to_a_stranger(last: u64) -> Bench {
    let found = Found {
        runs: vec![(term("1@m/5"), 1)],
        last,
        origins: vec![range("m/5", 1, last)],
        delivered: last,
        ..Found::default()
    };
    let mut seeker = Bench::with(&found);
    seeker.hello(1, "s", 5, STRANGER);
    seeker.said(1, Message::Coordinator { term: term("2@s/5") });
    assert_eq!(seeker.peer.standing(), Standing::Promised);
    seeker
}

#[test]
fn a_stranger_that_has_fetched_all_is_waited_for_no_longer_under_higher_terms() {
    let mut seeker = promised_to_a_stranger(50_000);
    let mut seconds = 0;
    for counter in 3..40 {
        let term = term(&format!("{counter}@s/5"));
        seeker.said(1, Message::Coordinator { term: term.clone() });
        seeker.said(1, Message::Fetch { term: term.clone(), from: 50_001 });
        seeker.said(1, beats(&term));
        seeker.after(5000).alarm(Alarm::Election);
        seconds += 5;
        if seeker.peer.standing() != Standing::Promised {
            break;
        }
    }
    assert!(seconds <= 65, "{seconds} s");
}

#[test]
fn a_proposer_of_the_last_view_and_one_that_fetches_from_here_are_waited_for_while_they_live() {
    let mut member = Bench::member(&["z", "y"]);
    member.said(2, Message::Coordinator { term: term("2@y/5") });
    assert_eq!(waits(&mut member, |_, term| (2, beats(term))), 200);
    let mut seeker = promised_to_a_stranger(50_000);
    seeker.said(1, Message::Fetch { term: term("2@s/5"), from: 1 });
    for n in 1..40 {
        seeker.said(1, Message::Stored { term: term("2@s/5"), last: n * 1024 });
        seeker.said(1, beats(&term("2@s/5")));
        seeker.after(5000).alarm(Alarm::Election);
        assert_eq!(seeker.peer.standing(), Standing::Promised, "after {n} intervals");
    }
    assert!(waits(&mut seeker, |_, term| (1, beats(term))) <= 60, "it stopped");
}

#[test]
fn a_member_of_a_group_below_the_quorum_promises_to_a_stranger() {
    for (quorum, promises) in [(2, false), (3, true)] {
        let mut member = Bench::under(Some(quorum), &Found::default());
        let own = Some(quorum);
        member.hello_under(own, 1, "z");
        let endpoint = "127.0.0.1:8001";
        let mut shown = view_of(view("1@z/5", vec![], 0), endpoint, 1);
        member.added(1, endpoint, shown.clone());
        shown.change = 2;
        shown.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
        member.said(1, Message::ViewChange(shown));
        assert_eq!(member.peer.standing(), Standing::Member);
        member.hello_under(own, 2, "y");
        member.said(2, Message::Coordinator { term: term("2@y/5") });
        assert_eq!(counter(&member), if promises { 2 } else { 1 }, "of two, with a quorum of {quorum}");
    }
}
