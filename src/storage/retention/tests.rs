//! What is removed is gone, what is kept is whole, and a crash at any point leaves one or the other.

mod surveys;

use std::sync::Arc;

use crate::ids::Sequence;
use crate::reading::CSV_HEADER;
use crate::storage::journal::names::segments_of;
use crate::storage::tests::support::{frame, request};
use crate::storage::*;
use crate::wire::{Base, Frame, Limits, Range, Request};

const LIMITS: Limits = Limits { age: None, bytes: Some(1) };
const OPTIONS: Options = Options {
    resume: true,
    durable: true,
    quorum: None,
    layout: Layout::Sensor,
    limits: Some(LIMITS),
    segment_bytes: Some(400),
};

fn open(disk: &MemoryDisk, options: Options) -> Result<(Storage<MemoryDisk>, Opened), StorageError> {
    Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 5, options)
}

/// A batch of three readings of `a/1`, that begins with this sequence.
fn batch(first: Sequence, keep: Option<Sequence>) -> Frame {
    Frame::build_with("1@l/1".parse().unwrap(), first, &[request("a/1", first, 3)], keep)
}

/// A storage with this many batches, all delivered.
fn filled(disk: &MemoryDisk, batches: u64) -> Storage<MemoryDisk> {
    let (mut storage, _) = open(disk, OPTIONS).unwrap();
    for first in (0..batches).map(|batch| batch * 3 + 1) {
        append(&mut storage, &batch(first, None));
    }
    storage.deliver(batches * 3).unwrap();
    storage.flush().unwrap();
    storage.sync().unwrap();
    storage
}

fn append(storage: &mut Storage<MemoryDisk>, frame: &Frame) {
    storage.tail().lock().unwrap().push(frame.clone());
    storage.append(frame).unwrap();
}

/// The sequences of all rows, sorted.
fn rows(disk: &MemoryDisk) -> Vec<Sequence> {
    let mut rows = Vec::new();
    for (path, bytes) in disk.files().iter().filter(|(path, _)| path.strip_suffix(".csv").is_some()) {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(CSV_HEADER), "{path}");
        rows.extend(lines.map(|row| row.split(',').next().unwrap().parse::<Sequence>().unwrap()));
    }
    rows.sort_unstable();
    rows
}

/// All that the log holds above its base.
fn log(storage: &Storage<MemoryDisk>) -> Vec<Frame> {
    let (reader, mut after, mut all) = (storage.journal.reader(), storage.base(), Vec::new());
    while let Read::Frames(frames) = reader.read_from(after, Sequence::MAX, reader.cuts(), 1000).unwrap() {
        after = frames.last().unwrap().last();
        all.extend(frames);
    }
    all
}

/// Asserts that rows, entries, and what is kept about those that are gone, are what they must be.
fn assert_whole(disk: &MemoryDisk, storage: &mut Storage<MemoryDisk>, opened: &Opened) {
    let (base, last) = (storage.base(), storage.last());
    assert_eq!((opened.base, opened.last, opened.delivered), (base, last, storage.delivered()));
    assert!(rows(disk).into_iter().eq(base + 1..=storage.delivered()), "{:?} after {base}", rows(disk));
    let frames = log(storage);
    assert_eq!(frames.first().map_or(last, |frame| frame.first() - 1), base);
    assert!(frames.windows(2).all(|pair| pair[0].last() + 1 == pair[1].first()));
    let told = storage.told_base().unwrap().unwrap_or_default();
    assert_eq!(told.last, base);
    assert!(opened.repairs.is_empty(), "{:?}", opened.repairs);
    let numbers: u64 = opened.origins.iter().map(|range| range.count).sum();
    assert_eq!(numbers, last, "each entry has its number");
}

fn removed(storage: &mut Storage<MemoryDisk>, to: Sequence) -> Removed {
    storage.remove(to);
    storage.finish_removals().unwrap();
    storage.take_removed().pop().expect("it was removed")
}

