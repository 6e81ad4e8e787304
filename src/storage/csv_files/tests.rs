//! Tests of `csv_files.rs`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::reading::{CSV_HEADER, HEADER_LINE};
use crate::storage::csv_name;
use crate::storage::disk::memory::MemoryDisk;
use crate::storage::error::fault::Fault;
use crate::storage::tests::support::frame;
use crate::wire::{Lines, Request};

fn text(lines: &[impl AsRef<str>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_ref(), "\n"]).collect::<String>().into_bytes()
}

fn batch(first: Sequence, lines: &[String]) -> Frame {
    let lines = Lines::new(text(lines), lines.len() as u64);
    Frame::build("1@l/1".parse().unwrap(), first, &[Request { origin: "o/1".parse().unwrap(), first, lines }])
}

fn csv(rows: &[&str]) -> Vec<u8> {
    text(&[&[CSV_HEADER], rows].concat())
}

/// As after a restart: only the files themselves are known.
fn found(disk: &MemoryDisk) -> CsvFiles<MemoryDisk> {
    let named = |path: String| (CsvName::parse(&path).unwrap(), Sequence::MAX);
    CsvFiles::found(Arc::new(disk.clone()), Layout::Sensor, disk.files().into_keys().map(named)).unwrap()
}

/// What the files must hold once these payloads are delivered, from sequence 1 on.
fn expected(payloads: &[String]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (sequence, payload) in (1..).zip(payloads) {
        let sensor = String::from_utf8(reading::sensor_of(payload.as_bytes()).to_vec()).unwrap();
        let file = files.entry(csv_name(&sensor)).or_insert_with(|| csv(&[]));
        reading::append_row(sequence, payload.as_bytes(), file);
    }
    files
}

fn payloads(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    let value = prop_oneof!["", "-?[0-9]{1,9}[.][0-9]{1,9}"];
    let payload = ("[abC][xY.]{0,2}", value.clone(), value.clone(), value)
        .prop_map(|(sensor, t, h, p)| format!("DATA|{sensor}|2013-01-01T06:00:00Z|{t}|{h}|{p}"));
    prop::collection::vec(payload, count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn after_any_cut_the_files_are_as_if_nothing_above_it_had_been_delivered(
        first in payloads(1..1000), second in payloads(1..100), cut in 0_usize..1000, late in any::<bool>(),
        torn in "[0-9]{0,3}",
    ) {
        let cut = cut.min(first.len());
        let disk = MemoryDisk::new();
        let mut files = CsvFiles::new(Arc::new(disk.clone()), Layout::Sensor);
        files.deliver(&batch(1, &first), 1, first.len() as u64).unwrap();
        if late {
            // They may end in half a row.
            files.flush().unwrap();
            let path = disk.files().into_keys().next().unwrap();
            disk.append(&path, torn.as_bytes()).unwrap();
            files = found(&disk);
        }
        files.truncate_above(cut as u64, late).unwrap();
        prop_assert_eq!(disk.files(), expected(&first[..cut]));
        files.deliver(&batch(cut as u64 + 1, &second), 0, u64::MAX).unwrap();
        files.flush().unwrap();
        prop_assert_eq!(disk.files(), expected(&[&first[..cut], &second[..]].concat()));
    }

    #[test]
    fn the_csv_crate_reads_what_was_delivered(payloads in payloads(1..200)) {
        let disk = MemoryDisk::new();
        let mut files = CsvFiles::new(Arc::new(disk.clone()), Layout::Sensor);
        files.deliver(&batch(1, &payloads), 1, u64::MAX).unwrap();
        files.flush().unwrap();
        let mut found = BTreeMap::new();
        for bytes in disk.files().into_values() {
            let mut reader = csv::Reader::from_reader(&bytes[..]);
            prop_assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>().join(","), CSV_HEADER);
            for record in reader.into_records() {
                let fields: Vec<_> = record.unwrap().iter().map(str::to_owned).collect();
                let [sequence, timestamp, sensor, values @ ..] = &fields[..] else { panic!("{fields:?}") };
                let payload = format!("DATA|{sensor}|{timestamp}|{}", values.join("|"));
                found.insert(sequence.parse::<usize>().unwrap(), payload);
            }
        }
        prop_assert_eq!(found.into_iter().collect::<Vec<_>>(), (1..).zip(payloads).collect::<Vec<_>>());
    }
}

