//! A reading as it is fed and as it is a row, and what lines of a log tell.

use std::fmt;

/// A time of the record, in nanoseconds since its begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0 / 1_000;
        write!(f, "{}.{:06} s", micros / 1_000_000, micros % 1_000_000)
    }
}

/// The row, but for its sequence, of a reading that was fed as this line.
pub(crate) fn row_of(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split('|').collect();
    let ["DATA", sensor, time, temperature, humidity, pressure] = fields[..] else { return None };
    Some([time, sensor, temperature, humidity, pressure].join(","))
}

/// The sensor of a row without its sequence.
pub(crate) fn sensor_of(text: &str) -> &str {
    text.split(',').nth(1).unwrap_or("")
}

/// Sequence and rest of a row.
pub(crate) fn split_row(row: &str) -> Option<(u64, &str)> {
    let (sequence, text) = row.split_once(',')?;
    let whole = text.split(',').count() == 5 && !sequence.starts_with('0');
    Some((sequence.parse().ok().filter(|_| whole)?, text))
}

/// What the log of a life says about its readings and those of others.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// This many readings of its input are delivered, and no more come.
    pub(crate) delivered: Option<u64>,
    /// It ended with this many readings that are not known to be committed.
    pub(crate) left_behind: u64,
    /// The peers of whose readings nobody has some.
    pub(crate) lost: Vec<String>,
}

pub(crate) fn read_log(log: &str) -> Told {
    let mut told = Told::default();
    for line in log.lines() {
        if let Some(count) = between(line, "End of input, ", " readings delivered") {
            told.delivered = count.parse().ok();
        }
        if let Some(count) = between(line, "not known to be committed: ", ";") {
            told.left_behind = count.parse().unwrap_or(0);
        }
        let lost = between(line, "Readings ", " are lost").and_then(|text| between(text, " of ", "/"));
        told.lost.extend(lost.map(str::to_owned));
    }
    told
}

fn between<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    line.split_once(before)?.1.split_once(after).map(|(text, _)| text)
}
