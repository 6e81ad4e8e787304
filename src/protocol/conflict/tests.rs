//! What a member does where the log holds something else under its own numbers. Its life is `m/1`, its leader `z`.

use super::super::input::Time;
use super::super::trial::{lines, term, Trial};
use super::super::{Done, Effect, Effects, Input};
use super::*;
use crate::ids::Origin;
use crate::wire::{Message, Range};

fn own() -> Origin {
    "m/1".parse().unwrap()
}

/// Readings of one digit each.
fn values(digits: &str) -> Lines {
    let text: Vec<String> = digits.chars().map(|digit| format!("DATA|s|2013-01-01T06:00:00Z|{digit}||\n")).collect();
    Lines::new(text.concat().into_bytes(), digits.len() as u64)
}

/// The first and the last number of readings, and the first one and how many there are.
type Told = Vec<(Number, Number)>;
type Left = Vec<(Number, u64)>;

/// Its leader ordered these under its numbers from `first` on. What is told, and what is pending after that?
fn orders(trial: &mut Trial, first: Number, digits: &str) -> (Told, Left) {
    let request = Request { origin: own(), first, lines: values(digits) };
    let frame = Frame::build(term("3@z/1"), trial.peer.last() + 1, &[request]);
    let effects = trial.gets("z", Message::Ordered { term: term("3@z/1"), frame });
    (forged(&effects), pending(trial))
}

