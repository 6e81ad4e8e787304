//! The CSV files of a log, as they must be, and as they are on a disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::reading::{self, HEADER_LINE};
use crate::storage::*;

pub(in crate::storage) type Rows = BTreeMap<String, Vec<u8>>;

pub(in crate::storage) fn rows_of(log: &[Frame], delivered: Sequence) -> Rows {
    rows_between(log, Layout::Sensor, 0, delivered)
}

/// The files of the rows after one sequence and up to another.
pub(in crate::storage) fn rows_between(log: &[Frame], layout: Layout, after: Sequence, up_to: Sequence) -> Rows {
    let mut files = Rows::new();
    let is_meant = |(sequence, _): &(Sequence, &[u8])| after < *sequence && *sequence <= up_to;
    for (sequence, payload) in log.iter().flat_map(Frame::entries).filter(is_meant) {
        let sensor = std::str::from_utf8(reading::sensor_of(payload)).unwrap();
        // All readings of these tests are in the middle of a month of UTC.
        let month = std::str::from_utf8(&payload[payload.len().min(6 + sensor.len())..][..7]).unwrap();
        let name = match layout {
            Layout::Sensor => csv_name(sensor),
            Layout::Month => format!("{}.{month}.csv", with_number(sensor)),
        };
        let file = files.entry(name).or_insert_with(|| HEADER_LINE.as_bytes().to_vec());
        reading::append_row(sequence, payload, file);
    }
    files
}

/// The name of a sensor, with its number in any case.
fn with_number(sensor: &str) -> String {
    let name = csv_name(sensor);
    let name = name.strip_suffix(".csv").unwrap();
    if name.contains('+') {
        name.to_owned()
    } else {
        format!("{name}+0")
    }
}

pub(in crate::storage) fn rows_on(disk: &MemoryDisk) -> Rows {
    disk.files().into_iter().filter(|(path, bytes)| path.strip_suffix(".csv").is_some() && !bytes.is_empty()).collect()
}

/// All rows that a disk holds, in CSV files and in what was set aside.
pub(in crate::storage) fn all_rows_on(disk: &MemoryDisk) -> BTreeSet<Vec<u8>> {
    let is_of_rows = |path: &str| path.contains(".csv") && path.strip_suffix(".tmp").is_none();
    let files = disk.files().into_iter().filter(|(path, _)| is_of_rows(path));
    let rows = files.flat_map(|(_, bytes)| {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        lines.filter(|line| reading::row_fields(line).is_some()).map(<[u8]>::to_vec).collect::<Vec<_>>()
    });
    rows.collect()
}

/// The rows of a log, without their files.
pub(in crate::storage) fn all_rows_of(log: &[Frame]) -> BTreeSet<Vec<u8>> {
    let row = |(sequence, payload): (Sequence, &[u8])| {
        let mut row = Vec::new();
        reading::append_row(sequence, payload, &mut row);
        row
    };
    log.iter().flat_map(Frame::entries).map(row).collect()
}

/// Fails where rows that were on the platter are neither in the log nor in any file.
pub(in crate::storage) fn check_no_row_is_lost(before: &BTreeSet<Vec<u8>>, log: &[Frame], disk: &MemoryDisk) {
    let (now, logged) = (all_rows_on(disk), all_rows_of(log));
    let lost = before.iter().filter(|row| !now.contains(*row) && !logged.contains(*row));
    let lost: Vec<_> = lost.map(|row| String::from_utf8_lossy(row)).collect();
    assert!(lost.is_empty(), "rows are gone: {lost:?}");
}
