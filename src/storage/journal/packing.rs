//! Packs segments that are full: a piece at a time, so that nothing waits for it long. The packed file is written beside,
//! and is whole on the platter before it gets its name. Only then is the plain one removed. If both are there, which is
//! so for a moment and after a crash, the plain one counts.

use std::sync::Arc;

use super::names::{is_packed, is_unfinished, packed_path, parse_segment_name, plain_path, unfinished_path};
use super::packed;
use super::packed::layout::Layout;
use super::scan::Scan;
use super::segment_bytes::SegmentBytes;
use super::{Journal, Segment, DIR};
use crate::ids::Sequence;
use crate::storage::disk::Disk;
use crate::storage::error::{damaged, failed, StorageError};

/// How much is written between two syncs, in bytes. They are on the platter one after another, so that no sync of
/// something else has to wait for much.
const SYNC_BYTES: usize = 256 * 1024;

/// How much is unpacked in one step, in bytes.
const UNPACK_BYTES: usize = 1024 * 1024;

/// What came of the attempt to pack a piece of the log.
#[derive(Debug)]
pub enum Packed {
    Piece,
    /// There is nothing to pack.
    Nothing,
    /// Why a segment stays as it is. That harms nothing; it is tried again once another one is full.
    Left(StorageError),
}

/// A segment of which a part is packed.
#[derive(Debug, Clone)]
pub(super) struct Packing {
    first: Sequence,
    /// What is packed.
    layout: Layout,
    /// All plain bytes of the segment.
    end: u64,
    unsynced: usize,
}

impl Packing {
    /// Whether it is a part of this segment.
    pub(super) fn is_of(&self, first: Sequence) -> bool {
        self.first == first
    }
}

impl<D: Disk> Journal<D> {
    /// Packs another piece of the first plain segment that is full and ends at or below `up_to`.
    ///
    /// # Errors
    /// The disk's, if it cannot sync what counts: the plain segment, or names. The system reports that once, so the
    /// next sync would vouch for what may not be there. If only the packed file cannot be made, or the segment is
    /// damaged, the segment is left as it is.
    pub(in crate::storage) fn pack(&mut self, up_to: Sequence) -> Result<Packed, StorageError> {
        match self.packing.take() {
            Some(packing) if packing.layout.plain_bytes() < packing.end => Ok(self.pack_piece(packing)),
            Some(packing) => self.finish_packing(&packing),
            None => match self.next_to_pack(up_to) {
                Some((first, end)) => self.begin_packing(first, end),
                None => Ok(Packed::Nothing),
            },
        }
    }

    /// First sequence and bytes of the next segment that is to be packed.
    fn next_to_pack(&self, up_to: Sequence) -> Option<(Sequence, u64)> {
        let index = self.reader.index();
        let mut followed = index.segments.iter().zip(index.segments.iter().skip(1));
        let is_due = |(segment, next): &(&Segment, &Segment)| {
            segment.packed.is_none() && next.first <= up_to + 1 && !self.unpackable.contains(&segment.first)
        };
        followed.find(is_due).map(|(segment, _)| (segment.first, segment.bytes))
    }

    fn begin_packing(&mut self, first: Sequence, end: u64) -> Result<Packed, StorageError> {
        let packing = Packing { first, layout: Layout::default(), end, unsynced: 0 };
        let (plain, new) = (plain_path(first), unfinished_path(&packed_path(first)));
        let disk = &*self.reader.disk;
        // It counts as long as it is there, so it must not come back with less than the packed one holds.
        disk.sync(&plain).map_err(failed(disk, "sync", &plain))?;
        let begin = || {
            disk.remove(&new).map_err(failed(disk, "remove", &new))?;
            disk.append(&new, &packed::file_head()).map_err(failed(disk, "append to", &new)).map(drop)
        };
        Ok(match begin() {
            Ok(()) => self.go_on_with(packing),
            Err(error) => self.give_up(first, error),
        })
    }

    fn pack_piece(&mut self, mut packing: Packing) -> Packed {
        match self.pack_block(&mut packing) {
            Ok(()) => self.go_on_with(packing),
            Err(error) => self.give_up(packing.first, error),
        }
    }

    fn go_on_with(&mut self, packing: Packing) -> Packed {
        self.packing = Some(packing);
        Packed::Piece
    }

