//! Which of several logs a new leader takes.

use peer::ids::Term;
use peer::protocol::{Alarm, Standing};

use super::script::{all, Script, A, ALL, B, C, D};

fn terms(script: &Script, of: usize) -> Vec<(Term, u64)> {
    script.process(of).peer.runs()
}

/// What `b` committed stands in a shorter log than what only `a` had, and must stay.
#[test]
fn the_best_log_is_that_of_the_highest_synced_term_and_only_then_the_longest() {
    let mut script = Script::new();
    script.found(A, &ALL, all);
    script.measure(A, &ALL, all);
    // 2 and 3 at a only.
    script.measure(A, &[A], all);
    script.measure(A, &[A], all);
    // Another 2, committed by b, c and d.
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
    assert!(terms(&script, C).starts_with(&committed));
    assert_eq!(terms(&script, A), terms(&script, C));
    // What a had alone is ordered once more, and nothing twice: 2 of a, 1 of b, and what was common.
    assert_eq!(script.process(A).peer.last(), 4);
    assert!(script.process(A).peer.pending().is_empty());
}
