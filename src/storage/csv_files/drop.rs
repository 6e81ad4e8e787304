//! Rows that are not kept any longer: all files lose their beginning up to a sequence.

use super::{beside, ends, CsvFiles};
use crate::ids::Sequence;
use crate::reading::HEADER_LINE;
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};

/// What became of the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::storage) struct Dropped {
    /// Files that had no other row, and are gone.
    pub(in crate::storage) removed: u64,
    /// Files that were replaced by their later rows.
    pub(in crate::storage) shortened: u64,
}

impl<D: Disk> CsvFiles<D> {
    /// Removes the rows up to `to` from all files, written or waiting; and files without any other row, as if the sensor
    /// had not been heard of. Files that lose some are replaced: see [`beside`]. Wherever this is interrupted, each file
    /// has all its rows or those above `to`, and the same call does the rest.
    ///
    /// # Errors
    /// The disk's, or where a file does not hold rows.
    #[cfg_attr(not(test), expect(dead_code, reason = "nothing ends the keeping of rows yet"))]
    pub(in crate::storage) fn drop_up_to(&mut self, to: Sequence, careful: bool) -> Result<Dropped, StorageError> {
        // Now all rows are in one place.
        self.flush()?;
        let disk = &*self.disk;
        let mut done = Dropped::default();
        for file in self.files.iter_mut().filter(|file| file.stamp.bytes > 0) {
            let path = &file.path;
            let from =
                if file.last <= to { file.stamp.bytes } else { ends::rows_begin(disk, path, file.stamp.bytes, to)? };
            if from >= file.stamp.bytes {
                disk.remove(path).map_err(failed(disk, "remove", path))?;
                file.stamp = Stamp::default();
                done.removed += 1;
            } else if from > HEADER_LINE.len() as u64 {
                file.stamp = beside::keep_from(disk, path, from, careful)?;
                done.shortened += 1;
            }
        }
        if careful {
            disk.sync_names("").map_err(failed(disk, "sync", ""))?;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::layout::Layout;
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

    #[test]
    fn each_file_keeps_the_rows_above_or_goes() {
        for layout in [Layout::Sensor, Layout::Month] {
            for to in 0..=30 {
                let (disk, mut csv) = written(layout);
                let done = csv.drop_up_to(to, true).unwrap();
                assert_eq!(rows_on(&disk), expected(layout, to), "{layout:?} {to} {done:?}");
                assert_eq!(csv.drop_up_to(to, true).unwrap(), Dropped::default(), "once");
                csv.compare_names().unwrap();
                assert!(csv.files.iter().all(|file| !file.displaced), "what was written is what it knows");
            }
        }
        let (_, mut csv) = written(Layout::Month);
        // `b` has no late row of October.
        assert_eq!(csv.drop_up_to(19, true).unwrap(), Dropped { removed: 1, shortened: 3 });
        assert_eq!(csv.drop_up_to(20, true).unwrap(), Dropped { removed: 1, shortened: 0 });
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
                    let interrupted = csv.drop_up_to(to, true).is_err();
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
}