#[test]
fn only_the_asked_part_of_a_batch_is_delivered() {
    let disk = MemoryDisk::new();
    let mut files = CsvFiles::new(Arc::new(disk.clone()), Layout::Sensor);
    let lines: Vec<_> = (1..=5).map(|n| format!("DATA|s|2013-01-01T06:00:00Z|{n}||")).collect();
    files.deliver(&batch(11, &lines), 12, 13).unwrap();
    assert!(disk.files().is_empty());
    files.flush().unwrap();
    assert_eq!(disk.files()["s.csv"], csv(&["12,2013-01-01T06:00:00Z,s,2,,", "13,2013-01-01T06:00:00Z,s,3,,"]));
}

#[test]
fn a_file_that_loses_no_row_stays_the_same_file() {
    let disk = MemoryDisk::new();
    disk.append("s.csv", &csv(&["12,2013-01-01T06:00:00Z,s,2,,"])).unwrap();
    let before = disk.stamp("s.csv").unwrap();
    found(&disk).truncate_above(12, false).unwrap();
    assert_eq!(disk.stamp("s.csv").unwrap(), before);
}

#[test]
fn what_a_full_disk_does_not_take_is_written_later() {
    let disk = MemoryDisk::new();
    let mut files = CsvFiles::new(Arc::new(disk.clone()), Layout::Sensor);
    let lines: Vec<_> = ["b", "a", "b"].iter().map(|s| format!("DATA|{s}|2013-01-01T06:00:00Z|1|2|3")).collect();
    files.deliver(&batch(1, &lines), 1, 3).unwrap();
    disk.set_capacity(150);
    let error = files.flush().unwrap_err();
    assert!(matches!(error, StorageError::Io { fault: Fault::Full(_), .. }), "{error}");
    assert_eq!(disk.files().into_keys().collect::<Vec<_>>(), ["a.csv"]);
    disk.set_capacity(usize::MAX);
    files.flush().unwrap();
    assert_eq!(disk.files(), expected(&lines));
    assert_eq!(files.buffered, 0);
}

#[test]
fn rows_that_wait_are_bounded() {
    let disk = MemoryDisk::new();
    let mut files = CsvFiles::new(Arc::new(disk.clone()), Layout::Sensor);
    for at in 0..100 {
        files.deliver(&frame(1, at * 1000 + 1, "o/1", at * 1000 + 1, 1000), 1, u64::MAX).unwrap();
        assert!(files.buffered < BUFFER_BYTES_MAX + 64 * 1024);
    }
    assert!(disk.files().len() == 3);
}

#[test]
fn a_sensor_id_that_would_leave_the_directory_is_refused() {
    let disk = MemoryDisk::new();
    let mut files = CsvFiles::new(Arc::new(disk.clone()), Layout::Sensor);
    for bad in ["DATA|../x|2013-01-01T06:00:00Z|1|2|3", "DATA||2013-01-01T06:00:00Z|1|2|3", "DATA|"] {
        let error = files.deliver(&batch(7, &[bad.to_owned()]), 7, 7).unwrap_err();
        assert!(matches!(error, StorageError::Sensor { sequence: 7 }), "{error}");
    }
    files.flush().unwrap();
    assert!(disk.files().is_empty());
}

#[test]
fn a_file_that_holds_no_rows_is_reported_not_cut() {
    let disk = MemoryDisk::new();
    for bad in ["x,y\n".to_owned(), format!("{HEADER_LINE}{}", "9".repeat(1000))] {
        disk.replace("a.csv", bad.as_bytes(), false).unwrap();
        let mut files = found(&disk);
        assert!(matches!(files.truncate_above(0, false), Err(StorageError::Damaged { .. })));
        assert_eq!(disk.files()["a.csv"], bad.as_bytes());
    }
}
