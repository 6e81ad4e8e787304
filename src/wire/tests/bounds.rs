//! What is written is read at every bound. What is beyond a bound is refused before it is taken apart: nothing is
//! accepted whose bytes somebody cannot read later.

use proptest::prelude::*;

use super::super::batch::{BODY_BYTES_MAX, HEAD_BYTES_MAX, READINGS_MAX};
use super::super::*;
use crate::ids::{Origin, Term, INCARNATION_MAX, NUMBER_MAX};
use crate::reading;

fn up_to(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![0..=2u64, max - 2..=max, 0..=max]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9]", "[A-Za-z0-9][A-Za-z0-9._-]{63}"]
}

fn origin() -> impl Strategy<Value = Origin> {
    (name(), up_to(INCARNATION_MAX)).prop_map(|(peer, life)| format!("{peer}/{life}").parse().unwrap())
}

fn term() -> impl Strategy<Value = Term> {
    (up_to(NUMBER_MAX), origin()).prop_map(|(counter, life)| format!("{counter}@{life}").parse().unwrap())
}

/// The first of `count` numbers.
fn first(count: u64) -> impl Strategy<Value = u64> {
    let last_first = NUMBER_MAX - (count - 1);
    prop_oneof![1..=2u64, last_first - 2..=last_first, 1..=last_first]
}

fn lines(count: u64, long: bool) -> Lines {
    let (sensor, value) = if long { ("s".repeat(64), "-1.234567890123456789012") } else { ("s".to_owned(), "") };
    let at = if long { "2013-01-01T06:00:00.12345678901234+00:00" } else { "2013-01-01T06:00:00Z" };
    let line = format!("DATA|{sensor}|{at}|{value}|{value}|{value}");
    assert_eq!(reading::check(line.as_bytes()).map(|_| ()), Ok(()));
    Lines::new((line + "\n").repeat(usize::try_from(count).unwrap()).into_bytes(), count)
}

/// A request of at most `max` readings.
fn request(max: u64) -> impl Strategy<Value = Request> {
    let count = prop_oneof![Just(1), Just(max), 1..=max];
    (origin(), count.prop_flat_map(|count| (Just(count), first(count))), any::<bool>())
        .prop_map(|(origin, (count, first), long)| Request { origin, first, lines: lines(count, long) })
}

fn read(message: &Message) -> Result<Option<Message>, WireError> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    let (mut decoder, mut rest) = (Decoder::new(), &bytes[..]);
    loop {
        if let Some(message) = decoder.next_message()? {
            return Ok(Some(message));
        }
        let space = decoder.space();
        let taken = rest.len().min(space.len());
        space[..taken].copy_from_slice(&rest[..taken]);
        decoder.filled(taken);
        rest = &rest[taken..];
        if taken == 0 {
            return Ok(None);
        }
    }
}

fn reread(frame: &Frame) -> Result<Frame, WireError> {
    Frame::parse(frame.bytes().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_request_is_read_as_it_was_written_and_so_is_each_part_of_it(
        term in term(), request in request(READINGS_MAX), cut in any::<prop::sample::Index>(), sequence in first(READINGS_MAX),
    ) {
        let message = Message::SequencerRequest { term: term.clone(), request: request.clone() };
        prop_assert_eq!(read(&message), Ok(Some(message)));
        // The sequencer puts a part of it into one batch and the rest into the next.
        let (all, taken) = (request.lines.count(), cut.index(usize::try_from(request.lines.count()).unwrap()) as u64);
        let rest = Request { first: request.first + taken, lines: request.lines.slice(taken, all - taken), ..request };
        let frame = Frame::build(term, sequence, std::slice::from_ref(&rest));
        prop_assert_eq!(reread(&frame).map(|frame| frame.requests()), Ok(vec![rest]));
    }

    #[test]
    fn a_batch_is_read_as_it_was_written(
        term in term(), parts in prop::collection::vec(request(READINGS_MAX / 4), 1..4), from in first(READINGS_MAX),
    ) {
        let frame = Frame::build(term.clone(), from, &parts);
        let read_again = reread(&frame);
        prop_assert_eq!(read_again.as_ref(), Ok(&frame));
        let read_again = read_again.unwrap();
        prop_assert_eq!((read_again.ranges(), read_again.last()), (frame.ranges(), frame.last()));
        let message = Message::Ordered { term, frame };
        prop_assert_eq!(read(&message), Ok(Some(message)));
    }

    #[test]
    fn numbers_beyond_the_highest_are_refused_with_all_that_ends_there(
        term in term(), origin in origin(), count in 2..=READINGS_MAX, over in any::<prop::sample::Index>(),
    ) {
        // The first number can be read, the last cannot.
        let beyond = NUMBER_MAX - over.index(usize::try_from(count - 1).unwrap()) as u64;
        let request = |first| Request { origin: origin.clone(), first, lines: lines(count, false) };
        let message = Message::SequencerRequest { term: term.clone(), request: request(beyond) };
        prop_assert!(read(&message).is_err());
        prop_assert!(reread(&Frame::build(term.clone(), 1, &[request(beyond)])).is_err());
        prop_assert!(reread(&Frame::build(term, beyond, &[request(1)])).is_err());
    }
}

#[test]
fn the_longest_heads_and_bodies_fit_their_bounds() {
    let name = "z".repeat(64);
    let term: Term = format!("{NUMBER_MAX}@{name}/{INCARNATION_MAX}").parse().unwrap();
    let origin: Origin = format!("{name}/{INCARNATION_MAX}").parse().unwrap();
    let first = NUMBER_MAX - (READINGS_MAX - 1);
    let request = Request { origin, first, lines: lines(READINGS_MAX, true) };
    let frame = Frame::build(term.clone(), first, std::slice::from_ref(&request));
    let head = frame.bytes().iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert!(head <= HEAD_BYTES_MAX && frame.bytes().len() - head <= BODY_BYTES_MAX);
    assert_eq!(reread(&frame), Ok(frame));
    let mut text = Vec::new();
    encode_head(&Message::SequencerRequest { term, request }, &mut text);
    assert!(text.len() <= HEAD_BYTES_MAX, "{}", text.len());
}

/// A block is refused by its length, before anything of it is kept.
#[test]
fn blocks_are_refused_where_nobody_writes_one_as_long() {
    let head = |text: &str, block: usize| {
        let line = text.replace("LENGTH", &block.to_string()) + "\n";
        let mut decoder = Decoder::new();
        decoder.put(line.as_bytes());
        decoder.next_message().map(|message| message.is_none())
    };
    let mib = 1 << 20;
    for (text, most) in [
        ("ORDERED:1@a/1:LENGTH", 512 + 256 * 1024),
        ("BASE:1@a/1:5:LENGTH", 8 * mib),
        ("LOG_STATE:1@a/1:-:5:LENGTH", 8 * mib),
        ("JOIN:-:0:5:LENGTH", 8 * mib),
    ] {
        assert_eq!(head(text, most), Ok(true), "{text} of {most}: the rest comes");
        assert!(head(text, most + 1).is_err(), "{text} of {}", most + 1);
    }
}
