//! Lengths of time in a scenario, exact to the nanosecond: what is written is read back as it was.

use std::time::Duration;

use crate::protocol::Time;

const UNITS: [(&str, u64); 5] =
    [("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// Longer ones are mistakes.
const MAX: Time = Duration::from_secs(24 * 3600);

/// Reads `1.5s`, `200ms`, `3m`, or a bare number of seconds.
pub(crate) fn parse(text: &str) -> Result<Time, String> {
    let wrong = || "no length of time; as in 1.5s, 200ms or 3m".to_owned();
    let number_end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let unit = if unit.is_empty() { "s" } else { unit };
    let nanos = UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, nanos)| nanos).ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let mut sum = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(nanos)).ok_or_else(wrong)?;
    let mut part = nanos;
    for digit in fraction.chars() {
        part /= 10;
        sum = sum.saturating_add(u64::from(digit.to_digit(10).ok_or_else(wrong)?) * part);
    }
    let time = Duration::from_nanos(sum);
    if fraction.is_empty() {
        return Err(wrong());
    }
    if time > MAX {
        return Err("too long; at most 24h".to_owned());
    }
    Ok(time)
}

/// In seconds, with as many digits as it takes.
pub(super) fn text(time: Time) -> String {
    let digits = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
    format!("{}s", digits.trim_end_matches('0').trim_end_matches('.'))
}
