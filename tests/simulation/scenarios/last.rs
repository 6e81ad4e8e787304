//! A late view of a term that a peer has left.

use peer::wire::Message;

use super::script::{all, Fate, Script, A, ALL, B, E};

/// A `VIEW_CHANGE` has runs and last as of the term's start, so it does not matter how long it was under way.
#[test]
fn a_late_view_that_installs_its_term_again_cuts_nothing_of_it() {
    let mut script = Script::new();
    script.found(A, &ALL, all);
    script.measure(A, &ALL, all);
    script.reconnect(A, B);
    let keep_view = |to, message: &Message| match message {
        Message::ViewChange(_) if to == B => Fate::Kept,
        _ => Fate::Arrives,
    };
    script.run(&ALL, keep_view);
    let view = script.kept();
    script.measure(A, &ALL, all);
    script.measure(A, &ALL, all);
    assert_eq!(script.process(B).peer.committed(), 3);
    // It hears of a higher term and goes back to seeking, and its promise stays.
    script.tell(E, B, Message::Stale { term: Some("9@e/1".parse().unwrap()), leader: None });
    assert_eq!(script.process(B).peer.installed(), None);
    script.late(view, &ALL);
    let peer = &script.process(B).peer;
    assert!(peer.installed().is_some());
    assert_eq!((peer.last(), peer.committed()), (3, 3));
}
