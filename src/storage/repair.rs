//! What was wrong with the files at a start, and what was done about it, in one line each for the operator.

use std::fmt;
use std::path::PathBuf;

use super::state::layout::Layout;
use crate::ids::Sequence;

/// Something that was wrong, and was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// `state` could not be read. It was set aside, unless it was missing, or everything was cleared.
    State { path: PathBuf, what: &'static str, set_aside: Option<PathBuf> },
    /// What was removed from the beginning of the log cannot be told any more.
    Base { path: PathBuf, set_aside: PathBuf },
    /// The last segment ended within a batch, as after a crash; the rest was cut.
    JournalTorn { path: PathBuf, bytes: u64, last: Sequence },
    /// The log ends before its files do. What could be read after that is pending now.
    JournalDamaged { path: PathBuf, why: String, last: Sequence, batches: u64, readings: u64, set_aside: Vec<PathBuf> },
    /// The log is shorter than `synced` needs.
    JournalShort { path: PathBuf, needs: Sequence, last: Sequence },
    /// `pending` ended within a record, as after a crash; the rest was cut.
    PendingTorn { path: PathBuf, bytes: u64 },
    /// Parts of `pending` could not be read; the rest was written to a new file.
    PendingDamaged { path: PathBuf, bytes: u64, readings: u64, set_aside: PathBuf },
    /// CSV files were named as an earlier version named them.
    Renamed(CsvRenamed),
    /// The CSV files did not agree with the log.
    Csv(CsvRepair),
    /// CSV files of another layout were replaced, as was asked for.
    Relaid(CsvRelaid),
}

/// CSV files that took the place of those of another layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvRelaid {
    /// The directory.
    pub path: PathBuf,
    /// The present layout.
    pub layout: Layout,
    /// Files of it, and rows that were written into them from the journal.
    pub files: u64,
    pub rows: u64,
    /// Files of the other layout, which are gone.
    pub removed: u64,
}

impl fmt::Display for CsvRelaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, layout, files, rows, removed } = self;
        let each = match layout {
            Layout::Sensor => "each sensor",
            Layout::Month => "each sensor and month",
        };
        write!(
            f,
            "rows in {} have a CSV file for {each} now: {files} files, with {rows} rows written from the journal, in the \
             place of {removed}",
            path.display()
        )
    }
}

/// What was done to bring the CSV files in line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvRepair {
    /// The directory.
    pub path: PathBuf,
    /// Files that lost rows above the log's end, or half a row.
    pub cut: u64,
    /// Files that were removed, since they held no row of the log.
    pub removed: u64,
    /// Files that held something else than the log says, and were set aside.
    pub set_aside: u64,
    /// Rows that were written from the journal.
    pub rows: u64,
    /// Rows above the log's end, in files that were set aside.
    pub rows_aside: u64,
    /// Names of the first files that lost something, and how many did.
    pub first: Vec<String>,
    pub files: u64,
}

/// CSV files that no longer have the names of an earlier version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvRenamed {
    /// The directory.
    pub path: PathBuf,
    /// Files that were there under both names: the one with the earlier name was set aside.
    pub set_aside: u64,
    /// Names of the first files, as they were and as they are, and how many were renamed.
    pub first: Vec<String>,
    pub files: u64,
}

impl CsvRenamed {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, set_aside: 0, first: Vec::new(), files: 0 }
    }

    pub(super) fn name(&mut self, from: &str, to: &str) {
        note(&format!("{from} is {to} now"), &mut self.first, &mut self.files);
    }
}

impl fmt::Display for CsvRenamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, set_aside, first, files } = self;
        write!(f, "CSV files in {} had names of an earlier version: {files} renamed", path.display())?;
        if !first.is_empty() {
            write!(f, " ({}); a program that follows one has to follow its new name", named(first, *files))?;
        }
        if *set_aside > 0 {
            write!(f, "; {set_aside} that were there under both names set aside as *.damaged")?;
        }
        Ok(())
    }
}

