//! The files of a journal as programs from outside see them.

use std::fs;

use super::*;
use crate::storage::disk::memory::MemoryDisk;
use crate::storage::journal::names::packed_path;
use crate::storage::tests::support::{frame, TempDir};
use crate::wire::{Base, Range};

fn term(counter: u64) -> Term {
    format!("{counter}@l/1").parse().unwrap()
}

/// A journal of these segments, by their first sequences.
fn journal_of(temp: &TempDir, segments: &[(Sequence, &[Frame])]) -> JournalFiles {
    fs::create_dir(temp.path().join(DIR)).unwrap();
    for (first, frames) in segments {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes().to_vec()).collect();
        fs::write(temp.path().join(plain_path(*first)), bytes).unwrap();
    }
    JournalFiles::new(temp.path().to_owned())
}

/// Entries up to 5 were removed, all of the first term. Those of the first term up to 10 are kept, and two of the second.
fn kept(temp: &TempDir) -> JournalFiles {
    let first_term = [frame(1, 6, "a/1", 6, 3), frame(1, 9, "a/1", 9, 2)];
    let files = journal_of(temp, &[(6, &first_term), (11, &[frame(2, 11, "a/1", 11, 2)])]);
    let disk = MemoryDisk::new();
    let origins = vec![Range { origin: "a/1".parse().unwrap(), first: 1, count: 5 }];
    base::save(&disk, &Base { last: 5, runs: vec![(term(1), 1)], origins }, true).unwrap();
    for (path, bytes) in disk.files() {
        fs::write(temp.path().join(path), bytes).unwrap();
    }
    files
}

#[test]
fn a_journal_is_there_once_it_has_a_segment() {
    let temp = TempDir::new();
    assert!(!JournalFiles::new(temp.path().to_owned()).are_there().unwrap());
    let files = kept(&temp);
    assert_eq!((files.are_there().unwrap(), files.base().unwrap()), (true, 5));
}

#[test]
fn a_journal_that_cannot_be_listed_is_not_taken_for_one_that_is_not_there() {
    let temp = TempDir::new();
    fs::write(temp.path().join(DIR), "").unwrap();
    let files = JournalFiles::new(temp.path().to_owned());
    assert!(matches!(files.are_there(), Err(StorageError::Io { doing: "list", .. })));
    assert!(matches!(files.find(1), Err(StorageError::Io { doing: "list", .. })));
}

#[test]
fn the_place_of_a_batch_says_what_it_holds() {
    let temp = TempDir::new();
    let files = kept(&temp);
    for (sequence, found) in [(6, Some((1, 8))), (8, Some((1, 8))), (9, Some((1, 10))), (11, Some((2, 12))), (13, None)]
    {
        let place = files.find(sequence).unwrap();
        assert_eq!(
            place.map(|place| (place.term().clone(), place.last())),
            found.map(|(counter, last)| (term(counter), last))
        );
    }
}

#[test]
fn a_batch_that_is_being_written_is_not_there_yet() {
    let temp = TempDir::new();
    let files = kept(&temp);
    let path = temp.path().join(plain_path(11));
    let (mut bytes, next) = (fs::read(&path).unwrap(), frame(2, 13, "a/1", 13, 2));
    bytes.extend_from_slice(&next.bytes()[..next.bytes().len() - 1]);
    fs::write(path, bytes).unwrap();
    assert_eq!(files.shares(&term(2), 11, 99).unwrap(), Some(12));
}

#[test]
fn it_shares_a_term_with_another_log_as_far_as_both_have_it() {
    let temp = TempDir::new();
    let files = kept(&temp);
    for (counter, first, last, shared) in [
        (1, 6, 99, Some(10)),
        (1, 6, 9, Some(9)),
        (2, 6, 99, None),
        (2, 11, 99, Some(12)),
        (1, 11, 99, None),
        (2, 13, 99, None),
        // What was removed is known by its terms.
        (1, 2, 4, Some(4)),
        (1, 2, 5, Some(5)),
        (1, 2, 6, Some(6)),
        (1, 2, 99, Some(10)),
        (1, 5, 5, Some(5)),
        (1, 5, 99, Some(10)),
        (2, 2, 99, None),
    ] {
        let found = files.shares(&term(counter), first, last).unwrap();
        assert_eq!(found, shared, "term {counter}, {first} to {last}");
    }
}

#[test]
fn a_term_that_goes_on_in_other_segments_is_shared_up_to_its_end() {
    let temp = TempDir::new();
    let both = [frame(1, 1, "a/1", 1, 3), frame(2, 4, "a/1", 4, 2)];
    let (second, third, last) = (frame(2, 6, "a/1", 6, 5), frame(2, 11, "a/1", 11, 5), frame(3, 16, "a/1", 16, 2));
    let files = journal_of(&temp, &[(1, &both), (6, &[second]), (11, &[third]), (16, &[last])]);
    for (counter, first, last, shared) in [
        (1, 1, 99, Some(3)),
        (2, 4, 5, Some(5)),
        (2, 4, 99, Some(15)),
        (2, 6, 99, Some(15)),
        (2, 7, 9, Some(9)),
        (2, 12, 99, Some(15)),
        (3, 15, 99, None),
        (3, 16, 99, Some(17)),
    ] {
        let found = files.shares(&term(counter), first, last).unwrap();
        assert_eq!(found, shared, "term {counter}, {first} to {last}");
    }
}

