//! What `--sensor` may say: sources of readings, each with a sensor id and an interval if they are given.
//!
//! `[ID][@INTERVAL]=SOURCE`, or SOURCE alone. What belongs to a source is written before it, so that a path or a command is
//! whatever follows, with all its commas and equals signs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::value::{self, ValueError};
use super::ConfigError;
use crate::ids::{PeerId, SensorId};

/// Where readings come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SensorSource {
    /// Plausible weather, made up.
    Mock,
    /// Lines on standard input.
    Stdin,
    /// A device that the kernel shows as small files.
    Device(Bus, Choice),
    /// Lines that a command of the shell writes.
    Exec(String),
    /// Lines of a file that grows, or of a named pipe.
    File(PathBuf),
}

/// A way in which the kernel shows devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// Industrial I/O.
    Iio,
    /// Hardware monitoring.
    Hwmon,
    /// Thermometers on a 1-wire bus.
    W1,
}

impl Bus {
    pub const ALL: [Self; 3] = [Self::Iio, Self::Hwmon, Self::W1];

    /// How its sources begin on the command line, before the colon.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Iio => "iio",
            Self::Hwmon => "hwmon",
            Self::W1 => "w1",
        }
    }
}

/// Which device of its bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The one in this directory.
    Directory(PathBuf),
    /// The one with this number. After the host restarts, another device may have it.
    Number(u32),
    /// The one whose name is of this pattern.
    Name(String),
    /// The one in whose path below `/sys/devices` this pattern is found: where it is connected.
    Path(String),
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Name(pattern) if is_plain(pattern) => pattern.fmt(f),
            Self::Name(pattern) => write!(f, "{NAME}{pattern}"),
            Self::Path(pattern) => write!(f, "{PATH}{pattern}"),
        }
    }
}

/// How choices begin that say what they are.
const NAME: &str = "name=";
const PATH: &str = "path=";

/// Whether this text is read as a name without `name=` before it.
fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['/', '=']) && !pattern.bytes().all(|byte| byte.is_ascii_digit())
}

/// How commands and files begin.
const EXEC: &str = "exec";
const FILE: &str = "file";

/// As it is written on the command line.
impl fmt::Display for SensorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mock => f.write_str("mock"),
            Self::Stdin => f.write_str("stdin"),
            Self::Device(bus, choice) => write!(f, "{}:{choice}", bus.word()),
            Self::Exec(command) => write!(f, "{EXEC}:{command}"),
            Self::File(path) => write!(f, "{FILE}:{}", path.display()),
        }
    }
}

impl SensorSource {
    /// Whether it makes its readings itself. Lines name their own sensor ids.
    #[must_use]
    pub fn takes_id(&self) -> bool {
        matches!(self, Self::Mock | Self::Device(..))
    }

    /// Whether an interval may be given with it: how often a command is started, or a file looked at.
    fn takes_interval(&self) -> bool {
        !matches!(self, Self::Stdin)
    }
}

/// A source, and what was said with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensor {
    pub source: SensorSource,
    /// Sensor id of its readings, or of lines that name none; `None` if lines name their own, or before ids are
    /// settled.
    pub id: Option<SensorId>,
    /// Time between two readings, two starts of a command, or two looks at a file: whole milliseconds between 1 ms and
    /// a day; `None` if they come when they come, or before intervals are settled.
    pub interval: Option<Duration>,
}

impl Sensor {
    /// A source with nothing said of it.
    #[must_use]
    pub fn plain(source: SensorSource) -> Self {
        Self { source, id: None, interval: None }
    }
}

/// As it is written on the command line.
impl fmt::Display for Sensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = &self.id {
            id.fmt(f)?;
        }
        if let Some(interval) = self.interval {
            write!(f, "@{}ms", interval.as_millis())?;
        }
        let settings = self.id.is_some() || self.interval.is_some();
        write!(f, "{}{}", if settings { "=" } else { "" }, self.source)
    }
}

/// The sources that one option names, or one variable; `None` among them is the word `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensors(pub Vec<Option<Sensor>>);

/// Reads sources with commas between them. A comma ends a source where another one begins after it.
///
/// # Errors
/// [`ValueError`] where one of them is none.
pub fn sensors(text: &str) -> Result<Sensors, ValueError> {
    let (mut list, mut from) = (Vec::new(), 0);
    for (at, _) in text.match_indices(',').filter(|(at, _)| begins_source(&text[at + 1..])) {
        list.push(sensor(&text[from..at])?);
        from = at + 1;
    }
    list.push(sensor(&text[from..])?);
    Ok(Sensors(list))
}

/// The words that are a source by themselves.
const WORDS: [&str; 3] = ["none", "mock", "stdin"];

/// Whether a source begins with this text.
fn begins_source(text: &str) -> bool {
    let is_word = |text: &str| {
        let word = text.split(',').next().unwrap_or("");
        let kind = text.split_once(':').map(|(kind, _)| kind);
        let kinds = Bus::ALL.map(Bus::word).into_iter().chain([EXEC, FILE]);
        WORDS.contains(&word) || kind.is_some_and(|kind| kinds.into_iter().any(|known| kind == known))
    };
    is_word(text) || text.split_once('=').is_some_and(|(said, source)| settings(said).is_ok() && is_word(source))
}

/// Reads a source with what is said of it; `None` is the word `none`.
///
/// # Errors
/// [`ValueError`] where it is none.
pub fn sensor(text: &str) -> Result<Option<Sensor>, ValueError> {
    match (source(text), text.split_once('=')) {
        (Err(ValueError::Sensor), Some((said, rest))) => {
            let (id, interval) = settings(said)?;
            let source = source(rest)?.ok_or(ValueError::SettingsOfNone)?;
            Ok(Some(Sensor { source, id, interval }))
        }
        (source, _) => Ok(source?.map(Sensor::plain)),
    }
}

