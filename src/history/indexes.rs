//! The indexes of the sensors that were asked for last: as many as fit into a budget of memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::index::Index;
use super::{Page, Plot, TimeRange};
use crate::ids::{SensorId, Sequence};
use crate::storage::{CsvDirectory, CsvHandle, StorageError};

/// How much memory all indexes together take, in bytes, without that of the sensor that is asked for: 60 million rows.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Answers about single sensors of a peer's directory. Any thread may ask: one waits for another only where both ask
/// for the same sensor.
#[derive(Debug)]
pub struct Indexes {
    directory: CsvDirectory,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    indexes: HashMap<SensorId, Entry>,
    /// Counts uses, to find the index that was unused for longest.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    index: Arc<Mutex<Index>>,
    used: u64,
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
        self.ask(sensor, |index, file| Plot::of(index, file, range, buckets))
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
        self.ask(sensor, |index, file| index.rows(file, after, range, limit))
    }

    fn ask<T>(
        &self,
        sensor: &SensorId,
        answer: impl FnOnce(&Index, &mut CsvHandle) -> Result<T, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let Some(mut file) = self.directory.open(sensor)? else {
            self.kept().indexes.remove(sensor);
            return Ok(None);
        };
        let index = self.kept().index(sensor);
        let mut index = index.lock().expect("no holder of the lock panics");
        index.update(&mut file)?;
        self.kept().grown(sensor, index.bytes());
        answer(&index, &mut file).map(Some)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no holder of the lock panics")
    }
}

impl Kept {
    fn index(&mut self, sensor: &SensorId) -> Arc<Mutex<Index>> {
        self.uses += 1;
        let entry =
            self.indexes.entry(sensor.clone()).or_insert_with(|| Entry { index: Arc::default(), used: 0, bytes: 0 });
        entry.used = self.uses;
        Arc::clone(&entry.index)
    }

    /// Notes how large an index is by now, and drops others where all together are too large.
    fn grown(&mut self, sensor: &SensorId, bytes: usize) {
        if let Some(entry) = self.indexes.get_mut(sensor) {
            entry.bytes = bytes;
        }
        let mut total: usize = self.indexes.values().map(|entry| entry.bytes).sum();
        while total > BYTES_MAX {
            let others = self.indexes.iter().filter(|(id, _)| *id != sensor);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.used).map(|(id, _)| id.clone()) else { break };
            total -= self.indexes.remove(&oldest).map_or(0, |entry| entry.bytes);
        }
    }
}
