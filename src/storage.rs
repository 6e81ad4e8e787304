//! The files of one peer, as docs/protocol.md section 8 says. One thread writes, others read the log. What is stored, and
//! when others hear of it, is decided elsewhere. After an error nothing more can be stored; what was stored before stays.
//!
//! | room | holds |
//! | --- | --- |
//! | `disk` | all that is asked of a disk, and the disks: real, only read, in memory. A real one also has modes of new files (`making`), a process that uses a directory (`occupant`), and free room (`room`). Any disk has damaged files: they are put out of the way (`set_aside`), and what is whole in them is found (`intact`) |
//! | `error` | what can go wrong, and why the system refused (`fault`) |
//! | `state` | small files of facts: `state`, and `base`, what is left of a beginning that was removed; which CSV files count (`layout`) |
//! | `pending` | readings that are not yet committed |
//! | `journal` | the log, in segments. Its end is in memory (`tail`); what is full is packed (`packing`) |
//! | `file_names` | the names of ids on a disk |
//! | `csv_files` | the rows. Some may wait (`waiting`); what is no longer in its place (`in_place`) is written again (`restore`). Other programs read them through `csv_directory` |
//! | `retention` | the removal of the beginning of the log |
//! | `repair` | what was wrong at a start, in words for the operator |
//! | `directory` | the claim of a directory before a start: whose it is, of which version (`version`), how old (`ages`), and what earlier lives left under which names |
//! | `opening` | what runs once, at a start: it reads what earlier lives left, and mends it |
//! | `inspect`, `snapshot` | another peer's directory: looked at, and copied |
//! | `copying` | a storage that goes on twice, for the simulator |

#[cfg(feature = "simulation")]
mod copying;
mod csv_files;
mod directory;
mod disk;
mod error;
mod file_names;
mod inspect;
mod journal;
mod opening;
mod pending;
mod repair;
mod retention;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use crate::ids::{Incarnation, PeerId, Sequence, Term, NEEDS_ALL};
use crate::wire::{Frame, Range, Request};

pub use csv_files::csv_directory::{CsvDirectory, CsvHandle, CsvStamp};
pub use csv_files::waiting::ROWS_WAITING_MAX;
pub use directory::ages::{last_readings, last_written};
pub use directory::earlier_names::{rename_directory, EarlierDirectory};
pub use directory::version::check_version;
pub use directory::{claim, claim_cleared, directory_of, find_directory, others};
#[cfg(any(test, feature = "simulation"))]
pub use disk::memory::MemoryDisk;
pub use disk::occupant::{occupant, Occupant};
pub use disk::real::RealDisk;
pub use disk::room::Room;
pub use disk::{Disk, ReadDisk, Stamp};
pub use error::fault::{Fault, Owned};
pub use error::StorageError;
pub use file_names::{csv_name, id_of, CsvName};
pub use inspect::{CsvFile, Inspection, JournalWalk, Piece};
pub use journal::files::{BatchPlace, JournalFiles};
pub use journal::log_reader::LogReader;
pub use journal::packing::Packed;
pub use journal::tail::{Tail, TailRead, TAIL_BYTES_MAX};
pub use journal::Read;
pub use opening::options::{Opened, Options};
pub use opening::start::check_state;
pub use repair::{CsvRenamed, CsvRepair, CsvRestored, Repair};
pub use retention::Removed;
pub use snapshot::copy::Copied;
pub use snapshot::Snapshot;
pub use state::layout::Layout;

#[cfg(test)]
pub(crate) use tests::support::TempDir;

use csv_files::{in_place, CsvFiles};
use journal::Journal;
use opening::start;
use pending::Pending;
use retention::Retention;
use state::StateFile;

/// How much of the log is read in one step, in bytes: several of the largest batches.
const READ_BYTES: usize = 1024 * 1024;

/// All that one peer has on disk, for the thread that writes it.
///
/// The thread that decides on the log tells the [`Tail`] first, and then, in the same order, the storage. Each cut of the log
/// reaches both, so that they count alike.
#[derive(Debug)]
pub struct Storage<D> {
    disk: Arc<D>,
    state: StateFile,
    options: Options,
    journal: Journal<D>,
    tail: Arc<Mutex<Tail>>,
    csv: CsvFiles<D>,
    pending: Pending<D>,
    delivered: Sequence,
    /// Entries up to here were removed, as the file `base` says.
    base: Sequence,
    retention: Retention,
    /// The log is on the platter up to here, and `state` says so: a start that finds it shorter finds it damaged.
    vouched: Sequence,
    /// The lock of the directory that was opened.
    claimed: Stamp,
    /// CSV files that were restored, until somebody asks.
    restored: Vec<CsvRestored>,
}

