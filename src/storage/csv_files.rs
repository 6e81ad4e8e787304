//! The product: one CSV file for each sensor, with rows in sequence order. What is delivered waits in a buffer for each
//! sensor, and one append writes it. The caller decides when, up to a limit.

pub(super) mod beside;
pub(super) mod ends;
mod restore;
pub(super) mod row_writer;

use std::collections::HashMap;
use std::sync::Arc;

use super::disk::{Disk, Stamp};
use super::error::{failed, StorageError};
use super::file_names::csv_name;
use crate::ids::{SensorId, Sequence};
use crate::reading::{self, HEADER_LINE};
use crate::wire::Frame;

/// How many bytes of rows may wait to be written, for all sensors: enough to make appends cheap for each row, even with
/// a hundred sensors.
pub(super) const BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// How much room all buffers together keep while they are empty, in bytes, however many sensors there are.
const KEPT_BYTES_MAX: usize = 4 * BUFFER_BYTES_MAX;

#[derive(Debug)]
pub(super) struct SensorCsv<D> {
    pub(super) disk: Arc<D>,
    pub(super) sensors: Vec<Sensor>,
    by_name: HashMap<Box<[u8]>, usize>,
    /// The sensor of the last row: readings of one sensor often come together.
    recent: usize,
    /// Sensors with rows to write.
    waiting: Vec<usize>,
    /// Bytes of the rows that wait.
    buffered: usize,
}

#[derive(Debug)]
pub(super) struct Sensor {
    pub(super) name: SensorId,
    pub(super) path: String,
    /// The file that was written, and must have the name. No bytes: there is no file yet.
    pub(super) stamp: Stamp,
    /// Another file has the name, and this one is to be written again.
    pub(super) displaced: bool,
    rows: Vec<u8>,
}

impl<D: Disk> SensorCsv<D> {
    /// No sensor has a file yet.
    pub(super) fn new(disk: Arc<D>) -> Self {
        let (sensors, waiting) = (Vec::new(), Vec::new());
        Self { disk, sensors, by_name: HashMap::new(), recent: 0, waiting, buffered: 0 }
    }

    /// These sensors have files already.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn found(
        disk: Arc<D>,
        sensors: impl IntoIterator<Item = (SensorId, String)>,
    ) -> Result<Self, StorageError> {
        let mut csv = Self::new(disk);
        for (name, path) in sensors {
            let stamp = csv.disk.stamp(&path).map_err(failed(&*csv.disk, "look at", &path))?;
            csv.add(name, path, stamp);
        }
        Ok(csv)
    }

    /// Adds the rows of a batch from sequence `from` to `up_to` to the buffers, which are written first where they are
    /// full.
    ///
    /// # Errors
    /// The disk's, or a payload without a valid sensor id. What was delivered before still waits.
    pub(super) fn deliver(&mut self, frame: &Frame, from: Sequence, up_to: Sequence) -> Result<(), StorageError> {
        if self.buffered >= BUFFER_BYTES_MAX {
            self.flush()?;
        }
        for (sequence, payload) in frame.entries() {
            if sequence < from {
                continue;
            }
            if sequence > up_to {
                break;
            }
            let name = reading::sensor_of(payload);
            if self.sensors.get(self.recent).is_none_or(|sensor| sensor.name.as_str().as_bytes() != name) {
                self.recent = self.find(name, sequence)?;
            }
            let sensor = &mut self.sensors[self.recent];
            let before = sensor.rows.len();
            if before == 0 {
                self.waiting.push(self.recent);
                if sensor.stamp.bytes == 0 {
                    sensor.rows.extend_from_slice(HEADER_LINE.as_bytes());
                }
            }
            reading::append_row(sequence, payload, &mut sensor.rows);
            self.buffered += sensor.rows.len() - before;
        }
        Ok(())
    }

    /// Writes what waits, by sensor name. Where a file is to be written again, its waiting rows are dropped: they are
    /// in the journal.
    ///
    /// # Errors
    /// The disk's; then what is not written still waits.
    pub(super) fn flush(&mut self) -> Result<(), StorageError> {
        let sensors = &mut self.sensors;
        self.waiting.sort_unstable_by(|one, other| sensors[*other].name.cmp(&sensors[*one].name));
        let kept = KEPT_BYTES_MAX / sensors.len().max(1);
        while let Some(at) = self.waiting.last() {
            let sensor = &mut sensors[*at];
            if !sensor.displaced {
                let path = &sensor.path;
                let there = self.disk.append(path, &sensor.rows).map_err(failed(&*self.disk, "append to", path))?;
                sensor.written(there);
            }
            self.buffered -= sensor.rows.len();
            sensor.rows.clear();
            sensor.rows.shrink_to(kept);
            self.waiting.pop();
        }
        Ok(())
    }

    /// Removes the rows above `to` from all files, written or waiting; and files without any other row, as if the sensor
    /// had not been heard of. Files that lose some are replaced: see [`beside`].
    ///
    /// # Errors
    /// The disk's, or where a file does not hold rows.
    pub(super) fn truncate_above(&mut self, to: Sequence, careful: bool) -> Result<(), StorageError> {
        // Now all rows are in one place.
        self.flush()?;
        let disk = &*self.disk;
        for Sensor { path, stamp, .. } in self.sensors.iter_mut().filter(|sensor| sensor.stamp.bytes > 0) {
            let kept = ends::rows_end(disk, path, stamp.bytes, to)?;
            if kept <= HEADER_LINE.len() as u64 {
                disk.remove(path).map_err(failed(disk, "remove", path))?;
                *stamp = Stamp::default();
            } else if kept < stamp.bytes {
                *stamp = beside::cut(disk, path, kept, careful)?;
            }
        }
        if careful {
            // A row that was cut must not come back while the log holds another reading under its sequence.
            disk.sync_names("").map_err(failed(disk, "sync", ""))?;
        }
        Ok(())
    }

    /// The sensor of this name; a new one if there is none yet.
    fn find(&mut self, name: &[u8], sequence: Sequence) -> Result<usize, StorageError> {
        if let Some(at) = self.by_name.get(name) {
            return Ok(*at);
        }
        // It becomes a file name, so it is checked here whatever checked it before.
        let parsed = std::str::from_utf8(name).ok().and_then(|text| text.parse::<SensorId>().ok());
        let sensor = parsed.ok_or(StorageError::Sensor { sequence })?;
        let path = csv_name(sensor.as_str());
        Ok(self.add(sensor, path, Stamp::default()))
    }

    fn add(&mut self, name: SensorId, path: String, stamp: Stamp) -> usize {
        let at = self.sensors.len();
        self.by_name.insert(name.as_str().as_bytes().into(), at);
        self.sensors.push(Sensor { name, path, stamp, displaced: false, rows: Vec::new() });
        at
    }
}

impl Sensor {
    /// Notes which file an append says that it wrote to.
    fn written(&mut self, there: Stamp) {
        let is_own = self.stamp.bytes == 0 || there.file == self.stamp.file;
        if is_own && there.bytes == self.stamp.bytes + self.rows.len() as u64 {
            self.stamp = there;
        } else {
            self.displaced = true;
        }
    }
}

#[cfg(test)]
mod tests;
