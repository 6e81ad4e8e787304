//! Tests of `opening.rs` and of what it calls: what a storage finds in the files of earlier lives.

mod salvage;

use std::sync::Arc;

use crate::ids::{INCARNATION_MAX, NUMBER_MAX};
use crate::reading::HEADER_LINE;
use crate::storage::opening::start::TOLD_MAX;
use crate::storage::tests::support::{frame, request};
use crate::storage::*;
use crate::wire::{Lines, Range, Request};

pub(in crate::storage) const RESUME: Options = Options { resume: true, durable: true, ..Options::PLAIN };

fn range(origin: &str, first: u64, count: u64) -> Range {
    Range { origin: origin.parse().unwrap(), first, count }
}

fn open(disk: &MemoryDisk) -> (Storage<MemoryDisk>, Opened) {
    Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 1000, RESUME).unwrap()
}

fn append<D: Disk>(storage: &mut Storage<D>, frame: &Frame) {
    storage.tail().lock().unwrap().push(frame.clone());
    storage.append(frame).unwrap();
}

#[test]
fn a_resumed_life_finds_what_the_one_before_left() {
    let disk = MemoryDisk::new();
    let (mut storage, opened) = open(&disk);
    assert_eq!((opened.last, opened.repairs.len(), opened.incarnation), (0, 0, 1000));
    append(&mut storage, &frame(1, 1, "a/1", 1, 5));
    append(&mut storage, &frame(2, 6, "a/1", 6, 3));
    append(&mut storage, &frame(2, 9, "b/1", 1, 4));
    storage.keep(&request("b/1", 1, 9)).unwrap();
    let (promised, synced) = ("3@l/1".parse().unwrap(), "2@l/1".parse().unwrap());
    storage.save_state(Some(&promised), Some(&synced), 5).unwrap();
    storage.deliver(7).unwrap();
    storage.flush().unwrap();
    for incarnation in [1001, 1002] {
        let files = disk.files();
        let (storage, opened) = open(&disk);
        assert_eq!((storage.last(), storage.delivered()), (12, 7));
        assert_eq!((opened.last, opened.delivered, opened.incarnation), (12, 7, incarnation));
        assert_eq!(
            (&opened.promised, &opened.synced, opened.needs),
            (&Some(promised.clone()), &Some(synced.clone()), 12)
        );
        assert_eq!(opened.runs, [("1@l/1".parse().unwrap(), 1), (synced.clone(), 6)]);
        assert_eq!(opened.origins, [range("a/1", 1, 8), range("b/1", 1, 4)]);
        assert_eq!(opened.uncommitted, [(8, vec![range("a/1", 6, 3)]), (12, vec![range("b/1", 1, 4)])]);
        assert_eq!(opened.pending, [range("b/1", 1, 9)]);
        assert_eq!(opened.repairs, []);
        let mut after = disk.files();
        assert_ne!(after.insert("state".to_owned(), files["state"].clone()).as_ref(), Some(&files["state"]));
        assert_eq!(after, files);
    }
}

#[test]
fn a_stored_reading_that_no_source_may_give_any_more_is_still_read() {
    let line = "DATA|a|2013-01-01t06:00:60z|+1|007.5|\n";
    assert!(crate::reading::check_input(line.trim_end().as_bytes()).is_err());
    let request = |origin: &str| Request {
        origin: origin.parse().unwrap(),
        first: 1,
        lines: Lines::new(line.as_bytes().to_vec(), 1),
    };
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append(&mut storage, &Frame::build("1@l/1".parse().unwrap(), 1, &[request("a/1")]));
    storage.keep(&request("b/1")).unwrap();
    storage.deliver(1).unwrap();
    storage.flush().unwrap();
    let (storage, opened) = open(&disk);
    assert_eq!((storage.delivered(), opened.pending, opened.repairs), (1, vec![range("b/1", 1, 1)], vec![]));
    assert!(disk.files()["a.csv"].ends_with(b"\n1,2013-01-01t06:00:60z,a,+1,007.5,\n"));
}

