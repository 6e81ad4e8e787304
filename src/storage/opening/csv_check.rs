//! Compares the CSV files with the log, while the log is read once from its beginning: how much of each file is as it
//! must be, and which rows it lacks. `csv_mend.rs` mends them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::Sequence;
use crate::reading::{self, row_sequence, HEADER_LINE};
use crate::storage::csv_files::ends::last_row;
use crate::storage::disk::Disk;
use crate::storage::error::{failed, StorageError};
use crate::storage::file_names::CsvName;
use crate::storage::state::layout::Layout;
use crate::wire::Frame;

/// How many bytes of rows may wait to be compared, for all files.
const ROWS_BYTES_ALL: usize = 32 * 1024 * 1024;

/// Rows of one file that are compared in one step, in bytes: below this, reading costs more than comparing.
const ROWS_BYTES_MIN: usize = 2 * 1024;

/// More of them in one step would not make it faster.
const ROWS_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct CsvCheck<D> {
    disk: Arc<D>,
    /// The layout that is wanted.
    pub(super) layout: Layout,
    /// Files that are there, of either layout, and files of the wanted one that must be.
    pub(super) files: Vec<CheckedFile>,
    by_key: HashMap<Box<[u8]>, usize>,
    /// The file of the last row.
    recent: usize,
    /// Room for a key.
    space: Vec<u8>,
    /// Whether there are files of the other layout.
    has_others: bool,
    /// What is compared in one step, in bytes.
    chunk: usize,
    /// Bytes of rows that wait.
    waiting: usize,
}

/// A file that is there, or has readings in the log.
#[derive(Debug)]
pub(super) struct CheckedFile {
    pub(super) name: CsvName,
    key: Box<[u8]>,
    pub(super) path: String,
    /// There is a file of this name, perhaps one of no bytes.
    pub(super) is_there: bool,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// How many of its bytes are as they must be: header and rows.
    pub(super) matched: u64,
    /// The first reading in the log that has no row within `matched`.
    pub(super) missing: Option<Sequence>,
    /// The last reading that has a row there.
    last: Sequence,
    /// What must follow `matched`, and the sequence of its last row.
    rows: Vec<u8>,
    waiting: Sequence,
    /// The last whole row of the file, until it is found in the log.
    tail: Option<(Sequence, Vec<u8>)>,
}

impl<D: Disk> CsvCheck<D> {
    /// # Errors
    /// The disk's.
    pub(super) fn new(disk: Arc<D>, layout: Layout) -> Result<Self, StorageError> {
        let names = disk.list("").map_err(failed(&*disk, "list", ""))?;
        let found: Vec<CsvName> = names.iter().filter_map(|name| CsvName::parse(name)).collect();
        let chunk = (ROWS_BYTES_ALL / found.len().max(1)).clamp(ROWS_BYTES_MIN, ROWS_BYTES_MAX);
        let has_others = found.iter().any(|name| Layout::of(name) != layout);
        let (files, by_key, space) = (Vec::new(), HashMap::new(), Vec::new());
        let mut check = Self { disk, layout, files, by_key, recent: 0, space, has_others, chunk, waiting: 0 };
        for name in found {
            let path = name.file();
            let bytes = check.disk.len(&path).map_err(failed(&*check.disk, "look at", &path))?;
            let tail = last_row(&*check.disk, &path, bytes)?;
            let at = check.add(name, path, bytes, tail);
            check.files[at].is_there = true;
        }
        Ok(check)
    }

    fn add(&mut self, name: CsvName, path: String, bytes: u64, tail: Option<(Sequence, Vec<u8>)>) -> usize {
        let (at, key) = (self.files.len(), name.key());
        self.by_key.insert(key.clone(), at);
        let rows = if bytes > 0 { HEADER_LINE.as_bytes().to_vec() } else { Vec::new() };
        self.waiting += rows.len();
        self.files.push(CheckedFile {
            name,
            key,
            path,
            is_there: false,
            bytes,
            matched: 0,
            missing: None,
            last: 0,
            rows,
            waiting: 0,
            tail,
        });
        at
    }

    /// The file of a reading; one that is not there, if there is none yet.
    fn find(&mut self, payload: &[u8], sequence: Sequence) -> Result<usize, StorageError> {
        let key = self.layout.key(payload, &mut self.space);
        if self.files.get(self.recent).is_some_and(|file| *file.key == *key) {
            return Ok(self.recent);
        }
        if let Some(at) = self.by_key.get(key) {
            return Ok(*at);
        }
        let name = self.layout.name(payload, sequence)?;
        let path = name.file();
        Ok(self.add(name, path, 0, None))
    }

