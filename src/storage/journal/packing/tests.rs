//! Packing, whatever comes in between: cuts, readers, a full disk, a dying process, a power loss.

mod damaged;

use std::sync::Arc;

use super::*;
use crate::storage::disk::memory::MemoryDisk;
use crate::storage::disk::recording::Recording;
use crate::storage::disk::ReadDisk;
use crate::storage::error::fault::Fault;
use crate::storage::journal::names::segments_of;
use crate::storage::journal::Read;
use crate::storage::tests::support::{frame, payload, TempDir};
use crate::storage::{Inspection, Opened, Options, Piece, Repair, Storage};
use crate::wire::{Frame, Lines, Request};

/// Batches of a slow group: one reading each, of two peers in turn, as `leader` ordered them.
fn slow_batches(count: u64) -> Vec<Frame> {
    let reading = |sequence: u64| {
        let origin = if sequence % 2 == 0 { "kitchen/1766500000000" } else { "roof/1766500000001" };
        let number = sequence / 2 + 1;
        let lines = Lines::new(format!("{}\n", payload(origin, number)).into_bytes(), 1);
        Frame::build(
            "3@roof/1766500000001".parse().unwrap(),
            sequence,
            &[Request { origin: origin.parse().unwrap(), first: number, lines }],
        )
    };
    (1..=count).map(reading).collect()
}

/// A journal with several segments, of several blocks each.
fn filled<D: Disk>(disk: &Arc<D>, batches: &[Frame]) -> Journal<D> {
    let mut journal = Journal::new(Arc::clone(disk));
    (journal.segment_bytes, journal.block_bytes) = (2000, 500);
    for batch in batches {
        journal.append(batch).unwrap();
    }
    journal
}

fn pack_all<D: Disk>(journal: &mut Journal<D>) {
    pack_up_to(journal, Sequence::MAX - 1);
}

fn pack_up_to<D: Disk>(journal: &mut Journal<D>, up_to: Sequence) {
    loop {
        match journal.pack(up_to).unwrap() {
            Packed::Piece => {}
            Packed::Nothing => return,
            Packed::Left(error) => panic!("{error}"),
        }
    }
}

/// The same, as a peer does it.
fn pack_delivered(storage: &mut Storage<MemoryDisk>) {
    pack_up_to(&mut storage.journal, storage.delivered);
}

fn read_all<D: Disk>(journal: &Journal<D>, mut after: Sequence) -> Vec<Frame> {
    let mut all = Vec::new();
    while let Read::Frames(frames) = journal.reader().read_from(after, Sequence::MAX, journal.cuts(), 700).unwrap() {
        after = frames.last().unwrap().last();
        all.extend(frames);
    }
    all
}

fn names(disk: &MemoryDisk) -> Vec<String> {
    disk.list(DIR).unwrap()
}

fn open(disk: &MemoryDisk) -> (Storage<MemoryDisk>, Opened) {
    let options = Options { resume: true, ..Options::default() };
    Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 1, options).unwrap()
}

/// Appends and delivers some batches, in several segments.
fn append_all(storage: &mut Storage<MemoryDisk>, batches: &[Frame]) {
    (storage.journal.segment_bytes, storage.journal.block_bytes) = (2000, 500);
    for batch in batches {
        storage.append(batch).unwrap();
    }
    storage.deliver(batches.len() as u64).unwrap();
}

#[test]
fn packed_segments_read_as_before_and_take_much_less_room() {
    let (disk, batches) = (Arc::new(MemoryDisk::new()), slow_batches(120));
    let mut journal = filled(&disk, &batches);
    let plain = disk.files();
    pack_all(&mut journal);
    let packed = disk.files();
    let (last, full) = plain.keys().collect::<Vec<_>>().split_last().map(|(last, full)| (*last, full.len())).unwrap();
    assert!(full > 4 && packed[last] == plain[last], "what is still added to stays plain");
    assert_eq!(packed.keys().filter(|name| is_packed(name.strip_prefix("journal/").unwrap())).count(), full);
    for after in 0..120 {
        assert_eq!(read_all(&journal, after), batches[usize::try_from(after).unwrap()..], "{after}");
    }
    for (path, bytes) in journal.files() {
        assert_eq!(disk.len(&path).unwrap(), bytes, "{path}");
    }
    let bytes = |files: std::collections::BTreeMap<String, Vec<u8>>| files.values().map(Vec::len).sum::<usize>();
    assert!(bytes(packed) * 2 < bytes(plain), "and blocks of 128 KiB pack better than these");
}

#[test]
fn only_what_is_full_and_below_a_sequence_is_packed() {
    let (disk, batches) = (Arc::new(MemoryDisk::new()), slow_batches(60));
    let mut journal = filled(&disk, &batches);
    let segments = segments_of(&names(&disk));
    let packed = journal.pack(segments[1] - 2).unwrap();
    assert!(matches!(packed, Packed::Nothing), "its last batch may still be cut");
    pack_up_to(&mut journal, segments[1] - 1);
    assert_eq!(names(&disk).iter().filter(|name| is_packed(name)).count(), 1);
}

