//! The ordered batch: the bytes that are sent, journaled and served to late joiners unchanged.
//!
//! A frame is a head line and a body of stated length:
//! ```text
//! BATCH:<term>:<first sequence>:<count>:<body bytes>:<CRC-32>\n
//! KEEP:<sequence>\n                           only where the log is to begin there from now on
//! FROM:<origin>:<first number>:<count>\n      one range: `count` payload lines of one origin follow
//! DATA|…\n
//! ```
//! The CRC-32 (eight hex digits) covers the head line up to and including the colon before it, and the body.

use std::fmt;
use std::sync::Arc;

use super::batch::{
    append_fields, check_crc, check_lines, checksum, line_start, seal_from, unseal, Lines, Range, Request,
    BODY_BYTES_MAX, CHECKSUM_BYTES, READINGS_MAX,
};
use super::cursor::Cursor;
use super::error::WireError;
use crate::ids::{append_number, are_numbers, number_bytes, Origin, Sequence, Term};
use crate::reading::Checker;

/// An ordered batch: never split, never joined, formatted once. Clones share the bytes.
#[derive(Clone)]
pub struct Frame(Arc<Inner>);

struct Inner {
    term: Term,
    first: Sequence,
    count: u64,
    keep: Option<Sequence>,
    ranges: Vec<Range>,
    bytes: Arc<Vec<u8>>,
    /// Where the first range begins.
    ranges_at: usize,
}

impl Frame {
    /// Frames readings that were ordered in `term`; the first has the sequence `first`.
    ///
    /// # Panics
    /// If there are no readings, or more than a frame holds: the sequencer makes sure that there are not.
    #[must_use]
    pub fn build(term: Term, first: Sequence, parts: &[Request]) -> Self {
        Self::build_with(term, first, parts, None)
    }

    /// The same; with `keep`, everything before that sequence may be removed once the batch is delivered.
    ///
    /// # Panics
    /// As [`Self::build`]; or if `keep` is beyond the batch's first.
    #[must_use]
    pub fn build_with(term: Term, first: Sequence, parts: &[Request], keep: Option<Sequence>) -> Self {
        assert!(keep.is_none_or(|keep| keep <= first), "what a batch removes is before it");
        let mut ranges: Vec<Range> = Vec::new();
        for part in parts {
            match ranges.last_mut() {
                Some(last) if last.origin == part.origin && last.last() + 1 == part.first => {
                    last.count += part.lines.count();
                }
                _ => ranges.push(part.range()),
            }
        }
        let count = ranges.iter().map(|range| range.count).sum();
        let keep_line = keep.map(keep_line).unwrap_or_default();
        let body_bytes = keep_line.len() + body_bytes(&ranges, parts);
        assert!(count > 0 && count <= READINGS_MAX && body_bytes <= BODY_BYTES_MAX, "a frame is bounded");
        let mut bytes = Vec::with_capacity(body_bytes + 128);
        write_head(|out| term.append_to(out), first, count, body_bytes, &mut bytes);
        // The body has one place, and its checksum comes before it.
        let sealed_at = bytes.len();
        bytes.extend_from_slice(&[b'\n'; CHECKSUM_BYTES + 1]);
        let body_at = bytes.len();
        bytes.extend_from_slice(keep_line.as_bytes());
        let ranges_at = bytes.len();
        let mut parts = parts.iter();
        for range in &ranges {
            append_range_line(range, &mut bytes);
            let mut missing = range.count;
            while missing > 0 {
                let part = parts.next().expect("ranges are made of parts");
                bytes.extend_from_slice(part.lines.as_bytes());
                missing -= part.lines.count();
            }
        }
        assert_eq!(bytes.len(), body_at + body_bytes, "what a body takes is known before");
        let mark = checksum(&bytes[..sealed_at], &bytes[body_at..]);
        bytes[sealed_at..sealed_at + CHECKSUM_BYTES].copy_from_slice(&mark);
        Self(Arc::new(Inner { term, first, count, keep, ranges, bytes: Arc::new(bytes), ranges_at }))
    }

