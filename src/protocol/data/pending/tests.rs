//! What is asked for, ordered and let go of.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::protocol::trial::lines;

fn origin() -> Origin {
    "a/1".parse().unwrap()
}

fn request(first: Number, count: u64) -> Request {
    Request { origin: origin(), first, lines: lines(count) }
}

fn range(first: Number, count: u64) -> Range {
    Range { origin: origin(), first, count }
}

/// Nothing is pending of a peer of another name, and its log is empty.
fn of_another() -> (Pending, Log) {
    let found = Found::default();
    (Pending::new("b/1".parse().unwrap(), &found), Log::new(&found))
}

#[test]
fn what_comes_back_in_pieces_is_asked_for_once() {
    let (mut pending, log) = of_another();
    pending.add(&range(1, 9));
    assert_eq!(pending.next(&log), [Next::Recall(range(1, 9))]);
    for first in [1, 4, 7] {
        pending.on_recalled(request(first, 3));
        assert_eq!(pending.next(&log), [Next::Order(request(first, 3))]);
    }
    pending.restart();
    assert_eq!(pending.next(&log).len(), 3, "all of it is in memory now");
}

#[test]
fn texts_go_once_all_of_them_is_committed() {
    let mut pending = Pending::new(origin(), &Found::default());
    for _ in 0..3 {
        pending.take(request(1, 2).lines);
    }
    let texts = |pending: &Pending| pending.queues[&origin()].lines.keys().copied().collect::<Vec<_>>();
    pending.committed(&range(1, 3));
    assert_eq!((texts(&pending), pending.len(), pending.first_own()), (vec![3, 5], 3, Some(4)));
    pending.committed(&range(4, 1));
    assert_eq!(texts(&pending), [5]);
    pending.committed(&range(5, 2));
    assert!(pending.is_empty() && texts(&pending).is_empty());
    assert_eq!(pending.take(request(1, 1).lines).first, 7);
}

#[test]
fn what_is_committed_while_it_is_read_back_is_not_kept() {
    let (mut pending, log) = of_another();
    pending.add(&range(1, 6));
    assert_eq!(pending.next(&log).len(), 1);
    pending.committed(&range(1, 3));
    pending.on_recalled(request(1, 3));
    assert_eq!(pending.next(&log), []);
    pending.on_recalled(request(4, 3));
    assert_eq!(pending.next(&log), [Next::Order(request(4, 3))]);
}

#[test]
fn the_answer_to_an_earlier_question_does_not_end_a_later_one() {
    let (mut pending, log) = of_another();
    for (first, count) in [(46, 1), (1, 2)] {
        pending.add(&range(first, count));
        assert_eq!(pending.next(&log), [Next::Recall(range(first, count))]);
        // The first is committed before the storage has brought it.
        pending.committed(&range(46, 1));
    }
    pending.on_recalled(request(46, 1));
    assert_eq!(pending.next(&log), [], "the storage is at the second");
    pending.on_recalled(request(1, 2));
    assert_eq!(pending.next(&log), [Next::Order(request(1, 2))]);
}

#[test]
fn readings_of_peers_that_left_are_sent_again_and_those_of_others_are_not() {
    let (mut pending, log) = of_another();
    let other = Request { origin: "c/1".parse().unwrap(), ..request(1, 3) };
    let requests = [request(1, 2), other];
    for request in &requests {
        pending.add(&request.range());
    }
    assert_eq!(pending.next(&log).len(), 2, "they are on disk");
    for request in requests {
        pending.on_recalled(request);
    }
    assert_eq!((pending.next(&log).len(), pending.next(&log)), (2, vec![]));
    pending.restart_of(&["a".parse().unwrap()]);
    assert_eq!(pending.next(&log), [Next::Order(request(1, 2))]);
}

#[test]
fn what_is_pending_with_gaps_is_asked_for_together() {
    let (mut pending, log) = of_another();
    for (first, count) in [(1, 3), (5, 2), (9, READINGS_MAX)] {
        pending.add(&range(first, count));
    }
    let asked = [range(1, 3), range(5, 2), range(9, READINGS_MAX - 5)];
    assert_eq!(pending.next(&log), asked.clone().map(Next::Recall));
    for Range { first, count, .. } in &asked[..2] {
        pending.on_recalled(request(*first, *count));
        assert_eq!(pending.next(&log), [Next::Order(request(*first, *count))], "the rest is on its way");
    }
    pending.on_recalled(request(9, READINGS_MAX - 5));
    let next = pending.next(&log);
    assert_eq!(next[1..], [Next::Recall(range(READINGS_MAX + 4, 5))], "and then what was too much");
}

/// What happens to readings of this life, `a/1`, and of another that are on disk, `x/1`.
#[derive(Debug, Clone)]
enum Step {
    /// Sources hand in this many.
    Take(u64),
    /// The storage has these of the other.
    Add(Number, u64),
    /// What is due goes, or is asked for.
    Next,
    /// The storage brings at most this many of what it was asked for first.
    Bring(u64),
    /// These are committed, as far as they are pending.
    Commit(bool, Number, u64),
    /// The link is new.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..6_u64).prop_map(Step::Take),
        (1..60_u64, 1..9_u64).prop_map(|(first, count)| Step::Add(first, count)),
        Just(Step::Next),
        (1..9_u64).prop_map(Step::Bring),
        (any::<bool>(), 1..60_u64, 1..9_u64).prop_map(|(own, first, count)| Step::Commit(own, first, count)),
        Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..50)
}

