//! A measurement: `DATA|sensor_id|timestamp|temperature|humidity|pressure`, text <-> fields, strict. What is accepted is
//! kept as it was given.

use crate::ids::check_name;

/// How a payload begins.
pub const VERB: &[u8] = b"DATA|";

/// Longest payload line without its LF, in bytes: the verb, a sensor id of 64, a timestamp of 40, three values of 24, and
/// the bars between.
pub const LINE_BYTES_MAX: usize = 192;

/// Longest timestamp, in bytes: RFC 3339 with nanoseconds and offset needs 35.
pub const TIMESTAMP_BYTES_MAX: usize = 40;

/// Longest value, in bytes: a double's 17 digits, sign, point and exponent.
pub const VALUE_BYTES_MAX: usize = 24;

/// First line of every CSV file, without its LF.
pub const CSV_HEADER: &str = "sequence,timestamp,sensor_id,temperature_c,humidity_pct,pressure_hpa";

/// Which field of a line is wrong, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct ReadingError {
    pub field: &'static str,
    pub reason: &'static str,
}

/// A line that cannot be a reading, however it goes on.
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
const NAMES: [&str; 5] = ["sensor_id", "timestamp", "temperature", "humidity", "pressure"];

fn wrong(field: &'static str, reason: &'static str) -> ReadingError {
    ReadingError { field, reason }
}

/// Checks a payload line, without its LF.
///
/// # Errors
/// Says which field is wrong, and why.
pub fn check(line: &[u8]) -> Result<Fields<'_>, ReadingError> {
    let fields = check_input(line)?;
    if fields.timestamp.is_empty() {
        return Err(wrong("timestamp", "is empty"));
    }
    Ok(fields)
}

/// Checks a line of a source, where the timestamp may be empty for "now".
///
/// # Errors
/// Says which field is wrong, and why.
pub fn check_input(line: &[u8]) -> Result<Fields<'_>, ReadingError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(LINE_TOO_LONG);
    }
    let Some(rest) = line.strip_prefix(VERB) else {
        return Err(wrong("line", "does not begin with DATA|"));
    };
    if !rest.is_ascii() {
        return Err(wrong("line", "holds a character that is not ASCII"));
    }
    let text = std::str::from_utf8(rest).map_err(|_| wrong("line", "is not UTF-8"))?;
    let mut fields = [""; 5];
    let mut parts = text.split('|');
    for (field, name) in fields.iter_mut().zip(NAMES) {
        *field = parts.next().ok_or(wrong(name, "is missing"))?;
    }
    if parts.next().is_some() {
        return Err(wrong("line", "has more than six fields"));
    }
    let [sensor_id, timestamp, temperature, humidity, pressure] = fields;
    check_name(sensor_id.as_bytes()).map_err(|_| {
        wrong("sensor_id", "must be 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit")
    })?;
    if !timestamp.is_empty() {
        check_timestamp(timestamp.as_bytes())?;
    }
    for (value, name) in [temperature, humidity, pressure].into_iter().zip(&NAMES[2..]) {
        check_value(value.as_bytes(), name)?;
    }
    Ok(Fields { sensor_id, timestamp, temperature, humidity, pressure })
}

/// RFC 3339: `2013-01-01T06:00:00.25Z`, or with an offset.
fn check_timestamp(text: &[u8]) -> Result<(), ReadingError> {
    let bad = wrong("timestamp", "is not of the form 2013-01-01T06:00:00Z (RFC 3339)");
    if text.len() > TIMESTAMP_BYTES_MAX || text.len() < 20 {
        return Err(bad);
    }
    let pair = |at: usize| two_digits(text, at).ok_or(bad);
    let separators = [(4, b"-"), (7, b"-"), (10, b"T"), (13, b":"), (16, b":")];
    if separators.iter().any(|(at, separator)| !text[*at].eq_ignore_ascii_case(&separator[0])) {
        return Err(bad);
    }
    let year = pair(0)? * 100 + pair(2)?;
    let (month, day, hour, minute, second) = (pair(5)?, pair(8)?, pair(11)?, pair(14)?, pair(17)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    if day == 0 || day > days || hour > 23 || minute > 59 || second > 60 {
        return Err(wrong("timestamp", "names a date or time that does not exist"));
    }
    let mut zone = &text[19..];
    if let Some(fraction) = zone.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(bad);
        }
        zone = &fraction[digits..];
    }
    match zone {
        [b'Z' | b'z'] => Ok(()),
        [b'+' | b'-', _, _, b':', _, _] => match (two_digits(zone, 1), two_digits(zone, 4)) {
            (Some(hours), Some(minutes)) if hours <= 23 && minutes <= 59 => Ok(()),
            _ => Err(bad),
        },
        _ => Err(bad),
    }
}

