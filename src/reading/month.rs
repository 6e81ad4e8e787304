//! The month of a reading: that of its time in UTC, whatever offset its timestamp was given with.

use std::fmt;

use jiff::tz::Offset;
use jiff::Timestamp;

use super::{row_fields, sensor_of, unix_time, VERB};

/// A month of UTC, from 0000-01 to 9999-12. Times before or after these are counted into the first or the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month([u8; BYTES]);

/// `2026-11`.
const BYTES: usize = 7;

const FIRST: Month = Month(*b"0000-01");

impl Month {
    /// The month of a timestamp that the grammar has passed. A leap second belongs to its minute.
    #[must_use]
    pub fn of(timestamp: &str) -> Self {
        let text = timestamp.as_bytes();
        // No offset is as long as a day, so in the middle of a month it does not matter; and mostly there is none.
        let is_plain = matches!(text.last(), Some(b'Z' | b'z'))
            || text.get(8..10).is_some_and(|day| (&b"02"[..]..=b"27").contains(&day));
        match Self::parse(text.get(..BYTES).unwrap_or_default()) {
            Some(month) if is_plain => month,
            _ => Self::of_time(unix_time(timestamp)),
        }
    }

    /// The month of a checked payload.
    #[must_use]
    pub fn of_payload(payload: &[u8]) -> Self {
        let rest = payload.get(VERB.len() + sensor_of(payload).len() + 1..).unwrap_or_default();
        let timestamp = &rest[..memchr::memchr(b'|', rest).unwrap_or(rest.len())];
        Self::of(std::str::from_utf8(timestamp).unwrap_or_default())
    }

    /// The month of a row; `None` where the line is none.
    #[must_use]
    pub fn of_row(line: &[u8]) -> Option<Self> {
        row_fields(line).map(|(_, fields)| Self::of(fields.timestamp))
    }

    /// The month of a time in milliseconds since 1970.
    #[must_use]
    pub fn of_ms(time: i64) -> Self {
        let limit = if time < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self::of_time(Timestamp::from_millisecond(time).unwrap_or(limit))
    }

    fn of_time(time: Timestamp) -> Self {
        let date = Offset::UTC.to_datetime(time).date();
        if date.year() < 0 {
            return FIRST;
        }
        let text = format!("{:04}-{:02}", date.year(), date.month());
        Self::parse(text.as_bytes()).expect("a year of four digits, and a month")
    }

    /// Reads `2026-11`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: [u8; BYTES] = text.try_into().ok()?;
        let [year @ .., b'-', ten, one] = text else { return None };
        let is_month = matches!((ten, one), (b'0', b'1'..=b'9') | (b'1', b'0'..=b'2'));
        (is_month && year.iter().all(u8::is_ascii_digit)).then_some(Self(text))
    }

    /// As it is written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).expect("digits and a hyphen"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::unix_ms;
    use super::*;

    #[test]
    fn the_month_is_that_of_utc() {
        for (timestamp, month) in [
            ("2026-11-26T14:00:00Z", "2026-11"),
            ("2026-11-30T23:59:59.999z", "2026-11"),
            ("2026-11-30T23:59:59.9999999999Z", "2026-11"),
            ("2026-12-01T00:00:00.00000000000+01:00", "2026-11"),
            ("2026-12-01T00:00:00Z", "2026-12"),
            ("2026-12-01T00:59:59+01:00", "2026-11"),
            ("2026-12-01T01:00:00+01:00", "2026-12"),
            ("2026-11-30T23:00:00-01:00", "2026-12"),
            ("2026-12-31T23:59:60Z", "2026-12"),
            ("2027-01-01T05:29:60+05:30", "2026-12"),
            ("2027-01-01T00:00:00+23:59", "2026-12"),
            ("2024-02-29T12:00:00-23:59", "2024-03"),
            ("2026-11-02T00:00:00+23:59", "2026-11"),
            ("0000-01-01T00:00:00+23:59", "0000-01"),
            ("9999-12-31T23:59:59-23:59", "9999-12"),
            ("9999-12-31T23:59:59Z", "9999-12"),
        ] {
            assert_eq!(Month::of(timestamp).to_string(), month, "{timestamp}");
            let payload = format!("DATA|a|{timestamp}|1|2|3");
            assert_eq!(Month::of_payload(payload.as_bytes()), Month::of(timestamp));
            let row = format!("7,{timestamp},a,1,2,3\n");
            assert_eq!(Month::of_row(row.as_bytes()), Some(Month::of(timestamp)));
        }
        assert_eq!(Month::of_row(b"sequence,timestamp\n"), None);
    }

    #[test]
    fn what_is_no_month_is_not_read() {
        for text in ["", "2026-00", "2026-13", "2026-1", "2026-111", "026-111", "2026_11", "-026-11", "2026-+1"] {
            assert_eq!(Month::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn any_number_of_milliseconds_has_a_month() {
        for (time, month) in [(i64::MIN, "0000-01"), (-1, "1969-12"), (0, "1970-01"), (i64::MAX, "9999-12")] {
            assert_eq!(Month::of_ms(time).to_string(), month);
        }
    }

    proptest! {
        #[test]
        fn it_is_the_month_of_the_time(
            date in (0..=9999_u32, 1..=12_u32, prop_oneof![1..=2_u32, 27..=28_u32, 3..=26_u32]),
            time in (0..24_u32, 0..60_u32, 0..=60_u32), offset in ("[+-]", 0..24_u32, 0..60_u32),
            fraction in "(\\.[0-9]{1,14})?",
        ) {
            let ((year, month, day), (hour, minute, second), (sign, hours, minutes)) = (date, time, offset);
            let local = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}");
            for zone in ["Z".to_owned(), format!("{sign}{hours:02}:{minutes:02}")] {
                let timestamp = format!("{local}{zone}");
                prop_assert_eq!(Month::of(&timestamp), Month::of_ms(unix_ms(&timestamp)), "{}", timestamp);
            }
        }
    }
}
