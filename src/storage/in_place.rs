//! Is what a peer wrote still there under the names of its files? Other programs move, remove and replace them while it
//! runs, and a file that is open does not notice.

use super::disk::{Disk, Stamp};
use super::error::{failed, StorageError};
use super::repair::CsvRestored;
use super::{pending, Storage};

/// It is in the directory as long as this process holds that.
const LOCK: &str = "lock";

/// The file that says that the directory is the one that was claimed.
pub(super) fn claimed<D: Disk>(disk: &D) -> Result<Stamp, StorageError> {
    let lock = disk.stamp(LOCK).map_err(failed(disk, "look at", LOCK))?;
    Ok(Stamp { bytes: 0, ..lock })
}

impl<D: Disk> Storage<D> {
    /// Compares the names of all files with what was written, which costs one look at the disk for each. CSV files that are
    /// not what they must be are written again from the journal, what waits for them included.
    ///
    /// # Errors
    /// Where anything else is gone, which cannot be restored from what is here; or the disk's.
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
        self.csv.compare_names()?;
        self.flush()
    }

    /// Writes the CSV files again that are known not to be what was written.
    pub(super) fn restore(&mut self) -> Result<(), StorageError> {
        let careful = self.options.careful();
        self.restored.extend(self.csv.restore(&self.journal.reader(), self.delivered, careful)?);
        Ok(())
    }

    /// What was restored since this was asked last, for the operator.
    pub fn take_restored(&mut self) -> Vec<CsvRestored> {
        std::mem::take(&mut self.restored)
    }
}