impl<D: Disk> Storage<D> {
    /// Starts a new life of the peer at time `now`: on what its earlier lives left, or with nothing of theirs but the
    /// incarnation.
    ///
    /// # Errors
    /// The disk's; or where the files are another peer's. What is wrong with its own files is mended and reported.
    pub fn open(disk: Arc<D>, id: &PeerId, now: Incarnation, options: Options) -> Result<(Self, Opened), StorageError> {
        if options.resume {
            return opening::open(disk, id, now, options);
        }
        let (state, repairs) = start::begin(&*disk, id, now, options)?;
        start::clear(&*disk)?;
        let opened = Opened::cleared(state.incarnation, repairs);
        let storage = Self {
            journal: Journal::new(Arc::clone(&disk)).sized(options.segment_bytes),
            tail: Arc::new(Mutex::new(Tail::new(0))),
            csv: CsvFiles::new(Arc::clone(&disk), options.layout),
            pending: Pending::new(Arc::clone(&disk)),
            delivered: 0,
            base: 0,
            retention: Retention::default(),
            vouched: 0,
            claimed: in_place::claimed(&*disk)?,
            restored: Vec::new(),
            disk,
            state,
            options,
        };
        Ok((storage, opened))
    }

    /// The end of the log, in memory.
    #[must_use]
    pub fn tail(&self) -> Arc<Mutex<Tail>> {
        Arc::clone(&self.tail)
    }

    /// Reads the log wherever it is, from any thread.
    #[must_use]
    pub fn log_reader(&self) -> LogReader<D> {
        LogReader::new(self.tail(), self.journal.reader())
    }

