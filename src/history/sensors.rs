//! Which sensors a peer's directory has, and the last row of each. A look at a file that did not change costs one call
//! of the system; of a file that did, the end is read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::time::SystemTime;

use crate::ids::{SensorId, Sequence};
use crate::reading::{row_fields, Fields};
use crate::storage::{CsvDirectory, CsvName, CsvStamp, StorageError};

/// The sensors of a peer's directory, as they were at the last look.
#[derive(Debug)]
pub struct Sensors {
    directory: CsvDirectory,
    files: HashMap<CsvName, Seen>,
    found: BTreeMap<SensorId, Sensor>,
    looks: u64,
}

/// A file at the last look that found it.
#[derive(Debug)]
struct Seen {
    stamp: CsvStamp,
    last: Option<LastRow>,
    look: u64,
}

/// A sensor that has files.
#[derive(Debug, Clone)]
pub struct Sensor {
    bytes: u64,
    written: SystemTime,
    last: Option<LastRow>,
    /// The look that found it changed.
    changed: u64,
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
    /// Bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When any of its files was last written.
    #[must_use]
    pub fn written(&self) -> SystemTime {
        self.written
    }

    /// `None` where there is no row yet.
    #[must_use]
    pub fn last(&self) -> Option<&LastRow> {
        self.last.as_ref()
    }

    /// The number of the look that found it changed, for readers that have seen what earlier looks found.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// A sensor with one of its files.
    fn of(file: &Seen, changed: u64) -> Self {
        Self { bytes: file.stamp.file.bytes, written: file.stamp.written, last: file.last.clone(), changed }
    }

    /// Adds another file of it.
    fn add(&mut self, file: &Seen) {
        let sequence = |last: &Option<LastRow>| last.as_ref().map(|row| row.fields().0);
        self.bytes += file.stamp.file.bytes;
        self.written = self.written.max(file.stamp.written);
        if sequence(&file.last) > sequence(&self.last) {
            self.last.clone_from(&file.last);
        }
    }
}

impl Sensors {
    /// The sensors of the directory `root`. Nothing is known of them before the first look.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { directory: CsvDirectory::new(root), files: HashMap::new(), found: BTreeMap::new(), looks: 0 }
    }

    /// Looks again; returns the number of this look, from 1 on.
    ///
    /// # Errors
    /// The disk's, or where there is no such directory.
    pub fn refresh(&mut self) -> Result<u64, StorageError> {
        self.looks += 1;
        let (look, mut changed) = (self.looks, HashSet::new());
        for (of, name) in self.directory.files()? {
            // A file that is gone again was replaced or removed: the next look shows which.
            let Some(stamp) = self.directory.stamp(&name)? else { continue };
            match self.files.get_mut(&of) {
                Some(seen) if seen.stamp == stamp => seen.look = look,
                _ => {
                    changed.insert(of.sensor.clone());
                    let last = last_row(&self.directory, &of)?;
                    self.files.insert(of, Seen { stamp, last, look });
                }
            }
        }
        self.files.retain(|of, seen| {
            if seen.look < look {
                changed.insert(of.sensor.clone());
            }
            seen.look == look
        });
        if !changed.is_empty() {
            self.join(&changed);
        }
        Ok(look)
    }

    /// Puts the files of these sensors together again.
    fn join(&mut self, changed: &HashSet<SensorId>) {
        self.found.retain(|sensor, _| !changed.contains(sensor));
        for (of, file) in self.files.iter().filter(|(of, _)| changed.contains(&of.sensor)) {
            match self.found.get_mut(&of.sensor) {
                Some(sensor) => sensor.add(file),
                None => drop(self.found.insert(of.sensor.clone(), Sensor::of(file, self.looks))),
            }
        }
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

/// The last row of a file; `None` where there is none, or the file is gone again.
fn last_row(directory: &CsvDirectory, of: &CsvName) -> Result<Option<LastRow>, StorageError> {
    let row = directory.open(of)?.map(|mut file| file.last_row()).transpose()?.flatten();
    Ok(row.map(|(_, row)| LastRow(row.into())).filter(|row| row_fields(&row.0).is_some()))
}
