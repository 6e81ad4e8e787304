//! Rows in a file for each sensor and month, and changes from one layout to the other.

use std::sync::Arc;

use crate::reading;
use crate::storage::tests::rows::{rows_between, rows_on, Rows};
use crate::storage::tests::support::{dated, frame_of, TempDir};
use crate::storage::*;
use crate::wire::Frame;

const LAYOUTS: [Layout; 2] = [Layout::Sensor, Layout::Month];

fn options(layout: Layout) -> Options {
    Options { resume: true, durable: true, layout, ..Options::PLAIN }
}

fn open(disk: &MemoryDisk, layout: Layout) -> Result<(Storage<MemoryDisk>, Opened), StorageError> {
    Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 5, options(layout))
}

/// Thirty readings of two sensors in three months, some of them late, from sequence `first` on.
fn readings(term: u64, first: Sequence, origin: &str) -> Frame {
    let month = |at: u64| match at {
        0..12 | 20 => "2026-10",
        12..24 | 27 => "2026-11",
        _ => "2026-12",
    };
    let payloads = (1..=30).map(|at| dated(if at % 3 == 0 { "Roof" } else { "a" }, month(at), at));
    frame_of(term, first, origin, payloads)
}

/// Three batches, of which forty rows are delivered and on the platter. The last one is of a sensor without any row.
fn written(layout: Layout) -> (MemoryDisk, [Frame; 3]) {
    let late = frame_of(1, 61, "o/3", [dated("late", "2026-12", 61)].into_iter());
    let (disk, log) = (MemoryDisk::new(), [readings(1, 1, "o/1"), readings(1, 31, "o/2"), late]);
    let mut storage = open(&disk, layout).unwrap().0;
    for frame in &log {
        storage.tail().lock().unwrap().push(frame.clone());
        storage.append(frame).unwrap();
    }
    storage.deliver(40).unwrap();
    storage.flush().unwrap();
    storage.sync().unwrap();
    for name in rows_on(&disk).keys() {
        disk.sync(name).unwrap();
    }
    disk.sync_names("").unwrap();
    (disk, log)
}

/// The rows of the files that count, for a program that only looks.
fn counted(disk: &MemoryDisk) -> Rows {
    let names: Vec<CsvName> = disk.list("").unwrap().iter().filter_map(|name| CsvName::parse(name)).collect();
    let layout = state::layout_counted(disk, &names);
    let mut rows = rows_on(disk);
    rows.retain(|name, _| CsvName::parse(name).is_some_and(|name| Layout::of(&name) == layout));
    rows
}

fn state(disk: &MemoryDisk) -> String {
    String::from_utf8(disk.files()["state"].clone()).unwrap()
}

#[test]
fn rows_of_a_month_are_in_its_file_however_late_they_come() {
    let (disk, log) = written(Layout::Month);
    let rows = rows_on(&disk);
    let names: Vec<&str> = rows.keys().map(String::as_str).collect();
    let months = ["10", "11", "12"].map(|month| [format!("Roof+1.2026-{month}.csv"), format!("a+0.2026-{month}.csv")]);
    let mut expected: Vec<&str> = months.iter().flatten().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(rows, rows_between(&log, Layout::Month, 0, 40));
    assert!(state(&disk).starts_with("version:2\nid:p\n") && state(&disk).contains("\nrotate:month\n"));
    let late = String::from_utf8(rows["a+0.2026-10.csv"].clone()).unwrap();
    let sequences: Vec<&str> = late.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
    assert_eq!(sequences.last_chunk(), Some(&["11", "20", "31", "32", "34", "35", "37", "38", "40"]));
}

#[test]
fn a_start_divides_the_rows_as_it_is_told_and_says_so_once() {
    for from in LAYOUTS {
        let to = from.other();
        let (disk, log) = written(from);
        let (mut storage, opened) = open(&disk, to).unwrap();
        assert_eq!((opened.delivered, rows_on(&disk)), (40, rows_between(&log, to, 0, 40)));
        let [Repair::Relaid(relaid)] = &opened.repairs[..] else { panic!("{:?}", opened.repairs) };
        let (files, removed) = if to == Layout::Month { (6, 2) } else { (2, 6) };
        assert_eq!((relaid.layout, relaid.files, relaid.rows, relaid.removed), (to, files, 40, removed));
        let each = if to == Layout::Month { "each sensor and month" } else { "each sensor" };
        let said = format!(
            "rows in  have a CSV file for {each} now: {files} files, with 40 rows written from the journal, in the place \
             of {removed}"
        );
        assert_eq!(opened.repairs[0].to_string(), said);
        assert_eq!(state(&disk).starts_with("version:2"), to == Layout::Month);
        assert_eq!(state(&disk).contains("rotate"), to == Layout::Month);
        storage.deliver(60).unwrap();
        storage.flush().unwrap();
        storage.check_names().unwrap();
        assert_eq!((rows_on(&disk), storage.take_restored()), (rows_between(&log, to, 0, 60), Vec::new()));
        drop(storage);
        assert_eq!(open(&disk, to).unwrap().1.repairs, [], "once");
    }
}

