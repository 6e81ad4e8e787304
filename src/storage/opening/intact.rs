//! Finds the whole records of a file, whatever damage is between them.

use crate::storage::disk::ReadDisk;
use crate::storage::error::{failed, StorageError};
use crate::wire::batch::{BODY_BYTES_MAX, HEAD_BYTES_MAX};

/// Longest record: a batch, or a part of what is pending.
const RECORD_BYTES_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;

/// What is read in one step, in bytes: several of the longest records.
const WINDOW_BYTES: usize = 4 * RECORD_BYTES_MAX;

/// Takes a possible record: its offset, and the bytes from there on. Returns its length, if it is one.
pub(super) type Take<'a> = dyn FnMut(u64, &[u8]) -> Result<Option<usize>, StorageError> + 'a;

/// Shows `take` every place from `from` on where a record may begin, with enough bytes for a whole record unless the
/// file ends before. A record may begin where `verb` is, but not within another record.
///
/// # Errors
/// The disk's, or what `take` returns.
pub(super) fn find<D: ReadDisk>(
    disk: &D,
    path: &str,
    from: u64,
    verb: &[u8],
    take: &mut Take<'_>,
) -> Result<(), StorageError> {
    let finder = memchr::memmem::Finder::new(verb);
    let mut at = from;
    loop {
        let block = disk.read(path, at, WINDOW_BYTES).map_err(failed(disk, "read", path))?;
        let last = block.len() < WINDOW_BYTES;
        // A record that begins further on may not be here in full.
        let end = if last { block.len() } else { block.len() - RECORD_BYTES_MAX };
        let mut next = 0;
        while let Some(found) = finder.find(&block[next..]).map(|found| next + found).filter(|found| *found < end) {
            next = found + take(at + found as u64, &block[found..])?.unwrap_or(1);
        }
        if last {
            return Ok(());
        }
        at += next.max(end) as u64;
    }
}
