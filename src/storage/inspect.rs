//! A peer's directory as it is, for programs that only look: which files there are, their bytes, and the batches of the
//! journal. Nothing is changed, made, repaired or kept locked. The caller knows what must hold.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use super::csv_files::ends::{last_row, rows_end};
use super::directory::is_own;
use super::disk::occupant::occupant;
use super::disk::read_only::ReadOnlyDisk;
use super::disk::ReadDisk;
use super::error::{failed, StorageError};
use super::file_names::{csv_name, csv_names_of, sensor_of_earlier, CsvName};
use super::journal::names::{is_unfinished, parse_segment_name, segments_of};
use super::journal::scan::Scan;
use super::journal::segment_bytes::SegmentBytes;
use super::state::base;
use super::state::layout::Layout;
use super::{journal, state, READ_BYTES};
use crate::ids::{PeerId, Sequence};
use crate::reading::HEADER_LINE;
use crate::wire::{Base, Frame};

/// What is in a peer's directory at one moment.
#[derive(Debug)]
pub struct Inspection {
    disk: ReadOnlyDisk,
    layout: Layout,
    csv: Vec<CsvFile>,
    sensors: Vec<Range<usize>>,
    other_layout: Vec<String>,
    segments: Vec<InspectedSegment>,
    foreign: Vec<String>,
    runs: bool,
}

/// A CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvFile {
    /// Which rows it has.
    pub of: CsvName,
    /// Its path within the directory: the present one, or that of an earlier version where there is no other.
    pub name: String,
    pub bytes: u64,
}

#[derive(Debug)]
struct InspectedSegment {
    first: Sequence,
    /// Bytes of its batches.
    bytes: u64,
}

/// What the next bytes of the journal are.
#[derive(Debug)]
pub enum Piece {
    /// A batch whose checksum holds.
    Batch(Frame),
    /// Bytes that are no batch. The next batch that can be found follows.
    Damage { segment: String, why: String },
}

impl Inspection {
    /// Looks which files there are. What a running peer adds to them later is not seen. With `up_to`, neither is any
    /// row above it, nor a file that has only such rows.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(root: &Path, up_to: Option<Sequence>) -> Result<Self, StorageError> {
        let disk = ReadOnlyDisk::new(root.to_owned());
        let runs = occupant(root).is_some();
        let (mut csv, mut foreign, mut other_layout) = (Vec::new(), Vec::new(), Vec::new());
        let mut has_journal = false;
        let found = entries(&disk, "")?;
        let names = csv_names_of(&found.iter().map(|(name, _)| name).collect::<Vec<_>>());
        let layout = state::layout_counted(&disk, names.iter().flatten());
        for ((name, metadata), of) in found.into_iter().zip(names) {
            match of.filter(|_| metadata.is_file()) {
                Some(of) if Layout::of(&of) != layout => other_layout.push(name),
                Some(of) => {
                    let bytes = bytes_up_to(&disk, &name, metadata.len(), up_to)?;
                    if up_to.is_none() || bytes > HEADER_LINE.len() as u64 {
                        csv.push(CsvFile { of, name, bytes });
                    }
                }
                None if name == journal::DIR && metadata.is_dir() => has_journal = true,
                None if is_own(&name) && sensor_of_earlier(&name).is_none() && metadata.is_file() => {}
                None => foreign.push(name),
            }
        }
        // The rows came first: what has a row is in the journal by now.
        let mut names = Vec::new();
        if has_journal {
            for (name, metadata) in entries(&disk, journal::DIR)? {
                let is_file = metadata.is_file();
                if is_file && parse_segment_name(&name).is_some() {
                    names.push(name);
                } else if !(name.ends_with(".damaged") || is_file && is_unfinished(&name)) {
                    foreign.push(format!("{}/{name}", journal::DIR));
                }
            }
        }
        let mut segments = Vec::new();
        for first in segments_of(&names) {
            segments.push(InspectedSegment { first, bytes: SegmentBytes::open(&disk, first)?.len() });
        }
        csv.sort_by_cached_key(|file: &CsvFile| (csv_name(file.of.sensor.as_str()), file.of.month));
        foreign.sort_unstable();
        let sensors = sensors_of(&csv);
        Ok(Self { disk, layout, csv, sensors, other_layout, segments, foreign, runs })
    }

    /// How rows are divided into files.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The files of sensors: by the present names that they have, or would have with one file each, and then by month.
    #[must_use]
    pub fn csv(&self) -> &[CsvFile] {
        &self.csv
    }

    /// Which of these files each sensor has.
    #[must_use]
    pub fn sensors(&self) -> &[Range<usize>] {
        &self.sensors
    }

    /// Files that do not count, since they are of another layout: the next start replaces them.
    #[must_use]
    pub fn other_layout(&self) -> &[String] {
        &self.other_layout
    }

    /// What is left of the entries that were removed from the beginning of the log, if any were.
    ///
    /// # Errors
    /// The disk's, or where it is damaged.
    pub fn base(&self) -> Result<Option<Base>, StorageError> {
        base::read(&self.disk)
    }

    /// Whether the journal has a segment.
    #[must_use]
    pub fn has_journal(&self) -> bool {
        !self.segments.is_empty()
    }

    /// Foreign files. Symbolic links are among them, and are not followed.
    #[must_use]
    pub fn foreign(&self) -> &[String] {
        &self.foreign
    }

    /// Was, or is, the directory in use by a living peer?
    #[must_use]
    pub fn runs(&self) -> bool {
        self.runs || occupant(&self.disk.full_path("")).is_some()
    }

    /// How long the rows of the peer that uses it may wait before they are written, if they do.
    #[must_use]
    pub fn rows_wait(&self) -> Option<Duration> {
        occupant(&self.disk.full_path(""))?.rows_wait
    }

    /// The id of the peer that the directory belongs to, as its `state` says.
    ///
    /// # Errors
    /// The disk's; or where there is no `state`, or a damaged one.
    pub fn id(root: &Path) -> Result<PeerId, StorageError> {
        state::read(&ReadOnlyDisk::new(root.to_owned())).map(|state| state.id)
    }

    /// Whether a living peer uses a directory.
    #[must_use]
    pub fn is_in_use(root: &Path) -> bool {
        occupant(root).is_some()
    }

    /// Whether `state` says that the peer runs under a quorum. Then its log may be ahead of its rows for as long as too
    /// few peers are there.
    #[must_use]
    pub fn has_quorum(&self) -> bool {
        state::read(&self.disk).is_ok_and(|state| state.quorum.is_some())
    }

    /// The sequence of the last whole row that a file holds by now; `None` where there is none.
    #[must_use]
    pub fn last_row(&self, name: &str) -> Option<Sequence> {
        let bytes = self.disk.len(name).ok()?;
        last_row(&self.disk, name, bytes).ok()?.map(|(sequence, _)| sequence)
    }

    /// Reads `len` bytes of a file from `offset` on, fewer where it ends before.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        self.disk.read(name, offset, len).map_err(failed(&self.disk, "read", name))
    }

    /// Walks over the journal, from its first batch to its last.
    #[must_use]
    pub fn journal(&self) -> JournalWalk<'_> {
        JournalWalk { disk: &self.disk, segments: self.segments.iter(), open: None }
    }
}

