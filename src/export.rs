//! `peer export`: writes the rows of a peer in the order of their times, typed, in UTC, for analysis. It writes what
//! the files held at one moment, even if the peer goes on.
//!
//! Rows come from `history` in sequence order and go through `sort.rs`, whose memory is bounded, into one of the
//! formats: `text.rs`, `sqlite.rs`, `parquet.rs`.

mod error;
mod output;
#[cfg(feature = "parquet")]
mod parquet;
mod sort;
#[cfg(feature = "sqlite")]
mod sqlite;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub use self::error::ExportError;
use self::output::Output;
use self::sort::Sorter;
use crate::history::{Rows, Step, TimeRange, Wanted};
use crate::ids::{SensorId, Sequence};
use crate::reading::{row_fields, unix_time, Fields};
use crate::selection;
use crate::storage::check_version;

/// Rows of one step.
const STEP_ROWS: usize = 10_000;

/// Ends a row on its way through the sorter, where its time is that of a clock that was not set. No value ends so.
const MARK: &[u8] = b"~\n";

/// How often rows may be replaced while they are read: each merge does it once.
const TRIES_MAX: u32 = 5;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Jsonl,
    Sqlite,
    Parquet,
}

impl Format {
    /// Their names on the command line.
    pub const NAMES: [&str; 4] = ["csv", "jsonl", "sqlite", "parquet"];

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|one| *one == name)?;
        Some([Self::Csv, Self::Jsonl, Self::Sqlite, Self::Parquet][at])
    }
}

/// What is to be written, and how.
#[derive(Debug, Clone)]
pub struct Asked {
    pub data_dirs: Vec<PathBuf>,
    /// By id or path; none for the only one below the data directories.
    pub peer: Option<PathBuf>,
    /// None for all.
    pub sensors: Vec<SensorId>,
    pub range: TimeRange,
    pub format: Format,
    /// None for standard output.
    pub output: Option<PathBuf>,
}

/// A row that is written.
struct Row<'a> {
    sequence: Sequence,
    time: Timestamp,
    fields: Fields<'a>,
    /// The time is that of a clock that was not set.
    clock_unset: bool,
}

#[cfg(any(feature = "sqlite", feature = "parquet"))]
impl Row<'_> {
    /// The sequence as a signed number, for formats that have no other whole numbers.
    fn signed_sequence(&self) -> i64 {
        self.sequence.try_into().expect("no sequence that is read is so high")
    }

    /// Temperature, humidity, pressure; `None` where one was not measured.
    fn values(&self) -> [Option<f64>; 3] {
        [self.fields.temperature, self.fields.humidity, self.fields.pressure].map(|text| text.parse().ok())
    }
}

/// Takes rows in their final order.
trait Sink {
    /// Comes before all rows. `_has_marks`: whether any row has the time of a clock that was not set.
    fn begin(&mut self, _has_marks: bool) -> Result<(), ExportError> {
        Ok(())
    }

    fn write(&mut self, row: &Row) -> Result<(), ExportError>;

    /// Everything was written.
    fn finish(self: Box<Self>) -> Result<(), ExportError>;
}

/// Writes rows, to `out` where no file is named. A named file gets its name once it is whole.
///
/// # Errors
/// Where something cannot be read or written, or this build lacks the format.
pub fn run(asked: &Asked, out: &mut dyn Write) -> Result<(), ExportError> {
    let root =
        selection::only(&asked.data_dirs, asked.peer.as_deref()).map_err(|why| ExportError::Selection(why.text))?;
    check_version(&root)?;
    let output = Output::new(asked.output.as_deref());
    let mut sink = sink(asked.format, output.path(), out)?;
    let (sorted, has_marks) = read(&root, asked, &output.directory())?;
    sink.begin(has_marks)?;
    sorted.drain(&mut |line| {
        let marked = line.strip_suffix(MARK);
        let (sequence, fields) = row_fields(marked.unwrap_or(line)).expect("it was read before");
        sink.write(&Row { sequence, time: unix_time(fields.timestamp), fields, clock_unset: marked.is_some() })
    })?;
    sink.finish()?;
    output.publish()
}

fn sink<'a>(format: Format, path: Option<&'a Path>, out: &'a mut dyn Write) -> Result<Box<dyn Sink + 'a>, ExportError> {
    match (format, path) {
        (Format::Csv | Format::Jsonl, Some(path)) => text::to_file(format, path),
        (Format::Csv | Format::Jsonl, None) => Ok(text::to(format, out)),
        #[cfg(feature = "sqlite")]
        (Format::Sqlite, Some(path)) => sqlite::to_file(path),
        #[cfg(feature = "parquet")]
        (Format::Parquet, Some(path)) => parquet::to_file(path),
        #[cfg(not(feature = "sqlite"))]
        (Format::Sqlite, _) => Err(ExportError::NotBuilt { format: "sqlite" }),
        #[cfg(not(feature = "parquet"))]
        (Format::Parquet, _) => Err(ExportError::NotBuilt { format: "parquet" }),
        #[cfg(any(feature = "sqlite", feature = "parquet"))]
        (_, None) => Err(ExportError::NeedsFile),
    }
}

/// All wanted rows, up to the one that is the last when it is reached; and whether any of them has the time of a clock
/// that was not set.
fn read(root: &Path, asked: &Asked, spill: &Path) -> Result<(Sorter, bool), ExportError> {
    let wanted = Wanted { sensors: asked.sensors.clone(), range: asked.range };
    'again: for _ in 0..TRIES_MAX {
        let (mut rows, mut sorter) = (Rows::new(root.to_owned(), &wanted, 0), Sorter::new(spill));
        let mut has_marks = false;
        loop {
            match rows.step_patiently(STEP_ROWS)? {
                Step::Rows(page) => {
                    for (line, is_marked) in page.marked_lines() {
                        has_marks |= is_marked;
                        let marked = is_marked.then(|| [line.trim_ascii_end(), MARK].concat());
                        sorter.add(marked.as_deref().unwrap_or(line))?;
                    }
                }
                Step::Nothing if rows.has_journal()? => return Ok((sorter, has_marks)),
                Step::Nothing => return Err(ExportError::NoJournal { path: root.to_owned() }),
                Step::Rewind { .. } | Step::Gone { .. } => continue 'again,
            }
        }
    }
    Err(ExportError::Unsteady { path: root.to_owned() })
}

#[cfg(test)]
mod tests;