#[test]
fn a_packed_log_is_cut_at_any_batch_and_goes_on_from_there() {
    let batches = slow_batches(50);
    for keep in 0..50 {
        let disk = Arc::new(MemoryDisk::new());
        let mut journal = filled(&disk, &batches);
        // Some cuts come while a segment is being packed.
        for _ in 0..keep * 2 {
            journal.pack(Sequence::MAX - 1).unwrap();
        }
        journal.cut(keep, keep % 2 == 0).unwrap();
        let kept = usize::try_from(keep).unwrap();
        assert_eq!(read_all(&journal, 0), batches[..kept], "{keep}");
        let next = frame(9, keep + 1, "a/1", 1, 2);
        journal.append(&next).unwrap();
        pack_all(&mut journal);
        assert_eq!(read_all(&journal, 0), [&batches[..kept], &[next]].concat(), "{keep}");
        assert!(names(&disk).iter().all(|name| !is_unfinished(name)));
        assert_eq!(names(&disk).len(), segments_of(&names(&disk)).len());
    }
}

#[test]
fn a_segment_that_is_removed_while_it_is_packed_leaves_nothing() {
    let batches = slow_batches(60);
    let mut later = 0;
    for pieces in 0..15 {
        let disk = Arc::new(MemoryDisk::new());
        let mut journal = filled(&disk, &batches);
        let base = segments_of(&names(&disk))[1] - 1;
        for _ in 0..pieces {
            assert!(matches!(journal.pack(Sequence::MAX - 1).unwrap(), Packed::Piece));
        }
        let next = unfinished_path(&packed_path(base + 1));
        let is_begun = disk.files().contains_key(&next);
        journal.remove(base).unwrap();
        assert_eq!(disk.files().contains_key(&next), is_begun, "what is packed of another one stays");
        later += u32::from(is_begun);
        pack_all(&mut journal);
        assert_eq!(read_all(&journal, base), batches[usize::try_from(base).unwrap()..], "after {pieces} pieces");
        let files: Vec<(String, u64)> = journal.files().collect();
        let there: Vec<_> = disk.files().into_iter().map(|(path, bytes)| (path, bytes.len() as u64)).collect();
        assert_eq!(there, files, "after {pieces} pieces");
    }
    assert!((1..15).contains(&later), "{later} removals come while the next segment is packed");
}

#[test]
fn a_segment_is_packed_while_somebody_reads_it() {
    let (disk, batches) = (Arc::new(Recording::default()), slow_batches(30));
    let mut journal = filled(&disk, &batches);
    let reader = journal.reader();
    disk.before_next_read(move || pack_all(&mut journal));
    let Read::Frames(frames) = reader.read_from(3, 30, 0, 10_000).unwrap() else { panic!("it is there") };
    assert_eq!(frames[0], batches[3]);
    assert!(is_packed(&disk.disk.list(DIR).unwrap()[0]));
}

#[test]
fn on_a_full_disk_the_segment_stays_and_is_packed_once_there_is_room() {
    let batches = slow_batches(30);
    let whole = { filled(&Arc::new(MemoryDisk::new()), &batches).reader.disk.files() };
    let used: usize = whole.values().map(Vec::len).sum();
    for room in (0..700).step_by(13) {
        let disk = Arc::new(MemoryDisk::new());
        let mut journal = filled(&disk, &batches);
        disk.set_capacity(used + room);
        let error = loop {
            match journal.pack(Sequence::MAX - 1).unwrap() {
                Packed::Left(error) => break Some(error),
                _ if names(&disk).iter().any(|name| is_packed(name)) => break None,
                _ => {}
            }
        };
        let Some(error) = error else { continue };
        assert!(matches!(error, StorageError::Io { fault: Fault::Full(_), .. }), "{error}");
        assert_eq!(disk.files(), whole, "{room}");
        disk.set_capacity(usize::MAX);
        let next = frame(9, 31, "a/1", 1, 60);
        journal.append(&next).unwrap();
        pack_all(&mut journal);
        assert_eq!(read_all(&journal, 0), [&batches[..], &[next]].concat());
        assert_eq!(names(&disk).iter().filter(|name| !is_packed(name)).count(), 1);
    }
}

