//! Rows that are delivered and not yet in their files. They may wait for each other, so that one write takes many: after a
//! crash they are made again from the journal.

use crate::ids::Sequence;
use crate::storage::disk::Disk;
use crate::storage::error::StorageError;
use crate::storage::Storage;

/// How many rows may wait for longer than a moment: about 512 KiB.
pub const ROWS_WAITING_MAX: u64 = 8192;

impl<D: Disk> Storage<D> {
    /// The files hold the rows up to here.
    #[must_use]
    pub fn written(&self) -> Sequence {
        self.csv.first_waiting().map_or(self.delivered, |first| first - 1)
    }

    /// How many rows wait for [`Self::flush`].
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.delivered - self.written()
    }

    /// Writes the rows that wait.
    ///
    /// # Errors
    /// The disk's; then those that are not written still wait.
    pub fn flush(&mut self) -> Result<(), StorageError> {
        self.csv.flush()?;
        self.restore()
    }
}
