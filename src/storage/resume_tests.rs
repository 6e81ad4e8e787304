//! Tests of `resume.rs`, and of what it calls: what a storage finds of what earlier lives left.

use std::sync::Arc;

use super::testing::{frame, request};
use super::*;
use crate::wire::Range;

pub(super) const RESUME: Options = Options { resume: true, durable: true };

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
            (&Some(promised.clone()), &Some(synced.clone()), 5)
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
fn a_torn_journal_is_cut_and_its_rows_with_it() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append(&mut storage, &frame(1, 1, "a/1", 1, 5));
    append(&mut storage, &frame(1, 6, "a/1", 6, 5));
    storage.save_state(None, Some(&"1@l/1".parse().unwrap()), 10).unwrap();
    storage.deliver(10).unwrap();
    storage.flush().unwrap();
    let segment = "journal/00000000000000000001.log";
    disk.truncate(segment, disk.len(segment).unwrap() - 1).unwrap();
    let (storage, opened) = open(&disk);
    assert_eq!((storage.last(), opened.delivered, opened.needs), (5, 5, 0));
    let [torn, csv, short] = &opened.repairs[..] else { panic!("{:?}", opened.repairs) };
    assert!(matches!(torn, Repair::JournalTorn { last: 5, .. }), "{torn}");
    assert!(matches!(csv, Repair::Csv(CsvRepair { cut: 3, removed: 0, set_aside: 0, rows: 0, .. })), "{csv}");
    assert!(matches!(short, Repair::JournalShort { needs: 10, last: 5, .. }), "{short}");
}