/// Readings of an origin, each with its number.
fn numbered(of: &Origin, first: Number, count: u64) -> Request {
    let text: Vec<String> =
        (first..first + count).map(|n| format!("DATA|{}|2013-01-01T06:00:00Z|{n}||\n", of.peer)).collect();
    Request { origin: of.clone(), first, lines: Lines::new(text.concat().into_bytes(), count) }
}

/// Pending readings, and number by number what has to hold.
struct Model {
    pending: Pending,
    log: Log,
    numbers: BTreeMap<Origin, BTreeSet<Number>>,
    /// What was ordered on the present link.
    under_way: BTreeMap<Origin, Vec<Number>>,
    /// What the storage was asked for and has not brought yet, in order.
    asked: VecDeque<Range>,
    known: BTreeSet<Number>,
}

impl Model {
    fn new() -> Self {
        let found = Found::default();
        let (pending, log) = (Pending::new(origin(), &found), Log::new(&found));
        let (numbers, under_way) = (BTreeMap::new(), BTreeMap::new());
        Self { pending, log, numbers, under_way, asked: VecDeque::new(), known: BTreeSet::new() }
    }

    fn has(&self, range: &Range) -> bool {
        self.numbers
            .get(&range.origin)
            .is_some_and(|numbers| (range.first..=range.last()).all(|n| numbers.contains(&n)))
    }

    fn take(&mut self, step: &Step) {
        let other: Origin = "x/1".parse().unwrap();
        match *step {
            Step::Take(count) => {
                let lines = numbered(&origin(), self.pending.taken() + 1, count).lines;
                let request = self.pending.take(lines);
                self.numbers.entry(origin()).or_default().extend(request.first..=request.range().last());
            }
            Step::Add(first, count) => {
                // A number comes from the disk once.
                if (first..first + count).all(|number| self.known.insert(number)) {
                    self.pending.add(&Range { origin: other.clone(), first, count });
                    // What is above it goes again, so that numbers rise.
                    self.under_way.entry(other.clone()).or_default().retain(|number| *number < first);
                    self.numbers.entry(other).or_default().extend(first..first + count);
                }
            }
            Step::Next => self.next(),
            Step::Bring(most) => self.bring(most),
            Step::Commit(own, first, count) => {
                let range = Range { origin: if own { origin() } else { other }, first, count };
                self.pending.committed(&range);
                if let Some(numbers) = self.numbers.get_mut(&range.origin) {
                    numbers.retain(|number| !(first..first + count).contains(number));
                }
            }
            Step::Restart => {
                self.pending.restart();
                self.under_way.clear();
            }
        }
        let of = |numbers: &BTreeSet<Number>| numbers.len() as u64;
        assert_eq!(self.pending.len(), self.numbers.values().map(of).sum::<u64>());
        assert_eq!(self.pending.is_empty(), self.numbers.values().all(BTreeSet::is_empty));
        assert_eq!(self.pending.first_own(), self.numbers.get(&origin()).and_then(|numbers| numbers.first().copied()));
        assert!(self.pending.ranges().iter().all(|range| self.has(range)));
    }

    fn next(&mut self) {
        for next in self.pending.next(&self.log) {
            match next {
                Next::Order(request) => {
                    assert!(self.has(&request.range()), "{request:?} is not pending");
                    let own = numbered(&request.origin, request.first, request.lines.count());
                    assert_eq!(request.lines.as_bytes(), own.lines.as_bytes());
                    let under_way = self.under_way.entry(request.origin.clone()).or_default();
                    assert!(under_way.last() < Some(&request.first), "{request:?} goes again, or out of order");
                    under_way.extend(request.first..=request.range().last());
                }
                Next::Recall(range) => {
                    assert!(self.has(&range) && range.origin != origin(), "{range:?} is not pending, or in memory");
                    let apart = |asked: &Range| asked.last() < range.first || range.last() < asked.first;
                    assert!(self.asked.iter().all(apart), "{range:?} is on its way");
                    self.asked.push_back(range);
                }
            }
        }
    }

    fn bring(&mut self, most: u64) {
        let Some(range) = self.asked.front_mut() else { return };
        let count = range.count.min(most);
        self.pending.on_recalled(numbered(&range.origin, range.first, count));
        (range.first, range.count) = (range.first + count, range.count - count);
        if range.count == 0 {
            self.asked.pop_front();
        }
    }
}

proptest! {
    #[test]
    fn what_is_pending_goes_once_on_each_link_in_order_and_all_of_it(steps in steps()) {
        let mut model = Model::new();
        for step in &steps {
            model.take(step);
        }
        model.take(&Step::Restart);
        model.take(&Step::Next);
        while !model.asked.is_empty() {
            model.take(&Step::Bring(READINGS_MAX));
            model.take(&Step::Next);
        }
        for (origin, numbers) in &model.numbers {
            let under_way = model.under_way.get(origin).cloned().unwrap_or_default();
            prop_assert_eq!(under_way, numbers.iter().copied().collect::<Vec<_>>(), "{}", origin);
        }
    }
}
