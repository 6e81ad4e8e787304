//! Every knob of a peer: unit, default, relation to others. Checked once, unchanged after.
//!
//! `value` holds how a value is written, `source` what `--sensor` may say, `form` what lines may look like, `cli` options, environment variables and help.

pub mod form;
pub mod source;
pub mod value;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use crate::ids::{PeerId, SensorId};
use crate::log_lines::Format;
use crate::wire::{Limits, Timing};

pub use form::{FieldChoice, Form};
pub use source::{Bus, Choice, Sensor, SensorSource};

/// Default of [`Config::group`].
pub const GROUP: &str = "sensors";
/// Default of [`Config::bind`]: every interface.
pub const BIND: &str = "0.0.0.0";
/// Default of [`Config::broadcast_port`].
pub const BROADCAST_PORT: &str = "9999";
/// Default of `Timing::heartbeat_interval`.
pub const HEARTBEAT_INTERVAL: &str = "5s";
/// Default of `Timing::heartbeat_timeout`: one lost beat is forgiven.
pub const HEARTBEAT_TIMEOUT: &str = "10s";
/// Default of `Timing::election_timeout`.
pub const ELECTION_TIMEOUT: &str = "5s";
/// Default of [`Sensor::interval`], in seconds.
pub const SENSOR_INTERVAL_SECONDS: &str = "15";
/// Default of [`Config::sysfs`].
pub const SYSFS: &str = "/sys";
/// Default of [`Config::data_dir`].
pub const DATA_DIR: &str = "data";
/// Default of [`Config::log_level`].
pub const LOG_LEVEL: &str = "info";

/// Default of [`Config::fsync`] without a quorum.
pub const FSYNC: Fsync = Fsync::Never;
/// Default of [`Config::fsync`] with a quorum: what it promises has to survive a power cut.
pub const FSYNC_WITH_QUORUM: Fsync = Fsync::Batch;

/// When a reading counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Handed to the operating system, which writes it to the disk when it likes.
    Never,
    /// On the disk. One sync serves all that waits.
    Batch,
    /// Handed to the operating system, and on the disk after this time at the latest.
    Every(Duration),
}

/// When a sensor's rows go on in another file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rotate {
    /// All are in one.
    #[default]
    Never,
    /// Each month of UTC has its own.
    Month,
}

/// All that a peer is told when it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of this peer, and of its directory. A fresh UUID v4 where none was given.
    pub peer_id: PeerId,
    /// Outranks the id in elections: the higher wins. 0 where none was given.
    pub priority: i64,
    /// Peers of other groups on the same network are ignored. Has the grammar of a peer id.
    pub group: String,
    /// File with the key of a closed group; `None`: the group is open.
    pub key_file: Option<PathBuf>,
    /// Address to listen on; unspecified (`0.0.0.0`, `::`) for all of this host's.
    pub bind: IpAddr,
    /// TCP port to listen on; 0 for any that is free.
    pub port: u16,
    /// UDP port of discovery, never 0.
    pub broadcast_port: u16,
    /// Where discovery is sent, always IPv4; `None`: what `bind` implies, as `net/broadcast.rs` says.
    pub broadcast_address: Option<IpAddr>,
    /// `HOST:PORT` of peers to ask where broadcast does not reach, each once; names are not looked up yet.
    pub join: Vec<String>,
    /// With fewer members nothing is delivered: a majority of all peers that will ever run. At least 1.
    pub quorum: Option<u32>,
    /// Whole milliseconds between 1 ms and a day; the heartbeat timeout exceeds the interval.
    pub timing: Timing,
    /// Sources of readings, each once; none for a peer that only keeps what others measure. One that makes its readings
    /// itself has an id, which no other one has, and an interval.
    pub sensors: Vec<Sensor>,
    /// Nobody named a source, and its readings are made up.
    pub invents: bool,
    /// What lines of sources look like.
    pub stdin_format: Form,
    /// Which of their fields is which of a reading, each once; none where they are readings already.
    pub stdin_fields: Vec<FieldChoice>,
    /// The file that keeps how far files were read; `None`: they are read from their beginning each time.
    pub once: Option<PathBuf>,
    /// Where sysfs is mounted, in which devices are looked for.
    pub sysfs: PathBuf,
    /// Files go to the directory of the peer's name below this one.
    pub data_dir: PathBuf,
    /// Keep what the last run left in that directory.
    pub resume: bool,
    /// Older readings may be removed; whole seconds, at least a day.
    pub keep: Option<Duration>,
    /// Where the files take more, the oldest readings may be removed.
    pub keep_bytes: Option<u64>,
    /// When a reading counts as stored.
    pub fsync: Fsync,
    /// How long rows may wait before they are written to their files; `None`: they do not wait.
    pub flush_interval: Option<Duration>,
    /// When a sensor's rows go on in another file.
    pub rotate: Rotate,
    /// Bytes that are kept free on the disk: below that, sources wait. 0 for none.
    pub min_free: u64,
    /// Where the page is served, if it is.
    pub http: Option<SocketAddr>,
    /// Names beside this host's own by which a browser may ask for it.
    pub http_hosts: Vec<String>,
    /// What is logged, where `RUST_LOG` does not say otherwise.
    pub log_level: LevelFilter,
    /// The form of its lines.
    pub log_format: Format,
}