#[test]
fn what_is_removed_is_gone_and_the_rest_is_whole() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    let before = disk.files();
    let done = removed(&mut storage, 60);
    assert_eq!((done.asked, done.base, done.readings), (60, 60, 60));
    assert_eq!(done.newest.as_deref(), Some("2013-01-01T06:00:00Z"));
    let after = disk.files();
    let bytes = |files: &std::collections::BTreeMap<String, Vec<u8>>| -> u64 {
        let counts = |path: &&String| path.strip_suffix(".csv").is_some() || path.starts_with("journal/");
        files.iter().filter(|(path, _)| counts(path)).map(|(_, bytes)| bytes.len() as u64).sum()
    };
    assert_eq!(done.bytes, bytes(&before) - bytes(&after), "all that went is counted");
    assert!(done.bytes > 60 * 40);
    append(&mut storage, &batch(121, None));
    storage.deliver(123).unwrap();
    storage.flush().unwrap();
    drop(storage);
    let (mut storage, opened) = open(&disk, OPTIONS).unwrap();
    assert_whole(&disk, &mut storage, &opened);
    assert_eq!(opened.runs, [("1@l/1".parse().unwrap(), 1)]);
    assert!(disk.files()["state"].starts_with(b"version:2\n"), "an earlier version would take it for damaged");
    let again = removed(&mut storage, 60);
    assert_eq!((again.base, again.readings), (60, 0), "nothing goes twice");
}

#[test]
fn only_whole_batches_go_and_nothing_that_is_not_delivered() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    // The shortest that there is.
    append(&mut storage, &frame(1, 121, "a/1", 121, 1));
    for (to, base) in [(1, 0), (50, 48), (130, 120)] {
        assert_eq!(removed(&mut storage, to).base, base, "up to {to}");
    }
    assert_eq!((log(&storage).len(), rows(&disk).len()), (1, 0));
}

#[test]
fn a_reader_of_what_is_removed_meanwhile_is_told() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    *storage.tail().lock().unwrap() = Tail::new(120);
    let reader = storage.log_reader();
    assert!(matches!(reader.read(0, 120, 0, 100).unwrap(), Read::Frames(_)));
    removed(&mut storage, 60);
    assert_eq!(reader.read(59, 120, 0, 100).unwrap(), Read::Removed);
    assert!(matches!(reader.read(60, 120, 0, 100).unwrap(), Read::Frames(frames) if frames[0].first() == 61));
}

#[test]
fn a_file_that_is_taken_away_after_a_removal_is_restored_from_what_is_left() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    removed(&mut storage, 60);
    disk.remove("a1.csv").unwrap();
    storage.check_names().unwrap();
    assert!(rows(&disk).into_iter().eq(61..=120), "{:?}", rows(&disk));
}

#[test]
fn a_peer_that_asks_for_what_is_about_to_go_is_told_what_is_left_of_it() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    assert_eq!(storage.told_base().unwrap(), None);
    storage.remove(30);
    storage.remove(60);
    let told = storage.told_base().unwrap().unwrap();
    let origins = vec![Range { origin: "a/1".parse().unwrap(), first: 1, count: 60 }];
    assert_eq!(told, Base { last: 60, runs: vec![("1@l/1".parse().unwrap(), 1)], origins });
    assert!(storage.is_removing(), "files are still to go");
    *storage.tail().lock().unwrap() = Tail::new(120);
    assert_eq!(storage.log_reader().read(59, 120, 0, 100).unwrap(), Read::Removed, "nobody reads them any more");
    assert_eq!(storage.told_base().unwrap(), Some(told));
    storage.finish_removals().unwrap();
    assert_eq!(storage.take_removed().iter().map(|done| done.base).collect::<Vec<_>>(), [30, 60]);
}

#[test]
fn a_log_that_lacks_what_was_removed_begins_after_it() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    removed(&mut storage, 60);
    let told = storage.told_base().unwrap().unwrap();
    for (batches, options) in [(0, OPTIONS), (5, OPTIONS), (5, Options { limits: None, ..OPTIONS })] {
        let disk = MemoryDisk::new();
        let mut late = filled(&disk, batches);
        late.keep(&request("a/1", 58, 6)).unwrap();
        late.tail().lock().unwrap().begin_after(60);
        late.begin_after(&told).unwrap();
        let pending: Vec<Range> = late.pending.ranges().ranges().collect();
        assert_eq!(pending, [Range { origin: "a/1".parse().unwrap(), first: 61, count: 3 }]);
        for frame in log(&storage) {
            append(&mut late, &frame);
        }
        late.deliver(120).unwrap();
        late.flush().unwrap();
        drop(late);
        let (mut late, opened) = open(&disk, options).unwrap();
        assert_whole(&disk, &mut late, &opened);
        assert_eq!((late.base(), late.last(), log(&late)), (60, 120, log(&storage)));
    }
}

