//! Where readings come from: one file a kind of source. A source makes readings; when it is asked, and what becomes of
//! them, is up to the thread that asks.
//!
//! `device` has what all devices have in common that the kernel shows as files.

mod clock;
#[cfg(unix)]
mod command;
mod decimal;
mod device;
mod file;
mod form;
mod hwmon;
mod iio;
mod lines;
mod mock;
mod offer;
mod positions;
mod stdin;
mod w1;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use clock::{Clock, Setting};
#[cfg(unix)]
pub use command::{guard::guard, Commanded};
pub use device::{Device, Place};
pub use file::Followed;
pub use lines::{Input, LineSource};
pub use mock::Mock;
pub use offer::offer;
pub use positions::{Mark, Positions};
pub use stdin::StandardInput;

use crate::complaints::Complaints;
use crate::config::form::{FieldChoice, Form};
use crate::config::{Sensor, SensorSource};
use crate::ids::SensorId;
use crate::wire::batch::READINGS_MAX;
use crate::wire::Lines;

/// A source is asked once there is room for this many readings: a whole request, so that a fast source is asked seldom.
pub const ROOM_READINGS: u64 = READINGS_MAX;

/// What a source gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// At least one reading.
    Readings(Lines),
    /// No reading this time; ask again.
    Nothing,
    /// Not all that belongs to a reading yet; ask again within the interval.
    Again,
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

    /// How long `take` may last until it is told that the source blocks; `None`: as long as it likes.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// How far what it gave so far goes, where that is to be kept.
    fn mark(&self) -> Option<Mark> {
        None
    }

    /// How many readings it gave so far.
    fn readings(&self) -> u64;

    /// What it is, for log lines: `mock`, `stdin`, `iio:<device>`.
    fn describe(&self) -> String;
}

/// All sources of a peer.
pub type Sources = Vec<Box<dyn Source>>;

/// Why a source cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SensorError {
    /// The directory is not there, or no directory.
    #[error("--sensor {sensor}: {cause}; name the directory of a device, e.g. iio:/sys/bus/iio/devices/iio:device0")]
    Directory { sensor: String, cause: String },
    /// The kernel shows no device of this kind.
    #[error(
        "--sensor {sensor}: this host has no {word} device; is its driver loaded, and --sysfs where sysfs is mounted?"
    )]
    NoDevices { sensor: String, word: &'static str },
    /// No device of this kind is the one that is meant.
    #[error("--sensor {sensor}: there is no such device; name one of {there}")]
    NoDevice { sensor: String, there: String },
    /// Several devices fit.
    #[error("--sensor {sensor}: several devices fit, {there}; tell them apart with path=PATTERN, by where they are connected")]
    Devices { sensor: String, there: String },
    /// The device measures nothing that a reading holds.
    #[error(
        "--sensor {sensor}: {directory} has none of the files that are read, which are {wanted}; name another device"
    )]
    Measures { sensor: String, directory: String, wanted: &'static str },
    /// The file with positions cannot be used.
    #[error("--once {path}: {cause}; name a file that this peer may write, and nothing else does")]
    Positions { path: String, cause: String },
    /// Two sources are one device.
    #[error("--sensor {one} and --sensor {other} are one device; leave one of them out")]
    DeviceTwice { one: String, other: String },
}

/// What sources are opened with, beside what is said of each.
#[derive(Debug)]
pub struct Given<'a> {
    /// Where devices are looked for.
    pub sysfs: &'a Path,
    /// What lines look like.
    pub form: Form,
    pub fields: &'a [FieldChoice],
    /// Whether the clock of this host is set.
    pub setting: &'a Arc<Setting>,
    /// How far files were read, where that is kept.
    pub positions: Option<&'a Positions>,
    /// The seed of the random walk of made-up readings: the same seed gives the same readings.
    pub seed: u64,
}

