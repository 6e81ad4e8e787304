//! The leader's order: drops what is already ordered, keeps back what would leave a gap, and gives the rest the next
//! sequences. Ranges of readings, never reading by reading.

use std::collections::BTreeMap;

use super::log::Log;
use super::pending::{ORIGINS_UNDER_WAY_MAX, WINDOW_READINGS};
use crate::ids::{Number, Origin, PeerId, Sequence, Term};
use crate::protocol::input::Time;
use crate::ranges::RangeSet;
use crate::wire::batch::{self, READINGS_MAX};
use crate::wire::frame;
use crate::wire::{Frame, Lines, Range, Request};

/// For how many origins of a peer readings may be kept back: as many as it has under way.
const HELD_ORIGINS_MAX: usize = ORIGINS_UNDER_WAY_MAX + 1;

#[derive(Debug, Clone, Default)]
pub(crate) struct Sequencer {
    /// Ordered, not yet framed.
    batch: Vec<Request>,
    /// What would leave a gap.
    held: BTreeMap<Origin, Held>,
}

/// Readings of one origin that are kept back.
#[derive(Debug, Clone, Default)]
struct Held {
    /// The peer that brought the first of them.
    by: Option<PeerId>,
    /// By first number, with the time at which each came. No two overlap.
    pieces: BTreeMap<Number, (Lines, Time)>,
    numbers: RangeSet,
    /// How many numbers that is: to count them takes a look at each piece.
    count: u64,
}

impl Held {
    /// Keeps what is not kept yet. If that is too much, the lowest numbers stay: they are needed first, and their
    /// sender sends the others again.
    fn add(&mut self, first: Number, lines: &Lines, now: Time) {
        for (from, to) in self.numbers.missing(first, first + lines.count() - 1) {
            self.pieces.insert(from, (lines.slice(from - first, to - from + 1), now));
            self.numbers.insert(from, to);
            self.count += to - from + 1;
        }
        while self.count > WINDOW_READINGS {
            let Some((first, (lines, _))) = self.pieces.pop_last() else { return };
            self.forget(first, &lines);
        }
    }

    fn forget(&mut self, first: Number, lines: &Lines) {
        self.numbers.remove(first, first + lines.count() - 1);
        self.count -= lines.count();
    }

    /// When the piece after the first gap came.
    fn since(&self) -> Option<Time> {
        self.pieces.first_key_value().map(|(_, (_, since))| *since)
    }

    fn pop_first(&mut self) -> Option<(Number, Lines)> {
        let (first, (lines, _)) = self.pieces.pop_first()?;
        self.forget(first, &lines);
        Some((first, lines))
    }
}

impl Sequencer {
    /// Whether this request may be kept back, if it leaves a gap. No peer has more origins under way at a time than
    /// this allows.
    pub(crate) fn may_hold(&mut self, log: &Log, request: &Request, by: &PeerId) -> bool {
        let top = log.numbers_of(&request.origin).map_or(0, RangeSet::top);
        if request.first <= top + 1 || self.held.contains_key(&request.origin) {
            return true;
        }
        let count = self.held.values().filter(|held| held.by.as_ref() == Some(by)).count();
        let may = count < HELD_ORIGINS_MAX;
        if may {
            self.held.entry(request.origin.clone()).or_default().by = Some(by.clone());
        }
        may
    }

    /// docs/protocol.md, 4.3: orders what can be ordered of a request; the log knows of it from now on. What the log
    /// has already is dropped, and what would leave a gap is kept back: so each reading appears once and in order,
    /// however often it is sent.
    pub(crate) fn order(&mut self, log: &mut Log, request: &Request, now: Time) {
        let origin = request.origin.clone();
        self.put(log, request, now);
        self.release(log, &origin, now);
    }

    fn put(&mut self, log: &mut Log, request: &Request, now: Time) {
        let range = request.range();
        for (first, last) in log.missing(&range.origin, range.first, range.last()) {
            let lines = request.lines.slice(first - range.first, last - first + 1);
            let top = log.numbers_of(&range.origin).map_or(0, RangeSet::top);
            if first <= top + 1 {
                self.take(log, Request { origin: range.origin.clone(), first, lines });
            } else {
                self.held.entry(range.origin.clone()).or_default().add(first, &lines, now);
            }
        }
    }

