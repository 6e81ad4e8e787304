//! Times of other programs as timestamps of readings.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::Timestamp;

use crate::config::form::TimeForm;
use crate::reading::ReadingError;
use crate::sensors::decimal::Decimal;

const fn wrong(reason: &'static str) -> ReadingError {
    ReadingError { field: "timestamp", reason }
}

const NUMBER: ReadingError =
    wrong("is a number; say of what in --stdin-fields, as in timestamp=NAME:unix, unix_ms, unix_us or unix_ns");
const NO_ZONE: ReadingError =
    wrong("has no zone; say which in --stdin-fields, as in timestamp=NAME:utc, NAME:local or NAME:+02:00");
const NO_NUMBER: ReadingError = wrong("is no number of a time since 1970");
const NO_TIME: ReadingError = wrong("is not of the form 2013-01-01 06:00:00");

/// A text with a zone stays as it is, but for a blank in place of its T. `form` is that of one that has none.
pub(super) fn timestamp(text: &str, form: Option<TimeForm>) -> Result<String, ReadingError> {
    if let Some(TimeForm::Unix(decimals)) = form {
        return since_1970(text, decimals).ok_or(NO_NUMBER);
    }
    let with_t = match text.as_bytes().get(10) {
        Some(b' ') => format!("{}T{}", &text.get(..10).ok_or(NO_TIME)?, &text[11..]),
        _ => text.to_owned(),
    };
    if has_zone(&with_t) {
        return Ok(with_t);
    }
    let zone = match form {
        _ if Decimal::parse(text).is_some() => return Err(NUMBER),
        Some(TimeForm::Zone(offset)) => TimeZone::fixed(offset),
        Some(TimeForm::Local) => TimeZone::system(),
        _ => return Err(NO_ZONE),
    };
    let time: DateTime = with_t.parse().map_err(|_| NO_TIME)?;
    let time = zone.to_ambiguous_timestamp(time).compatible().map_err(|_| NO_TIME)?;
    Ok(time.to_string())
}

/// Whether it ends with `Z` or with an offset such as `+02:00`.
fn has_zone(text: &str) -> bool {
    let time = text.get(11..).unwrap_or("");
    time.ends_with(['Z', 'z']) || time.contains(['+', '-'])
}

fn since_1970(text: &str, decimals: i32) -> Option<String> {
    const NANOSECOND: i32 = 9;
    let nanoseconds = Decimal::parse(text)?.moved(NANOSECOND - decimals).whole()?;
    Some(Timestamp::from_nanosecond(nanoseconds).ok()?.to_string())
}
