//! Influx line protocol: `measurement,tag=a field=1.5,other="text" 1700000000000000000`. The time is called `time`, the
//! measurement `_measurement`.

use super::Pair;
use crate::reading::ReadingError;

/// What the measurement is called.
pub(super) const MEASUREMENT: &str = "_measurement";

const BROKEN: ReadingError =
    ReadingError { field: "line", reason: "is not of the form measurement,tag=value field=value time" };

/// `None`: it is a comment.
pub(super) fn pairs(line: &str) -> Result<Option<Vec<Pair>>, ReadingError> {
    if line.starts_with('#') {
        return Ok(None);
    }
    let (head, rest) = once(line, ' ', false).ok_or(BROKEN)?;
    let (fields, time) = once(rest.trim_start(), ' ', true).unwrap_or((rest.trim_start(), ""));
    let (measurement, mut tags) = once(head, ',', false).map_or((head, None), |(name, tags)| (name, Some(tags)));
    let mut pairs = vec![(MEASUREMENT.to_owned(), plain(measurement))];
    while let Some(text) = tags {
        let (tag, rest) = next(text, false);
        let (name, value) = once(tag, '=', false).ok_or(BROKEN)?;
        pairs.push((plain(name), plain(value)));
        tags = rest;
    }
    let mut fields = Some(fields);
    while let Some(text) = fields {
        let (field, rest) = next(text, true);
        let (name, value) = once(field, '=', false).ok_or(BROKEN)?;
        pairs.push((plain(name), of_field(value)));
        fields = rest;
    }
    if !time.trim().is_empty() {
        pairs.push(("time".to_owned(), time.trim().to_owned()));
    }
    Ok(Some(pairs))
}

/// Up to the next comma, and what is after it.
fn next(text: &str, quotes: bool) -> (&str, Option<&str>) {
    once(text, ',', quotes).map_or((text, None), |(one, rest)| (one, Some(rest)))
}

/// Before and after the first separator that is not escaped, and where `quotes` count not between them.
fn once(text: &str, separator: char, quotes: bool) -> Option<(&str, &str)> {
    let (mut escaped, mut inside) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if quotes => inside = !inside,
            _ if c == separator && !inside => return Some((&text[..at], &text[at + c.len_utf8()..])),
            _ => {}
        }
    }
    None
}

/// Without the escapes of names and tags.
fn plain(text: &str) -> String {
    [",", "=", " "].iter().fold(text.to_owned(), |text, special| text.replace(&format!("\\{special}"), special))
}

/// A text without its quotes, a whole number without the letter that says that it is one.
fn of_field(text: &str) -> String {
    if let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return text.replace("\\\"", "\"").replace("\\\\", "\\");
    }
    let number = text.strip_suffix(['i', 'u']).unwrap_or(text);
    let digits = number.strip_prefix('-').unwrap_or(number);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        number.to_owned()
    } else {
        text.to_owned()
    }
}
