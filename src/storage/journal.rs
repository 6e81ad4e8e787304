//! The log on disk: batches as they were sent, one after the other, in segments named by their first sequence. Written
//! by one thread, read by many. What is recent is served from memory by `journal/tail.rs`.

pub(super) mod files;
pub(super) mod log_reader;
pub(super) mod scan;
pub(super) mod tail;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use self::scan::Scan;
use super::disk::{Disk, ReadDisk};
use super::error::{damaged, failed, StorageError};
use crate::ids::Sequence;
use crate::wire::Frame;

/// A segment that would outgrow this is followed by a new one. It is large, so that there are few files, and small
/// enough that a cut mostly removes whole files.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// The position of one batch in this many bytes is kept in memory. That is 16 bytes for 64 KiB of history, and no read
/// skips more than 64 KiB before the batch that it wants.
const STRIDE_BYTES: u64 = 64 * 1024;

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
}

/// What the journal consists of.
#[derive(Debug, Default)]
struct Index {
    segments: Vec<Segment>,
    last: Sequence,
    cuts: u64,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first: Sequence,
    pub(super) bytes: u64,
    /// First sequence and offset of a batch, about every [`STRIDE_BYTES`].
    marks: Vec<(Sequence, u64)>,
}

/// Where to look for a batch.
#[derive(Debug)]
struct Place {
    path: String,
    offset: u64,
    /// Bytes of the segment.
    end: u64,
}

/// The log on disk, for the thread that writes it.
#[derive(Debug)]
pub(super) struct Journal<D> {
    reader: JournalReader<D>,
    /// Segments with bytes that may not be on the platter.
    unsynced: BTreeSet<String>,
    /// Segments were removed, and that may not be on the platter.
    names_unsynced: bool,
    /// [`SEGMENT_BYTES`]; tests make it smaller.
    pub(super) segment_bytes: u64,
}

/// The log on disk, for threads that read it while it is written. Clones read the same.
#[derive(Debug)]
pub(super) struct JournalReader<D> {
    disk: Arc<D>,
    index: Arc<Mutex<Index>>,
}

impl<D> Clone for JournalReader<D> {
    fn clone(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), index: Arc::clone(&self.index) }
    }
}

pub(super) fn segment_path(first: Sequence) -> String {
    format!("{DIR}/{first:020}.log")
}

