//! The CSV files of a peer's directory, for programs that look at them again and again while the peer runs: which there
//! are, how long each is, and its rows. An open file stays the same file even when its name goes to another.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::SystemTime;

use super::ends::{last_row_of, PEEK_BYTES};
use crate::identity;
use crate::ids::{SensorId, Sequence};
use crate::storage::disk::read_only::ReadOnlyDisk;
use crate::storage::disk::{ReadDisk, Stamp};
use crate::storage::error::{failed, StorageError};
use crate::storage::file_names::{csv_names_of, CsvName};
use crate::storage::state::{self, layout::Layout};

/// How much of a file is read in one step, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// A directory with CSV files of a peer.
#[derive(Debug)]
pub struct CsvDirectory {
    disk: ReadOnlyDisk,
}

/// What the directory says of a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvStamp {
    /// It is another file once rows were replaced.
    pub file: Stamp,
    /// When it was last written.
    pub written: SystemTime,
}

/// A CSV file that is open for reading. It keeps its rows when its name is given to another.
#[derive(Debug)]
pub struct CsvHandle {
    file: File,
    path: PathBuf,
    directory: PathBuf,
    stamp: Stamp,
}

impl CsvDirectory {
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { disk: ReadOnlyDisk::new(root) }
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.disk.full_path("")
    }

    /// The files that count and which rows each has, by name.
    ///
    /// # Errors
    /// The disk's.
    pub fn files(&self) -> Result<Vec<(CsvName, String)>, StorageError> {
        let names = self.disk.list("").map_err(failed(&self.disk, "list", ""))?;
        let of = csv_names_of(&names);
        let layout = state::layout_counted(&self.disk, of.iter().flatten());
        let counts = |(of, name): (Option<CsvName>, String)| Some((of.filter(|of| Layout::of(of) == layout)?, name));
        Ok(of.into_iter().zip(names).filter_map(counts).collect())
    }

    /// The files of a sensor that count, by month.
    ///
    /// # Errors
    /// The disk's.
    pub fn files_of(&self, sensor: &SensorId) -> Result<Vec<CsvName>, StorageError> {
        match self.layout() {
            Layout::Sensor => Ok(vec![CsvName { sensor: sensor.clone(), month: None }]),
            Layout::Month => {
                let mut files = self.names().map_err(failed(&self.disk, "list", ""))?;
                files.retain(|name| name.sensor == *sensor && name.month.is_some());
                Ok(files)
            }
        }
    }

    /// How rows are divided into the files that count.
    #[must_use]
    pub fn layout(&self) -> Layout {
        state::layout_said(&self.disk).unwrap_or_else(|| Layout::guessed(&self.names().unwrap_or_default()))
    }

    fn names(&self) -> io::Result<Vec<CsvName>> {
        Ok(self.disk.list("")?.iter().filter_map(|name| CsvName::parse(name)).collect())
    }

    /// What is under a name now; `None` where nothing is.
    ///
    /// # Errors
    /// The disk's.
    pub fn stamp(&self, name: &str) -> Result<Option<CsvStamp>, StorageError> {
        let look = || {
            let path = self.disk.full_path(name);
            let found = identity::under(&path, fs::metadata(&path))?;
            let written = found.1.modified()?;
            Ok(CsvStamp { file: Stamp::new(found), written })
        };
        or_none(look()).map_err(failed(&self.disk, "look at", name))
    }

    /// Opens a file, by its present name or an earlier one; `None` where it is not there.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(&self, of: &CsvName) -> Result<Option<CsvHandle>, StorageError> {
        let earlier = of.month.is_none().then(|| format!("{}.csv", of.sensor));
        for name in std::iter::once(of.file()).chain(earlier) {
            let path = self.disk.full_path(&name);
            let open = || {
                let file = File::open(&path)?;
                let stamp = Stamp::new(identity::of(&file)?);
                Ok(CsvHandle { file, path: path.clone(), directory: self.path(), stamp })
            };
            if let Some(handle) = or_none(open()).map_err(failed(&self.disk, "open", &name))? {
                return Ok(Some(handle));
            }
        }
        Ok(None)
    }
}

impl CsvHandle {
    /// Which file this is, and how long it was when it was opened.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The sequence of the last whole row that it held when it was opened, and the row; `None` where there is none.
    ///
    /// # Errors
    /// The disk's.
    pub fn last_row(&mut self) -> Result<Option<(Sequence, Vec<u8>)>, StorageError> {
        let bytes = self.stamp.bytes;
        let end = self.read(bytes.saturating_sub(PEEK_BYTES as u64), PEEK_BYTES)?;
        Ok(last_row_of(end))
    }

    /// Reads `len` bytes from `offset` on, fewer where the file ends before.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(&mut self, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        let mut read = || {
            let mut bytes = Vec::with_capacity(len);
            self.file.seek(SeekFrom::Start(offset))?;
            Read::by_ref(&mut self.file).take(len as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|source| StorageError::io(&self.directory, &self.path, "read", source))
    }

    /// Gives `take` each whole line of a part of the file, LF included, as long as it wants more.
    ///
    /// # Errors
    /// The disk's.
    pub fn for_each_line(
        &mut self,
        from: u64,
        to: u64,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), StorageError> {
        let (mut text, mut at): (Vec<u8>, u64) = (Vec::new(), from);
        while at < to {
            let bytes = self.read(at, READ_BYTES.min(usize::try_from(to - at).unwrap_or(READ_BYTES)))?;
            if bytes.is_empty() {
                break;
            }
            at += bytes.len() as u64;
            text.extend_from_slice(&bytes);
            // So long a line without an end is no row, and is given in pieces.
            let unended = if text.len() < READ_BYTES { 0 } else { text.len() };
            let whole = memchr::memrchr(b'\n', &text).map_or(unended, |end| end + 1);
            for line in text[..whole].split_inclusive(|byte| *byte == b'\n') {
                if !take(line) {
                    return Ok(());
                }
            }
            text.drain(..whole);
        }
        Ok(())
    }
}

/// A missing file is `None`.
fn or_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests;
