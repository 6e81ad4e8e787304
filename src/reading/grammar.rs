//! The grammar of a payload line, checked in one pass over its bytes. Every reading is checked where it is taken in,
//! where it is ordered, and wherever it is read again. All of them call this, so it has to cost little, and no two
//! places judge a line differently.

use super::{
    ReadingError, LINE_BYTES_MAX, LINE_TOO_LONG, NAMES, TIMESTAMP_BYTES_MAX, UNSURE_TIME, VALUE_BYTES_MAX, VERB,
};
use crate::ids::{name_length, NAME_BYTES_MAX};

/// The end of a line; the end of the text ends a line, too.
const LF: u8 = b'\n';

/// Bytes of `2013-01-01T06:00:00` and the shortest zone.
pub(super) const TIMESTAMP_BYTES_MIN: usize = 20;

/// Where the fields of a line end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) sensor_id: usize,
    pub(super) timestamp: usize,
    pub(super) temperature: usize,
    pub(super) humidity: usize,
    pub(super) pressure: usize,
    /// With the mark of an unsure time, if it has one.
    line: usize,
}

impl Ends {
    fn has_timestamp(&self) -> bool {
        self.timestamp > self.sensor_id + 1
    }
}

/// Checks line after line.
#[derive(Debug, Clone, Default)]
pub struct Checker {
    /// A date that exists: the one of the line before, which most lines repeat.
    date: [u8; 10],
}

impl Checker {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The length of the payload at the beginning of a text. LF follows it, or nothing.
    ///
    /// # Errors
    /// Says which field is wrong, and why.
    pub fn line(&mut self, text: &[u8]) -> Result<usize, ReadingError> {
        match self.scan(text) {
            Ok(ends) if ends.has_timestamp() => Ok(ends.line),
            Ok(_) => Err(NO_TIMESTAMP),
            Err(error) => {
                let line = memchr::memchr(LF, text).map_or(text, |end| &text[..end]);
                Err(wrong_as_a_whole(line).unwrap_or(error))
            }
        }
    }

    /// Where the fields of a line without LF end. Its timestamp may be empty.
    pub(super) fn whole(&mut self, line: &[u8]) -> Result<Ends, ReadingError> {
        match self.scan(line) {
            Ok(ends) if ends.line == line.len() => Ok(ends),
            Ok(ends) => {
                let pressure = &line[ends.humidity + 1..];
                Err(wrong_as_a_whole(line).unwrap_or(wrong_value(pressure, NAMES[4])))
            }
            Err(error) => Err(wrong_as_a_whole(line).unwrap_or(error)),
        }
    }

    fn scan(&mut self, text: &[u8]) -> Result<Ends, ReadingError> {
        let name = text.strip_prefix(VERB).ok_or(NO_VERB)?;
        let length = name_length(name);
        if length > NAME_BYTES_MAX || name.get(length) != Some(&b'|') || !name[0].is_ascii_alphanumeric() {
            return Err(wrong_sensor());
        }
        let sensor_id = VERB.len() + length;
        let timestamp = sensor_id + 1 + self.timestamp(&name[length + 1..])?;
        let temperature = value(text, timestamp + 1, b'|', NAMES[2])?;
        let humidity = value(text, temperature + 1, b'|', NAMES[3])?;
        let (pressure, line) = match value(text, humidity + 1, LF, NAMES[4]) {
            Ok(end) => (end, end),
            Err(error) => marked(text, humidity + 1).ok_or(error)?,
        };
        Ok(Ends { sensor_id, timestamp, temperature, humidity, pressure, line })
    }

