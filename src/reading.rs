//! A measurement: `DATA|sensor_id|timestamp|temperature|humidity|pressure`, from text to fields, strictly. What is
//! accepted is kept as it was given.
#![forbid(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

mod grammar;
mod intake;
mod month;
mod row;
mod time;

pub use grammar::Checker;
pub use intake::emptied;
pub use month::Month;
pub use row::{append_row, row_fields, row_sequence, Row, CSV_HEADER, HEADER_LINE, ROW_BYTES_MAX};
pub use time::{unix_ms, unix_time};

/// How a payload begins.
pub const VERB: &[u8] = b"DATA|";

/// Ends the payload of a reading whose peer gave it the time of a clock that was not known to be set. It is not a part
/// of the row.
pub const UNSURE_TIME: &str = "|~";

/// Longest payload line without its LF, in bytes: the verb, a sensor id of 64, a timestamp of 40, three values of 24, and
/// the bars between.
pub const LINE_BYTES_MAX: usize = 192;

/// Longest timestamp, in bytes: RFC 3339 with nanoseconds and offset needs 35.
pub const TIMESTAMP_BYTES_MAX: usize = 40;

/// Longest value, in bytes: a double's 17 digits, sign, point and exponent.
pub const VALUE_BYTES_MAX: usize = 24;

/// Which field of a line is wrong, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct ReadingError {
    pub field: &'static str,
    pub reason: &'static str,
}

/// A line that cannot be a reading, whatever follows.
pub const LINE_TOO_LONG: ReadingError = ReadingError { field: "line", reason: "is longer than 192 bytes" };

/// The fields of a payload, as given; a value that was not measured is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    pub sensor_id: &'a str,
    pub timestamp: &'a str,
    pub temperature: &'a str,
    pub humidity: &'a str,
    pub pressure: &'a str,
}

/// Names of the fields, for messages.
pub(crate) const NAMES: [&str; 5] = ["sensor_id", "timestamp", "temperature", "humidity", "pressure"];

/// Checks a payload line, without its LF.
///
/// # Errors
/// Says which field is wrong, and why.
pub fn check(line: &[u8]) -> Result<Fields<'_>, ReadingError> {
    let fields = fields(line)?;
    if fields.timestamp.is_empty() {
        return Err(grammar::NO_TIMESTAMP);
    }
    Ok(fields)
}

/// Checks a line of a source, where the timestamp may be empty for "now", and every value has to be written as all
/// readers of its row read it.
///
/// # Errors
/// Says which field is wrong, and why.
pub fn check_input(line: &[u8]) -> Result<Fields<'_>, ReadingError> {
    if has_unsure_time(line) {
        return Err(grammar::SEVENTH_FIELD);
    }
    let fields = fields(line).map_err(|error| intake::unseen(line, error))?;
    intake::check(&fields)?;
    Ok(fields)
}

fn fields(line: &[u8]) -> Result<Fields<'_>, ReadingError> {
    let ends = Checker::new().whole(line)?;
    let text = std::str::from_utf8(line).expect("the grammar is ASCII");
    Ok(Fields {
        sensor_id: &text[VERB.len()..ends.sensor_id],
        timestamp: &text[ends.sensor_id + 1..ends.timestamp],
        temperature: &text[ends.timestamp + 1..ends.temperature],
        humidity: &text[ends.temperature + 1..ends.humidity],
        pressure: &text[ends.humidity + 1..ends.pressure],
    })
}

/// Whether the time of this checked payload is that of a clock that was not known to be set.
#[must_use]
pub fn has_unsure_time(payload: &[u8]) -> bool {
    payload.ends_with(UNSURE_TIME.as_bytes())
}

/// The timestamp of a checked payload.
#[must_use]
pub fn timestamp_of(payload: &[u8]) -> &str {
    let mut fields = payload.split(|byte| *byte == b'|');
    fields.nth(2).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("")
}

