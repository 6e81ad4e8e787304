//! Rows that wait to be written together: which files hold which rows, whatever else is done meanwhile.

use std::sync::Arc;

use crate::storage::tests::rows::{rows_between, rows_on};
use crate::storage::tests::support::{dated, frame_of};
use crate::storage::*;

fn open(disk: &MemoryDisk, layout: Layout) -> (Storage<MemoryDisk>, Opened) {
    let options = Options { resume: true, durable: true, layout, segment_bytes: Some(400), ..Options::PLAIN };
    Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 5, options).unwrap()
}

/// Ten batches of three readings each, of two sensors in turn; a month goes by with every third batch.
fn log() -> Vec<Frame> {
    let sensor = |sequence: u64| if sequence % 2 == 0 { "a" } else { "b" };
    let month = |batch: u64| format!("2026-{:02}", 1 + batch / 3);
    let batch = |batch: u64| {
        let sequences = batch * 3 + 1..=batch * 3 + 3;
        let origin = format!("o{batch}/1");
        frame_of(1, batch * 3 + 1, &origin, sequences.map(|at| dated(sensor(at), &month(batch), at)))
    };
    (0..10).map(batch).collect()
}

/// A storage with all of them, of which these rows were written, and those up to another one wait.
fn waiting(layout: Layout, written: Sequence, delivered: Sequence) -> (MemoryDisk, Storage<MemoryDisk>) {
    let disk = MemoryDisk::new();
    let mut storage = open(&disk, layout).0;
    for frame in log() {
        storage.tail().lock().unwrap().push(frame.clone());
        storage.append(&frame).unwrap();
    }
    storage.deliver(written).unwrap();
    storage.flush().unwrap();
    storage.deliver(delivered).unwrap();
    (disk, storage)
}

#[test]
fn rows_that_wait_are_in_no_file_until_they_are_written() {
    let (disk, mut storage) = waiting(Layout::Sensor, 9, 20);
    storage.sync().unwrap();
    storage.check_names().unwrap();
    assert_eq!((storage.delivered(), storage.written(), storage.waiting()), (20, 9, 11));
    assert_eq!(rows_on(&disk), rows_between(&log(), Layout::Sensor, 0, 9));
    storage.flush().unwrap();
    assert_eq!((storage.written(), storage.waiting()), (20, 0));
    assert_eq!(rows_on(&disk), rows_between(&log(), Layout::Sensor, 0, 20));
}

#[test]
fn what_writes_some_rows_writes_all_that_wait() {
    type Does = fn(&MemoryDisk, &mut Storage<MemoryDisk>);
    // What is done, and which rows the files hold then.
    let all: [(&str, Does, (Sequence, Sequence)); 5] = [
        (
            "another program takes a file away",
            |disk, storage| {
                disk.remove("a.csv").unwrap();
                storage.check_names().unwrap();
            },
            (0, 20),
        ),
        (
            "rows that wait are cut",
            |_, storage| {
                storage.tail().lock().unwrap().cut(15);
                storage.cut(15, None, None, 0).unwrap();
            },
            (0, 15),
        ),
        (
            "written rows are removed",
            |_, storage| {
                storage.remove(6);
                storage.finish_removals().unwrap();
            },
            (6, 20),
        ),
        (
            "rows that wait are removed",
            |_, storage| {
                storage.remove(12);
                storage.finish_removals().unwrap();
            },
            (12, 20),
        ),
        (
            "the log begins after them",
            |_, storage| {
                let base = crate::wire::Base { last: 40, ..crate::wire::Base::default() };
                storage.tail().lock().unwrap().begin_after(40);
                storage.begin_after(&base).unwrap();
            },
            (40, 40),
        ),
    ];
    for (what, does, (after, up_to)) in all {
        let (disk, mut storage) = waiting(Layout::Sensor, 9, 20);
        does(&disk, &mut storage);
        assert_eq!((storage.written(), storage.waiting()), (up_to, 0), "{what}");
        assert_eq!(rows_on(&disk), rows_between(&log(), Layout::Sensor, after, up_to), "{what}");
    }
}

#[test]
fn a_cut_above_the_rows_that_wait_leaves_them_waiting() {
    for (delivered, to) in [(20, 24), (21, 21)] {
        let (disk, mut storage) = waiting(Layout::Sensor, 9, delivered);
        storage.tail().lock().unwrap().cut(to);
        storage.cut(to, None, None, 0).unwrap();
        assert_eq!((storage.written(), storage.waiting()), (9, delivered - 9), "a cut to {to}");
        storage.flush().unwrap();
        assert_eq!(rows_on(&disk), rows_between(&log(), Layout::Sensor, 0, delivered), "a cut to {to}");
    }
}

#[test]
fn files_of_months_hold_everything_up_to_one_row() {
    let (disk, mut storage) = waiting(Layout::Month, 0, 0);
    let mut written = Vec::new();
    for up_to in 1..=30 {
        storage.deliver(up_to).unwrap();
        written.push(storage.written());
        assert_eq!(rows_on(&disk), rows_between(&log(), Layout::Month, 0, storage.written()), "{up_to}");
    }
    written.dedup();
    assert_eq!(written, [0, 9, 18, 27], "once the first sensor goes on in another month");
}

#[test]
fn wherever_a_crash_comes_all_rows_are_there_again() {
    for layout in [Layout::Sensor, Layout::Month] {
        for (removes, power) in [(None, false), (None, true), (Some(6), false), (Some(12), false), (Some(12), true)] {
            let mut interrupted = 0;
            for changes in 0..60 {
                let (disk, mut storage) = waiting(layout, 9, 20);
                storage.sync().unwrap();
                disk.crash_after(changes);
                let goes_on = |storage: &mut Storage<MemoryDisk>| {
                    if let Some(to) = removes {
                        storage.remove(to);
                    }
                    storage.finish_removals()?;
                    storage.flush()
                };
                interrupted += usize::from(goes_on(&mut storage).is_err());
                if power {
                    disk.power_cut(changes);
                }
                disk.revive();
                drop(storage);
                let (mut storage, opened) = open(&disk, layout);
                assert!(opened.base <= opened.delivered && opened.last == 30, "{layout:?} {changes}");
                storage.deliver(30).unwrap();
                storage.flush().unwrap();
                assert_eq!(rows_on(&disk), rows_between(&log(), layout, opened.base, 30), "{layout:?} {changes}");
            }
            assert!(interrupted > 1, "{layout:?} {removes:?}: {interrupted}");
        }
    }
}
