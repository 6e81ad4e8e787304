//! Compares the CSV files with the log, while the log is read once from its beginning: how much of each file is as it
//! must be, and which rows it lacks. `csv_mend.rs` mends them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ids::{SensorId, Sequence};
use crate::reading::{self, row_sequence, HEADER_LINE};
use crate::storage::csv_files::ends::last_row;
use crate::storage::disk::Disk;
use crate::storage::error::{failed, StorageError};
use crate::storage::file_names::{csv_name, sensor_of};
use crate::wire::Frame;

/// How many bytes of rows may wait to be compared, for all sensors, as long as each has room for [`ROWS_BYTES_MIN`].
const ROWS_BYTES_ALL: usize = 32 * 1024 * 1024;

/// Rows of one sensor that are compared in one step, in bytes: below this, reading costs more than comparing.
const ROWS_BYTES_MIN: usize = 2 * 1024;

/// More of them in one step would not make it faster.
const ROWS_BYTES_MAX: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct CsvCheck<D> {
    disk: Arc<D>,
    pub(super) sensors: Vec<SensorFile>,
    pub(super) by_name: HashMap<Box<[u8]>, usize>,
    /// The sensor of the last row.
    recent: usize,
    /// What is compared in one step, in bytes.
    chunk: usize,
}

/// A sensor that has a file, or readings in the log.
#[derive(Debug)]
pub(super) struct SensorFile {
    pub(super) name: SensorId,
    pub(super) path: String,
    /// There is a file of this name, perhaps one of no bytes.
    pub(super) is_there: bool,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// How many of its bytes are as they must be: header and rows.
    pub(super) matched: u64,
    /// The first reading in the log that has no row within `matched`.
    pub(super) missing: Option<Sequence>,
    /// The last reading that has a row there.
    last: Sequence,
    /// What must follow `matched`, and the sequence of its last row.
    rows: Vec<u8>,
    waiting: Sequence,
    /// The last whole row of the file, until it is found in the log.
    tail: Option<(Sequence, Vec<u8>)>,
}

impl<D: Disk> CsvCheck<D> {
    /// # Errors
    /// The disk's.
    pub(super) fn new(disk: Arc<D>) -> Result<Self, StorageError> {
        let names = disk.list("").map_err(failed(&*disk, "list", ""))?;
        let files: Vec<SensorId> = names.iter().filter_map(|name| sensor_of(name)).collect();
        let chunk = (ROWS_BYTES_ALL / files.len().max(1)).clamp(ROWS_BYTES_MIN, ROWS_BYTES_MAX);
        let mut check = Self { disk, sensors: Vec::new(), by_name: HashMap::new(), recent: 0, chunk };
        for name in files {
            let path = csv_name(name.as_str());
            let bytes = check.disk.len(&path).map_err(failed(&*check.disk, "look at", &path))?;
            let tail = last_row(&*check.disk, &path, bytes)?;
            let at = check.add(name, bytes, tail);
            check.sensors[at].is_there = true;
        }
        Ok(check)
    }

    fn add(&mut self, name: SensorId, bytes: u64, tail: Option<(Sequence, Vec<u8>)>) -> usize {
        let at = self.sensors.len();
        self.by_name.insert(name.as_str().as_bytes().into(), at);
        let rows = HEADER_LINE.as_bytes().to_vec();
        let path = csv_name(name.as_str());
        let is_there = false;
        self.sensors.push(SensorFile {
            name,
            path,
            is_there,
            bytes,
            matched: 0,
            missing: None,
            last: 0,
            rows,
            waiting: 0,
            tail,
        });
        at
    }

    /// The sensor of this name; one without a file if there is none yet.
    fn find(&mut self, name: &[u8], sequence: Sequence) -> Result<usize, StorageError> {
        if let Some(at) = self.by_name.get(name) {
            return Ok(*at);
        }
        let parsed = std::str::from_utf8(name).ok().and_then(|text| text.parse().ok());
        Ok(self.add(parsed.ok_or(StorageError::Sensor { sequence })?, 0, None))
    }

    /// Takes the next batch of the log.
    ///
    /// # Errors
    /// The disk's, or a payload without a valid sensor id.
    pub(super) fn visit(&mut self, frame: &Frame) -> Result<(), StorageError> {
        for (sequence, payload) in frame.entries() {
            let name = reading::sensor_of(payload);
            if self.sensors.get(self.recent).is_none_or(|sensor| sensor.name.as_str().as_bytes() != name) {
                self.recent = self.find(name, sequence)?;
            }
            let sensor = &mut self.sensors[self.recent];
            sensor.expect(sequence, payload);
            if sensor.rows.len() >= self.chunk {
                sensor.compare(&*self.disk)?;
            }
        }
        Ok(())
    }

    /// Compares what still waits. Returns the highest sequence that has its row.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn finish(&mut self) -> Result<Sequence, StorageError> {
        let mut delivered = 0;
        for sensor in &mut self.sensors {
            sensor.compare(&*self.disk)?;
            delivered = delivered.max(sensor.last);
        }
        Ok(delivered)
    }
}

impl<D> CsvCheck<D> {
    /// The sensors, and their files.
    pub(super) fn into_files(self) -> impl Iterator<Item = (SensorId, String)> {
        self.sensors.into_iter().map(|sensor| (sensor.name, sensor.path))
    }
}

impl SensorFile {
    /// The next reading of the sensor.
    fn expect(&mut self, sequence: Sequence, payload: &[u8]) {
        if self.missing.is_none() {
            reading::append_row(sequence, payload, &mut self.rows);
            self.waiting = sequence;
        } else if self.tail.as_ref().is_some_and(|(tail, _)| *tail == sequence) {
            let mut row = Vec::new();
            reading::append_row(sequence, payload, &mut row);
            self.is_tail(sequence, &row);
        }
    }

    /// Compares what waits with what the file holds.
    fn compare<D: Disk>(&mut self, disk: &D) -> Result<(), StorageError> {
        if self.missing.is_some() || self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let left = self.bytes - self.matched;
        let block = if left == 0 {
            Vec::new()
        } else {
            disk.read(&self.path, self.matched, rows.len()).map_err(failed(disk, "read", &self.path))?
        };
        if block == rows {
            self.matched += rows.len() as u64;
            self.last = self.waiting;
            self.rows = rows;
            self.rows.clear();
            return Ok(());
        }
        let (mut at, mut apart) = (0, false);
        for row in rows.split_inclusive(|byte| *byte == b'\n') {
            apart |= !block[at..].starts_with(row);
            let sequence = row_sequence(row);
            if !apart {
                at += row.len();
                self.matched += row.len() as u64;
                self.last = sequence.unwrap_or(0);
            } else if let Some(sequence) = sequence {
                self.missing.get_or_insert(sequence);
                self.is_tail(sequence, row);
            }
        }
        Ok(())
    }

    /// After damage, only the last row tells how far the file went.
    fn is_tail(&mut self, sequence: Sequence, row: &[u8]) {
        if self.tail.as_ref().is_some_and(|(tail, text)| *tail == sequence && text == row) {
            self.last = sequence;
            self.tail = None;
        }
    }
}
