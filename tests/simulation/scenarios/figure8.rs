//! Entries of an older term that a majority stores only in a later term.

use peer::ids::Term;
use peer::protocol::Alarm;
use peer::simulation::sabotage::Sabotage;
use peer::wire::Message;

use super::script::{all, no_view, Fate, Script, A, ALL, B, C, D, E};

/// Entry 2 of `a`'s first term is stored by `a`, `b` and `c` in its second term, which starts at 3. The better log is
/// `e`'s, with another entry 2. `sabotage` begins with the second term. Returns the log of `c` before it leads, and how
/// far it was committed there.
fn history(sabotage: Sabotage) -> (Script, Vec<(Term, u64)>, u64) {
    let mut script = Script::with_quorum(Some(3));
    script.found(A, &ALL, all);
    script.measure(A, &ALL, all);
    // Entries 2 and 3 are at a and b; another 2 is only at e, which is synced to its own term.
    script.measure(A, &[A, B], all);
    script.measure(A, &[A, B], all);
    script.elect(E, &[C, D], no_view);
    script.measure(E, &[E], all);
    script.ring(A, Alarm::Heartbeat);
    script.run(&[A, B, C], all);
    script.sabotage = sabotage;
    let not_3 = |to, message: &Message| match message {
        Message::Ordered { frame, .. } if to == C && frame.first() == 3 => Fate::Lost,
        _ => Fate::Arrives,
    };
    script.found(A, &[B, C], not_3);
    for (peer, last) in [(A, 3), (B, 3), (C, 2)] {
        assert_eq!(script.process(peer).peer.last(), last);
    }
    let (log, committed) = (script.process(C).peer.runs(), script.process(C).peer.committed());
    // a and b do not come back.
    script.elect(C, &[D, E], all);
    (script, log, committed)
}

#[test]
fn an_entry_below_the_start_of_a_term_is_not_committed_by_a_majority_alone() {
    let (script, log, committed) = history(Sabotage::None);
    assert_eq!((committed, script.process(A).peer.committed()), (1, 1));
    // So c may take the log of e for its own.
    let runs = script.process(C).peer.runs();
    assert_eq!((log.len(), runs[1].1, runs[1].0.leader.as_str()), (1, 2, "e"));
    assert_eq!(runs, script.process(E).peer.runs());
    assert!(script.process(C).peer.committed() >= 2);
}

/// `c` takes entry 2 for committed as soon as it has it, and keeps it, although the log of `e` is the better one.
#[test]
fn a_commit_below_the_start_of_a_term_breaks_promise_4() {
    let (script, _, committed) = history(Sabotage::CommitOneMore);
    let broken = script.broken().expect("a promise is broken");
    assert!(broken.starts_with("promise 4"), "{broken}");
    assert_eq!(committed, 2);
    assert!(script.process(C).peer.committed() >= 2);
}
