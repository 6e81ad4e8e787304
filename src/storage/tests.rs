//! Tests of `storage.rs`, `opening/start.rs` and `journal/log_reader.rs`: the files of a peer together.

pub(super) mod crash;
mod csv_resume;
mod cut;
mod damage;
mod file_names;
mod months;
mod resume;
pub(super) mod rows;
mod steady;
pub(super) mod support;
mod waiting;

use std::collections::BTreeSet;
use std::sync::mpsc;

use proptest::prelude::*;

use super::*;
use crate::reading::{append_row, HEADER_LINE};
use crate::storage::disk::recording::Recording;
use support::{frame, payload, request, TempDir};

fn open<D: Disk>(disk: D, now: Incarnation) -> Storage<D> {
    Storage::open(Arc::new(disk), &"p".parse().unwrap(), now, Options { durable: true, ..Options::default() })
        .unwrap()
        .0
}

/// Appends as the driver does: tail first.
fn append<D: Disk>(storage: &mut Storage<D>, frame: &Frame) {
    storage.tail().lock().unwrap().push(frame.clone());
    storage.append(frame).unwrap();
}

fn cut<D: Disk>(storage: &mut Storage<D>, to: Sequence) -> Vec<Range> {
    storage.tail().lock().unwrap().cut(to);
    storage.cut(to, None, None, 0).unwrap()
}

#[test]
fn a_new_life_has_a_higher_incarnation_and_nothing_else_of_the_old_one() {
    let disk = MemoryDisk::new();
    let mut storage = open(disk.clone(), 1000);
    append(&mut storage, &frame(1, 1, "a/1", 1, 5));
    storage.deliver(5).unwrap();
    storage.flush().unwrap();
    storage.keep(&request("a/1", 6, 1)).unwrap();
    storage.save_state(Some(&"3@x/1".parse().unwrap()), None, 2).unwrap();
    assert_eq!(disk.files().len(), 6);
    for (now, incarnation) in [(999, 1001), (1001, 1002), (2000, 2000)] {
        let opened = Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), now, Options::default()).unwrap();
        assert_eq!((opened.0.last(), opened.0.delivered(), opened.1.incarnation), (0, 0, incarnation));
        assert_eq!(disk.files().into_keys().collect::<Vec<_>>(), ["state"]);
    }
}

#[test]
fn under_a_quorum_a_cut_of_delivered_rows_is_refused_and_changes_nothing() {
    for quorum in [Some(2), None] {
        let options = Options { durable: true, quorum, ..Options::default() };
        let disk = Arc::new(Recording::default());
        let mut storage = Storage::open(Arc::clone(&disk), &"p".parse().unwrap(), 1, options).unwrap().0;
        append(&mut storage, &frame(1, 1, "a/1", 1, 3));
        assert_eq!(cut(&mut storage, 0).len(), 1, "nothing is delivered");
        append(&mut storage, &frame(1, 1, "a/1", 1, 3));
        append(&mut storage, &frame(1, 4, "a/1", 4, 3));
        append(&mut storage, &frame(1, 7, "a/1", 7, 3));
        storage.deliver(6).unwrap();
        let before = (disk.disk.files(), disk.changes.lock().unwrap().len());
        // The end of a batch, and within one that is delivered.
        for to in [3, 0, 5].into_iter().filter(|_| quorum.is_some()) {
            let error = storage.cut(to, None, None, to).unwrap_err();
            assert!(matches!(error, StorageError::CutsDelivered { delivered: 6, .. }), "{error}");
            assert!(error.to_string().contains("rows up to 6 are delivered"), "{error}");
            assert_eq!((disk.disk.files(), disk.changes.lock().unwrap().len()), before);
        }
        assert_eq!(cut(&mut storage, 6), [Range { origin: "a/1".parse().unwrap(), first: 7, count: 3 }]);
        assert_eq!((storage.last(), storage.delivered()), (6, 6));
        if quorum.is_none() {
            assert_eq!(cut(&mut storage, 3).len(), 1);
            assert_eq!(storage.delivered(), 3);
        }
    }
}

#[test]
fn after_an_interrupted_start_the_next_life_is_a_later_one() {
    for fail_from in 0..8 {
        let old = MemoryDisk::new();
        let mut storage = open(old.clone(), 1000);
        append(&mut storage, &frame(1, 1, "a/1", 1, 5));
        storage.deliver(5).unwrap();
        storage.flush().unwrap();
        let disk = Recording { disk: old.clone(), fail_from: Some(fail_from), ..Recording::default() };
        let interrupted = Storage::open(Arc::new(disk), &"p".parse().unwrap(), 5, Options::default());
        let next = Storage::open(Arc::new(old), &"p".parse().unwrap(), 5, Options::default()).unwrap().1.incarnation;
        assert_eq!(interrupted.is_ok(), fail_from > 4);
        assert_eq!(next, if fail_from == 0 { 1001 } else { 1002 });
    }
}

