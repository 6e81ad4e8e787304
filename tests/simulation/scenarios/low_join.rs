//! A peer that promised a newer term asks the leader of an old one.

use peer::ids::Term;
use peer::protocol::{Alarm, Standing};
use peer::simulation::sabotage::Sabotage;
use peer::wire::Message;

use super::script::{all, Script, A, ALL, B, C, D, E};

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

/// It lifts its term among its members, of which only `e` answers: that makes two, and the quorum is three.
#[test]
fn a_leader_below_a_joiners_promise_raises_its_term_before_it_serves_the_joiner() {
    let (mut script, committed) = history(Sabotage::None);
    let (leader, joiner) = (&script.process(A).peer, &script.process(C).peer);
    assert_eq!((leader.standing(), joiner.standing()), (Standing::Proposing, Standing::Seeking));
    assert!(leader.promised() > joiner.promised());
    assert_eq!(script.process(E).peer.promised(), leader.promised());
    assert_eq!((joiner.runs(), joiner.committed()), (committed.clone(), 2));
    // Too few answered until the election timeout: it seeks again, and so does e, which would wait in vain.
    script.wait(A, Alarm::Election, Standing::Seeking);
    script.run(&[A, C, E], all);
    assert_eq!(script.process(E).peer.standing(), Standing::Seeking);
    // The three can make a group by themselves, and it holds what b committed.
    script.found(A, &[C, E], all);
    assert!(script.process(A).peer.runs().starts_with(&committed));
    assert_eq!(script.process(A).peer.committed(), 2);
}

/// It follows no leader that lacks what it knows to be committed.
#[test]
fn a_joiner_with_a_forgotten_promise_takes_back_nothing_that_is_committed() {
    let (script, committed) = history(Sabotage::ForgottenPromise);
    assert_eq!(script.broken(), None);
    let joiner = &script.process(C).peer;
    assert_eq!((joiner.standing(), joiner.runs(), joiner.committed()), (Standing::Seeking, committed, 2));
}

/// `a` drops a member that asks to join, and tells it so in its present term, which the member has left. The `STALE`
/// that comes back must not end the raise that the same `JOIN` began.
#[test]
fn a_raise_for_a_seeking_member_survives_its_stale_for_the_view_that_drops_it() {
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
    // The others of its view follow b, and c was not asked. Too few answer, and all three seek.
    script.ring(A, Alarm::Election);
    script.run(&[A, C, E], all);
    assert_eq!(script.process(A).peer.standing(), Standing::Seeking);
    script.found(A, &[C, E], all);
    assert!(script.process(A).peer.runs().starts_with(&committed));
    assert_eq!(script.process(A).peer.committed(), 2);
}
