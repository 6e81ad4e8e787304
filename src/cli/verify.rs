//! The options of `peer verify` and their help. What it does is in the layer of that name.

use std::path::PathBuf;

use clap::{value_parser, Args};

use crate::config;

const AFTER_HELP: &str = "\
What is proven:
  of each peer: the sequences over all its CSV files are 1..n, each once, rising in each
      file; each row is, byte for byte, the entry of that sequence in the peer's journal;
      the journal's checksums hold, its entries have no gap, its terms do not fall, and
      no reading is in it twice
  of all of them: their CSV files are equal

A peer whose rows are the beginning of the others' is behind. What one that
is running lacks at the end is not counted, but what its journal holds has to come to its
files within 20 s. Entries above the last row of one that is stopped are not delivered
yet, and fine; and those that wait for a quorum.

Digest: SHA-256 of what 'sha256sum *.csv' prints, names in byte order: the same on every
machine for the same files. By hand:
  cd data/peer1 && export LC_ALL=C && sha256sum *.csv | sha256sum

Examples:
  peer verify
      all peers below data/
  peer verify --data-dir pi1/data --data-dir pi2/data --data-dir pi3/data
      directories gathered from three machines, with 'peer snapshot' or of stopped peers
  peer verify --up-to 9000 kitchen
      one peer, on its own machine, perhaps running; compare the digests by eye
  peer verify pi1/data/kitchen pi2/data/roof
      directories by path

Exit status: 0 if all agree, 4 if some are behind and nothing else is wrong, 5 if they
disagree, 1 if something cannot be read and nothing else disagrees, 2 for wrong options.";

/// Compare the files of peers: same rows, same order, no gaps
///
/// Compare the files of peers: same rows, same order, no gaps, as in their journals.
///
/// Prints a line for each peer (rows, sensors, last sequence, digest), a line for each disagreement (the first 20 of a
/// peer, the rest counted), and a verdict. Only reads: peers may be running, nothing is changed or repaired.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer verify --help' for what is proven, the digest and examples.")]
#[command(after_long_help = AFTER_HELP)]
pub struct Verify {
    /// Where peers' directories are; repeatable
    ///
    /// Peers are looked for in all that are given; one may also be a peer's directory itself.
    #[arg(long = "data-dir", id = "verify_data_dir", env = "PEER_DATA_DIR", value_name = "DIR")]
    #[arg(default_value = config::DATA_DIR)]
    pub data_dirs: Vec<PathBuf>,

    /// Compare the rows 1 to N only
    ///
    /// Their digest is the same at every peer that holds them, also of groups that run: of all that 'awk -F, "NR==1||$1<=N"'
    /// prints of each file that has such rows. A peer that holds fewer is behind, running or not.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub up_to: Option<u64>,

    /// One JSON object on standard output
    ///
    /// With 'verdict' (agree, behind, disagree, incomplete), 'status' and 'peers', each with 'sha256' or 'error'.
    #[arg(long)]
    pub json: bool,

    /// Ids of peers, or paths of their directories
    ///
    /// What is no peer id, such as anything with a '/', is a path. Default: all peers below the data directories.
    #[arg(value_name = "PEER_ID")]
    pub peers: Vec<PathBuf>,
}
