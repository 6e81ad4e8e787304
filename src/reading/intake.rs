//! What a source has to keep to beside the grammar. If readers of CSV files take one value for text, or do not take it
//! at all, the whole column is lost. So such forms are refused at the source, while a log that has them, from an
//! earlier version or another peer, stays readable.

use super::{Fields, ReadingError, NAMES};

/// What sources write instead of a number, in capital or small letters.
const NOT_MEASURED: [&[u8]; 11] =
    [b"nan", b"inf", b"infinity", b"null", b"nil", b"none", b"na", b"n/a", b"unknown", b"unavailable", b"undefined"];

/// Checks that every reader of the row of a checked reading reads the same.
pub(super) fn check(fields: &Fields) -> Result<(), ReadingError> {
    if !fields.timestamp.is_empty() {
        check_timestamp(fields.timestamp.as_bytes())?;
    }
    let values = [fields.temperature, fields.humidity, fields.pressure];
    for (value, field) in values.into_iter().zip(&NAMES[2..]) {
        check_number(value.as_bytes()).map_err(|reason| ReadingError { field, reason })?;
    }
    Ok(())
}

fn check_number(number: &[u8]) -> Result<(), &'static str> {
    match number {
        [b'+', ..] => Err("begins with '+', for which many readers take it for text; leave it out"),
        [b'0', b'0'..=b'9', ..] | [b'-', b'0', b'0'..=b'9', ..] => {
            Err("has leading zeros, for which many readers take it for text; write 7.5, not 007.5")
        }
        _ => Ok(()),
    }
}

/// Checks a timestamp that the grammar has passed.
fn check_timestamp(text: &[u8]) -> Result<(), ReadingError> {
    let reason = if text[10] == b't' || text.ends_with(b"z") {
        "has a lower-case t or z, which many readers do not load; write 2013-01-01T06:00:00Z"
    } else if text[17..19] == *b"60" && !is_last_of_a_day(text) {
        "has second 60 at another time than 23:59 UTC, which no leap second has"
    } else if text.starts_with(b"0000") {
        "is of the year 0000, which many readers do not load"
    } else {
        return Ok(());
    };
    Err(ReadingError { field: NAMES[1], reason })
}

/// Whether it is 23:59 in UTC.
fn is_last_of_a_day(text: &[u8]) -> bool {
    const DAY: i32 = 24 * 60;
    let minutes = |at: usize| {
        let pair = |at: usize| i32::from(text[at] - b'0') * 10 + i32::from(text[at + 1] - b'0');
        pair(at) * 60 + pair(at + 3)
    };
    let zone = text.len() - "+00:00".len();
    let offset = match text[zone] {
        _ if text.ends_with(b"Z") => 0,
        b'-' => -minutes(zone + 1),
        _ => minutes(zone + 1),
    };
    (minutes(11) - offset).rem_euclid(DAY) == DAY - 1
}

/// A refused line of a source, to be checked again: each value that says that nothing was measured (`nan`, `N/A`,
/// `unavailable` …) is empty. Also the names of these values. `None` where there are none.
#[cold]
#[must_use]
pub fn emptied(line: &[u8]) -> Option<(Vec<u8>, Vec<&'static str>)> {
    let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b'|').collect();
    let mut names = Vec::new();
    // The first field is the verb, which has no name; then come the id, the timestamp, and the values.
    for (field, name) in fields.iter_mut().skip(1).zip(NAMES).skip(2) {
        if says_not_measured(field) {
            *field = b"";
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| (fields.join(&b'|'), names))
}

