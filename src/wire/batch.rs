//! Readings in bulk: blocks of payload lines, requests to order them, and the ordered batches (`Frame`) whose bytes are
//! sent, journaled and served to late joiners unchanged.
//!
//! A frame is a head line and a body of stated length:
//! ```text
//! BATCH:<term>:<first sequence>:<count>:<body bytes>:<CRC-32>\n
//! FROM:<origin>:<first number>:<count>\n      one range: `count` payload lines of one origin follow
//! DATA|…\n
//! ```
//! The CRC-32 (eight hex digits) covers the head line up to the colon before it, and the body.

use std::fmt;
use std::ops;
use std::sync::Arc;

use super::cursor::Cursor;
use super::error::WireError;
use crate::ids::{Number, Origin, Sequence, Term};
use crate::reading;

/// Most readings of one frame or request. With the longest payload line (`reading::LINE_BYTES_MAX`) that is 193 KiB of
/// text, which leaves room for several hundred range lines below [`BODY_BYTES_MAX`].
pub const READINGS_MAX: u64 = 1_024;

/// Longest body of a frame or request, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Longest head line of a frame or request, its LF included: a verb, two ids of 64 bytes, and numbers of 20 digits.
pub const HEAD_BYTES_MAX: usize = 512;

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

/// Bytes that clones share, and a part of them.
#[derive(Clone)]
struct Shared {
    bytes: Arc<Vec<u8>>,
    part: ops::Range<usize>,
}

impl Shared {
    fn whole(bytes: Vec<u8>) -> Self {
        let part = 0..bytes.len();
        Self { bytes: Arc::new(bytes), part }
    }

    fn get(&self) -> &[u8] {
        &self.bytes[self.part.clone()]
    }
}

/// Payload lines (`DATA|…`, each ending in LF), already checked; clones share the bytes.
#[derive(Clone)]
pub struct Lines {
    text: Shared,
    count: u64,
}

impl Lines {
    /// Takes text of whole lines.
    ///
    /// # Panics
    /// If the text does not hold `count` lines that end in LF: the caller has checked them.
    #[must_use]
    pub fn new(text: Vec<u8>, count: u64) -> Self {
        debug_assert_eq!(memchr::memchr_iter(b'\n', &text).count() as u64, count, "lines are counted");
        assert!(text.is_empty() || text.ends_with(b"\n"), "lines end in LF");
        Self { text: Shared::whole(text), count }
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get()
    }

    /// The payloads, without their LF.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.as_bytes().split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1])
    }

    /// The lines after the first `skip`, at most `take` of them.
    #[must_use]
    pub fn slice(&self, skip: u64, take: u64) -> Self {
        let take = take.min(self.count.saturating_sub(skip));
        if skip == 0 && take == self.count {
            return self.clone();
        }
        let start = line_start(self.as_bytes(), skip.min(self.count));
        let length = line_start(&self.as_bytes()[start..], take);
        let at = self.text.part.start + start;
        Self { text: Shared { bytes: Arc::clone(&self.text.bytes), part: at..at + length }, count: take }
    }
}

/// Where the line after the first `lines` begins.
fn line_start(text: &[u8], lines: u64) -> usize {
    let Some(index) = lines.checked_sub(1) else { return 0 };
    let index = usize::try_from(index).expect("fewer lines than bytes");
    memchr::memchr_iter(b'\n', text).nth(index).map_or(text.len(), |at| at + 1)
}

impl PartialEq for Lines {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Lines {}

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

    /// The head line `<name>:<origin>:<first>:<count>:<bytes>:<CRC-32>`, LF included; the lines follow it.
    pub fn write_head(&self, name: &str, out: &mut Vec<u8>) {
        let body = self.lines.as_bytes();
        let head = format!("{name}:{}:{}:{}:{}:", self.origin, self.first, self.lines.count(), body.len());
        seal(&head, body, out);
    }

