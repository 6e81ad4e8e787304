//! Batches without what follows from themselves and from those before them in the same text:
//! ```text
//! B:<term>:<first sequence>\n       a batch; `B` alone where it is of the same term, and continues the one before
//! K:<sequence>\n                   where the batch says that the log begins there
//! F:<origin>:<first number>\n       a range; `F:<origin>` alone where it continues the last range of that origin
//! DATA|…\n
//! ```
//! Most batches of a slow group hold one reading, and two thirds of their bytes are heads that say little. Counts,
//! lengths and checksums are made again from what is there.

use std::collections::HashMap;

use crate::ids::{Number, Sequence};
use crate::wire::frame::{keep_line, write_batch, RANGE};
use crate::wire::{Cursor, Frame};

/// What a line that is neither a batch nor a range begins with.
const READING: &[u8] = b"DATA|";

/// The short text of some batches.
pub(super) fn shorten(frames: &[Frame]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut numbers = HashMap::new();
    let mut before: Option<&Frame> = None;
    for frame in frames {
        match before {
            Some(before) if before.term() == frame.term() && before.last() + 1 == frame.first() => text.push(b'B'),
            _ => text.extend(format!("B:{}:{}", frame.term(), frame.first()).bytes()),
        }
        text.push(b'\n');
        if let Some(keep) = frame.keep() {
            text.extend(format!("K:{keep}\n").bytes());
        }
        for request in frame.requests() {
            let range = request.range();
            text.extend(format!("F:{}", range.origin).bytes());
            if numbers.insert(range.origin.clone(), range.last() + 1) != Some(range.first) {
                text.extend(format!(":{}", range.first).bytes());
            }
            text.push(b'\n');
            text.extend_from_slice(request.lines.as_bytes());
        }
        before = Some(frame);
    }
    text
}

/// The batches of a short text, which have `bytes` bytes. `None` if it is no such text.
pub(super) fn restore(text: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let mut restoring = Restoring { rest: text, numbers: HashMap::new(), before: None };
    let (mut restored, mut body) = (Vec::with_capacity(bytes), Vec::new());
    while !restoring.rest.is_empty() && restored.len() < bytes {
        restoring.batch(&mut body, &mut restored)?;
    }
    (restored.len() == bytes && restoring.rest.is_empty()).then_some(restored)
}

struct Restoring<'a> {
    rest: &'a [u8],
    /// The number that each origin goes on with.
    numbers: HashMap<&'a str, Number>,
    /// The term of the batch before, and the sequence after it.
    before: Option<(&'a str, Sequence)>,
}

impl<'a> Restoring<'a> {
    /// Adds the next batch to `out`.
    fn batch(&mut self, body: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
        let mut fields = Cursor::new(self.line()?, "B").ok()?;
        let (term, first) = match fields.end() {
            Ok(()) => self.before?,
            Err(_) => (fields.text("term").ok()?, fields.number("first sequence").ok()?),
        };
        fields.end().ok()?;
        body.clear();
        if self.rest.starts_with(b"K") {
            let mut fields = Cursor::new(self.line()?, "K").ok()?;
            let keep = fields.number("first sequence").ok()?;
            fields.end().ok()?;
            body.extend(keep_line(keep).bytes());
        }
        let mut count = 0;
        while self.rest.starts_with(b"F") {
            count += self.range(body)?;
        }
        write_batch(term, first, count, body, out);
        self.before = Some((term, first.checked_add(count)?));
        Some(())
    }

    /// Adds the next range to the body of its batch; returns how many readings it has.
    fn range(&mut self, body: &mut Vec<u8>) -> Option<u64> {
        let mut fields = Cursor::new(self.line()?, "F").ok()?;
        let origin = fields.text("origin").ok()?;
        let first = match fields.end() {
            Ok(()) => *self.numbers.get(origin)?,
            Err(_) => fields.number("first number").ok()?,
        };
        fields.end().ok()?;
        let (mut length, mut count) = (0, 0);
        while self.rest[length..].starts_with(READING) {
            length += memchr::memchr(b'\n', &self.rest[length..])? + 1;
            count += 1;
        }
        let (lines, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.numbers.insert(origin, first.checked_add(count)?);
        body.extend_from_slice(RANGE);
        body.extend(format!("{origin}:{first}:{count}\n").bytes());
        body.extend_from_slice(lines);
        Some(count)
    }

    fn line(&mut self) -> Option<&'a str> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        std::str::from_utf8(line).ok()
    }
}
