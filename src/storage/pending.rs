//! The file `pending`: readings that were taken in, or cut from the log, and are not yet committed. Only the place of
//! each is kept in memory. The file grows at its end; it is emptied when nothing in it is pending, and what is pending is written
//! to a new one when most of it is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::disk::Disk;
use super::error::{damaged, failed, StorageError};
use crate::ids::{Number, Origin};
use crate::numbers::Numbers;
use crate::ranges::{gaps, Gaps};
use crate::wire::batch::HEAD_BYTES_MAX;
use crate::wire::{Cursor, Lines, Range, Request, WireError};

/// Name of the file.
pub(super) const PATH: &str = "pending";

/// The new file, until it takes the place of the old.
pub(super) const COMPACTED_PATH: &str = "pending.tmp";

/// What is written to a new file in one step, in bytes.
const COPY_BYTES: usize = 256 * 1024;

/// What each record begins with.
pub(super) const VERB: &str = "PENDING";

#[derive(Debug, Clone)]
pub(super) struct Pending<D> {
    disk: Arc<D>,
    index: Index,
    /// Something was written since the last sync.
    unsynced: bool,
    synced: bool,
    pub(super) limits: Limits,
}

/// How far the file may grow, in bytes. To shrink it for each reading would cost more than to write it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// While less than half of it is pending.
    pub(super) compact: u64,
    /// While nothing is, until the next sync.
    pub(super) at_once: u64,
    /// After a sync.
    pub(super) at_sync: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { compact: 8 * 1024 * 1024, at_once: 8 * 1024 * 1024, at_sync: 64 * 1024 }
    }
}

/// Where each pending reading is.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// Pieces of records that are wholly pending, by origin and first number; pieces of one origin do not overlap.
    pieces: BTreeMap<Origin, BTreeMap<Number, Piece>>,
    /// Records with anything pending, by offset.
    records: BTreeMap<u64, Record>,
    /// Bytes of the file.
    bytes: u64,
    /// Bytes of the records in which something is pending.
    live: u64,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    last: Number,
    /// Offset of its record.
    record: u64,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    bytes: usize,
    /// How many of its readings are pending.
    readings: u64,
}

impl Index {
    /// The pieces of `first..=last` that are here: first and last number of each, and its record.
    fn within(&self, range: &Range) -> Vec<(Number, Number, u64)> {
        let Some(pieces) = self.pieces.get(&range.origin) else { return Vec::new() };
        let from = pieces.range(..=range.first).next_back().map_or(range.first, |(first, _)| *first);
        let clip =
            |(first, piece): (&Number, &Piece)| (range.first.max(*first), range.last().min(piece.last), piece.record);
        pieces.range(from..=range.last()).map(clip).filter(|(first, last, _)| first <= last).collect()
    }

    /// First and last number of each part of a range that is not here.
    fn missing(&self, range: &Range) -> Gaps {
        gaps(self.within(range).into_iter().map(|(first, last, _)| (first, last)), range.first, range.last())
    }

    /// Notes a record at the end of the file. Readings that are here already stay where they are.
    pub(super) fn add(&mut self, range: &Range, bytes: usize) {
        let record = self.bytes;
        self.bytes += bytes as u64;
        let missing = self.missing(range);
        if missing.is_empty() {
            return;
        }
        let readings = missing.clone().into_iter().map(|(first, last)| last - first + 1).sum();
        self.records.insert(record, Record { bytes, readings });
        self.live += bytes as u64;
        let pieces = self.pieces.entry(range.origin.clone()).or_default();
        pieces.extend(missing.into_iter().map(|(first, last)| (first, Piece { last, record })));
    }

    /// Notes bytes at the end of the file that are not a record.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many readings are pending.
    pub(super) fn readings(&self) -> u64 {
        self.records.values().map(|record| record.readings).sum()
    }

    fn remove(&mut self, range: &Range) {
        for (from, to, record) in self.within(range) {
            let pieces = self.pieces.get_mut(&range.origin).expect("it has pieces");
            let (first, piece) =
                pieces.range(..=from).next_back().map(|(first, piece)| (*first, *piece)).expect("found");
            pieces.remove(&first);
            if first < from {
                pieces.insert(first, Piece { last: from - 1, ..piece });
            }
            if to < piece.last {
                pieces.insert(to + 1, piece);
            }
            if pieces.is_empty() {
                self.pieces.remove(&range.origin);
            }
            let of = self.records.get_mut(&record).expect("every piece has a record");
            of.readings -= to - from + 1;
            if of.readings == 0 {
                self.live -= of.bytes as u64;
                self.records.remove(&record);
            }
        }
    }
}

impl<D: Disk> Pending<D> {
    /// Nothing pending, on a disk that holds nothing.
    pub(super) fn new(disk: Arc<D>) -> Self {
        Self { disk, index: Index::default(), unsynced: false, synced: false, limits: Limits::default() }
    }

    /// What earlier lives left; none of it is known to be on the platter.
    pub(super) fn found(disk: Arc<D>, index: Index) -> Self {
        let is_there = index.bytes > 0;
        Self { disk, index, unsynced: is_there, synced: is_there, limits: Limits::default() }
    }

    /// The same on this copy of its disk.
    #[cfg(feature = "simulation")]
    pub(super) fn copied_to(self, disk: Arc<D>) -> Self {
        Self { disk, ..self }
    }

    /// All that is pending, by origin and rising.
    pub(super) fn ranges(&self) -> Numbers {
        let mut all = Numbers::default();
        for (origin, pieces) in &self.index.pieces {
            for (first, piece) in pieces {
                all.insert(&Range { origin: origin.clone(), first: *first, count: piece.last - first + 1 });
            }
        }
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.records.is_empty()
    }