    /// Reads what follows `<name>:` of a head line.
    ///
    /// # Errors
    /// [`WireError`] where the head is not of that form, or beyond its bounds.
    pub fn parse_head(line: &str, fields: &mut Cursor) -> Result<RequestHead, WireError> {
        let head = RequestHead {
            origin: fields.parse("origin")?,
            first: fields.number("first number")?,
            count: fields.number("count")?,
            body_bytes: fields.length("length", BODY_BYTES_MAX)?,
            crc: 0,
            sealed: crc32fast::Hasher::new(),
        };
        if head.first == 0 || head.count == 0 || head.count > READINGS_MAX {
            return Err(WireError::Field { verb: fields.verb(), field: "count" });
        }
        let (crc, sealed) = unseal(line, fields)?;
        Ok(RequestHead { crc, sealed, ..head })
    }
}

/// A request whose lines are still to come.
#[derive(Debug, Clone)]
pub struct RequestHead {
    origin: Origin,
    first: Number,
    count: u64,
    pub body_bytes: usize,
    crc: u32,
    sealed: crc32fast::Hasher,
}

impl RequestHead {
    /// Checks the lines: whole, as many as stated, each a payload.
    ///
    /// # Errors
    /// [`WireError`] where they are not.
    pub fn complete(self, body: Vec<u8>) -> Result<Request, WireError> {
        check_crc("SEQUENCER_REQUEST", self.sealed, &body, self.crc)?;
        let mut rest = &body[..];
        for _ in 0..self.count {
            let end = memchr::memchr(b'\n', rest).ok_or(WireError::Count { verb: "SEQUENCER_REQUEST" })?;
            // What is ordered stays for ever: this is the last place to refuse it.
            reading::check(&rest[..end]).map_err(WireError::Reading)?;
            rest = &rest[end + 1..];
        }
        if !rest.is_empty() {
            return Err(WireError::Count { verb: "SEQUENCER_REQUEST" });
        }
        Ok(Request { origin: self.origin, first: self.first, lines: Lines::new(body, self.count) })
    }
}

/// Ends a head with the CRC-32 of itself and the body.
fn seal(head: &str, body: &[u8], out: &mut Vec<u8>) {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head.as_bytes());
    hasher.update(body);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(format!("{:08x}\n", hasher.finalize()).as_bytes());
}

/// Reads the last field of a head, the CRC-32; and what it covers of the head.
fn unseal(line: &str, fields: &mut Cursor) -> Result<(u32, crc32fast::Hasher), WireError> {
    let text = fields.text("CRC-32")?;
    let wrong = WireError::Field { verb: fields.verb(), field: "CRC-32" };
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != 8 || !text.bytes().all(hex) {
        return Err(wrong);
    }
    let crc = u32::from_str_radix(text, 16).map_err(|_| wrong)?;
    fields.end()?;
    let mut sealed = crc32fast::Hasher::new();
    sealed.update(&line.as_bytes()[..line.len() - text.len()]);
    Ok((crc, sealed))
}

fn check_crc(verb: &'static str, mut sealed: crc32fast::Hasher, body: &[u8], crc: u32) -> Result<(), WireError> {
    sealed.update(body);
    if sealed.finalize() == crc {
        Ok(())
    } else {
        Err(WireError::Checksum { verb })
    }
}

/// An ordered batch: never split, never joined, formatted once. Clones share the bytes.
#[derive(Clone)]
pub struct Frame(Arc<Inner>);

struct Inner {
    term: Term,
    first: Sequence,
    count: u64,
    ranges: Vec<Range>,
    bytes: Arc<Vec<u8>>,
    body_at: usize,
}

