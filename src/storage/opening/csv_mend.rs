//! Brings the CSV files in line with the log, once `csv_check.rs` has said how far they are.

use super::csv_check::{CheckedFile, CsvCheck};
use crate::ids::Sequence;
use crate::reading::{row_sequence, Month, Row, HEADER_LINE, ROW_BYTES_MAX};
use crate::storage::csv_files::beside;
use crate::storage::csv_files::row_writer::{RowWriter, Target};
use crate::storage::disk::set_aside;
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};
use crate::storage::journal::JournalReader;
use crate::storage::repair::CsvRepair;

/// What is read of a file in one step, in bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// Cuts, removes or sets aside what does not agree with a log that ends at `last`, and writes the rows up to `delivered`
/// that are missing. Files of another layout than the wanted one stay.
///
/// The log is what counts, and rows follow from it: a file is cut to what agrees with the log, and continued from the
/// journal. Anything else in it is kept as `*.damaged`, unless a crash explains it (half a row, zeros): rows above a
/// damaged log may be the last copy of something.
///
/// # Errors
/// The disk's, or where the journal is damaged.
pub(super) fn mend<D: Disk>(
    disk: &D,
    check: &mut CsvCheck<D>,
    journal: &JournalReader<D>,
    last: Sequence,
    delivered: Sequence,
) -> Result<CsvRepair, StorageError> {
    let mut done = CsvRepair { path: disk.full_path(""), ..CsvRepair::default() };
    let mut lacking = Vec::new();
    let layout = check.layout;
    for file in check.files.iter_mut().filter(|file| file.is_of(layout)) {
        trim(disk, file, last, delivered, &mut done)?;
        if let Some(from) = file.missing.filter(|missing| *missing <= delivered) {
            let stamp = Stamp { bytes: file.bytes, ..Stamp::default() };
            lacking.push((&file.name, Target::new(file.path.clone(), from, stamp)));
        }
    }
    if !lacking.is_empty() {
        done.rows = RowWriter::new(disk, layout, lacking).write(journal, delivered)?.0;
    }
    Ok(done)
}

/// Removes a file whose rows are in others now. What is not a row of a log that ends at `last` is kept as `*.damaged`,
/// as above.
pub(super) fn replace<D: Disk>(
    disk: &D,
    file: &CheckedFile,
    last: Sequence,
    done: &mut CsvRepair,
) -> Result<(), StorageError> {
    let rest = if file.matched < file.bytes { rest_of(disk, file, last)? } else { Rest::Nothing };
    if rest == Rest::Nothing {
        return disk.remove(&file.path).map_err(failed(disk, "remove", &file.path));
    }
    put_aside(disk, &file.path, rest, done)
}

fn put_aside<D: Disk>(disk: &D, path: &str, rest: Rest, done: &mut CsvRepair) -> Result<(), StorageError> {
    set_aside::rename(disk, path)?;
    done.set_aside += 1;
    done.name(path);
    done.rows_aside += rest.rows();
    Ok(())
}

/// Removes from a file what is not as it must be.
fn trim<D: Disk>(
    disk: &D,
    file: &mut CheckedFile,
    last: Sequence,
    delivered: Sequence,
    done: &mut CsvRepair,
) -> Result<(), StorageError> {
    let CheckedFile { path, bytes, matched, .. } = &*file;
    let (bytes, matched) = (*bytes, *matched);
    let holds_rows = matched > HEADER_LINE.len() as u64;
    let rest = if matched < bytes { rest_of(disk, file, last)? } else { Rest::Nothing };
    let goes = !holds_rows && file.missing.is_none_or(|missing| missing > delivered);
    if rest == Rest::Foreign || (matches!(rest, Rest::Rows(_)) && goes) {
        put_aside(disk, path, rest, done)?;
        // All of its rows have to be written, from wherever they begin.
        (file.bytes, file.matched, file.missing) = (0, 0, Some(0));
    } else if goes {
        // An empty file goes, too: a power loss may leave one.
        if file.is_there {
            disk.remove(path).map_err(failed(disk, "remove", path))?;
            done.removed += 1;
            done.name(path);
        }
        file.bytes = 0;
    } else if matched < bytes {
        if let Rest::Rows(rows) = rest {
            // The log that held them is damaged, and nobody else may have them.
            set_aside::copy_from(disk, path, matched)?;
            done.set_aside += 1;
            done.rows_aside += rows;
        }
        beside::cut(disk, path, matched, true)?;
        done.cut += 1;
        done.name(path);
        file.bytes = matched;
    }
    Ok(())
}

/// What a file holds after the rows of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Nothing, half a row, or the zeros that a power loss leaves.
    Nothing,
    /// This many rows above the log's end, and nothing else.
    Rows(u64),
    Foreign,
}

impl Rest {
    fn rows(self) -> u64 {
        match self {
            Self::Rows(rows) => rows,
            Self::Nothing | Self::Foreign => 0,
        }
    }
}

fn rest_of<D: Disk>(disk: &D, file: &CheckedFile, last: Sequence) -> Result<Rest, StorageError> {
    let (mut at, mut rest, mut above) = (file.matched, Vec::new(), last);
    let (mut zeros, mut rows) = (false, 0);
    loop {
        let block = disk.read(&file.path, at, BLOCK_BYTES).map_err(failed(disk, "read", &file.path))?;
        if block.is_empty() {
            return Ok(match (rest.len() < ROW_BYTES_MAX, rows) {
                (false, _) => Rest::Foreign,
                (true, 0) => Rest::Nothing,
                (true, rows) => Rest::Rows(rows),
            });
        }
        at += block.len() as u64;
        let text = if zeros { 0 } else { memchr::memchr(0, &block).unwrap_or(block.len()) };
        zeros |= text < block.len();
        if block[text..].iter().any(|byte| *byte != 0) {
            return Ok(Rest::Foreign);
        }
        rest.extend_from_slice(&block[..text]);
        let whole = memchr::memrchr(b'\n', &rest).map_or(0, |end| end + 1);
        for row in rest[..whole].split_inclusive(|byte| *byte == b'\n') {
            match row_sequence(row) {
                Some(sequence) if sequence > above && is_row(row, file) => (above, rows) = (sequence, rows + 1),
                _ => return Ok(Rest::Foreign),
            }
        }
        rest.drain(..whole);
        if rest.len() >= ROW_BYTES_MAX {
            return Ok(Rest::Foreign);
        }
    }
}

/// Whether a line has the form of a row of this file.
fn is_row(line: &[u8], file: &CheckedFile) -> bool {
    let is_of_month = |month| Month::of_row(line) == Some(month);
    Row::parse(line).is_some_and(|row| row.is_of(file.name.sensor.as_str())) && file.name.month.is_none_or(is_of_month)
}
