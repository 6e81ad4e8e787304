//! CSV files that another program moved, replaced or changed. The file under the name shows it, and the rows are
//! written again from the journal.

use super::beside::{self, take_place};
use super::row_writer::{RowWriter, Target};
use super::CsvFiles;
use crate::ids::Sequence;
use crate::storage::disk::set_aside;
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};
use crate::storage::journal::JournalReader;
use crate::storage::repair::CsvRestored;

impl<D: Disk> CsvFiles<D> {
    /// Compares the name of each file with what was written: one look at the disk for each. Returns whether any is to
    /// be restored.
    ///
    /// # Errors
    /// The disk's.
    pub(in crate::storage) fn compare_names(&mut self) -> Result<bool, StorageError> {
        for file in &mut self.files {
            let stamp = self.disk.stamp(&file.path).map_err(failed(&*self.disk, "look at", &file.path))?;
            file.displaced |= stamp != file.stamp;
        }
        Ok(self.files.iter().any(|file| file.displaced))
    }

    /// Writes again, with all rows up to the last delivered one, each file that is not what was written. What another
    /// program put there is set aside. `None` where there was nothing to do.
    ///
    /// # Errors
    /// The disk's, or where the journal is damaged.
    pub(in crate::storage) fn restore(
        &mut self,
        journal: &JournalReader<D>,
        delivered: Sequence,
        careful: bool,
    ) -> Result<Option<CsvRestored>, StorageError> {
        let displaced: Vec<usize> = (0..self.files.len()).filter(|at| self.files[*at].displaced).collect();
        if displaced.is_empty() {
            return Ok(None);
        }
        let disk = &*self.disk;
        let mut done = CsvRestored::new(disk.full_path(""));
        let mut targets = Vec::new();
        for at in &displaced {
            let file = &self.files[*at];
            let path = beside::path_of(&file.path);
            disk.remove(&path).map_err(failed(disk, "remove", &path))?;
            targets.push((&file.name, Target::new(path, 0, Stamp::default())));
        }
        let (rows, written) = RowWriter::new(disk, self.layout, targets).write(journal, delivered)?;
        done.rows = rows;
        for (at, new) in displaced.into_iter().zip(written) {
            let file = &mut self.files[at];
            let there = disk.stamp(&file.path).map_err(failed(disk, "look at", &file.path))?;
            // A part of what was written is in the journal. Anything else is not this peer's to remove.
            let own_part = there.file == file.stamp.file && there.bytes < file.stamp.bytes;
            if there.bytes > 0 && !own_part {
                set_aside::rename(disk, &file.path)?;
                done.set_aside += 1;
            }
            if new.stamp.bytes > 0 {
                take_place(disk, &file.path, careful)?;
            }
            done.name(&file.path);
            file.stamp = new.stamp;
            file.displaced = false;
        }
        Ok(Some(done))
    }
}

#[cfg(test)]
mod tests;
