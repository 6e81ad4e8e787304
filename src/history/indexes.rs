//! The indexes of the files that were asked for last: as many as fit into a budget of memory. A sensor that has a file for
//! each month has an index for each; one file is open at a time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::index::Index;
use super::plot::{history, Plotting};
use super::{Page, Plot, TimeRange};
use crate::ids::{SensorId, Sequence};
use crate::reading::Month;
use crate::storage::{CsvDirectory, CsvHandle, CsvName, StorageError};

/// How much memory all indexes together take, in bytes, without that of the file that is read: 60 million rows.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Answers about single sensors of a peer's directory. Any thread may ask: one waits for another only where both ask
/// for the same file.
#[derive(Debug)]
pub struct Indexes {
    directory: CsvDirectory,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    indexes: HashMap<CsvName, Entry>,
    /// Counts uses, to find the index that was unused for longest.
    uses: u64,
}

#[derive(Debug, Default)]
struct Entry {
    index: Arc<Mutex<Index>>,
    used: u64,
    /// The use in which it was made.
    made: u64,
    bytes: usize,
}

impl Indexes {
    /// The indexes of the sensors in the directory `root`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { directory: CsvDirectory::new(root), kept: Mutex::default() }
    }

    /// The rows of a sensor in buckets; of its whole history where no range is given. `None`: there is no such
    /// sensor.
    ///
    /// # Errors
    /// The disk's.
    pub fn plot(
        &self,
        sensor: &SensorId,
        range: Option<TimeRange>,
        buckets: usize,
    ) -> Result<Option<Plot>, StorageError> {
        let files = self.directory.files_of(sensor)?;
        let (mut is_there, mut all) = (false, None::<TimeRange>);
        for file in &files {
            let found = self.ask(file, |index, _| Ok(history(index)))?;
            is_there |= found.is_some();
            if let Some(of) = found.flatten() {
                all = Some(all.map_or(of, |all| TimeRange { from: all.from.min(of.from), to: all.to.max(of.to) }));
            }
        }
        if !is_there {
            return Ok(None);
        }
        let mut plot = Plotting::new(all, range, buckets);
        let range = plot.range();
        for file in files.iter().filter(|file| may_have(file, &range)) {
            self.ask(file, |index, file| plot.add(index, file))?;
        }
        Ok(Some(plot.finish()))
    }

    /// Rows of a sensor after a sequence and in a range of time, at most `limit`. `None`: there is no such sensor.
    ///
    /// # Errors
    /// The disk's.
    pub fn rows(
        &self,
        sensor: &SensorId,
        after: Sequence,
        range: &TimeRange,
        limit: usize,
    ) -> Result<Option<Page>, StorageError> {
        let files = self.directory.files_of(sensor)?;
        if let [file @ CsvName { month: None, .. }] = &files[..] {
            return self.ask(file, |index, file| index.rows(file, after, range, limit));
        }
        // The files come one after another, and rows are written meanwhile, in sequence order: what was not there yet
        // when the last row was looked for comes another time. All before it have their files now.
        let up_to = self.last(&files)?;
        let files = self.directory.files_of(sensor)?;
        let mut page = Page::new(after);
        for file in files.iter().filter(|file| may_have(file, range)) {
            self.ask(file, |index, file| {
                let first = index.first_after(after).filter(|first| *first <= up_to);
                if first.is_some_and(|first| page.len() < limit || first < page.after) {
                    page.merge(&index.rows(file, after, range, limit)?, up_to, limit);
                }
                Ok(())
            })?;
        }
        Ok((!files.is_empty()).then_some(page))
    }

    /// A number that changes when a file of the sensor that may have rows in this range gets a new index: after its
    /// rows were replaced, and seldom otherwise.
    ///
    /// # Errors
    /// The disk's.
    pub fn made(&self, sensor: &SensorId, range: &TimeRange) -> Result<u64, StorageError> {
        let (files, kept) = (self.directory.files_of(sensor)?, self.kept());
        let indexes = files.iter().filter(|file| may_have(file, range)).filter_map(|file| kept.indexes.get(file));
        Ok(indexes.map(|entry| entry.made).max().unwrap_or(0))
    }

    /// The last sequence in any of these files.
    fn last(&self, files: &[CsvName]) -> Result<Sequence, StorageError> {
        let mut last = 0;
        for file in files {
            let row = self.directory.open(file)?.map(|mut file| file.last_row()).transpose()?.flatten();
            last = last.max(row.map_or(0, |(sequence, _)| sequence));
        }
        Ok(last)
    }

    /// Brings the index of a file up to date. `None`: it is not there.
    fn ask<T>(
        &self,
        of: &CsvName,
        answer: impl FnOnce(&Index, &mut CsvHandle) -> Result<T, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let Some(mut file) = self.directory.open(of)? else {
            self.kept().indexes.remove(of);
            return Ok(None);
        };
        let index = self.kept().index(of);
        let mut index = index.lock().expect("no holder of the lock panics");
        let is_made = index.update(&mut file)?;
        self.kept().grown(of, is_made, index.bytes());
        answer(&index, &mut file).map(Some)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no holder of the lock panics")
    }
}

impl Kept {
    fn index(&mut self, file: &CsvName) -> Arc<Mutex<Index>> {
        self.uses += 1;
        let entry = self.indexes.entry(file.clone()).or_default();
        entry.used = self.uses;
        Arc::clone(&entry.index)
    }

    /// Notes how large an index is by now, and drops others where all together are too large.
    fn grown(&mut self, file: &CsvName, is_made: bool, bytes: usize) {
        if let Some(entry) = self.indexes.get_mut(file) {
            entry.bytes = bytes;
            if is_made {
                entry.made = self.uses;
            }
        }
        let mut total: usize = self.indexes.values().map(|entry| entry.bytes).sum();
        while total > BYTES_MAX {
            let others = self.indexes.iter().filter(|(other, _)| *other != file);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.used).map(|(name, _)| name.clone()) else { break };
            total -= self.indexes.remove(&oldest).map_or(0, |entry| entry.bytes);
        }
    }
}

/// Whether a file may have rows in this range of time.
fn may_have(file: &CsvName, range: &TimeRange) -> bool {
    file.month.is_none_or(|month| (Month::of_ms(range.from)..=Month::of_ms(range.to)).contains(&month))
}
