//! The product: one CSV file for each sensor, or for each sensor and month, with rows in sequence order. What is delivered
//! waits in a buffer for each file, and one append writes it. The caller decides when, up to a limit.

pub(super) mod beside;
pub(super) mod csv_directory;
pub(super) mod drop;
pub(super) mod ends;
pub(super) mod in_place;
mod restore;
pub(super) mod row_writer;
pub(super) mod waiting;

use std::collections::HashMap;
use std::sync::Arc;

use super::disk::{Disk, Stamp};
use super::error::{failed, StorageError};
use super::file_names::CsvName;
use super::state::layout::Layout;
use crate::ids::Sequence;
use crate::reading::{self, Month, HEADER_LINE, VERB};
use crate::wire::Frame;

/// How many bytes of rows may wait to be written, for all files: enough to make appends cheap for each row, even with a
/// hundred sensors.
pub(super) const BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// How much room all buffers together keep while they are empty, in bytes, however many files there are.
const KEPT_BYTES_MAX: usize = 4 * BUFFER_BYTES_MAX;

#[derive(Debug, Clone)]
pub(super) struct CsvFiles<D> {
    pub(super) disk: Arc<D>,
    layout: Layout,
    files: Vec<CsvFile>,
    by_key: HashMap<Box<[u8]>, usize>,
    /// For each sensor that has files of months, the one with the row that came last.
    latest: HashMap<Box<[u8]>, usize>,
    /// The file of the last row: readings of one sensor often come together.
    recent: usize,
    /// Room for a key.
    space: Vec<u8>,
    /// Files with rows to write.
    waiting: Vec<usize>,
    /// The sequence of the first of these rows.
    first_waiting: Sequence,
    /// Bytes of the rows that wait.
    buffered: usize,
}

#[derive(Debug, Clone)]
struct CsvFile {
    name: CsvName,
    path: String,
    /// The file that was written, and must have the name. No bytes: there is no file yet.
    stamp: Stamp,
    /// Another file has the name, and this one is to be written again.
    displaced: bool,
    /// It has no row above this one, written or waiting.
    last: Sequence,
    rows: Vec<u8>,
    /// It is among those with rows to write.
    waits: bool,
    /// The file whose row came after one of this file, when that was looked for: mostly sensors take turns.
    follower: usize,
}

impl<D: Disk> CsvFiles<D> {
    /// There is no file yet.
    pub(super) fn new(disk: Arc<D>, layout: Layout) -> Self {
        let (files, waiting, space) = (Vec::new(), Vec::new(), Vec::new());
        let (by_key, latest) = (HashMap::new(), HashMap::new());
        let (recent, first_waiting, buffered) = (usize::MAX, 0, 0);
        Self { disk, layout, files, by_key, latest, recent, space, waiting, first_waiting, buffered }
    }

    /// The same files on this copy of their disk.
    #[cfg(feature = "simulation")]
    pub(super) fn copied_to(self, disk: Arc<D>) -> Self {
        Self { disk, ..self }
    }