fn forged(effects: &Effects) -> Told {
    let of = |effect: &Effect| match effect {
        Effect::Tell(Event::Forged { origin, first, last }) if *origin == own() => Some((*first, *last)),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn pending(trial: &Trial) -> Left {
    trial.peer.pending().iter().map(|range| (range.first, range.count)).collect()
}

/// A member that took in these.
fn took(digits: &str) -> Trial {
    let mut trial = Trial::member(&["x"]);
    trial.step(Input::Readings(values(digits)));
    trial
}

#[test]
fn what_was_ordered_as_it_was_taken_in_is_no_conflict() {
    let mut trial = took("12345");
    assert_eq!(orders(&mut trial, 1, "123"), (vec![], vec![(1, 5)]), "it waits to be committed");
    assert_eq!(trial.peer.taken(), 5);
}

#[test]
fn readings_whose_numbers_hold_others_get_new_ones() {
    let mut trial = took("12345");
    assert_eq!(orders(&mut trial, 1, "129"), (vec![(1, 3)], vec![(4, 5)]));
    assert_eq!(trial.peer.taken(), 8);
    // What was taken in by itself is compared by itself.
    let mut trial = took("12");
    trial.step(Input::Readings(values("345")));
    assert_eq!(orders(&mut trial, 1, "1294"), (vec![(3, 4)], vec![(1, 2), (5, 3)]));
    assert_eq!(trial.peer.taken(), 7);
}

#[test]
fn new_numbers_are_kept_on_disk_by_a_peer_that_resumes() {
    for resume in [true, false] {
        let mut trial = took("123");
        trial.peer.settings.resume = resume;
        let request = Request { origin: own(), first: 1, lines: values("999") };
        let frame = Frame::build(term("3@z/1"), 1, &[request]);
        let effects = trial.gets("z", Message::Ordered { term: term("3@z/1"), frame });
        let again = Request { origin: own(), first: 4, lines: values("123") };
        assert_eq!(effects.contains(&Effect::Store(Store::Keep(again))), resume, "{effects:?}");
    }
}

#[test]
fn numbers_that_were_never_taken_in_are_told_of_and_passed_over() {
    for (first, digits, told, taken) in
        [(1, "123", (3, 3), 3), (1, "1234", (3, 4), 4), (3, "34", (3, 4), 4), (9, "9", (9, 9), 9)]
    {
        let mut trial = took("12");
        assert_eq!(orders(&mut trial, first, digits).0, [told], "{digits} from {first}");
        assert_eq!(trial.peer.taken(), taken);
    }
    // No honest leader orders what is so far ahead.
    for (last, taken) in [(2 + GAP_MAX, 2 + GAP_MAX), (3 + GAP_MAX, 2)] {
        let mut trial = took("12");
        assert_eq!(orders(&mut trial, last, "9").0, [(last, last)]);
        assert_eq!(trial.peer.taken(), taken);
    }
}

#[test]
fn readings_of_others_are_no_conflict() {
    let mut trial = took("12");
    let others = ["m/2", "x/1"].map(|text| Request { origin: text.parse().unwrap(), first: 1, lines: lines(2) });
    let frame = Frame::build(term("3@z/1"), 1, &others);
    let effects = trial.gets("z", Message::Ordered { term: term("3@z/1"), frame });
    assert_eq!((forged(&effects), pending(&trial)), (vec![], vec![(1, 2)]));
}

#[test]
fn readings_of_a_later_life_show_once_that_the_clock_went_back() {
    let told = |trial: &mut Trial, origins: &[&str]| {
        let requests: Vec<Request> = origins
            .iter()
            .map(|text| Request { origin: text.parse().unwrap(), first: 1 + trial.peer.last(), lines: lines(1) })
            .collect();
        let mut effects = Effects::new();
        let frame = Frame::build(term("3@z/1"), trial.peer.last() + 1, &requests);
        trial.peer.compare_lives(&frame, &mut Turn { now: Time::from_secs(1), out: &mut effects });
        effects
    };
    let behind = |by| vec![Effect::Tell(Event::ClockBehind { by: Duration::from_nanos(by) })];
    let mut trial = took("12");
    assert_eq!(told(&mut trial, &["m/1", "x/9"]), []);
    assert_eq!(told(&mut trial, &["m/4", "m/6", "m/1"]), behind(5));
    assert_eq!(told(&mut trial, &["m/9"]), []);
}

/// It cut readings of its own from its log: they are on disk, and its leader ordered these under their numbers.
fn contested(first: Number, theirs: &str) -> Trial {
    let mut trial = took("12");
    trial.peer.pending.skip_to(9);
    trial.peer.pending.add(&Range { origin: own(), first: 3, count: 7 });
    assert_eq!(orders(&mut trial, first, theirs).0, []);
    assert_eq!(trial.peer.pending.contested.len(), 1);
    trial
}

/// The storage brings these.
fn brings(trial: &mut Trial, first: Number, digits: &str) -> Told {
    forged(&trial.step(Input::Stored(vec![Done::Recalled(Request { origin: own(), first, lines: values(digits) })])))
}

#[test]
fn what_the_disk_holds_is_compared_as_it_comes() {
    let mut trial = contested(4, "456");
    assert_eq!(brings(&mut trial, 4, "456"), []);
    assert_eq!((trial.peer.pending.contested.len(), trial.peer.taken()), (0, 9));
    for (theirs, conflict) in [("956", (4, 6)), ("459", (4, 6))] {
        let mut trial = contested(4, theirs);
        assert_eq!(brings(&mut trial, 4, "456"), [conflict]);
        assert_eq!(trial.peer.taken(), 12);
    }
}

#[test]
fn more_or_less_than_what_is_contested_is_compared_where_both_have_it() {
    let mut trial = contested(4, "456");
    assert_eq!(brings(&mut trial, 3, "34567"), []);
    assert_eq!(trial.peer.pending.contested.len(), 0);
    let mut trial = contested(4, "496");
    assert_eq!(brings(&mut trial, 3, "34"), []);
    assert_eq!(brings(&mut trial, 5, "5"), [(5, 5)]);
    assert_eq!(brings(&mut trial, 6, "67"), []);
    assert_eq!((trial.peer.pending.contested.len(), trial.peer.taken()), (0, 10));
    // What comes before it or after it was asked for something else.
    let mut trial = contested(4, "999");
    assert_eq!((brings(&mut trial, 3, "3"), brings(&mut trial, 7, "7")), (vec![], vec![]));
    assert_eq!(trial.peer.pending.contested.len(), 1);
}

/// Readings of which some are committed lie between those that are pending, some in memory and some on disk.
#[test]
fn only_what_is_pending_is_compared_piece_by_piece() {
    let mut trial = took("123");
    trial.step(Input::Readings(values("456789")));
    let committed = Range { origin: own(), first: 3, count: 2 };
    trial.peer.pending.committed(&committed);
    let request = |first, digits| Request { origin: own(), first, lines: values(digits) };
    let pieces = trial.peer.pending.pieces(&request(1, "987654321"));
    let expected = [(1, values("98"), Some(values("12"))), (5, values("54321"), Some(values("56789")))];
    assert_eq!(pieces, expected);
    assert_eq!(trial.peer.pending.pieces(&request(2, "123")), [(2, values("1"), Some(values("2")))]);
    assert_eq!(trial.peer.pending.pieces(&request(3, "12")), []);
    trial.peer.pending.skip_to(12);
    trial.peer.pending.add(&Range { origin: own(), first: 10, count: 2 });
    let on_disk = [(9, values("1"), Some(values("9"))), (10, values("23"), None)];
    assert_eq!(trial.peer.pending.pieces(&request(9, "1234")), on_disk);
}

#[test]
fn what_is_brought_of_another_life_is_not_compared() {
    let mut trial = contested(4, "999");
    for origin in ["m/2", "x/1"] {
        let request = Request { origin: origin.parse().unwrap(), first: 4, lines: values("456") };
        trial.peer.compare_recalled(&request, &mut Turn { now: Time::from_secs(1), out: &mut Effects::new() });
    }
    assert_eq!((trial.peer.pending.contested.len(), trial.peer.taken()), (1, 9));
}