#[test]
fn a_cut_below_what_was_removed_leaves_nothing_and_keeps_the_rest_as_pending() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    removed(&mut storage, 60);
    storage.tail().lock().unwrap().cut(0);
    let returned = storage.cut(0, None, None, 120).unwrap();
    assert_eq!(returned, [Range { origin: "a/1".parse().unwrap(), first: 61, count: 60 }]);
    assert_eq!((storage.base(), storage.last(), rows(&disk)), (0, 0, Vec::new()));
    append(&mut storage, &batch(1, None));
    storage.deliver(3).unwrap();
    storage.flush().unwrap();
    drop(storage);
    let (mut storage, opened) = open(&disk, OPTIONS).unwrap();
    assert_whole(&disk, &mut storage, &opened);
    let under_quorum = Options { quorum: Some(2), ..OPTIONS };
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    removed(&mut storage, 60);
    drop(storage);
    let (mut storage, _) = open(&disk, under_quorum).unwrap();
    assert!(matches!(storage.cut(0, None, None, 0), Err(StorageError::CutsDelivered { .. })));
}

#[test]
fn a_cut_just_to_what_was_removed_leaves_a_log_that_begins_there() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    removed(&mut storage, 60);
    storage.tail().lock().unwrap().cut(60);
    let returned = storage.cut(60, None, None, 60).unwrap();
    assert_eq!(returned, [Range { origin: "a/1".parse().unwrap(), first: 61, count: 60 }]);
    assert_eq!((storage.base(), storage.last(), rows(&disk)), (60, 60, Vec::new()));
    drop(storage);
    let (mut storage, opened) = open(&disk, OPTIONS).unwrap();
    assert_whole(&disk, &mut storage, &opened);
}

#[test]
fn a_cut_takes_back_what_was_to_go_above_it_and_nothing_below() {
    for (to, stage) in [(120, "ordered"), (120, "begun"), (30, "ordered"), (30, "begun"), (30, "told")] {
        let disk = MemoryDisk::new();
        let mut storage = filled(&disk, 40);
        storage.survey(LIMITS, None);
        storage.remove(to);
        match stage {
            "begun" => (0..2).for_each(|_| storage.removal_step().unwrap()),
            // The rows that go are still there.
            "told" => assert_eq!(storage.told_base().unwrap().unwrap().last, to),
            _ => {}
        }
        storage.tail().lock().unwrap().cut(90);
        storage.cut(90, None, None, 90).unwrap();
        let base = if to <= 90 { to } else { 0 };
        assert_eq!((storage.is_removing(), storage.is_surveying()), (base > 0, false), "{to} {stage}");
        storage.finish_removals().unwrap();
        assert_eq!((storage.base(), storage.last()), (base, 90), "{to} {stage}");
        assert!(rows(&disk).into_iter().eq(base + 1..=90), "{to} {stage}: {:?}", rows(&disk));
        drop(storage);
        let (mut storage, opened) = open(&disk, OPTIONS).unwrap();
        assert_whole(&disk, &mut storage, &opened);
    }
}

#[test]
fn a_log_without_its_beginning_is_marked_even_where_state_was_lost() {
    let disk = MemoryDisk::new();
    removed(&mut filled(&disk, 40), 60);
    disk.remove("state").unwrap();
    drop(open(&disk, OPTIONS).unwrap());
    assert!(disk.files()["state"].starts_with(b"version:2\n"), "an earlier version would take it for damaged");
}

#[test]
fn what_was_ordered_to_go_goes_at_the_next_start_once_it_is_delivered_at_a_peer_with_limits() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    append(&mut storage, &batch(121, Some(33)));
    append(&mut storage, &batch(124, Some(61)));
    storage.deliver(123).unwrap();
    storage.flush().unwrap();
    drop(storage);
    let (mut storage, opened) = open(&disk, Options { limits: None, ..OPTIONS }).unwrap();
    assert_eq!((storage.base(), opened.keeps.as_slice()), (0, &[(126, 61)][..]), "without a limit nothing goes");
    assert_whole(&disk, &mut storage, &opened);
    drop(storage);
    let (mut storage, opened) = open(&disk, OPTIONS).unwrap();
    assert_eq!((storage.base(), opened.keeps.as_slice()), (30, &[(126, 61)][..]));
    assert_whole(&disk, &mut storage, &opened);
}

