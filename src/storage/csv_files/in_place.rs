//! Checks that the files that a peer wrote are still there under their names. Other programs move, remove and replace
//! files while it runs, and an open file does not show that.

use crate::storage::disk::occupant::LOCK;
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};
use crate::storage::repair::CsvRestored;
use crate::storage::{pending, Storage};

/// The file that says that the directory is the one that was claimed: it is there for as long as this process holds that.
pub(in crate::storage) fn claimed<D: Disk>(disk: &D) -> Result<Stamp, StorageError> {
    let lock = disk.stamp(LOCK).map_err(failed(disk, "look at", LOCK))?;
    Ok(Stamp { bytes: 0, ..lock })
}

impl<D: Disk> Storage<D> {
    /// Compares the names of all files with what was written, with one look at the disk for each. CSV files that are
    /// not what they must be are written again from the journal, and then no row of any file waits any more.
    ///
    /// # Errors
    /// Where any other file is gone, which cannot be restored; or the disk's.
    pub fn check_names(&mut self) -> Result<(), StorageError> {
        if claimed(&*self.disk)? != self.claimed {
            return Err(StorageError::Gone { path: self.disk.full_path("") });
        }
        for (path, bytes) in self.journal.files().chain([(pending::PATH.to_owned(), self.pending.bytes())]) {
            let there = self.disk.len(&path).map_err(failed(&*self.disk, "look at", &path))?;
            if there != bytes {
                return Err(StorageError::Gone { path: self.disk.full_path(&path) });
            }
        }
        if self.csv.compare_names()? {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes again the CSV files that are known to be displaced.
    ///
    /// # Errors
    /// The disk's, or where the journal is damaged.
    pub fn restore(&mut self) -> Result<(), StorageError> {
        let careful = self.options.careful();
        self.restored.extend(self.csv.restore(&self.journal.reader(), self.delivered, careful)?);
        Ok(())
    }

    /// What was restored since this was asked last, for the operator.
    pub fn take_restored(&mut self) -> Vec<CsvRestored> {
        std::mem::take(&mut self.restored)
    }
}
