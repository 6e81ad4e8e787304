//! Whether a row is in the file of its sensor. The end of a file is read only for a row above the last one that it is
//! known to hold.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::ids::Sequence;
use crate::storage::{CsvDirectory, CsvHandle, Layout, StorageError};

#[derive(Debug)]
pub(super) struct Delivered {
    directory: CsvDirectory,
    /// How rows were divided into files when that was looked at last.
    layout: Layout,
    /// The last sequence that each file was seen to hold.
    last: HashMap<Box<[u8]>, Sequence>,
    /// Room for a key.
    space: Vec<u8>,
}

impl Delivered {
    pub(super) fn new(root: PathBuf) -> Self {
        let directory = CsvDirectory::new(root);
        Self { layout: Layout::default(), directory, last: HashMap::new(), space: Vec::new() }
    }

    /// Whether the file of this reading holds a row of this sequence, or a later one.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn holds(&mut self, payload: &[u8], sequence: Sequence) -> Result<bool, StorageError> {
        let key = self.layout.key(payload, &mut self.space);
        if self.last.get(key).is_some_and(|last| *last >= sequence) {
            return Ok(true);
        }
        let mut file = self.open(payload, sequence)?;
        if file.is_none() {
            // A start may have divided the rows in another way.
            self.layout = self.directory.layout();
            file = self.open(payload, sequence)?;
        }
        let Some((last, _)) = file.map(|mut file| file.last_row()).transpose()?.flatten() else { return Ok(false) };
        let key = self.layout.key(payload, &mut self.space);
        self.last.insert(key.into(), last);
        Ok(last >= sequence)
    }

    fn open(&self, payload: &[u8], sequence: Sequence) -> Result<Option<CsvHandle>, StorageError> {
        let name = self.layout.name(payload, sequence).ok();
        name.map(|name| self.directory.open(&name)).transpose().map(Option::flatten)
    }

    /// Forgets what files held: rows were replaced.
    pub(super) fn forget(&mut self) {
        self.last.clear();
    }
}
