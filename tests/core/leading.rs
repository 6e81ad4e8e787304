//! What a new leader counts and commits (docs/protocol.md 4.5, 5.6): nothing below the start of its term, and only the
//! part of its own log that its disk holds.

use peer::ids::{Sequence, Term};
use peer::protocol::{Alarm, Done, Found, Input, Standing};
use peer::wire::{Frame, Message};

use crate::bench::{frame, id, leads, lines, range, request, said_to, seat, term, view, view_of, Bench, LIFE};

/// It holds five readings of an earlier term that no other peer is known to store, and leads `x` and `y`, which have
/// none.
fn leads_two_with_the_longer_log() -> (Bench, Term) {
    let origin = "o/1";
    let found = Found {
        promised: Some(term("1@z/5")),
        synced: Some(term("1@z/5")),
        runs: vec![(term("1@z/5"), 1)],
        last: 5,
        origins: vec![range(origin, 1, 5)],
        uncommitted: (1..=5).map(|number| (number, vec![range(origin, number, 1)])).collect(),
        ..Found::default()
    };
    let mut peer = Bench::with(&found);
    for (connection, name) in [(1, "a"), (2, "b")] {
        peer.hello(connection, name, 5, &format!("127.0.0.1:800{connection}"));
    }
    for _ in 0..20 {
        if peer.peer.standing() == Standing::Proposing {
            break;
        }
        peer.hears_seeker("a", "127.0.0.1:8001");
        peer.hears_seeker("b", "127.0.0.1:8002");
        peer.after(1000).alarm(Alarm::Discovery);
    }
    let proposed = peer.peer.promised().expect("its own term").clone();
    for connection in [1, 2] {
        peer.said(
            connection,
            Message::LogState { term: proposed.clone(), synced: None, runs: vec![], last: 0, limits: None },
        );
    }
    assert_eq!((peer.peer.standing(), peer.peer.members()), (Standing::Leader, vec![id("a"), id("b"), id("m")]));
    (peer, proposed)
}

#[test]
fn nothing_below_the_start_of_a_term_is_committed_by_itself() {
    let (mut peer, term) = leads_two_with_the_longer_log();
    let stored = |last: Sequence| Message::Stored { term: term.clone(), last };
    peer.said(1, Message::Fetch { term: term.clone(), from: 1 });
    for last in 1..5 {
        peer.said(1, stored(last));
        assert_eq!(peer.peer.committed(), 0, "a majority holds {last}, and the term begins after 5");
    }
    let effects = peer.said(1, stored(5));
    assert_eq!(peer.peer.committed(), 5);
    let commit = Message::Commit { term: term.clone(), up_to: 5 };
    assert!(said_to(&effects, "a").contains(&&commit), "{effects:?}");
}

/// A member of `x`'s group was cut to nothing and was sent another log of this one batch; then `x` is gone.
fn leads_after_a_cut(batch: &Frame) -> Bench {
    let mut peer = Bench::leader();
    peer.step(Input::Readings(lines(5)));
    peer.stored(vec![Done::Appended { last: 5 }, Done::Delivered { up_to: 5 }]);
    peer.hello(1, "x", 7, "127.0.0.1:9");
    let shown = view_of(view("5@x/7", vec![(term("1@x/7"), 1)], batch.last()), "127.0.0.1:9", 5);
    peer.finds("127.0.0.1:9", shown.clone());
    peer.answered("127.0.0.1:9", leads("127.0.0.1:9", shown.clone()));
    peer.said(1, Message::Added { view: shown.clone(), incarnation: LIFE });
    peer.stored(vec![Done::Cut { to: 0, returned: vec![range(&format!("m/{LIFE}"), 1, 5)] }]);
    peer.said(1, Message::Ordered { term: term("5@x/7"), frame: batch.clone() });
    let mut shown = view_of(view("5@x/7", vec![(term("1@x/7"), 1)], batch.last()), "127.0.0.1:9", 1);
    shown.change = 2;
    shown.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
    peer.said(1, Message::ViewChange(shown));
    assert_eq!((peer.peer.standing(), peer.peer.last()), (Standing::Member, batch.last()));
    for alarm in [Alarm::LeaderCheck, Alarm::Election, Alarm::Election] {
        if peer.peer.standing() != Standing::Leader {
            peer.after(10_001).alarm(alarm);
        }
    }
    assert_eq!(peer.peer.standing(), Standing::Leader);
    peer
}

#[test]
fn after_a_cut_a_new_leader_counts_itself_once_its_disk_has_the_entry() {
    let batch = frame(&term("1@x/7"), 1, request("x/7", 1, 3));
    let mut peer = leads_after_a_cut(&batch);
    assert_eq!(peer.peer.committed(), 0, "what its disk held was another log");
    peer.stored(vec![Done::Appended { last: 3 }]);
    assert_eq!(peer.peer.committed(), 3);
}