    /// Takes the next batch of the log.
    ///
    /// # Errors
    /// The disk's, or a payload without a valid sensor id.
    pub(super) fn visit(&mut self, frame: &Frame) -> Result<(), StorageError> {
        for (sequence, payload) in frame.entries() {
            self.recent = self.find(payload, sequence)?;
            self.expect(self.recent, sequence, payload)?;
            if self.has_others {
                let other = self.by_key.get(self.layout.other().key(payload, &mut self.space)).copied();
                other.map_or(Ok(()), |at| self.expect(at, sequence, payload))?;
            }
        }
        if self.waiting >= ROWS_BYTES_ALL {
            self.compare_all()?;
        }
        Ok(())
    }

    fn expect(&mut self, at: usize, sequence: Sequence, payload: &[u8]) -> Result<(), StorageError> {
        let file = &mut self.files[at];
        let before = file.rows.len();
        file.expect(sequence, payload);
        self.waiting += file.rows.len() - before;
        if file.rows.len() >= self.chunk {
            self.waiting -= file.rows.len();
            file.compare(&*self.disk)?;
        }
        Ok(())
    }

    fn compare_all(&mut self) -> Result<(), StorageError> {
        let kept = self.chunk.min(ROWS_BYTES_ALL / self.files.len().max(1));
        self.waiting = 0;
        for file in &mut self.files {
            file.compare(&*self.disk)?;
            file.rows.shrink_to(kept);
        }
        Ok(())
    }

    /// Compares what still waits. Returns the highest sequence that has its row.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn finish(&mut self) -> Result<Sequence, StorageError> {
        self.compare_all()?;
        Ok(self.files.iter().map(|file| file.last).max().unwrap_or(0))
    }
}

impl<D> CsvCheck<D> {
    /// Whether there are files of the other layout.
    pub(super) fn has_others(&self) -> bool {
        self.has_others
    }

    /// The files of the wanted layout, once they have all rows up to `delivered`; each with a sequence that none of its rows
    /// exceeds.
    pub(super) fn into_files(self, delivered: Sequence) -> impl Iterator<Item = (CsvName, Sequence)> {
        let layout = self.layout;
        let wanted = self.files.into_iter().filter(move |file| file.is_of(layout));
        wanted.map(move |file| {
            let last = if file.missing.is_some_and(|missing| missing <= delivered) { delivered } else { file.last };
            (file.name, last)
        })
    }
}

impl CheckedFile {
    pub(super) fn is_of(&self, layout: Layout) -> bool {
        Layout::of(&self.name) == layout
    }

    /// The next reading of the file.
    fn expect(&mut self, sequence: Sequence, payload: &[u8]) {
        if self.bytes == 0 {
            self.missing.get_or_insert(sequence);
        } else if self.missing.is_none() {
            reading::append_row(sequence, payload, &mut self.rows);
            self.waiting = sequence;
        } else if self.tail.as_ref().is_some_and(|(tail, _)| *tail == sequence) {
            let mut row = Vec::new();
            reading::append_row(sequence, payload, &mut row);
            self.is_tail(sequence, &row);
        }
    }

    /// Compares what waits with what the file holds.
    fn compare<D: Disk>(&mut self, disk: &D) -> Result<(), StorageError> {
        if self.missing.is_some() || self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let left = self.bytes - self.matched;
        let block = if left == 0 {
            Vec::new()
        } else {
            disk.read(&self.path, self.matched, rows.len()).map_err(failed(disk, "read", &self.path))?
        };
        if block == rows {
            self.matched += rows.len() as u64;
            self.last = self.waiting;
            self.rows = rows;
            self.rows.clear();
            return Ok(());
        }
        let (mut at, mut apart) = (0, false);
        for row in rows.split_inclusive(|byte| *byte == b'\n') {
            apart |= !block[at..].starts_with(row);
            let sequence = row_sequence(row);
            if !apart {
                at += row.len();
                self.matched += row.len() as u64;
                self.last = sequence.unwrap_or(0);
            } else if let Some(sequence) = sequence {
                self.missing.get_or_insert(sequence);
                self.is_tail(sequence, row);
            }
        }
        Ok(())
    }

    /// After damage, only the last row tells how far the file went.
    fn is_tail(&mut self, sequence: Sequence, row: &[u8]) {
        if self.tail.as_ref().is_some_and(|(tail, text)| *tail == sequence && text == row) {
            self.last = sequence;
            self.tail = None;
        }
    }
}
