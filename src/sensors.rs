//! Where readings come from: one file a kind of source. A source makes readings; when it is asked, and what becomes of
//! them, is up to the thread that asks.

mod iio;
mod mock;
mod stdin;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use iio::Iio;
pub use mock::Mock;
pub use stdin::{Input, StandardInput, Stdin};

use crate::complaints::Complaints;
use crate::config::SensorSource;
use crate::ids::SensorId;
use crate::wire::batch::READINGS_MAX;
use crate::wire::Lines;

/// Tells the time of day; only the timestamps of readings come from it.
pub struct Clock(Box<dyn Fn() -> Timestamp + Send>);

impl Clock {
    /// A clock that asks `now` each time.
    #[must_use]
    pub fn new(now: impl Fn() -> Timestamp + Send + 'static) -> Self {
        Self(Box::new(now))
    }

    fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// A source is asked once there is room for so many readings: for a whole request, so that a fast one is asked seldom.
pub const ROOM_READINGS: u64 = READINGS_MAX;

/// What a source gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// At least one reading.
    Readings(Lines),
    /// No reading this time; ask again.
    Nothing,
    /// No reading, now and ever.
    End,
}

/// Makes readings.
pub trait Source: Send {
    /// How often to call `take`; `None`: without a pause, it blocks until there is something.
    fn interval(&self) -> Option<Duration>;

    /// Gives at most `room` readings, and at most what one request holds (`READINGS_MAX`, `BODY_BYTES_MAX`). Without
    /// room it gives [`Taken::Nothing`] and loses nothing.
    fn take(&mut self, room: u64) -> Taken;

    /// How many readings it gave so far.
    fn readings(&self) -> u64;

    /// What it is, for log lines: `mock`, `stdin`, `iio:<directory>`.
    fn describe(&self) -> String;
}

/// Why a source cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SensorError {
    /// The directory is not there, or no directory.
    #[error(
        "--sensor iio:{directory}: {cause}; name the directory of a device, e.g. iio:/sys/bus/iio/devices/iio:device0"
    )]
    Directory { directory: String, cause: String },
    /// The directory holds none of the files.
    #[error(
        "--sensor iio:{directory}: the directory holds none of in_temp_input, in_humidityrelative_input and \
         in_pressure_input; name a device whose driver gives converted values (in_*_raw alone is not enough)"
    )]
    Measures { directory: String },
}

/// Opens sources; `ids` are of those that take one, in their order. `seed` is of the random walk of made-up readings: of
/// one seed, they are the same.
///
/// # Errors
/// [`SensorError`] where one cannot be read at all.
pub fn open(
    sources: &[SensorSource],
    ids: &[SensorId],
    interval: Duration,
    seed: u64,
    (now, complaints): (fn() -> Timestamp, &Arc<Complaints>),
) -> Result<Vec<Box<dyn Source>>, SensorError> {
    let mut next = ids.iter().cloned();
    let mut id = || next.next().expect("there is an id for each source that takes one");
    let mut opened: Vec<Box<dyn Source>> = Vec::with_capacity(sources.len());
    for source in sources {
        let clock = Clock::new(now);
        opened.push(match source {
            SensorSource::Mock => Box::new(Mock::new(id(), interval, seed, clock)),
            SensorSource::Stdin => {
                Box::new(Stdin::new(StandardInput::open(), clock, Arc::clone(complaints)).beside(ids.to_vec()))
            }
            SensorSource::Iio(directory) => {
                Box::new(Iio::open(directory, id(), interval, clock, Arc::clone(complaints))?)
            }
        });
    }
    Ok(opened)
}

/// A time as the timestamp of a reading: RFC 3339, UTC, milliseconds.
fn text_of(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// One reading as lines. Its maker has checked the values.
fn one(id: &SensorId, time: Timestamp, temperature: &str, humidity: &str, pressure: &str) -> Lines {
    let line = format!("DATA|{id}|{}|{temperature}|{humidity}|{pressure}\n", text_of(time));
    debug_assert_eq!(crate::reading::check(line.trim_end().as_bytes()).err(), None, "{line}");
    Lines::new(line.into_bytes(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        for (time, text) in [
            ("2013-01-01T06:00:00Z", "2013-01-01T06:00:00.000Z"),
            ("2024-02-29T23:59:59.999999999Z", "2024-02-29T23:59:59.999Z"),
            ("2024-03-01T01:30:00.25+02:00", "2024-02-29T23:30:00.250Z"),
        ] {
            assert_eq!(text_of(time.parse().unwrap()), text);
        }
    }

    #[test]
    fn each_source_of_the_configuration_opens_as_what_it_is() {
        let open = |sources: &[SensorSource], ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|id| id.parse().unwrap()).collect();
            let opened = open(sources, &ids, Duration::from_secs(1), 1, (Timestamp::now, &Arc::default()))?;
            Ok(opened.iter().map(|source| source.describe()).collect::<Vec<_>>())
        };
        assert_eq!(open(&[SensorSource::Mock, SensorSource::Stdin], &["s"]).unwrap(), ["mock", "stdin"]);
        let absent = SensorSource::Iio("/no/such/directory".into());
        assert!(matches!(open(&[absent], &["s"]), Err(SensorError::Directory { .. })));
    }
}
