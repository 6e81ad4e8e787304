//! Finds the whole records of a file, whatever damage is between them.

use crate::storage::error::StorageError;

/// How many of the longest records are read in one step.
const RECORDS: usize = 4;

/// Reads bytes from an offset on; fewer than asked for only at the end.
pub(in crate::storage) type Read<'a> = dyn FnMut(u64, usize) -> Result<Vec<u8>, StorageError> + 'a;

/// Takes a possible record: its offset, and the bytes from there on. Returns its length, if it is one.
pub(in crate::storage) type Take<'a> = dyn FnMut(u64, &[u8]) -> Result<Option<usize>, StorageError> + 'a;

/// Shows `take` every place from `from` on where a record may begin, with enough bytes for a whole one of `longest`
/// bytes unless the file ends before. A record may begin where `verb` is, but not within another record.
///
/// # Errors
/// What `read` or `take` returns.
pub(in crate::storage) fn find(
    read: &mut Read<'_>,
    (from, longest): (u64, usize),
    verb: &[u8],
    take: &mut Take<'_>,
) -> Result<(), StorageError> {
    let finder = memchr::memmem::Finder::new(verb);
    let window = RECORDS * longest;
    let mut at = from;
    loop {
        let block = read(at, window)?;
        let last = block.len() < window;
        // A record that begins further on may not be here in full.
        let end = if last { block.len() } else { block.len() - longest };
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