#[test]
fn any_operation_may_fail_and_the_log_is_whole() {
    let batches = slow_batches(30);
    let whole = Arc::new(Recording::default());
    pack_up_to(&mut filled(&whole, &batches), 14);
    let operations = whole.changes.lock().unwrap().clone();
    for fail_from in 30..=operations.len() {
        let disk = Arc::new(Recording { fail_from: Some(fail_from), ..Recording::default() });
        let mut journal = filled(&disk, &batches);
        // A sync of what counts is the only one whose failure is one of the storage.
        let (mut failed, mut is_left) = (false, false);
        loop {
            match journal.pack(14) {
                Ok(Packed::Piece) => {}
                Ok(Packed::Nothing) => break,
                Ok(Packed::Left(_)) => is_left = true,
                Err(_) => failed = true,
            }
            if failed || is_left {
                break;
            }
        }
        let operation = operations.get(fail_from).map_or("", |operation| operation.as_str());
        let counts = operation == "sync names of \"journal\"" || operation.starts_with("sync journal/");
        assert_eq!((failed, is_left), (counts, !counts && !operation.is_empty()), "{operation}");
        assert_eq!(read_all(&journal, 0), batches, "after {fail_from} changes");
        for (path, bytes) in journal.files() {
            assert_eq!(disk.len(&path).unwrap(), bytes, "{path} after {fail_from} changes");
        }
    }
}

#[test]
fn a_segment_whose_sync_fails_is_not_vouched_for() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append_all(&mut storage, &slow_batches(40));
    disk.fail_syncs(1);
    let error = storage.pack().unwrap_err();
    assert!(matches!(error, StorageError::Io { doing: "sync", .. }), "{error}");
    // That is why it has to end: whatever it syncs next, the disk takes, and this segment is not there.
    storage.save_state(None, None, storage.last()).unwrap();
    disk.lose_unsynced();
    let repairs = open(&disk).1.repairs;
    assert!(repairs.iter().any(|repair| matches!(repair, Repair::JournalShort { .. })), "{repairs:?}");
}

#[test]
fn a_process_dies_or_the_power_fails_between_any_two_operations_and_nothing_is_lost_or_mended() {
    let batches = slow_batches(40);
    for power_fails in std::iter::once(None).chain((1..=20).map(Some)) {
        for changes in 0.. {
            let disk = MemoryDisk::new();
            let (mut storage, _) = open(&disk);
            append_all(&mut storage, &batches);
            storage.flush().unwrap();
            storage.sync().unwrap();
            disk.crash_after(changes);
            let packed = loop {
                match storage.pack() {
                    Ok(Packed::Piece) => {}
                    packed => break matches!(packed, Ok(Packed::Nothing)),
                }
            };
            match power_fails {
                Some(seed) => disk.power_cut(seed),
                None => disk.revive(),
            }
            let (storage, opened) = open(&disk);
            let context = format!("after {changes} changes, power {power_fails:?}");
            let harmless = |repair: &Repair| power_fails.is_some() && matches!(repair, Repair::Csv(_));
            assert!(opened.repairs.iter().all(harmless), "{context}: {:?}", opened.repairs);
            assert_eq!(read_all(&storage.journal, 0), batches, "{context}");
            assert_eq!(names(&disk).len(), segments_of(&names(&disk)).len(), "{context}");
            if packed {
                break;
            }
        }
    }
}

#[test]
fn a_log_of_an_earlier_version_opens_plain_and_packed_with_the_same_rows() {
    let rows = [
        (plain_path(1), &include_bytes!("../packed/recorded.log")[..]),
        (packed_path(1), include_bytes!("../packed/recorded.pack")),
    ]
    .map(|(path, bytes)| {
        let disk = MemoryDisk::new();
        disk.replace(&path, bytes, true).unwrap();
        let (mut storage, opened) = open(&disk);
        assert_eq!((opened.last, storage.last()), (40, 40));
        storage.deliver(40).unwrap();
        storage.flush().unwrap();
        // It goes on in another segment, and this one is packed.
        (storage.journal.segment_bytes, storage.journal.block_bytes) = (2000, 500);
        storage.append(&frame(9, 41, "a/1", 1, 1)).unwrap();
        pack_delivered(&mut storage);
        assert_eq!(names(&disk), ["00000000000000000001.pack", "00000000000000000041.log"]);
        ["kitchen.csv", "roof.csv", "attic.csv"].map(|name| disk.files().remove(name).unwrap())
    });
    assert_eq!(rows[0], rows[1]);
    assert!(String::from_utf8_lossy(&rows[0][0]).ends_with("\n40,2026-01-15T06:09:45.273Z,kitchen,23.9,44,1013.9\n"));
}

#[test]
fn a_form_of_a_later_version_is_refused_by_name_and_untouched() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append_all(&mut storage, &slow_batches(40));
    pack_delivered(&mut storage);
    drop(storage);
    let path = packed_path(1);
    let bytes = disk.files().remove(&path).unwrap();
    let mut later = Vec::new();
    crate::wire::batch::seal("PACKED:2:", b"", &mut later);
    later.extend_from_slice(&bytes[packed::file_head().len()..]);
    disk.replace(&path, &later, true).unwrap();
    let before = disk.files();
    let options = Options { resume: true, ..Options::default() };
    let error = Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 2, options).unwrap_err().to_string();
    assert!(
        error.contains("00000000000000000001.pack is of version 2, and this program reads up to version 1"),
        "{error}"
    );
    assert_eq!(disk.files(), before);
}