/// Opens sources. Each that takes an id and an interval has them by now.
///
/// # Errors
/// [`SensorError`] where one cannot be read at all.
pub fn open(
    sensors: &[Sensor],
    given: &Given,
    (now, complaints): (fn() -> Timestamp, &Arc<Complaints>),
) -> Result<Sources, SensorError> {
    let Given { sysfs, seed, setting, .. } = *given;
    let mut devices: Vec<(PathBuf, String)> = Vec::new();
    let mut opened: Sources = Vec::with_capacity(sensors.len());
    for sensor in sensors {
        let clock = || Clock::of_host(now, setting, complaints);
        let settings = || {
            let settled = "it is settled for each source that makes its readings itself";
            (sensor.id.clone().expect(settled), sensor.interval.expect(settled))
        };
        let others = sensors.iter().filter(|other| *other != sensor).filter_map(|other| other.id.clone()).collect();
        let lines = Opening { clock: clock(), others, id: sensor.id.clone(), given, complaints };
        opened.push(match &sensor.source {
            SensorSource::Mock => {
                let (id, interval) = settings();
                Box::new(Mock::new(id, interval, seed, clock()))
            }
            SensorSource::Stdin => lines.of(StandardInput::open()),
            #[cfg(unix)]
            SensorSource::Exec(command) => lines.of(Commanded::new(command, sensor.interval, Arc::clone(complaints))),
            #[cfg(not(unix))]
            SensorSource::Exec(_) => unreachable!("no command is read from the command line here"),
            SensorSource::File(path) => lines.of(Followed::new(path, sensor.interval, Arc::clone(complaints))),
            SensorSource::Device(bus, choice) => {
                let (id, interval) = settings();
                let place = Place { sysfs: sysfs.to_owned(), bus: *bus, choice: choice.clone() };
                let device = Device::open(place, id, interval, clock(), Arc::clone(complaints))?;
                // A device may be named in two ways.
                let directory = fs::canonicalize(device.directory()).unwrap_or_else(|_| device.directory().to_owned());
                if let Some((_, other)) = devices.iter().find(|(known, _)| *known == directory) {
                    return Err(SensorError::DeviceTwice { one: other.clone(), other: device.describe() });
                }
                devices.push((directory, device.describe()));
                Box::new(device)
            }
        });
    }
    Ok(opened)
}

/// What all sources of lines are opened with.
struct Opening<'a> {
    clock: Clock,
    /// Sensor ids of other sources.
    others: Vec<SensorId>,
    /// Of lines that name no sensor.
    id: Option<SensorId>,
    given: &'a Given<'a>,
    complaints: &'a Arc<Complaints>,
}

impl Opening<'_> {
    fn of(self, input: impl Input + 'static) -> Box<dyn Source> {
        let Given { form, fields, positions, .. } = *self.given;
        let mark = positions.map(|positions| positions.of(&input.describe()));
        let lines = LineSource::new(input, self.clock, Arc::clone(self.complaints));
        Box::new(lines.beside(self.others).of_form(form, fields, self.id).once(mark))
    }
}

/// A time as the timestamp of a reading: RFC 3339, UTC, milliseconds.
fn text_of(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// One reading as lines. Its maker has checked the values.
fn one(id: &SensorId, clock: &Clock, temperature: &str, humidity: &str, pressure: &str) -> Lines {
    let stamp = clock.stamp();
    clock.gave(&stamp);
    let line = format!("DATA|{id}|{}|{temperature}|{humidity}|{pressure}{}\n", stamp.text, stamp.mark);
    debug_assert_eq!(crate::reading::check(line.trim_end().as_bytes()).err(), None, "{line}");
    Lines::new(line.into_bytes(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{source, ConfigError};

    const SECOND: Duration = Duration::from_secs(1);

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
        let open = |text: &str| {
            let source::Sensors(list) = source::sensors(text).unwrap();
            let sensors = source::settled(list.into_iter().flatten().collect(), vec![], &"p".parse().unwrap(), SECOND)?;
            let sysfs = Path::new("/no/such");
            let setting = Arc::new(Setting::new(Timestamp::UNIX_EPOCH, sysfs));
            let given = Given { sysfs, form: Form::Data, fields: &[], setting: &setting, positions: None, seed: 1 };
            let opened = open(&sensors, &given, (Timestamp::now, &Arc::default()));
            Ok::<_, ConfigError>(opened.map(|opened| opened.iter().map(|source| source.describe()).collect::<Vec<_>>()))
        };
        assert_eq!(open("mock,stdin").unwrap().unwrap(), ["mock", "stdin"]);
        assert!(matches!(open("iio:/no/such/directory").unwrap(), Err(SensorError::Directory { .. })));
        assert!(matches!(open("iio:0").unwrap(), Err(SensorError::NoDevices { .. })));
    }
}
