//! The options of `peer log2html` and their help. What it does is in `simulation`.

use std::path::PathBuf;

use clap::Args;

use super::tail::time;
use crate::simulation::logs::Asked;

const AFTER_HELP: &str = "\
Each line of a log says whose it is: files can be given in any order, one for each peer or one
for all. Lines of other programs are passed over. Without messages the page shows what each peer
was and logged; with them, who said what to whom when. Where the clocks of hosts differ by so
much that a message would arrive before it is said, they are set right, and the page says so.

Example:
  RUST_LOG=info,peer::threads::talk=trace peer --log-format json 2> kitchen.log
      each peer of the group, for the minutes that matter
  peer log2html kitchen.log roof.log cellar.log --html group.html
  peer log2html *.log --from 2026-01-15T06:00:00Z --to 2026-01-15T06:00:30Z --html group.html

Exit status: 0; 1 where a file cannot be read or written, is no log, or has too many messages
for a page; 2 for wrong options.";

/// Draw what a group did, from its logs
///
/// Draw what a group of real peers did as the page that `peer sim --html` makes of a run: from logs that were written with
/// --log-format json.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer log2html --help' for an example.")]
#[command(after_long_help = AFTER_HELP)]
pub struct Log2Html {
    /// The page to write
    #[arg(long, value_name = "FILE")]
    pub html: PathBuf,

    /// Leave out what is earlier
    ///
    /// As in 2026-01-15T06:00:00Z, or with an offset.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<i64>,

    /// Leave out what is later
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<i64>,

    /// Logs in JSON
    #[arg(value_name = "LOG", required = true)]
    pub files: Vec<PathBuf>,
}

impl Log2Html {
    /// What is to be drawn.
    #[must_use]
    pub fn asked(self) -> Asked {
        let Self { html, from, to, files } = self;
        Asked { files, html, from: from.unwrap_or(i64::MIN), to: to.unwrap_or(i64::MAX) }
    }
}
