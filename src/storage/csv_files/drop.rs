//! Removes the rows of readings that no limit keeps: each file loses its rows up to a sequence. A file that keeps none
//! of its rows is removed; any other is replaced, as when rows are cut.

use super::ends::PEEK_BYTES;
use super::{beside, CsvFiles};
use crate::ids::Sequence;
use crate::reading::{row_sequence, HEADER_LINE};
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};

/// How much of a file is read in one step where its rows are looked at, in bytes.
const STEP_BYTES: u64 = 64 * 1024;

impl<D: Disk> CsvFiles<D> {
    /// How many files there are, or were.
    pub(in crate::storage) fn count(&self) -> usize {
        self.files.len()
    }

    /// Bytes of all files.
    pub(in crate::storage) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.stamp.bytes).sum()
    }

    /// Removes the rows up to `to` from the file number `at`, written or waiting. Returns how many bytes went. Wherever this
    /// is interrupted, the file has all its rows or those above `to`, and the same call does the rest.
    ///
    /// # Errors
    /// The disk's.
    pub(in crate::storage) fn drop_up_to(
        &mut self,
        at: usize,
        to: Sequence,
        careful: bool,
    ) -> Result<u64, StorageError> {
        // Now all rows are in one place.
        self.flush()?;
        let (disk, file) = (&*self.disk, &mut self.files[at]);
        let bytes = file.stamp.bytes;
        // What another program put there is not this peer's, and is restored without these rows.
        if bytes == 0 || file.displaced {
            return Ok(0);
        }
        let path = &file.path;
        if file.last <= to {
            disk.remove(path).map_err(failed(disk, "remove", path))?;
            file.stamp = Stamp::default();
            return Ok(bytes);
        }
        let gone = drop_rows(disk, path, bytes, to, careful)?;
        if gone == bytes {
            file.stamp = Stamp::default();
        } else if gone > 0 {
            file.stamp = disk.stamp(path).map_err(failed(disk, "look at", path))?;
        }
        Ok(gone)
    }

    /// Returns once the names of the files are on the platter.
    ///
    /// # Errors
    /// The disk's.
    pub(in crate::storage) fn sync_names(&self) -> Result<(), StorageError> {
        self.disk.sync_names("").map_err(failed(&*self.disk, "sync", ""))
    }
}

/// Removes the rows up to `base` from a file of `bytes` bytes. Returns how many bytes went. A file that does not begin
/// as it must is left to be mended at a start.
///
/// # Errors
/// The disk's; then the old file is still there.
pub(in crate::storage) fn drop_rows<D: Disk>(
    disk: &D,
    path: &str,
    bytes: u64,
    base: Sequence,
    careful: bool,
) -> Result<u64, StorageError> {
    let Some(from) = rows_above(disk, path, bytes, base)? else { return Ok(0) };
    if from >= bytes {
        disk.remove(path).map_err(failed(disk, "remove", path))?;
        return Ok(bytes);
    }
    beside::keep_from(disk, path, from, careful)?;
    Ok(from - HEADER_LINE.len() as u64)
}

/// Where the rows above `base` begin; `None` where no row is at or below it.
fn rows_above<D: Disk>(disk: &D, path: &str, bytes: u64, base: Sequence) -> Result<Option<u64>, StorageError> {
    let read = |at: u64, len: usize| disk.read(path, at, len).map_err(failed(disk, "read", path));
    let start = HEADER_LINE.len() as u64;
    let first = read(0, HEADER_LINE.len() + PEEK_BYTES)?;
    let row = first.strip_prefix(HEADER_LINE.as_bytes()).and_then(first_row);
    if row.is_none_or(|sequence| sequence > base) {
        return Ok(None);
    }
    // A row at or below the base begins at `low`; `high` is the end, or a row above it begins there.
    let (mut low, mut high) = (start, bytes);
    while high - low > STEP_BYTES {
        let middle = low + (high - low) / 2;
        let block = read(middle, 2 * PEEK_BYTES)?;
        let Some(at) = memchr::memchr(b'\n', &block) else { return Ok(None) };
        let Some(sequence) = first_row(&block[at + 1..]) else { return Ok(None) };
        let row = middle + at as u64 + 1;
        (low, high) = if sequence > base { (low, row) } else { (row, high) };
    }
    let block = read(low, usize::try_from(high - low).expect("one step"))?;
    let mut at = 0;
    for row in block.split_inclusive(|byte| *byte == b'\n') {
        match row_sequence(row) {
            Some(sequence) if sequence <= base && row.ends_with(b"\n") => at += row.len(),
            _ => break,
        }
    }
    Ok(Some(low + at as u64))
}

