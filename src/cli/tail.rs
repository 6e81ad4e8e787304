//! The options of `peer tail` and their help. What it does is in the layer of that name.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{value_parser, Args};

use crate::config;
use crate::history::{Format, TimeRange};
use crate::ids::SensorId;
use crate::reading;
use crate::tail::{Asked, Start};

/// Rows that are printed where no beginning is given.
const LINES: u64 = 10;

const AFTER_HELP: &str = "\
Rows come in sequence order, each once its peer has delivered it. Where a merge gives other
rows the sequences from some on, a line says so, and what replaces them follows:
  '# rewind SEQ'      in csv and influx: forget all rows above SEQ
  {\"rewind\":SEQ}      in jsonl

With --cursor FILE the next run goes on where this one ended. FILE is replaced after rows
were written, so that rows can come twice after a crash, and none is left out. What a merge
replaced between two runs is told, too.

Examples:
  peer tail
      the last 10 rows of the peer below data/
  peer tail --follow kitchen
      and all that come
  peer tail --from 1 --sensor roof --format jsonl kitchen | jq .temperature_c
      all rows of a sensor
  peer tail -f --cursor kitchen.cursor --format influx kitchen | telegraf --config stdin.conf
      each row once into a database, across restarts

Exit status: 0 at the end, after SIGINT or SIGTERM, or when nobody reads any more; 1 if
something cannot be read, with a line on standard error that says what; 2 for wrong options.";

/// Print the rows of a peer in sequence order, and go on as they come
///
/// Print the rows of a peer in sequence order, running or not, and go on as they come.
///
/// The last 10 rows, unless another beginning is given. Peers are only read, and not held up.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer tail --help' for rewinds, cursors and examples.")]
#[command(after_long_help = AFTER_HELP)]
pub struct Tail {
    /// Where peers' directories are; repeatable
    #[arg(long = "data-dir", id = "tail_data_dir", env = "PEER_DATA_DIR", value_name = "DIR")]
    #[arg(default_value = config::DATA_DIR)]
    pub data_dirs: Vec<PathBuf>,

    /// Go on with the rows that come
    ///
    /// Until a signal. A peer's directory that is not there yet is waited for.
    #[arg(short, long)]
    pub follow: bool,

    /// Begin with the row of this sequence
    #[arg(long, value_name = "SEQ", value_parser = value_parser!(u64).range(1..))]
    #[arg(conflicts_with_all = ["since", "lines"])]
    pub from: Option<u64>,

    /// Only rows of readings since this time
    ///
    /// As in 2026-01-15T06:00:00Z, or with an offset. All rows are looked at: they are in the order in which they were delivered,
    /// not of their times.
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "lines")]
    pub since: Option<i64>,

    /// Begin with the last N rows
    ///
    /// Default: 10; all rows with --cursor, where FILE is not there yet.
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<u64>,

    /// Only rows of this sensor; repeatable
    #[arg(long = "sensor", value_name = "ID", value_delimiter = ',')]
    pub sensors: Vec<SensorId>,

    /// csv, jsonl or influx
    ///
    /// csv: as the files, with their header. jsonl: a JSON object a line. influx: the line protocol of Influx; only what was
    /// measured is in it.
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = formats())]
    pub format: Format,

    /// Go on where FILE says, and keep there how far it came
    ///
    /// Give it the same sensors each time. The header of csv is written where FILE is not there yet.
    #[arg(long, value_name = "FILE")]
    pub cursor: Option<PathBuf>,

    /// Id of the peer, or path of its directory
    ///
    /// What is no peer id, such as anything with a '/', is a path. Default: the only peer below the data directories.
    #[arg(value_name = "PEER_ID")]
    pub peer: Option<PathBuf>,
}

impl Tail {
    /// What is to be printed.
    #[must_use]
    pub fn asked(self) -> Asked {
        let start = match (self.from, self.lines) {
            (Some(from), _) => Start::After(from - 1),
            (None, Some(lines)) => Start::Last(lines),
            (None, None) if self.since.is_some() || self.cursor.is_some() => Start::After(0),
            (None, None) => Start::Last(LINES),
        };
        Asked {
            data_dirs: self.data_dirs,
            peer: self.peer,
            start,
            sensors: self.sensors,
            range: TimeRange { from: self.since.unwrap_or(i64::MIN), ..TimeRange::ALL },
            follow: self.follow,
            format: self.format,
            cursor: self.cursor,
        }
    }
}

fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::NAMES).map(|name| Format::parse(&name).expect("it is one of them"))
}

/// A time as readings have it, in milliseconds since 1970.
pub(super) fn time(text: &str) -> Result<i64, String> {
    let line = format!("DATA|a|{text}|||");
    reading::check(line.as_bytes()).map_err(|error| error.to_string())?;
    Ok(reading::unix_ms(text))
}
