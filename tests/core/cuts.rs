//! Cuts: what happens before the storage has made one, and what may be said about readings that it takes back.

use peer::protocol::{Done, Effect, Effects, Event, Exit, Input, Standing, Store};
use peer::wire::{Message, ViewChange};

use crate::bench::{frame, leads, lines, range, request, said_to, term, told, view, view_of, Bench, LIFE};

/// It yields to the leader of this view, whose group is larger, and is taken in.
fn yields(peer: &mut Bench, view: ViewChange) -> Effects {
    peer.hello(1, "x", 7, "127.0.0.1:9");
    let view = view_of(view, "127.0.0.1:9", 5);
    peer.finds("127.0.0.1:9", view.clone());
    assert_eq!(peer.peer.standing(), Standing::Seeking);
    let joins = peer.answered("127.0.0.1:9", leads("127.0.0.1:9", view.clone()));
    assert!(matches!(joins[..], [Effect::Store(Store::Say { message: Message::Join { .. }, .. })]), "{joins:?}");
    peer.said(1, Message::Added { view, incarnation: LIFE })
}

/// A leader that delivered five readings of its own yields to `x`, whose log begins differently and ends at `last`.
fn yielded(last: u64) -> Bench {
    let mut peer = Bench::leader();
    peer.step(Input::Readings(lines(5)));
    peer.stored(vec![Done::Appended { last: 5 }]);
    peer.stored(vec![Done::Delivered { up_to: 5 }]);
    let runs = if last == 0 { vec![] } else { vec![(term("1@x/7"), 1)] };
    let effects = yields(&mut peer, view("5@x/7", runs, last));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Store(Store::Cut { to: 0, .. }))), "{effects:?}");
    peer
}

fn cut_is_done(peer: &mut Bench) -> Effects {
    let returned = vec![range(&format!("m/{LIFE}"), 1, 5)];
    peer.stored(vec![Done::Delivered { up_to: 5 }, Done::Cut { to: 0, returned }])
}

fn is_delivered(effects: &Effects) -> bool {
    told(effects).iter().any(|event| matches!(event, Event::InputDelivered { .. }))
}

#[test]
fn what_is_being_cut_is_not_said_to_be_delivered() {
    let mut peer = yielded(9);
    assert!(!is_delivered(&peer.step(Input::EndOfInput { readings: 5 })));
    assert!(!is_delivered(&cut_is_done(&mut peer)));
}

#[test]
fn a_report_of_rows_from_before_a_cut_does_not_count_after_it() {
    let mut peer = yielded(0);
    cut_is_done(&mut peer);
    peer.step(Input::EndOfInput { readings: 5 });
    let ordered = frame(&term("5@x/7"), 1, request(&format!("m/{LIFE}"), 1, 5));
    peer.said(1, Message::Ordered { term: term("5@x/7"), frame: ordered });
    peer.said(1, Message::Commit { term: term("5@x/7"), up_to: 5 });
    assert!(!is_delivered(&peer.step(Input::EndOfInput { readings: 0 })));
    assert!(is_delivered(&peer.stored(vec![Done::Delivered { up_to: 5 }])));
}

#[test]
fn an_input_below_a_cut_is_said_to_be_delivered_when_the_cut_is_done() {
    let mut peer = yielded(9);
    peer.stored(vec![Done::Cut { to: 0, returned: vec![] }]);
    assert!(is_delivered(&peer.step(Input::EndOfInput { readings: 0 })));
}

#[test]
fn a_peer_that_stops_during_a_cut_counts_what_it_takes_back() {
    let mut peer = yielded(9);
    peer.step(Input::Stop);
    let effects = peer.after(501).heartbeat();
    assert_eq!(effects.last(), Some(&Effect::Exit(Exit::StoppedWith { uncommitted: 5 })));
}

#[test]
fn a_batch_that_comes_before_the_cut_is_done_is_asked_for_again() {
    let mut peer = yielded(1);
    let first = frame(&term("1@x/7"), 1, request("x/7", 1, 1));
    assert_eq!(peer.said(1, Message::Ordered { term: term("5@x/7"), frame: first }), []);
    let effects = cut_is_done(&mut peer);
    let fetch = Message::Fetch { term: term("5@x/7"), from: 1 };
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Store(Store::Say { message, .. }) if *message == fetch)),
        "{effects:?}"
    );
}

#[test]
fn a_cut_within_a_batch_is_made_at_the_end_of_the_batch_before() {
    let (mut peer, origin) = (Bench::leader(), format!("m/{LIFE}"));
    peer.step(Input::Readings(lines(3)));
    peer.stored(vec![Done::Appended { last: 3 }]);
    peer.step(Input::Readings(lines(4)));
    peer.stored(vec![Done::Appended { last: 7 }]);
    let own = peer.term();
    yields(&mut peer, view("5@x/7", vec![(own, 1), (term("2@x/7"), 6)], 9));
    assert_eq!(peer.peer.last(), 5);
    let effects = peer.stored(vec![Done::Cut { to: 3, returned: vec![range(&origin, 4, 4)] }]);
    assert_eq!((peer.peer.last(), peer.peer.committed()), (3, 3));
    let fetch = Message::Fetch { term: term("5@x/7"), from: 4 };
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Store(Store::Say { message, .. }) if *message == fetch)),
        "{effects:?}"
    );
}

#[test]
fn a_batch_that_comes_before_two_cuts_are_done_is_asked_for_once_both_are() {
    let (mut peer, origin) = (Bench::leader(), format!("m/{LIFE}"));
    for count in [3, 4] {
        peer.step(Input::Readings(lines(count)));
    }
    peer.stored(vec![Done::Appended { last: 7 }]);
    let own = peer.term();
    yields(&mut peer, view("5@x/7", vec![(own, 1), (term("2@x/7"), 6)], 9));
    // That leader goes, and the next one has nothing.
    peer.said(1, Message::Leave { term: Some(term("5@x/7")) });
    let next = view_of(view("6@y/7", vec![], 0), "127.0.0.1:10", 5);
    peer.hello(2, "y", 7, "127.0.0.1:10");
    peer.finds("127.0.0.1:10", next.clone());
    peer.said(2, Message::Added { view: next, incarnation: LIFE });
    // What it sends comes before the cuts are done.
    let first = frame(&term("6@y/7"), 1, request("y/7", 1, 1));
    peer.said(2, Message::Ordered { term: term("6@y/7"), frame: first });
    let mut fetches = |to, returned| {
        let effects = peer.stored(vec![Done::Cut { to, returned: vec![returned] }]);
        let fetch = Message::Fetch { term: term("6@y/7"), from: 1 };
        said_to(&effects, "y").into_iter().filter(|message| **message == fetch).count()
    };
    assert_eq!(fetches(3, range(&origin, 4, 4)), 0);
    assert_eq!(fetches(0, range(&origin, 1, 3)), 1);
}