/// CSV files that were written again while the peer ran, since another program had taken them away or changed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvRestored {
    /// The directory.
    pub path: PathBuf,
    /// Rows that were written from the journal.
    pub rows: u64,
    /// Files of others that were there, and were set aside.
    pub set_aside: u64,
    /// Names of the first files, and how many there are.
    pub first: Vec<String>,
    pub files: u64,
}

impl CsvRestored {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, rows: 0, set_aside: 0, first: Vec::new(), files: 0 }
    }

    pub(super) fn name(&mut self, path: &str) {
        note(path, &mut self.first, &mut self.files);
    }
}

impl fmt::Display for CsvRestored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, rows, set_aside, first, files } = self;
        match &first[..] {
            [one] if *files == 1 => write!(f, "{} was", path.join(one).display())?,
            _ => write!(f, "CSV files in {} ({}) were", path.display(), named(first, *files))?,
        }
        write!(f, " moved, removed or changed by another program: written again from the journal, {rows} rows")?;
        if *set_aside > 0 {
            write!(f, "; {set_aside} files that were there were set aside as *.damaged")?;
        }
        Ok(())
    }
}

/// Counts a file, and keeps its name if it is one of the first.
fn note(path: &str, first: &mut Vec<String>, files: &mut u64) {
    *files += 1;
    if first.len() < NAMES_MAX {
        first.push(path.to_owned());
    }
}

/// The first files, and how many more there are.
fn named(first: &[String], files: u64) -> String {
    match files - first.len() as u64 {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// How many files a line names.
const NAMES_MAX: usize = 3;

impl CsvRepair {
    pub(super) fn is_nothing(&self) -> bool {
        self.cut + self.removed + self.set_aside + self.rows == 0
    }

    /// Notes that this file lost something.
    pub(super) fn name(&mut self, path: &str) {
        note(path, &mut self.first, &mut self.files);
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State { path, what, set_aside } => {
                write!(f, "{} {what}", path.display())?;
                if let Some(aside) = set_aside {
                    write!(f, " and was copied to {}", aside.display())?;
                }
                write!(
                    f,
                    ": what this peer promised is forgotten, and only the clock tells this life from earlier ones"
                )
            }
            Self::Base { path, set_aside } => write!(
                f,
                "{} is damaged and was set aside as {}: what was removed from the log is forgotten, and the log comes from the \
                 group",
                path.display(),
                set_aside.display()
            ),
            Self::JournalTorn { path, bytes, last } => {
                write!(
                    f,
                    "{} does not end with a whole batch: cut {bytes} bytes; the log ends at {last}",
                    path.display()
                )
            }
            Self::JournalDamaged { path, why, last, batches, readings, set_aside } => write!(
                f,
                "{} is damaged ({why}): the log ends at {last}; {readings} readings of {batches} whole batches after \
                 that will be ordered again; {} files set aside as *.damaged",
                path.display(),
                set_aside.len()
            ),
            Self::JournalShort { path, needs, last } => write!(
                f,
                "{} is damaged: the log ends at {last}, but reached {needs} before; the rest comes from the group",
                path.display()
            ),
            Self::PendingTorn { path, bytes } => {
                write!(f, "{} does not end with a whole record: cut {bytes} bytes", path.display())
            }
            Self::PendingDamaged { path, bytes, readings, set_aside } => write!(
                f,
                "{} is damaged: {bytes} bytes of it cannot be read, {readings} readings could be; the whole is now {}",
                path.display(),
                set_aside.display()
            ),
            Self::Renamed(renamed) => renamed.fmt(f),
            Self::Csv(repair) => repair.fmt(f),
            Self::Relaid(relaid) => relaid.fmt(f),
        }
    }
}

impl fmt::Display for CsvRepair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, cut, removed, set_aside, rows, rows_aside, first, files } = self;
        write!(f, "the CSV files in {} did not agree with the log", path.display())?;
        if !first.is_empty() {
            write!(f, " ({})", named(first, *files))?;
        }
        write!(
            f,
            ": {cut} cut, {removed} removed, {set_aside} set aside as *.damaged, {rows} rows written from the journal"
        )?;
        if *rows_aside > 0 {
            write!(f, "; {rows_aside} rows that the log does not hold are kept there")?;
        }
        Ok(())
    }
}
