//! The log on disk, for threads that read it while it is written.

use std::sync::{Arc, Mutex, MutexGuard};

use super::scan::Scan;
use super::segment_bytes::SegmentBytes;
use super::{Index, Read};
use crate::ids::Sequence;
use crate::storage::disk::ReadDisk;
use crate::storage::error::{damaged, StorageError};
use crate::wire::Frame;

/// The position of one batch in this many bytes is kept in memory. That is 16 bytes for 64 KiB of history, and no read
/// skips more than 64 KiB before the batch that it wants.
pub(super) const STRIDE_BYTES: u64 = 64 * 1024;

/// Where to look for a batch.
#[derive(Debug)]
pub(super) struct Place {
    /// First sequence of the segment, and whether that is packed.
    pub(super) segment: Sequence,
    pub(super) is_packed: bool,
    pub(super) offset: u64,
    /// Bytes of the segment.
    end: u64,
}

/// The log on disk, for threads that read it while it is written. Clones read the same.
#[derive(Debug)]
pub(in crate::storage) struct JournalReader<D> {
    pub(super) disk: Arc<D>,
    pub(super) index: Arc<Mutex<Index>>,
}

impl<D> Clone for JournalReader<D> {
    fn clone(&self) -> Self {
        Self { disk: Arc::clone(&self.disk), index: Arc::clone(&self.index) }
    }
}

impl Index {
    /// Where the batch that holds a sequence of the log is, or one shortly before it.
    pub(super) fn locate(&self, sequence: Sequence) -> Place {
        let at = self.segments.partition_point(|segment| segment.first <= sequence) - 1;
        let segment = &self.segments[at];
        let mark = segment.marks.partition_point(|(first, _)| *first <= sequence) - 1;
        let (offset, is_packed) = (segment.marks[mark].1, segment.packed.is_some());
        Place { segment: segment.first, is_packed, offset, end: segment.bytes }
    }
}

impl<D: ReadDisk> JournalReader<D> {
    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().expect("no holder of the lock panics")
    }

    /// How often the journal was cut in this process.
    #[must_use]
    pub(in crate::storage) fn cuts(&self) -> u64 {
        self.index().cuts
    }

    /// Entries up to here were removed.
    #[must_use]
    pub(in crate::storage) fn base(&self) -> Sequence {
        self.index().base
    }

    /// Reads batches from the one that holds `after + 1` on: those that begin at or below `up_to`, up to `max_bytes` of
    /// them or a single larger one. It returns none that was cut, and none written after another than the `cuts`-th
    /// cut. There may be more to read than is returned.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub(in crate::storage) fn read_from(
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
            if after < index.base {
                return Ok(Read::Removed);
            }
            if after >= index.last.min(up_to) {
                return Ok(Read::Nothing);
            }
            index.locate(after + 1)
        };
        let frames = self.frames(&place, after, up_to, max_bytes);
        // What was cut or removed meanwhile may have been read in part, so even an error means nothing then.
        let index = self.index();
        if index.cuts != cuts {
            return Ok(Read::Cut);
        }
        if after < index.base {
            return Ok(Read::Removed);
        }
        drop(index);
        frames.map(Read::Frames)
    }

    fn frames(
        &self,
        place: &Place,
        after: Sequence,
        up_to: Sequence,
        max_bytes: usize,
    ) -> Result<Vec<Frame>, StorageError> {
        let mut scan = self.scan(place, max_bytes.saturating_add(to_usize(STRIDE_BYTES)))?;
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
            return Err(damaged(&*self.disk, &scan.path(), format!("sequence {} is missing", after + 1)));
        }
        Ok(frames)
    }

    /// Where the batch after `to` begins in the segment of `to`; `None` at the end of the segment, or where nothing is
    /// kept.
    pub(super) fn end_of(&self, to: Sequence) -> Result<Option<Place>, StorageError> {
        let mut place = {
            let index = self.index();
            let keep = index.segments.partition_point(|segment| segment.first <= to);
            if keep == 0 || to >= index.segments.get(keep).map_or(index.last, |next| next.first - 1) {
                return Ok(None);
            }
            index.locate(to)
        };
        let mut scan = self.scan(&place, to_usize(STRIDE_BYTES))?;
        while let Some((head, length)) = scan.head()? {
            if head.first > to {
                assert_eq!(head.first, to + 1, "the journal is cut at the end of a batch");
                place.offset = scan.offset();
                return Ok(Some(place));
            }
            scan.skip(length);
        }
        Err(damaged(&*self.disk, &scan.path(), format!("the batch after {to} is missing")))
    }

    pub(super) fn scan(&self, place: &Place, block_bytes: usize) -> Result<Scan<'_, D>, StorageError> {
        let segment = SegmentBytes::open(&*self.disk, place.segment)?;
        Ok(Scan::new(segment, place.offset, place.end, block_bytes))
    }
}

pub(super) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a small constant")
}
