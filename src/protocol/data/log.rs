//! What the core knows of this peer's log: its terms and its end, whose readings are in it, how far it is stored and
//! committed. The storage has the entries themselves.

use std::collections::VecDeque;

use crate::ids::{Origin, Sequence, Term};
use crate::numbers::Numbers;
use crate::protocol::input::Found;
use crate::ranges::{Gaps, RangeSet};
use crate::wire::{Base, Frame, Range, RunList};

#[derive(Debug, Clone)]
pub(crate) struct Log {
    runs: RunList,
    /// Entries up to here were removed (docs/protocol.md, 10). Their terms and numbers stay.
    base: Sequence,
    last: Sequence,
    /// The highest sequence known to be stored by a majority.
    committed: Sequence,
    /// This peer's storage has reached this.
    stable: Sequence,
    /// Which numbers of which origin are in the log.
    origins: Numbers,
    /// Last sequence and ranges of each batch above `committed`.
    uncommitted: VecDeque<(Sequence, Vec<Range>)>,
    /// Last sequence of each batch above `committed` that says where the log begins, and that sequence.
    keeps: VecDeque<(Sequence, Sequence)>,
    /// How often the log was cut in this process.
    cuts: u64,
    /// Cuts that the storage has not reached, oldest first. Until then `origins` still holds what they remove.
    unfinished: VecDeque<Unfinished>,
}

#[derive(Debug, Clone)]
struct Unfinished {
    to: Sequence,
    /// Committed readings that this cut takes back.
    committed: u64,
    /// It was below the base, and nothing is left.
    all: bool,
}

impl Log {
    pub(crate) fn new(found: &Found) -> Self {
        let mut log = Self {
            runs: found.runs.clone(),
            base: found.base,
            last: found.last,
            committed: found.delivered.min(found.last),
            stable: found.last,
            origins: Numbers::default(),
            uncommitted: found.uncommitted.iter().cloned().collect(),
            keeps: found.keeps.iter().copied().collect(),
            cuts: 0,
            unfinished: VecDeque::new(),
        };
        for range in &found.origins {
            log.enter(range);
        }
        log
    }

    pub(crate) fn runs(&self) -> &RunList {
        &self.runs
    }

    pub(crate) fn base(&self) -> Sequence {
        self.base
    }

    pub(crate) fn last(&self) -> Sequence {
        self.last
    }

    pub(crate) fn committed(&self) -> Sequence {
        self.committed
    }

