//! A device that the kernel shows as small files, a value each: what all kinds of them have in common.
//!
//! A value that is not there is asked for again within the interval. What stays missing is left empty and reported, and
//! so is a value that no weather has, or one that may be a thousand times too small: its driver reports another unit
//! than the kernel documents.
//!
//! | file | holds |
//! | --- | --- |
//! | `choice` | which devices there are, and which one is meant |
//! | `probe` | how one value is read |
//! | `measure` | units, and what is plausible |

pub(super) mod choice;
mod measure;
pub(super) mod probe;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use self::choice::Place;
use self::measure::{Evidence, Measure, HUMIDITY, PRESSURE, TEMPERATURE};
use self::probe::Probe;
use super::{hwmon, iio, one, w1, Clock, SensorError, Source, Taken};
use crate::complaints::{Complaints, Kind, Subject};
use crate::config::Bus;
use crate::ids::SensorId;

/// How often a value that cannot be had is asked for in each interval.
const ATTEMPTS_MAX: u32 = 4;

/// No device takes this long to answer unless it is disturbed: a 1-wire bus asks one thermometer after the other, for
/// less than a second each.
const PATIENCE: Duration = Duration::from_secs(2);

/// Names of complaints.
const UNUSABLE: &str = "sensor_unusable";
const SILENT: &str = "sensor_silent";

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("holds '{0}', which is no number")]
    NoNumber(String),
    #[error("{0}")]
    Broken(&'static str),
    #[error("{0}; is this the right driver?")]
    Implausible(String),
    #[error("{0}; taken once a value shows that it is not in whole {1}")]
    Ambiguous(String, &'static str),
}

impl Trouble {
    fn kind(&self) -> Kind {
        let detail = match self {
            Self::Unreadable(_) => "unreadable",
            Self::NoNumber(_) => "no number",
            Self::Broken(_) => "broken",
            Self::Implausible(_) => "implausible",
            Self::Ambiguous(..) => "ambiguous",
        };
        Kind::new(UNUSABLE, detail)
    }
}

/// One quantity of the device.
#[derive(Debug)]
struct Channel {
    measure: &'static Measure,
    probe: Probe,
    /// A value has shown that it is in the unit that the kernel documents.
    proven: bool,
    /// What was read last, in the unit of readings; or why there was nothing.
    value: Result<String, Trouble>,
}

impl Channel {
    fn new(measure: &'static Measure, probe: Probe) -> Self {
        Self { measure, proven: probe.certain, probe, value: Ok(String::new()) }
    }

    fn read(&mut self) {
        self.value = self.judged();
    }

    fn judged(&mut self) -> Result<String, Trouble> {
        let (number, text) = self.probe.read()?;
        let (value, evidence) = self.measure.judge(number).ok_or_else(|| Trouble::NoNumber(text.clone()))?;
        let refusal = || self.measure.refusal(&text, &value);
        match evidence {
            Evidence::Other => Err(Trouble::Implausible(refusal())),
            Evidence::Neither if !self.proven => Err(Trouble::Ambiguous(refusal(), self.measure.unit())),
            Evidence::Neither => Ok(value),
            Evidence::Unit => {
                self.proven |= !number.is_zero();
                Ok(value)
            }
        }
    }

    fn trouble(&self) -> Option<&Trouble> {
        self.value.as_ref().err()
    }

    /// Complains of what was wrong last time, and tells when it is over.
    fn tell(&self, complaints: &Complaints) {
        let path = self.probe.path().display();
        let subject = Subject::Own(path.to_string());
        match self.trouble() {
            Some(trouble) => {
                let text = format!("{path} {trouble} (left empty until it gives plausible values)");
                complaints.complain(subject, trouble.kind(), &text);
            }
            None => complaints.over(&subject, &[UNUSABLE], &format!("{path} gives plausible values again")),
        }
    }
}

/// A device that is read every interval.
#[derive(Debug)]
pub struct Device {
    place: Place,
    directory: PathBuf,
    id: SensorId,
    interval: Duration,
    clock: Clock,
    /// Temperature, humidity, pressure; `None`: not measured by this device.
    channels: [Option<Channel>; 3],
    /// How often it was asked for the reading at hand.
    attempts: u32,
    /// The reading before had no value.
    silent: bool,
    complaints: Arc<Complaints>,
    readings: u64,
}

impl Device {
    /// Looks which device is meant, and what it measures. A file that is missing now is not looked for later. What cannot be
    /// read is told to `complaints`.
    ///
    /// # Errors
    /// [`SensorError`] where there is no such device, or it measures nothing.
    pub fn open(
        place: Place,
        id: SensorId,
        interval: Duration,
        clock: Clock,
        complaints: Arc<Complaints>,
    ) -> Result<Self, SensorError> {
        let directory = place.find()?;
        let channels = channels(&place, &directory)?;
        Ok(Self {
            place,
            directory,
            id,
            interval,
            clock,
            channels,
            attempts: 0,
            silent: false,
            complaints,
            readings: 0,
        })
    }

    /// The directory that its files are in.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What it gives now, for people: values with their units, or why there are none.
    pub(super) fn now(&mut self) -> String {
        while self.take(1) == Taken::Again {}
        let shown = self.channels.iter().flatten().map(|channel| match &channel.value {
            Ok(value) => format!("{value} {}", channel.measure.unit()),
            Err(trouble) => format!("nothing: {} {trouble}", channel.probe.path().display()),
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    /// Looks for the device again where it was silent: it may have come back under another number.
    fn look_again(&mut self) {
        if let Ok(directory) = self.place.find() {
            if directory != self.directory {
                if let Ok(channels) = channels(&self.place, &directory) {
                    (self.directory, self.channels) = (directory, channels);
                }
            }
        }
    }

    /// One line is enough about a device that gives nothing.
    fn tell(&self) {
        let what = self.describe();
        let subject = Subject::Own(what.clone());
        let channels = || self.channels.iter().flatten();
        if self.silent {
            let first = channels().find_map(|channel| Some((channel.probe.path(), channel.trouble()?)));
            let why = first.map_or_else(String::new, |(path, trouble)| format!(", {} {trouble}", path.display()));
            let text = format!("{what} gives nothing{why}; no readings of {} until it does", self.id);
            self.complaints.complain(subject, SILENT, &text);
        } else {
            self.complaints.over(&subject, &[SILENT], &format!("{what} gives readings again"));
            channels().for_each(|channel| channel.tell(&self.complaints));
        }
    }
}

/// What the device in this directory measures.
fn channels(place: &Place, directory: &Path) -> Result<[Option<Channel>; 3], SensorError> {
    let (probes, wanted) = match place.bus {
        Bus::Iio => (iio::probes(directory), iio::WANTED),
        Bus::Hwmon => (hwmon::probes(directory), hwmon::WANTED),
        Bus::W1 => (w1::probes(directory), w1::WANTED),
    };
    if probes.iter().all(Option::is_none) {
        let directory = directory.display().to_string();
        return Err(SensorError::Measures { sensor: place.describe(), directory, wanted });
    }
    let [temperature, humidity, pressure] = probes;
    let channel = |probe: Option<Probe>, measure| probe.map(|probe| Channel::new(measure, probe));
    Ok([channel(temperature, &TEMPERATURE), channel(humidity, &HUMIDITY), channel(pressure, &PRESSURE)])
}

impl Source for Device {
    fn interval(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn take(&mut self, room: u64) -> Taken {
        if room == 0 {
            return Taken::Nothing;
        }
        if self.attempts == 0 && self.silent {
            self.look_again();
        }
        let first = self.attempts == 0;
        let again = |channel: &&mut Channel| first || channel.trouble().is_some();
        self.channels.iter_mut().flatten().filter(again).for_each(Channel::read);
        self.attempts += 1;
        if self.attempts < ATTEMPTS_MAX && self.channels.iter().flatten().any(|channel| channel.trouble().is_some()) {
            return Taken::Again;
        }
        self.attempts = 0;
        let value = |channel: &Option<Channel>| channel.as_ref().and_then(|channel| channel.value.clone().ok());
        let values = self.channels.each_ref().map(value);
        self.silent = values.iter().all(Option::is_none);
        self.tell();
        if self.silent {
            return Taken::Nothing;
        }
        self.readings += 1;
        let [temperature, humidity, pressure] = values.map(Option::unwrap_or_default);
        Taken::Readings(one(&self.id, &self.clock, &temperature, &humidity, &pressure))
    }

    /// Readings are missed where it takes longer than the interval.
    fn patience(&self) -> Option<Duration> {
        Some(self.interval.max(PATIENCE))
    }

    fn readings(&self) -> u64 {
        self.readings
    }

    fn describe(&self) -> String {
        self.place.describe()
    }
}

#[cfg(all(test, unix))]
mod tests;