/// Which values do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "--heartbeat-timeout ({timeout:?}) must exceed --heartbeat-interval ({interval:?}), or every leader is taken \
         for dead between two beats; raise --heartbeat-timeout, at best to twice the interval or more"
    )]
    Timeout { interval: Duration, timeout: Duration },
    #[error("--sensor none cannot be combined with --sensor {0}; leave one of them out")]
    NoneAndMore(SensorSource),
    #[error("--sensor {0} is given twice; leave one of them out")]
    SensorTwice(SensorSource),
    #[error("--sensor-id {0} is given twice; give each source an id of its own")]
    SensorIdTwice(SensorId),
    #[error("--sensor {0} takes no id: lines of --stdin-format data name their own sensor ids")]
    IdOfLines(SensorSource),
    #[error("--stdin-fields needs --stdin-format csv, jsonl or influx; lines of data have their fields")]
    FieldsOfData,
    #[error("--stdin-fields names a field of readings twice; give each once")]
    FieldTwice,
    #[error("--sensor {0} takes no interval: its lines come when they come")]
    IntervalOfLines(SensorSource),
    #[error(
        "--sensor-id: {ids} given, {sources} needed (mock and devices take one each where --sensor ID=SOURCE does not say \
         it, lines of stdin name their own); give one for each of these sources in their order, or one for all of them to \
         number, or none"
    )]
    SensorIds { ids: usize, sources: usize },
    #[error("sensor ids {0}-1, {0}-2 … would be too long; give each source its own with --sensor-id, once for each")]
    SensorIdTooLong(SensorId),
    #[error(
        "--quorum needs --resume: a peer that forgets at a restart what it promised lets two groups deliver different \
         readings under one sequence; add --resume"
    )]
    QuorumWithoutResume,
    #[error(
        "{0} needs --resume: a peer that begins with an empty directory at each start keeps nothing for so long; add --resume"
    )]
    KeepWithoutResume(&'static str),
    #[error(
        "--once needs --resume: a peer that begins with an empty directory has to read its files from their beginning; add \
         --resume"
    )]
    OnceWithoutResume,
    #[error(
        "--resume needs --peer-id: without a name every start is a new peer, with nothing to resume; add --peer-id"
    )]
    ResumeWithoutId,
    #[error(
        "--resume keeps data for good, and a peer without --sensor makes its readings up; name a source: --sensor none, \
         --sensor stdin, --sensor iio:DIRECTORY, or --sensor mock where made-up readings are meant"
    )]
    ResumeWithoutSensor,
    #[error("--data-dir is empty; name a directory, e.g. --data-dir data")]
    DataDir,
}

impl Config {
    /// Compares values with each other, after each was found well formed by itself.
    ///
    /// # Errors
    /// [`ConfigError`] names the options that do not go together.
    pub fn check(self) -> Result<Self, ConfigError> {
        let Timing { heartbeat_interval: interval, heartbeat_timeout: timeout, .. } = self.timing;
        if timeout <= interval {
            return Err(ConfigError::Timeout { interval, timeout });
        }
        if self.quorum.is_some() && !self.resume {
            return Err(ConfigError::QuorumWithoutResume);
        }
        let keeps = [("--keep", self.keep.is_some()), ("--keep-bytes", self.keep_bytes.is_some())];
        if let Some((option, _)) = keeps.into_iter().find(|(_, given)| *given && !self.resume) {
            return Err(ConfigError::KeepWithoutResume(option));
        }
        if self.once.is_some() && !self.resume {
            return Err(ConfigError::OnceWithoutResume);
        }
        let of_lines = |sensor: &&Sensor| sensor.id.is_some() && !sensor.source.takes_id();
        if let Some(sensor) = self.sensors.iter().find(of_lines).filter(|_| self.stdin_format == Form::Data) {
            return Err(ConfigError::IdOfLines(sensor.source.clone()));
        }
        if self.stdin_format == Form::Data && !self.stdin_fields.is_empty() {
            return Err(ConfigError::FieldsOfData);
        }
        let mut fields = self.stdin_fields.iter().map(|choice| choice.field).enumerate();
        if fields.any(|(at, field)| self.stdin_fields[..at].iter().any(|before| before.field == field)) {
            return Err(ConfigError::FieldTwice);
        }
        if self.data_dir.as_os_str().is_empty() {
            return Err(ConfigError::DataDir);
        }
        Ok(self)
    }

