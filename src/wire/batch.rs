//! Readings in bulk: blocks of payload lines, and requests to order them. The ordered batch is in `frame`.

use std::fmt;
use std::ops;
use std::sync::Arc;

use super::cursor::Cursor;
use super::error::WireError;
use crate::ids::{append_number, are_numbers, Number, Origin};
use crate::reading::Checker;

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

    /// A part of text that others share: whole lines, `count` of them.
    pub(super) fn within(bytes: &Arc<Vec<u8>>, part: ops::Range<usize>, count: u64) -> Self {
        Self { text: Shared { bytes: Arc::clone(bytes), part }, count }
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
        Self::within(&self.text.bytes, at..at + length, take)
    }
}

/// Where the line after the first `lines` begins.
pub(super) fn line_start(text: &[u8], lines: u64) -> usize {
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
        let from = out.len();
        out.extend_from_slice(name.as_bytes());
        self.end_head(from, out);
    }

    /// The same for a name that is in `out` already, from `from` on.
    pub(super) fn end_head(&self, from: usize, out: &mut Vec<u8>) {
        let body = self.lines.as_bytes();
        out.push(b':');
        self.origin.append_to(out);
        append_fields(&[self.first, self.lines.count(), body.len() as u64], out);
        seal_from(from, body, out);
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
        // However the request is taken apart, the numbers of each part can be read again.
        if head.count > READINGS_MAX || !are_numbers(head.first, head.count) {
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
        let verb = "SEQUENCER_REQUEST";
        check_crc(verb, self.sealed, &body, self.crc)?;
        if check_lines(verb, &mut Checker::new(), &body, self.count)? < body.len() {
            return Err(WireError::Count { verb });
        }
        Ok(Request { origin: self.origin, first: self.first, lines: Lines::new(body, self.count) })
    }
}

/// Checks the `count` payload lines at the beginning of a text, and returns their length. What is not in the grammar
/// gets no further, even if a peer says that it was ordered.
pub(super) fn check_lines(
    verb: &'static str,
    checker: &mut Checker,
    text: &[u8],
    count: u64,
) -> Result<usize, WireError> {
    let mut at = 0;
    for _ in 0..count {
        // At the end of the text, lines are missing and not malformed.
        if at == text.len() {
            return Err(WireError::Count { verb });
        }
        at += checker.line(&text[at..]).map_err(|error| WireError::Reading { verb, error })?;
        if at == text.len() {
            return Err(WireError::Count { verb });
        }
        at += 1;
    }
    Ok(at)
}

/// Writes a head, which ends with the CRC-32 of itself and the body.
pub(crate) fn seal(head: &str, body: &[u8], out: &mut Vec<u8>) {
    let from = out.len();
    out.extend_from_slice(head.as_bytes());
    seal_from(from, body, out);
}

/// The same for a head that is in `out` already, from `from` on.
pub(super) fn seal_from(from: usize, body: &[u8], out: &mut Vec<u8>) {
    let mark = checksum(&out[from..], body);
    out.extend_from_slice(&mark);
    out.push(b'\n');
}

/// Bytes of a CRC-32 in a head.
pub(super) const CHECKSUM_BYTES: usize = 8;

/// The CRC-32 of a head and its body, as it is written.
pub(super) fn checksum(head: &[u8], body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    let crc = hasher.finalize();
    std::array::from_fn(|at| b"0123456789abcdef"[(crc >> (28 - 4 * at)) as usize & 15])
}

/// Appends fields that are numbers, with a colon before and after each.
pub(super) fn append_fields(numbers: &[u64], out: &mut Vec<u8>) {
    out.push(b':');
    for number in numbers {
        append_number(*number, out);
        out.push(b':');
    }
}

/// Reads the last field of a head, the CRC-32, and begins to check it with the part of the head that it covers.
pub(crate) fn unseal(line: &str, fields: &mut Cursor) -> Result<(u32, crc32fast::Hasher), WireError> {
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

pub(crate) fn check_crc(
    verb: &'static str,
    mut sealed: crc32fast::Hasher,
    body: &[u8],
    crc: u32,
) -> Result<(), WireError> {
    sealed.update(body);
    if sealed.finalize() == crc {
        Ok(())
    } else {
        Err(WireError::Checksum { verb })
    }
}
