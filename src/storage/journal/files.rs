//! The journal of a peer, running or not, for programs that read it from outside. They see only its files, which grow,
//! are cut and grow again, and nothing announces a cut. But logs with the same sequence and term are equal up to it
//! (docs/protocol.md 9). So a batch that is still where it was proves all that is before it.

use std::io;
use std::path::PathBuf;

use super::names::{plain_path, segments_of};
use super::scan::Scan;
use super::segment_bytes::SegmentBytes;
use super::DIR;
use crate::ids::{Sequence, Term};
use crate::storage::disk::read_only::ReadOnlyDisk;
use crate::storage::disk::ReadDisk;
use crate::storage::error::{failed, StorageError};
use crate::storage::state::base;
use crate::storage::READ_BYTES;
use crate::wire::batch::HEAD_BYTES_MAX;
use crate::wire::frame::FrameHead;
use crate::wire::Frame;

/// How much is read in one step where only heads matter, in bytes.
const HEADS_BYTES: usize = 64 * 1024;

/// The files of a journal.
#[derive(Debug)]
pub struct JournalFiles {
    disk: ReadOnlyDisk,
}

/// Which batch, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlace {
    /// The first sequence of its segment.
    segment: Sequence,
    offset: u64,
    length: usize,
    term: Term,
    first: Sequence,
    last: Sequence,
}

impl BatchPlace {
    fn new(segment: Sequence, offset: u64, (head, length): (FrameHead, usize)) -> Self {
        let FrameHead { term, first, count, .. } = head;
        Self { segment, offset, length, term, first, last: first + count - 1 }
    }

    #[must_use]
    pub fn term(&self) -> &Term {
        &self.term
    }

    /// Sequence of its last entry.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.last
    }
}

