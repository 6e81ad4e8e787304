//! Tests of `opening/csv_check.rs` and `csv_mend.rs`: CSV files that do not agree with the log, in one way after
//! another.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::reading::{self, CSV_HEADER, HEADER_LINE};
use crate::storage::disk::real::OPEN_FILES_MAX;
use crate::storage::tests::support::{dated, frame, frame_of, TempDir};
use crate::storage::*;

const RESUME: Options = Options { resume: true, ..Options::PLAIN };

type Files = BTreeMap<String, Vec<u8>>;

/// Thirty readings of the sensors a0, a1 and a2, delivered up to `up_to`.
fn delivered<D: Disk>(disk: &Arc<D>, up_to: Sequence) {
    let (mut storage, _) = Storage::open(Arc::clone(disk), &"p".parse().unwrap(), 1, Options::default()).unwrap();
    for first in [1, 11, 21] {
        let frame = frame(1, first, "a/1", first, 10);
        storage.tail().lock().unwrap().push(frame.clone());
        storage.append(&frame).unwrap();
    }
    storage.deliver(up_to).unwrap();
    storage.flush().unwrap();
}

/// Eight thousand readings of one sensor, all of them delivered.
fn delivered_many(disk: &Arc<MemoryDisk>) {
    let (mut storage, _) = Storage::open(Arc::clone(disk), &"p".parse().unwrap(), 1, Options::default()).unwrap();
    for batch in 0..8 {
        let (first, origin) = (batch * 1000 + 1, format!("o/{}", batch + 1));
        let readings = (first..first + 1000).map(|number| dated("a", "2026-11", number));
        storage.append(&frame_of(1, first, &origin, readings)).unwrap();
    }
    storage.deliver(8000).unwrap();
    storage.flush().unwrap();
}

fn resume<D: Disk>(disk: &Arc<D>) -> Opened {
    Storage::open(Arc::clone(disk), &"p".parse().unwrap(), 1, RESUME).unwrap().1
}

fn csv_files<D: Disk>(disk: &D) -> Files {
    let names = disk.list("").unwrap().into_iter().filter(|name| name.strip_suffix(".csv").is_some());
    names.map(|name| (name.clone(), disk.read(&name, 0, 1 << 20).unwrap())).collect()
}

/// Damages the files and resumes. Returns how far rows are delivered, and what was mended. A second start has nothing
/// to mend.
fn mended<D: Disk>(disk: &Arc<D>, damage: impl FnOnce(&D)) -> (Sequence, [u64; 4]) {
    damage(disk);
    let opened = resume(disk);
    let counts = match &opened.repairs[..] {
        [] => [0; 4],
        [repair @ Repair::Csv(CsvRepair { cut, removed, set_aside, rows, rows_aside, .. })] => {
            assert_eq!(repair.to_string().contains("that the log does not hold"), *rows_aside > 0, "{repair}");
            [*cut, *removed, *set_aside, *rows]
        }
        repairs => panic!("{repairs:?}"),
    };
    assert_eq!(resume(disk).repairs, []);
    (opened.delivered, counts)
}

fn row(sequence: Sequence, payload: &str) -> Vec<u8> {
    let mut row = Vec::new();
    reading::append_row(sequence, payload.as_bytes(), &mut row);
    row
}

/// Damages the files of thirty readings, 25 of them delivered: a start must restore them as they were.
fn restored(damage: impl FnOnce(&MemoryDisk)) -> (Sequence, [u64; 4]) {
    let disk = Arc::new(MemoryDisk::new());
    delivered(&disk, 25);
    let before = csv_files(&*disk);
    let outcome = mended(&disk, damage);
    if outcome.0 == 25 {
        assert_eq!(csv_files(&*disk), before);
    }
    outcome
}

fn changed(path: &'static str, change: impl FnOnce(&mut Vec<u8>)) -> impl FnOnce(&MemoryDisk) {
    move |disk| {
        let mut bytes = disk.files()[path].clone();
        change(&mut bytes);
        disk.replace(path, &bytes, true).unwrap();
    }
}

#[test]
fn files_that_agree_are_left_as_they_are() {
    assert_eq!(restored(|_| ()), (25, [0; 4]));
}

#[test]
fn what_a_crash_leaves_at_the_end_of_a_file_is_cut() {
    for end in [&b"26"[..], &[0; 700], b"26,2013\0\0\0"] {
        assert_eq!(restored(|disk| disk.append("a1.csv", end).map(drop).unwrap()), (25, [1, 0, 0, 0]), "{end:?}");
    }
}

