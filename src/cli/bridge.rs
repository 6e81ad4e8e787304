//! The options of `peer bridge` and their help. What it does is in the layer of that name.

use std::path::PathBuf;

use clap::{value_parser, Args, ValueEnum};

use crate::bridge::{self, Asked, Target};
use crate::config::{self, value};
use crate::ids::SensorId;
use crate::tail::Start;

const AFTER_HELP: &str = "\
Rows go on in the order of the group, each once its peer has delivered it. The engine's
acknowledgement counts: what it did not say to have is sent again. An engine that is away is
waited for; rows wait in the files of the peer, which notices nothing.

  nats://HOST[:4222][,HOST…][/STREAM]     each row once, in one order, also across restarts,
                                          merges and bridges at several peers; several
                                          hosts are servers of one cluster
  mqtt://HOST[:1883]                      each row at least once; \"id\" tells repeated ones
  influx://HOST[:8086]/DATABASE           each row once: the same point is written again
  influx://HOST[:8086]/BUCKET?org=ORG     the same, of InfluxDB 2
natss://, mqtts:// and influxs:// are the same under TLS. USER:PASSWORD@ may come before HOST.

Examples:
  peer bridge nats://hub.example.org/greenhouse kitchen
      all rows into the stream 'greenhouse', and those that come
  peer bridge --when leader --create nats://hub.example.org
      the same beside each peer: the one of the leader works
  peer bridge --retain --home-assistant mqtt://homeassistant.local
      each sensor appears in Home Assistant by itself
  peer bridge --credentials token.txt 'influxs://db.example.org/lab?org=us'
      a bucket of InfluxDB 2

Exit status: 0 after SIGINT, SIGTERM or SIGHUP; 1 if something cannot be read, or the engine
refuses rows from here, with a line on standard error that says what; 2 for wrong options.";

/// Hand the rows of a peer to NATS, MQTT or InfluxDB as they come
///
/// Hand the rows of a peer, running or not, to an engine outside, and go on as they come.
///
/// It runs beside the peer until a signal. Peers are only read, and not held up.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer bridge --help' for engines and examples.")]
#[command(after_long_help = AFTER_HELP)]
pub struct Bridge {
    /// Where peers' directories are; repeatable
    #[arg(long = "data-dir", id = "bridge_data_dir", env = "PEER_DATA_DIR", value_name = "DIR")]
    #[arg(default_value = config::DATA_DIR)]
    data_dirs: Vec<PathBuf>,

    /// Name of the group: a part of subjects, topics, tags and ids
    #[arg(long, id = "bridge_group", env = "PEER_GROUP", value_name = "NAME")]
    #[arg(default_value = config::GROUP, value_parser = value::group)]
    group: String,

    /// always, or only while this peer leads
    ///
    /// leader: for a bridge beside each peer. The peer is asked twice a second; at an election the next leader's bridge goes on.
    #[arg(long, value_name = "WHEN", default_value = "always")]
    when: When,

    /// File with the key of a closed group, for --when leader
    #[arg(long, id = "bridge_key_file", env = "PEER_KEY_FILE", value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Keep in this file how far rows went
    ///
    /// It is replaced after the engine acknowledged them. Default: `DIR/<peer id>.<engine>-<code>.bridge`, where URL, group,
    /// sensors and topic make the code.
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,

    /// Begin with the row of this sequence, where nothing says how far rows went
    ///
    /// Default: with the first row.
    #[arg(long, value_name = "SEQ", value_parser = value_parser!(u64).range(1..), conflicts_with = "lines")]
    from: Option<u64>,

    /// Begin with the last N rows, where nothing says how far rows went
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<u64>,

    /// Only rows of this sensor; repeatable
    #[arg(long = "sensor", value_name = "ID", value_delimiter = ',')]
    sensors: Vec<SensorId>,

    /// File with what the engine is to let this bridge in by
    ///
    /// `USER:PASSWORD`; for NATS also a token, the seed of a user's key, or what `nsc` writes; for InfluxDB 2 the token.
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,

    /// File with the authorities that may vouch for the engine, as PEM
    ///
    /// Default: those that the system trusts.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Make the stream or the database where it is missing
    #[arg(long)]
    create: bool,

    /// Topic of a row in MQTT
    #[arg(long, value_name = "TOPIC", default_value = bridge::TOPIC, value_parser = topic)]
    topic: String,

    /// Let MQTT keep the last row of each topic
    #[arg(long)]
    retain: bool,

    /// Tell Home Assistant of each sensor, below this topic
    #[arg(long, value_name = "TOPIC", num_args = 0..=1, default_missing_value = "homeassistant", require_equals = true)]
    #[arg(value_parser = one_topic)]
    home_assistant: Option<String>,

    /// Where rows go
    #[arg(value_name = "URL")]
    target: Target,

    /// Id of the peer, or path of its directory
    ///
    /// What is no peer id, such as anything with a '/', is a path. Default: the only peer below the data directories.
    #[arg(value_name = "PEER_ID")]
    peer: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Always,
    Leader,
}

impl Bridge {
    /// Which rows go where.
    #[must_use]
    pub fn asked(self) -> Asked {
        let start = match self.lines {
            Some(lines) => Start::Last(lines),
            None => Start::After(self.from.map_or(0, |from| from - 1)),
        };
        Asked {
            data_dirs: self.data_dirs,
            peer: self.peer,
            target: self.target,
            group: self.group,
            start,
            sensors: self.sensors,
            cursor: self.cursor,
            only_leader: self.when == When::Leader,
            key_file: self.key_file,
            credentials: self.credentials,
            ca_file: self.ca_file,
            create: self.create,
            topic: self.topic,
            retain: self.retain,
            home_assistant: self.home_assistant,
        }
    }
}

/// A topic with a place for the sensor: without it, all sensors would be one.
fn topic(text: &str) -> Result<String, String> {
    if !text.contains("{sensor}") {
        return Err("has no {sensor} in it".to_owned());
    }
    one_topic(text)
}

/// A topic that rows can be published to.
fn one_topic(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.contains(['#', '+', '\0']) {
        return Err("has a character that stands for several topics".to_owned());
    }
    Ok(text.to_owned())
}