#[test]
fn a_damaged_state_is_told_of_and_another_peers_is_refused() {
    let disk = MemoryDisk::new();
    drop(open(disk.clone(), 1000));
    let error = Storage::open(Arc::new(disk.clone()), &"q".parse().unwrap(), 1, Options::default()).unwrap_err();
    assert!(error.to_string().contains("belongs to the peer p"), "{error}");
    disk.replace("state", b"", false).unwrap();
    let (_, opened) = Storage::open(Arc::new(disk.clone()), &"q".parse().unwrap(), 7, Options::default()).unwrap();
    assert_eq!(opened.incarnation, 7);
    assert!(opened.state_damaged && matches!(opened.repairs[..], [Repair::State { set_aside: None, .. }]));
}

#[test]
fn a_cut_is_made_on_disk_in_an_order_that_loses_nothing() {
    let mut storage = open(Recording::default(), 1);
    append(&mut storage, &frame(1, 1, "a/1", 1, 3));
    append(&mut storage, &frame(1, 4, "a/1", 4, 3));
    append(&mut storage, &frame(2, 7, "b/9", 1, 1));
    storage.deliver(6).unwrap();
    storage.flush().unwrap();
    storage.disk.changes.lock().unwrap().clear();
    let range = |origin: &str, first, count| Range { origin: origin.parse().unwrap(), first, count };
    assert_eq!(cut(&mut storage, 3), [range("a/1", 4, 3), range("b/9", 1, 1)]);
    let changes = std::mem::take(&mut *storage.disk.changes.lock().unwrap());
    let journal = ["truncate journal/00000000000000000001.log", "sync journal/00000000000000000001.log"];
    // Each new file is on the platter before it takes the place of the old, and its name before the log is shorter.
    let beside = |name: &str| {
        [format!("copy {name} {name}.tmp"), format!("sync {name}.tmp"), format!("rename {name}.tmp {name}")]
    };
    let rows = [&["a1.csv", "a2.csv", "a0.csv"].map(beside).concat()[..], &["sync names of \"\"".to_owned()]].concat();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let before = ["append pending", "append pending", "sync pending", journal[1], "replace state true"];
    assert_eq!(changes, [&before[..], &rows, &journal].concat());
    assert_eq!((storage.last(), storage.delivered()), (3, 3));
    assert_eq!(storage.recall(&range("a/1", 1, 99)).unwrap(), [request("a/1", 4, 3)]);
}

#[test]
fn a_cut_within_a_batch_is_made_before_it_on_disk_and_in_memory() {
    let mut storage = open(MemoryDisk::new(), 1);
    for first in [1, 4, 7] {
        append(&mut storage, &frame(1, first, "a/1", first, 3));
    }
    storage.deliver(9).unwrap();
    let range = |first, count| Range { origin: "a/1".parse().unwrap(), first, count };
    // The second was decided before the first was made.
    let tail = storage.tail();
    tail.lock().unwrap().cut(8);
    tail.lock().unwrap().cut(8);
    assert_eq!(storage.cut(8, None, None, 8).unwrap(), [range(7, 3)]);
    assert_eq!(storage.cut(8, None, None, 8).unwrap(), []);
    assert_eq!((storage.last(), storage.delivered(), storage.state.needs), (6, 6, 6));
    assert_eq!(cut(&mut storage, 1), [range(1, 6)]);
    append(&mut storage, &frame(2, 1, "b/1", 1, 1));
    assert_eq!((storage.last(), tail.lock().unwrap().last()), (1, 1));
}

#[test]
fn what_a_cut_returns_is_one_range_where_numbers_of_one_origin_follow() {
    let mut storage = open(MemoryDisk::new(), 1);
    for (at, (origin, first)) in (0..).zip([("a/1", 1), ("a/1", 4), ("a/1", 9), ("b/1", 12)]) {
        append(&mut storage, &frame(1, 3 * at + 1, origin, first, 3));
    }
    let range = |origin: &str, first, count| Range { origin: origin.parse().unwrap(), first, count };
    assert_eq!(cut(&mut storage, 0), [range("a/1", 1, 6), range("a/1", 9, 3), range("b/1", 12, 3)]);
}