#[test]
fn a_file_that_holds_only_rows_above_the_log_is_set_aside_with_them() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append(&mut storage, &frame(1, 1, "a/1", 1, 5));
    storage.deliver(5).unwrap();
    storage.flush().unwrap();
    let rows = (6..9).map(|sequence| format!("{sequence},2013-01-01T06:00:00Z,z,1,,\n")).collect::<Vec<_>>().concat();
    disk.append("z.csv", format!("{HEADER_LINE}{rows}").as_bytes()).unwrap();
    let (_, opened) = open(&disk);
    let [csv] = &opened.repairs[..] else { panic!("{:?}", opened.repairs) };
    let expected = CsvRepair { cut: 0, removed: 0, set_aside: 1, rows: 0, rows_aside: 3, files: 1, ..csv_repair(csv) };
    assert_eq!(csv_repair(csv), expected, "{csv}");
    assert!(disk.files()["z.csv.damaged"].ends_with(rows.as_bytes()));
}

#[test]
fn a_torn_journal_is_cut_and_its_rows_with_it() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append(&mut storage, &frame(1, 1, "a/1", 1, 5));
    let second = frame(1, 6, "a/1", 6, 5);
    append(&mut storage, &second);
    storage.save_state(None, Some(&"1@l/1".parse().unwrap()), 10).unwrap();
    storage.deliver(10).unwrap();
    storage.flush().unwrap();
    let segment = "journal/00000000000000000001.log";
    disk.truncate(segment, disk.len(segment).unwrap() - 1).unwrap();
    let (storage, opened) = open(&disk);
    assert_eq!((storage.last(), opened.delivered, opened.needs), (5, 5, NEEDS_ALL));
    let [torn, csv, short] = &opened.repairs[..] else { panic!("{:?}", opened.repairs) };
    let lost = second.bytes().len() as u64 - 1;
    assert!(matches!(torn, Repair::JournalTorn { last: 5, bytes, .. } if *bytes == lost), "{torn}");
    let rows_aside =
        CsvRepair { cut: 3, removed: 0, set_aside: 3, rows: 0, rows_aside: 5, files: 3, ..csv_repair(csv) };
    assert_eq!(csv_repair(csv), rows_aside, "{csv}");
    assert_eq!(
        csv.to_string(),
        "the CSV files in  did not agree with the log (a0.csv, a1.csv, a2.csv): 3 cut, 0 removed, 3 set aside as \
         *.damaged, 0 rows written from the journal; 5 rows that the log does not hold are kept there"
    );
    assert!(matches!(short, Repair::JournalShort { needs: 10, last: 5, .. }), "{short}");
}

#[test]
fn what_was_synced_holds_where_the_log_is_whole_and_falls_to_what_a_damaged_one_proves() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append(&mut storage, &frame(1, 1, "a/1", 1, 5));
    append(&mut storage, &frame(1, 6, "a/1", 6, 5));
    storage.save_state(None, Some(&"9@z/1".parse().unwrap()), 10).unwrap();
    for (bytes_lost, synced, needs) in [(0, "9@z/1", 10), (1, "1@l/1", NEEDS_ALL)] {
        disk.truncate(&segment(1), disk.len(&segment(1)).unwrap() - bytes_lost).unwrap();
        let opened = open(&disk).1;
        assert_eq!((opened.synced, opened.needs), (Some(synced.parse().unwrap()), needs));
    }
}

#[test]
fn a_batch_that_holds_what_is_no_reading_is_damage_and_the_peer_starts() {
    for (line, followed) in [("DATA|../../x|2013-01-01T06:00:00Z|1|2|3\n", true), ("DATA|a||=cmd()|\"|\r\n", false)] {
        let disk = MemoryDisk::new();
        let (mut storage, _) = open(&disk);
        append(&mut storage, &frame(1, 1, "a/1", 1, 5));
        let lines = crate::wire::Lines::new(line.into(), 1);
        let bad = Request { origin: "a/1".parse().unwrap(), first: 6, lines };
        append(&mut storage, &Frame::build("1@l/1".parse().unwrap(), 6, &[bad]));
        if followed {
            append(&mut storage, &frame(1, 7, "b/1", 1, 4));
        }
        let (storage, opened) = open(&disk);
        assert_eq!(storage.last(), 5);
        let [Repair::JournalDamaged { why, last: 5, readings, set_aside, .. }] = &opened.repairs[..] else {
            panic!("{:?}", opened.repairs)
        };
        assert!(why.contains("a reading is malformed"), "{why}");
        assert_eq!((*readings, set_aside.len()), (if followed { 4 } else { 0 }, 1));
        assert_eq!(opened.pending, if followed { vec![range("b/1", 1, 4)] } else { Vec::new() });
        assert_eq!(open(&disk).1.repairs, []);
    }
}

