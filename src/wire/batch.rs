//! Readings in bulk: blocks of payload lines, requests to order them, and the ordered batches (`Frame`) whose bytes are
//! sent, journaled and served to late joiners unchanged.
//!
//! A frame is a head line and a body of stated length:
//! ```text
//! BATCH:<term>:<first sequence>:<count>:<body bytes>:<CRC-32>\n
//! FROM:<origin>:<first number>:<count>\n      one range: `count` payload lines of one origin follow
//! DATA|…\n
//! ```
//! The CRC-32 (eight hex digits) covers the head line before it and the body.

use std::fmt;
use std::sync::Arc;

use crate::ids::{Number, Origin, Sequence, Term};

/// Most readings of one frame or request. With the longest payload line (`reading::LINE_BYTES_MAX`) and a range line for
/// each reading, a frame stays below [`BODY_BYTES_MAX`].
pub const READINGS_MAX: u64 = 1_024;

/// Longest body of a frame or request, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Readings `first .. first + count` of one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub origin: Origin,
    pub first: Number,
    pub count: u64,
}

impl Range {
    /// The last number of the range.
    #[must_use]
    pub fn last(&self) -> Number {
        self.first + self.count - 1
    }
}

/// Payload lines (`DATA|…`, each ending in LF), already checked; clones share the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Lines {
    bytes: Arc<[u8]>,
    start: usize,
    end: usize,
    count: u64,
}

impl Lines {
    /// Takes text of whole lines.
    ///
    /// # Panics
    /// If `bytes` does not end in LF or does not hold `count` lines: the caller has checked them.
    #[must_use]
    pub fn new(bytes: Arc<[u8]>, count: u64) -> Self {
        debug_assert_eq!(memchr::memchr_iter(b'\n', &bytes).count() as u64, count);
        assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "lines end in LF");
        let end = bytes.len();
        Self { bytes, start: 0, end, count }
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The lines after the first `skip`, at most `take` of them.
    #[must_use]
    pub fn slice(&self, skip: u64, take: u64) -> Self {
        let take = take.min(self.count.saturating_sub(skip));
        if skip == 0 && take == self.count {
            return self.clone();
        }
        let start = self.start + Self::offset(self.as_bytes(), skip.min(self.count));
        let end = start + Self::offset(&self.bytes[start..self.end], take);
        Self { bytes: Arc::clone(&self.bytes), start, end, count: take }
    }

    /// Where line `lines` begins.
    fn offset(text: &[u8], lines: u64) -> usize {
        let Some(index) = lines.checked_sub(1) else { return 0 };
        let index = usize::try_from(index).expect("fewer lines than bytes");
        memchr::memchr_iter(b'\n', text).nth(index).map_or(text.len(), |at| at + 1)
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines", self.count)
    }
}

/// Readings of one origin that are to be ordered: `first .. first + lines.count()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub origin: Origin,
    pub first: Number,
    pub lines: Lines,
}

impl Request {
    #[must_use]
    pub fn range(&self) -> Range {
        Range { origin: self.origin.clone(), first: self.first, count: self.lines.count() }
    }
}

/// An ordered batch: never split, never joined, formatted once. Clones share the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    term: Term,
    first: Sequence,
    count: u64,
    ranges: Vec<Range>,
    bytes: Vec<u8>,
    body_at: usize,
}

impl Frame {
    #[must_use]
    pub fn term(&self) -> &Term {
        &self.0.term
    }

    /// Sequence of the first entry.
    #[must_use]
    pub fn first(&self) -> Sequence {
        self.0.first
    }

    /// Sequence of the last entry.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.0.first + self.0.count - 1
    }

    /// Entries, at least one.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count
    }

    /// Whose readings, in sequence order.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.0.ranges
    }

    /// Head line and body, as sent and journaled.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{} of {} {:?}", self.first(), self.last(), self.term(), self.ranges())
    }
}
