//! A second storage that goes on where the first one is now: for a search that tries what may come next, one thing after
//! the other.

use std::sync::{Arc, Mutex};

use super::{MemoryDisk, Storage};

impl Storage<MemoryDisk> {
    /// The same storage on a copy of its disk. What either does from now on, the other does not see.
    #[must_use]
    pub fn copied_to(&self, disk: &MemoryDisk) -> Self {
        let disk = Arc::new(disk.clone());
        let tail = self.tail.lock().expect("no holder of the lock panics").clone();
        Self {
            state: self.state.clone(),
            options: self.options,
            journal: self.journal.clone().copied_to(Arc::clone(&disk)),
            tail: Arc::new(Mutex::new(tail)),
            csv: self.csv.clone().copied_to(Arc::clone(&disk)),
            pending: self.pending.clone().copied_to(Arc::clone(&disk)),
            delivered: self.delivered,
            base: self.base,
            retention: self.retention.clone(),
            vouched: self.vouched,
            claimed: self.claimed,
            restored: self.restored.clone(),
            disk,
        }
    }
}