fn csv_repair(repair: &Repair) -> CsvRepair {
    let Repair::Csv(csv) = repair else { panic!("{repair}") };
    csv.clone()
}

/// Six batches of two readings each, in segments of two batches; all rows but the last two written.
fn three_segments(disk: &MemoryDisk) {
    let (mut storage, _) = open(disk);
    storage.journal.segment_bytes = 300;
    for batch in 0..6 {
        append(&mut storage, &frame(1 + batch / 3, batch * 2 + 1, "a/1", batch * 2 + 1, 2));
    }
    storage.deliver(10).unwrap();
    storage.flush().unwrap();
    storage.sync().unwrap();
    assert_eq!(disk.list("journal").unwrap().len(), 3);
}

fn segment(first: Sequence) -> String {
    format!("journal/{first:020}.log")
}

#[test]
fn a_state_that_cannot_be_vouched_for_is_told_of_and_falls_back_to_what_the_log_proves() {
    for missing in [true, false] {
        let disk = MemoryDisk::new();
        three_segments(&disk);
        start::check_state(&disk).unwrap();
        if missing {
            disk.remove("state").unwrap();
        } else {
            disk.replace("state", b"id:p", true).unwrap();
        }
        let files = disk.files();
        assert!(matches!(start::check_state(&disk), Err(StorageError::Damaged { .. })));
        assert_eq!(disk.files(), files);
        let (_, opened) = open(&disk);
        assert!(opened.state_damaged && matches!(opened.repairs[..], [Repair::State { .. }]), "{:?}", opened.repairs);
        let term = Some("2@l/1".parse().unwrap());
        assert_eq!((opened.promised, opened.synced, opened.needs), (term.clone(), term, 12));
        assert_eq!(disk.files().get("state.damaged").map(Vec::as_slice), (!missing).then_some(&b"id:p"[..]));
        let again = open(&disk).1;
        assert!(!again.state_damaged && again.repairs.is_empty());
    }
    for alone in [&segment(1)[..], "a.csv", "pending"] {
        let disk = MemoryDisk::new();
        disk.append(alone, b"x").unwrap();
        assert!(matches!(start::check_state(&disk), Err(StorageError::Damaged { .. })), "{alone}");
    }
    let empty = MemoryDisk::new();
    start::check_state(&empty).unwrap();
    assert!(!open(&empty).1.state_damaged);
}

#[test]
fn a_life_without_state_is_above_all_that_the_files_tell_of() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append(&mut storage, &frame(1, 1, "p/4000", 1, 2));
    storage.keep(&request("p/5000", 1, 1)).unwrap();
    storage.keep(&request("q/9000", 1, 1)).unwrap();
    disk.remove("state").unwrap();
    assert_eq!(open(&disk).1.incarnation, 5001);
    // It led in a later life, of which it has no reading.
    let (mut storage, _) = open(&disk);
    for (sequence, term) in [(3, "2@p/7000"), (4, "3@q/9000")] {
        append(&mut storage, &Frame::build(term.parse().unwrap(), sequence, &[request("a/1", sequence, 1)]));
    }
    disk.remove("state").unwrap();
    assert_eq!(open(&disk).1.incarnation, 7001);
}

/// A life is a time in nanoseconds since 1970.
#[test]
fn clocks_of_this_century_are_believed_and_four_billion_starts_after_them() {
    let year = 31_556_952_000_000_000;
    let (told, starts) = (TOLD_MAX, INCARNATION_MAX - TOLD_MAX);
    assert!(told > 140 * year && told < 150 * year && starts > 4_000_000_000, "{} years, {starts}", told / year);
}

