//! Which sensors a peer's directory has, and the last row of each. A look at a file that did not change costs one call
//! of the system; of a file that did, the end is read.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::ids::{SensorId, Sequence};
use crate::reading::{row_fields, Fields};
use crate::storage::{CsvDirectory, CsvStamp, StorageError};

/// The sensors of a peer's directory, as they were at the last look.
#[derive(Debug)]
pub struct Sensors {
    directory: CsvDirectory,
    found: BTreeMap<SensorId, Sensor>,
    looks: u64,
}

/// A sensor that has a file.
#[derive(Debug, Clone)]
pub struct Sensor {
    stamp: CsvStamp,
    last: Option<LastRow>,
    /// The look that found it changed.
    changed: u64,
    /// The last look that found it.
    seen: u64,
}

/// The last row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRow(Box<[u8]>);

impl LastRow {
    /// Its sequence and fields.
    #[must_use]
    pub fn fields(&self) -> (Sequence, Fields<'_>) {
        row_fields(&self.0).expect("it was read before")
    }
}

impl Sensor {
    /// Bytes of its file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.stamp.file.bytes
    }

    /// When its file was last written.
    #[must_use]
    pub fn written(&self) -> SystemTime {
        self.stamp.written
    }

    /// `None` where the file has no row yet.
    #[must_use]
    pub fn last(&self) -> Option<&LastRow> {
        self.last.as_ref()
    }

    /// The number of the look that found it changed, for readers that have seen what earlier looks found.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changed
    }
}

impl Sensors {
    /// The sensors of the directory `root`. Nothing is known of them before the first look.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { directory: CsvDirectory::new(root), found: BTreeMap::new(), looks: 0 }
    }

    /// Looks again; returns the number of this look, from 1 on.
    ///
    /// # Errors
    /// The disk's, or where there is no such directory.
    pub fn refresh(&mut self) -> Result<u64, StorageError> {
        self.looks += 1;
        for (id, name) in self.directory.sensors()? {
            // A file that is gone again was replaced or removed: the next look shows which.
            let Some(stamp) = self.directory.stamp(&name)? else { continue };
            match self.found.get_mut(&id) {
                Some(sensor) if sensor.stamp == stamp => sensor.seen = self.looks,
                _ => {
                    let last = last_row(&self.directory, &id)?;
                    self.found.insert(id, Sensor { stamp, last, changed: self.looks, seen: self.looks });
                }
            }
        }
        self.found.retain(|_, sensor| sensor.seen == self.looks);
        Ok(self.looks)
    }

    /// The sensors, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&SensorId, &Sensor)> {
        self.found.iter()
    }

    #[must_use]
    pub fn get(&self, id: &SensorId) -> Option<&Sensor> {
        self.found.get(id)
    }

    /// The highest sequence of all rows; 0 where there is none.
    #[must_use]
    pub fn last(&self) -> Sequence {
        let last = |sensor: &Sensor| sensor.last.as_ref().map_or(0, |row| row.fields().0);
        self.found.values().map(last).max().unwrap_or(0)
    }
}

/// The last row of a sensor's file; `None` where there is none, or the file is gone again.
fn last_row(directory: &CsvDirectory, id: &SensorId) -> Result<Option<LastRow>, StorageError> {
    let row = directory.open(id)?.map(|mut file| file.last_row()).transpose()?.flatten();
    Ok(row.map(|(_, row)| LastRow(row.into())).filter(|row| row_fields(&row.0).is_some()))
}