#[test]
fn what_was_to_take_the_place_of_a_file_is_removed() {
    let mut kept = MemoryDisk::new();
    let damage = |disk: &MemoryDisk| {
        disk.append("a1.csv.tmp", b"half").unwrap();
        kept = disk.clone();
    };
    assert_eq!(restored(damage), (25, [0; 4]));
    assert!(!kept.files().contains_key("a1.csv.tmp"));
}

#[test]
fn an_empty_file_of_a_sensor_without_rows_is_removed() {
    assert_eq!(restored(|disk| disk.append("b.csv", b"").map(drop).unwrap()), (25, [0, 1, 0, 0]));
}

#[test]
fn rows_that_the_log_lost_are_kept_under_another_name() {
    let above = row(31, "DATA|a1|2013-01-01T06:00:00Z|1||");
    let many: Vec<u8> = (31..=2100).flat_map(|number| row(number, "DATA|a1|2013-01-01T06:00:00Z|1||")).collect();
    assert!(many.len() > 64 * 1024, "it takes more than one step");
    for end in [&above[..], &[&above[..], b"32,2"].concat(), &many] {
        let mut kept = Vec::new();
        let damage = |disk: &MemoryDisk| {
            disk.append("a1.csv", end).unwrap();
            kept.push(disk.clone());
        };
        assert_eq!(restored(damage), (25, [1, 0, 1, 0]), "{} bytes", end.len());
        // The rows were on the platter, and still are, under that name.
        kept[0].lose_unsynced();
        assert_eq!(kept[0].files()["a1.csv.damaged"], end);
    }
}

#[test]
fn rows_that_are_missing_below_the_highest_one_are_written() {
    // Number 25 is of sensor a1.
    for path in ["a0.csv", "a2.csv"] {
        assert_eq!(restored(|disk| disk.remove(path).unwrap()), (25, [0, 0, 0, 8]));
        assert_eq!(restored(changed(path, |bytes| bytes.truncate(bytes.len() - 3))), (25, [1, 0, 0, 1]));
        assert_eq!(restored(changed(path, |bytes| bytes.truncate(CSV_HEADER.len() - 3))), (25, [1, 0, 0, 8]));
    }
    // If the highest row is lost, nothing tells that it was there.
    assert_eq!(restored(changed("a1.csv", |bytes| bytes.truncate(bytes.len() - 3))), (24, [1, 0, 0, 0]));
}

#[test]
fn a_long_file_is_compared_in_steps_and_its_last_row_is_known_after_damage() {
    let disk = Arc::new(MemoryDisk::new());
    delivered_many(&disk);
    let before = csv_files(&*disk);
    assert!(before["a.csv"].len() > 256 * 1024, "it takes more than one step");
    assert_eq!(mended(&disk, |_| ()), (8000, [0; 4]));
    assert_eq!(mended(&disk, changed("a.csv", |bytes| bytes[100] = 0)), (8000, [0, 0, 1, 8000]));
    assert_eq!(csv_files(&*disk), before);
}

#[test]
fn rows_that_a_start_wrote_go_with_a_cut_in_the_same_life() {
    let (disk, expected) = (Arc::new(MemoryDisk::new()), Arc::new(MemoryDisk::new()));
    delivered(&disk, 25);
    disk.remove("a0.csv").unwrap();
    let (mut storage, _) = Storage::open(Arc::clone(&disk), &"p".parse().unwrap(), 1, RESUME).unwrap();
    storage.tail().lock().unwrap().cut(10);
    storage.cut(10, None, None, 0).unwrap();
    delivered(&expected, 10);
    assert_eq!(csv_files(&*disk), csv_files(&*expected));
}

