//! Tests of `opening/walk.rs` and `salvage.rs`: a log that ends before its files do.

use super::*;

/// The log's end, what is pending, and the batches, readings and files that the repair counts.
fn mended(disk: &MemoryDisk) -> (Sequence, Vec<Range>, (u64, u64, usize)) {
    let (_, opened) = open(disk);
    let Some(Repair::JournalDamaged { last, batches, readings, set_aside, .. }) = opened.repairs.first() else {
        panic!("{:?}", opened.repairs)
    };
    assert_eq!((*last, opened.delivered), (opened.last, opened.delivered.min(opened.last)));
    assert!(set_aside.iter().all(|path| path.extension().is_some_and(|extension| extension == "damaged")));
    assert_eq!(open(disk).1.repairs, []);
    (opened.last, opened.pending, (*batches, *readings, set_aside.len()))
}

#[test]
fn what_is_whole_after_a_flipped_bit_is_pending_and_the_files_are_set_aside() {
    let disk = MemoryDisk::new();
    three_segments(&disk);
    let mut bytes = disk.files()[&segment(1)].clone();
    bytes[20] ^= 1;
    disk.replace(&segment(1), &bytes, true).unwrap();
    assert_eq!(mended(&disk), (0, vec![range("a/1", 3, 10)], (5, 10, 3)));
    assert_eq!(disk.files()[&format!("{}.damaged", segment(1))], bytes);
    assert!(disk.list("").unwrap().iter().all(|name| name.strip_suffix(".csv").is_none()));
}

#[test]
fn a_segment_that_keeps_some_of_its_batches_is_set_aside_as_a_copy_under_a_free_name() {
    let disk = MemoryDisk::new();
    three_segments(&disk);
    let mut bytes = disk.files()[&segment(5)].clone();
    *bytes.last_mut().unwrap() = b'?';
    disk.replace(&segment(5), &bytes, true).unwrap();
    disk.append(&format!("{}.damaged", segment(5)), b"earlier").unwrap();
    assert_eq!(mended(&disk), (6, vec![range("a/1", 9, 4)], (2, 4, 2)));
    assert_eq!(disk.files()[&format!("{}.2.damaged", segment(5))], bytes);
    assert_eq!(disk.files()[&format!("{}.damaged", segment(5))], b"earlier");
}

#[test]
fn a_log_ends_before_a_segment_that_is_missing_or_begins_elsewhere() {
    for (gone, left) in [(1, (0, vec![range("a/1", 5, 8)], (4, 8, 2))), (5, (4, vec![range("a/1", 9, 4)], (2, 4, 1)))] {
        let disk = MemoryDisk::new();
        three_segments(&disk);
        disk.remove(&segment(gone)).unwrap();
        assert_eq!(mended(&disk), left);
    }
    let disk = MemoryDisk::new();
    three_segments(&disk);
    disk.rename(&segment(9), &segment(6)).unwrap();
    assert_eq!(mended(&disk), (8, vec![range("a/1", 9, 4)], (2, 4, 1)));
}

#[test]
fn a_batch_that_is_damaged_in_the_last_segment_is_set_aside_where_whole_ones_follow() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    let frames = [1, 3, 5].map(|first| frame(1, first, "a/1", first, 2));
    for frame in &frames {
        append(&mut storage, frame);
    }
    disk.flip(&segment(1), frames[0].bytes().len() + frames[1].bytes().len() - 2, 0);
    let before = disk.files().remove(&segment(1)).unwrap();
    assert_eq!(mended(&disk), (2, vec![range("a/1", 5, 2)], (1, 2, 1)));
    assert_eq!(disk.files()[&format!("{}.damaged", segment(1))], before);
}

#[test]
fn after_a_gap_the_log_goes_on_in_a_segment_of_the_right_name() {
    let disk = MemoryDisk::new();
    three_segments(&disk);
    disk.remove(&segment(5)).unwrap();
    let (mut storage, _) = open(&disk);
    append(&mut storage, &frame(7, 5, "c/1", 1, 2));
    let (_, opened) = open(&disk);
    assert_eq!((opened.last, opened.repairs), (6, Vec::new()));
}

#[test]
fn a_log_ends_where_the_term_would_fall() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append(&mut storage, &frame(2, 1, "a/1", 1, 2));
    append(&mut storage, &frame(1, 3, "a/1", 3, 2));
    assert_eq!(mended(&disk), (2, vec![range("a/1", 3, 2)], (1, 2, 1)));
}

#[test]
fn damage_in_what_was_found_before_is_remembered_until_the_log_is_whole_again() {
    let disk = MemoryDisk::new();
    three_segments(&disk);
    assert_eq!(open(&disk).1.needs, 12);
    disk.flip(&segment(5), 3, 1);
    for _ in 0..2 {
        let (mut storage, opened) = open(&disk);
        assert_eq!((opened.last, opened.needs), (4, NEEDS_ALL));
        append(&mut storage, &frame(7, 5, "c/1", 1, 2));
        storage.cut(4, None, None, opened.needs).unwrap();
    }
    let (mut storage, _) = open(&disk);
    storage.save_state(None, None, 2).unwrap();
    assert_eq!(open(&disk).1.needs, 4);
}
