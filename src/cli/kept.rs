//! Options that say when rows are written, how much is kept, and how much room is kept free.

use std::time::Duration;

use clap::Args;

use crate::config::value;

#[derive(Debug, Args)]
pub(super) struct Kept {
    /// How long rows may wait, to be written to their CSV files together
    ///
    /// 10m, 30s, or a bare number of seconds; whole milliseconds, at most 24h. A slow group writes far less to a card then.
    /// Only rows wait, and what follows the files sees them that much later: the journal, which they are made from again
    /// after a crash, takes each reading as it does without. A peer that is stopped writes them, and so does one where
    /// 8,192 wait. Peers of a group may differ in this. Default: none, rows are written as they come.
    #[arg(long, env = "PEER_FLUSH_INTERVAL", value_name = "DURATION", help_heading = "Storage")]
    #[arg(value_parser = value::duration, allow_negative_numbers = true)]
    pub(super) flush_interval: Option<Duration>,

    /// Room on the disk that is kept free, e.g. 500M or 2G
    ///
    /// Below it this peer takes no readings in: its sources wait, and one warning says so. Twice as much is warned of. They
    /// go on when there is an eighth more than it. What other peers measure is still stored, so give it to all of them. Units are
    /// powers of 1024. With 0 a full disk ends this peer.
    #[arg(long, env = "PEER_MIN_FREE", value_name = "SIZE", help_heading = "Storage", default_value = "0")]
    #[arg(value_parser = value::size, allow_negative_numbers = true)]
    pub(super) min_free: u64,

    /// How long readings are kept, e.g. 400d; the same at all peers
    ///
    /// Hours, days or weeks (720h, 400d, 52w), at least a day. Whole months go, in UTC, at all peers of the group alike, once all
    /// of them hold these readings. While a peer has other limits nothing goes, and a warning names it. Needs --resume.
    /// Default: everything is kept.
    #[arg(long, env = "PEER_KEEP", value_name = "TIME", help_heading = "Storage")]
    #[arg(value_parser = value::keep, allow_negative_numbers = true)]
    pub(super) keep: Option<Duration>,

    /// Room that the files may take, e.g. 2G; the same at all peers
    ///
    /// Where they take more, the oldest readings go, as with --keep; with both, whichever removes more. At least 64M. Needs
    /// --resume. Default: everything is kept.
    #[arg(long, env = "PEER_KEEP_BYTES", value_name = "SIZE", help_heading = "Storage")]
    #[arg(value_parser = value::keep_bytes, allow_negative_numbers = true)]
    pub(super) keep_bytes: Option<u64>,
}