/// The sensor of a checked payload.
#[must_use]
pub fn sensor_of(payload: &[u8]) -> &[u8] {
    let rest = payload.strip_prefix(VERB).unwrap_or(payload);
    &rest[..memchr::memchr(b'|', rest).unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_said_of_a_long_line_is_its_bound() {
        assert_eq!(LINE_TOO_LONG.reason, format!("is longer than {LINE_BYTES_MAX} bytes"));
    }

    #[test]
    fn a_reading_of_the_contract_is_taken_as_it_is() {
        let line = b"DATA|EWR|2013-01-01T06:00:00Z|3.90|59.37|1012.0";
        let fields = check(line).unwrap();
        assert_eq!((fields.sensor_id, fields.temperature, fields.pressure), ("EWR", "3.90", "1012.0"));
        for good in [
            "DATA|a|2024-02-29T23:59:60.123456789+05:30|-1|.5|",
            "DATA|a|2013-01-01t06:00:00z|+1e3|1E-2|0",
            "DATA|a.b_c-d|2013-01-01T06:00:00Z|||",
        ] {
            assert!(check(good.as_bytes()).is_ok(), "{good}");
        }
        assert!(check_input(b"DATA|a||1|2|3").is_ok() && check(b"DATA|a||1|2|3").is_err());
    }

    #[test]
    fn a_payload_may_say_that_its_time_is_unsure_and_a_source_may_not() {
        for values in ["1|2|3", "1|2|", "||", "-1|.5|1e3"] {
            let plain = format!("DATA|a|1970-01-01T00:00:11.000Z|{values}");
            let marked = format!("{plain}{UNSURE_TIME}");
            assert_eq!(check(marked.as_bytes()), check(plain.as_bytes()));
            assert!(has_unsure_time(marked.as_bytes()) && !has_unsure_time(plain.as_bytes()));
            assert_eq!(Checker::new().line(format!("{marked}\nDATA").as_bytes()), Ok(marked.len()));
            assert_eq!(check_input(marked.as_bytes()), Err(grammar::SEVENTH_FIELD));
            let (mut row, mut same) = (Vec::new(), Vec::new());
            append_row(7, marked.as_bytes(), &mut row);
            append_row(7, plain.as_bytes(), &mut same);
            assert_eq!(row, same);
        }
        for bad in ["1|2|3|~~", "1|2|3|~|~", "1|2|3~", "1|2|x|~", "1|2|~"] {
            let line = format!("DATA|a|1970-01-01T00:00:11.000Z|{bad}");
            assert!(check(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn what_breaks_the_contract_is_refused_by_field() {
        for (bad, field) in [
            ("data|a|2013-01-01T06:00:00Z|1|2|3", "line"),
            ("DATA|../x|2013-01-01T06:00:00Z|1|2|3", "sensor_id"),
            ("DATA||2013-01-01T06:00:00Z|1|2|3", "sensor_id"),
            ("DATA|a||1|2|3", "timestamp"),
            ("DATA|a|2013-02-29T06:00:00Z|1|2|3", "timestamp"),
            ("DATA|a|2013-01-01 06:00:00Z|1|2|3", "timestamp"),
            ("DATA|a|2013-01-01T24:00:00Z|1|2|3", "timestamp"),
            ("DATA|a|2013-01-01T06:00:00|1|2|3", "timestamp"),
            ("DATA|a|2013-01-01T06:00:00.Z|1|2|3", "timestamp"),
            ("DATA|a|2013-01-01T06:00:00Z|nan|2|3", "temperature"),
            ("DATA|a|2013-01-01T06:00:00Z|1|inf|3", "humidity"),
            ("DATA|a|2013-01-01T06:00:00Z|1|2|1e999", "pressure"),
            ("DATA|a|2013-01-01T06:00:00Z|1|2|1.", "pressure"),
            ("DATA|a|2013-01-01T06:00:00Z|1|2|0x10", "pressure"),
            ("DATA|a|2013-01-01T06:00:00Z|1,5|2|3", "temperature"),
            ("DATA|a|2013-01-01T06:00:00Z|1|2", "pressure"),
            ("DATA|a|2013-01-01T06:00:00Z|1|2|3|4", "line"),
            ("DATA|ä|2013-01-01T06:00:00Z|1|2|3", "line"),
        ] {
            assert_eq!(check(bad.as_bytes()).unwrap_err().field, field, "{bad}");
        }
        let long = format!("DATA|a|2013-01-01T06:00:00Z|{}|2|3", "1".repeat(200));
        assert_eq!(check(long.as_bytes()).unwrap_err().field, "line");
    }

    proptest! {
        #[test]
        fn no_line_makes_the_check_panic(line in proptest::collection::vec(any::<u8>(), 0..220)) {
            let _ = check(&line);
        }
    }
}
