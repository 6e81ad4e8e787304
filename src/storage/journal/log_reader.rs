//! Reads the log wherever it is, for threads that send it: its end from memory, the rest from the journal.

use std::sync::{Arc, Mutex, MutexGuard};

use super::tail::{Tail, TailRead};
use super::{JournalReader, Read};
use crate::ids::Sequence;
use crate::storage::disk::ReadDisk;
use crate::storage::error::StorageError;
use crate::wire::Frame;

/// The log, for reading by any thread. Clones read the same.
#[derive(Debug)]
pub struct LogReader<D> {
    tail: Arc<Mutex<Tail>>,
    journal: JournalReader<D>,
}

impl<D> Clone for LogReader<D> {
    fn clone(&self) -> Self {
        Self { tail: Arc::clone(&self.tail), journal: self.journal.clone() }
    }
}

impl<D: ReadDisk> LogReader<D> {
    pub(in crate::storage) fn new(tail: Arc<Mutex<Tail>>, journal: JournalReader<D>) -> Self {
        Self { tail, journal }
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().expect("no holder of the lock panics")
    }

    /// Reads batches from the one that holds `after + 1` on: those that begin at or below `up_to`, up to `max_bytes` of
    /// them or a single larger one, of the log as it is after `cuts` cuts. There may be more to read than is returned.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub fn read(&self, after: Sequence, up_to: Sequence, cuts: u64, max_bytes: usize) -> Result<Read, StorageError> {
        let read = self.tail().after(after, cuts, max_bytes);
        match read {
            TailRead::Frames(frames) => Ok(up_to_only(frames, up_to)),
            TailRead::Nothing => Ok(Read::Nothing),
            TailRead::Cut => Ok(Read::Cut),
            TailRead::Older { up_to: floor } => self.read_journal(after, up_to.min(floor), cuts, max_bytes),
        }
    }

    /// As `read`, but only what is in memory: [`Read::Nothing`] where it is not.
    #[must_use]
    pub fn read_memory(&self, after: Sequence, up_to: Sequence, cuts: u64, max_bytes: usize) -> Read {
        match self.tail().after(after, cuts, max_bytes) {
            TailRead::Frames(frames) => up_to_only(frames, up_to),
            TailRead::Nothing | TailRead::Older { .. } => Read::Nothing,
            TailRead::Cut => Read::Cut,
        }
    }

    /// Reads what is no longer in the tail. Below the tail's beginning the journal holds the present log, even where
    /// the storage has yet to make the last cuts: those were above, or the tail was cut again, and knows.
    fn read_journal(
        &self,
        after: Sequence,
        up_to: Sequence,
        cuts: u64,
        max_bytes: usize,
    ) -> Result<Read, StorageError> {
        loop {
            let read = self.journal.read_from(after, up_to, self.journal.cuts(), max_bytes);
            if self.tail().cuts() != cuts {
                return Ok(Read::Cut);
            }
            match read? {
                // The storage made a cut that the tail had made before. So this is repeated at most once for each cut.
                Read::Cut => {}
                read => return Ok(read),
            }
        }
    }
}

fn up_to_only(mut frames: Vec<Frame>, up_to: Sequence) -> Read {
    frames.truncate(frames.partition_point(|frame| frame.first() <= up_to));
    if frames.is_empty() {
        return Read::Nothing;
    }
    Read::Frames(frames)
}