fn says_not_measured(value: &[u8]) -> bool {
    let word = match value {
        [b'-' | b'+', rest @ ..] => rest,
        _ => value,
    };
    matches!(value, b"-" | b"--") || NOT_MEASURED.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Names a fault that nobody sees in a field: a blank, a tab, or a CR too many.
#[cold]
pub(super) fn unseen(line: &[u8], error: ReadingError) -> ReadingError {
    let at = NAMES.iter().position(|name| *name == error.field);
    let Some(field) = at.and_then(|at| line.split(|byte| *byte == b'|').nth(at + 1)) else { return error };
    let reason = match field {
        [.., b'\r'] => "ends with CR; a line may end with LF or CR LF, not with CR CR LF",
        [b' ', ..] => "begins with a blank",
        [b'\t', ..] => "begins with a tab",
        [.., b' '] => "ends with a blank",
        [.., b'\t'] => "ends with a tab",
        _ => return error,
    };
    ReadingError { reason, ..error }
}

#[cfg(test)]
mod tests {
    use super::super::{check, check_input};
    use super::*;

    fn refusal(line: &str) -> String {
        check_input(line.as_bytes()).expect_err(line).to_string()
    }

    #[test]
    fn numbers_that_readers_take_for_text_are_refused_at_a_source_and_read_from_a_log() {
        for (value, said) in [
            ("+5", "begins with '+'"),
            ("+.5", "begins with '+'"),
            ("007.5", "has leading zeros"),
            ("00", "has leading zeros"),
            ("-07", "has leading zeros"),
            ("00.5e3", "has leading zeros"),
        ] {
            for (at, name) in NAMES[2..].iter().enumerate() {
                let mut values = ["1", "2", "3"];
                values[at] = value;
                let line = format!("DATA|a|2013-01-01T06:00:00Z|{}", values.join("|"));
                assert!(refusal(&line).starts_with(&format!("{name} {said}")), "{line}: {}", refusal(&line));
                assert!(check(line.as_bytes()).is_ok(), "{line}");
            }
        }
        for good in ["0", "-0", "0.5", "-0.5", ".5", "-.5", "10", "1e3", "1e+03", "1E-2", "0e0", "0.007"] {
            assert!(check_input(format!("DATA|a||{good}||").as_bytes()).is_ok(), "{good}");
        }
    }

    #[test]
    fn timestamps_that_readers_do_not_load_are_refused_at_a_source_and_read_from_a_log() {
        for (timestamp, said) in [
            ("2013-01-01t06:00:00Z", "lower-case"),
            ("2013-01-01T06:00:00z", "lower-case"),
            ("2013-01-01T06:00:00.25z", "lower-case"),
            ("2013-01-01T06:00:60Z", "second 60"),
            ("2012-06-30T23:59:60+01:00", "second 60"),
            ("2012-07-01T00:59:60.5-01:00", "second 60"),
            ("0000-01-01T00:00:00Z", "year 0000"),
        ] {
            let line = format!("DATA|a|{timestamp}|1|2|3");
            let refusal = refusal(&line);
            assert!(refusal.starts_with("timestamp ") && refusal.contains(said), "{line}: {refusal}");
            assert!(check(line.as_bytes()).is_ok(), "{line}");
        }
        for good in [
            "2012-06-30T23:59:60Z",
            "2012-06-30T23:59:60.123456789Z",
            "2012-07-01T01:59:60+02:00",
            "2012-07-01T05:29:60.5+05:30",
            "2012-06-30T18:59:60-05:00",
            "2012-06-30T00:00:60+00:01",
            "2013-01-01T06:00:00-00:00",
        ] {
            assert!(check_input(format!("DATA|a|{good}|1||").as_bytes()).is_ok(), "{good}");
        }
    }

    #[test]
    fn words_for_not_measured_leave_their_values_empty_and_nothing_else() {
        for word in
            ["nan", "NaN", "-NaN", "inf", "+Infinity", "-", "--", "null", "None", "unknown", "unavailable", "N/A"]
        {
            let line = format!("DATA|a|2013-01-01T06:00:00Z|1|{word}|3");
            assert!(refusal(&line).starts_with("humidity"), "{line}");
            let (mended, names) = emptied(line.as_bytes()).unwrap();
            assert_eq!((&mended[..], &names[..]), (&b"DATA|a|2013-01-01T06:00:00Z|1||3"[..], &["humidity"][..]));
        }
        let (mended, names) = emptied(b"DATA|nan|2013-01-01T06:00:00Z|null|NA|none").unwrap();
        assert_eq!(mended, b"DATA|nan|2013-01-01T06:00:00Z|||");
        assert_eq!(names, ["temperature", "humidity", "pressure"]);
        for other in ["DATA|a||1|warm|3", "DATA|nan|unknown|1|2|3", "DATA|a||1|nane|0x10", "nan", ""] {
            assert_eq!(emptied(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn invisible_faults_are_named() {
        for (line, said) in [
            ("DATA|a||1|2|3 ", "pressure ends with a blank"),
            ("DATA|a||1|2|3\t", "pressure ends with a tab"),
            ("DATA|a||1|2|3\r", "pressure ends with CR; a line may end with LF or CR LF, not with CR CR LF"),
            ("DATA|a||1|2| ", "pressure begins with a blank"),
            ("DATA|a|| 1|2|3", "temperature begins with a blank"),
            ("DATA|a||1|2\t|3", "humidity ends with a tab"),
            ("DATA|a |2013-01-01T06:00:00Z|1|2|3", "sensor_id ends with a blank"),
            ("DATA|a|\t2013-01-01T06:00:00Z|1|2|3", "timestamp begins with a tab"),
            ("DATA|a||1|2|x", "pressure is not a finite decimal number"),
        ] {
            assert_eq!(refusal(line), said, "{line:?}");
        }
    }
}
