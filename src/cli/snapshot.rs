//! The options of `peer snapshot` and their help. What it does is in the layers `verify` and `storage`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::config;

const AFTER_HELP: &str = "\
A copy is of one moment, wherever its peer is in its work, and has passed 'peer verify'. It
holds the log, the rows written from it, what waits to be ordered, and who the peer is. What
is no file of a peer is left out and named; '*.damaged' is left out.

It has its name only once it is whole and on the disk. Whatever fails leaves nothing; what is
killed leaves DEST/.PEER_ID.partial, which the next snapshot to DEST replaces.

The digest is that of 'peer verify' on the copy, and of 'peer verify --up-to LAST PEER_ID' on
the original for as long as no merge replaces rows.

A copy is the same peer, under the same id. Only one of the two may run: where one is in the
group, the other one ends with a line that says so. To have another peer needs no copy: start
one under another id, and it fetches everything.

Examples:
  peer snapshot /mnt/backup/monday
      all peers below data/, running or not
  peer snapshot kitchen /mnt/backup/monday
      data/kitchen to /mnt/backup/monday/kitchen
  peer verify --data-dir pi1 --data-dir pi2
      compares copies that were gathered from two machines
  peer --data-dir /mnt/backup/monday --peer-id kitchen --resume --sensor stdin
      goes on from the copy

Exit status: 0 if all were copied; 1 if one was not, with a line on standard error that says
why; 2 for wrong options.";

/// Copy the files of peers, running or not, as of one moment
///
/// Copy the files of peers, running or not, as of one moment, for '--resume' elsewhere or 'peer verify'.
///
/// Prints a line for each peer: rows, sensors, last sequence, digest, and where the copy is. Peers are only read, and not
/// held up.
#[derive(Debug, Args)]
#[command(override_usage = "peer snapshot [OPTIONS] [PEER_ID]... DEST")]
#[command(after_help = "See 'peer snapshot --help' for what is copied, and examples.")]
#[command(after_long_help = AFTER_HELP)]
pub struct Snapshot {
    /// Where peers' directories are; repeatable
    #[arg(long = "data-dir", id = "snapshot_data_dir", env = "PEER_DATA_DIR", value_name = "DIR")]
    #[arg(default_value = config::DATA_DIR)]
    pub data_dirs: Vec<PathBuf>,

    /// The originals never run again: their copies count immediately
    ///
    /// Matters under '--quorum' only. A copy does not hold what its original stored and acknowledged later, so it takes part in
    /// no quorum until it has fetched what the group holds. With this it does. Give it where a peer was stopped for good and
    /// moves, and where the whole group starts from copies: of these, copied once more with it. Wherever else, delivered rows
    /// can be lost. Refused of a peer that runs.
    #[arg(long)]
    pub take_over: bool,

    /// Ids of peers, or paths of their directories; and last the directory that is to hold the copies
    ///
    /// Without peers: all below the data directories. What is no peer id, such as anything with a '/', is a path. DEST is made
    /// where it is missing, and can be given as '--data-dir'. A copy has its peer's id there, which must be no name yet, or that
    /// of an empty directory.
    // One list, so that options may come anywhere between.
    #[arg(value_name = "PEER_ID|DEST", required = true)]
    paths: Vec<PathBuf>,
}

impl Snapshot {
    /// What is to be copied, and where to.
    #[must_use]
    pub fn peers_and_dest(&self) -> (&[PathBuf], &Path) {
        let (dest, peers) = self.paths.split_last().expect("it is required");
        (peers, dest)
    }
}
