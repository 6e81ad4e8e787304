//! The storage of a simulated process: the daemon's storage on a disk in memory. Beside it is the log as the core
//! decided it, for the checks.

use std::mem;
use std::sync::{Arc, Mutex};

use crate::ids::{Incarnation, PeerId, Sequence};
use crate::protocol::{Done, Found, State, Store};
use crate::simulation::archive::Archive;
use crate::simulation::numbers::Numbers;
use crate::simulation::rows::Rows;
use crate::simulation::sabotage::Sabotage;
use crate::storage::{Disk, LogReader, MemoryDisk, Opened, Options, Read, Storage, StorageError, Tail};
use crate::wire::{Base, Frame, Limits, Range};

/// How much of the log a link takes together, in bytes: a few batches, so that other messages come in between.
const SERVE_BYTES: usize = 64 * 1024;

/// A batch and the digest of the log up to its end.
#[derive(Debug, Clone)]
pub struct Entry {
    pub frame: Frame,
    pub digest: u64,
}

#[derive(Debug)]
pub struct Shelf {
    /// The log as the core has it.
    pub log: Vec<Entry>,
    storage: Storage<MemoryDisk>,
    tail: Arc<Mutex<Tail>>,
    reader: LogReader<MemoryDisk>,
    disk: MemoryDisk,
    /// What the storage was told to deliver.
    pub delivered: Sequence,
    /// Delivered rows may wait before they are written.
    pub rows_wait: bool,
    /// Entries up to here are those of earlier lives, whose rows have waited for long enough.
    found: Sequence,
    /// What the files must hold.
    pub(crate) rows: Rows,
    /// Readings that the storage reported as in the log or pending: each must always be in one of them.
    pub stored: Numbers,
    /// Readings of the present work.
    fresh: Vec<Range>,
    /// Readings that were synced.
    pub synced: Numbers,
    /// Rows up to here were handed to the operating system.
    pub written: Sequence,
    /// What `state` holds.
    pub state: State,
    limits: Option<Limits>,
    /// `state` vouches for the log up to here, whatever happens to the disk.
    pub vouched: Sequence,
}

/// What a core is told about the opened storage.
#[must_use]
pub fn found(opened: &Opened) -> Found {
    let Opened { promised, synced, needs, runs, base, last, origins, uncommitted, keeps, delivered, pending, .. } =
        opened.clone();
    Found { promised, synced, needs, runs, base, last, origins, delivered, uncommitted, keeps, pending }
}

