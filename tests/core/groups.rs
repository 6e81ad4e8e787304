//! Elections, views and merges as one peer sees them.

use peer::protocol::{Alarm, ConnectionId, Done, Effect, Event, Found, Input, Standing};
use peer::wire::{Message, Seat};

use crate::bench::{
    contact, frame, id, join, leadership, leads, lines, request, said_to, seat, term, told, view, view_of, Bench, LIFE,
};

#[test]
fn a_peer_drawn_into_an_election_says_that_the_leader_failed_when_it_finds_out() {
    let mut member = Bench::member(&["z", "a"]);
    let mut effects = member.said(2, Message::Election { term: Some(member.term()), from: id("a") });
    effects.extend(member.step(Input::Ended { connection: ConnectionId(1) }));
    effects.extend(member.step(Input::Refused { peer: id("z") }));
    effects.extend(member.step(Input::Refused { peer: id("z") }));
    assert_eq!(
        told(&effects).iter().filter(|event| matches!(event, Event::LeaderFailed { .. })).count(),
        1,
        "{effects:?}"
    );
}

#[test]
fn an_election_about_a_leader_before_this_one_is_answered_with_this_one() {
    let mut member = Bench::member(&["z", "a"]);
    for over in [None, Some(term("1@y/5"))] {
        let effects = member.said(2, Message::Election { term: over, from: id("a") });
        assert_eq!(member.peer.standing(), Standing::Member, "{effects:?}");
    }
    let effects = member.said(2, Message::Election { term: Some(member.term()), from: id("a") });
    assert_eq!(member.peer.standing(), Standing::Electing, "{effects:?}");
}

#[test]
fn the_rank_in_the_view_counts_for_all_so_no_two_peers_wait_for_each_other() {
    let mut member = Bench::member(&["z", "y"]);
    let mut change = view("1@z/5", vec![], 0);
    change.change = 3;
    change.members.insert(id("m"), Seat { priority: 9, ..seat(LIFE, "127.0.0.1:7000") });
    change.members.insert(id("z"), seat(5, "127.0.0.1:8000"));
    change.members.insert(id("y"), seat(5, "127.0.0.1:8001"));
    member.said(1, Message::ViewChange(change));
    member.after(10_001).alarm(Alarm::LeaderCheck);
    assert_eq!(member.peer.standing(), Standing::Proposing);
}

#[test]
fn a_member_says_once_that_the_leader_failed() {
    let mut member = Bench::member(&["z", "y"]);
    let mut effects = member.said(1, Message::Leave { term: Some(member.term()) });
    effects.extend(member.step(Input::Refused { peer: id("z") }));
    assert_eq!(
        told(&effects).iter().filter(|event| matches!(event, Event::LeaderFailed { .. })).count(),
        1,
        "{effects:?}"
    );
}

#[test]
fn a_datagram_makes_no_leader_yield() {
    let mut leader = Bench::leader();
    let said = leadership("9@x/1", contact("x", 1, "127.0.0.1:9"), 5, 9);
    leader.hears(Message::Leader(said));
    assert_eq!(leader.peer.standing(), Standing::Leader);
}

#[test]
fn a_silent_learner_becomes_no_member_even_with_nothing_to_store() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.joins(2, "y");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    assert_eq!(leader.peer.members(), [id("m"), id("x")]);
}

#[test]
fn a_member_whose_leader_was_only_silent_sends_everything_again() {
    let mut member = Bench::member(&["z", "y"]);
    member.after(4000).step(Input::Readings(lines(1)));
    member.after(6100).alarm(Alarm::LeaderCheck);
    assert_eq!(member.peer.standing(), Standing::Electing);
    let effects = member.after(900).heartbeat();
    assert_eq!(member.peer.standing(), Standing::Member);
    assert_eq!(crate::bench::sent(&effects).len(), 1);
}

#[test]
fn whatever_counter_was_promised_a_peer_that_starts_alone_leads() {
    for (counter, first) in [(1u64 << 43, (1 << 43) + 1), ((1 << 43) + 1, 1), (1 << 62, 1)] {
        let promised = Some(term(&format!("{counter}@x/1")));
        let mut peer = Bench::with(&Found { promised, ..Found::default() });
        for _ in 0..20 {
            peer.after(1000).alarm(Alarm::Discovery);
        }
        assert_eq!((peer.peer.standing(), peer.term().counter), (Standing::Leader, first));
    }
}

