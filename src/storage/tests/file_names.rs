//! Sensors whose ids are not file names on every system: on a disk that folds case and has devices, and in directories
//! from the time when names were just the ids.

use std::sync::Arc;

use crate::reading::{self, HEADER_LINE};
use crate::storage::disk::folding::FoldingDisk;
use crate::storage::tests::rows::{rows_of, rows_on};
use crate::storage::*;
use crate::wire::Lines;

const RESUME: Options = Options { resume: true, ..Options::PLAIN };

const SENSORS: [&str; 6] = ["temp", "Temp", "TEMP", "con", "CON", "com1.txt"];

/// Two readings of each sensor, in turn.
fn batch(first: Sequence) -> Frame {
    let text: String = SENSORS.map(|sensor| format!("DATA|{sensor}|2013-01-01T06:00:00Z|1|2|3\n")).concat().repeat(2);
    let count = 2 * SENSORS.len() as u64;
    let request = Request { origin: "a/1".parse().unwrap(), first, lines: Lines::new(text.into_bytes(), count) };
    Frame::build("1@l/1".parse().unwrap(), first, &[request])
}

fn open<D: Disk>(disk: &Arc<D>) -> (Storage<D>, Opened) {
    Storage::open(Arc::clone(disk), &"p".parse().unwrap(), 1, RESUME).unwrap()
}

/// Appends and delivers a batch.
fn write<D: Disk>(storage: &mut Storage<D>) -> Frame {
    let batch = batch(storage.last() + 1);
    storage.tail().lock().unwrap().push(batch.clone());
    storage.append(&batch).unwrap();
    storage.deliver(storage.last()).unwrap();
    storage.flush().unwrap();
    batch
}

/// A disk with two delivered batches under the names of an earlier version, and the log.
fn named_by_ids() -> (MemoryDisk, [Frame; 2]) {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&Arc::new(disk.clone()));
    let log = [write(&mut storage), write(&mut storage)];
    storage.sync().unwrap();
    for sensor in SENSORS {
        let now = csv_name(sensor);
        disk.sync(&now).unwrap();
        if now != format!("{sensor}.csv") {
            disk.rename(&now, &format!("{sensor}.csv")).unwrap();
        }
    }
    disk.sync_names("").unwrap();
    (disk, log)
}

fn renamed(opened: &Opened) -> &CsvRenamed {
    let [Repair::Renamed(renamed)] = &opened.repairs[..] else { panic!("{:?}", opened.repairs) };
    renamed
}

/// Names of what was set aside.
fn damaged<D: Disk>(disk: &D) -> Vec<String> {
    disk.list("").unwrap().into_iter().filter(|name| name.ends_with(".damaged")).collect()
}

#[test]
fn files_of_an_earlier_version_are_renamed_at_a_start_with_all_their_rows_and_told_of_once() {
    let (disk, log) = named_by_ids();
    let stamp = disk.stamp("Temp.csv").unwrap();
    let opened = open(&Arc::new(disk.clone())).1;
    assert_eq!((renamed(&opened).files, renamed(&opened).set_aside), (5, 0));
    let said = renamed(&opened).to_string();
    assert!(said.contains("5 renamed (CON.csv is +CON+7.csv now, ") && said.contains(" and 2 more)"), "{said}");
    assert!(!said.contains("set aside"), "{said}");
    assert_eq!(disk.stamp("Temp+1.csv").unwrap(), stamp, "the file itself");
    assert_eq!(rows_on(&disk), rows_of(&log, opened.last));
    assert_eq!(open(&Arc::new(disk)).1.repairs, []);
}

#[test]
fn after_an_interrupted_renaming_the_next_start_does_the_rest_and_loses_nothing() {
    let mut points = 0;
    for seed in 0..20 {
        for changes in 0.. {
            let (disk, log) = named_by_ids();
            disk.crash_after(changes);
            let begun = Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 1, RESUME).is_ok();
            if begun {
                break;
            }
            points += 1;
            disk.revive();
            if seed > 0 {
                disk.power_cut(seed);
            }
            let opened = open(&Arc::new(disk.clone())).1;
            assert!(opened.repairs.iter().all(|repair| matches!(repair, Repair::Renamed(_))), "{:?}", opened.repairs);
            assert_eq!(rows_on(&disk), rows_of(&log, opened.last), "seed {seed}, after {changes} changes");
            assert!(damaged(&disk).is_empty());
            assert_eq!(open(&Arc::new(disk)).1.repairs, []);
        }
    }
    assert!(points >= 20 * 6, "{points}");
}

#[test]
fn a_file_under_both_names_loses_its_earlier_one_to_set_aside() {
    let (disk, log) = named_by_ids();
    let rows = rows_of(&log, log[1].last());
    disk.append("Temp+1.csv", &rows["Temp+1.csv"]).unwrap();
    let opened = open(&Arc::new(disk.clone())).1;
    assert_eq!((renamed(&opened).files, renamed(&opened).set_aside), (4, 1));
    let said = renamed(&opened).to_string();
    assert!(said.ends_with("; 1 that were there under both names set aside as *.damaged"), "{said}");
    assert_eq!((rows_on(&disk), damaged(&disk)), (rows, vec!["Temp.csv.damaged".to_owned()]));
}

#[test]
fn two_sensors_that_shared_a_file_are_separated_by_one_start_for_good() {
    let (named, log) = named_by_ids();
    // As it is without devices, and whichever of three sensors came first gave its name to the file of all.
    let mut shared = HEADER_LINE.as_bytes().to_vec();
    for (sequence, payload) in log.iter().flat_map(Frame::entries) {
        if reading::sensor_of(payload).eq_ignore_ascii_case(b"temp") {
            reading::append_row(sequence, payload, &mut shared);
        }
    }
    for sensor in SENSORS {
        named.remove(&format!("{sensor}.csv")).unwrap();
    }
    named.append("temp.csv", &shared).unwrap();
    let disk = Arc::new(FoldingDisk(named));
    open(&disk);
    let (mut storage, opened) = open(&disk);
    assert_eq!(opened.repairs, []);
    storage.deliver(opened.last).unwrap();
    storage.flush().unwrap();
    assert_eq!(open(&disk).1.repairs, []);
    assert_eq!(rows_on(&disk.0), rows_of(&log, opened.last));
    assert_eq!(damaged(&*disk), ["temp.csv.damaged"]);
}

#[test]
fn each_sensor_has_its_own_file_on_a_disk_that_folds_case_and_nothing_is_mended_at_any_start() {
    let disk = Arc::new(FoldingDisk::default());
    let (mut storage, _) = open(&disk);
    write(&mut storage);
    for _ in 0..3 {
        let (mut storage, opened) = open(&disk);
        assert_eq!(opened.repairs, []);
        write(&mut storage);
        storage.check_names().unwrap();
        assert_eq!(storage.take_restored(), []);
    }
    assert_eq!(rows_on(&disk.0).len(), SENSORS.len());
    assert!(damaged(&*disk).is_empty());
}
