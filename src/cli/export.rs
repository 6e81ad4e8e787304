//! The options of `peer export` and their help. What it does is in the layer of that name.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::Args;

use super::tail::time;
use crate::config;
use crate::export::{Asked, Format};
use crate::history::TimeRange;
use crate::ids::SensorId;

const AFTER_HELP: &str = "\
Rows are in the order of their times, those of the same time in that of their sequences; times
are in UTC. Columns are those of the CSV files. sqlite makes a table 'readings', parquet one
with typed columns; both need --output, and a build that has them, as packages do.

Examples:
  peer export --output kitchen.csv kitchen
      all rows
  peer export --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --sensor roof
      a month of a sensor, to standard output
  peer export --format parquet --output rows.parquet
      for DuckDB, pandas, polars or Spark

Exit status: 0 if all was written, or nobody reads any more; 1 if something cannot be read or
written, with a line on standard error that says what; 2 for wrong options.";

/// Write the rows of a peer in the order of time, as CSV, JSON or a database
///
/// Write the rows of a peer, running or not, in the order of time, for those who analyse them.
///
/// What is written is what the files held at one moment. The peer is only read, and not held up.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer export --help' for formats and examples.")]
#[command(after_long_help = AFTER_HELP)]
pub struct Export {
    /// Where peers' directories are; repeatable
    #[arg(long = "data-dir", id = "export_data_dir", env = "PEER_DATA_DIR", value_name = "DIR")]
    #[arg(default_value = config::DATA_DIR)]
    data_dirs: Vec<PathBuf>,

    /// csv, jsonl, sqlite or parquet
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = formats())]
    format: Format,

    /// The file to write, which is replaced once all is written
    ///
    /// Default: standard output, for csv and jsonl.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Only rows of readings since this time
    ///
    /// As in 2026-01-15T06:00:00Z, or with an offset.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<i64>,

    /// Only rows of readings up to this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<i64>,

    /// Only rows of this sensor; repeatable
    #[arg(long = "sensor", value_name = "ID", value_delimiter = ',')]
    sensors: Vec<SensorId>,

    /// Id of the peer, or path of its directory
    ///
    /// What is no peer id, such as anything with a '/', is a path. Default: the only peer below the data directories. All
    /// peers of a group have the same rows.
    #[arg(value_name = "PEER_ID")]
    peer: Option<PathBuf>,
}

impl Export {
    /// What is to be written.
    #[must_use]
    pub fn asked(self) -> Asked {
        Asked {
            data_dirs: self.data_dirs,
            peer: self.peer,
            sensors: self.sensors,
            range: TimeRange { from: self.from.unwrap_or(i64::MIN), to: self.to.unwrap_or(i64::MAX) },
            format: self.format,
            output: self.output,
        }
    }
}

fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::NAMES).map(|name| Format::parse(&name).expect("it is one of them"))
}
