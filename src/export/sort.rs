//! Sorts any number of rows by time, and rows of the same time by sequence. What memory does not hold goes to a file in
//! sorted runs, which are merged in the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::ExportError;
use crate::ids::Sequence;
use crate::reading::{row_fields, unix_time};

/// How many bytes of rows, with what it takes to sort them, are in memory before they go to a run: all of it stays
/// below 100 MiB.
const MEMORY_BYTES: usize = 32 * 1024 * 1024;

/// How much of a run is read in one step, in bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// Rows are sorted by this.
type Key = (Timestamp, Sequence);

/// Takes rows in any order.
#[derive(Debug)]
pub(super) struct Sorter {
    /// The directory for the file of runs.
    directory: PathBuf,
    text: Vec<u8>,
    rows: Vec<(Key, Range<usize>)>,
    spill: Option<Spill>,
    memory_bytes: usize,
}

/// The file with the runs. It has no name, so that nobody else opens it and nothing is left of it.
#[derive(Debug)]
struct Spill {
    file: File,
    runs: Vec<Run>,
    bytes: u64,
}

/// A sorted run: what is left of it in the file, and the block that was read last.
#[derive(Debug)]
struct Run {
    at: u64,
    end: u64,
    block: Vec<u8>,
    taken: usize,
}

fn key(line: &[u8]) -> Option<Key> {
    row_fields(line).map(|(sequence, fields)| (unix_time(fields.timestamp), sequence))
}

impl Sorter {
    /// `directory` has room for what memory does not hold.
    pub(super) fn new(directory: &Path) -> Self {
        Self::with_memory(directory, MEMORY_BYTES)
    }

    fn with_memory(directory: &Path, memory_bytes: usize) -> Self {
        Self { directory: directory.to_owned(), text: Vec::new(), rows: Vec::new(), spill: None, memory_bytes }
    }

    /// Adds a row, LF included.
    pub(super) fn add(&mut self, line: &[u8]) -> Result<(), ExportError> {
        let Some(key) = key(line) else { return Ok(()) };
        let start = self.text.len();
        self.text.extend_from_slice(line);
        self.rows.push((key, start..self.text.len()));
        if self.text.len() + self.rows.len() * size_of::<(Key, Range<usize>)>() >= self.memory_bytes {
            self.spill()?;
        }
        Ok(())
    }

    /// Gives `take` all rows in their order.
    pub(super) fn drain(mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), ExportError>) -> Result<(), ExportError> {
        if self.spill.is_none() {
            self.sort();
            return self.rows.iter().try_for_each(|(_, row)| take(&self.text[row.clone()]));
        }
        self.spill()?;
        (self.text, self.rows) = (Vec::new(), Vec::new());
        let Some(spill) = &mut self.spill else { return Ok(()) };
        let failed = ExportError::file(&self.directory);
        let mut heads = BinaryHeap::new();
        for (at, run) in spill.runs.iter_mut().enumerate() {
            heads.extend(run.head(&mut spill.file).map_err(&failed)?.map(|key| Reverse((key, at))));
        }
        while let Some(Reverse((_, at))) = heads.pop() {
            let run = &mut spill.runs[at];
            take(run.take())?;
            heads.extend(run.head(&mut spill.file).map_err(&failed)?.map(|key| Reverse((key, at))));
        }
        Ok(())
    }

    fn sort(&mut self) {
        self.rows.sort_unstable_by_key(|(key, _)| *key);
    }

    /// Writes what is in memory as a run.
    fn spill(&mut self) -> Result<(), ExportError> {
        self.sort();
        if self.spill.is_none() {
            self.spill = Some(Spill::new(&self.directory)?);
        }
        let spill = self.spill.as_mut().expect("it is there now");
        let write = |file: &File| -> io::Result<()> {
            let mut out = BufWriter::with_capacity(BLOCK_BYTES, file);
            self.rows.iter().try_for_each(|(_, row)| out.write_all(&self.text[row.clone()]))?;
            out.flush()
        };
        write(&spill.file).map_err(ExportError::file(&self.directory))?;
        let end = spill.bytes + self.text.len() as u64;
        spill.runs.push(Run { at: spill.bytes, end, block: Vec::new(), taken: 0 });
        spill.bytes = end;
        self.text.clear();
        self.rows.clear();
        Ok(())
    }
}

impl Spill {
    fn new(directory: &Path) -> Result<Self, ExportError> {
        let file = tempfile::tempfile_in(directory).map_err(ExportError::file(directory))?;
        Ok(Self { file, runs: Vec::new(), bytes: 0 })
    }
}

impl Run {
    /// The key of its next row, which is read into the block; `None` at its end.
    fn head(&mut self, file: &mut File) -> io::Result<Option<Key>> {
        if memchr::memchr(b'\n', &self.block[self.taken..]).is_none() && self.at < self.end {
            self.block.drain(..self.taken);
            self.taken = 0;
            file.seek(SeekFrom::Start(self.at))?;
            let read =
                Read::by_ref(file).take((self.end - self.at).min(BLOCK_BYTES as u64)).read_to_end(&mut self.block)?;
            self.at += read as u64;
        }
        Ok(key(self.row()))
    }

    fn row(&self) -> &[u8] {
        let rest = &self.block[self.taken..];
        &rest[..memchr::memchr(b'\n', rest).map_or(0, |end| end + 1)]
    }

    fn take(&mut self) -> &[u8] {
        let start = self.taken;
        self.taken += self.row().len();
        &self.block[start..self.taken]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::storage::TempDir;

    fn row((sequence, second): (usize, i64)) -> String {
        let time = Timestamp::from_second(second).unwrap();
        format!("{},{time},s,{second},,\n", sequence + 1)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn rows_come_in_the_order_of_their_times_and_sequences(
            seconds in prop::collection::vec(-50..50i64, 0..600), memory in 100..100_000usize,
        ) {
            let temp = TempDir::new();
            let mut sorter = Sorter::with_memory(temp.path(), memory);
            for one in seconds.iter().copied().enumerate() {
                sorter.add(row(one).as_bytes()).unwrap();
            }
            let mut found = String::new();
            let mut take = |line: &[u8]| {
                found += std::str::from_utf8(line).unwrap();
                Ok(())
            };
            sorter.drain(&mut take).unwrap();
            let mut expected: Vec<_> = seconds.into_iter().enumerate().collect();
            expected.sort_by_key(|(_, second)| *second);
            prop_assert_eq!(found, expected.into_iter().map(row).collect::<String>());
            prop_assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0, "it leaves nothing");
        }
    }
}
