//! What a cut lowers, and what it does not.

use peer::ids::Term;
use peer::protocol::{Alarm, Standing};
use peer::simulation::sabotage::Sabotage;
use peer::wire::Message;

use super::script::{all, no_view, Fate, Script, A, ALL, B, C, D, E};

/// `b` was synced to its own term with a log of 4, joins `c`, cuts to the committed 2, is killed before it fetches, and starts
/// again. Now `d` and `e`, which lack entry 2, seek as it does. Returns the log as it was committed.
fn history(sabotage: Sabotage) -> (Script, Vec<(Term, u64)>) {
    let mut script = Script::with_quorum(Some(3));
    script.sabotage = sabotage;
    script.found(A, &ALL, all);
    script.measure(A, &ALL, all);
    // Entry 2 is only at a, and another 2 only at e, which is synced to its own term.
    script.measure(A, &[A], all);
    script.elect(E, &[C, D], no_view);
    script.measure(E, &[E], all);
    // a hears of that term from c, and makes a new one: a, b and c commit the first 2.
    script.ring(A, Alarm::Heartbeat);
    script.run(&[A, B, C], all);
    script.found(A, &[B, C], all);
    assert_eq!((script.process(A).peer.committed(), script.process(C).peer.committed()), (2, 2));
    let committed = script.process(C).peer.runs();
    // Entries 3 and 4 are at a and b; a does not come back. b leads from 4 on, and nobody else knows that.
    script.measure(A, &[A, B], all);
    script.measure(A, &[A, B], all);
    script.elect(B, &[C, D], no_view);
    assert_eq!(script.process(B).peer.needs(), 4);
    // Nobody knows that c leads either. Another 3 is only at c, and then c leads once more, from 3 on.
    script.elect(C, &[D, E], no_view);
    script.measure(C, &[C], all);
    for leader in [B, C] {
        script.wait(leader, Alarm::Heartbeat, Standing::Seeking);
        script.run(&[], all);
    }
    script.found(C, &[D, E], no_view);
    assert_eq!(script.process(C).peer.last(), 3);
    script.hear(C, B);
    let no_fetch =
        |_, message: &Message| if matches!(message, Message::Fetch { .. }) { Fate::Lost } else { Fate::Arrives };
    script.run(&[B, C], no_fetch);
    assert_eq!((script.process(B).peer.standing(), script.process(B).peer.last()), (Standing::Learner, 2));
    script.restart(B);
    (script, committed)
}

#[test]
fn a_cut_lowers_what_synced_needs_and_leaves_synced_as_it_is() {
    let (mut script, committed) = history(Sabotage::None);
    script.found(B, &[D, E], all);
    for peer in [B, D, E] {
        assert!(script.process(peer).peer.runs().starts_with(&committed));
        assert!(script.process(peer).peer.committed() >= 2);
    }
}

/// Then the cut looks like damage, and `synced` falls back: the log of `e` would be the better one, and `b`, the only
/// one of the three that holds entry 2, does not count for their quorum.
#[test]
fn a_cut_that_does_not_lower_what_synced_needs_breaks_promise_6() {
    let (mut script, _) = history(Sabotage::NeedsNotLowered);
    let broken = script.broken().expect("a promise is broken");
    assert!(broken.starts_with("promise 6"), "{broken}");
    let (b, e) = (script.process(B).peer.synced().cloned(), script.process(E).peer.synced().cloned());
    assert!(b < e, "{b:?} {e:?}");
    for _ in 0..10 {
        script.hear(B, D);
        script.hear(B, E);
        script.ring(B, Alarm::Discovery);
    }
    assert_eq!(script.process(B).peer.standing(), Standing::Seeking);
}