/// A walk over the batches of a journal.
#[derive(Debug)]
pub struct JournalWalk<'a> {
    disk: &'a ReadOnlyDisk,
    segments: std::slice::Iter<'a, InspectedSegment>,
    open: Option<Scan<'a, ReadOnlyDisk>>,
}

impl JournalWalk<'_> {
    /// The next piece of the journal, `None` at its end. After a batch with a wrong checksum it tries the next batch of
    /// the segment; after bytes that are no batch at all, the next block, or the next segment.
    ///
    /// # Errors
    /// The disk's.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, StorageError> {
        loop {
            let Some(scan) = &mut self.open else {
                let Some(segment) = self.segments.next() else { return Ok(None) };
                let bytes = SegmentBytes::open(self.disk, segment.first)?;
                if let Some(why) = bytes.damage() {
                    return Ok(Some(Piece::Damage { segment: bytes.path(), why: why.to_owned() }));
                }
                self.open = Some(Scan::new(bytes, 0, segment.bytes, READ_BYTES));
                continue;
            };
            match scan.head() {
                Ok(None) => self.open = None,
                Ok(Some((_, length))) => match scan.frame(length) {
                    Ok(frame) => return Ok(Some(Piece::Batch(frame))),
                    Err(error) => {
                        let damage = damage(scan.path(), error)?;
                        scan.skip(length);
                        return Ok(Some(damage));
                    }
                },
                Err(error) => {
                    let damage = damage(scan.path(), error)?;
                    if !scan.skip_damage() {
                        self.open = None;
                    }
                    return Ok(Some(damage));
                }
            }
        }
    }
}

fn damage(segment: String, error: StorageError) -> Result<Piece, StorageError> {
    match error {
        StorageError::Damaged { why, .. } => Ok(Piece::Damage { segment, why }),
        error => Err(error),
    }
}

/// Sorted files, by sensor.
fn sensors_of(csv: &[CsvFile]) -> Vec<Range<usize>> {
    let mut end = 0;
    let files = csv.chunk_by(|one, other| one.of.sensor == other.of.sensor).map(<[CsvFile]>::len);
    let range = |files| {
        end += files;
        end - files..end
    };
    files.map(range).collect()
}

/// How many bytes of a file hold its header and the rows up to a sequence; all of them where that cannot be read.
fn bytes_up_to(disk: &ReadOnlyDisk, name: &str, bytes: u64, up_to: Option<Sequence>) -> Result<u64, StorageError> {
    let Some(up_to) = up_to else { return Ok(bytes) };
    match rows_end(disk, name, bytes, up_to) {
        Err(StorageError::Damaged { .. }) => Ok(bytes),
        end => end,
    }
}

/// Name and metadata of what is in a directory, by name; for a symbolic link, of the link itself.
fn entries(disk: &ReadOnlyDisk, dir: &str) -> Result<Vec<(String, fs::Metadata)>, StorageError> {
    let read = || -> io::Result<_> {
        let mut found = Vec::new();
        for entry in fs::read_dir(disk.full_path(dir))? {
            let entry = entry?;
            match entry.metadata() {
                Ok(metadata) => found.push((entry.file_name().to_string_lossy().into_owned(), metadata)),
                // A running peer replaces files.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(found)
    };
    read().map_err(failed(disk, "list", dir))
}

#[cfg(test)]
mod tests;