#[derive(Debug, Clone)]
enum Step {
    Append { origin: usize, count: u64 },
    Keep { origin: usize, first: u64, count: u64 },
    Cut { batches: usize },
    Deliver { share: u64 },
    Flush,
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_usize..2, 1_u64..300).prop_map(|(origin, count)| Step::Append { origin, count }),
        1 => (0_usize..2, 1_u64..2000, 1_u64..50).prop_map(|(origin, first, count)| Step::Keep { origin, first, count }),
        1 => (0_usize..8).prop_map(|batches| Step::Cut { batches }),
        3 => (0_u64..=10).prop_map(|share| Step::Deliver { share }),
        1 => Just(Step::Flush),
        1 => Just(Step::Sync),
    ];
    prop::collection::vec(step, 1..80)
}

const ORIGINS: [&str; 2] = ["a/1", "b/1"];

/// What the CSV files, put together, must hold.
fn rows(log: &[(usize, u64)], delivered: Sequence) -> BTreeSet<Vec<u8>> {
    let delivered = usize::try_from(delivered).unwrap();
    let row = |(sequence, (origin, number)): (u64, &(usize, u64))| {
        let mut row = Vec::new();
        append_row(sequence, payload(ORIGINS[*origin], *number).as_bytes(), &mut row);
        row
    };
    (1..).zip(&log[..delivered]).map(row).collect()
}

fn rows_on<D: Disk>(disk: &D) -> BTreeSet<Vec<u8>> {
    let mut rows = BTreeSet::new();
    for file in disk.list("").unwrap() {
        if file.strip_suffix(".csv").is_none() {
            continue;
        }
        let bytes = disk.read(&file, 0, 1 << 24).unwrap();
        let lines = bytes.strip_prefix(HEADER_LINE.as_bytes()).unwrap();
        assert!(lines.split_inclusive(|byte| *byte == b'\n').all(|row| rows.insert(row.to_owned())), "a row twice");
    }
    rows
}