/// The sequence of the row that some bytes begin with.
fn first_row(bytes: &[u8]) -> Option<Sequence> {
    let end = memchr::memchr(b'\n', bytes)?;
    row_sequence(&bytes[..=end])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::disk::ReadDisk;
    use crate::storage::state::layout::Layout;
    use crate::storage::tests::rows::{rows_between, rows_on, Rows};
    use crate::storage::tests::support::{dated, frame_of};
    use crate::storage::MemoryDisk;
    use crate::wire::Frame;

    /// The files of thirty readings of two sensors in two months, some of them late.
    fn written(layout: Layout) -> (MemoryDisk, CsvFiles<MemoryDisk>) {
        let disk = MemoryDisk::new();
        let mut csv = CsvFiles::new(Arc::new(disk.clone()), layout);
        csv.deliver(&log(), 1, 30).unwrap();
        csv.flush().unwrap();
        (disk, csv)
    }

    fn log() -> Frame {
        let month = |at: u64| if at < 12 || at == 20 { "2026-10" } else { "2026-11" };
        let payloads = (1..=30).map(|at| dated(if at % 3 == 0 { "b" } else { "a" }, month(at), at));
        frame_of(1, 1, "o/1", payloads)
    }

    /// What the files must hold with the rows above `to`.
    fn expected(layout: Layout, to: Sequence) -> Rows {
        rows_between(&[log()], layout, to, 30)
    }

    fn drop_all(csv: &mut CsvFiles<MemoryDisk>, to: Sequence) -> Result<u64, StorageError> {
        let gone = (0..csv.count()).map(|at| csv.drop_up_to(at, to, true)).sum::<Result<u64, _>>()?;
        csv.sync_names().map(|()| gone)
    }

    #[test]
    fn each_file_keeps_the_rows_above_or_goes() {
        for layout in [Layout::Sensor, Layout::Month] {
            for to in 0..=30 {
                let (disk, mut csv) = written(layout);
                let bytes = csv.bytes();
                let gone = drop_all(&mut csv, to).unwrap();
                assert_eq!(rows_on(&disk), expected(layout, to), "{layout:?} {to}");
                assert_eq!((bytes - csv.bytes(), drop_all(&mut csv, to).unwrap()), (gone, 0), "once");
                csv.compare_names().unwrap();
                assert!(csv.files.iter().all(|file| !file.displaced), "what was written is what it knows");
            }
        }
    }

    #[test]
    fn wherever_it_is_interrupted_each_file_is_as_before_or_as_after() {
        for layout in [Layout::Sensor, Layout::Month] {
            for (to, power) in [(10, false), (20, false), (30, true), (20, true)] {
                for changes in 0..40 {
                    let (disk, mut csv) = written(layout);
                    let (before, after) = (rows_on(&disk), expected(layout, to));
                    let names: Vec<String> = before.keys().cloned().collect();
                    names.iter().try_for_each(|name| disk.sync(name)).unwrap();
                    disk.sync_names("").unwrap();
                    disk.crash_after(changes);
                    let interrupted = drop_all(&mut csv, to).is_err();
                    if power {
                        disk.power_cut(changes);
                    }
                    disk.revive();
                    let found = rows_on(&disk);
                    let whole = |name| [before.get(name), after.get(name)].contains(&found.get(name));
                    assert!(names.iter().all(whole), "{layout:?} {to} {changes}: {found:?}");
                    assert!(interrupted || found == after);
                }
            }
        }
    }

    #[test]
    fn what_another_program_put_there_does_not_go() {
        let (disk, mut csv) = written(Layout::Sensor);
        disk.replace("a.csv", b"time,value\n", false).unwrap();
        assert!(csv.compare_names().unwrap());
        drop_all(&mut csv, 30).unwrap();
        assert_eq!(rows_on(&disk), Rows::from([("a.csv".to_owned(), b"time,value\n".to_vec())]));
    }

    #[test]
    fn the_rows_up_to_the_base_go_from_files_of_any_length() {
        // The longest takes more than one step to copy.
        for count in [1, 2, 5, 700, 9000, 40_000] {
            let rows: Vec<String> = (1..=count).map(|n| format!("{},2013-01-01T06:00:00Z,a,{n},,\n", 3 * n)).collect();
            let all = rows.concat();
            // A long file is looked at there first.
            let middle = all[all.len() / 2..].split_inclusive('\n').nth(1);
            let middle = middle.map_or(0, |row| row_sequence(row.as_bytes()).unwrap());
            for base in [0, 1, 2, 3, count, middle, 2 * count, 3 * count - 1, 3 * count, 9 * count] {
                let disk = MemoryDisk::new();
                disk.append("a.csv", format!("{HEADER_LINE}{all}").as_bytes()).unwrap();
                let bytes = disk.len("a.csv").unwrap();
                let gone = drop_rows(&disk, "a.csv", bytes, base, true).unwrap();
                let kept = rows[usize::try_from(base.min(3 * count) / 3).unwrap()..].concat();
                let expected = if kept.is_empty() { String::new() } else { format!("{HEADER_LINE}{kept}") };
                let found = disk.files().get("a.csv").cloned().unwrap_or_default();
                assert!(found == expected.as_bytes(), "{count} rows, {base}");
                assert_eq!(gone, bytes - found.len() as u64, "{count} rows, {base}");
                assert_eq!(disk.files().len(), usize::from(!kept.is_empty()));
            }
        }
    }

    #[test]
    fn a_file_that_does_not_begin_with_rows_is_left_alone() {
        for text in ["", "x", HEADER_LINE, "1,2013-01-01T06:00:00Z,a,1,,\n", &format!("{HEADER_LINE}1,half a row")] {
            let disk = MemoryDisk::new();
            disk.append("a.csv", text.as_bytes()).unwrap();
            assert_eq!(drop_rows(&disk, "a.csv", text.len() as u64, 9, true).unwrap(), 0);
            assert_eq!(disk.files()["a.csv"], text.as_bytes());
        }
    }
}
