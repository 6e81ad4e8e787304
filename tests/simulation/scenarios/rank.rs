//! Which of several logs a new leader chooses.

use peer::ids::Term;
use peer::protocol::{Alarm, Standing};
use peer::simulation::sabotage::Sabotage;

use super::script::{all, Script, A, ALL, B, C, D};

fn terms(script: &Script, of: usize) -> Vec<(Term, u64)> {
    script.process(of).peer.runs()
}

/// The log with what `b` committed is shorter than the log that only `a` had. Returns what `c` had committed before it
/// led.
fn history(sabotage: Sabotage) -> (Script, Vec<(Term, u64)>) {
    let mut script = Script::with_quorum(Some(3));
    script.sabotage = sabotage;
    script.found(A, &ALL, all);
    script.measure(A, &ALL, all);
    // Entries 2 and 3 are only at a.
    script.measure(A, &[A], all);
    script.measure(A, &[A], all);
    // Another entry 2 is committed by b, c and d.
    script.elect(B, &[C, D], all);
    script.measure(B, &[B, C, D], all);
    assert_eq!((script.process(C).peer.committed(), script.process(A).peer.last()), (2, 3));
    let committed = terms(&script, C);
    // a hears that its term is over, and seeks.
    script.ring(A, Alarm::Heartbeat);
    script.run(&[A, D], all);
    assert_eq!(script.process(A).peer.standing(), Standing::Seeking);
    script.hear(C, A);
    script.elect(C, &[A, D], all);
    (script, committed)
}

#[test]
fn the_best_log_has_the_highest_synced_term_and_then_the_greatest_length() {
    let (script, committed) = history(Sabotage::None);
    assert!(terms(&script, C).starts_with(&committed));
    assert_eq!(terms(&script, A), terms(&script, C));
    // What only a had is ordered once more, and nothing twice: two entries of a, one of b, and the common one.
    assert_eq!(script.process(A).peer.last(), 4);
    assert!(script.process(A).peer.pending().is_empty());
}

/// Whatever others say of their logs, a proposer fetches none that lacks what it knows to be committed.
#[test]
fn logs_ranked_by_their_length_alone_take_nothing_back_that_is_committed() {
    let (script, committed) = history(Sabotage::RankedByLength);
    assert!(terms(&script, C).starts_with(&committed));
    assert!(script.process(C).peer.committed() >= 2);
}
