//! Brings the CSV files in line with the log, once `csv_check.rs` has said how far they are.

use super::csv_check::{CsvCheck, SensorFile};
use crate::ids::Sequence;
use crate::reading::{row_sequence, Row, HEADER_LINE, ROW_BYTES_MAX};
use crate::storage::csv_files::beside;
use crate::storage::csv_files::row_writer::{RowWriter, Target};
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};
use crate::storage::journal::JournalReader;
use crate::storage::repair::CsvRepair;
use crate::storage::set_aside;

/// What is read of a file in one step, in bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// Cuts, removes or sets aside what does not agree with a log that ends at `last`, and writes the rows up to `delivered`
/// that are missing.
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
    for sensor in &mut check.sensors {
        trim(disk, sensor, last, delivered, &mut done)?;
        if let Some(from) = sensor.missing.filter(|missing| *missing <= delivered) {
            let stamp = Stamp { bytes: sensor.bytes, ..Stamp::default() };
            lacking.push((sensor.name.clone(), Target::new(sensor.path.clone(), from, stamp)));
        }
    }
    if !lacking.is_empty() {
        done.rows = RowWriter::new(disk, lacking).write(journal, delivered)?.0;
    }
    Ok(done)
}

/// Removes from a file what is not as it must be.
fn trim<D: Disk>(
    disk: &D,
    sensor: &mut SensorFile,
    last: Sequence,
    delivered: Sequence,
    done: &mut CsvRepair,
) -> Result<(), StorageError> {
    let SensorFile { path, bytes, matched, .. } = &*sensor;
    let (bytes, matched) = (*bytes, *matched);
    let holds_rows = matched > HEADER_LINE.len() as u64;
    let rest = if matched < bytes { rest_of(disk, sensor, last)? } else { Rest::Nothing };
    let goes = !holds_rows && sensor.missing.is_none_or(|missing| missing > delivered);
    if rest == Rest::Foreign || (matches!(rest, Rest::Rows(_)) && goes) {
        set_aside::rename(disk, path)?;
        done.set_aside += 1;
        done.name(path);
        done.rows_aside += rest.rows();
        // All of its rows have to be written, from wherever they begin.
        (sensor.bytes, sensor.matched, sensor.missing) = (0, 0, Some(0));
    } else if goes {
        // An empty file goes, too: a power loss may leave one.
        if sensor.is_there {
            disk.remove(path).map_err(failed(disk, "remove", path))?;
            done.removed += 1;
            done.name(path);
        }
        sensor.bytes = 0;
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
        sensor.bytes = matched;
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

fn rest_of<D: Disk>(disk: &D, sensor: &SensorFile, last: Sequence) -> Result<Rest, StorageError> {
    let (mut at, mut rest, mut above) = (sensor.matched, Vec::new(), last);
    let (mut zeros, mut rows) = (false, 0);
    loop {
        let block = disk.read(&sensor.path, at, BLOCK_BYTES).map_err(failed(disk, "read", &sensor.path))?;
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
                Some(sequence) if sequence > above && is_row(row, sensor) => (above, rows) = (sequence, rows + 1),
                _ => return Ok(Rest::Foreign),
            }
        }
        rest.drain(..whole);
        if rest.len() >= ROW_BYTES_MAX {
            return Ok(Rest::Foreign);
        }
    }
}

/// Has a line the form of a row of this sensor?
fn is_row(line: &[u8], sensor: &SensorFile) -> bool {
    Row::parse(line).is_some_and(|row| row.is_of(sensor.name.as_str()))
}