    fn take(&mut self, log: &mut Log, request: Request) {
        log.enter(&request.range());
        self.batch.push(request);
    }

    /// Orders what was kept back and no longer leaves a gap: the missing piece came, or was given up.
    fn release(&mut self, log: &mut Log, origin: &Origin, now: Time) {
        let Some(held) = self.held.get_mut(origin) else { return };
        let mut ready = Vec::new();
        let mut top = log.numbers_of(origin).map_or(0, RangeSet::top);
        while held.pieces.first_key_value().is_some_and(|(first, _)| *first <= top + 1) {
            let Some((first, lines)) = held.pop_first() else { break };
            top = top.max(first + lines.count() - 1);
            ready.push(Request { origin: origin.clone(), first, lines });
        }
        if held.pieces.is_empty() {
            self.held.remove(origin);
        }
        for request in ready {
            self.put(log, &request, now);
        }
    }

    /// When the piece came that has waited longest for a gap to be filled.
    pub(crate) fn held_since(&self) -> Option<Time> {
        self.held.values().filter_map(Held::since).min()
    }

    /// Lets all gaps wait from now on: what would fill them may be where this peer could not read it.
    pub(crate) fn wait_on(&mut self, now: Time) {
        for (_, since) in self.held.values_mut().flat_map(|held| held.pieces.values_mut()) {
            *since = now;
        }
    }

    /// docs/protocol.md, 4.3: orders what waited since `before` or longer for a gap to be filled. The missing numbers
    /// are lost: nobody who lives has them, or it would have sent them by now.
    pub(crate) fn give_up_gaps(&mut self, log: &mut Log, before: Time) -> Vec<Range> {
        let origins: Vec<Origin> = self.held.keys().cloned().collect();
        let mut lost = Vec::new();
        for origin in origins {
            while let Some(held) = self.held.get_mut(&origin) {
                // The time of the first piece alone counts: the gap before it may be newer than those after it.
                let overdue = held.since().is_some_and(|since| since <= before);
                let Some((first, lines)) = overdue.then(|| held.pop_first()).flatten() else { break };
                let top = log.numbers_of(&origin).map_or(0, RangeSet::top);
                lost.push(Range { origin: origin.clone(), first: top + 1, count: first - top - 1 });
                self.take(log, Request { origin: origin.clone(), first, lines });
                self.release(log, &origin, before);
            }
        }
        lost
    }

    /// Frames what was ordered since the last call, after `last`. The first frame says where the log begins, if `keep`
    /// does.
    pub(crate) fn frames(&mut self, term: &Term, last: Sequence, keep: Option<Sequence>) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut next = last + 1;
        let mut parts = Parts::new(keep);
        for request in self.batch.drain(..) {
            let mut rest = request;
            loop {
                let (fits, all) = (parts.room(&rest), rest.lines.count());
                if fits >= all {
                    parts.push(rest);
                    break;
                }
                if fits > 0 {
                    let (origin, first) = (rest.origin.clone(), rest.first);
                    parts.push(Request { origin: origin.clone(), first, lines: rest.lines.slice(0, fits) });
                    rest = Request { origin, first: first + fits, lines: rest.lines.slice(fits, all - fits) };
                }
                next = parts.close(term, next, &mut frames);
            }
        }
        parts.close(term, next, &mut frames);
        frames
    }
}

/// The frame being filled.
struct Parts {
    keep: Option<Sequence>,
    requests: Vec<Request>,
    readings: u64,
    bytes: usize,
}

impl Parts {
    fn new(keep: Option<Sequence>) -> Self {
        Self { keep, requests: Vec::new(), readings: 0, bytes: keep.map_or(0, |_| frame::KEEP_BYTES_MAX) }
    }

