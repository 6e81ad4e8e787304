//! The options of a peer, as typed, with their help; and what they come to.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{value_parser, Parser};
use log::LevelFilter;
use uuid::Uuid;

use super::kept::Kept;
use super::Verb;
use crate::config::source::{self, Sensors};
use crate::config::{self, form, value, Config, ConfigError, FieldChoice, Form, Fsync, Rotate};
use crate::ids::{PeerId, SensorId};
use crate::log_lines::Format;
use crate::wire::Timing;

/// Widest line of help, in columns.
pub(super) const HELP_WIDTH_MAX: usize = 100;

const EXAMPLES: &str = "\
Examples:
  peer
      a peer with made-up readings; it finds others on the local network by itself
  peer --peer-id kitchen --resume --sensor iio:name=bme280
      a BME280 on a Raspberry Pi, a reading every 15 seconds
  peer --peer-id roof --resume --sensor 'exec:rtl_reader --all'
      readings of another program, one DATA|sensor_id|timestamp|temperature|humidity|pressure a line
  peer --bind 127.0.0.1 --peer-id peer2 --sensor none
      on this host only, keeping what others measure
  peer --peer-id attic --resume --sensor none
      keeps what others measure; after a restart it goes on where it ended
  peer --peer-id a --resume --quorum 2 --sensor none
      one of three that never disagree: what two of them hold is delivered, and stays
  peer --join 10.8.0.1:7000 --join hub.example.org:7000
      where broadcast does not reach
  peer verify
      proves that all peers below data/ hold the same rows in the same order
  peer status
      who leads and who is missing, as the peers of this host see it
  peer doctor
      finds out why peers do not find each other
  peer sensors
      lists the sensors of this host, each with the option that reads it
  peer snapshot backup
      copies all peers below data/ to backup/, also while they run
  peer tail --follow
      prints rows as they come, for other programs
  peer export --format parquet --output rows.parquet
      writes all rows in the order of time, for those who analyse them
  peer bridge nats://hub.example.org/greenhouse
      hands rows to an engine that many groups share, as they come
  peer key new greenhouse.key
      makes the key of a group that lets nobody else in; see --key-file

Every option can be set by the environment variable named with it; the option wins, and an empty
variable counts as not set.

Exit status: 0 after SIGINT, SIGTERM or SIGHUP, 2 for wrong options, 3 and 6: status found
nobody, or something wrong, 4 and 5: verify found peers behind, or a disagreement, 1 for
anything else.";

