//! A batch that comes after its term was given up.

use peer::protocol::{Alarm, Standing};
use peer::wire::Message;

use super::script::{all, Fate, Script, A, ALL, B, C, D};

/// The `LOG_STATE` did not count the batch, so it must not be stored, and nobody may believe that it is.
#[test]
fn a_batch_of_the_old_term_that_comes_after_a_promise_is_not_taken() {
    let mut script = Script::new();
    script.found(A, &ALL, all);
    let keep_ordered = |to, message: &Message| match message {
        Message::Ordered { .. } if to == C => Fate::Kept,
        _ => Fate::Arrives,
    };
    // The batch is at a and e, and under way to c: two of five have it.
    script.measure(A, &[A, C, 4], keep_ordered);
    let batch = script.kept();
    script.wait(B, Alarm::LeaderCheck, Standing::Proposing);
    let keep_answer = |_, message: &Message| match message {
        Message::LogState { .. } => Fate::Kept,
        _ => Fate::Arrives,
    };
    script.run(&[B, C, D], keep_answer);
    let answers = script.kept();
    assert_eq!(script.process(C).peer.standing(), Standing::Promised);
    script.late(batch, &[A, C]);
    assert_eq!((script.process(C).peer.last(), script.process(A).peer.committed()), (0, 0));
    script.late(answers, &[B, C, D]);
    script.elect(B, &[C, D], all);
    assert_eq!(script.process(B).peer.last(), 0);
}
