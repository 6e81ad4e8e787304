//! When a reading was taken, as a number. The timestamp itself is kept as it was given.

use jiff::Timestamp;

/// A fraction of a second with more digits is finer than nanoseconds, and jiff refuses it.
const DIGITS_MAX: usize = 9;

/// The time of a timestamp that the grammar has passed. A leap second is the second before. Of a fraction, whole
/// nanoseconds count. A time beyond the last that can be counted, 26 hours before the year 10000 in UTC, becomes that last one.
#[must_use]
pub fn unix_time(timestamp: &str) -> Timestamp {
    let time = timestamp.parse().or_else(|_| in_nanoseconds(timestamp).parse());
    time.unwrap_or(Timestamp::MAX)
}

/// The same timestamp with at most nine digits in its fraction.
fn in_nanoseconds(timestamp: &str) -> String {
    let Some((seconds, rest)) = timestamp.split_once('.') else { return timestamp.to_owned() };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    [seconds, ".", &rest[..digits.min(DIGITS_MAX)], &rest[digits..]].concat()
}

/// The same in milliseconds since 1970.
#[must_use]
pub fn unix_ms(timestamp: &str) -> i64 {
    unix_time(timestamp).as_millisecond()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::check;
    use super::*;

    proptest! {
        #[test]
        fn what_is_finer_than_a_nanosecond_does_not_count(
            (year, day) in (0..=9999_u16, 1..=28_u8), digits in "[0-9]{9}", finer in "[0-9]{0,5}",
            zone in "Z|[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]",
        ) {
            let at = |digits: &str| format!("{year:04}-02-{day:02}T06:00:00.{digits}{zone}");
            let (text, nanoseconds) = (at(&(digits.clone() + &finer)), at(&digits));
            prop_assert!(check(format!("DATA|s|{text}|1||").as_bytes()).is_ok(), "{}", text);
            prop_assert_eq!(unix_time(&text), nanoseconds.parse().unwrap(), "{}", text);
        }
    }

    #[test]
    fn offsets_fractions_and_leap_seconds_are_counted() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t01:00:00.0015+01:00", 1),
            ("1969-12-31T23:59:59.9Z", -100),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("2017-01-01T05:29:60+05:30", 1_483_228_799_000),
            ("2026-01-01T00:00:00.12345678999Z", 1_767_225_600_123),
            ("0000-01-01T00:00:00+23:59", -62_167_305_540_000),
        ] {
            assert_eq!(unix_ms(text), ms, "{text}");
        }
        assert_eq!(unix_time("9999-12-31T23:59:59Z"), Timestamp::MAX);
    }
}