    fn pack_block(&self, packing: &mut Packing) -> Result<(), StorageError> {
        let disk = &*self.reader.disk;
        let segment = SegmentBytes::open(disk, packing.first)?;
        let mut scan = Scan::new(segment, packing.layout.plain_bytes(), packing.end, self.block_bytes);
        let (mut frames, mut plain) = (Vec::new(), Vec::new());
        while plain.len() < self.block_bytes {
            let Some((_, length)) = scan.head()? else { break };
            let frame = scan.frame(length)?;
            plain.extend_from_slice(frame.bytes());
            frames.push(frame);
        }
        let block = packed::pack(&frames, &plain);
        let new = unfinished_path(&packed_path(packing.first));
        disk.append(&new, &block).map_err(failed(disk, "append to", &new))?;
        packing.layout.add(block.len(), plain.len());
        packing.unsynced += block.len();
        if packing.unsynced >= SYNC_BYTES {
            disk.sync_bytes(&new).map_err(failed(disk, "sync", &new))?;
            packing.unsynced = 0;
        }
        Ok(())
    }

    fn finish_packing(&mut self, packing: &Packing) -> Result<Packed, StorageError> {
        let (plain, packed) = (plain_path(packing.first), packed_path(packing.first));
        let disk = Arc::clone(&self.reader.disk);
        let new = unfinished_path(&packed);
        let named = disk.append(&new, &packing.layout.index()).map_err(failed(&*disk, "append to", &new));
        let stamp = match named.and_then(|stamp| take_name(&*disk, &new, &packed).map(|()| stamp)) {
            Ok(stamp) => stamp,
            Err(error) => return Ok(self.give_up(packing.first, error)),
        };
        disk.sync_names(DIR).map_err(failed(&*disk, "sync", DIR))?;
        if let Err(error) = disk.remove(&plain).map_err(failed(&*disk, "remove", &plain)) {
            return Ok(self.give_up(packing.first, error));
        }
        self.unsynced.remove(&plain);
        self.names_unsynced = true;
        let mut index = self.reader.index();
        let at = index.segments.partition_point(|segment| segment.first < packing.first);
        index.segments[at].packed = Some(stamp.bytes);
        Ok(Packed::Piece)
    }

    /// Leaves a segment plain. If what was written beside it cannot be removed, the next start does that.
    fn give_up(&mut self, first: Sequence, error: StorageError) -> Packed {
        let packed = packed_path(first);
        for path in [unfinished_path(&packed), packed] {
            let _ = self.reader.disk.remove(&path);
        }
        self.unpackable.insert(first);
        Packed::Left(error)
    }

    /// Forgets what is packed of a segment that may be cut.
    pub(super) fn stop_packing(&mut self) {
        if let Some(packing) = self.packing.take() {
            let _ = self.reader.disk.remove(&unfinished_path(&packed_path(packing.first)));
        }
    }
}

/// Gives a file its name once its bytes are on the platter.
fn take_name<D: Disk>(disk: &D, new: &str, path: &str) -> Result<(), StorageError> {
    disk.sync_bytes(new).map_err(failed(disk, "sync", new))?;
    disk.rename(new, path).map_err(failed(disk, "replace", path))
}

/// Makes a packed segment a plain one that ends after its first `to` bytes.
///
/// # Errors
/// The disk's, or where these bytes are damaged; then the segment is as it was.
pub(in crate::storage) fn unpack<D: Disk>(disk: &D, first: Sequence, to: u64) -> Result<(), StorageError> {
    let (plain, packed) = (plain_path(first), packed_path(first));
    let new = unfinished_path(&plain);
    disk.remove(&new).map_err(failed(disk, "remove", &new))?;
    let mut segment = SegmentBytes::open(disk, first)?;
    let mut at = 0;
    while at < to {
        let left = usize::try_from(to - at).unwrap_or(usize::MAX);
        let mut bytes = segment.read(at, UNPACK_BYTES.min(left))?;
        bytes.truncate(left);
        if bytes.is_empty() {
            return Err(damaged(disk, &packed, format!("it ends before byte {to} of its batches")));
        }
        disk.append(&new, &bytes).map_err(failed(disk, "append to", &new))?;
        at += bytes.len() as u64;
    }
    take_name(disk, &new, &plain)?;
    disk.sync_names(DIR).map_err(failed(disk, "sync", DIR))?;
    disk.remove(&packed).map_err(failed(disk, "remove", &packed))
}

/// Removes what an earlier life could not finish: files that were to take the place of others, and packed segments whose
/// plain file is still there. A packed file without a byte goes, too: it holds no segment.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn remove_leftovers<D: Disk>(disk: &D) -> Result<(), StorageError> {
    for name in disk.list(DIR).map_err(failed(disk, "list", DIR))? {
        let path = format!("{DIR}/{name}");
        let bytes = |path: &str| disk.len(path).map_err(failed(disk, "look at", path));
        let plain = parse_segment_name(&name).map(plain_path).filter(|_| is_packed(&name));
        let is_needless = match plain {
            Some(plain) => bytes(&plain)? > 0 || bytes(&path)? == 0,
            None => is_unfinished(&name),
        };
        if is_needless {
            disk.remove(&path).map_err(failed(disk, "remove", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
