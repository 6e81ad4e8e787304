//! The log on disk: batches as they were sent, one after the other, in segments named by their first sequence. Written
//! by one thread, read by many. What is recent is served from memory by `journal/tail.rs`; what is full is packed by
//! `journal/packing.rs`.

pub(super) mod files;
pub(super) mod log_reader;
pub(super) mod names;
pub(super) mod packed;
pub(super) mod packing;
mod reader;
pub(super) mod scan;
pub(super) mod segment_bytes;
pub(super) mod tail;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use self::names::{packed_path, plain_path};
use self::packing::Packing;
pub(super) use self::reader::JournalReader;
use self::reader::{to_usize, STRIDE_BYTES};
use super::disk::Disk;
use super::error::{failed, StorageError};
use crate::ids::Sequence;
use crate::wire::Frame;

/// A segment that would outgrow this is followed by a new one. It is large, so that there are few files, and small
/// enough that a cut mostly removes whole files.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// Directory of the segments.
pub(super) const DIR: &str = "journal";

/// The result of reading the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// Batches, the first of them the one that holds the first sequence asked for.
    Frames(Vec<Frame>),
    /// The log does not reach that far.
    Nothing,
    /// The log was cut since: the sequences asked for may be others now.
    Cut,
    /// They were removed from the beginning of the log.
    Removed,
}

/// What the journal consists of.
#[derive(Debug, Clone, Default)]
struct Index {
    segments: Vec<Segment>,
    /// Entries up to here do not count any more, whatever the first segment holds.
    base: Sequence,
    last: Sequence,
    cuts: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) first: Sequence,
    /// Bytes of its batches.
    pub(super) bytes: u64,
    /// Bytes of its file, if that is packed.
    pub(super) packed: Option<u64>,
    /// First sequence and offset of a batch, about every [`STRIDE_BYTES`].
    marks: Vec<(Sequence, u64)>,
}

/// The log on disk, for the thread that writes it.
#[derive(Debug, Clone)]
pub(super) struct Journal<D> {
    reader: JournalReader<D>,
    /// Segments with bytes that may not be on the platter.
    unsynced: BTreeSet<String>,
    /// Segments were removed, and that may not be on the platter.
    names_unsynced: bool,
    packing: Option<Packing>,
    /// Segments that could not be packed, until another one is full.
    unpackable: BTreeSet<Sequence>,
    /// [`SEGMENT_BYTES`]; tests make it smaller.
    pub(super) segment_bytes: u64,
    /// [`packed::BLOCK_BYTES`]; tests make it smaller.
    pub(super) block_bytes: usize,
}

impl Segment {
    pub(super) fn new(first: Sequence) -> Self {
        Self { first, bytes: 0, packed: None, marks: Vec::new() }
    }

    /// The path of its file.
    fn path(&self) -> String {
        if self.packed.is_some() {
            packed_path(self.first)
        } else {
            plain_path(self.first)
        }
    }

    /// Notes a batch at the end.
    pub(super) fn add(&mut self, frame: &Frame) {
        if self.marks.last().is_none_or(|(_, offset)| self.bytes - offset >= STRIDE_BYTES) {
            self.marks.push((frame.first(), self.bytes));
        }
        self.bytes += frame.bytes().len() as u64;
    }
}

impl<D: Disk> Journal<D> {
    /// A journal without entries, on a disk that holds none.
    #[must_use]
    pub(super) fn new(disk: Arc<D>) -> Self {
        Self {
            reader: JournalReader { disk, index: Arc::default() },
            unsynced: BTreeSet::new(),
            names_unsynced: false,
            packing: None,
            unpackable: BTreeSet::new(),
            segment_bytes: SEGMENT_BYTES,
            block_bytes: packed::BLOCK_BYTES,
        }
    }

    /// The journal that earlier lives left in these segments. None of it is known to be on the platter.
    pub(super) fn found(disk: Arc<D>, segments: Vec<Segment>, (base, last): (Sequence, Sequence)) -> Self {
        let unsynced = segments.iter().map(Segment::path).collect();
        let index = Arc::new(Mutex::new(Index { segments, base, last, cuts: 0 }));
        let reader = JournalReader { disk: Arc::clone(&disk), index };
        Self { reader, unsynced, names_unsynced: true, ..Self::new(disk) }
    }

