//! Reads CSV files from their ends: the last row, and where the rows above a sequence begin. Files are long and the
//! answer is near one end, so they are read from there, in steps. No CSV reader reads backwards.

use crate::ids::Sequence;
use crate::reading::{row_sequence, HEADER_LINE, ROW_BYTES_MAX};
use crate::storage::disk::ReadDisk;
use crate::storage::error::{damaged, failed, StorageError};

/// First step back from the end of a file, in bytes: more than two of the longest rows, so that one read shows the last row.
pub(in crate::storage) const PEEK_BYTES: usize = 512;

const _: () = assert!(PEEK_BYTES > 2 * ROW_BYTES_MAX, "the last row is whole");

/// Further steps back, in bytes.
const STEP_BYTES: usize = 64 * 1024;

/// The last whole row of a file, and its sequence; `None` where no line can be one.
pub(in crate::storage) fn last_row<D: ReadDisk>(
    disk: &D,
    path: &str,
    bytes: u64,
) -> Result<Option<(Sequence, Vec<u8>)>, StorageError> {
    let block = disk.read(path, bytes.saturating_sub(PEEK_BYTES as u64), PEEK_BYTES);
    Ok(last_row_of(block.map_err(failed(disk, "read", path))?))
}

/// The last whole row in the end of a file; [`PEEK_BYTES`] of it are enough.
pub(in crate::storage) fn last_row_of(mut block: Vec<u8>) -> Option<(Sequence, Vec<u8>)> {
    block.truncate(memchr::memrchr(b'\n', &block).map_or(0, |end| end + 1));
    let end = block.len().checked_sub(1)?;
    let row = block.split_off(memchr::memrchr(b'\n', &block[..end]).map_or(0, |end| end + 1));
    row_sequence(&row).map(|sequence| (sequence, row))
}

/// Where the rows above `to` begin. They are at the end of a file, and half a row there counts as one of them.
pub(in crate::storage) fn rows_end<D: ReadDisk>(
    disk: &D,
    path: &str,
    bytes: u64,
    to: Sequence,
) -> Result<u64, StorageError> {
    let mut kept = bytes;
    // What was not looked at ends here: always the end of a row, except for half a row at the end of the file.
    let mut end = bytes;
    let mut step = PEEK_BYTES;
    while end > 0 {
        let start = end.saturating_sub(step as u64);
        let block = disk.read(path, start, step.min(usize::try_from(end).unwrap_or(step)));
        let block = block.map_err(failed(disk, "read", path))?;
        let mut row_end = block.len();
        while row_end > 0 {
            let before = memchr::memrchr(b'\n', &block[..row_end - 1]).map(|at| at + 1);
            let Some(row_start) = before.or((start == 0).then_some(0)) else { break };
            let row = &block[row_start..row_end];
            if row.ends_with(b"\n") && !is_above(row, to).ok_or_else(|| damaged(disk, path, "a line is no row"))? {
                return Ok(kept);
            }
            kept = start + row_start as u64;
            row_end = row_start;
        }
        if row_end == block.len() && start > 0 {
            return Err(damaged(disk, path, "a line is longer than any row"));
        }
        end = start + row_end as u64;
        step = STEP_BYTES;
    }
    Ok(kept)
}

/// Whether this row's sequence is above `to`. The header counts as below. `None` for what is neither.
fn is_above(row: &[u8], to: Sequence) -> Option<bool> {
    if row == HEADER_LINE.as_bytes() {
        return Some(false);
    }
    Some(row_sequence(row)? > to)
}