    /// Reads a frame: its head line and body, nothing else.
    ///
    /// # Errors
    /// [`WireError`] where it is not one: wrong form, counts that do not add up, wrong checksum.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, WireError> {
        let verb = "BATCH";
        let body_at = memchr::memchr(b'\n', &bytes).ok_or(WireError::Count { verb })? + 1;
        let head = FrameHead::parse(&bytes[..body_at - 1])?;
        let body = &bytes[body_at..];
        if body.len() != head.body_bytes {
            return Err(WireError::Count { verb });
        }
        check_crc(verb, head.sealed, body, head.crc)?;
        let (keep, length) = parse_keep(body, head.first)?;
        let ranges = parse_ranges(&body[length..], head.count)?;
        let ranges_at = body_at + length;
        let FrameHead { term, first, count, .. } = head;
        Ok(Self(Arc::new(Inner { term, first, count, keep, ranges, bytes: Arc::new(bytes), ranges_at })))
    }

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

    /// The first sequence that the log keeps from this batch on, if the batch says so.
    #[must_use]
    pub fn keep(&self) -> Option<Sequence> {
        self.0.keep
    }

    /// The ranges of readings, in sequence order.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.0.ranges
    }

    /// The parts of them above `sequence`.
    #[must_use]
    pub fn ranges_after(&self, sequence: Sequence) -> Vec<Range> {
        let mut first = self.first();
        let mut above = Vec::new();
        for range in self.ranges() {
            let skip = (sequence + 1).saturating_sub(first).min(range.count);
            if skip < range.count {
                let origin = range.origin.clone();
                above.push(Range { origin, first: range.first + skip, count: range.count - skip });
            }
            first += range.count;
        }
        above
    }

    /// Head line and body, as sent and journaled.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Sequence and payload (without LF) of each entry.
    pub fn entries(&self) -> impl Iterator<Item = (Sequence, &[u8])> {
        let mut at = self.0.ranges_at;
        let mut left = self.0.count;
        let mut sequence = self.0.first;
        std::iter::from_fn(move || {
            while left > 0 {
                let rest = &self.0.bytes[at..];
                let end = memchr::memchr(b'\n', rest)?;
                at += end + 1;
                if !rest.starts_with(RANGE) {
                    (left, sequence) = (left - 1, sequence + 1);
                    return Some((sequence - 1, &rest[..end]));
                }
            }
            None
        })
    }

    /// The readings by range, as they came to the sequencer; their text is shared.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        let mut at = self.0.ranges_at;
        let mut requests = Vec::with_capacity(self.0.ranges.len());
        for range in &self.0.ranges {
            at += line_start(&self.0.bytes[at..], 1);
            let length = line_start(&self.0.bytes[at..], range.count);
            let lines = Lines::within(&self.0.bytes, at..at + length, range.count);
            requests.push(Request { origin: range.origin.clone(), first: range.first, lines });
            at += length;
        }
        requests
    }
}

/// Writes the head line of a batch of `count` readings, and its body.
pub(crate) fn write_batch(term: &str, first: Sequence, count: u64, body: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    write_head(|out| out.extend_from_slice(term.as_bytes()), first, count, body.len(), out);
    seal_from(from, body, out);
    out.extend_from_slice(body);
}

/// Writes the head line of a batch up to its checksum.
fn write_head(term: impl FnOnce(&mut Vec<u8>), first: Sequence, count: u64, body_bytes: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"BATCH:");
    term(out);
    append_fields(&[first, count, body_bytes as u64], out);
}

/// The beginning of a range line, and of no payload.
pub(crate) const RANGE: &[u8] = b"FROM:";

/// The beginning of the line that says where the log begins, and how long that line is at most.
pub(crate) const KEEP: &[u8] = b"KEEP:";
pub(crate) const KEEP_BYTES_MAX: usize = KEEP.len() + 20 + 1;

pub(crate) fn keep_line(first: Sequence) -> String {
    format!("KEEP:{first}\n")
}

