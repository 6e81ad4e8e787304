//! The most recent batches of the log, in memory: what nearly every follower wants, and what the journal does not hold
//! yet. Further back, the journal is read.

use std::collections::VecDeque;

use crate::ids::Sequence;
use crate::wire::Frame;

/// How much is kept that the journal holds already, in bytes. That is some tens of batches: a peer that is a moment
/// late costs no disk access. It is little beside what the process needs anyway.
pub const TAIL_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The end of the log. The thread that decides on the log tells the tail first, and only then the storage. So what was
/// read from the journal is right if `cuts` here is the same afterwards.
#[derive(Debug, Clone)]
pub struct Tail {
    frames: VecDeque<Frame>,
    /// Bytes of `frames`.
    bytes: usize,
    last: Sequence,
    /// The journal holds the present log up to here.
    journaled: Sequence,
    cuts: u64,
}

/// What the tail knows of what follows a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailRead {
    /// Batches, the first of them the one that holds the first sequence asked for.
    Frames(Vec<Frame>),
    /// It is no longer in memory. The journal holds it and what follows, up to this batch end.
    Older { up_to: Sequence },
    /// The log does not reach that far.
    Nothing,
    /// The log was not cut as often as the asker thinks.
    Cut,
}

impl Tail {
    /// The tail of a log that the journal holds up to `last`.
    #[must_use]
    pub fn new(last: Sequence) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, last, journaled: last, cuts: 0 }
    }

    /// How often the log was cut in this process.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// The sequence of the last entry.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.last
    }

    /// Takes a batch that continues the log.
    pub fn push(&mut self, frame: Frame) {
        assert_eq!(frame.first(), self.last + 1, "a batch continues the log");
        self.last = frame.last();
        self.bytes += frame.bytes().len();
        self.frames.push_back(frame);
        self.evict();
    }

    /// Notes that the journal was cut `cuts` times and holds everything up to `last`. Until it was cut as often as the
    /// log, it may hold something else.
    pub fn journaled(&mut self, last: Sequence, cuts: u64) {
        if cuts == self.cuts {
            self.journaled = self.journaled.max(last.min(self.last));
            self.evict();
        }
    }

    /// Cuts the log to `to`. If that is within a batch, the storage cuts before the batch, and says so before anything
    /// is appended: see [`Self::shorten`].
    pub fn cut(&mut self, to: Sequence) {
        self.shorten(to);
        self.cuts += 1;
    }

    /// The log begins after this, and has nothing yet.
    pub fn begin_after(&mut self, base: Sequence) {
        self.frames.clear();
        (self.bytes, self.last, self.journaled) = (0, base, base);
    }

    /// The log ends at `to` or below.
    pub fn shorten(&mut self, to: Sequence) {
        self.last = self.last.min(to);
        while self.frames.back().is_some_and(|frame| frame.last() > self.last) {
            let frame = self.frames.pop_back().expect("looked at");
            self.last = self.last.min(frame.first() - 1);
            self.bytes -= frame.bytes().len();
        }
        self.journaled = self.journaled.min(self.last);
    }

    /// What follows `after`, up to `max_bytes` or a single larger batch, of a log that was cut `cuts` times.
    #[must_use]
    pub fn after(&self, after: Sequence, cuts: u64, max_bytes: usize) -> TailRead {
        if cuts != self.cuts {
            return TailRead::Cut;
        }
        if after >= self.last {
            return TailRead::Nothing;
        }
        let floor = self.frames.front().map_or(self.last, |frame| frame.first() - 1);
        if after < floor {
            return TailRead::Older { up_to: floor };
        }
        let from = self.frames.partition_point(|frame| frame.last() <= after);
        let mut bytes = 0;
        let fits = |frame: &&Frame| {
            let first = bytes == 0;
            bytes += frame.bytes().len();
            first || bytes <= max_bytes
        };
        TailRead::Frames(self.frames.range(from..).take_while(fits).cloned().collect())
    }

    fn evict(&mut self) {
        while self.bytes > TAIL_BYTES_MAX && self.frames.front().is_some_and(|frame| frame.last() <= self.journaled) {
            let frame = self.frames.pop_front().expect("looked at");
            self.bytes -= frame.bytes().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::support::frame;

    /// Batches of 1000 readings, some 45 KB each.
    fn batches(from: u64, to: u64) -> impl Iterator<Item = Frame> {
        (from..to).map(|batch| frame(1, batch * 1000 + 1, "some-origin-of-readings/1", batch * 1000 + 1, 1000))
    }

    #[test]
    fn what_the_journal_holds_is_kept_up_to_a_limit_and_what_it_does_not_always() {
        let mut tail = Tail::new(0);
        batches(0, 300).for_each(|batch| tail.push(batch));
        assert!(tail.bytes > TAIL_BYTES_MAX && tail.frames.len() == 300);
        tail.journaled(50_000, 0);
        assert_eq!(tail.frames.len(), 250);
        assert_eq!(tail.after(7, 0, 1), TailRead::Older { up_to: 50_000 });
        tail.journaled(300_000, 0);
        assert!(tail.bytes <= TAIL_BYTES_MAX && tail.bytes > TAIL_BYTES_MAX - 100_000);
        assert_eq!(tail.after(300_000, 0, 1), TailRead::Nothing);
    }

    #[test]
    fn a_journal_that_is_still_to_be_cut_lets_nothing_go() {
        let mut tail = Tail::new(0);
        batches(0, 300).for_each(|batch| tail.push(batch));
        tail.cut(1000);
        batches(1, 300).for_each(|batch| tail.push(batch));
        tail.journaled(300_000, 0);
        assert_eq!(tail.frames.len(), 300);
        tail.journaled(2000, 1);
        assert_eq!(tail.frames.len(), 298);
    }

    #[test]
    fn batches_are_found_by_any_of_their_sequences_as_many_as_fit() {
        let mut tail = Tail::new(3000);
        assert_eq!(tail.after(0, 0, 1), TailRead::Older { up_to: 3000 });
        let all: Vec<Frame> = batches(3, 9).collect();
        for batch in &all {
            tail.push(batch.clone());
        }
        let two = all[1].bytes().len() + all[2].bytes().len();
        assert_eq!(tail.after(4000, 0, two), TailRead::Frames(all[1..3].to_vec()));
        assert_eq!(tail.after(4999, 0, two - 1), TailRead::Frames(all[1..2].to_vec()));
        assert_eq!(tail.after(3000, 0, usize::MAX), TailRead::Frames(all.clone()));
        assert_eq!(tail.after(8999, 0, 0), TailRead::Frames(all[5..].to_vec()));
    }

    #[test]
    fn after_a_cut_within_a_batch_it_ends_before_that() {
        let mut tail = Tail::new(0);
        batches(0, 5).for_each(|batch| tail.push(batch));
        tail.cut(2500);
        assert_eq!((tail.last(), tail.after(2000, 1, 1)), (2000, TailRead::Nothing));
        assert_eq!(tail.bytes, batches(0, 2).map(|batch| batch.bytes().len()).sum::<usize>());
    }

    #[test]
    fn after_a_cut_only_readers_that_know_of_it_are_served() {
        let mut tail = Tail::new(0);
        batches(0, 5).for_each(|batch| tail.push(batch));
        tail.cut(2000);
        assert_eq!(tail.after(0, 0, 1), TailRead::Cut);
        assert_eq!(tail.after(2000, 1, 1), TailRead::Nothing);
        let other = frame(2, 2001, "b/1", 1, 1);
        tail.push(other.clone());
        assert_eq!(tail.after(2000, 1, 1), TailRead::Frames(vec![other]));
    }
}