    /// How many readings of this request still fit.
    fn room(&self, request: &Request) -> u64 {
        let bytes = self.bytes + frame::range_line_bytes(&request.range()) + request.lines.as_bytes().len();
        if bytes > batch::BODY_BYTES_MAX && !self.requests.is_empty() {
            return 0;
        }
        READINGS_MAX - self.readings
    }

    fn push(&mut self, request: Request) {
        self.readings += request.lines.count();
        self.bytes += frame::range_line_bytes(&request.range()) + request.lines.as_bytes().len();
        self.requests.push(request);
    }

    fn close(&mut self, term: &Term, next: Sequence, frames: &mut Vec<Frame>) -> Sequence {
        if self.requests.is_empty() {
            return next;
        }
        frames.push(Frame::build_with(term.clone(), next, &self.requests, self.keep));
        let next = next + self.readings;
        *self = Self::new(None);
        next
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::input::Found;
    use crate::protocol::trial::lines;

    fn origin(name: &str) -> Origin {
        format!("{name}/1").parse().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_kept_back_is_counted_and_no_more_than_a_window(
            steps in prop::collection::vec((1..3 * WINDOW_READINGS, 1..READINGS_MAX, 0..4_u8), 1..60),
        ) {
            let mut held = Held::default();
            for (first, count, takes) in steps {
                held.add(first, &lines(count), Time::ZERO);
                for _ in 0..takes / 3 {
                    held.pop_first();
                }
                let of_pieces: u64 = held.pieces.values().map(|(lines, _)| lines.count()).sum();
                prop_assert_eq!((held.count, held.count), (held.numbers.len(), of_pieces));
                prop_assert!(held.count <= WINDOW_READINGS);
            }
        }
    }

    /// Each origin of a peer that leaves a gap is kept back up to a bound; what continues the log leaves none.
    #[test]
    fn a_peer_has_few_origins_with_gaps() {
        let (mut sequencer, mut log, by) = (Sequencer::default(), Log::new(&Found::default()), "p".parse().unwrap());
        log.enter(&Range { origin: origin("known"), first: 1, count: 4 });
        let request = |name: &str, first| Request { origin: origin(name), first, lines: lines(1) };
        for n in 0..HELD_ORIGINS_MAX {
            assert!(sequencer.may_hold(&log, &request(&format!("o{n}"), 2), &by), "{n}");
        }
        for (name, first, may) in
            [("other", 2, false), ("other", 1, true), ("known", 6, false), ("known", 5, true), ("o3", 9, true)]
        {
            assert_eq!(sequencer.may_hold(&log, &request(name, first), &by), may, "{name} from {first}");
        }
        assert!(sequencer.may_hold(&log, &request("other", 2), &"q".parse().unwrap()), "another peer has its own");
    }

    /// Readings of which each has its number.
    fn numbered(name: &str, first: Number, count: u64) -> Request {
        let text: Vec<String> =
            (first..first + count).map(|number| format!("DATA|a|2013-01-01T06:00:00Z|{number}||\n")).collect();
        Request { origin: origin(name), first, lines: Lines::new(text.concat().into_bytes(), count) }
    }

    /// The numbers of this origin in the order of the frames, each with its own reading.
    fn ordered(frames: &[Frame], name: &str) -> Vec<Number> {
        let of_origin = frames.iter().flat_map(Frame::requests).filter(|request| request.origin == origin(name));
        let mut numbers = Vec::new();
        for request in of_origin {
            for (number, line) in (request.first..).zip(request.lines.iter()) {
                assert!(
                    std::str::from_utf8(line).unwrap().contains(&format!("Z|{number}|")),
                    "{number} is another reading"
                );
                numbers.push(number);
            }
        }
        numbers
    }

    proptest! {
        #[test]
        fn each_reading_is_ordered_once_and_without_a_gap_and_the_rest_when_gaps_are_given_up(
            requests in prop::collection::vec((prop::sample::select(vec!["a", "b"]), 1..60_u64, 1..12_u64), 0..30),
        ) {
            let term: Term = "1@m/1".parse().unwrap();
            let (mut sequencer, mut log) = (Sequencer::default(), Log::new(&Found::default()));
            for (name, first, count) in &requests {
                sequencer.order(&mut log, &numbered(name, *first, *count), Time::from_secs(1));
            }
            let immediately = sequencer.frames(&term, 0, None);
            let last = immediately.last().map_or(0, Frame::last);
            prop_assert!(sequencer.give_up_gaps(&mut log, Time::from_millis(999)).is_empty());
            let lost = sequencer.give_up_gaps(&mut log, Time::from_secs(1));
            let later = sequencer.frames(&term, last, None);
            prop_assert_eq!(sequencer.held_since(), None);
            for name in ["a", "b"] {
                let of_origin = requests.iter().filter(|(of, ..)| *of == name);
                let handed_in: BTreeSet<Number> = of_origin.flat_map(|(_, first, count)| *first..first + count).collect();
                let without_gap = (1..100).take_while(|number| handed_in.contains(number)).collect::<Vec<_>>();
                prop_assert_eq!(ordered(&immediately, name), without_gap.clone());
                let rest: Vec<Number> = handed_in.into_iter().skip(without_gap.len()).collect();
                prop_assert_eq!(ordered(&later, name), rest.clone());
                let gaps: Vec<Number> =
                    lost.iter().filter(|range| range.origin == origin(name)).flat_map(|range| range.first..=range.last()).collect();
                let begin = without_gap.len() as u64 + 1;
                let end = rest.last().map_or(begin, |last| last + 1);
                prop_assert_eq!(gaps, (begin..end).filter(|number| !rest.contains(number)).collect::<Vec<_>>());
            }
            let sequences = immediately.iter().chain(&later).flat_map(|frame| frame.first()..=frame.last());
            prop_assert!(sequences.eq(1..=later.last().map_or(last, Frame::last)));
        }
    }

    #[test]
    fn a_gap_waits_from_the_time_of_its_own_piece_on() {
        let (mut sequencer, mut log) = (Sequencer::default(), Log::new(&Found::default()));
        for (seconds, first, count) in [(1, 6, 2), (2, 3, 2), (3, 1, 2)] {
            sequencer.order(&mut log, &numbered("a", first, count), Time::from_secs(seconds));
        }
        // 5 is missing, and 6 has waited for it since the first second.
        assert_eq!(sequencer.held_since(), Some(Time::from_secs(1)));
        sequencer.wait_on(Time::from_secs(4));
        assert_eq!(sequencer.held_since(), Some(Time::from_secs(4)));
    }

    #[test]
    fn frames_are_bounded_by_readings_and_by_bytes() {
        let (mut sequencer, mut log) = (Sequencer::default(), Log::new(&Found::default()));
        let term: Term = "1@m/1".parse().unwrap();
        // As many origins as readings, all with the longest names and lines.
        let value = "-1.234567890123456789012";
        let line =
            format!("DATA|{}|2013-01-01T06:00:00.12345678901234+00:00|{value}|{value}|{value}\n", "s".repeat(64));
        let origins = 2 * READINGS_MAX;
        for n in 0..origins {
            let request = Request {
                origin: format!("{n:064}/{}", u64::from(u32::MAX)).parse().unwrap(),
                first: 1,
                lines: Lines::new(line.clone().into_bytes(), 1),
            };
            sequencer.order(&mut log, &request, Time::ZERO);
        }
        let frames = sequencer.frames(&term, 0, Some(1));
        assert_eq!(frames.iter().map(Frame::count).sum::<u64>(), origins);
        assert!(frames.len() > 2 && frames.iter().all(|frame| frame.count() <= READINGS_MAX), "{}", frames.len());
        assert_eq!(frames.iter().map(Frame::keep).collect::<Vec<_>>()[..2], [Some(1), None]);
        let mut log = Log::new(&Found::default());
        let lines = Lines::new(line.repeat(3000).into_bytes(), 3000);
        sequencer.order(&mut log, &Request { origin: origin("a"), first: 1, lines }, Time::ZERO);
        let counts: Vec<u64> = sequencer.frames(&term, 0, None).iter().map(Frame::count).collect();
        assert_eq!(counts, [READINGS_MAX, READINGS_MAX, 3000 - 2 * READINGS_MAX]);
    }
}