    /// The log is stored up to here.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.journal.last()
    }

    /// Rows up to here are written, or wait for [`Self::flush`].
    #[must_use]
    pub fn delivered(&self) -> Sequence {
        self.delivered
    }

    /// Appends a batch that continues the log.
    ///
    /// # Errors
    /// The disk's; then nothing of the batch counts.
    pub fn append(&mut self, frame: &Frame) -> Result<(), StorageError> {
        self.append_batch(frame).map(drop)
    }

    /// The same. Returns whether the batch began another segment.
    fn append_batch(&mut self, frame: &Frame) -> Result<bool, StorageError> {
        if frame.keep().is_some() {
            self.mark()?;
        }
        let another_segment = self.journal.append(frame)?;
        self.tell_tail();
        let before = frame.first() - 1;
        if another_segment && self.options.durable && before > self.vouched {
            self.vouch(before)?;
        }
        Ok(another_segment)
    }

    /// Notes in `state` that the log is on the platter up to here: later that tells damage from what a crash leaves. It
    /// costs a sync, and once for each segment is enough.
    fn vouch(&mut self, to: Sequence) -> Result<(), StorageError> {
        self.vouched = to;
        let StateFile { promised, synced, needs, .. } = self.state.clone();
        self.save_state(promised.as_ref(), synced.as_ref(), needs)
    }

    /// Packs a piece of the log: of a segment that is full, and whose rows are delivered, since little of that is ever
    /// cut. It takes some milliseconds.
    ///
    /// # Errors
    /// The disk's, if it cannot sync what counts. If a segment cannot be packed, that is not an error of the storage.
    pub fn pack(&mut self) -> Result<Packed, StorageError> {
        self.journal.pack(self.delivered)
    }

    /// Keeps readings as pending. None is kept twice.
    ///
    /// # Errors
    /// The disk's; then none of them was kept.
    pub fn keep(&mut self, request: &Request) -> Result<(), StorageError> {
        self.pending.keep(request)
    }

    /// The readings of a range that are kept, in number order.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub fn recall(&self, range: &Range) -> Result<Vec<Request>, StorageError> {
        self.pending.recall(range)
    }

    /// Replaces `state`. If nobody resumes from these files, only the incarnation in it counts, and the file stays as
    /// it is: a power loss while it is replaced could lose the incarnation.
    ///
    /// # Errors
    /// The disk's; then the old one still holds.
    pub fn save_state(
        &mut self,
        promised: Option<&Term>,
        synced: Option<&Term>,
        needs: Sequence,
    ) -> Result<(), StorageError> {
        let (promised, synced, needs) = (promised.cloned(), synced.cloned(), needs.max(self.vouched));
        let state = StateFile { promised, synced, needs, ..self.state.clone() };
        if self.options.careful() {
            // If the log came back shorter than `synced` needs, it would look damaged. And what a cut removes has to be
            // pending before anything says that it is not needed.
            self.sync()?;
            start::save(&*self.disk, &state, true)?;
        }
        self.state = state;
        Ok(())
    }

    /// Cuts the log to `to`. If that is within a batch, which only a lying peer asks for, it cuts to the end of the
    /// batch before, and `last` says so. Replaces `state`. What was above is kept as pending, and returned.
    ///
    /// What goes is first made pending and safe. Then `state` says that it is not needed, and only then rows and log
    /// lose it. Wherever a crash interrupts this, no reading is lost, and no start takes the shorter log for a damaged
    /// one.
    ///
    /// # Errors
    /// Where a quorum has committed what is above: that is never cut, and nothing was changed. The disk's, or where
    /// what it holds is damaged. At every moment a reading is in the log or pending.
    pub fn cut(
        &mut self,
        to: Sequence,
        promised: Option<&Term>,
        synced: Option<&Term>,
        needs: Sequence,
    ) -> Result<Vec<Range>, StorageError> {
        if to < self.base {
            return self.begin_again(promised, synced, needs);
        }
        self.retention.forget_above(to);
        let (asked, to) = (to, self.journal.batch_end(to)?);
        if self.options.quorum.is_some() && to < self.delivered {
            return Err(StorageError::CutsDelivered { to, delivered: self.delivered });
        }
        let returned = self.keep_above(to)?;
        self.vouched = self.vouched.min(to);
        let needs = if needs == NEEDS_ALL { needs } else { needs.min(to) };
        self.save_state(promised, synced, needs)?;
        if self.delivered > to {
            self.check_names()?;
            self.csv.truncate_above(to, self.options.careful())?;
            self.delivered = to;
        }
        self.journal.cut(to, self.options.careful())?;
        if self.options.careful() {
            // Before anything is appended: after a power loss, what is new could come before what was cut.
            self.journal.sync()?;
        }
        if to < asked {
            self.tail.lock().expect("no holder of the lock panics").shorten(to);
        }
        self.tell_tail();
        Ok(returned)
    }

    /// Adds the rows up to `up_to`, which the log has reached, to the CSV files, and forgets what is pending of them.
    /// Rows may wait for [`Self::flush`].
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub fn deliver(&mut self, up_to: Sequence) -> Result<(), StorageError> {
        assert!(up_to <= self.last(), "what is delivered is stored");
        while self.delivered < up_to {
            for frame in self.frames_after(self.delivered, up_to)? {
                let from = self.delivered + 1;
                if from > up_to {
                    break;
                }
                self.csv.deliver(&frame, from, up_to)?;
                self.delivered = up_to.min(frame.last());
                self.forget(&frame, from);
            }
        }
        let kept = if self.options.careful() { self.pending.limits.at_once } else { 0 };
        self.shrink_pending(kept)
    }

    /// Returns once the log and what is pending are on the platter. The CSV files follow from the log.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&mut self) -> Result<(), StorageError> {
        self.pending.sync()?;
        self.journal.sync()?;
        self.shrink_pending(self.pending.limits.at_sync)
    }

    /// Removes what is delivered from the file `pending`, once that is longer than `bytes`.
    fn shrink_pending(&mut self, bytes: u64) -> Result<(), StorageError> {
        if !self.pending.is_wasteful(bytes) {
            return Ok(());
        }
        if self.options.careful() && self.pending.is_synced() {
            // It was safe there, so it has to be safe in the log first.
            self.journal.sync()?;
        }
        self.pending.shrink()
    }

    fn tell_tail(&self) {
        let mut tail = self.tail.lock().expect("no holder of the lock panics");
        tail.journaled(self.journal.last(), self.journal.cuts());
    }

    /// Batches from the one that holds `after + 1` on, some of them perhaps above `up_to`.
    fn frames_after(&self, after: Sequence, up_to: Sequence) -> Result<Vec<Frame>, StorageError> {
        let cuts = self.journal.cuts();
        // If the tail was cut more often, it holds another log than this one.
        let tail = self.tail.lock().expect("no holder of the lock panics").after(after, cuts, READ_BYTES);
        if let TailRead::Frames(frames) = tail {
            return Ok(frames);
        }
        match self.journal.reader().read_from(after, up_to, cuts, READ_BYTES)? {
            Read::Frames(frames) => Ok(frames),
            Read::Nothing | Read::Cut | Read::Removed => {
                unreachable!("the journal reaches further, and only this thread cuts it")
            }
        }
    }

    /// Keeps what is above `to` as pending; returns what that is.
    fn keep_above(&mut self, to: Sequence) -> Result<Vec<Range>, StorageError> {
        let (reader, cuts) = (self.journal.reader(), self.journal.cuts());
        let mut kept: Vec<Range> = Vec::new();
        let mut after = to;
        while let Read::Frames(frames) = reader.read_from(after, Sequence::MAX, cuts, READ_BYTES)? {
            for frame in frames {
                for request in frame.requests() {
                    self.pending.keep(&request)?;
                    let range = request.range();
                    match kept.last_mut() {
                        Some(last) if last.origin == range.origin && last.last() + 1 == range.first => {
                            last.count += range.count;
                        }
                        _ => kept.push(range),
                    }
                }
                after = frame.last();
            }
        }
        Ok(kept)
    }

    /// Forgets what is pending of a batch, from sequence `from` on and as far as it is delivered.
    fn forget(&mut self, frame: &Frame, from: Sequence) {
        let mut first = frame.first();
        for range in frame.ranges() {
            let next = first + range.count;
            let (begin, end) = (from.max(first), (self.delivered + 1).min(next));
            if begin < end && !self.pending.is_empty() {
                let (number, count) = (range.first + (begin - first), end - begin);
                self.pending.forget(&Range { origin: range.origin.clone(), first: number, count });
            }
            first = next;
        }
    }
}
