//! The CSV files of a log, as they must be, and as they are on a disk.

use std::collections::BTreeMap;

use crate::reading::{self, CSV_HEADER};
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
        let file = files.entry(name).or_insert_with(|| format!("{CSV_HEADER}\n").into_bytes());
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