#[test]
fn what_is_read_begins_with_what_is_wanted_and_goes_on_in_the_next_segment() {
    let temp = TempDir::new();
    let files = kept(&temp);
    for (place, after, read) in [
        (None, 5, &[(1, 6, 3), (1, 9, 2)][..]),
        (None, 8, &[(1, 9, 2)]),
        (None, 12, &[]),
        (Some(6), 7, &[(1, 6, 3), (1, 9, 2)]),
        (Some(6), 8, &[(1, 9, 2)]),
        (Some(9), 10, &[(2, 11, 2)]),
        (Some(11), 12, &[]),
    ] {
        let place = place.and_then(|first| files.find(first).unwrap());
        let batch = |(term, first, count): &(u64, Sequence, u64)| {
            (files.find(*first).unwrap().unwrap(), frame(*term, *first, "a/1", *first, *count))
        };
        let expected: Vec<_> = read.iter().map(batch).collect();
        assert_eq!(files.read(place.as_ref(), after).unwrap(), expected, "after {after} from {place:?}");
    }
}

/// A crash leaves a batch that is cut off, and nothing leaves one whose head makes no sense.
#[test]
fn a_batch_that_is_damaged_is_not_taken_for_the_end() {
    let temp = TempDir::new();
    let files = kept(&temp);
    let path = temp.path().join(plain_path(6));
    let whole = fs::read(&path).unwrap();
    let second = frame(1, 6, "a/1", 6, 3).bytes().len();
    for (at, is_damaged) in [(second + 1, true), (whole.len() - 2, false)] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let found = files.find(9);
        assert_eq!(matches!(found, Err(StorageError::Damaged { .. })), is_damaged, "byte {at}: {found:?}");
    }
    // The last one is cut off, within its head and within its readings.
    for bytes in [second + 3, whole.len() - 1] {
        fs::write(&path, &whole[..bytes]).unwrap();
        assert_eq!(files.find(9).unwrap(), None, "{bytes} bytes");
        assert!(files.find(8).unwrap().is_some());
    }
    // So much without a line is no head.
    for (bytes, is_damaged) in [(HEAD_BYTES_MAX - 1, false), (HEAD_BYTES_MAX, true)] {
        fs::write(&path, [&whole[..second], &vec![b'x'; bytes]].concat()).unwrap();
        let found = files.find(9);
        assert_eq!(matches!(found, Err(StorageError::Damaged { .. })), is_damaged, "{bytes} bytes: {found:?}");
    }
}

#[test]
fn whole_batches_before_damage_are_read_and_then_the_damage_is_told() {
    let temp = TempDir::new();
    let files = kept(&temp);
    let (path, first) = (temp.path().join(plain_path(6)), files.find(6).unwrap().unwrap());
    let whole = fs::read(&path).unwrap();
    let second = frame(1, 6, "a/1", 6, 3).bytes().len();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cut = |bytes: usize| whole[..bytes].to_vec();
    // From the first batch on and from the second; `None` where damage is told.
    for (what, bytes, from_first, from_second) in [
        ("the first head", flipped(1), None, Some(&[9][..])),
        ("the first body", flipped(second - 2), None, Some(&[9])),
        ("the second head", flipped(second + 1), Some(&[6][..]), None),
        ("the second body", flipped(whole.len() - 2), Some(&[6]), None),
        // What is cut off is still being written.
        ("cut within the first", cut(3), Some(&[]), Some(&[])),
        ("cut within the second head", cut(second + 3), Some(&[6]), Some(&[])),
        ("cut within the second body", cut(whole.len() - 1), Some(&[6]), Some(&[])),
    ] {
        fs::write(&path, bytes).unwrap();
        let read = |after| match files.read(Some(&first), after) {
            Err(StorageError::Damaged { .. }) => None,
            read => Some(read.unwrap().iter().map(|(_, frame)| frame.first()).collect::<Vec<_>>()),
        };
        assert_eq!((read(7).as_deref(), read(8).as_deref()), (from_first, from_second), "{what}");
    }
}

#[test]
fn a_batch_is_where_it_was_until_its_segment_is_cut_or_gone() {
    let temp = TempDir::new();
    let files = kept(&temp);
    let place = files.find(9).unwrap().unwrap();
    let path = temp.path().join(plain_path(6));
    assert!(files.holds(&place).unwrap());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, frame(1, 6, "a/1", 6, 5).bytes()).unwrap();
    assert!(!files.holds(&place).unwrap(), "another batch is there");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(!files.holds(&place).unwrap(), "it was cut");
    fs::remove_file(&path).unwrap();
    assert!(!files.holds(&place).unwrap(), "its segment was removed");
    // What cannot be read is not taken for what is gone.
    for path in [plain_path(6), packed_path(6)] {
        let path = temp.path().join(path);
        fs::create_dir(&path).unwrap();
        let found = files.holds(&place);
        assert!(matches!(found, Err(StorageError::Io { .. })), "{found:?}");
        fs::remove_dir(&path).unwrap();
    }
}
