//! CSV files that another program moved, replaced or changed. The file under the name shows it, and the rows are
//! written again from the journal.

use super::beside::{self, take_place};
use super::row_writer::{RowWriter, Target};
use super::SensorCsv;
use crate::ids::Sequence;
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};
use crate::storage::journal::JournalReader;
use crate::storage::repair::CsvRestored;
use crate::storage::set_aside;

impl<D: Disk> SensorCsv<D> {
    /// Compares the name of each file with what was written: one look at the disk for each.
    ///
    /// # Errors
    /// The disk's.
    pub(in crate::storage) fn compare_names(&mut self) -> Result<(), StorageError> {
        for sensor in &mut self.sensors {
            let stamp = self.disk.stamp(&sensor.path).map_err(failed(&*self.disk, "look at", &sensor.path))?;
            sensor.displaced |= stamp != sensor.stamp;
        }
        Ok(())
    }

    /// Writes again, with all rows up to the last delivered one, each file that is not what was written. What another
    /// program put there is set aside. `None` where there was nothing to do.
    ///
    /// # Errors
    /// The disk's, or where the journal is damaged.
    pub(in crate::storage) fn restore(
        &mut self,
        journal: &JournalReader<D>,
        delivered: Sequence,
        careful: bool,
    ) -> Result<Option<CsvRestored>, StorageError> {
        let displaced: Vec<usize> = (0..self.sensors.len()).filter(|at| self.sensors[*at].displaced).collect();
        if displaced.is_empty() {
            return Ok(None);
        }
        let disk = &*self.disk;
        let mut done = CsvRestored::new(disk.full_path(""));
        let mut targets = Vec::new();
        for at in &displaced {
            let sensor = &self.sensors[*at];
            let path = beside::path_of(&sensor.path);
            disk.remove(&path).map_err(failed(disk, "remove", &path))?;
            targets.push((sensor.name.clone(), Target::new(path, 0, Stamp::default())));
        }
        let (rows, written) = RowWriter::new(disk, targets).write(journal, delivered)?;
        done.rows = rows;
        for (at, new) in displaced.into_iter().zip(written) {
            let sensor = &mut self.sensors[at];
            let there = disk.stamp(&sensor.path).map_err(failed(disk, "look at", &sensor.path))?;
            // A part of what was written is in the journal. Anything else is not this peer's to remove.
            let own_part = there.file == sensor.stamp.file && there.bytes < sensor.stamp.bytes;
            if there.bytes > 0 && !own_part {
                set_aside::rename(disk, &sensor.path)?;
                done.set_aside += 1;
            }
            if new.stamp.bytes > 0 {
                take_place(disk, &sensor.path, careful)?;
            }
            done.name(&sensor.path);
            sensor.stamp = new.stamp;
            sensor.displaced = false;
        }
        Ok(Some(done))
    }
}

#[cfg(test)]
mod tests;