    /// These files are there already; with each goes a sequence that none of its rows exceeds.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn found(
        disk: Arc<D>,
        layout: Layout,
        files: impl IntoIterator<Item = (CsvName, Sequence)>,
    ) -> Result<Self, StorageError> {
        let mut csv = Self::new(disk, layout);
        for (name, last) in files {
            let path = name.file();
            let stamp = csv.disk.stamp(&path).map_err(failed(&*csv.disk, "look at", &path))?;
            let at = csv.add(name, path, stamp);
            csv.files[at].last = last;
        }
        Ok(csv)
    }

    /// Adds the rows of a batch from sequence `from` to `up_to` to the buffers, which are written first where they are
    /// full.
    ///
    /// # Errors
    /// The disk's, or a payload without a valid sensor id. What was delivered before still waits.
    pub(super) fn deliver(&mut self, frame: &Frame, from: Sequence, up_to: Sequence) -> Result<(), StorageError> {
        if self.buffered >= BUFFER_BYTES_MAX {
            self.flush()?;
        }
        for (sequence, payload) in frame.entries() {
            if sequence < from {
                continue;
            }
            if sequence > up_to {
                break;
            }
            let at = self.find(payload, sequence)?;
            if at != self.recent && self.layout == Layout::Month {
                self.settle(reading::sensor_of(payload), at)?;
            }
            self.recent = at;
            let file = &mut self.files[at];
            let before = file.rows.len();
            if self.waiting.is_empty() {
                self.first_waiting = sequence;
            }
            if !file.waits {
                file.waits = true;
                self.waiting.push(at);
            }
            if before == 0 && file.stamp.bytes == 0 {
                file.rows.extend_from_slice(HEADER_LINE.as_bytes());
            }
            reading::append_row(sequence, payload, &mut file.rows);
            file.last = sequence;
            self.buffered += file.rows.len() - before;
        }
        Ok(())
    }

    /// The sequence of the first row that is not written; `None` where all are.
    pub(super) fn first_waiting(&self) -> Option<Sequence> {
        (!self.waiting.is_empty()).then_some(self.first_waiting)
    }

    /// Writes what waits, by name. If a file is to be written again, its waiting rows are dropped: they are in the
    /// journal.
    ///
    /// # Errors
    /// The disk's; then what is not written still waits.
    pub(super) fn flush(&mut self) -> Result<(), StorageError> {
        let files = &mut self.files;
        self.waiting.sort_unstable_by(|one, other| files[*other].name.cmp(&files[*one].name));
        while let Some(at) = self.waiting.last().copied() {
            self.write(at)?;
            self.files[at].waits = false;
            self.waiting.pop();
        }
        Ok(())
    }

    /// Writes what waits for a file.
    fn write(&mut self, at: usize) -> Result<(), StorageError> {
        let kept = KEPT_BYTES_MAX / self.files.len().max(1);
        let file = &mut self.files[at];
        if !file.displaced && !file.rows.is_empty() {
            let path = &file.path;
            let there = self.disk.append(path, &file.rows).map_err(failed(&*self.disk, "append to", path))?;
            file.written(there);
        }
        self.buffered -= file.rows.len();
        file.rows.clear();
        file.rows.shrink_to(kept);
        Ok(())
    }

    /// The next row of this sensor goes to the file at `at`: rows that wait for another month are written first. So
    /// programs that read along see the rows of a sensor in sequence order, over all its files. All other rows are written
    /// with them: but while they are written, the files hold everything up to one sequence, and nothing above it.
    fn settle(&mut self, sensor: &[u8], at: usize) -> Result<(), StorageError> {
        let before = match self.latest.get_mut(sensor) {
            Some(latest) => std::mem::replace(latest, at),
            None => self.latest.insert(sensor.into(), at).unwrap_or(at),
        };
        if before == at || !self.files[before].waits {
            return Ok(());
        }
        self.flush()
    }

    /// Removes the rows above `to` from all files, written or waiting; and files without any other row, as if the sensor
    /// had not been heard of. Files that lose some are replaced: see [`beside`].
    ///
    /// # Errors
    /// The disk's, or where a file does not hold rows.
    pub(super) fn truncate_above(&mut self, to: Sequence, careful: bool) -> Result<(), StorageError> {
        // Now all rows are in one place.
        self.flush()?;
        let disk = &*self.disk;
        // Most months are over, and need no look.
        for file in self.files.iter_mut().filter(|file| file.stamp.bytes > 0 && file.last > to) {
            let CsvFile { path, stamp, .. } = file;
            let kept = ends::rows_end(disk, path, stamp.bytes, to)?;
            if kept <= HEADER_LINE.len() as u64 {
                disk.remove(path).map_err(failed(disk, "remove", path))?;
                *stamp = Stamp::default();
            } else if kept < stamp.bytes {
                *stamp = beside::cut(disk, path, kept, careful)?;
            }
            file.last = to;
        }
        if careful {
            // A row that was cut must not come back while the log holds another reading under its sequence.
            self.sync_names()?;
        }
        Ok(())
    }

    /// The file of a reading; a new one if there is none yet.
    fn find(&mut self, payload: &[u8], sequence: Sequence) -> Result<usize, StorageError> {
        let follower = self.files.get(self.recent).map_or(usize::MAX, |file| file.follower);
        let guesses = [follower, self.recent];
        if let Some(at) = guesses.into_iter().find(|at| self.files.get(*at).is_some_and(|file| file.takes(payload))) {
            return Ok(at);
        }
        let key = self.layout.key(payload, &mut self.space);
        if let Some(at) = self.by_key.get(key).copied() {
            if let Some(file) = self.files.get_mut(self.recent) {
                file.follower = at;
            }
            return Ok(at);
        }
        let name = self.layout.name(payload, sequence)?;
        let path = name.file();
        Ok(self.add(name, path, Stamp::default()))
    }

    fn add(&mut self, name: CsvName, path: String, stamp: Stamp) -> usize {
        let (at, key) = (self.files.len(), name.key());
        self.by_key.insert(key, at);
        let (rows, follower) = (Vec::new(), at);
        self.files.push(CsvFile { name, path, stamp, displaced: false, last: 0, rows, waits: false, follower });
        at
    }
}

impl CsvFile {
    /// Whether a reading belongs here.
    fn takes(&self, payload: &[u8]) -> bool {
        let CsvName { sensor, month } = &self.name;
        let after = payload.strip_prefix(VERB).and_then(|rest| rest.strip_prefix(sensor.as_str().as_bytes()));
        after.is_some_and(|rest| rest.first() == Some(&b'|'))
            && month.is_none_or(|month| month == Month::of_payload(payload))
    }

    /// Notes which file an append says that it wrote to.
    fn written(&mut self, there: Stamp) {
        let is_own = self.stamp.bytes == 0 || there.file == self.stamp.file;
        if is_own && there.bytes == self.stamp.bytes + self.rows.len() as u64 {
            self.stamp = there;
        } else {
            self.displaced = true;
        }
    }
}

#[cfg(test)]
mod tests;