/// Does something to a storage and crashes within, at each point in turn. After each crash the next start finds one of
/// these bases, and everything whole.
fn crash_at_each_point(bases: &[Sequence], change: &dyn Fn(&mut Storage<MemoryDisk>) -> Result<(), StorageError>) {
    for power_cut in [false, true] {
        for at in 0.. {
            let disk = MemoryDisk::new();
            let mut storage = filled(&disk, 40);
            if bases[0] > 0 {
                removed(&mut storage, bases[0]);
                storage.sync().unwrap();
            }
            disk.crash_after(at);
            let result = change(&mut storage);
            drop(storage);
            disk.revive();
            if power_cut {
                disk.power_cut(at);
            }
            let (mut storage, opened) = open(&disk, OPTIONS).unwrap_or_else(|error| panic!("{at}: {error}"));
            assert!(bases.contains(&storage.base()), "{at}: {}", storage.base());
            // What a crash leaves anyway.
            let mut opened = opened;
            let is_usual = |repair: &Repair| match repair {
                Repair::PendingTorn { .. } | Repair::Csv(_) => true,
                Repair::PendingDamaged { .. } => power_cut,
                _ => false,
            };
            opened.repairs.retain(|repair| !is_usual(repair));
            assert_whole(&disk, &mut storage, &opened);
            if !power_cut {
                let segments = segments_of(&disk.list("journal").unwrap());
                let is_gone = segments.get(1).is_none_or(|second| *second > storage.base() + 1);
                assert!(is_gone, "{at}: {segments:?} after {}", storage.base());
                let names = disk.list("").unwrap();
                assert!(names.iter().all(|name| !name.ends_with(".damaged")), "{at}: {names:?}");
            }
            if result.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn a_crash_within_a_removal_leaves_the_log_before_it_or_after_it() {
    crash_at_each_point(&[0, 60], &|storage| {
        storage.remove(60);
        storage.finish_removals()
    });
    crash_at_each_point(&[30, 90], &|storage| {
        storage.remove(90);
        storage.finish_removals()
    });
}

#[test]
fn a_crash_within_a_new_beginning_leaves_the_log_before_it_or_after_it() {
    let origins = vec![Range { origin: "a/1".parse().unwrap(), first: 1, count: 240 }];
    let told = Base { last: 240, runs: vec![("1@l/1".parse().unwrap(), 1)], origins };
    crash_at_each_point(&[0, 240], &|storage| storage.begin_after(&told));
    crash_at_each_point(&[30, 240], &|storage| storage.begin_after(&told));
}

#[test]
fn a_crash_within_a_cut_to_nothing_leaves_what_it_had_not_removed() {
    crash_at_each_point(&[60, 0], &|storage| storage.cut(0, None, None, 0).map(drop));
}

#[test]
fn a_journal_whose_beginning_is_gone_without_a_word_is_set_aside_and_ordered_again() {
    for damage in [None, Some(3)] {
        let disk = MemoryDisk::new();
        let mut storage = filled(&disk, 40);
        removed(&mut storage, 60);
        drop(storage);
        match damage {
            Some(at) => disk.flip("base", at, 0),
            None => disk.remove("base").unwrap(),
        }
        let (storage, opened) = open(&disk, OPTIONS).unwrap();
        assert_eq!((storage.base(), storage.last()), (0, 0));
        let pending: u64 = opened.pending.iter().map(|range| range.count).sum();
        assert!(pending >= 60, "{pending} readings are to be ordered again");
        let told: Vec<String> = opened.repairs.iter().map(ToString::to_string).collect();
        let told = told.join("\n");
        assert!(told.contains("where 1 is to follow"), "{told}");
        assert_eq!(damage.is_some(), told.contains("base is damaged and was set aside"), "{told}");
    }
}

/// Each of this many lives under long names takes a line of a hundred bytes.
#[test]
fn nothing_goes_where_what_is_left_of_it_could_not_be_told() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk, OPTIONS).unwrap();
    let (lives, name) = (90 * 1024, "n".repeat(64));
    for batch in 0..lives / 1024 {
        let first = 1 + batch * 1024;
        let origin = |life| format!("{name}/{}", 1_764_111_600_000_000_000 + life).parse().unwrap();
        let of = |life| Request { origin: origin(life), ..request("a/1", 1, 1) };
        let requests: Vec<Request> = (first..first + 1024).map(of).collect();
        append(&mut storage, &Frame::build("1@l/1".parse().unwrap(), first, &requests));
    }
    storage.deliver(lives).unwrap();
    let done = removed(&mut storage, lives);
    assert_eq!((done.base, done.readings, done.bytes, done.too_much), (0, 0, 0, true));
    assert_eq!((storage.told_base().unwrap(), storage.base()), (None, 0));
    let done = removed(&mut storage, lives / 2);
    assert_eq!((done.base, done.too_much), (lives / 2, false), "half of it can be");
}
