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

/// Entries up to 5 were removed, all of the first term. Those of the first term up to 10 are kept, and two of the second.
fn kept(temp: &TempDir) -> JournalFiles {
    let segments =
        [(6, vec![frame(1, 6, "a/1", 6, 3), frame(1, 9, "a/1", 9, 2)]), (11, vec![frame(2, 11, "a/1", 11, 2)])];
    fs::create_dir(temp.path().join(DIR)).unwrap();
    for (first, frames) in segments {
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes().to_vec()).collect();
        fs::write(temp.path().join(plain_path(first)), bytes).unwrap();
    }
    let disk = MemoryDisk::new();
    let origins = vec![Range { origin: "a/1".parse().unwrap(), first: 1, count: 5 }];
    base::save(&disk, &Base { last: 5, runs: vec![(term(1), 1)], origins }, true).unwrap();
    for (path, bytes) in disk.files() {
        fs::write(temp.path().join(path), bytes).unwrap();
    }
    JournalFiles::new(temp.path().to_owned())
}

#[test]
fn a_journal_is_there_once_it_has_a_segment() {
    let temp = TempDir::new();
    assert!(!JournalFiles::new(temp.path().to_owned()).are_there().unwrap());
    let files = kept(&temp);
    assert_eq!((files.are_there().unwrap(), files.base().unwrap()), (true, 5));
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
        (2, 2, 99, None),
    ] {
        let found = files.shares(&term(counter), first, last).unwrap();
        assert_eq!(found, shared, "term {counter}, {first} to {last}");
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
