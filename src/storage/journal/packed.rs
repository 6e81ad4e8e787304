//! The form of a packed segment: batches that are no longer added to, in compressed blocks.
//! ```text
//! PACKED:1:<CRC-32>\n                                       the version of the form
//! BLOCK:<text>:<plain>:<unpacked>:<packed>:<CRC-32>\n       a block of whole batches; `packed` bytes follow
//! …
//! INDEX:<count>:<bytes>:<CRC-32>\n                          `bytes` bytes follow: a line for each block
//! <bytes of the block, with its head>:<plain bytes>\n
//! END:<offset of the index, 20 digits>\n
//! ```
//! `plain` is how many bytes the batches have as they were sent. The packed bytes are LZ4 (block format) of the
//! `unpacked` bytes of a text: `short`, as `short.rs` has it, or `whole`, the batches themselves, where the short text
//! would not give back each byte. A CRC-32 covers all before it in its line, and the bytes that follow.

pub(super) mod layout;
mod short;

use crate::storage::disk::ReadDisk;
use crate::storage::error::{damaged, failed, StorageError};
use crate::version::Newer;
use crate::wire::batch::{check_crc, seal, unseal, BODY_BYTES_MAX, HEAD_BYTES_MAX};
use crate::wire::{Cursor, Frame, WireError};

/// The form that this version writes, and the only one that it reads.
const VERSION: u64 = 1;

/// How a block begins.
pub(in crate::storage) const VERB: &str = "BLOCK";

/// A block ends with the batch that reaches this many bytes. Larger ones would pack hardly better, and a reader unpacks
/// a whole one to find one batch in it.
pub(super) const BLOCK_BYTES: usize = 128 * 1024;

/// Most bytes of a block before it is packed: one that lacks a byte takes the largest batch.
const PLAIN_BYTES_MAX: usize = BLOCK_BYTES + HEAD_BYTES_MAX + BODY_BYTES_MAX;

/// Longest block with its head. What LZ4 does not shorten grows by less than this.
pub(in crate::storage) const RECORD_BYTES_MAX: usize = PLAIN_BYTES_MAX + PLAIN_BYTES_MAX / 8 + HEAD_BYTES_MAX;

/// The first line of the file.
pub(super) fn file_head() -> Vec<u8> {
    let mut head = Vec::new();
    seal(&format!("PACKED:{VERSION}:"), b"", &mut head);
    head
}

/// Checks the first line of a file. Returns its length.
///
/// # Errors
/// Where it is of a later version; where it is damaged; or the disk's.
fn check_file_head<D: ReadDisk>(disk: &D, path: &str) -> Result<usize, StorageError> {
    let bytes = disk.read(path, 0, HEAD_BYTES_MAX).map_err(failed(disk, "read", path))?;
    match parse_file_head(&bytes) {
        Some((VERSION, length)) => Ok(length),
        Some((found, _)) => {
            Err(StorageError::Newer { path: disk.full_path(path), newer: Newer { found, reads: VERSION } })
        }
        None => Err(damaged(disk, path, "its first line is no packed segment's")),
    }
}

fn parse_file_head(bytes: &[u8]) -> Option<(u64, usize)> {
    let (line, length) = line_of(bytes)?;
    let mut fields = Cursor::new(line, "PACKED").ok()?;
    let version = fields.number("version").ok()?;
    let (crc, sealed) = unseal(line, &mut fields).ok()?;
    check_crc("PACKED", sealed, b"", crc).ok()?;
    Some((version, length))
}

/// The line that some bytes begin with, and how long it is with its end.
fn line_of(bytes: &[u8]) -> Option<(&str, usize)> {
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(HEAD_BYTES_MAX)])?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, end + 1))
}

/// Which text of its batches a block has packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Short,
    Whole,
}

impl Text {
    fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Whole => "whole",
        }
    }
}

/// Packs some batches, which have `plain` for bytes, as a block.
pub(super) fn pack(frames: &[Frame], plain: &[u8]) -> Vec<u8> {
    let short = short::shorten(frames);
    let is_exact = short::restore(&short, plain.len()).is_some_and(|restored| restored == plain);
    let (text, unpacked) = if is_exact { (Text::Short, &short[..]) } else { (Text::Whole, plain) };
    let packed = lz4_flex::block::compress(unpacked);
    let (plain, unpacked) = (plain.len(), unpacked.len());
    let mut block = Vec::with_capacity(packed.len() + HEAD_BYTES_MAX);
    seal(&format!("{VERB}:{}:{plain}:{unpacked}:{}:", text.name(), packed.len()), &packed, &mut block);
    block.extend_from_slice(&packed);
    block
}

/// The head of a block.
#[derive(Debug)]
struct BlockHead {
    text: Text,
    plain: usize,
    unpacked: usize,
    packed: usize,
    crc: u32,
    sealed: crc32fast::Hasher,
}

impl BlockHead {
    fn parse(line: &str) -> Result<Self, WireError> {
        let mut fields = Cursor::new(line, VERB)?;
        let name = fields.text("text")?;
        let text = [Text::Short, Text::Whole].into_iter().find(|text| text.name() == name);
        let plain = fields.length("plain bytes", PLAIN_BYTES_MAX)?;
        let unpacked = fields.length("unpacked bytes", plain)?;
        let packed = fields.length("packed bytes", RECORD_BYTES_MAX - HEAD_BYTES_MAX)?;
        let (crc, sealed) = unseal(line, &mut fields)?;
        let text = text.ok_or(WireError::Field { verb: VERB, field: "text" })?;
        Ok(Self { text, plain, unpacked, packed, crc, sealed })
    }
}

/// Checks the block that some bytes begin with. Returns how long it is, and how many bytes its batches have.
fn check(bytes: &[u8]) -> Option<(usize, usize)> {
    let (head, packed, length) = parse(bytes)?;
    check_crc(VERB, head.sealed, packed, head.crc).ok()?;
    Some((length, head.plain))
}

/// The batches of the block that some bytes begin with, as they were sent. `None` if it is damaged.
pub(super) fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, packed, _) = parse(bytes)?;
    check_crc(VERB, head.sealed, packed, head.crc).ok()?;
    let mut unpacked = vec![0; head.unpacked];
    let length = lz4_flex::block::decompress_into(packed, &mut unpacked).ok()?;
    let is_whole = length == head.unpacked;
    match head.text {
        Text::Short if is_whole => short::restore(&unpacked, head.plain),
        Text::Whole if is_whole && length == head.plain => Some(unpacked),
        _ => None,
    }
}

/// For tests: the batches of the block that some bytes begin with, and how long it is.
#[cfg(test)]
pub(in crate::storage) fn parse_block(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    Some((unpack(bytes)?, check(bytes)?.0))
}

fn parse(bytes: &[u8]) -> Option<(BlockHead, &[u8], usize)> {
    let (line, start) = line_of(bytes)?;
    let head = BlockHead::parse(line).ok()?;
    let end = start + head.packed;
    let packed = bytes.get(start..end)?;
    Some((head, packed, end))
}

#[cfg(test)]
mod tests;
