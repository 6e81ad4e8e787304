//! When a reading was taken, as a number. The timestamp itself is kept as it was given.

use jiff::Timestamp;

/// The time of a timestamp that the grammar has passed. A leap second is the second before. A time beyond the last that
/// can be counted, within a day of the year 10000, becomes that last one.
#[must_use]
pub fn unix_time(timestamp: &str) -> Timestamp {
    timestamp.parse().unwrap_or(Timestamp::MAX)
}

/// The same in milliseconds since 1970.
#[must_use]
pub fn unix_ms(timestamp: &str) -> i64 {
    unix_time(timestamp).as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_fractions_and_leap_seconds_are_counted() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t01:00:00.0015+01:00", 1),
            ("1969-12-31T23:59:59.9Z", -100),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("2017-01-01T05:29:60+05:30", 1_483_228_799_000),
            ("0000-01-01T00:00:00+23:59", -62_167_305_540_000),
        ] {
            assert_eq!(unix_ms(text), ms, "{text}");
        }
        assert_eq!(unix_time("9999-12-31T23:59:59Z"), Timestamp::MAX);
    }
}