/// Reads the line `KEEP` of a batch from `first` on, where its body begins with one; and how long that is.
fn parse_keep(body: &[u8], first: Sequence) -> Result<(Option<Sequence>, usize), WireError> {
    let verb = "BATCH";
    if !body.starts_with(KEEP) {
        return Ok((None, 0));
    }
    let end = memchr::memchr(b'\n', body).ok_or(WireError::Count { verb })?;
    let line = std::str::from_utf8(&body[..end]).map_err(|_| WireError::Text { verb })?;
    let mut fields = Cursor::new(line, "KEEP")?;
    let keep = fields.number("first sequence")?;
    fields.end()?;
    // Nothing is removed below the first entry, and nothing of the batch that says so.
    if !(2..=first).contains(&keep) {
        return Err(WireError::Field { verb: "KEEP", field: "first sequence" });
    }
    Ok((Some(keep), end + 1))
}

fn append_range_line(range: &Range, out: &mut Vec<u8>) {
    out.extend_from_slice(RANGE);
    range.origin.append_to(out);
    out.push(b':');
    append_number(range.first, out);
    out.push(b':');
    append_number(range.count, out);
    out.push(b'\n');
}

/// Bytes that a range adds to a frame beside its lines.
#[must_use]
pub fn range_line_bytes(range: &Range) -> usize {
    let numbers = number_bytes(range.first) + number_bytes(range.count);
    RANGE.len() + range.origin.text_bytes() + numbers + ":".len() * 2 + "\n".len()
}

fn body_bytes(ranges: &[Range], parts: &[Request]) -> usize {
    let lines: usize = parts.iter().map(|part| part.lines.as_bytes().len()).sum();
    lines + ranges.iter().map(range_line_bytes).sum::<usize>()
}

/// Reads the ranges of a body, and checks its lines.
fn parse_ranges(body: &[u8], count: u64) -> Result<Vec<Range>, WireError> {
    let verb = "BATCH";
    let mut ranges: Vec<Range> = Vec::new();
    let (mut rest, mut left, mut checker) = (body, count, Checker::new());
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).ok_or(WireError::Count { verb })?;
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| WireError::Text { verb })?;
        let mut fields = Cursor::new(line, "FROM")?;
        let (origin, first): (Origin, _) = (fields.parse("origin")?, fields.number("first number")?);
        let count = fields.number("count")?;
        fields.end()?;
        if count > left || !are_numbers(first, count) {
            return Err(WireError::Count { verb });
        }
        rest = &rest[end + 1..];
        let length = check_lines(verb, &mut checker, rest, count)?;
        rest = &rest[length..];
        left -= count;
        ranges.push(Range { origin, first, count });
    }
    if left > 0 {
        return Err(WireError::Count { verb });
    }
    Ok(ranges)
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Frame {}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{} of {} {:?}", self.first(), self.last(), self.term(), self.ranges())
    }
}

/// The head line of a frame.
#[derive(Debug, Clone)]
pub struct FrameHead {
    pub term: Term,
    pub first: Sequence,
    pub count: u64,
    pub body_bytes: usize,
    crc: u32,
    sealed: crc32fast::Hasher,
}

impl FrameHead {
    /// Reads a head line, without its LF.
    ///
    /// # Errors
    /// [`WireError`] where it is not one, or beyond its bounds.
    pub fn parse(line: &[u8]) -> Result<Self, WireError> {
        let verb = "BATCH";
        let line = std::str::from_utf8(line).map_err(|_| WireError::Text { verb })?;
        let mut fields = Cursor::new(line, verb)?;
        let (term, first): (Term, u64) = (fields.parse("term")?, fields.number("first sequence")?);
        let count = fields.number("count")?;
        let body_bytes = fields.length("length", BODY_BYTES_MAX)?;
        if count > READINGS_MAX || !are_numbers(first, count) {
            return Err(WireError::Field { verb, field: "count" });
        }
        let (crc, sealed) = unseal(line, &mut fields)?;
        Ok(Self { term, first, count, body_bytes, crc, sealed })
    }

    /// Whether the head was made for this body, whatever that holds.
    #[must_use]
    pub fn seals(&self, body: &[u8]) -> bool {
        body.len() == self.body_bytes && check_crc("BATCH", self.sealed.clone(), body, self.crc).is_ok()
    }
}
