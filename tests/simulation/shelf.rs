//! The storage of a simulated process, which is the daemon's on a disk in memory, and beside it the log as its core has
//! decided it, for the checks.

use std::sync::{Arc, Mutex};

use peer::ids::{Incarnation, PeerId, Sequence};
use peer::protocol::{Done, State, Store};
use peer::storage::{LogReader, MemoryDisk, Options, Read, Storage, StorageError, Tail};
use peer::wire::Frame;

use crate::rows::Rows;
use crate::sabotage::Sabotage;

/// What a link takes from the log at once, in bytes: a few batches, so that other things come in between.
const SERVE_BYTES: usize = 64 * 1024;

/// A batch and the digest of the log up to its end.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub frame: Frame,
    pub digest: u64,
}

#[derive(Debug)]
pub(crate) struct Shelf {
    /// The log as the core has it.
    pub log: Vec<Entry>,
    storage: Storage<MemoryDisk>,
    tail: Arc<Mutex<Tail>>,
    reader: LogReader<MemoryDisk>,
    disk: MemoryDisk,
    /// What the storage says is written.
    pub delivered: Sequence,
    /// What the files must hold.
    pub rows: Rows,
}

fn digest(before: u64, bytes: &[u8]) -> u64 {
    // FNV-1a, 64 bits: it only has to tell histories apart.
    bytes
        .iter()
        .fold(before ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Shelf {
    /// Opens the storage of a new life on what the earlier ones left. Returns which life it is.
    pub(crate) fn open(disk: MemoryDisk, id: &PeerId, now: Incarnation) -> Result<(Self, Incarnation), StorageError> {
        let (storage, opened) = Storage::open(Arc::new(disk.clone()), id, now, Options::default())?;
        let (tail, reader) = (storage.tail(), storage.log_reader());
        let shelf = Self { log: Vec::new(), storage, tail, reader, disk, delivered: 0, rows: Rows::default() };
        Ok((shelf, opened.incarnation))
    }

    pub(crate) fn disk(&self) -> &MemoryDisk {
        &self.disk
    }

    pub(crate) fn last(&self) -> Sequence {
        self.log.last().map_or(0, |entry| entry.frame.last())
    }

    /// The digest of the log up to a batch end; `None` where that is none.
    pub(crate) fn digest_at(&self, sequence: Sequence) -> Option<u64> {
        if sequence == 0 {
            return Some(0);
        }
        let at = self.log.partition_point(|entry| entry.frame.last() < sequence);
        self.log.get(at).filter(|entry| entry.frame.last() == sequence).map(|entry| entry.digest)
    }

    /// What the core handed over, at the moment it did: the tail hears of it before the storage does.
    pub(crate) fn note(&mut self, store: &Store) {
        let mut tail = self.tail.lock().expect("no holder of the lock panics");
        match store {
            Store::Append(frame) => {
                let before = self.log.last().map_or(0, |entry| entry.digest);
                self.log.push(Entry { frame: frame.clone(), digest: digest(before, frame.bytes()) });
                tail.push(frame.clone());
            }
            Store::Cut { to, .. } => {
                self.log.truncate(self.log.partition_point(|entry| entry.frame.last() <= *to));
                tail.cut(*to);
            }
            _ => {}
        }
    }

    /// Batches behind `after` that begin at or below `up_to`; `None` where the log was cut since.
    pub(crate) fn read(&self, after: Sequence, up_to: Sequence, cuts: u64) -> Option<Vec<Frame>> {
        match self.reader.read(after, up_to, cuts, SERVE_BYTES).expect("a disk in memory can be read") {
            Read::Frames(frames) => Some(frames),
            Read::Cut => None,
            Read::Nothing => panic!("permission to serve {after} to {up_to} of a log that is not so long"),
        }
    }

    /// Does what was handed over, and says so; `Say` is the caller's. Rows may wait for `flush`.
    pub(crate) fn execute(&mut self, store: Store, sabotage: Sabotage) -> Result<Vec<Done>, StorageError> {
        Ok(match store {
            Store::State(State { promised, synced, needs }) => {
                self.storage.save_state(promised.as_ref(), synced.as_ref(), needs)?;
                Vec::new()
            }
            Store::Append(frame) => {
                self.storage.append(&frame)?;
                self.rows.appended(&frame);
                vec![Done::Appended { last: frame.last() }]
            }
            Store::Keep(request) => {
                self.storage.keep(&request)?;
                Vec::new()
            }
            Store::Cut { to, state: State { promised, synced, needs } } => {
                let returned = self.storage.cut(to, promised.as_ref(), synced.as_ref(), needs)?;
                self.delivered = self.delivered.min(to);
                self.rows.cut(to);
                vec![Done::Cut { to, returned }]
            }
            Store::Deliver { up_to } => {
                if sabotage != Sabotage::LostRows || up_to % 3 != 0 {
                    self.storage.deliver(up_to)?;
                }
                self.delivered = up_to;
                self.rows.delivered(up_to);
                vec![Done::Delivered { up_to }]
            }
            Store::Recall(range) => self.storage.recall(&range)?.into_iter().map(Done::Recalled).collect(),
            Store::Say { .. } => Vec::new(),
        })
    }

    /// Writes the rows that wait.
    pub(crate) fn flush(&mut self) -> Result<(), StorageError> {
        self.storage.flush()
    }
}