impl JournalFiles {
    /// The journal files of the peer's directory `root`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { disk: ReadOnlyDisk::new(root) }
    }

    /// Whether there is a segment.
    ///
    /// # Errors
    /// The disk's.
    pub fn are_there(&self) -> Result<bool, StorageError> {
        Ok(!self.segments()?.is_empty())
    }

    /// Entries up to here were removed.
    ///
    /// # Errors
    /// The disk's.
    pub fn base(&self) -> Result<Sequence, StorageError> {
        base::last(&self.disk)
    }

    /// The place of the batch that holds a sequence; `None` if the log does not reach that far.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged, which may also be what is being written just then.
    pub fn find(&self, sequence: Sequence) -> Result<Option<BatchPlace>, StorageError> {
        let segments = self.segments()?;
        let Some(at) = segments.partition_point(|first| *first <= sequence).checked_sub(1) else { return Ok(None) };
        let mut found = None;
        self.heads(segments[at], |place| {
            let holds = place.last >= sequence;
            found = holds.then_some(place);
            !holds
        })?;
        Ok(found)
    }

    /// Whether this batch is where it was.
    ///
    /// # Errors
    /// The disk's.
    pub fn holds(&self, place: &BatchPlace) -> Result<bool, StorageError> {
        match self.scan(place.segment, place.offset, HEAD_BYTES_MAX)?.head() {
            Ok(Some(head)) => Ok(BatchPlace::new(place.segment, place.offset, head) == *place),
            // It was shortened or removed, perhaps a moment ago, or something else is there.
            Ok(None) | Err(StorageError::Damaged { .. }) => Ok(false),
            Err(StorageError::Io { fault, .. }) if fault.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Some of the batches after `place`, or from the one that holds the sequence after `after` on, that hold anything above
    /// `after`. None at the end of the log.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged, which may also be what is being written just then.
    pub fn read(&self, place: Option<&BatchPlace>, after: Sequence) -> Result<Vec<(BatchPlace, Frame)>, StorageError> {
        let Some(place) = place else {
            let Some(first) = self.find(after + 1)? else { return Ok(Vec::new()) };
            return self.frames(first.segment, first.offset);
        };
        if place.last > after {
            return self.frames(place.segment, place.offset);
        }
        let frames = self.frames(place.segment, place.offset + place.length as u64)?;
        if frames.is_empty() {
            return self.frames(place.last + 1, 0);
        }
        Ok(frames)
    }

    /// The sequences `first ..= last` had this term in a log. Returns the last of them up to which this log is equal to
    /// that one, and `None` if there is none. Of entries that were removed, the file `base` tells the terms.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged, which may also be what is being written just then.
    pub fn shares(&self, term: &Term, first: Sequence, last: Sequence) -> Result<Option<Sequence>, StorageError> {
        if first > self.base()? {
            return self.shares_kept(term, first, last);
        }
        let removed = base::read(&self.disk)?.unwrap_or_default();
        match removed.end_of_run(term, first) {
            Some(end) if end == removed.last && end < last => {
                Ok(Some(self.shares_kept(term, end + 1, last)?.unwrap_or(end)))
            }
            end => Ok(end.map(|end| end.min(last))),
        }
    }

    /// The same of entries that are kept.
    fn shares_kept(&self, term: &Term, first: Sequence, last: Sequence) -> Result<Option<Sequence>, StorageError> {
        if self.find(first)?.is_none_or(|place| place.term != *term) {
            return Ok(None);
        }
        let (mut from, mut segments) = (first, self.segments()?);
        segments.retain(|segment| (first..=last).contains(segment));
        // Terms do not fall, so those segments that begin in this one come first.
        while !segments.is_empty() {
            let middle = segments.len() / 2;
            if self.find(segments[middle])?.is_some_and(|place| place.term == *term) {
                from = segments[middle];
                segments.drain(..=middle);
            } else {
                segments.truncate(middle);
            }
        }
        let Some(place) = self.find(from)? else { return Ok(None) };
        let mut end = first;
        self.heads(place.segment, |place| {
            let is_of = place.term == *term;
            if is_of {
                end = end.max(place.last.min(last));
            }
            is_of || place.last < from
        })?;
        Ok(Some(end))
    }

    /// First sequences of the segments, in order.
    fn segments(&self) -> Result<Vec<Sequence>, StorageError> {
        match self.disk.list(DIR) {
            Ok(names) => Ok(segments_of(&names)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(&self.disk, "list", DIR)(error)),
        }
    }

    /// A walk over a segment; one that is not there has no batches.
    fn scan(&self, segment: Sequence, offset: u64, block_bytes: usize) -> Result<Scan<'_, ReadOnlyDisk>, StorageError> {
        let segment = SegmentBytes::open(&self.disk, segment)?;
        let end = segment.len();
        Ok(Scan::new(segment, offset, end, block_bytes))
    }

    /// Gives `take` the place of each batch of a segment, as long as it wants more.
    fn heads(&self, segment: Sequence, mut take: impl FnMut(BatchPlace) -> bool) -> Result<(), StorageError> {
        let mut scan = self.scan(segment, 0, HEADS_BYTES)?;
        loop {
            let offset = scan.offset();
            let head = match scan.head() {
                Err(StorageError::Damaged { .. }) if self.is_torn(segment, &scan) => None,
                head => head?,
            };
            let Some(head) = head else { return Ok(()) };
            let length = head.1;
            if !take(BatchPlace::new(segment, offset, head)) {
                return Ok(());
            }
            scan.skip(length);
        }
    }

    /// Some of the batches of a segment, from an offset on.
    fn frames(&self, segment: Sequence, offset: u64) -> Result<Vec<(BatchPlace, Frame)>, StorageError> {
        let mut scan = self.scan(segment, offset, READ_BYTES)?;
        let mut frames = Vec::new();
        while scan.offset() < offset + READ_BYTES as u64 {
            let at = scan.offset();
            let head = match scan.head() {
                Err(StorageError::Damaged { .. }) if !frames.is_empty() || self.is_torn(segment, &scan) => break,
                head => head?,
            };
            let Some(head) = head else { break };
            match scan.frame(head.1) {
                Err(StorageError::Damaged { .. }) if !frames.is_empty() => break,
                frame => frames.push((BatchPlace::new(segment, at, head), frame?)),
            }
        }
        Ok(frames)
    }

    /// Whether a plain segment holds only the beginning of a batch from here on. It does while the batch is written,
    /// and after a crash.
    fn is_torn(&self, segment: Sequence, scan: &Scan<'_, ReadOnlyDisk>) -> bool {
        let Ok(bytes) = self.disk.read(&plain_path(segment), scan.offset(), HEAD_BYTES_MAX) else { return false };
        let left = scan.left();
        match memchr::memchr(b'\n', &bytes) {
            None => left < HEAD_BYTES_MAX as u64,
            Some(at) => FrameHead::parse(&bytes[..at]).is_ok_and(|head| (at + 1 + head.body_bytes) as u64 > left),
        }
    }
}

#[cfg(test)]
mod tests;