/// Reads the name of a segment, `<20 digits>.log`.
pub(super) fn parse_segment_name(name: &str) -> Option<Sequence> {
    let digits = name.strip_suffix(".log").filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

impl Index {
    /// Where the batch that holds a sequence of the log is, or one shortly before it.
    fn locate(&self, sequence: Sequence) -> Place {
        let at = self.segments.partition_point(|segment| segment.first <= sequence) - 1;
        let segment = &self.segments[at];
        let mark = segment.marks.partition_point(|(first, _)| *first <= sequence) - 1;
        Place { path: segment_path(segment.first), offset: segment.marks[mark].1, end: segment.bytes }
    }
}

impl Segment {
    pub(super) fn new(first: Sequence) -> Self {
        Self { first, bytes: 0, marks: Vec::new() }
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
        let reader = JournalReader { disk, index: Arc::default() };
        Self { reader, unsynced: BTreeSet::new(), names_unsynced: false, segment_bytes: SEGMENT_BYTES }
    }

    /// The journal that earlier lives left in these segments. None of it is known to be on the platter.
    pub(super) fn found(disk: Arc<D>, segments: Vec<Segment>, last: Sequence) -> Self {
        let unsynced = segments.iter().map(|segment| segment_path(segment.first)).collect();
        let index = Arc::new(Mutex::new(Index { segments, last, cuts: 0 }));
        let reader = JournalReader { disk, index };
        Self { reader, unsynced, names_unsynced: true, segment_bytes: SEGMENT_BYTES }
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
        let file = |segment: &Segment| (segment_path(segment.first), segment.bytes);
        self.reader.index().segments.iter().map(file).collect::<Vec<_>>().into_iter()
    }

    /// Adds a batch that continues the log. Did it begin another segment?
    ///
    /// # Errors
    /// The disk's; then the batch is not there.
    pub(super) fn append(&mut self, frame: &Frame) -> Result<bool, StorageError> {
        let bytes = frame.bytes().len() as u64;
        let current = {
            let index = self.reader.index();
            assert_eq!(frame.first(), index.last + 1, "a batch continues the journal");
            let fits = |segment: &&Segment| segment.bytes + bytes <= self.segment_bytes;
            index.segments.last().filter(fits).map(|segment| segment.first)
        };
        let path = segment_path(current.unwrap_or(frame.first()));
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
        let mut scan = self.reader.scan(&place, to_usize(STRIDE_BYTES));
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
            }
            index.last = to;
            // A reader that finds this number unchanged has read what was there before the cut.
            index.cuts += 1;
            removed
        };
        // From the end, so that the rest is always a log without gaps.
        for segment in removed.iter().rev() {
            let path = segment_path(segment.first);
            disk.remove(&path).map_err(failed(&*disk, "remove", &path))?;
            self.unsynced.remove(&path);
            self.names_unsynced = true;
            if careful {
                self.sync_names()?;
            }
        }
        if let Some(place) = kept {
            disk.truncate(&place.path, place.offset).map_err(failed(&*disk, "truncate", &place.path))?;
            self.unsynced.insert(place.path);
        }
        Ok(())
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

impl<D: ReadDisk> JournalReader<D> {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().expect("no holder of the lock panics")
    }

    /// How often the journal was cut in this process.
    #[must_use]
    pub(super) fn cuts(&self) -> u64 {
        self.index().cuts
    }

    /// Reads batches from the one that holds `after + 1` on: those that begin at or below `up_to`, up to `max_bytes` of
    /// them or a single larger one. It returns none that was cut, and none written after another than the `cuts`-th
    /// cut. There may be more to read than is returned.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub(super) fn read_from(
        &self,
        after: Sequence,
        up_to: Sequence,
        cuts: u64,
        max_bytes: usize,
    ) -> Result<Read, StorageError> {
        let place = {
            let index = self.index();
            if index.cuts != cuts {
                return Ok(Read::Cut);
            }
            if after >= index.last.min(up_to) {
                return Ok(Read::Nothing);
            }
            index.locate(after + 1)
        };
        let frames = self.frames(&place, after, up_to, max_bytes);
        // What was cut meanwhile may have been read in part, so even an error means nothing then.
        if self.cuts() != cuts {
            return Ok(Read::Cut);
        }
        frames.map(Read::Frames)
    }

    fn frames(
        &self,
        place: &Place,
        after: Sequence,
        up_to: Sequence,
        max_bytes: usize,
    ) -> Result<Vec<Frame>, StorageError> {
        let mut scan = self.scan(place, max_bytes.saturating_add(to_usize(STRIDE_BYTES)));
        let (mut frames, mut bytes) = (Vec::new(), 0);
        while let Some((head, length)) = scan.head()? {
            if head.first + head.count - 1 <= after {
                scan.skip(length);
                continue;
            }
            bytes += length;
            if head.first > up_to || (bytes > max_bytes && !frames.is_empty()) {
                break;
            }
            frames.push(scan.frame(length)?);
        }
        if frames.is_empty() {
            return Err(damaged(&*self.disk, &place.path, format!("sequence {} is missing", after + 1)));
        }
        Ok(frames)
    }

    /// Where the batch after `to` begins in the segment of `to`; `None` at the end of the segment, or where nothing is
    /// kept.
    fn end_of(&self, to: Sequence) -> Result<Option<Place>, StorageError> {
        let mut place = {
            let index = self.index();
            let keep = index.segments.partition_point(|segment| segment.first <= to);
            if keep == 0 || to >= index.segments.get(keep).map_or(index.last, |next| next.first - 1) {
                return Ok(None);
            }
            index.locate(to)
        };
        let mut scan = self.scan(&place, to_usize(STRIDE_BYTES));
        while let Some((head, length)) = scan.head()? {
            if head.first > to {
                assert_eq!(head.first, to + 1, "the journal is cut at the end of a batch");
                place.offset = scan.offset();
                return Ok(Some(place));
            }
            scan.skip(length);
        }
        Err(damaged(&*self.disk, &place.path, format!("the batch after {to} is missing")))
    }

    fn scan<'a>(&'a self, place: &'a Place, block_bytes: usize) -> Scan<'a, D> {
        Scan::new(&self.disk, &place.path, place.offset, place.end, block_bytes)
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a small constant")
}

#[cfg(test)]
mod tests;
