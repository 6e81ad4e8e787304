//! What is left of an outbox from one connection to the next.

use peer::ids::Sequence;
use peer::protocol::Serve;
use peer::threads::outbox::Outbox;
use peer::wire::Message;

use crate::bench::{request, term};

fn serve(restart: Option<Sequence>, up_to: Sequence, cuts: u64) -> Serve {
    Serve { term: term("1@a/1"), cuts, restart, up_to }
}

/// The next part: after which sequence, and up to which.
fn next(outbox: &Outbox) -> Option<(Sequence, Sequence)> {
    outbox.next_part().map(|part| (part.after, part.up_to))
}

#[test]
fn a_part_that_was_written_on_the_connection_before_moves_nothing_on_the_next() {
    let mut outbox = Outbox::default();
    outbox.serve(serve(Some(0), 9, 0));
    let part = outbox.take().serving.expect("there is something to serve");
    outbox.on_break();
    outbox.served(&part, Some(9));
    assert_eq!(next(&outbox), None, "nobody said where to begin");
    outbox.renewed();
    outbox.serve(serve(None, 12, 0));
    assert_eq!(next(&outbox), None, "more of what was lost is nothing");
    outbox.serve(serve(Some(2), 12, 0));
    outbox.served(&part, Some(9));
    assert_eq!(next(&outbox), Some((2, 12)), "what the receiver lost comes again");
    assert!(!outbox.is_next(&part));
}

#[test]
fn a_part_that_was_written_in_pieces_goes_on_after_the_last_whole_batch() {
    let mut outbox = Outbox::default();
    outbox.serve(serve(Some(0), 9, 0));
    let first = outbox.take().serving.expect("there is something to serve");
    outbox.served(&first, Some(4));
    assert_eq!(next(&outbox), Some((4, 9)));
    outbox.serve(serve(None, 20, 0));
    let second = outbox.take().serving.expect("there is more");
    // Two threads wrote: the late one moves nothing back.
    outbox.served(&second, Some(15));
    outbox.served(&first, Some(6));
    assert_eq!(next(&outbox), Some((15, 20)));
    outbox.served(&second, Some(20));
    assert!(outbox.is_empty());
}

#[test]
fn a_void_part_ends_its_own_permission_and_no_later_one() {
    let mut outbox = Outbox::default();
    outbox.serve(serve(Some(0), 9, 0));
    let part = outbox.take().serving.expect("there is something to serve");
    // The log was cut, and the core permitted more of the new one before the link found the old part void.
    outbox.serve(serve(None, 12, 1));
    outbox.served(&part, None);
    assert_eq!(next(&outbox), Some((0, 12)));
    let part = outbox.take().serving.expect("there is something to serve");
    outbox.served(&part, None);
    assert_eq!(next(&outbox), None);
    outbox.serve(serve(None, 15, 1));
    assert_eq!(next(&outbox), None, "the receiver says first where to begin");
}

#[test]
fn messages_that_survive_a_break_go_out_on_the_next_connection_in_order() {
    let requested = |first| Message::SequencerRequest { term: term("1@a/1"), request: request("m/1", first, 1) };
    let fetch = Message::Fetch { term: term("1@a/1"), from: 3 };
    let stored = |last| Message::Stored { term: term("1@a/1"), last };
    let leave = Message::Leave { term: None };
    let mut outbox = Outbox::default();
    for message in [requested(1), stored(1), fetch.clone(), leave.clone()] {
        assert!(outbox.put(message));
    }
    outbox.on_break();
    // The core has not heard of the break yet.
    assert!(outbox.put(requested(2)) && outbox.put(stored(2)));
    outbox.renewed();
    assert!(outbox.put(requested(1)));
    let parcel = outbox.take();
    assert_eq!(parcel.messages, [fetch, stored(2), requested(1)]);
    assert_eq!(parcel.last_word, Some(leave));
    assert!(outbox.is_empty());
}
