//! Whom a peer promises to, how far up, and for how long it waits for what was promised.

use peer::ids::Term;
use peer::protocol::{Alarm, Found, Standing};
use peer::wire::Message;

use crate::bench::{contact, leadership, leads, said_to, term, view, view_of, Bench, LIFE};

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
    let join = Message::Join { promised: promise.clone(), priority: 0, runs: vec![], last: 0, limits: None };
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
