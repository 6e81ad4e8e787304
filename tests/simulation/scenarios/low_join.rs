//! A leader of an old term is asked by a peer that promised a newer one.

use peer::ids::Term;
use peer::protocol::{Alarm, Standing};
use peer::wire::Message;

use super::script::{all, Script, A, ALL, B, C, D, E};
use crate::sabotage::Sabotage;

/// `c` stored what `b` committed, starts again, and asks `a`, which knows nothing of `b`'s term. Returns the log that `c`
/// had.
fn history(sabotage: Sabotage) -> (Script, Vec<(Term, u64)>) {
    let mut script = Script::with_quorum(Some(3));
    script.sabotage = sabotage;
    script.found(A, &ALL, all);
    script.measure(A, &ALL, all);
    script.elect(B, &[C, D], all);
    script.measure(B, &[B, C, D], all);
    assert_eq!((script.process(C).peer.committed(), script.process(A).peer.last()), (2, 1));
    let committed = script.process(C).peer.runs();
    script.restart(C);
    script.hear(A, C);
    script.run(&[A, C, E], all);
    (script, committed)
}

/// It raises its term among its own, and of those only `e` answers: with itself two, and not the three of the quorum.
#[test]
fn a_leader_below_the_promise_of_a_joiner_raises_its_term_and_serves_nobody_before() {
    let (mut script, committed) = history(Sabotage::None);
    let (leader, joiner) = (&script.process(A).peer, &script.process(C).peer);
    assert_eq!((leader.standing(), joiner.standing()), (Standing::Proposing, Standing::Seeking));
    assert!(leader.promised() > joiner.promised());
    assert_eq!(script.process(E).peer.promised(), leader.promised());
    assert_eq!((joiner.runs(), joiner.committed()), (committed.clone(), 2));
    // Too few answered until the election timeout: back to seeking, and so does e, which would wait for nothing.
    script.wait(A, Alarm::Election, Standing::Seeking);
    script.run(&[A, C, E], all);
    assert_eq!(script.process(E).peer.standing(), Standing::Seeking);
    // The three can make a group of their own, and it holds what b committed.
    script.found(A, &[C, E], all);
    assert!(script.process(A).peer.runs().starts_with(&committed));
    assert_eq!(script.process(A).peer.committed(), 2);
}

/// It follows nobody who lacks what it knows to be committed.
#[test]
fn a_joiner_whose_promise_is_forgotten_takes_nothing_back_that_is_committed() {
    let (script, committed) = history(Sabotage::ForgottenPromise);
    assert_eq!(script.broken(), None);
    let joiner = &script.process(C).peer;
    assert_eq!((joiner.standing(), joiner.runs(), joiner.committed()), (Standing::Seeking, committed, 2));
}

/// `a` drops a member that asks, and tells it so in its term, which is over there: the `STALE` that comes back must not end
/// the raise that the same question began.
#[test]
fn a_raise_for_a_member_that_seeks_goes_on_though_it_finds_the_view_that_drops_it_stale() {
    let mut script = Script::with_quorum(Some(3));
    script.found(A, &ALL, all);
    script.measure(A, &ALL, all);
    script.elect(B, &[C, D], all);
    script.measure(B, &[B, C, D], all);
    let committed = script.process(C).peer.runs();
    // c lives on, and seeks.
    script.tell(D, C, Message::Stale { term: Some("2@e/1".parse().unwrap()), leader: None });
    script.hear(A, C);
    script.run(&[A, C, E], all);
    assert!(script.process(A).peer.promised() > script.process(C).peer.promised());
    assert_eq!(script.process(A).peer.standing(), Standing::Proposing);
    // The others of its view follow b, and c was not asked: too few answer, and all three seek.
    script.ring(A, Alarm::Election);
    script.run(&[A, C, E], all);
    assert_eq!(script.process(A).peer.standing(), Standing::Seeking);
    script.found(A, &[C, E], all);
    assert!(script.process(A).peer.runs().starts_with(&committed));
    assert_eq!(script.process(A).peer.committed(), 2);
}
