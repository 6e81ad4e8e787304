//! The grammar in one pass says of every line what a plain one says that takes it apart field by field.

use proptest::prelude::*;

use super::super::{fields, Fields};
use super::*;
use crate::ids::check_name;

/// The grammar field by field, as slow as it is plain.
fn plain(line: &[u8]) -> Result<Fields<'_>, ReadingError> {
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

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[+-]?[0-9]{0,3}(\\.[0-9]{0,3})?",
        1 => "[+-]?[0-9]{0,2}\\.?[0-9]{1,2}[eE][+-]?[0-9]{0,3}",
        1 => "[0-9]{20,30}",
        1 => Just(String::new()),
    ]
}

fn timestamp() -> impl Strategy<Value = String> {
    let date = "(19|20)[0-9]{2}-(0[0-9]|1[0-3])-[0-3][0-9]";
    let time = "[Tt ]([01][0-9]|2[0-4]):[0-6][0-9]:[0-6][0-9]";
    let zone = "(\\.[0-9]{0,12})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])?";
    let of = |form: String| proptest::string::string_regex(&form).unwrap();
    prop_oneof![
        3 => of(format!("2013-01-01{time}Z")),
        3 => of(format!("{date}T06:00:00{zone}")),
        1 => of(format!("{date}{time}{zone}")),
        1 => Just(String::new()),
    ]
}

/// Digits in the form of RFC 3339, with years and fractions that jiff can hold.
fn rfc_3339() -> impl Strategy<Value = String> {
    let date = "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]";
    let time = "[Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?";
    let zone = "([Zz]|[+-]([01][0-9]|2[0-3]):[0-6][0-9])";
    proptest::string::string_regex(&format!("{date}{time}{zone}")).unwrap()
}

/// Lines that are right or nearly so.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let sensor = prop_oneof![6 => "[A-Za-z0-9][A-Za-z0-9._-]{0,9}", 1 => "[a-z._]{0,2}[a-z/]{60,66}"];
    let values = proptest::collection::vec(field(), 3);
    let line = (sensor, timestamp(), values)
        .prop_map(|(sensor, at, values)| format!("DATA|{sensor}|{at}|{}", values.join("|")).into_bytes());
    let change =
        (any::<proptest::sample::Index>(), prop_oneof![any::<u8>(), Just(b'|'), Just(b'\n'), Just(b'0')], 0..3);
    (line, proptest::option::weighted(0.5, change)).prop_map(|(mut line, change)| {
        if let Some((at, byte, how)) = change {
            let at = at.index(line.len());
            match how {
                0 => line[at] = byte,
                1 => line.insert(at, byte),
                _ => drop(line.remove(at)),
            }
        }
        line
    })
}

/// What is said of a line. Where two things are wrong with one field, either may be told.
fn said<T>(checked: Result<T, ReadingError>) -> Result<T, &'static str> {
    checked.map_err(|error| error.field)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn every_line_is_what_the_plain_grammar_says(line in line()) {
        prop_assert_eq!(said(fields(&line)), said(plain(&line)));
    }

    #[test]
    fn of_texts_in_the_form_of_rfc_3339_those_are_taken_that_jiff_takes(text in rfc_3339()) {
        let taken = Checker::new().line(format!("DATA|s|{text}|1||").as_bytes()).is_ok();
        prop_assert_eq!(taken, text.parse::<jiff::Timestamp>().is_ok(), "{}", text);
    }

    #[test]
    fn no_bytes_are_taken_for_more_than_they_are(line in proptest::collection::vec(any::<u8>(), 0..220)) {
        prop_assert_eq!(said(fields(&line)), said(plain(&line)));
    }

    #[test]
    fn lines_in_a_row_are_what_each_is_alone(lines in proptest::collection::vec(line(), 1..6)) {
        let text = lines.join(&LF);
        let (mut checker, mut at) = (Checker::new(), 0);
        for line in text.split(|byte| *byte == LF) {
            let alone = plain(line).and_then(|fields| {
                if fields.timestamp.is_empty() { Err(NO_TIMESTAMP) } else { Ok(line.len()) }
            });
            prop_assert_eq!(said(checker.line(&text[at..])), said(alone));
            at += line.len() + 1;
        }
    }
}
