//! The options of `peer doctor` and their help: those of a peer that others notice. What it does is in the layer `doctor`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{value_parser, Args};

use crate::config::{self, value};

const AFTER_HELP: &str = "\
Give it the options that the peer has, and run it on the host where something is wrong, while
peers run elsewhere. It looks at, in turn: the key, limits, the disk, peers of this host, networks,
the TCP port, what is heard on the discovery port (other groups, versions, quorums and keys,
too), whether each peer that is heard answers over TCP, whether anybody reaches this host,
addresses to join, and clocks.

Exit status: 0 if nothing is wrong, 6 if a peer works and something is to be looked at, 1 if
something fails, 2 for wrong options.";

/// Find out which step of finding and reaching other peers fails, and what to do
///
/// Find out which step of finding and reaching other peers fails, and what to do.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer doctor --help' for what it looks at.", after_long_help = AFTER_HELP)]
pub struct Doctor {
    /// Address that the peer listens on
    #[arg(long, id = "doctor_bind", env = "PEER_BIND", value_name = "ADDRESS")]
    #[arg(default_value = config::BIND, value_parser = value::bind)]
    pub bind: IpAddr,

    /// TCP port that the peer listens on; 0 takes any free one
    #[arg(long, id = "doctor_port", env = "PEER_PORT", value_name = "PORT", default_value_t = 0)]
    pub port: u16,

    /// UDP port of discovery
    #[arg(long, id = "doctor_broadcast_port", env = "PEER_BROADCAST_PORT", value_name = "PORT")]
    #[arg(default_value = config::BROADCAST_PORT, value_parser = value_parser!(u16).range(1..))]
    pub broadcast_port: u16,

    /// IPv4 address that discovery is sent to; default: what --bind implies
    #[arg(long, id = "doctor_broadcast_address", env = "PEER_BROADCAST_ADDRESS", value_name = "ADDRESS")]
    #[arg(value_parser = value::broadcast)]
    pub broadcast_address: Option<IpAddr>,

    /// A peer's TCP address to ask; repeatable
    #[arg(long, id = "doctor_join", env = "PEER_JOIN", value_name = "HOST:PORT")]
    #[arg(value_delimiter = ',', value_parser = value::endpoint)]
    pub join: Vec<String>,

    /// Name of the group
    #[arg(long, id = "doctor_group", env = "PEER_GROUP", value_name = "NAME")]
    #[arg(default_value = config::GROUP, value_parser = value::group)]
    pub group: String,

    /// The quorum that the group runs with
    #[arg(long, id = "doctor_quorum", env = "PEER_QUORUM", value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub quorum: Option<u32>,

    /// File with the key of a closed group
    #[arg(long, id = "doctor_key_file", env = "PEER_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// Where the directories of this host's peers are
    #[arg(long, id = "doctor_data_dir", env = "PEER_DATA_DIR", value_name = "DIR", default_value = config::DATA_DIR)]
    pub data_dir: PathBuf,

    /// How long to listen for others
    ///
    /// A leader tells of itself when it hears a question, within moments.
    #[arg(long, value_name = "DURATION", default_value = "4s", value_parser = value::duration)]
    pub listen_for: Duration,
}
