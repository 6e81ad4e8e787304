//! Is a row in the file of its sensor? The end of a file is read only for a row above the last one that it is known to
//! hold.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::ids::{SensorId, Sequence};
use crate::storage::{CsvDirectory, StorageError};

#[derive(Debug)]
pub(super) struct Delivered {
    directory: CsvDirectory,
    /// The last sequence that the file of each sensor was seen to hold.
    last: HashMap<Box<[u8]>, Sequence>,
}

impl Delivered {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { directory: CsvDirectory::new(root), last: HashMap::new() }
    }

    /// Does the file of this sensor hold a row of this sequence, or a later one?
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn holds(&mut self, sensor: &[u8], sequence: Sequence) -> Result<bool, StorageError> {
        if self.last.get(sensor).is_some_and(|last| *last >= sequence) {
            return Ok(true);
        }
        let id = std::str::from_utf8(sensor).ok().and_then(|text| text.parse::<SensorId>().ok());
        let Some(mut file) = id.map(|id| self.directory.open(&id)).transpose()?.flatten() else { return Ok(false) };
        let Some((last, _)) = file.last_row()? else { return Ok(false) };
        self.last.insert(sensor.into(), last);
        Ok(last >= sequence)
    }

    /// Forgets what files held: rows were replaced.
    pub(super) fn forget(&mut self) {
        self.last.clear();
    }
}