    /// How much of the log is kept, if anything limits it.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        let (age, bytes) = (self.keep, self.keep_bytes);
        (age.is_some() || bytes.is_some()).then_some(Limits { age, bytes })
    }

    /// Whether discovery is broadcast at all. IPv6 has no broadcast: a peer that listens there finds others by `join` and is
    /// found by theirs, unless an IPv4 address for discovery was given.
    #[must_use]
    pub fn broadcasts(&self) -> bool {
        self.bind.is_ipv4() || self.broadcast_address.is_some()
    }

    /// The sensors that this peer makes readings of itself.
    pub fn own_sensors(&self) -> impl Iterator<Item = (&SensorId, &SensorSource)> {
        self.sensors.iter().filter_map(|sensor| Some((sensor.id.as_ref()?, &sensor.source)))
    }

    /// Which sensor id is of which source, where that is not plain: `p1-1 (mock), p1-2 (iio:/d)`.
    #[must_use]
    pub fn sensors_by_id(&self) -> Option<String> {
        let pairs: Vec<_> = self.own_sensors().map(|(id, source)| format!("{id} ({source})")).collect();
        (pairs.len() > 1).then(|| pairs.join(", "))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A peer that was given its name.
    pub(crate) fn config() -> Config {
        Config {
            key_file: None,
            peer_id: "peer1".parse().unwrap(),
            priority: 0,
            group: GROUP.to_owned(),
            bind: value::bind(BIND).unwrap(),
            port: 0,
            broadcast_port: BROADCAST_PORT.parse().unwrap(),
            broadcast_address: None,
            join: Vec::new(),
            timing: Timing {
                heartbeat_interval: value::duration(HEARTBEAT_INTERVAL).unwrap(),
                heartbeat_timeout: value::duration(HEARTBEAT_TIMEOUT).unwrap(),
                election_timeout: value::duration(ELECTION_TIMEOUT).unwrap(),
            },
            quorum: None,
            resume: false,
            keep: None,
            keep_bytes: None,
            fsync: FSYNC,
            flush_interval: None,
            rotate: Rotate::Never,
            min_free: 0,
            sensors: vec![Sensor {
                source: SensorSource::Mock,
                id: Some("peer1".parse().unwrap()),
                interval: Some(value::duration(SENSOR_INTERVAL_SECONDS).unwrap()),
            }],
            invents: false,
            stdin_format: Form::Data,
            stdin_fields: Vec::new(),
            once: None,
            sysfs: SYSFS.into(),
            data_dir: DATA_DIR.into(),
            http: None,
            http_hosts: Vec::new(),
            log_level: LevelFilter::Info,
            log_format: Format::Text,
        }
    }

    #[test]
    fn the_defaults_go_together() {
        assert_eq!(config().check(), Ok(config()));
    }

    #[test]
    fn the_heartbeat_timeout_must_exceed_the_interval() {
        let mut config = config();
        config.timing.heartbeat_timeout = config.timing.heartbeat_interval;
        let error = config.clone().check().unwrap_err();
        assert!(error.to_string().starts_with("--heartbeat-timeout (5s) must exceed --heartbeat-interval (5s)"));
        config.timing.heartbeat_timeout += Duration::from_millis(1);
        assert!(config.check().is_ok());
    }

    #[test]
    fn a_quorum_needs_what_was_promised_to_be_kept() {
        let config = Config { quorum: Some(2), ..config() };
        assert_eq!(config.clone().check(), Err(ConfigError::QuorumWithoutResume));
        assert!(Config { resume: true, ..config }.check().is_ok());
    }

    #[test]
    fn what_limits_what_is_kept_needs_something_to_be_kept() {
        for (option, config) in [
            ("--keep", Config { keep: Some(Duration::from_secs(86_400)), ..config() }),
            ("--keep-bytes", Config { keep_bytes: Some(1 << 30), ..config() }),
        ] {
            assert_eq!(config.clone().check(), Err(ConfigError::KeepWithoutResume(option)));
            assert!(Config { resume: true, ..config }.check().is_ok());
        }
    }

    #[test]
    fn an_empty_data_directory_is_refused() {
        assert_eq!(Config { data_dir: PathBuf::new(), ..config() }.check(), Err(ConfigError::DataDir));
    }

    #[test]
    fn on_ipv6_there_is_no_broadcast_unless_an_address_is_given() {
        let six = Config { bind: "::1".parse().unwrap(), ..config() };
        assert!(config().broadcasts());
        assert!(!six.broadcasts());
        assert!(Config { broadcast_address: Some("192.168.1.255".parse().unwrap()), ..six }.broadcasts());
    }
}