#[test]
fn a_leader_whose_batches_do_not_fit_is_left_for_a_while_with_one_line() {
    let mut learner = Bench::learner();
    let ordered = |first, count| {
        let batch = frame(&term("1@z/5"), first, request("z/5", first, count));
        Message::Ordered { term: term("1@z/5"), frame: batch }
    };
    learner.said(1, ordered(1, 5));
    let mut effects = learner.said(1, ordered(3, 5));
    effects.extend(learner.said(1, ordered(3, 5)));
    assert_eq!(told(&effects).len(), 1, "{effects:?}");
    assert!(effects.contains(&Effect::Close { peer: id("z") }));
    assert_eq!(learner.peer.standing(), Standing::Seeking);
    let leader = || Message::Leader(leadership("1@z/5", contact("z", 5, "127.0.0.1:8000"), 1, 9));
    assert_eq!(learner.after(1000).said(1, leader()), []);
    assert_eq!(learner.hears(leader()), []);
    learner.after(4000).alarm(Alarm::Discovery);
    assert_eq!(learner.hears(leader()), [], "nothing came of it");
    learner.after(5000).hears(leader());
    assert!(learner.waits_for("127.0.0.1:8000"), "later it is tried again");
}

#[test]
fn a_follower_that_asks_for_what_is_after_the_end_of_the_log_is_dropped() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    let effects = leader.said(1, Message::Fetch { term: leader.term(), from: 2 });
    assert!(matches!(told(&effects)[..], [Event::Misbehaved { .. }]), "{effects:?}");
    assert_eq!(leader.said(1, Message::Fetch { term: leader.term(), from: 1 }), []);
}

#[test]
fn the_lower_of_two_proposers_gives_way_to_one_that_it_does_not_know() {
    for (other, standing) in [("44@zz/9", Standing::Seeking), ("44@a/9", Standing::Proposing)] {
        let mut member = Bench::member(&["z", "y"]);
        // The leader is gone, and `y`, which comes first, does not answer.
        member.step(Input::Refused { peer: id("z") });
        member.step(Input::Ended { connection: ConnectionId(1) });
        member.after(5000).alarm(Alarm::Election);
        assert_eq!(member.peer.standing(), Standing::Proposing);
        member.said(2, Message::Stale { term: Some(term(other)), leader: None });
        assert_eq!(member.peer.standing(), standing, "`y` promised {other}");
    }
}

#[test]
fn a_follower_says_which_members_its_leader_no_longer_counts() {
    let gone = |effects: &Vec<Effect>| {
        let of = |event: &&Event| matches!(event, Event::Gone { peers } if *peers == [id("y")]);
        told(effects).into_iter().filter(of).count()
    };
    let mut member = Bench::member(&["z", "y"]);
    let mut view = view("1@z/5", vec![], 0);
    view.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
    view.members.insert(id("z"), seat(5, "127.0.0.1:7999"));
    view.change = 3;
    assert_eq!(gone(&member.said(1, Message::ViewChange(view.clone()))), 1);
    view.change = 4;
    assert_eq!(gone(&member.said(1, Message::ViewChange(view))), 0);
}

#[test]
fn a_peer_that_answered_no_join_while_it_led_may_join_later() {
    let mut peer = Bench::new();
    // Once may be a lost message. After twice `z` is passed over for a while, as a leader.
    for _ in 0..2 {
        let effects = peer.finds("127.0.0.1:8001", view("1@z/5", vec![], 0));
        assert!(matches!(said_to(&effects, "z")[..], [Message::Join { .. }]), "{effects:?}");
        peer.after(5001).alarm(Alarm::Discovery);
    }
    peer.lead();
    let effects = peer.joins(1, "z");
    assert!(matches!(said_to(&effects, "z")[..], [Message::Added { .. }]), "{effects:?}");
}

/// It led `y`, which speaks on connection 1 and stored nothing, and was dropped for it.
fn dropped_an_idle_member() -> Bench {
    let mut leader = Bench::leader();
    leader.joins(1, "y");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    assert_eq!(leader.peer.members(), [id("m"), id("y")]);
    leader.step(Input::Readings(lines(1)));
    leader.stored(vec![Done::Appended { last: 1 }]);
    let mut effects = Vec::new();
    for _ in 0..6 {
        effects.extend(leader.after(5000).alarm(Alarm::Heartbeat));
        leader.said(1, Message::HeartbeatAck { term: leader.term(), stored: 0 });
    }
    assert!(told(&effects).contains(&&Event::NotStoring { peers: vec![id("y")], waits: false }), "{effects:?}");
    assert_eq!(leader.peer.members(), [id("m")]);
    leader
}

#[test]
fn a_member_that_held_up_the_group_is_not_taken_in_for_a_while() {
    let mut leader = dropped_an_idle_member();
    assert_eq!(said_to(&leader.joins(1, "y"), "y"), Vec::<&Message>::new());
    let effects = leader.after(10_000).joins(1, "y");
    assert!(matches!(said_to(&effects, "y")[..], [Message::Added { .. }]), "{effects:?}");
}