#[test]
fn wherever_a_change_is_interrupted_the_files_that_count_are_whole_and_the_next_start_does_the_rest() {
    for from in LAYOUTS {
        for power_lost in [false, true] {
            for next in LAYOUTS {
                let mut interrupted = 0;
                for changes in 0..200 {
                    let (disk, log) = written(from);
                    disk.crash_after(changes);
                    let outcome = open(&disk, from.other());
                    if power_lost {
                        disk.power_cut(changes);
                    }
                    disk.revive();
                    let found = counted(&disk);
                    let whole = LAYOUTS.map(|layout| rows_between(&log, layout, 0, 40));
                    assert!(whole.contains(&found), "{from:?} {changes} {power_lost}: {found:?}");
                    let has_months =
                        rows_on(&disk).keys().any(|name| Layout::of(&CsvName::parse(name).unwrap()) == Layout::Month);
                    assert!(!has_months || state(&disk).starts_with("version:2"), "an earlier version must refuse it");
                    let (_, opened) = open(&disk, next).unwrap();
                    assert_eq!((opened.delivered, rows_on(&disk)), (40, rows_between(&log, next, 0, 40)));
                    if outcome.is_ok() {
                        break;
                    }
                    interrupted += 1;
                }
                assert!(interrupted > 15, "{interrupted}");
            }
        }
    }
}

#[test]
fn what_is_no_row_of_the_log_is_kept_when_its_file_goes() {
    let (disk, log) = written(Layout::Sensor);
    disk.append("a.csv", b"mine\n").unwrap();
    disk.append("b.csv", b"time,value\n").unwrap();
    let (_, opened) = open(&disk, Layout::Month).unwrap();
    let [Repair::Relaid(_), Repair::Csv(repair)] = &opened.repairs[..] else { panic!("{:?}", opened.repairs) };
    assert_eq!((repair.set_aside, repair.rows), (2, 0));
    assert_eq!(rows_on(&disk), rows_between(&log, Layout::Month, 0, 40));
    assert!(disk.files()["a.csv.damaged"].ends_with(b"mine\n") && disk.files().contains_key("b.csv.damaged"));
}

#[test]
fn only_rows_of_its_sensor_and_month_may_be_the_last_copy_of_what_a_file_holds_above_the_log() {
    for (sensor, month, cut) in [("a", "2026-11", 1), ("a", "2026-12", 0), ("Roof", "2026-11", 0)] {
        let (disk, _) = written(Layout::Month);
        let mut row = Vec::new();
        reading::append_row(62, dated(sensor, month, 1).as_bytes(), &mut row);
        disk.append("a+0.2026-11.csv", &row).unwrap();
        let opened = open(&disk, Layout::Month).unwrap().1;
        let [Repair::Csv(csv)] = &opened.repairs[..] else { panic!("{:?}", opened.repairs) };
        assert_eq!((csv.cut, csv.set_aside, csv.rows_aside), (cut, 1, cut), "{sensor} {month}");
    }
}

#[test]
fn a_cut_takes_rows_from_all_months_and_files_without_others() {
    for to in [0, 30] {
        let (disk, log) = written(Layout::Month);
        let mut storage = open(&disk, Layout::Month).unwrap().0;
        storage.tail().lock().unwrap().cut(to);
        storage.cut(to, None, None, 0).unwrap();
        assert_eq!(rows_on(&disk), rows_between(&log, Layout::Month, 0, to));
    }
}

#[test]
fn a_file_of_a_month_that_is_taken_away_is_written_again() {
    let (disk, log) = written(Layout::Month);
    let mut storage = open(&disk, Layout::Month).unwrap().0;
    disk.remove("a+0.2026-11.csv").unwrap();
    disk.append("a+0.2026-10.csv", b"mine\n").unwrap();
    storage.check_names().unwrap();
    assert_eq!(rows_on(&disk), rows_between(&log, Layout::Month, 0, 40));
    let told = storage.take_restored();
    assert_eq!((told[0].files, told[0].set_aside), (2, 1), "{told:?}");
}

#[test]
fn without_resume_state_says_first_that_files_of_months_follow() {
    let disk = MemoryDisk::new();
    let cleared = Options { resume: false, durable: false, ..options(Layout::Month) };
    drop(Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 5, cleared).unwrap());
    assert!(state(&disk).starts_with("version:2\n"));
    let cleared = Options { layout: Layout::Sensor, ..cleared };
    drop(Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 5, cleared).unwrap());
    assert!(state(&disk).starts_with("id:p\n"));
}

#[test]
fn a_directory_of_months_is_a_peers_own_and_counts_its_sensors() {
    let temp = TempDir::new();
    let id = "p".parse().unwrap();
    let disk = Arc::new(claim(temp.path(), &id).unwrap());
    let mut storage = Storage::open(Arc::clone(&disk), &id, 5, options(Layout::Month)).unwrap().0;
    storage.append(&readings(1, 1, "o/1")).unwrap();
    storage.deliver(30).unwrap();
    storage.flush().unwrap();
    drop((storage, disk));
    assert_eq!(others(temp.path(), &id).unwrap(), Vec::<String>::new());
    let last = last_readings(temp.path(), &id);
    let last: Vec<_> = last.iter().map(|(sensor, time)| (sensor.as_str(), &time[..7])).collect();
    assert_eq!(last, [("Roof", "2026-12"), ("a", "2026-12")]);
    let aside = claim_cleared(temp.path(), &id).unwrap().1.unwrap();
    assert!(aside.contains("held 30 rows of 2 sensors"), "{aside}");
    drop(claim_cleared(temp.path(), &id).unwrap());
}