    /// RFC 3339: `2013-01-01T06:00:00.25Z`, or with an offset; and a bar. Empty where a source has none.
    ///
    /// It is written by hand, because every reading passes here several times, and because jiff takes more than RFC
    /// 3339 (a space in place of `T`, no seconds). A property test compares the two on texts of this form.
    fn timestamp(&mut self, text: &[u8]) -> Result<usize, ReadingError> {
        if text.first() == Some(&b'|') {
            return Ok(0);
        }
        let head = text.first_chunk::<TIMESTAMP_BYTES_MIN>().ok_or(BAD_TIMESTAMP)?;
        if head[..10] != self.date {
            check_date(head)?;
            self.date.copy_from_slice(&head[..10]);
        }
        if !matches!(head[10], b'T' | b't') {
            return Err(BAD_TIMESTAMP);
        }
        let [h1, h2, _, m1, m2, _, s1, s2] = digits(eight(head, 11), *b"00:00:00")?;
        if pair(h1, h2) > 23 || pair(m1, m2) > 59 || pair(s1, s2) > 60 {
            return Err(NO_SUCH_TIME);
        }
        let length = if matches!(head[19], b'Z' | b'z') { TIMESTAMP_BYTES_MIN } else { zone(text)? };
        if text.get(length) == Some(&b'|') {
            Ok(length)
        } else {
            Err(BAD_TIMESTAMP)
        }
    }
}

/// Where the last value and the line end, if the mark of an unsure time follows it.
#[cold]
fn marked(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let pressure = value(text, from, b'|', NAMES[4]).ok()?;
    let rest = text[pressure..].strip_prefix(UNSURE_TIME.as_bytes())?;
    matches!(rest.first(), None | Some(&LF)).then_some((pressure, pressure + UNSURE_TIME.len()))
}

fn wrong(field: &'static str, reason: &'static str) -> ReadingError {
    ReadingError { field, reason }
}

const NO_VERB: ReadingError = ReadingError { field: "line", reason: "does not begin with DATA|" };

pub(super) const NO_TIMESTAMP: ReadingError = ReadingError { field: "timestamp", reason: "is empty" };

pub(super) const SEVENTH_FIELD: ReadingError = ReadingError { field: "line", reason: "has more than six fields" };

const BAD_TIMESTAMP: ReadingError =
    ReadingError { field: "timestamp", reason: "is not of the form 2013-01-01T06:00:00Z (RFC 3339)" };

const NO_SUCH_TIME: ReadingError =
    ReadingError { field: "timestamp", reason: "names a date or time that does not exist" };

#[cold]
fn wrong_sensor() -> ReadingError {
    wrong("sensor_id", "must be 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit")
}

/// What is wrong with a refused line before any field of it is looked at.
#[cold]
fn wrong_as_a_whole(line: &[u8]) -> Option<ReadingError> {
    if line.len() > LINE_BYTES_MAX {
        return Some(LINE_TOO_LONG);
    }
    let Some(rest) = line.strip_prefix(VERB) else {
        return Some(NO_VERB);
    };
    if !rest.is_ascii() {
        return Some(wrong("line", "holds a character that is not ASCII"));
    }
    let fields = rest.split(|byte| *byte == b'|').count();
    match NAMES.get(fields) {
        Some(name) => Some(wrong(name, "is missing")),
        None => (fields > NAMES.len()).then_some(SEVENTH_FIELD),
    }
}

#[cold]
fn wrong_value(field: &[u8], name: &'static str) -> ReadingError {
    if field.len() > VALUE_BYTES_MAX {
        wrong(name, "has more than 24 characters")
    } else {
        wrong(name, "is not a finite decimal number")
    }
}

fn eight(head: &[u8; TIMESTAMP_BYTES_MIN], at: usize) -> [u8; 8] {
    *head[at..].first_chunk().expect("it is long enough")
}

/// The digits of a text that has digits where `form` has 0, and otherwise the bytes of `form`, for which it returns 0.
/// It checks eight bytes in one step: in `text ^ form` a digit is below ten, the rest is 0, and a wrong byte is
/// neither.
fn digits(text: [u8; 8], form: [u8; 8]) -> Result<[u8; 8], ReadingError> {
    let bits = u64::from_le_bytes(text) ^ u64::from_le_bytes(form);
    // A byte above its limit reaches its highest bit, or has it set already.
    let above = u64::from_le_bytes(form.map(|byte| if byte == b'0' { 0x7f - 9 } else { 0x7f }));
    if (bits.wrapping_add(above) | bits) & 0x8080_8080_8080_8080 == 0 {
        Ok(bits.to_le_bytes())
    } else {
        Err(BAD_TIMESTAMP)
    }
}