    /// The same, with segments of this length if one is given: tests and the simulator fill several with little.
    pub(super) fn sized(self, bytes: Option<u64>) -> Self {
        Self { segment_bytes: bytes.unwrap_or(self.segment_bytes), ..self }
    }

    /// The same journal on this copy of its disk.
    #[cfg(feature = "simulation")]
    pub(super) fn copied_to(mut self, disk: Arc<D>) -> Self {
        let index = Arc::new(Mutex::new(self.reader.index().clone()));
        self.reader = JournalReader { disk, index };
        self
    }

    #[must_use]
    pub(super) fn reader(&self) -> JournalReader<D> {
        self.reader.clone()
    }

    /// The sequence of the last entry.
    #[must_use]
    pub(super) fn last(&self) -> Sequence {
        self.reader.index().last
    }

    /// How often it was cut in this process.
    #[must_use]
    pub(super) fn cuts(&self) -> u64 {
        self.reader.cuts()
    }

    /// Its files, and their bytes.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, u64)> {
        let file = |segment: &Segment| (segment.path(), segment.packed.unwrap_or(segment.bytes));
        self.reader.index().segments.iter().map(file).collect::<Vec<_>>().into_iter()
    }

    /// Adds a batch that continues the log. Returns whether it began another segment.
    ///
    /// # Errors
    /// The disk's; then the batch is not there.
    pub(super) fn append(&mut self, frame: &Frame) -> Result<bool, StorageError> {
        let bytes = frame.bytes().len() as u64;
        let current = {
            let index = self.reader.index();
            assert_eq!(frame.first(), index.last + 1, "a batch continues the journal");
            let fits = |segment: &&Segment| segment.packed.is_none() && segment.bytes + bytes <= self.segment_bytes;
            index.segments.last().filter(fits).map(|segment| segment.first)
        };
        let path = plain_path(current.unwrap_or(frame.first()));
        // Nobody reads beyond what the index says, so the lock is not held while the disk works.
        let disk = &*self.reader.disk;
        disk.append(&path, frame.bytes()).map_err(failed(disk, "append to", &path))?;
        let mut index = self.reader.index();
        if current.is_none() {
            index.segments.push(Segment::new(frame.first()));
        }
        index.segments.last_mut().expect("there is one now").add(frame);
        index.last = frame.last();
        drop(index);
        self.unsynced.insert(path);
        if current.is_none() {
            self.unpackable.clear();
        }
        Ok(current.is_none())
    }

    /// The end of the last batch that ends at or below `to`.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub(super) fn batch_end(&self, to: Sequence) -> Result<Sequence, StorageError> {
        let place = {
            let index = self.reader.index();
            if to >= index.last || index.segments.first().is_none_or(|segment| segment.first > to) {
                return Ok(to.min(index.last));
            }
            index.locate(to)
        };
        let mut scan = self.reader.scan(&place, to_usize(STRIDE_BYTES))?;
        let mut end = None;
        while let Some((head, length)) = scan.head()? {
            let last = head.first + head.count - 1;
            if last > to {
                return Ok(end.unwrap_or(head.first - 1));
            }
            end = Some(last);
            scan.skip(length);
        }
        // The segment ends at or below it.
        Ok(end.unwrap_or(to))
    }

    /// Removes what is above `to`, the end of a batch.
    ///
    /// The index forgets it first, so that no reader is sent to bytes that are about to go, and counts the cut before
    /// any byte goes. Then whole segments are removed, from the end, and the last one that stays is shortened. A crash
    /// at any point leaves a log without gaps, at worst longer than it should be. With `careful` so does a power cut,
    /// which undoes unsynced removals in any order. That costs a sync of the names for each segment.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub(super) fn cut(&mut self, to: Sequence, careful: bool) -> Result<(), StorageError> {
        self.stop_packing();
        let disk = Arc::clone(&self.reader.disk);
        let kept = self.reader.end_of(to)?;
        let removed = {
            let mut index = self.reader.index();
            assert!(to <= index.last, "a cut shortens");
            let keep = index.segments.partition_point(|segment| segment.first <= to);
            let removed = index.segments.split_off(keep);
            if let (Some(segment), Some(place)) = (index.segments.last_mut(), &kept) {
                segment.marks.retain(|(_, offset)| *offset < place.offset);
                segment.bytes = place.offset;
                segment.packed = None;
            }
            (index.base, index.last) = (index.base.min(to), to);
            // A reader that finds this number unchanged has read what was there before the cut.
            index.cuts += 1;
            removed
        };
        // From the end, so that the rest is always a log without gaps.
        for segment in removed.iter().rev() {
            // A packed file that could not be removed must not be left alone: it would count.
            for path in [packed_path(segment.first), plain_path(segment.first)] {
                disk.remove(&path).map_err(failed(&*disk, "remove", &path))?;
                self.unsynced.remove(&path);
            }
            self.names_unsynced = true;
            if careful {
                self.sync_names()?;
            }
        }
        if let Some(place) = kept {
            let path = plain_path(place.segment);
            if place.is_packed {
                packing::unpack(&*disk, place.segment, place.offset)?;
                self.unsynced.remove(&packed_path(place.segment));
                self.names_unsynced = true;
            } else {
                disk.truncate(&path, place.offset).map_err(failed(&*disk, "truncate", &path))?;
                self.unsynced.insert(path);
            }
        }
        Ok(())
    }

    /// Entries up to `base` do not count from now on.
    pub(super) fn begin_after(&mut self, base: Sequence) {
        let mut index = self.reader.index();
        index.base = index.base.max(base);
    }

    /// Removes segments whose entries are all at or below `base`; returns the bytes of their files. Nobody reads these
    /// entries any more, so it does not matter which of the files a power cut brings back.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn remove(&mut self, base: Sequence) -> Result<u64, StorageError> {
        let removed: Vec<Segment> = {
            let mut index = self.reader.index();
            index.base = index.base.max(base);
            index.last = index.last.max(base);
            let next = |at: usize| index.segments.get(at + 1).map_or(index.last + 1, |next| next.first);
            let gone = (0..index.segments.len()).take_while(|at| next(*at) <= base + 1).count();
            index.segments.drain(..gone).collect()
        };
        if self.packing.as_ref().is_some_and(|packing| removed.iter().any(|gone| packing.is_of(gone.first))) {
            self.stop_packing();
        }
        let (disk, mut bytes) = (Arc::clone(&self.reader.disk), 0);
        for segment in removed {
            bytes += segment.packed.unwrap_or(segment.bytes);
            for path in [plain_path(segment.first), packed_path(segment.first)] {
                disk.remove(&path).map_err(failed(&*disk, "remove", &path))?;
                self.unsynced.remove(&path);
            }
            self.names_unsynced = true;
        }
        Ok(bytes)
    }

    /// First sequence of each segment, and the bytes of its file.
    pub(super) fn segments(&self) -> Vec<(Sequence, u64)> {
        let index = self.reader.index();
        index.segments.iter().map(|segment| (segment.first, segment.packed.unwrap_or(segment.bytes))).collect()
    }

    /// Returns once everything is on the platter.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn sync(&mut self) -> Result<(), StorageError> {
        // The names come first, so that no removed segment can come back after what is synced now.
        self.sync_names()?;
        let disk = &*self.reader.disk;
        while let Some(path) = self.unsynced.first() {
            disk.sync(path).map_err(failed(disk, "sync", path))?;
            self.unsynced.pop_first();
        }
        Ok(())
    }

    fn sync_names(&mut self) -> Result<(), StorageError> {
        let disk = &*self.reader.disk;
        if self.names_unsynced {
            disk.sync_names(DIR).map_err(failed(disk, "sync", DIR))?;
            self.names_unsynced = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
