//! A cut over several segments: the process dies between any two of its steps, or the power fails there.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::storage::journal::names::{packed_path, segments_of};
use crate::storage::tests::support::frame;
use crate::storage::*;

const BATCHES: u64 = 12;
/// Readings of a batch.
const EACH: u64 = 3;
/// How many batches the cut leaves; the last of them does not end its segment.
const KEPT: u64 = 2;

const OPTIONS: Options = Options { resume: true, durable: true, ..Options::PLAIN };

fn open(disk: &MemoryDisk) -> (Storage<MemoryDisk>, Opened) {
    Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 1, OPTIONS).unwrap()
}

/// A log of several segments, on the platter, some of it delivered, and `packed`, if that is asked for.
fn filled(disk: &MemoryDisk, packed: bool) -> Storage<MemoryDisk> {
    let (mut storage, _) = open(disk);
    storage.journal.segment_bytes = 3 * frame(1, 1, "a/1", 1, EACH).bytes().len() as u64 + 40;
    for first in (0..BATCHES).map(|batch| batch * EACH + 1) {
        storage.append(&frame(1, first, "a/1", first, EACH)).unwrap();
    }
    storage.deliver(8 * EACH).unwrap();
    storage.flush().unwrap();
    while packed && matches!(storage.pack().unwrap(), Packed::Piece) {}
    storage.sync().unwrap();
    storage
}

fn segments(disk: &MemoryDisk) -> usize {
    segments_of(&disk.list("journal").unwrap()).len()
}

/// Checks what the next life finds: a log without gaps, cut or not, nothing lost, and nothing that looks like a damaged
/// log.
fn check(disk: &MemoryDisk, power_failed: bool, what: &str) {
    let (storage, opened) = open(disk);
    // Half a record of `pending` is left if the process died in it. Nothing of the log is torn, unless the power failed
    // while its last segment was shortened. A part of `pending` may be missing if the power failed before the sync.
    let harmless = |repair: &Repair| match repair {
        Repair::Csv(_) | Repair::PendingTorn { .. } => true,
        Repair::JournalTorn { .. } | Repair::PendingDamaged { .. } => power_failed,
        _ => false,
    };
    assert!(opened.repairs.iter().all(harmless), "{what}: {:?}", opened.repairs);
    assert!(opened.last >= KEPT * EACH && opened.last % EACH == 0, "{what}: {}", opened.last);
    let mut all: BTreeSet<u64> = BTreeSet::new();
    for range in opened.origins.iter().chain(&opened.pending) {
        all.extend(range.first..=range.last());
    }
    assert!(all.into_iter().eq(1..=BATCHES * EACH), "{what}: a reading is neither in the log nor pending");
    let held: u64 = opened.origins.iter().map(|range| range.count).sum();
    assert_eq!((storage.last(), held), (opened.last, opened.last), "{what}: the log has gaps");
}

#[test]
fn a_cut_over_segments_leaves_a_log_without_gaps_wherever_it_is_interrupted() {
    interrupt_cuts(false);
}

#[test]
fn so_does_a_cut_into_a_packed_segment() {
    interrupt_cuts(true);
}

fn interrupt_cuts(packed: bool) {
    let mut left = BTreeSet::new();
    // Each seed makes another choice of what reached the platter without a sync.
    for power_fails in std::iter::once(None).chain((1..=20).map(Some)) {
        for changes in 0.. {
            let disk = MemoryDisk::new();
            let mut storage = filled(&disk, packed);
            assert_eq!(disk.files().contains_key(&packed_path(1)), packed);
            assert!(segments(&disk) >= 4, "the cut goes over three segments at least");
            disk.crash_after(changes);
            let done = storage.cut(KEPT * EACH, None, None, KEPT * EACH).is_ok();
            drop(storage);
            match power_fails {
                Some(seed) => disk.power_cut(seed),
                None => disk.revive(),
            }
            left.insert(segments(&disk));
            check(&disk, power_fails.is_some(), &format!("after {changes} changes, power {power_fails:?}"));
            if done {
                break;
            }
        }
    }
    assert_eq!(left, BTreeSet::from([1, 2, 3, 4]), "it died between any two removals");
}