/// The options as typed: each well formed by itself.
#[derive(Debug, Parser)]
#[command(
    name = "peer",
    version,
    about = "One peer of a brokerless sensor network",
    long_about = "One peer of a brokerless sensor network.\n\nPeers find each other on the local network, elect a \
                  leader, and write every reading of the group to CSV files in the same order everywhere. Runs in \
                  the foreground until SIGINT or SIGTERM and logs to standard error.",
    after_help = "See 'peer --help' for defaults, relations and examples.",
    after_long_help = EXAMPLES,
    max_term_width = HELP_WIDTH_MAX,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,

    /// Name of this peer; elections compare it
    ///
    /// 1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit; no two living peers of a group may
    /// have the same. Where priorities are equal, the highest id, compared as bytes, leads. Default: a fresh UUID v4 at
    /// every start.
    #[arg(long, env = "PEER_PEER_ID", value_name = "ID", help_heading = "Identity")]
    peer_id: Option<PeerId>,

    /// Outranks the id in elections: the higher wins
    ///
    /// A whole number, perhaps negative. A living leader stays: a newcomer of higher priority takes over at the next
    /// election only.
    #[arg(long, env = "PEER_PRIORITY", value_name = "N", help_heading = "Identity")]
    #[arg(default_value_t = 0, allow_negative_numbers = true)]
    priority: i64,

    /// Peers of other groups on the same network are ignored
    ///
    /// Has the grammar of a peer id: 1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit. Must
    /// be the same at every peer of the group.
    #[arg(long, env = "PEER_GROUP", value_name = "NAME", help_heading = "Identity")]
    #[arg(default_value = config::GROUP, value_parser = value::group)]
    group: String,

    /// File with the key of a closed group
    ///
    /// Nobody without it is let in, or learns anything: all that goes over the network is sealed with it. `peer key new FILE`
    /// makes one; give the same to every peer of the group. Only its owner may read it. SIGHUP makes the peer read it again.
    /// Default: none, the group is open.
    #[arg(long, env = "PEER_KEY_FILE", value_name = "FILE", help_heading = "Identity")]
    key_file: Option<PathBuf>,

    /// Address to listen on, IPv4 or IPv6
    ///
    /// Peers announce it, or where it is unspecified the address of the interface that reaches the other side. IPv6 has
    /// no broadcast: a peer that listens on an IPv6 address neither sends nor hears discovery, and groups meet by
    /// --join, unless --broadcast-address is given.
    #[arg(long, env = "PEER_BIND", value_name = "ADDRESS", help_heading = "Network")]
    #[arg(default_value = config::BIND, value_parser = value::bind)]
    bind: IpAddr,

    /// TCP port to listen on; 0 takes any free one
    ///
    /// Give a fixed one where others name this peer by --join.
    #[arg(long, env = "PEER_PORT", value_name = "PORT", help_heading = "Network", default_value_t = 0)]
    #[arg(allow_negative_numbers = true)]
    port: u16,

    /// UDP port of discovery, 1 to 65535
    ///
    /// Must be the same at every peer of the group. Also read from `BROADCAST_PORT`; `PEER_BROADCAST_PORT` wins.
    #[arg(long, env = "PEER_BROADCAST_PORT", value_name = "PORT", help_heading = "Network")]
    #[arg(default_value = config::BROADCAST_PORT, value_parser = value_parser!(u16).range(1..))]
    #[arg(allow_negative_numbers = true)]
    broadcast_port: u16,

    /// IPv4 address that discovery is sent to
    ///
    /// Default: what --bind implies, which is the interface's broadcast address, 127.255.255.255 for a loopback address,
    /// those of all interfaces for an unspecified one, and none at all for an IPv6 one.
    #[arg(long, env = "PEER_BROADCAST_ADDRESS", value_name = "ADDRESS", help_heading = "Network")]
    #[arg(value_parser = value::broadcast)]
    broadcast_address: Option<IpAddr>,

    /// A peer's TCP address to ask where broadcast does not reach; repeatable
    ///
    /// A host name, an IPv4 address, or an IPv6 address in brackets, and the --port of that peer, e.g. hub.local:7000 or
    /// `[fd00::7]:7000`. Several may be separated by commas. One that does not answer is asked again. Default: none.
    #[arg(long, env = "PEER_JOIN", value_name = "HOST:PORT", help_heading = "Network")]
    #[arg(value_delimiter = ',', value_parser = value::endpoint)]
    join: Vec<String>,

    /// Time between two heartbeats of the leader
    ///
    /// 5s, 200ms, 1m, or a bare number of seconds; whole milliseconds, at most 24h. Must be less than
    /// --heartbeat-timeout, and the same at every peer of the group.
    #[arg(long, env = "PEER_HEARTBEAT_INTERVAL", value_name = "DURATION", help_heading = "Timing")]
    #[arg(default_value = config::HEARTBEAT_INTERVAL, value_parser = value::duration, allow_negative_numbers = true)]
    heartbeat_interval: Duration,

    /// Silence after which a leader or member counts as gone
    ///
    /// 10s, 500ms, 1m, or a bare number of seconds; whole milliseconds, at most 24h. Must exceed --heartbeat-interval,
    /// at best twice or more, and be the same at every peer of the group: unequal ones make peers elect for ever.
    #[arg(long, env = "PEER_HEARTBEAT_TIMEOUT", value_name = "DURATION", help_heading = "Timing")]
    #[arg(default_value = config::HEARTBEAT_TIMEOUT, value_parser = value::duration, allow_negative_numbers = true)]
    heartbeat_timeout: Duration,

    /// Time to wait for answers in elections and in discovery
    ///
    /// 5s, 200ms, 1m, or a bare number of seconds; whole milliseconds, at most 24h. Must exceed the time that messages
    /// take in the network, there and back, and be the same at every peer of the group.
    #[arg(long, env = "PEER_ELECTION_TIMEOUT", value_name = "DURATION", help_heading = "Timing")]
    #[arg(default_value = config::ELECTION_TIMEOUT, value_parser = value::duration, allow_negative_numbers = true)]
    election_timeout: Duration,

    /// Deliver nothing with fewer members than this
    ///
    /// A majority of all peers that will ever run, the same at each: 2 of 3, 3 of 5. Then only one side of a split network
    /// delivers, and no row of a CSV file ever changes; the others take readings in and deliver them when it has healed. A
    /// peer with another N is refused, and so is a start with another N than its data were kept under. Needs --resume, and
    /// turns on --fsync batch; with --fsync never or a duration it holds for killed processes, and not for a power cut.
    /// Default: none, every side works on, and what the smaller one delivered is ordered again when the network has healed.
    #[arg(long, env = "PEER_QUORUM", value_name = "N", help_heading = "Safety")]
    #[arg(value_parser = value_parser!(u32).range(1..), allow_negative_numbers = true)]
    quorum: Option<u32>,

    /// mock, none, stdin, exec:COMMAND, `file:PATH` or a device; repeatable
    ///
    /// mock makes plausible weather up, and is the default; with --resume a source has to be named. stdin reads lines
    /// `DATA|sensor_id|timestamp|temperature|humidity|pressure` (°C, %, hPa); an empty timestamp means now, an empty value
    /// not measured. exec:COMMAND reads such lines of a command of the shell, which is started again when it ends, and ends
    /// with this peer; `file:PATH` those of a file as it grows, or of a named pipe. iio:DEVICE reads a Linux industrial-I/O device, e.g. a BME280, hwmon:DEVICE one of hardware
    /// monitoring, e.g. an `SHT4x`, w1:DEVICE a thermometer on a 1-wire bus, e.g. a DS18B20. DEVICE is its directory, its
    /// number, its name (`w1:28-0316a2794c`, `iio:bme280`), or `path=PATTERN`, a part of where it is connected. none goes with no other: this peer only keeps
    /// what others measure. `ID@INTERVAL=SOURCE`, or either of these before the `=`, gives a source a sensor id and an
    /// interval of its own, e.g. `roof@5s=iio:name=bme280`. Several may be separated by commas.
    #[arg(long, env = "PEER_SENSOR", value_name = "SOURCE", help_heading = "Sensors")]
    #[arg(default_value = "mock", value_parser = source::sensors)]
    sensor: Vec<Sensors>,

    /// Sensor id of readings that this peer makes itself; repeatable
    ///
    /// For mock and devices; lines of stdin name their own. Has the grammar of a peer id. With several sources give it once for
    /// each, in their order; otherwise they are numbered, `<ID>-1`, `<ID>-2` and so on. Several may be separated by commas.
    /// Default: the peer id.
    #[arg(long, env = "PEER_SENSOR_ID", value_name = "ID", help_heading = "Sensors", value_delimiter = ',')]
    sensor_id: Vec<SensorId>,

    /// Seconds between two readings that this peer makes itself
    ///
    /// For mock and devices. Fractions are allowed, and so are 500ms or 1m; whole milliseconds, at most 24h.
    #[arg(long, env = "PEER_SENSOR_INTERVAL_SECONDS", value_name = "SECONDS", help_heading = "Sensors")]
    #[arg(default_value = config::SENSOR_INTERVAL_SECONDS, value_parser = value::duration)]
    #[arg(allow_negative_numbers = true)]
    sensor_interval_seconds: Duration,

    /// What lines of stdin, commands and files look like: data, csv, jsonl or influx
    ///
    /// data: `DATA|…`, as above. csv: columns under a header, or numbered ones. jsonl: a JSON object a line. influx: Influx line
    /// protocol. Lines that begin with `DATA|` are readings in each of them. docs/sensors.md tells what fields are looked for.
    #[arg(long, env = "PEER_STDIN_FORMAT", value_name = "FORMAT", help_heading = "Sensors")]
    #[arg(default_value = "data", ignore_case = true, value_parser = line_forms())]
    stdin_format: Form,

    /// Which field of such a line is which of a reading; repeatable
    ///
    /// `temperature=NAME` or `temperature=NAME:UNIT`, and the same for id, timestamp, humidity and pressure. Units: C, F, K, mC;
    /// %, ratio, m%; hPa, mbar, Pa, kPa, inHg, mmHg; of times unix, `unix_ms`, `unix_us`, `unix_ns`, and where they have no
    /// zone utc, local or `+02:00`. `id=NAME+NAME` joins several. Columns of CSV without a header are #1, #2 and so on. Several
    /// may be separated by commas. Default: usual names, as they are listed in docs/sensors.md.
    #[arg(long, env = "PEER_STDIN_FIELDS", value_name = "FIELD=NAME", help_heading = "Sensors")]
    #[arg(value_delimiter = ',', value_parser = form::field)]
    stdin_fields: Vec<FieldChoice>,

    /// Read files on where they were read to; FILE keeps how far that is
    ///
    /// For `file:PATH`, and for stdin where it is a file. What was read before is known by its bytes: a file that begins otherwise
    /// is read from its beginning. Needs --resume. Default: none, at each start files are read from their beginning.
    #[arg(long, env = "PEER_ONCE", value_name = "FILE", help_heading = "Sensors")]
    once: Option<PathBuf>,

    /// Where sysfs is mounted
    ///
    /// Devices that are not named by a directory are looked for below it. In a container it may be elsewhere, e.g. `/host/sys`.
    #[arg(long, env = "PEER_SYSFS", value_name = "DIR", help_heading = "Sensors", default_value = config::SYSFS)]
    sysfs: PathBuf,

    /// Files go to `DIR/<peer id>/`
    ///
    /// One CSV file a sensor, and the peer's own files. Ids with capitals have '+' and a number after them there: Lab is
    /// Lab+1, so that no disk takes it for lab. What an earlier start left, or looks like a peer's, is moved to
    /// `DIR/<peer id>.previous` unless --resume is given, and anything else is refused.
    #[arg(long, env = "PEER_DATA_DIR", value_name = "DIR", help_heading = "Storage", default_value = config::DATA_DIR)]
    data_dir: PathBuf,

    /// Keep this peer's data from its last run, and fetch only what is missing
    ///
    /// Readings that were taken in or stored survive the end of the process, however it ends; see --fsync for a power cut.
    /// Needs --peer-id and --sensor. Default: off, the peer begins with an empty directory, and rows that are there are kept
    /// in `DIR/<peer id>.previous` until the next such start.
    #[arg(long, env = "PEER_RESUME", help_heading = "Storage", value_parser = BoolishValueParser::new())]
    resume: bool,

    /// When a reading counts as stored: never, batch, or a duration
    ///
    /// never: handed to the operating system. A killed peer loses nothing, a power cut the last half minute or so of that
    /// peer; the others still have it. batch: on the disk, one sync for all that waits. A power cut at all peers together
    /// loses nothing that was delivered; a few KiB are written for each batch, which wears an SD card out sooner. A
    /// duration: handed over, and on the disk after this time at the latest; a power cut at all peers together loses at
    /// most that. Default: never, with --quorum batch.
    #[arg(long, env = "PEER_FSYNC", value_name = "never|batch|DURATION", help_heading = "Storage")]
    #[arg(value_parser = value::fsync, allow_negative_numbers = true)]
    fsync: Option<Fsync>,

    /// When a sensor's rows go on in another CSV file: never, or with each month
    ///
    /// With month the rows of each sensor and month have a file of their own, as roof+0.2026-11.csv. The month is that of
    /// UTC, of the time of a reading. Together the files hold what one file would. With --resume a start divides the rows
    /// that are there as it is told, once. Peers of a group may differ in this.
    #[arg(long, env = "PEER_ROTATE", value_name = "never|month", help_heading = "Storage", default_value = "never")]
    #[arg(value_parser = value::rotate)]
    rotate: Rotate,

    #[command(flatten)]
    kept: Kept,

    /// Serve a page about this peer and its group, and the same for programs
    ///
    /// A bare port is one of 127.0.0.1; with an address others can read along, too, also in a closed group. Port 0 takes any
    /// free one, and a line says which. docs/http.md tells what is there: JSON, CSV, metrics for Prometheus. Default: off.
    #[arg(long, env = "PEER_HTTP", value_name = "[ADDRESS:]PORT", help_heading = "Page", value_parser = value::http)]
    http: Option<SocketAddr>,

    /// A name by which a browser may ask for the page; repeatable
    ///
    /// Addresses, localhost and this host's own name may be used without. Others are refused, so that no page of another site
    /// reads along through a browser. Needed where DNS or a proxy gives this host another name.
    /// Default: none.
    #[arg(long, env = "PEER_HTTP_HOST", value_name = "NAME", help_heading = "Page", value_delimiter = ',')]
    http_host: Vec<String>,

    /// How much is logged to standard error
    ///
    /// debug also tells of every reading that is delivered. `RUST_LOG` is heard too and wins, e.g.
    /// `RUST_LOG=peer::net=trace`.
    #[arg(long, env = "PEER_LOG_LEVEL", value_name = "LEVEL", help_heading = "Logging")]
    #[arg(default_value = config::LOG_LEVEL, ignore_case = true, value_parser = log_levels())]
    log_level: LevelFilter,

    /// text for people, json for programs: one object a line
    ///
    /// json: `ts`, `level`, `peer`, `thread`, `event` (a stable name), `message`, and what else is known of the event as
    /// further members. text: time, level, thread, text; where standard error is the journal of systemd, its priorities
    /// take the place of time and level.
    #[arg(long, env = "PEER_LOG_FORMAT", value_name = "FORMAT", help_heading = "Logging")]
    #[arg(default_value = "text", ignore_case = true, value_parser = log_formats())]
    log_format: Format,
}