fn digest(before: u64, bytes: &[u8]) -> u64 {
    // FNV-1a of 64 bits: it only has to distinguish histories.
    bytes
        .iter()
        .fold(before ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Shelf {
    /// Opens the storage of a new life on the files of earlier lives, and returns what it found.
    ///
    /// # Errors
    ///
    /// The disk fails, if a fault makes it.
    pub fn open(
        disk: MemoryDisk,
        id: &PeerId,
        now: Incarnation,
        options: Options,
    ) -> Result<(Self, Opened), StorageError> {
        Self::open_with(disk, id, now, options, &Archive::default())
    }

    /// The same; what was removed from the log is in the archive.
    pub(crate) fn open_with(
        disk: MemoryDisk,
        id: &PeerId,
        now: Incarnation,
        options: Options,
        archive: &Archive,
    ) -> Result<(Self, Opened), StorageError> {
        let (storage, opened) = Storage::open(Arc::new(disk.clone()), id, now, options)?;
        let (tail, reader) = (storage.tail(), storage.log_reader());
        let state = State { promised: opened.promised.clone(), synced: opened.synced.clone(), needs: opened.needs };
        let mut shelf = Self {
            log: archive.log(&opened.runs, opened.base),
            storage,
            tail,
            reader,
            disk,
            delivered: opened.delivered,
            rows_wait: false,
            found: opened.last,
            rows: Rows::new(options.layout),
            stored: Numbers::default(),
            fresh: Vec::new(),
            synced: Numbers::default(),
            written: opened.delivered,
            vouched: opened.needs.min(opened.last),
            limits: options.limits,
            state,
        };
        for entry in &shelf.log {
            shelf.rows.appended(&entry.frame);
        }
        while shelf.last() < opened.last {
            let frames = shelf.read(shelf.last(), opened.last, 0).expect("nothing was cut yet");
            for frame in frames {
                shelf.rows.appended(&frame);
                shelf.push(frame);
            }
        }
        shelf.rows.delivered(opened.delivered);
        shelf.rows.remove(opened.base);
        shelf.stored.extend(opened.origins.iter().chain(&opened.pending));
        shelf.synced = shelf.stored.clone();
        Ok((shelf, opened))
    }

    fn push(&mut self, frame: Frame) {
        let before = self.log.last().map_or(0, |entry| entry.digest);
        let digest = digest(before, frame.bytes());
        self.log.push(Entry { frame, digest });
    }

    /// The same on a copy of its disk.
    pub(crate) fn copied_to(&self, disk: &MemoryDisk) -> Self {
        let storage = self.storage.copied_to(disk);
        Self {
            log: self.log.clone(),
            tail: storage.tail(),
            reader: storage.log_reader(),
            storage,
            disk: disk.clone(),
            delivered: self.delivered,
            rows_wait: self.rows_wait,
            found: self.found,
            rows: self.rows.clone(),
            stored: self.stored.clone(),
            fresh: self.fresh.clone(),
            synced: self.synced.clone(),
            written: self.written,
            state: self.state.clone(),
            limits: self.limits,
            vouched: self.vouched,
        }
    }

    /// Forgets what only checks want to know.
    pub fn forget(&mut self) {
        (self.log, self.rows) = (Vec::new(), Rows::default());
        (self.stored, self.synced) = (Numbers::default(), Numbers::default());
        *self.tail.lock().expect("no holder of the lock panics") = Tail::new(0);
    }

    #[must_use]
    pub fn disk(&self) -> &MemoryDisk {
        &self.disk
    }

    #[must_use]
    pub fn last(&self) -> Sequence {
        self.log.last().map_or(0, |entry| entry.frame.last())
    }

    /// The ranges of readings in the log.
    pub fn ranges(&self) -> impl Iterator<Item = &Range> {
        self.log.iter().flat_map(|entry| entry.frame.ranges())
    }

    /// The digest of the log up to the end of a batch; `None` where no batch ends.
    #[must_use]
    pub fn digest_at(&self, sequence: Sequence) -> Option<u64> {
        if sequence == 0 {
            return Some(0);
        }
        let at = self.log.partition_point(|entry| entry.frame.last() < sequence);
        self.log.get(at).filter(|entry| entry.frame.last() == sequence).map(|entry| entry.digest)
    }

    /// Notes what the core hands over: the tail hears of it before the storage does.
    pub fn note(&mut self, store: &Store) {
        let tail = Arc::clone(&self.tail);
        match store {
            Store::Append(frame) => {
                self.push(frame.clone());
                tail.lock().expect("no holder of the lock panics").push(frame.clone());
            }
            Store::Cut { to, .. } => {
                self.log.truncate(self.log.partition_point(|entry| entry.frame.last() <= *to));
                tail.lock().expect("no holder of the lock panics").cut(*to);
            }
            Store::Begin(base) => {
                tail.lock().expect("no holder of the lock panics").begin_after(base.last);
            }
            _ => {}
        }
    }

    /// The log is the one of this beginning from now on.
    pub(crate) fn begin(&mut self, base: &Base, archive: &Archive) {
        self.log = archive.log(&base.runs, base.last);
    }

    /// Batches after `after` that begin at or below `up_to`; `None` if the log has been cut since.
    #[must_use]
    pub fn read(&self, after: Sequence, up_to: Sequence, cuts: u64) -> Option<Vec<Frame>> {
        match self.reader.read(after, up_to, cuts, SERVE_BYTES).expect("a disk in memory can be read") {
            Read::Frames(frames) => Some(frames),
            Read::Cut | Read::Removed => None,
            Read::Nothing => panic!("permission to serve {after} to {up_to} of a log that is not so long"),
        }
    }

    /// Does what was handed over, and reports it; the caller does `Say`. Rows may wait for `flush`.
    ///
    /// # Errors
    ///
    /// The disk fails, if a fault makes it.
    pub fn execute(&mut self, store: Store, sabotage: Sabotage) -> Result<Vec<Done>, StorageError> {
        Ok(match store {
            Store::State(state) => {
                if sabotage != Sabotage::StateNotSaved {
                    self.storage.save_state(state.promised.as_ref(), state.synced.as_ref(), state.needs)?;
                }
                self.state = state;
                Vec::new()
            }
            Store::Append(frame) => {
                self.storage.append(&frame)?;
                self.rows.appended(&frame);
                self.fresh.extend(frame.ranges().iter().cloned());
                vec![Done::Appended { last: frame.last() }]
            }
            Store::Keep(request) => {
                self.storage.keep(&request)?;
                self.fresh.push(request.range());
                Vec::new()
            }
            Store::Cut { to, state } => {
                // However the cut ends, rows above it must not be there any more.
                self.written = self.written.min(to);
                self.vouched = self.vouched.min(to);
                let returned = self.storage.cut(to, state.promised.as_ref(), state.synced.as_ref(), state.needs)?;
                self.state = state;
                let to = self.storage.last();
                self.delivered = self.delivered.min(to);
                self.rows.cut(to);
                vec![Done::Cut { to, returned }]
            }
            Store::Deliver { up_to } => {
                if sabotage != Sabotage::LostRows || up_to % 3 != 0 {
                    self.storage.deliver(up_to)?;
                }
                self.delivered = up_to;
                if self.rows_wait {
                    return Ok(Vec::new());
                }
                self.rows.delivered(up_to);
                vec![Done::Delivered { up_to }]
            }
            Store::Recall(range) => self.storage.recall(&range)?.into_iter().map(Done::Recalled).collect(),
            Store::Survey => {
                let Some(limits) = self.limits else { return Ok(Vec::new()) };
                self.storage.survey(limits, None);
                let mut dones = Vec::new();
                while self.storage.is_surveying() {
                    dones.extend(self.storage.survey_step()?.map(|to| Done::Surveyed { to }));
                }
                dones
            }
            Store::Remove { to } => self.remove(to, sabotage)?,
            Store::Begin(base) => {
                let files = self.disk.files();
                self.storage.begin_after(&base)?;
                if sabotage == Sabotage::RowsKept {
                    for (path, bytes) in files.iter().filter(|(path, _)| path.strip_suffix(".csv").is_some()) {
                        self.disk.append(path, bytes).expect("there is room");
                    }
                }
                let frames = self.log.iter().map(|entry| &entry.frame);
                self.rows.begin_after(frames.take_while(|frame| frame.last() <= base.last), base.last);
                self.fresh.extend(base.origins);
                (self.delivered, self.written) = (base.last, base.last);
                vec![Done::Appended { last: base.last }, Done::Delivered { up_to: base.last }]
            }
            Store::SayBase { .. } | Store::Say { .. } => Vec::new(),
        })
    }

    fn remove(&mut self, to: Sequence, sabotage: Sabotage) -> Result<Vec<Done>, StorageError> {
        let before = self.disk.files().get("base").cloned();
        self.storage.remove(to);
        self.storage.finish_removals()?;
        if sabotage == Sabotage::BaseNotSaved {
            self.disk.remove("base").expect("there is one");
            self.disk.append("base", &before.unwrap_or_default()).expect("there is room");
        }
        // Waiting rows may have been written before the removal.
        let mut dones = Vec::from_iter(self.note_written());
        for removed in self.storage.take_removed() {
            self.rows.remove(removed.base);
            dones.push(Done::from(removed));
        }
        Ok(dones)
    }

    /// What is told to a peer that asks for what was removed.
    pub(crate) fn told_base(&mut self) -> Result<Option<Base>, StorageError> {
        self.storage.told_base()
    }

    /// If rows may wait, notes how many of them the files hold by now, and returns what the core is to hear of that.
    pub(crate) fn note_written(&mut self) -> Option<Done> {
        let up_to = self.storage.written();
        if !self.rows_wait || up_to <= self.written {
            return None;
        }
        self.rows.delivered(up_to);
        self.written = up_to;
        Some(Done::Delivered { up_to })
    }

    /// Whether any row waits.
    #[must_use]
    pub fn has_waiting_rows(&self) -> bool {
        self.storage.waiting() > 0
    }

    /// Whether rows of earlier lives are to be written.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.storage.written() < self.found.min(self.storage.last())
    }

    /// Writes the rows that wait, and returns what the core is to hear of those that waited for others.
    ///
    /// # Errors
    ///
    /// The disk fails, if a fault makes it.
    pub fn write(&mut self) -> Result<Option<Done>, StorageError> {
        self.storage.flush()?;
        let done = self.note_written();
        self.written = self.delivered;
        Ok(done)
    }

    /// All that was handed over is stored and written: see [`Self::settle`] and [`Self::write`].
    ///
    /// # Errors
    ///
    /// The disk fails, if a fault makes it.
    pub fn flush(&mut self, taken: Option<Range>, sync: bool, sabotage: Sabotage) -> Result<(), StorageError> {
        self.settle(taken, sync, sabotage)?;
        self.write().map(drop)
    }

    /// All that was handed over is done: with `--resume`, all that was `taken` in has to be stored by now, too. `sync`: it
    /// survives a power cut from now on.
    ///
    /// # Errors
    ///
    /// The disk fails, if a fault makes it.
    pub fn settle(&mut self, taken: Option<Range>, sync: bool, sabotage: Sabotage) -> Result<(), StorageError> {
        let mut fresh = mem::take(&mut self.fresh);
        fresh.extend(taken);
        self.stored.extend(&fresh);
        if sync {
            if sabotage != Sabotage::NotSynced {
                self.storage.sync()?;
            }
            self.synced.extend(&fresh);
        }
        Ok(())
    }
}
