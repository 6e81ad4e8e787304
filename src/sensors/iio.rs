//! A Linux industrial-I/O device, e.g. a BME280: one small text file a value, which the driver has converted already.
//!
//! The kernel states temperature in thousandths of °C, humidity in thousandths of %, pressure in kPa. Some drivers do
//! otherwise; what they say is then far from any weather, and refused rather than recorded.

mod decimal;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::decimal::fixed;
use super::{one, Clock, SensorError, Source, Taken};
use crate::complaints::{Complaints, Kind, Subject};
use crate::ids::SensorId;

/// Most bytes read of a file: a value has far fewer.
const FILE_BYTES_MAX: u64 = 64;

/// What a file of a device holds.
#[derive(Debug)]
struct Measure {
    file: &'static str,
    /// Decimal places by which the point moves right on the way to the unit of readings.
    places: i32,
    /// What is plausible, in the unit of readings.
    low: f64,
    high: f64,
    /// Unit of readings.
    unit: &'static str,
    /// What the file must hold.
    expected: &'static str,
}

const TEMPERATURE: Measure =
    Measure { file: "in_temp_input", places: -3, low: -60.0, high: 100.0, unit: "°C", expected: "thousandths of °C" };

const HUMIDITY: Measure = Measure {
    file: "in_humidityrelative_input",
    places: -3,
    low: 0.0,
    high: 100.0,
    unit: "%",
    expected: "thousandths of %",
};

const PRESSURE: Measure =
    Measure { file: "in_pressure_input", places: 1, low: 300.0, high: 1200.0, unit: "hPa", expected: "kPa" };

/// Names of complaints.
const UNUSABLE: &str = "sensor_unusable";
const SILENT: &str = "sensor_silent";

/// Why a file gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Trouble {
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("holds '{0}', which is no number")]
    NoNumber(String),
    #[error("holds {text}, {expected} expected, which would be {value} {unit}; is this the right driver?")]
    Implausible { text: String, expected: &'static str, value: String, unit: &'static str },
}

impl Trouble {
    fn kind(&self) -> Kind {
        let detail = match self {
            Self::Unreadable(_) => "unreadable",
            Self::NoNumber(_) => "no number",
            Self::Implausible { .. } => "implausible",
        };
        Kind::new(UNUSABLE, detail)
    }
}

/// One file of the device.
#[derive(Debug)]
struct Channel {
    kind: &'static Measure,
    path: PathBuf,
    /// What was wrong last time.
    trouble: Option<Trouble>,
}

impl Channel {
    /// A value in the unit of readings; empty where there is none now.
    fn read(&mut self) -> String {
        let read = self.value();
        self.trouble = read.as_ref().err().cloned();
        read.unwrap_or_default()
    }

    /// Complains of what was wrong last time, and tells when it is over.
    fn tell(&self, complaints: &Complaints) {
        let path = self.path.display();
        let subject = Subject::Own(path.to_string());
        match &self.trouble {
            Some(trouble) => {
                let text = format!("{path} {trouble} (left empty until it gives plausible values)");
                complaints.complain(subject, trouble.kind(), &text);
            }
            None => complaints.over(&subject, &[UNUSABLE], &format!("{path} gives plausible values again")),
        }
    }

    fn value(&self) -> Result<String, Trouble> {
        let text = read_short(&self.path).map_err(|error| Trouble::Unreadable(error.to_string()))?;
        let kind = self.kind;
        let value = fixed(&text, kind.places).ok_or_else(|| Trouble::NoNumber(text.escape_debug().to_string()))?;
        let plausible = value.parse::<f64>().is_ok_and(|number| (kind.low..=kind.high).contains(&number));
        if plausible {
            Ok(value)
        } else {
            Err(Trouble::Implausible { text, expected: kind.expected, value, unit: kind.unit })
        }
    }
}

/// The text of a small file, without white space around it.
fn read_short(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// A device that is read every interval.
#[derive(Debug)]
pub struct Iio {
    directory: PathBuf,
    id: SensorId,
    interval: Duration,
    clock: Clock,
    /// Temperature, humidity, pressure; `None`: not measured by this device.
    channels: [Option<Channel>; 3],
    complaints: Arc<Complaints>,
    readings: u64,
}

impl Iio {
    /// Looks what the device measures. A file that is missing now is not looked for later. What cannot be read is told to
    /// `complaints`.
    ///
    /// # Errors
    /// [`SensorError`] where there is no such directory, or it measures nothing.
    pub fn open(
        directory: &Path,
        id: SensorId,
        interval: Duration,
        clock: Clock,
        complaints: Arc<Complaints>,
    ) -> Result<Self, SensorError> {
        let shown = directory.display().to_string();
        if let Err(error) = fs::read_dir(directory) {
            return Err(SensorError::Directory { directory: shown, cause: error.to_string() });
        }
        let channels = [&TEMPERATURE, &HUMIDITY, &PRESSURE].map(|kind| {
            let path = directory.join(kind.file);
            // One that is there but may not be read is a trouble to tell of, not a value that is not measured.
            let missing = fs::metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
            (!missing).then_some(Channel { kind, path, trouble: None })
        });
        if channels.iter().all(Option::is_none) {
            return Err(SensorError::Measures { directory: shown });
        }
        Ok(Self { directory: directory.to_owned(), id, interval, clock, channels, complaints, readings: 0 })
    }
}

impl Iio {
    /// Of a device that gives nothing one line is enough.
    fn tell(&self, silent: bool) {
        let what = self.describe();
        let subject = Subject::Own(what.clone());
        let channels = || self.channels.iter().flatten();
        if silent {
            let first = channels().find_map(|channel| Some((&channel.path, channel.trouble.as_ref()?)));
            let why = first.map_or_else(String::new, |(path, trouble)| format!(", {} {trouble}", path.display()));
            let text = format!("{what} gives nothing{why}; no readings of {} until it does", self.id);
            self.complaints.complain(subject, SILENT, &text);
        } else {
            self.complaints.over(&subject, &[SILENT], &format!("{what} gives readings again"));
            channels().for_each(|channel| channel.tell(&self.complaints));
        }
    }
}

impl Source for Iio {
    fn interval(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn take(&mut self, room: u64) -> Taken {
        if room == 0 {
            return Taken::Nothing;
        }
        let read = |channel: &mut Option<Channel>| channel.as_mut().map_or_else(String::new, Channel::read);
        let [temperature, humidity, pressure] = self.channels.each_mut().map(read);
        let silent = [&temperature, &humidity, &pressure].iter().all(|value| value.is_empty());
        self.tell(silent);
        if silent {
            return Taken::Nothing;
        }
        self.readings += 1;
        Taken::Readings(one(&self.id, self.clock.now(), &temperature, &humidity, &pressure))
    }

    fn readings(&self) -> u64 {
        self.readings
    }

    fn describe(&self) -> String {
        format!("iio:{}", self.directory.display())
    }
}

#[cfg(test)]
mod tests;