    pub(crate) fn stable(&self) -> Sequence {
        self.stable
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Whether there is a cut for which the storage has not yet reported what it removed.
    pub(crate) fn is_cutting(&self) -> bool {
        !self.unfinished.is_empty()
    }

    pub(crate) fn last_term(&self) -> Option<&Term> {
        self.runs.last().map(|(term, _)| term)
    }

    /// The last term of the log among those that count.
    pub(crate) fn last_term_of(&self, counts: impl Fn(&&Term) -> bool) -> Option<&Term> {
        self.runs.iter().rev().map(|(term, _)| term).find(counts)
    }

    /// The numbers of an origin that are in the log.
    pub(crate) fn numbers_of(&self, origin: &Origin) -> Option<&RangeSet> {
        self.origins.of(origin)
    }

    /// The parts of `first..=last` of an origin that are not in the log.
    pub(crate) fn missing(&self, origin: &Origin, first: u64, last: u64) -> Gaps {
        self.origins.missing(origin, first, last)
    }

    /// Notes that these readings are in the log, or are about to be framed into it.
    pub(crate) fn enter(&mut self, range: &Range) {
        self.origins.insert(range);
    }

    /// Appends a batch whose ranges were entered.
    pub(crate) fn append(&mut self, frame: &Frame) {
        assert_eq!(frame.first(), self.last + 1, "a batch continues the log");
        if self.last_term() != Some(frame.term()) {
            self.runs.push((frame.term().clone(), frame.first()));
        }
        self.last = frame.last();
        self.uncommitted.push_back((frame.last(), frame.ranges().to_vec()));
        self.keeps.extend(frame.keep().map(|keep| (frame.last(), keep)));
    }

    /// The first sequence that the log keeps, as the batches committed since the last call say.
    pub(crate) fn take_keep(&mut self) -> Option<Sequence> {
        let mut first = None;
        while self.keeps.front().is_some_and(|(last, _)| *last <= self.committed) {
            first = first.max(self.keeps.pop_front().map(|(_, keep)| keep));
        }
        first
    }

    /// The entries up to `base` are removed, or about to be.
    pub(crate) fn remove(&mut self, base: Sequence) {
        debug_assert!(base <= self.committed, "what goes is committed");
        self.base = base;
    }

    /// docs/protocol.md, 10.5: takes the beginning of a longer log, of which this one is a part. All of it is committed.
    pub(crate) fn begin_after(&mut self, base: &Base) {
        assert!(base.last > self.last && self.unfinished.is_empty(), "a log only grows by that");
        self.runs.clone_from(&base.runs);
        (self.base, self.last, self.committed) = (base.last, base.last, base.last);
        self.origins = Numbers::default();
        base.origins.iter().for_each(|range| self.origins.insert(range));
        self.uncommitted.clear();
        self.keeps.clear();
    }

    /// Readings that were committed, are being cut, and are not pending yet.
    pub(crate) fn taken_back(&self) -> u64 {
        self.unfinished.iter().map(|cut| cut.committed).sum()
    }

    /// Cuts the log to `to`, at or below `last`, and at the base or above; or to nothing. If no batch ends there, the
    /// storage cuts more, and says so.
    pub(crate) fn cut(&mut self, to: Sequence) {
        assert!(to <= self.last && (to == 0 || to >= self.base), "a cut shortens");
        let (committed, all) = (self.committed.saturating_sub(to.max(self.base)), to < self.base);
        self.base = self.base.min(to);
        self.shorten(to);
        self.cuts += 1;
        self.unfinished.push_back(Unfinished { to, committed, all });
    }

    fn shorten(&mut self, to: Sequence) {
        self.last = to;
        self.committed = self.committed.min(to);
        self.stable = self.stable.min(to);
        while self.runs.last().is_some_and(|(_, first)| *first > to) {
            self.runs.pop();
        }
        while self.uncommitted.back().is_some_and(|(last, _)| *last > to) {
            self.uncommitted.pop_back();
        }
        while self.keeps.back().is_some_and(|(last, _)| *last > to) {
            self.keeps.pop_back();
        }
    }

    /// The storage has made the oldest unfinished cut, and says what was above it. Returns whether it had to cut more.
    pub(crate) fn cut_done(&mut self, to: Sequence, returned: &[Range]) -> bool {
        let Unfinished { to: asked, all, .. } =
            self.unfinished.pop_front().expect("the storage makes no cut of its own");
        assert!(to <= asked, "the storage works in order");
        let more = to < self.last;
        if more {
            self.shorten(to);
        }
        if all {
            self.origins = Numbers::default();
        }
        for range in returned {
            self.origins.remove(range);
        }
        more
    }

    /// The storage has reached this sequence (of the log as it was when it worked).
    pub(crate) fn appended(&mut self, last: Sequence) {
        self.stable = self.unfinished.iter().map(|cut| cut.to.min(last)).min().unwrap_or(last).min(self.last);
    }

    /// docs/protocol.md, 4.6: commits up to `up_to`, as far as the log goes, by whole batches. Returns what that
    /// committed, `None` for nothing.
    pub(crate) fn commit(&mut self, up_to: Sequence) -> Option<Vec<Range>> {
        let mut ranges = Vec::new();
        let before = self.committed;
        while self.uncommitted.front().is_some_and(|(last, _)| *last <= up_to) {
            let (last, of_batch) = self.uncommitted.pop_front().expect("looked at");
            ranges.extend(of_batch);
            self.committed = last;
        }
        (self.committed > before).then_some(ranges)
    }
}

#[cfg(test)]
mod tests;