/// `ID`, `@INTERVAL`, or both.
fn settings(text: &str) -> Result<(Option<SensorId>, Option<Duration>), ValueError> {
    let (id, interval) = text.split_once('@').map_or((text, None), |(id, interval)| (id, Some(interval)));
    let id = if id.is_empty() && interval.is_some() { None } else { Some(id.parse()?) };
    Ok((id, interval.map(value::duration).transpose()?))
}

/// Reads a source by itself.
fn source(text: &str) -> Result<Option<SensorSource>, ValueError> {
    match text {
        "none" => return Ok(None),
        "mock" => return Ok(Some(SensorSource::Mock)),
        "stdin" => return Ok(Some(SensorSource::Stdin)),
        _ => {}
    }
    let (word, rest) = text.split_once(':').unwrap_or((text, ""));
    match word {
        EXEC => return command(rest).map(Some),
        FILE if rest.is_empty() => return Err(ValueError::File),
        FILE => return Ok(Some(SensorSource::File(PathBuf::from(rest)))),
        _ => {}
    }
    let bus = Bus::ALL.into_iter().find(|bus| bus.word() == word).ok_or(ValueError::Sensor)?;
    Ok(Some(SensorSource::Device(bus, choice(bus, rest)?)))
}

fn command(text: &str) -> Result<SensorSource, ValueError> {
    if !cfg!(unix) {
        return Err(ValueError::NoCommands);
    }
    if text.trim().is_empty() || text.contains('\0') {
        return Err(ValueError::Command);
    }
    Ok(SensorSource::Exec(text.to_owned()))
}

fn choice(bus: Bus, text: &str) -> Result<Choice, ValueError> {
    let said =
        |pattern: &str| if pattern.is_empty() { Err(ValueError::Choice(bus.word())) } else { Ok(pattern.to_owned()) };
    if let Some(pattern) = text.strip_prefix(NAME) {
        return said(pattern).map(Choice::Name);
    }
    if let Some(pattern) = text.strip_prefix(PATH) {
        return said(pattern).map(Choice::Path);
    }
    if text.contains('/') {
        return Ok(Choice::Directory(PathBuf::from(text)));
    }
    match text.parse() {
        Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Choice::Number(number)),
        _ => said(text).map(Choice::Name),
    }
}

/// What the choices of `--sensor` mean together; `None` among them is the word `none`.
///
/// # Errors
/// [`ConfigError`] where `none` is given beside others, or one is given twice: two readers would tear standard input apart,
/// and one device would be written down twice under one sensor id.
pub fn chosen(choices: Vec<Option<Sensor>>) -> Result<Vec<Sensor>, ConfigError> {
    let none = choices.contains(&None);
    let mut chosen: Vec<Sensor> = Vec::with_capacity(choices.len());
    for sensor in choices.into_iter().flatten() {
        if none {
            return Err(ConfigError::NoneAndMore(sensor.source));
        }
        if chosen.iter().any(|other| other.source == sensor.source) {
            return Err(ConfigError::SensorTwice(sensor.source));
        }
        if sensor.interval.is_some() && !sensor.source.takes_interval() {
            return Err(ConfigError::IntervalOfLines(sensor.source));
        }
        chosen.push(sensor);
    }
    Ok(chosen)
}

/// Settles ids and intervals. A source that makes its readings itself keeps the id that was given with it. Otherwise it
/// takes the next of `given`; or, if `given` has one id or none, that id or the peer's, numbered.
///
/// # Errors
/// [`ConfigError`] where the number of those given does not fit, or where two sources would have one id.
pub fn settled(
    mut sensors: Vec<Sensor>,
    given: Vec<SensorId>,
    peer_id: &PeerId,
    interval: Duration,
) -> Result<Vec<Sensor>, ConfigError> {
    let lack = |sensor: &&mut Sensor| sensor.source.takes_id() && sensor.id.is_none();
    let count = sensors.iter_mut().filter(lack).count();
    let ids = match &given[..] {
        _ if given.len() == count => given,
        [] => numbered(&peer_id.as_str().parse().expect("ids of peers and sensors have one grammar"), count)?,
        [one] if count > 0 => numbered(one, count)?,
        _ => return Err(ConfigError::SensorIds { ids: given.len(), sources: count }),
    };
    for (sensor, id) in sensors.iter_mut().filter(lack).zip(ids) {
        sensor.id = Some(id);
    }
    for sensor in sensors.iter_mut().filter(|sensor| sensor.source.takes_id()) {
        sensor.interval = sensor.interval.or(Some(interval));
    }
    let ids: Vec<_> = sensors.iter().filter_map(|sensor| sensor.id.as_ref()).collect();
    match ids.iter().enumerate().find(|(at, id)| ids[..*at].contains(id)) {
        Some((_, twice)) => Err(ConfigError::SensorIdTwice((*twice).clone())),
        None => Ok(sensors),
    }
}

/// `<id>` where it is for one, and `<id>-1`, `<id>-2` … for several.
fn numbered(id: &SensorId, count: usize) -> Result<Vec<SensorId>, ConfigError> {
    if count == 1 {
        return Ok(vec![id.clone()]);
    }
    let of = |number| format!("{id}-{number}").parse().map_err(|_| ConfigError::SensorIdTooLong(id.clone()));
    (1..=count).map(of).collect()
}

#[cfg(test)]
mod tests;
