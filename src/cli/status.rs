//! The options of `peer status` and their help. What it does is in the layer `inquiry`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::{self, value};
use crate::inquiry::Condition;

const AFTER_HELP: &str = "\
Examples:
  peer status
      all peers that run on this host and have their directory below data/
  peer status 192.168.1.5:7000 attic.local:7000
      peers on other hosts, by the address that they listen at
  peer status --watch
      the same, every second
  peer status --wait members=3,leader --timeout 30s
      waits until three peers are one group: for scripts
  peer status --json kitchen | jq '.reports[0].leader'
      for programs

Exit status: 0 if all that were asked answer, agree and lack nothing (with --wait: if it came
to be), 3 if nobody answers or one that was named does not, 6 if they do not agree or something
is wrong, such as a missing member, 1 if nobody can be asked, 2 for wrong options.";

/// Show who leads, who is there and who is missing, as running peers see it
///
/// Show who leads, who is there and who is missing, as running peers see it.
///
/// Asks peers over TCP and joins no group. In a closed group it needs the key.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer status --help' for examples and exit statuses.")]
#[command(after_long_help = AFTER_HELP)]
pub struct Status {
    /// Where the directories of this host's peers are; repeatable
    #[arg(long = "data-dir", id = "status_data_dir", env = "PEER_DATA_DIR", value_name = "DIR")]
    #[arg(default_value = config::DATA_DIR)]
    pub data_dirs: Vec<PathBuf>,

    /// Name of the group, where it is a closed one
    #[arg(long, id = "status_group", env = "PEER_GROUP", value_name = "NAME")]
    #[arg(default_value = config::GROUP, value_parser = value::group)]
    pub group: String,

    /// File with the key of a closed group
    #[arg(long, id = "status_key_file", env = "PEER_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// Print one object of JSON a look
    ///
    /// `agree`; `reports`, as docs/http.md describes `/api/v1/status`; `silent`: places that gave no answer, and why.
    #[arg(long)]
    pub json: bool,

    /// Show it again every second, until Ctrl-C
    #[arg(long, conflicts_with = "wait")]
    pub watch: bool,

    /// Wait until all of this is so: members=N, leader, healthy, delivered=N
    ///
    /// Of all peers that were asked and run. members=N: each sees N members, and all of them one group. leader: each sees
    /// one. healthy: nothing is wrong. delivered=N: rows up to sequence N are in its files. Several may be separated by commas.
    #[arg(long, value_name = "CONDITION", value_delimiter = ',')]
    pub wait: Vec<Condition>,

    /// How long to wait at most
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = value::duration, requires = "wait")]
    pub timeout: Duration,

    /// Addresses of peers, their ids, or their directories, or the one that these are in
    ///
    /// Default: all below the data directories.
    #[arg(value_name = "HOST:PORT|PEER_ID|DIR")]
    pub places: Vec<String>,
}
