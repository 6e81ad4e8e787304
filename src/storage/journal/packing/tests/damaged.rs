//! Packed segments that are damaged.

use super::*;

/// Batches of a packed segment are in blocks of their own: one that is damaged takes no other with it.
#[test]
fn after_a_block_that_is_damaged_an_inspection_goes_on_with_the_next() {
    let (temp, disk) = TempDir::disk("p");
    let (disk, batches) = (Arc::new(disk), slow_batches(60));
    let mut journal = filled(&disk, &batches);
    pack_all(&mut journal);
    let path = temp.path().join("p").join(packed_path(1));
    let mut bytes = std::fs::read(&path).unwrap();
    let block = |number: usize, bytes: &[u8]| memchr::memmem::find_iter(bytes, b"BLOCK:").nth(number).unwrap();
    let (second, third) = (block(1, &bytes), block(2, &bytes));
    let (plain, _) = packed::parse_block(&bytes[second..third]).unwrap();
    bytes[usize::midpoint(second, third)] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let kept: Vec<Frame> =
        batches.into_iter().filter(|batch| memchr::memmem::find(&plain, batch.bytes()).is_none()).collect();
    let why = format!("the block at byte {second} cannot be unpacked");
    assert_eq!(inspected(temp.path()), (kept, vec![(packed_path(1), why)]), "all but one block is there");
}

#[test]
fn of_a_packed_segment_whose_index_is_not_whole_an_inspection_tells_once() {
    let (temp, disk) = TempDir::disk("p");
    let (disk, batches) = (Arc::new(disk), slow_batches(60));
    pack_all(&mut filled(&disk, &batches));
    let segments = segments_of(&disk.list(DIR).unwrap());
    let path = packed_path(segments[1]);
    disk.truncate(&path, disk.len(&path).unwrap() - 1).unwrap();
    let is_elsewhere = |batch: &Frame| !(segments[1]..segments[2]).contains(&batch.first());
    let kept: Vec<Frame> = batches.into_iter().filter(is_elsewhere).collect();
    assert_eq!(inspected(temp.path()), (kept, vec![(path, "its index is not whole".to_owned())]));
}

/// What an inspection of the peer `p` finds: batches, and of each damage where it is and why.
fn inspected(data_dir: &std::path::Path) -> (Vec<Frame>, Vec<(String, String)>) {
    let found = Inspection::open(&data_dir.join("p"), None).unwrap();
    let (mut walk, mut batches, mut damages) = (found.journal(), Vec::new(), Vec::new());
    while let Some(piece) = walk.next_piece().unwrap() {
        match piece {
            Piece::Batch(frame) => batches.push(frame),
            Piece::Damage { segment, why } => damages.push((segment, why)),
        }
    }
    (batches, damages)
}

/// What a peer leaves that packed what it could of these.
fn left_packed(batches: &[Frame]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (mut storage, _) = open(&disk);
    append_all(&mut storage, batches);
    storage.flush().unwrap();
    pack_delivered(&mut storage);
    disk
}

#[test]
fn a_packed_segment_that_lost_all_its_bytes_is_mended_once() {
    let disk = left_packed(&slow_batches(60));
    let first_packed: Vec<Sequence> = segments_of(&names(&disk));
    for (at, first) in first_packed.into_iter().enumerate().take(2).rev() {
        let before = open(&disk).1.last;
        disk.truncate(&packed_path(first), 0).unwrap();
        let opened = open(&disk).1;
        assert!(opened.last < before && opened.last == first - 1, "segment {at}: {}", opened.last);
        assert!(!opened.repairs.is_empty());
        assert_eq!(open(&disk).1.repairs, []);
    }
}

#[test]
fn after_damage_in_a_packed_segment_the_log_goes_on_and_the_segments_before_stay_packed() {
    for is_flipped in [false, true] {
        let batches = slow_batches(60);
        let disk = left_packed(&batches);
        let second = packed_path(segments_of(&names(&disk))[1]);
        if is_flipped {
            let bytes = disk.files().remove(&second).unwrap();
            let block = memchr::memmem::find_iter(&bytes, b"BLOCK:").nth(1).unwrap();
            disk.flip(&second, block + 60, 0);
        } else {
            disk.truncate(&second, 0).unwrap();
        }
        let (mut storage, opened) = open(&disk);
        let next = frame(9, opened.last + 1, "a/1", 1, 2);
        storage.append(&next).unwrap();
        storage.check_names().unwrap();
        drop(storage);
        let kept = &batches[..usize::try_from(opened.last).unwrap()];
        let (storage, opened) = open(&disk);
        assert_eq!((opened.repairs, read_all(&storage.journal, 0)), (Vec::new(), [kept, &[next]].concat()));
        assert!(is_packed(&names(&disk)[0]), "{:?}", names(&disk));
    }
}

#[test]
fn around_a_damaged_block_the_bytes_of_the_others_are_read() {
    let disk = Arc::new(MemoryDisk::new());
    let mut journal = filled(&disk, &slow_batches(60));
    let mut plain = disk.files()[&plain_path(1)].clone();
    pack_all(&mut journal);
    let path = packed_path(1);
    let blocks = Layout::read(&*disk, &path, disk.len(&path).unwrap()).unwrap().blocks;
    assert!(blocks.len() > 2);
    let (begin, end) = (usize::try_from(blocks[1].plain_at).unwrap(), usize::try_from(blocks[1].plain_end()).unwrap());
    for is_damaged in [false, true] {
        if is_damaged {
            disk.flip(&path, usize::try_from(blocks[1].at).unwrap() + blocks[1].bytes - 1, 0);
            plain[begin..end].fill(0);
        }
        let segment = SegmentBytes::open(&*disk, 1).unwrap();
        let bytes = plain.len();
        for (from, to) in [
            (0, 1),
            (0, begin),
            (0, end + 1),
            (begin - 1, begin + 1),
            (begin, end),
            (end, bytes),
            (5, bytes + 5),
            (bytes, bytes + 5),
        ] {
            let read = segment.read_around(from as u64, to - from).unwrap();
            assert!(read == plain[from..to.min(bytes)], "{from} to {to}, damaged: {is_damaged}");
        }
    }
}
