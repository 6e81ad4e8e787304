//! One line of a source -> a reading, and what is reported about it.

use crate::ids::SensorId;
use crate::reading::{self, ReadingError, LINE_BYTES_MAX};
use crate::sensors::clock::Stamp;
use crate::sensors::Clock;

/// Rows of two sources would be in one file, and nobody could tell them apart.
pub(super) const OF_ANOTHER: ReadingError =
    ReadingError { field: "sensor_id", reason: "is that of another source of this peer; see --sensor-id" };

/// This many characters of a line are shown.
const SHOWN_MAX: usize = 80;

/// What became of a line that was not refused.
pub(super) enum Appended {
    Blank,
    AsGiven,
    /// Without the values of these fields, which said that there are none.
    Without(Vec<&'static str>),
}

/// Appends a line as a reading.
pub(super) fn append(
    line: &[u8],
    beside: (&Stamp, &Clock, &[SensorId]),
    out: &mut Vec<u8>,
) -> Result<Appended, ReadingError> {
    let error = match append_checked(line, beside, out) {
        Ok(()) => return Ok(Appended::AsGiven),
        // Whatever is in it: of one that comes in pieces the beginning may be forgotten by now.
        Err(reading::LINE_TOO_LONG) => return Err(reading::LINE_TOO_LONG),
        Err(error) => error,
    };
    match reading::emptied(line) {
        Some((line, fields)) => append_checked(&line, beside, out).map(|()| Appended::Without(fields)),
        None => Err(error),
    }
}

/// The sensor that a line names, if it names one.
pub(super) fn sensor_of(line: &[u8]) -> String {
    let id = std::str::from_utf8(reading::sensor_of(line)).ok().and_then(|id| id.parse::<SensorId>().ok());
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// The beginning of a line, for people.
pub(super) fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN_MAX * 4)]);
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

pub(super) fn is_blank(line: &[u8]) -> bool {
    line.len() <= LINE_BYTES_MAX && line.trim_ascii().is_empty()
}

fn append_checked(
    line: &[u8],
    (arrived, clock, others): (&Stamp, &Clock, &[SensorId]),
    out: &mut Vec<u8>,
) -> Result<(), ReadingError> {
    let fields = reading::check_input(line)?;
    if others.iter().any(|id| id.as_str() == fields.sensor_id) {
        return Err(OF_ANOTHER);
    }
    if fields.timestamp.is_empty() {
        let before = reading::VERB.len() + fields.sensor_id.len() + 1;
        out.extend_from_slice(&line[..before]);
        out.extend_from_slice(arrived.text.as_bytes());
        out.extend_from_slice(&line[before..]);
        out.extend_from_slice(arrived.mark.as_bytes());
        clock.gave(arrived);
    } else {
        out.extend_from_slice(line);
    }
    out.push(b'\n');
    Ok(())
}
