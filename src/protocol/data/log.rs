//! What the core knows of this peer's log: its terms and its end, whose readings are in it, how far it is stored and
//! committed. The storage has the entries themselves.

use std::collections::VecDeque;

use crate::ids::{Origin, Sequence, Term};
use crate::numbers::Numbers;
use crate::protocol::input::Found;
use crate::ranges::RangeSet;
use crate::wire::{Frame, Range, RunList};

#[derive(Debug)]
pub(crate) struct Log {
    runs: RunList,
    last: Sequence,
    /// The highest sequence known to be stored by a majority.
    committed: Sequence,
    /// This peer's storage has reached this.
    stable: Sequence,
    /// Which numbers of which origin are in the log.
    origins: Numbers,
    /// Last sequence and ranges of each batch above `committed`.
    uncommitted: VecDeque<(Sequence, Vec<Range>)>,
    /// How often the log was cut in this process.
    cuts: u64,
    /// Cuts that the storage has not reached, oldest first. Until then `origins` still holds what they remove.
    unfinished: VecDeque<Unfinished>,
}

#[derive(Debug)]
struct Unfinished {
    to: Sequence,
    /// Committed readings that this cut takes back.
    committed: u64,
}

impl Log {
    pub(crate) fn new(found: &Found) -> Self {
        let mut log = Self {
            runs: found.runs.clone(),
            last: found.last,
            committed: found.delivered.min(found.last),
            stable: found.last,
            origins: Numbers::default(),
            uncommitted: found.uncommitted.iter().cloned().collect(),
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

    /// Is there a cut for which the storage has not yet reported what it removed?
    pub(crate) fn is_cutting(&self) -> bool {
        !self.unfinished.is_empty()
    }

    pub(crate) fn last_term(&self) -> Option<&Term> {
        self.runs.last().map(|(term, _)| term)
    }

    /// The numbers of an origin that are in the log.
    pub(crate) fn numbers_of(&self, origin: &Origin) -> Option<&RangeSet> {
        self.origins.of(origin)
    }

    /// The parts of `first..=last` of an origin that are not in the log.
    pub(crate) fn missing(&self, origin: &Origin, first: u64, last: u64) -> Vec<(u64, u64)> {
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
    }

    /// Readings that were committed, are being cut, and are not pending yet.
    pub(crate) fn taken_back(&self) -> u64 {
        self.unfinished.iter().map(|cut| cut.committed).sum()
    }

    /// Cuts the log to `to`, at or below `last`. If no batch ends there, the storage cuts more, and says so.
    pub(crate) fn cut(&mut self, to: Sequence) {
        assert!(to <= self.last, "a cut shortens");
        let committed = self.committed.saturating_sub(to);
        self.shorten(to);
        self.cuts += 1;
        self.unfinished.push_back(Unfinished { to, committed });
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
    }

    /// The storage has made the oldest unfinished cut, and says what was above it. Did it have to cut more?
    pub(crate) fn cut_done(&mut self, to: Sequence, returned: &[Range]) -> bool {
        let asked = self.unfinished.pop_front().expect("the storage makes no cut of its own").to;
        assert!(to <= asked, "the storage works in order");
        let more = to < self.last;
        if more {
            self.shorten(to);
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
