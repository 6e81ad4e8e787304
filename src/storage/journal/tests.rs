//! Tests of `journal.rs`.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::names::{parse_segment_name, segments_of};
use super::segment_bytes::SegmentBytes;
use super::*;
use crate::storage::disk::memory::MemoryDisk;
use crate::storage::disk::recording::Recording;
use crate::storage::error::fault::Fault;
use crate::storage::tests::support::{frame, TempDir};

/// All of the log above `after`, read in pieces.
fn read_all<D: Disk>(journal: &Journal<D>, mut after: Sequence, max_bytes: usize) -> Vec<Frame> {
    let mut all = Vec::new();
    loop {
        match journal.reader().read_from(after, Sequence::MAX, journal.cuts(), max_bytes).unwrap() {
            Read::Frames(frames) => {
                let bytes: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
                assert!(bytes <= max_bytes || frames.len() == 1);
                after = frames.last().unwrap().last();
                all.extend(frames);
            }
            Read::Nothing => return all,
            Read::Cut | Read::Removed => panic!("nobody cuts or removes"),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append { count: u64 },
    Cut { keep: usize },
    Pack { pieces: u32 },
    Read { after: usize, inside: u64, max_bytes: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        // Many large batches make several segments.
        8 => (1_u64..1024).prop_map(|count| Step::Append { count }),
        1 => (0_usize..400).prop_map(|keep| Step::Cut { keep }),
        1 => (1_u32..150).prop_map(|pieces| Step::Pack { pieces }),
        1 => (0_usize..400, 0_u64..1024, 1_usize..400_000)
            .prop_map(|(after, inside, max_bytes)| Step::Read { after, inside, max_bytes }),
    ];
    prop::collection::vec(step, 1..400)
}

/// Does the steps to a journal and to a list of batches, and compares.
fn check_against_a_list<D: Disk>(disk: D, steps: Vec<Step>) {
    let mut journal = Journal::new(Arc::new(disk));
    let mut model: Vec<Frame> = Vec::new();
    for (term, step) in (1..).zip(steps) {
        match step {
            Step::Append { count } => {
                let last = model.last().map_or(0, Frame::last);
                let batch = frame(term, last + 1, "some-origin-of-readings/1", last + 1, count);
                journal.append(&batch).unwrap();
                model.push(batch);
            }
            Step::Cut { keep } => {
                model.truncate(keep);
                journal.cut(model.last().map_or(0, Frame::last), false).unwrap();
            }
            Step::Pack { pieces } => {
                for _ in 0..pieces {
                    journal.pack(journal.last()).unwrap();
                }
            }
            Step::Read { after, inside, max_bytes } => {
                let from = after.min(model.len());
                let before = from.checked_sub(1).map_or(0, |at| model[at].last());
                // Any sequence within a batch asks for that batch.
                let within = model.get(from).map_or(0, |frame| inside % frame.count());
                assert_eq!(read_all(&journal, before + within, max_bytes), model[from..]);
            }
        }
        assert_eq!(journal.last(), model.last().map_or(0, Frame::last));
    }
    assert_eq!(read_all(&journal, 0, 1 << 20), model);
    let disk = &journal.reader.disk;
    let segments = segments_of(&disk.list(DIR).unwrap());
    let bytes = |first: &Sequence| SegmentBytes::open(&**disk, *first).unwrap().read(0, 1 << 24).unwrap();
    let on_disk: Vec<u8> = segments.iter().flat_map(bytes).collect();
    assert_eq!(on_disk, model.iter().flat_map(Frame::bytes).copied().collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn it_is_a_list_of_batches_in_memory(steps in steps()) {
        check_against_a_list(MemoryDisk::new(), steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn it_is_a_list_of_batches_on_disk(steps in steps()) {
        let (_temp, disk) = TempDir::disk("p");
        check_against_a_list(disk, steps);
    }
}

#[test]
fn segments_are_named_by_their_first_sequence_and_bounded() {
    let disk = MemoryDisk::new();
    let mut journal = Journal::new(Arc::new(disk.clone()));
    let mut firsts = vec![];
    for batch in 0..400 {
        let batch = frame(1, batch * 1000 + 1, "some-origin-of-readings/1", batch * 1000 + 1, 1000);
        firsts.push(batch.first());
        journal.append(&batch).unwrap();
    }
    let files = disk.files();
    assert!((3..6).contains(&files.len()), "{}", files.len());
    for (path, bytes) in files {
        let first = parse_segment_name(path.strip_prefix("journal/").unwrap()).unwrap();
        assert!(firsts.contains(&first) && bytes.len() as u64 <= SEGMENT_BYTES);
    }
    assert!(parse_segment_name("00000000000000000001.log").is_some());
    for name in ["1.log", "+0000000000000000001.log", "00000000000000000001.csv", "99999999999999999999.log"] {
        assert_eq!(parse_segment_name(name), None, "{name}");
    }
}

#[test]
fn a_batch_that_does_not_fit_the_disk_does_not_count() {
    let disk = MemoryDisk::new();
    let mut journal = Journal::new(Arc::new(disk.clone()));
    let (one, two) = (frame(1, 1, "a/1", 1, 5), frame(1, 6, "a/1", 6, 5));
    journal.append(&one).unwrap();
    disk.set_capacity(one.bytes().len() + 10);
    let error = journal.append(&two).unwrap_err();
    assert!(matches!(error, StorageError::Io { fault: Fault::Full(_), .. }), "{error}");
    assert_eq!((journal.last(), read_all(&journal, 0, 1000)), (5, vec![one.clone()]));
    disk.set_capacity(usize::MAX);
    journal.append(&two).unwrap();
    assert_eq!(read_all(&journal, 0, 1000), [one, two]);
}

#[test]
fn a_damaged_batch_is_not_handed_out() {
    let disk = MemoryDisk::new();
    let mut journal = Journal::new(Arc::new(disk.clone()));
    journal.append(&frame(1, 1, "a/1", 1, 5)).unwrap();
    let path = plain_path(1);
    let mut bytes = disk.files().remove(&path).unwrap();
    let at = bytes.len() - 3;
    bytes[at] ^= 1;
    disk.replace(&path, &bytes, false).unwrap();
    let error = journal.reader().read_from(0, 5, 0, 1000).unwrap_err();
    assert!(error.to_string().contains("the checksum is wrong"), "{error}");
    disk.truncate(&path, 100).unwrap();
    assert!(journal.reader().read_from(0, 5, 0, 1000).is_err());
}

#[test]
fn a_cut_made_while_the_file_is_read_is_noticed() {
    // The batch is only cut, or is overwritten by one of the same length: that is whole, and not what was asked for.
    for appended in [None, Some(frame(2, 6, "a/1", 6, 5))] {
        let disk = Arc::new(Recording::default());
        let mut journal = Journal::new(Arc::clone(&disk));
        journal.append(&frame(1, 1, "a/1", 1, 5)).unwrap();
        journal.append(&frame(1, 6, "a/1", 6, 5)).unwrap();
        let reader = journal.reader();
        disk.before_next_read(move || {
            journal.cut(5, false).unwrap();
            appended.iter().try_for_each(|batch| journal.append(batch).map(drop)).unwrap();
        });
        assert_eq!(reader.read_from(5, 10, 0, 1000).unwrap(), Read::Cut);
    }
}

#[test]
fn a_reader_gets_nothing_that_was_cut_whatever_the_timing() {
    let (_temp, disk) = TempDir::disk("p");
    let mut journal = Journal::new(Arc::new(disk));
    let reader = journal.reader();
    // The incarnation of the origin tells how often the log was cut before its readings were appended.
    let batch = |cuts: u64, at: u64| frame(1, at * 100 + 1, &format!("a/{cuts}"), 1, 100);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let cuts = reader.cuts();
                if let Read::Frames(frames) = reader.read_from(500, Sequence::MAX, cuts, 1 << 20).unwrap() {
                    for frame in frames {
                        let of = frame.ranges()[0].origin.incarnation;
                        assert_eq!(of, cuts, "{frame:?}");
                    }
                }
            }
        });
        (0..5).for_each(|at| assert_eq!(journal.append(&batch(0, at)).unwrap(), at == 0));
        for cuts in 0..300 {
            (5..10).for_each(|at| assert!(!journal.append(&batch(cuts, at)).unwrap()));
            journal.cut(500, false).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(reader.read_from(0, 1, 0, 1000).unwrap(), Read::Cut);
}

#[test]
fn a_segment_that_ends_within_a_batch_is_damaged() {
    let disk = Arc::new(MemoryDisk::new());
    let (mut journal, batch) = (Journal::new(Arc::clone(&disk)), frame(1, 1, "a/1", 1, 3));
    journal.append(&batch).unwrap();
    disk.truncate(&plain_path(1), batch.bytes().len() as u64 - 1).unwrap();
    let error = journal.reader().read_from(0, 3, 0, 1000).unwrap_err().to_string();
    assert!(error.contains("the file ends there at byte 0"), "{error}");
}