fn two_digits(text: &[u8], at: usize) -> Option<u32> {
    let (tens, ones) = (text.get(at)?, text.get(at + 1)?);
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

/// A finite decimal number: sign, digits, fraction, exponent. Empty where nothing was measured.
fn check_value(text: &[u8], name: &'static str) -> Result<(), ReadingError> {
    if text.is_empty() {
        return Ok(());
    }
    let bad = wrong(name, "is not a finite decimal number");
    if text.len() > VALUE_BYTES_MAX {
        return Err(wrong(name, "has more than 24 characters"));
    }
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    let mut mantissa = whole;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        mantissa += length;
        rest = &fraction[length..];
        if length == 0 {
            return Err(bad);
        }
    }
    if mantissa == 0 {
        return Err(bad);
    }
    if rest.is_empty() {
        return Ok(());
    }
    let exponent = rest.strip_prefix(b"e").or(rest.strip_prefix(b"E")).ok_or(bad)?;
    let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
    if exponent.is_empty() || digits(exponent) != exponent.len() {
        return Err(bad);
    }
    let text = std::str::from_utf8(text).map_err(|_| bad)?;
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(()),
        _ => Err(bad),
    }
}

/// Whose reading a checked payload is.
#[must_use]
pub fn sensor_of(payload: &[u8]) -> &[u8] {
    let rest = payload.strip_prefix(VERB).unwrap_or(payload);
    &rest[..memchr::memchr(b'|', rest).unwrap_or(rest.len())]
}

/// Appends the CSV row of a checked payload, LF included. The fields' grammar leaves nothing to quote.
pub fn append_row(sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    append_decimal(sequence, out);
    let sensor = sensor_of(payload);
    let rest = payload.get(VERB.len() + sensor.len() + 1..).unwrap_or(b"");
    let end = memchr::memchr(b'|', rest).unwrap_or(rest.len());
    out.push(b',');
    out.extend_from_slice(&rest[..end]);
    out.push(b',');
    out.extend_from_slice(sensor);
    let values = out.len();
    out.extend_from_slice(&rest[end..]);
    for byte in &mut out[values..] {
        if *byte == b'|' {
            *byte = b',';
        }
    }
    out.push(b'\n');
}

fn append_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        assert!(check_input(b"DATA|a||1|2|3").is_ok());
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
        fn no_line_makes_it_panic(line in proptest::collection::vec(any::<u8>(), 0..220)) {
            let _ = check(&line);
        }

        #[test]
        fn rows_are_what_a_csv_reader_reads(
            sequence in any::<u64>(),
            sensor in "[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
            values in proptest::collection::vec(proptest::option::of(-1e6f64..1e6), 3),
        ) {
            let text = |value: &Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
            let values: Vec<String> = values.iter().map(text).collect();
            let payload = format!("DATA|{sensor}|2013-01-01T06:00:00Z|{}", values.join("|"));
            prop_assert!(check(payload.as_bytes()).is_ok());
            let mut file = format!("{CSV_HEADER}\n").into_bytes();
            append_row(sequence, payload.as_bytes(), &mut file);
            let mut reader = csv::Reader::from_reader(&file[..]);
            let record = reader.records().next().unwrap().unwrap();
            let expected = [&sequence.to_string(), "2013-01-01T06:00:00Z", &sensor, &values[0], &values[1], &values[2]];
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), expected);
        }
    }
}