#[test]
fn a_file_that_holds_something_else_is_set_aside_and_restored_as_far_as_it_went() {
    assert_eq!(restored(changed("a1.csv", |bytes| bytes[3] ^= 1)), (25, [0, 0, 1, 9]));
    assert_eq!(restored(changed("a1.csv", |bytes| bytes[100] = 0)), (25, [0, 0, 1, 9]));
    assert_eq!(restored(changed("a0.csv", |bytes| drop(bytes.drain(110..120)))), (25, [0, 0, 1, 8]));
    assert_eq!(restored(changed("a2.csv", |bytes| bytes.extend([b'x'; 300]))), (25, [0, 0, 1, 8]));
    assert_eq!(restored(changed("a2.csv", |bytes| bytes.extend(b"note\n"))), (25, [0, 0, 1, 8]));
    let mut late = vec![0; 64 * 1024];
    late.extend(b"27");
    assert_eq!(restored(changed("a2.csv", |bytes| bytes.extend(late))), (25, [0, 0, 1, 8]), "after zeros");
    // A row above the log, but twice, or not of this sensor.
    let above = row(31, "DATA|a1|2013-01-01T06:00:00Z|1||");
    let other = row(31, "DATA|a2|2013-01-01T06:00:00Z|1||");
    for end in [[&above[..], &above].concat(), other] {
        assert_eq!(restored(changed("a1.csv", |bytes| bytes.extend(end))), (25, [0, 0, 1, 9]));
    }
    // A row of the log, but not of this sensor, or not the next one.
    let last = row(24, "DATA|a0|2013-01-01T06:00:00Z|24|-0.5|");
    assert_eq!(restored(changed("a0.csv", |bytes| bytes.extend(last))), (25, [0, 0, 1, 8]), "twice");
    let foreign = row(26, "DATA|a2|2013-01-01T06:00:00Z|26|-0.5|");
    assert_eq!(restored(changed("a0.csv", |bytes| bytes.extend(foreign))), (25, [0, 0, 1, 8]));
}

#[test]
fn a_file_of_a_sensor_without_rows_goes() {
    let header = HEADER_LINE.as_bytes().to_vec();
    for own in [&header[..], b"sequ"] {
        assert_eq!(restored(|disk| disk.append("b.csv", own).map(drop).unwrap()), (25, [0, 1, 0, 0]), "{own:?}");
    }
    let known = row(7, "DATA|b|2013-01-01T06:00:00Z|1||");
    let above = row(31, "DATA|b|2013-01-01T06:00:00Z|1||");
    for foreign in [&b"dear diary\n"[..], &[&header[..], &known].concat(), &[&header[..], &above].concat()] {
        assert_eq!(
            restored(|disk| disk.append("b.csv", foreign).map(drop).unwrap()),
            (25, [0, 0, 1, 0]),
            "{foreign:?}"
        );
    }
}

#[test]
fn nothing_is_added_that_is_not_known_to_be_delivered() {
    let disk = Arc::new(MemoryDisk::new());
    delivered(&disk, 0);
    assert_eq!(mended(&disk, |_| ()), (0, [0; 4]));
    assert_eq!(csv_files(&*disk), Files::new());
}

/// The first rows of a sensor were about to be written, and only the head of the file was.
#[test]
fn a_file_without_rows_goes_where_none_of_its_sensor_is_known_to_be_delivered() {
    for head in [&b""[..], b"sequ", HEADER_LINE.as_bytes(), format!("{HEADER_LINE}1,2013").as_bytes()] {
        let disk = Arc::new(MemoryDisk::new());
        delivered(&disk, 0);
        let damage = |disk: &MemoryDisk| disk.append("a1.csv", head).map(drop).unwrap();
        assert_eq!(mended(&disk, damage), (0, [0, 1, 0, 0]), "{head:?}");
        assert_eq!(csv_files(&*disk), Files::new());
    }
}

#[test]
fn more_files_than_may_be_open_are_mended_on_a_real_disk() {
    let (_temp, disk) = TempDir::disk("p");
    let disk = Arc::new(disk);
    let sensors = 3 * OPEN_FILES_MAX as u64;
    let (mut storage, _) = Storage::open(Arc::clone(&disk), &"p".parse().unwrap(), 1, RESUME).unwrap();
    let count = 5 * sensors;
    let line = |number: u64| format!("DATA|s{}|2013-01-01T06:00:00Z|{number}||\n", number % sensors);
    let text: String = (1..=count).map(line).collect();
    let lines = crate::wire::Lines::new(text.into_bytes(), count);
    let request = Request { origin: "a/1".parse().unwrap(), first: 1, lines };
    let frame = Frame::build("1@l/1".parse().unwrap(), 1, &[request]);
    storage.tail().lock().unwrap().push(frame.clone());
    storage.append(&frame).unwrap();
    storage.deliver(count).unwrap();
    storage.flush().unwrap();
    drop(storage);
    let before = csv_files(&*disk);
    assert_eq!(before.len() as u64, sensors);
    // The last reading of all is one of s0.
    let damage = |disk: &RealDisk| {
        for sensor in 1..sensors {
            disk.truncate(&format!("s{sensor}.csv"), 150).unwrap();
        }
    };
    let (delivered, [cut, removed, set_aside, rows]) = mended(&disk, damage);
    assert_eq!((delivered, cut, removed, set_aside), (count, sensors - 1, 0, 0));
    assert!(rows >= 3 * (sensors - 1), "{rows}");
    assert_eq!(csv_files(&*disk), before);
}
