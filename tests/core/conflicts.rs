//! Readings of this life whose numbers the log holds with readings of others, and which are on the disk only.

use peer::protocol::{Done, Effects, Event, Input};
use peer::wire::{Lines, Message, Request};

use crate::bench::{frame, range, recalled, request, term, told, view, view_of, Bench, LIFE};

const AWAY: &str = "127.0.0.1:9";

fn own() -> String {
    format!("m/{LIFE}")
}

/// These readings, each of one value.
fn values(first: u64, values: &[u64]) -> Request {
    let text: Vec<String> = values.iter().map(|value| format!("DATA|a|2013-01-01T06:00:00Z|{value}||\n")).collect();
    Request { lines: Lines::new(text.concat().into_bytes(), values.len() as u64), ..request(&own(), first, 1) }
}

/// It ordered 1 2 3 4 5 in a group of its own, left that for another leader, and cut its log. That leader ordered these under
/// the same numbers.
fn contested(theirs: &[u64]) -> Bench {
    let mut peer = Bench::leader();
    peer.step(Input::Readings(values(1, &[1, 2, 3, 4, 5]).lines));
    peer.stored(vec![Done::Appended { last: 5 }]);
    peer.hello(1, "x", 7, AWAY);
    let (leaders, view) = (term("5@x/7"), view_of(view("5@x/7", vec![], 0), AWAY, 5));
    peer.finds(AWAY, view.clone());
    peer.added(1, AWAY, view);
    peer.stored(vec![Done::Cut { to: 0, returned: vec![range(&own(), 1, 5)] }]);
    let theirs = Message::Ordered { term: leaders.clone(), frame: frame(&leaders, 1, values(1, theirs)) };
    assert_eq!(recalled(&peer.said(1, theirs)), [range(&own(), 1, 5)]);
    peer
}

/// The storage brings these. Which numbers are said to be taken by others?
fn forged(peer: &mut Bench, first: u64, own: &[u64]) -> Vec<(u64, u64)> {
    let of = |event: &&Event| match event {
        Event::Forged { first, last, .. } => Some((*first, *last)),
        _ => None,
    };
    let effects: Effects = peer.stored(vec![Done::Recalled(values(first, own))]);
    told(&effects).iter().filter_map(of).collect()
}

#[test]
fn readings_that_a_leader_ordered_as_they_are_keep_their_numbers() {
    let mut peer = contested(&[1, 2, 3, 4, 5]);
    assert_eq!(forged(&mut peer, 1, &[1, 2]), []);
    assert_eq!(forged(&mut peer, 3, &[3, 4, 5]), []);
    assert_eq!(peer.peer.pending(), [range(&own(), 1, 5)]);
}

#[test]
fn readings_are_compared_piece_by_piece_up_to_the_last_as_the_storage_brings_them() {
    let mut peer = contested(&[1, 2, 3, 9, 5]);
    assert_eq!(forged(&mut peer, 1, &[1, 2]), []);
    assert_eq!(forged(&mut peer, 3, &[3, 4]), [(3, 4)]);
    assert_eq!(forged(&mut peer, 5, &[5]), []);
    // Two have new numbers.
    assert_eq!(peer.peer.pending(), [range(&own(), 1, 2), range(&own(), 5, 3)]);
}