/// Takes the same steps with a storage and with a model (a list of entries, a set of pending readings), and compares.
fn check_against_a_model<D: Disk>(disk: D, steps: Vec<Step>) {
    let mut storage = open(disk, 1);
    let mut log: Vec<(usize, u64)> = Vec::new();
    let mut ends = vec![0];
    let mut pending: BTreeSet<(usize, u64)> = BTreeSet::new();
    for step in steps {
        match step {
            Step::Append { origin, count } => {
                let last = log.len() as u64;
                let first = 1 + log.iter().filter(|(of, _)| *of == origin).count() as u64;
                append(&mut storage, &frame(1, last + 1, ORIGINS[origin], first, count));
                log.extend((first..first + count).map(|number| (origin, number)));
                ends.push(last + count);
            }
            Step::Keep { origin, first, count } => {
                storage.keep(&request(ORIGINS[origin], first, count)).unwrap();
                pending.extend((first..first + count).map(|number| (origin, number)));
            }
            Step::Cut { batches } => {
                ends.truncate(ends.len().saturating_sub(batches).max(1));
                let to = *ends.last().unwrap();
                let returned = cut(&mut storage, to);
                let returned = returned.iter().flat_map(|range| {
                    let origin = ORIGINS.iter().position(|origin| *origin == range.origin.to_string()).unwrap();
                    (range.first..=range.last()).map(move |number| (origin, number))
                });
                let above = log.split_off(usize::try_from(to).unwrap());
                assert_eq!(returned.collect::<Vec<_>>(), above);
                pending.extend(above);
            }
            Step::Deliver { share } => {
                let before = usize::try_from(storage.delivered()).unwrap();
                let to = storage.delivered() + (storage.last() - storage.delivered()) * share / 10;
                storage.deliver(to).unwrap();
                for entry in &log[before..usize::try_from(to).unwrap()] {
                    pending.remove(entry);
                }
            }
            Step::Flush => {
                storage.flush().unwrap();
                assert_eq!(rows_on(&*storage.disk), rows(&log, storage.delivered()));
            }
            Step::Sync => storage.sync().unwrap(),
        }
        assert_eq!(storage.last(), log.len() as u64);
    }
    storage.flush().unwrap();
    assert_eq!(rows_on(&*storage.disk), rows(&log, storage.delivered()));
    for (origin, name) in ORIGINS.into_iter().enumerate() {
        let all = Range { origin: name.parse().unwrap(), first: 1, count: 1 << 32 };
        let recalled = storage.recall(&all).unwrap();
        let numbers: Vec<_> = recalled.iter().flat_map(|part| part.first..=part.range().last()).collect();
        assert_eq!(numbers, pending.iter().filter(|(of, _)| *of == origin).map(|(_, n)| *n).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_a_log_its_rows_and_a_set_of_pending_readings_in_memory(steps in steps()) {
        check_against_a_model(MemoryDisk::new(), steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn it_is_a_log_its_rows_and_a_set_of_pending_readings_on_disk(steps in steps()) {
        let (_temp, disk) = TempDir::disk("p");
        check_against_a_model(disk, steps);
    }
}

#[test]
fn what_is_no_longer_in_memory_is_read_and_delivered_from_the_journal() {
    let disk = MemoryDisk::new();
    let mut storage = open(disk.clone(), 1);
    for at in 0..300 {
        append(&mut storage, &frame(1, at * 1000 + 1, "some-origin-of-readings/1", at * 1000 + 1, 1000));
    }
    assert!(matches!(storage.tail().lock().unwrap().after(0, 0, 1), TailRead::Older { .. }));
    let reader = storage.log_reader();
    let mut after = 0;
    while let Read::Frames(frames) = reader.read(after, 290_500, 0, 300_000).unwrap() {
        for frame in frames {
            assert_eq!(frame.first(), after + 1);
            after = frame.last();
        }
    }
    assert_eq!(after, 291_000);
    storage.deliver(299_999).unwrap();
    storage.flush().unwrap();
    assert_eq!(rows_on(&disk).len(), 299_999);
}

#[test]
fn a_log_reader_hears_of_a_cut_made_while_it_reads_the_journal() {
    for (to, disk_too) in [(0, false), (0, true), (100_000, false)] {
        let mut storage = open(Recording::default(), 1);
        for at in 0..300 {
            append(&mut storage, &frame(1, at * 1000 + 1, "some-origin-of-readings/1", at * 1000 + 1, 1000));
        }
        let (disk, tail, reader) = (Arc::clone(&storage.disk), storage.tail(), storage.log_reader());
        disk.before_next_read(move || {
            tail.lock().unwrap().cut(to);
            if disk_too {
                storage.cut(to, None, None, 0).unwrap();
            }
        });
        assert_eq!(reader.read(50_000, Sequence::MAX, 0, 1000).unwrap(), Read::Cut);
    }
}

#[test]
fn a_reader_that_knows_of_a_cut_is_not_disturbed_when_the_storage_makes_it() {
    let mut storage = open(Recording::default(), 1);
    for at in 0..300 {
        append(&mut storage, &frame(1, at * 1000 + 1, "some-origin-of-readings/1", at * 1000 + 1, 1000));
    }
    let (disk, reader) = (Arc::clone(&storage.disk), storage.log_reader());
    storage.tail().lock().unwrap().cut(200_000);
    disk.before_next_read(move || drop(storage.cut(200_000, None, None, 0).unwrap()));
    let Read::Frames(frames) = reader.read(50_000, Sequence::MAX, 1, 1).unwrap() else { panic!("it is there") };
    assert_eq!((frames.len(), frames[0].first()), (1, 50_001));
}

#[test]
fn a_log_reader_gets_the_log_after_the_cuts_it_names_however_late_the_storage_is() {
    let mut storage = open(MemoryDisk::new(), 1);
    let (tail, reader) = (storage.tail(), storage.log_reader());
    // The incarnation of the origin tells how often the log was cut before its readings were ordered.
    let batch = |cuts: u64, at: u64| frame(1, at * 1000 + 1, &format!("some-origin-of-readings/{cuts}"), 1, 1000);
    let (work, inbox) = mpsc::sync_channel::<Option<Frame>>(50);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for work in inbox {
                match work {
                    Some(frame) => storage.append(&frame).unwrap(),
                    None => drop(storage.cut(5000, None, None, 0).unwrap()),
                }
            }
        });
        let checking = scope.spawn(|| loop {
            let cuts = tail.lock().unwrap().cuts();
            // From memory, from the journal, and across the border between them.
            for after in (5000..300_000).step_by(20_000) {
                if let Read::Frames(frames) = reader.read(after, Sequence::MAX, cuts, 1 << 20).unwrap() {
                    assert_eq!(frames[0].first(), after + 1);
                    assert!(frames.iter().all(|frame| frame.ranges()[0].origin.incarnation == cuts), "{frames:?}");
                }
            }
            if cuts == 12 {
                break;
            }
        });
        let push = |frame: Frame| {
            tail.lock().unwrap().push(frame.clone());
            work.send(Some(frame)).unwrap();
        };
        (0..5).for_each(|at| push(batch(0, at)));
        for cuts in 0..12 {
            (5..300).for_each(|at| push(batch(cuts, at)));
            tail.lock().unwrap().cut(5000);
            work.send(None).unwrap();
        }
        drop(work);
        checking.join().unwrap();
    });
}
