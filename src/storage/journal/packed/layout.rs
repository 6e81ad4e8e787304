//! Where the blocks of a packed segment are, in its file and among the plain bytes that it stands for.

use super::{check, check_file_head, file_head, line_of, RECORD_BYTES_MAX, VERB};
use crate::storage::disk::intact;
use crate::storage::disk::ReadDisk;
use crate::storage::error::{damaged, failed, StorageError};
use crate::wire::batch::{check_crc, seal, unseal};
use crate::wire::Cursor;

/// Longest index, in bytes. A segment has some 64 blocks, each with a line of a dozen bytes.
const INDEX_BYTES_MAX: usize = 64 * 1024;

/// `END:`, twenty digits, and the end of the line.
const END_BYTES: u64 = 25;

/// A block: where it is, and where its batches are among all plain bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage::journal) struct Block {
    pub(in crate::storage::journal) at: u64,
    pub(in crate::storage::journal) bytes: usize,
    pub(in crate::storage::journal) plain_at: u64,
    pub(in crate::storage::journal) plain: usize,
}

impl Block {
    /// The end of its plain bytes.
    pub(in crate::storage::journal) fn plain_end(&self) -> u64 {
        self.plain_at + self.plain as u64
    }
}

/// The blocks of a segment, in order.
#[derive(Debug, Clone, Default)]
pub(in crate::storage::journal) struct Layout {
    pub(in crate::storage::journal) blocks: Vec<Block>,
    /// Why it is not known where each block is. Then these are the blocks that are whole.
    pub(in crate::storage::journal) damage: Option<String>,
}

impl Layout {
    /// Reads the layout of a file of this many bytes.
    ///
    /// # Errors
    /// The disk's; or where the file is of a later version.
    pub(in crate::storage::journal) fn read<D: ReadDisk>(
        disk: &D,
        path: &str,
        bytes: u64,
    ) -> Result<Self, StorageError> {
        let read = check_file_head(disk, path).and_then(|_| Self::read_index(disk, path, bytes));
        match read {
            Err(StorageError::Damaged { why, .. }) => Ok(Self { damage: Some(why), ..Self::find(disk, path)? }),
            read => read,
        }
    }

    fn read_index<D: ReadDisk>(disk: &D, path: &str, bytes: u64) -> Result<Self, StorageError> {
        let wrong = || damaged(disk, path, "its index is not whole");
        let end_at = bytes.checked_sub(END_BYTES).ok_or_else(wrong)?;
        let read = |at, len| disk.read(path, at, len).map_err(failed(disk, "read", path));
        let end = read(end_at, usize::try_from(END_BYTES).expect("few"))?;
        let at =
            parse_end(&end).filter(|at| *at < end_at && end_at - at <= INDEX_BYTES_MAX as u64).ok_or_else(wrong)?;
        let index = read(at, usize::try_from(end_at - at).expect("it is bounded"))?;
        let layout = Self::parse_index(&index).ok_or_else(wrong)?;
        if layout.end() == at {
            Ok(layout)
        } else {
            Err(wrong())
        }
    }

    /// Finds the whole blocks of a file, whatever else it holds.
    fn find<D: ReadDisk>(disk: &D, path: &str) -> Result<Self, StorageError> {
        let mut layout = Self::default();
        let read = &mut |at, len| disk.read(path, at, len).map_err(failed(disk, "read", path));
        intact::find(read, (0, RECORD_BYTES_MAX), format!("{VERB}:").as_bytes(), &mut |at, bytes| {
            let Some((length, plain)) = check(bytes) else { return Ok(None) };
            let plain_at = layout.plain_bytes();
            layout.blocks.push(Block { at, bytes: length, plain_at, plain });
            Ok(Some(length))
        })?;
        Ok(layout)
    }

    /// Notes a block at the end.
    pub(in crate::storage::journal) fn add(&mut self, bytes: usize, plain: usize) {
        let (at, plain_at) = (self.end(), self.plain_bytes());
        self.blocks.push(Block { at, bytes, plain_at, plain });
    }

    /// Where the last block ends in the file.
    fn end(&self) -> u64 {
        self.blocks.last().map_or(file_head().len() as u64, |block| block.at + block.bytes as u64)
    }

    /// How many plain bytes the segment has.
    pub(in crate::storage::journal) fn plain_bytes(&self) -> u64 {
        self.blocks.last().map_or(0, Block::plain_end)
    }

    /// The blocks from the one that holds a plain byte on.
    pub(in crate::storage::journal) fn from(&self, plain_at: u64) -> &[Block] {
        &self.blocks[self.blocks.partition_point(|block| block.plain_end() <= plain_at)..]
    }

    /// What follows the last block.
    pub(in crate::storage::journal) fn index(&self) -> Vec<u8> {
        let lines: Vec<u8> =
            self.blocks.iter().flat_map(|block| format!("{}:{}\n", block.bytes, block.plain).into_bytes()).collect();
        let mut index = Vec::new();
        seal(&format!("INDEX:{}:{}:", self.blocks.len(), lines.len()), &lines, &mut index);
        index.extend_from_slice(&lines);
        index.extend(format!("END:{:020}\n", self.end()).bytes());
        index
    }

    fn parse_index(bytes: &[u8]) -> Option<Self> {
        let (line, length) = line_of(bytes)?;
        let lines = &bytes[length..];
        let mut fields = Cursor::new(line, "INDEX").ok()?;
        let (count, body) = (fields.number("count").ok()?, fields.number("length").ok()?);
        let (crc, sealed) = unseal(line, &mut fields).ok()?;
        check_crc("INDEX", sealed, lines, crc).ok()?;
        let mut layout = Self::default();
        for line in std::str::from_utf8(lines).ok()?.lines() {
            let (bytes, plain) = line.split_once(':')?;
            let (bytes, plain) = (bytes.parse().ok()?, plain.parse().ok()?);
            if bytes > RECORD_BYTES_MAX || plain > RECORD_BYTES_MAX {
                return None;
            }
            layout.add(bytes, plain);
        }
        (layout.blocks.len() as u64 == count && lines.len() as u64 == body).then_some(layout)
    }
}

fn parse_end(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.strip_prefix(b"END:")?.strip_suffix(b"\n")?;
    let is_number = digits.len() == 20 && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}