#[test]
fn a_leader_yields_to_no_peer_that_held_up_its_group_and_a_seeker_follows_it() {
    let endpoint = "127.0.0.1:8001";
    let shown = || view_of(view("9@y/5", vec![], 9), endpoint, 5);
    let mut leader = dropped_an_idle_member();
    leader.finds(endpoint, shown());
    assert_eq!(leader.peer.standing(), Standing::Leader);
    leader.after(10_000).finds(endpoint, shown());
    assert_eq!(leader.peer.standing(), Standing::Seeking, "later it does");

    let mut peer = dropped_an_idle_member();
    peer.finds("10.0.0.1:8000", view_of(view("9@x/1", vec![], 9), "10.0.0.1:8000", 5));
    assert_eq!(peer.peer.standing(), Standing::Seeking);
    peer.hears(Message::Leader(leadership("9@y/5", contact("y", 5, endpoint), 5, 9)));
    assert!(peer.waits_for(endpoint), "{:?}", peer.open());
    let effects = peer.answered(endpoint, leads(endpoint, shown()));
    assert!(matches!(said_to(&effects, "y")[..], [Message::Join { .. }]), "{effects:?}");
}

#[test]
fn a_proposer_goes_to_no_leader_that_is_gone_or_for_whose_silence_it_was_elected() {
    for gone in [true, false] {
        let mut member = Bench::member(&["z", "y"]);
        if gone {
            member.step(Input::Ended { connection: ConnectionId(1) });
            member.step(Input::Refused { peer: id("z") });
        } else {
            member.after(10_001).alarm(Alarm::LeaderCheck);
        }
        member.after(5000).alarm(Alarm::Election);
        assert_eq!(member.peer.standing(), Standing::Proposing);
        // `y` learns, and does not know yet.
        let leader = Some(contact("z", 5, "127.0.0.1:7999"));
        member.said(2, Message::Stale { term: Some(term("1@z/5")), leader });
        assert_eq!(member.peer.standing(), Standing::Leader, "gone: {gone}");
    }
}

#[test]
fn a_peer_that_promised_seeks_where_the_view_lacks_it() {
    let mut member = Bench::member(&["z", "y"]);
    member.said(2, Message::Coordinator { term: term("2@y/5") });
    assert_eq!(member.peer.standing(), Standing::Promised);
    member.said(2, Message::ViewChange(view_of(view("2@y/5", vec![], 0), "127.0.0.1:8000", 1)));
    assert_eq!(member.peer.standing(), Standing::Seeking);
}

#[test]
fn a_learner_follows_its_leader_into_the_term_that_it_lifted() {
    let added = |led: &str| Message::Added { view: view(led, vec![], 0), incarnation: LIFE };
    let mut learner = Bench::learner();
    learner.hello(2, "y", 5, "127.0.0.1:8001");
    learner.said(2, added("3@y/5"));
    assert_eq!(learner.term(), term("1@z/5"), "it did not ask `y`");
    let effects = learner.said(1, added("2@z/5"));
    assert!(said_to(&effects, "z").contains(&&Message::Fetch { term: term("2@z/5"), from: 1 }), "{effects:?}");
    assert_eq!((learner.peer.standing(), learner.term()), (Standing::Learner, term("2@z/5")));
}

#[test]
fn a_proposer_that_promises_to_another_lets_those_go_that_promised_to_it() {
    let mut member = Bench::member(&["z", "y", "a"]);
    member.step(Input::Ended { connection: ConnectionId(1) });
    member.step(Input::Refused { peer: id("z") });
    member.after(5000).alarm(Alarm::Election);
    let own = member.peer.promised().expect("its own").clone();
    member.said(3, Message::LogState { term: own.clone(), synced: None, runs: vec![], last: 0, limits: None });
    assert_eq!(member.peer.standing(), Standing::Proposing, "`y` has not answered");
    let effects = member.said(2, Message::Coordinator { term: term("9@y/5") });
    assert_eq!(said_to(&effects, "a"), [&Message::Yield { term: own, leader: None }], "{effects:?}");
}

#[test]
fn a_follower_that_is_asked_to_take_a_peer_in_names_its_leader() {
    let joins = || join(None);
    for mut follower in [Bench::learner(), Bench::member(&["z"])] {
        follower.hello(9, "x", 5, "10.0.0.8:1");
        let effects = follower.said(9, joins());
        let leader = Some(contact("z", 5, "127.0.0.1:8000"));
        assert_eq!(said_to(&effects, "x"), [&Message::Stale { term: Some(term("1@z/5")), leader }]);
    }
}
