//! The batches of a segment as they were sent, whichever file holds them. Offsets are the same for a plain segment and a
//! packed one, so a segment may be packed while it is read.

use super::names::{packed_path, plain_path};
use super::packed::layout::{Block, Layout};
use super::packed::unpack;
use crate::ids::Sequence;
use crate::storage::disk::{or_empty, ReadDisk};
use crate::storage::error::{damaged, failed, StorageError};

/// How often a segment may take its other form while it is opened or read. It is packed once; if a cut unpacks it,
/// readers find out by the number of cuts.
const FORMS_MAX: usize = 3;

/// The bytes of one segment.
#[derive(Debug)]
pub(in crate::storage) struct SegmentBytes<'a, D> {
    disk: &'a D,
    first: Sequence,
    file: SegmentFile,
}

/// The file that holds a segment. If there are two, it is the plain one: that is the shorter one after a cut.
#[derive(Debug)]
enum SegmentFile {
    Plain { bytes: u64 },
    Packed { bytes: u64, layout: Layout },
}

impl<'a, D: ReadDisk> SegmentBytes<'a, D> {
    /// The segment of this first sequence; without bytes if there is none.
    ///
    /// # Errors
    /// The disk's; or where its file is of a later version. Damage shows when it is read.
    pub(in crate::storage) fn open(disk: &'a D, first: Sequence) -> Result<Self, StorageError> {
        Ok(Self { disk, first, file: find_file(disk, first)? })
    }

    /// How many bytes its batches have.
    pub(in crate::storage) fn len(&self) -> u64 {
        match &self.file {
            SegmentFile::Plain { bytes } => *bytes,
            SegmentFile::Packed { layout, .. } => layout.plain_bytes(),
        }
    }

    /// Bytes of its file, if that is packed.
    pub(in crate::storage) fn packed_bytes(&self) -> Option<u64> {
        match &self.file {
            SegmentFile::Plain { .. } => None,
            SegmentFile::Packed { bytes, .. } => Some(*bytes),
        }
    }

    /// The path of its file.
    pub(in crate::storage) fn path(&self) -> String {
        match &self.file {
            SegmentFile::Plain { .. } => plain_path(self.first),
            SegmentFile::Packed { .. } => packed_path(self.first),
        }
    }

    pub(in crate::storage) fn disk(&self) -> &'a D {
        self.disk
    }

    /// Why nothing of it can be read in order, if that is so.
    pub(in crate::storage) fn damage(&self) -> Option<&str> {
        match &self.file {
            SegmentFile::Plain { .. } => None,
            SegmentFile::Packed { layout, .. } => layout.damage.as_deref(),
        }
    }

    /// Where the block ends that holds a byte. A plain segment has none.
    pub(in crate::storage) fn block_end(&self, offset: u64) -> Option<u64> {
        match &self.file {
            SegmentFile::Plain { .. } => None,
            SegmentFile::Packed { layout, .. } => layout.from(offset).first().map(Block::plain_end),
        }
    }

    /// Reads bytes from `offset` on, where a batch begins: `len` of a plain segment, or fewer at its end; and of a packed
    /// one the rest of a block, which ends with a batch.
    ///
    /// # Errors
    /// The disk's, or where they are damaged.
    pub(in crate::storage) fn read(&mut self, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        for _ in 1..FORMS_MAX {
            match self.read_file(offset, len) {
                Ok(bytes) if !bytes.is_empty() => return Ok(bytes),
                read if !self.has_moved()? => return read,
                _ => {}
            }
        }
        self.read_file(offset, len)
    }

    /// Reads `len` bytes from `offset` on, fewer at the end, with zeros for those that are damaged.
    ///
    /// # Errors
    /// The disk's.
    pub(in crate::storage) fn read_around(&self, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        let SegmentFile::Packed { layout, .. } = &self.file else { return self.read_plain(offset, len) };
        let end = offset.saturating_add(len as u64);
        let mut bytes = Vec::new();
        let blocks = layout.from(offset).iter().take_while(|block| block.plain_at < end);
        for block in blocks {
            bytes.extend(self.block(block)?.unwrap_or_else(|| vec![0; block.plain]));
        }
        if let Some(first) = layout.from(offset).first() {
            bytes.drain(..to_usize(offset - first.plain_at).min(bytes.len()));
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn read_file(&self, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        let SegmentFile::Packed { layout, .. } = &self.file else { return self.read_plain(offset, len) };
        if let Some(why) = &layout.damage {
            return Err(damaged(self.disk, &self.path(), why.as_str()));
        }
        let Some(block) = layout.from(offset).first() else { return Ok(Vec::new()) };
        let why = || format!("the block at byte {} cannot be unpacked", block.at);
        let mut bytes = self.block(block)?.ok_or_else(|| damaged(self.disk, &self.path(), why()))?;
        bytes.drain(..to_usize(offset - block.plain_at));
        Ok(bytes)
    }

    fn read_plain(&self, offset: u64, len: usize) -> Result<Vec<u8>, StorageError> {
        let path = plain_path(self.first);
        self.disk.read(&path, offset, len).map_err(failed(self.disk, "read", &path))
    }

    /// The batches of a block; `None` if it is damaged.
    fn block(&self, block: &Block) -> Result<Option<Vec<u8>>, StorageError> {
        let path = packed_path(self.first);
        let bytes = self.disk.read(&path, block.at, block.bytes).map_err(failed(self.disk, "read", &path))?;
        Ok(unpack(&bytes).filter(|plain| plain.len() == block.plain))
    }

    /// Whether the segment is in its other file by now. Then it is read from there.
    fn has_moved(&mut self) -> Result<bool, StorageError> {
        let was_packed = self.packed_bytes().is_some();
        let now = find_file(self.disk, self.first)?;
        let has_moved = was_packed != matches!(now, SegmentFile::Packed { .. });
        if has_moved {
            self.file = now;
        }
        Ok(has_moved)
    }
}

fn find_file<D: ReadDisk>(disk: &D, first: Sequence) -> Result<SegmentFile, StorageError> {
    let look = |path: &str| or_empty(disk.len(path)).map_err(failed(disk, "look at", path));
    let (plain, packed) = (plain_path(first), packed_path(first));
    for _ in 0..FORMS_MAX {
        let bytes = look(&plain)?;
        if bytes > 0 {
            return Ok(SegmentFile::Plain { bytes });
        }
        let bytes = look(&packed)?;
        if bytes == 0 {
            continue;
        }
        match Layout::read(disk, &packed, bytes) {
            Err(StorageError::Io { fault, .. }) if fault.is_missing() => {}
            layout => return Ok(SegmentFile::Packed { bytes, layout: layout? }),
        }
    }
    Ok(SegmentFile::Plain { bytes: 0 })
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).expect("less than a block")
}
