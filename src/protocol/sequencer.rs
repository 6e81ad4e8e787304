//! The leader's order: drops what is already ordered, keeps back what would leave a gap, and gives the rest the next
//! sequences. Ranges of readings, never reading by reading.

use std::collections::BTreeMap;

use super::input::Time;
use super::log::Log;
use super::pending::WINDOW_READINGS;
use crate::ids::{Number, Origin, Sequence, Term};
use crate::wire::batch::{self, READINGS_MAX};
use crate::wire::{Frame, Lines, Range, Request};

#[derive(Debug, Default)]
pub(super) struct Sequencer {
    /// Ordered, not yet framed.
    batch: Vec<Request>,
    /// What would leave a gap: by origin and first number, with the time of its coming.
    held: BTreeMap<Origin, BTreeMap<Number, (Lines, Time)>>,
}

impl Sequencer {
    /// Orders what can be ordered of a request; the log knows of it at once.
    pub(super) fn order(&mut self, log: &mut Log, request: &Request, now: Time) {
        let origin = request.origin.clone();
        self.put(log, request, now);
        self.release(log, &origin);
    }

    fn put(&mut self, log: &mut Log, request: &Request, now: Time) {
        let range = request.range();
        for (first, last) in log.missing(&range.origin, range.first, range.last()) {
            let lines = request.lines.slice(first - range.first, last - first + 1);
            let top = log.numbers_of(&range.origin).map_or(0, super::ranges::RangeSet::top);
            if first <= top + 1 {
                self.take(log, Request { origin: range.origin.clone(), first, lines });
            } else {
                self.hold(&range.origin, first, lines, now);
            }
        }
    }

    fn take(&mut self, log: &mut Log, request: Request) {
        log.enter(&request.range());
        self.batch.push(request);
    }

    fn hold(&mut self, origin: &Origin, first: Number, lines: Lines, now: Time) {
        let held = self.held.entry(origin.clone()).or_default();
        let readings: u64 = held.values().map(|(lines, _)| lines.count()).sum();
        if readings < WINDOW_READINGS {
            held.entry(first).or_insert((lines, now));
        }
    }

    /// Orders what was kept back and leaves no gap any more.
    fn release(&mut self, log: &mut Log, origin: &Origin) {
        while let Some((first, (lines, since))) = self.held.get_mut(origin).and_then(BTreeMap::pop_first) {
            let top = log.numbers_of(origin).map_or(0, super::ranges::RangeSet::top);
            if first > top + 1 {
                self.held.entry(origin.clone()).or_default().insert(first, (lines, since));
                return;
            }
            self.put(log, &Request { origin: origin.clone(), first, lines }, since);
        }
        self.held.remove(origin);
    }

    /// When the oldest of what is kept back came.
    pub(super) fn held_since(&self) -> Option<Time> {
        self.held.values().flat_map(BTreeMap::values).map(|(_, since)| *since).min()
    }

    /// Orders what waited since `before` or longer for a gap to be filled: the missing numbers are lost.
    pub(super) fn give_up_gaps(&mut self, log: &mut Log, before: Time) -> Vec<Range> {
        let overdue = |held: &BTreeMap<Number, (Lines, Time)>| held.values().any(|(_, since)| *since <= before);
        let origins: Vec<Origin> =
            self.held.iter().filter(|(_, held)| overdue(held)).map(|(origin, _)| origin.clone()).collect();
        let mut lost = Vec::new();
        for origin in origins {
            let Some((first, (lines, _))) = self.held.get_mut(&origin).and_then(BTreeMap::pop_first) else { continue };
            let top = log.numbers_of(&origin).map_or(0, super::ranges::RangeSet::top);
            lost.push(Range { origin: origin.clone(), first: top + 1, count: first - top - 1 });
            self.take(log, Request { origin: origin.clone(), first, lines });
            self.release(log, &origin);
        }
        lost
    }

    /// Frames what was ordered since the last call, behind `last`.
    pub(super) fn frames(&mut self, term: &Term, last: Sequence) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut next = last + 1;
        let mut parts = Parts::default();
        for request in std::mem::take(&mut self.batch) {
            let mut rest = request;
            while rest.lines.count() > 0 {
                let fits = parts.room(&rest);
                if fits == 0 {
                    next = parts.close(term, next, &mut frames);
                    continue;
                }
                let (count, all) = (fits.min(rest.lines.count()), rest.lines.count());
                let (origin, first) = (rest.origin.clone(), rest.first);
                parts.push(Request { origin: origin.clone(), first, lines: rest.lines.slice(0, count) });
                rest = Request { origin, first: first + count, lines: rest.lines.slice(count, all - count) };
            }
        }
        parts.close(term, next, &mut frames);
        frames
    }
}

/// The frame being filled.
#[derive(Default)]
struct Parts {
    requests: Vec<Request>,
    readings: u64,
    bytes: usize,
}

impl Parts {
    /// How many readings of this request still fit.
    fn room(&self, request: &Request) -> u64 {
        let bytes = self.bytes + batch::range_line_bytes(&request.range()) + request.lines.as_bytes().len();
        if bytes > batch::BODY_BYTES_MAX && !self.requests.is_empty() {
            return 0;
        }
        READINGS_MAX - self.readings
    }

    fn push(&mut self, request: Request) {
        self.readings += request.lines.count();
        self.bytes += batch::range_line_bytes(&request.range()) + request.lines.as_bytes().len();
        self.requests.push(request);
    }

    fn close(&mut self, term: &Term, next: Sequence, frames: &mut Vec<Frame>) -> Sequence {
        if self.requests.is_empty() {
            return next;
        }
        frames.push(Frame::build(term.clone(), next, &self.requests));
        let next = next + self.readings;
        *self = Self::default();
        next
    }
}