#[test]
fn no_life_that_others_make_up_keeps_a_peer_from_its_next_starts() {
    let now = 1000;
    for (forged, lost) in [(5000, 5001), (TOLD_MAX, TOLD_MAX + 1), (TOLD_MAX + 1, now), (INCARNATION_MAX, now)] {
        let disk = MemoryDisk::new();
        let (mut storage, _) = open(&disk);
        append(&mut storage, &frame(1, 1, &format!("p/{forged}"), 1, 2));
        let led = Frame::build(format!("2@p/{forged}").parse().unwrap(), 3, &[request("a/1", 1, 1)]);
        append(&mut storage, &led);
        storage.keep(&request(&format!("p/{forged}"), 3, 1)).unwrap();
        // Where `state` is there, the words of others do not matter.
        assert_eq!(open(&disk).1.incarnation, now + 1);
        disk.remove("state").unwrap();
        for start in 0..5 {
            let opened = open(&disk).1;
            assert_eq!((opened.incarnation, opened.last), (lost + start, 3), "{forged}");
            assert!(format!("p/{}", opened.incarnation).parse::<crate::ids::Origin>().is_ok());
        }
    }
}

#[test]
fn a_life_at_the_end_of_all_numbers_is_followed_by_one_that_is_read() {
    for resume in [false, true] {
        let disk = MemoryDisk::new();
        let open = |now| {
            let options = Options { resume, ..RESUME };
            Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), now, options).unwrap().1
        };
        assert_eq!(open(NUMBER_MAX).incarnation, TOLD_MAX);
        let last = state::StateFile::new("p".parse().unwrap(), NUMBER_MAX, None);
        disk.replace("state", last.to_text().as_bytes(), true).unwrap();
        for _ in 0..3 {
            assert!(!open(1000).state_damaged);
        }
    }
}

#[test]
fn pending_that_is_torn_is_cut_and_damaged_replaced_by_all_that_is_whole() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    for first in [1, 3, 5] {
        storage.keep(&request("a/1", first, 2)).unwrap();
    }
    let whole = disk.files()["pending"].clone();
    disk.append("pending", &whole[..50]).unwrap();
    let (_, opened) = open(&disk);
    assert!(matches!(opened.repairs[..], [Repair::PendingTorn { bytes: 50, .. }]), "{:?}", opened.repairs);
    assert_eq!((&disk.files()["pending"], &opened.pending[..]), (&whole, &[range("a/1", 1, 6)][..]));
    let mut bytes = [&whole[..], &whole[..50]].concat();
    bytes[whole.len() / 2] ^= 4;
    disk.replace("pending", &bytes, true).unwrap();
    let (storage, opened) = open(&disk);
    let [Repair::PendingDamaged { bytes: lost, readings: 4, .. }] = opened.repairs[..] else {
        panic!("{:?}", opened.repairs)
    };
    assert_eq!(lost, whole.len() as u64 / 3 + 50, "one of three, and what is torn");
    assert_eq!(opened.pending, [range("a/1", 1, 2), range("a/1", 5, 2)]);
    assert_eq!(storage.recall(&range("a/1", 1, 9)).unwrap(), [request("a/1", 1, 2), request("a/1", 5, 2)]);
    assert_eq!(disk.files()["pending.damaged"], bytes);
    assert_eq!(open(&disk).1.repairs, []);
}

#[test]
fn with_syncs_every_segment_but_the_last_is_vouched_for() {
    let disk = MemoryDisk::new();
    let options = RESUME;
    let id = "p".parse().unwrap();
    let (mut storage, _) = Storage::open(Arc::new(disk.clone()), &id, 1000, options).unwrap();
    storage.journal.segment_bytes = 300;
    for batch in 0..6 {
        append(&mut storage, &frame(1, batch * 2 + 1, "a/1", batch * 2 + 1, 2));
    }
    assert_eq!(disk.list("journal").unwrap().len(), 3);
    disk.power_cut(7);
    disk.flip(&segment(5), 3, 1);
    assert_eq!(open(&disk).1.needs, NEEDS_ALL);
}

#[test]
fn what_was_kept_under_a_quorum_is_not_resumed_under_another() {
    let disk = MemoryDisk::new();
    let open = |resume, quorum| {
        let options = Options { resume, durable: true, quorum, ..Options::PLAIN };
        Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 1000, options)
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    assert_eq!(open(true, None), Ok(()));
    assert_eq!(open(true, Some(2)), Ok(()));
    let files = disk.files();
    for given in [None, Some(3)] {
        let why = open(true, given).unwrap_err();
        assert!(why.contains("was kept under --quorum 2") && why.contains("give --quorum 2"), "{why}");
        assert_eq!(disk.files(), files);
    }
    assert_eq!(open(true, Some(2)), Ok(()));
    assert_eq!(open(false, None), Ok(()));
    assert_eq!(open(true, Some(3)), Ok(()));
}