impl Frame {
    /// Frames readings that were ordered in `term`, the first of them under sequence `first`.
    ///
    /// # Panics
    /// If there are no readings, or more than a frame holds: the sequencer sees to that.
    #[must_use]
    pub fn build(term: Term, first: Sequence, parts: &[Request]) -> Self {
        let mut ranges: Vec<Range> = Vec::new();
        for part in parts {
            match ranges.last_mut() {
                Some(last) if last.origin == part.origin && last.last() + 1 == part.first => {
                    last.count += part.lines.count();
                }
                _ => ranges.push(part.range()),
            }
        }
        let mut body = Vec::with_capacity(body_bytes(&ranges, parts));
        let (mut parts, mut count) = (parts.iter(), 0);
        for range in &ranges {
            body.extend_from_slice(range_line(range).as_bytes());
            let mut missing = range.count;
            while missing > 0 {
                let part = parts.next().expect("ranges are made of parts");
                body.extend_from_slice(part.lines.as_bytes());
                missing -= part.lines.count();
            }
            count += range.count;
        }
        assert!(count > 0 && count <= READINGS_MAX && body.len() <= BODY_BYTES_MAX, "a frame is bounded");
        let mut bytes = Vec::with_capacity(body.len() + 128);
        seal(&format!("BATCH:{term}:{first}:{count}:{}:", body.len()), &body, &mut bytes);
        let body_at = bytes.len();
        bytes.extend_from_slice(&body);
        Self(Arc::new(Inner { term, first, count, ranges, bytes: Arc::new(bytes), body_at }))
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
        let ranges = parse_ranges(body, head.count)?;
        let FrameHead { term, first, count, .. } = head;
        Ok(Self(Arc::new(Inner { term, first, count, ranges, bytes: Arc::new(bytes), body_at })))
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

    /// Sequence and payload (without LF) of each entry.
    pub fn entries(&self) -> impl Iterator<Item = (Sequence, &[u8])> {
        let mut at = self.0.body_at;
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
        let mut at = self.0.body_at;
        let mut requests = Vec::with_capacity(self.0.ranges.len());
        for range in &self.0.ranges {
            at += line_start(&self.0.bytes[at..], 1);
            let length = line_start(&self.0.bytes[at..], range.count);
            let text = Shared { bytes: Arc::clone(&self.0.bytes), part: at..at + length };
            let lines = Lines { text, count: range.count };
            requests.push(Request { origin: range.origin.clone(), first: range.first, lines });
            at += length;
        }
        requests
    }
}

/// How a range line begins; no payload begins so.
const RANGE: &[u8] = b"FROM:";

fn range_line(range: &Range) -> String {
    format!("FROM:{}:{}:{}\n", range.origin, range.first, range.count)
}

/// Bytes that a range adds to a frame beside its lines.
#[must_use]
pub fn range_line_bytes(range: &Range) -> usize {
    range_line(range).len()
}

fn body_bytes(ranges: &[Range], parts: &[Request]) -> usize {
    let lines: usize = parts.iter().map(|part| part.lines.as_bytes().len()).sum();
    lines + ranges.iter().map(range_line_bytes).sum::<usize>()
}

/// Reads the ranges of a body and counts its lines. The payloads were checked when they were ordered.
fn parse_ranges(body: &[u8], count: u64) -> Result<Vec<Range>, WireError> {
    let verb = "BATCH";
    let mut ranges: Vec<Range> = Vec::new();
    let (mut rest, mut left) = (body, count);
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).ok_or(WireError::Count { verb })?;
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| WireError::Text { verb })?;
        let mut fields = Cursor::new(line, "FROM")?;
        let (origin, first): (Origin, _) = (fields.parse("origin")?, fields.number("first number")?);
        let count = fields.number("count")?;
        fields.end()?;
        if first == 0 || count == 0 || count > left {
            return Err(WireError::Count { verb });
        }
        rest = &rest[end + 1..];
        let length = check_payload_lines(rest, count)?;
        rest = &rest[length..];
        left -= count;
        ranges.push(Range { origin, first, count });
    }
    if left > 0 {
        return Err(WireError::Count { verb });
    }
    Ok(ranges)
}

/// How long `count` payload lines are.
fn check_payload_lines(text: &[u8], count: u64) -> Result<usize, WireError> {
    let verb = "BATCH";
    let mut at = 0;
    for _ in 0..count {
        let rest = &text[at..];
        let end = memchr::memchr(b'\n', rest).ok_or(WireError::Count { verb })?;
        if !rest.starts_with(reading::VERB) || end > reading::LINE_BYTES_MAX {
            return Err(WireError::Count { verb });
        }
        at += end + 1;
    }
    Ok(at)
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
        if first == 0 || count == 0 || count > READINGS_MAX {
            return Err(WireError::Field { verb, field: "count" });
        }
        let (crc, sealed) = unseal(line, &mut fields)?;
        Ok(Self { term, first, count, body_bytes, crc, sealed })
    }
}