fn log_levels() -> impl TypedValueParser<Value = LevelFilter> {
    PossibleValuesParser::new(["error", "warn", "info", "debug", "trace"])
        .try_map(|level| level.to_ascii_lowercase().parse::<LevelFilter>())
}

fn line_forms() -> impl TypedValueParser<Value = Form> {
    PossibleValuesParser::new(Form::NAMES).map(|name| Form::of(&name.to_ascii_lowercase()))
}

fn log_formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::NAMES).try_map(|format| format.to_ascii_lowercase().parse::<Format>())
}

impl Arguments {
    /// `names_source`: `--sensor` is given, and not its default.
    pub(super) fn into_config(self, names_source: bool) -> Result<Config, ConfigError> {
        if self.resume && self.peer_id.is_none() {
            return Err(ConfigError::ResumeWithoutId);
        }
        if self.resume && !names_source {
            return Err(ConfigError::ResumeWithoutSensor);
        }
        let default_fsync = if self.quorum.is_some() { config::FSYNC_WITH_QUORUM } else { config::FSYNC };
        let peer_id = self.peer_id.unwrap_or_else(fresh_id);
        let chosen = source::chosen(self.sensor.into_iter().flat_map(|Sensors(list)| list).collect())?;
        let sensors = source::settled(chosen, self.sensor_id, &peer_id, self.sensor_interval_seconds)?;
        let mut join: Vec<String> = Vec::with_capacity(self.join.len());
        for endpoint in self.join {
            if !join.contains(&endpoint) {
                join.push(endpoint);
            }
        }
        let config = Config {
            peer_id,
            priority: self.priority,
            group: self.group,
            key_file: self.key_file,
            bind: self.bind,
            port: self.port,
            broadcast_port: self.broadcast_port,
            broadcast_address: self.broadcast_address,
            join,
            timing: Timing {
                heartbeat_interval: self.heartbeat_interval,
                heartbeat_timeout: self.heartbeat_timeout,
                election_timeout: self.election_timeout,
            },
            quorum: self.quorum,
            resume: self.resume,
            fsync: self.fsync.unwrap_or(default_fsync),
            rotate: self.rotate,
            flush_interval: self.kept.flush_interval,
            keep: self.kept.keep,
            keep_bytes: self.kept.keep_bytes,
            min_free: self.kept.min_free,
            sensors,
            invents: !names_source,
            stdin_format: self.stdin_format,
            stdin_fields: self.stdin_fields,
            once: self.once,
            sysfs: self.sysfs,
            data_dir: self.data_dir,
            http: self.http,
            http_hosts: self.http_host,
            log_level: self.log_level,
            log_format: self.log_format,
        };
        config.check()
    }
}

fn fresh_id() -> PeerId {
    Uuid::new_v4().to_string().parse().expect("a UUID is a name")
}