fn pair(tens: u8, ones: u8) -> u32 {
    u32::from(tens) * 10 + u32::from(ones)
}

/// `2013-01-01`
fn check_date(head: &[u8; TIMESTAMP_BYTES_MIN]) -> Result<(), ReadingError> {
    let [y1, y2, y3, y4, _, m1, m2, _] = digits(eight(head, 0), *b"0000-00-")?;
    let [d1, d2, ..] = digits([head[8], head[9], b'0', b'0', b'0', b'0', b'0', b'0'], *b"00000000")?;
    let (year, month, day) = (pair(y1, y2) * 100 + pair(y3, y4), pair(m1, m2), pair(d1, d2));
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    if day == 0 || day > days {
        return Err(NO_SUCH_TIME);
    }
    Ok(())
}

/// The length of a timestamp with a fraction, an offset, or both.
fn zone(text: &[u8]) -> Result<usize, ReadingError> {
    let mut at = TIMESTAMP_BYTES_MIN - 1;
    if text.get(at) == Some(&b'.') {
        let digits = digits_from(text, at + 1);
        if digits == 0 {
            return Err(BAD_TIMESTAMP);
        }
        at += 1 + digits;
    }
    let length = match &text[at.min(text.len())..] {
        [b'Z' | b'z', ..] => at + 1,
        [b'+' | b'-', h1, h2, b':', m1, m2, ..] => {
            let all = [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit);
            let (hours, minutes) = (pair(h1 & 15, h2 & 15), pair(m1 & 15, m2 & 15));
            if !all || hours > 23 || minutes > 59 {
                return Err(BAD_TIMESTAMP);
            }
            at + 6
        }
        _ => return Err(BAD_TIMESTAMP),
    };
    if length > TIMESTAMP_BYTES_MAX {
        return Err(BAD_TIMESTAMP);
    }
    Ok(length)
}

fn digits_from(text: &[u8], at: usize) -> usize {
    text.get(at..).unwrap_or(b"").iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The end of a finite decimal number: sign, digits, fraction, exponent. Empty where nothing was measured. `end` follows.
fn value(text: &[u8], from: usize, end: u8, name: &'static str) -> Result<usize, ReadingError> {
    let byte = |at: usize| text.get(at).copied().unwrap_or(LF);
    let refuse = || {
        let field = text.get(from..).unwrap_or(b"");
        let length = field.iter().take_while(|byte| !matches!(**byte, b'|' | LF)).count();
        Err(wrong_value(&field[..length], name))
    };
    if byte(from) == end {
        return Ok(from);
    }
    let begin = from + usize::from(matches!(byte(from), b'-' | b'+'));
    let mut at = begin;
    while byte(at).is_ascii_digit() {
        at += 1;
    }
    if byte(at) == b'.' {
        let point = at;
        at += 1;
        while byte(at).is_ascii_digit() {
            at += 1;
        }
        if at == point + 1 {
            return refuse();
        }
    } else if at == begin {
        return refuse();
    }
    if matches!(byte(at), b'e' | b'E') {
        at = match exponent(&text[from..], at - from) {
            Some(length) => from + length,
            None => return refuse(),
        };
    }
    if byte(at) != end || at - from > VALUE_BYTES_MAX {
        return refuse();
    }
    Ok(at)
}

/// The length of a number whose exponent begins at `at`, if the number is finite.
#[cold]
fn exponent(number: &[u8], at: usize) -> Option<usize> {
    let signed = matches!(number.get(at + 1), Some(b'-' | b'+'));
    let begin = at + 1 + usize::from(signed);
    let digits = digits_from(number, begin);
    let length = begin + digits;
    if digits == 0 || length > VALUE_BYTES_MAX {
        return None;
    }
    let number: f64 = std::str::from_utf8(&number[..length]).ok()?.parse().ok()?;
    number.is_finite().then_some(length)
}

#[cfg(test)]
mod tests;