    /// Keeps readings. None is kept twice.
    ///
    /// # Errors
    /// The disk's; then none of them was kept.
    pub(super) fn keep(&mut self, request: &Request) -> Result<(), StorageError> {
        let mut text = Vec::new();
        let mut records = Vec::new();
        for (first, last) in self.index.missing(&request.range()) {
            let part = part(request, first, last);
            records.push((part.range(), write_record(&part, &mut text)));
        }
        if records.is_empty() {
            return Ok(());
        }
        let disk = &*self.disk;
        disk.append(PATH, &text).map_err(failed(disk, "append to", PATH))?;
        for (range, bytes) in records {
            self.index.add(&range, bytes);
        }
        self.unsynced = true;
        Ok(())
    }

    /// Reads the kept readings of a range, in number order.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub(super) fn recall(&self, range: &Range) -> Result<Vec<Request>, StorageError> {
        let mut recalled = Vec::new();
        let mut read: Option<(u64, Request)> = None;
        for (first, last, at) in self.index.within(range) {
            let whole = match read.take() {
                Some((of, whole)) if of == at => whole,
                _ => self.read_record(at)?,
            };
            recalled.push(part(&whole, first, last));
            read = Some((at, whole));
        }
        Ok(recalled)
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.index.bytes
    }

    /// Forgets what is kept of a range. On disk it stays until [`Self::shrink`].
    pub(super) fn forget(&mut self, range: &Range) {
        self.index.remove(range);
    }

    /// Whether the file is longer than `bytes` and worth shrinking.
    pub(super) fn is_wasteful(&self, bytes: u64) -> bool {
        let Index { bytes: all, live, .. } = self.index;
        all > bytes && (live == 0 || (all > self.limits.compact && live < all / 2))
    }

    /// Whether the file was synced since it was empty. Then others may rely on what it holds.
    pub(super) fn is_synced(&self) -> bool {
        self.synced
    }

    /// Removes what is forgotten from the file. After a power loss it may be there again, which does no harm: a start forgets
    /// what its log has delivered.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged; what was not forgotten is still there.
    pub(super) fn shrink(&mut self) -> Result<(), StorageError> {
        if !self.is_empty() {
            return self.compact();
        }
        let disk = &*self.disk;
        disk.truncate(PATH, 0).map_err(failed(disk, "truncate", PATH))?;
        self.index.bytes = 0;
        self.synced = false;
        Ok(())
    }

    /// Returns once everything kept is on the platter.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn sync(&mut self) -> Result<(), StorageError> {
        if self.unsynced {
            self.disk.sync(PATH).map_err(failed(&*self.disk, "sync", PATH))?;
            (self.unsynced, self.synced) = (false, true);
        }
        Ok(())
    }

    fn read_record(&self, at: u64) -> Result<Request, StorageError> {
        let length = self.index.records[&at].bytes;
        let bytes = self.disk.read(PATH, at, length).map_err(failed(&*self.disk, "read", PATH))?;
        let parsed = parse_record(&bytes).map(|(request, _)| request);
        parsed.map_err(|error| damaged(&*self.disk, PATH, format!("the record at byte {at}: {error}")))
    }

    /// Writes what is pending to a new file, which takes the place of the old one when it is whole.
    pub(super) fn compact(&mut self) -> Result<(), StorageError> {
        let disk = &*self.disk;
        // A process that was killed left it.
        disk.remove(COMPACTED_PATH).map_err(failed(disk, "remove", COMPACTED_PATH))?;
        let append = |text: &mut Vec<u8>| {
            let done = disk.append(COMPACTED_PATH, text);
            text.clear();
            done.map_err(failed(disk, "append to", COMPACTED_PATH))
        };
        let (mut index, mut text) = (Index::default(), Vec::new());
        for (origin, pieces) in &self.index.pieces {
            for (first, piece) in pieces {
                let range = Range { origin: origin.clone(), first: *first, count: piece.last - first + 1 };
                for request in self.recall(&range)? {
                    index.add(&request.range(), write_record(&request, &mut text));
                }
                if text.len() >= COPY_BYTES {
                    append(&mut text)?;
                }
            }
        }
        append(&mut text)?;
        // What was kept may be on the platter already, so the new file has to be there before it takes the place of the
        // old.
        disk.sync(COMPACTED_PATH).map_err(failed(disk, "sync", COMPACTED_PATH))?;
        disk.rename(COMPACTED_PATH, PATH).map_err(failed(disk, "replace", PATH))?;
        self.index = index;
        self.unsynced = true;
        Ok(())
    }
}

/// Reads the record that some bytes begin with; and how long it is.
pub(super) fn parse_record(bytes: &[u8]) -> Result<(Request, usize), WireError> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let end = memchr::memchr(b'\n', head).ok_or(WireError::Truncated)?;
    let line = std::str::from_utf8(&head[..end]).map_err(|_| WireError::Text { verb: VERB })?;
    let head = Request::parse_head(line, &mut Cursor::new(line, VERB)?)?;
    let length = end + 1 + head.body_bytes;
    let body = bytes.get(end + 1..length).ok_or(WireError::Truncated)?;
    Ok((head.complete(body.to_vec())?, length))
}

/// Appends the record of a request; returns its bytes.
fn write_record(request: &Request, text: &mut Vec<u8>) -> usize {
    let before = text.len();
    request.write_head(VERB, text);
    text.extend_from_slice(request.lines.as_bytes());
    text.len() - before
}

/// The readings `first..=last` of a request.
fn part(request: &Request, first: Number, last: Number) -> Request {
    let lines: Lines = request.lines.slice(first - request.first, last - first + 1);
    Request { origin: request.origin.clone(), first, lines }
}

#[cfg(test)]
mod tests;
