//! Tests of `packed.rs`, `packed/short.rs` and `packed/layout.rs`.

use proptest::prelude::*;

use super::layout::Layout;
use super::*;
use crate::storage::disk::memory::MemoryDisk;
use crate::storage::disk::Disk;
use crate::storage::tests::support::{frame, request};

fn plain(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::bytes).copied().collect()
}

fn text_of(block: &[u8]) -> Text {
    parse(block).unwrap().0.text
}

prop_compose! {
    /// Batches of some origins, whose numbers mostly go on, and whose terms mostly stay.
    fn batches()(parts in prop::collection::vec((0_usize..4, prop::bool::weighted(0.9), 1_u64..5, any::<bool>()), 1..40))
        -> Vec<Frame> {
        let (mut numbers, mut sequence, mut term, mut frames) = ([1_u64; 4], 1, 1, Vec::new());
        let mut waiting = Vec::new();
        for (origin, goes_on, count, ends) in parts {
            let first = numbers[origin] + if goes_on { 0 } else { 7 };
            numbers[origin] = first + count;
            waiting.push(request(["a/1", "a/2", "b.c-d/17665000000", "F/0"][origin], first, count));
            term += u64::from(!goes_on);
            sequence += u64::from(!goes_on) * 3;
            if ends {
                let frame = Frame::build(format!("{term}@x/1").parse().unwrap(), sequence, &waiting);
                sequence = frame.last() + 1;
                waiting.clear();
                frames.push(frame);
            }
        }
        frames
    }
}

proptest! {
    #[test]
    fn a_block_gives_back_each_byte(frames in batches()) {
        let block = pack(&frames, &plain(&frames));
        prop_assert_eq!(unpack(&block), Some(plain(&frames)));
        prop_assert!(frames.is_empty() || text_of(&block) == Text::Short);
    }

    #[test]
    fn a_block_with_any_byte_changed_or_missing_is_refused(frames in batches(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut block = pack(&frames, &plain(&frames));
        let at = at.index(block.len());
        prop_assert_eq!(unpack(&block[..at]), None);
        block[at] ^= 1_u8 << bit;
        prop_assert_eq!(unpack(&block), None);
    }

    #[test]
    fn no_text_makes_more_than_its_length_says(text in "[BF]?(:[a-c]/[0-9]){0,3}(\nF:a/1(:[0-9]{1,20})?|\nB|\nDATA\\|x|:|\n){0,12}\n?", bytes in 0_usize..2000) {
        if let Some(restored) = short::restore(text.as_bytes(), bytes) {
            prop_assert_eq!(restored.len(), bytes);
        }
    }
}

#[test]
fn what_the_short_text_does_not_give_back_is_kept_whole() {
    // No batch is known of which that is so; the bytes count, and not what is known.
    let frames = [frame(1, 1, "a/1", 1, 3)];
    let plain = [frames[0].bytes(), b"x"].concat();
    let block = pack(&frames, &plain);
    assert_eq!((text_of(&block), unpack(&block)), (Text::Whole, Some(plain)));
}

#[test]
fn the_text_of_a_slow_group_is_short() {
    let frames = [frame(1, 1, "a/1766500000000", 1, 1), frame(1, 2, "a/1766500000000", 2, 1), frame(2, 3, "b/7", 9, 2)];
    let text = String::from_utf8(short::shorten(&frames)).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("DATA|")).collect();
    assert_eq!(lines, ["B:1@l/1:1", "F:a/1766500000000:1", "B", "F:a/1766500000000", "B:2@l/1:3", "F:b/7:9"]);
}

#[test]
fn lengths_that_nobody_writes_are_refused_before_room_is_made() {
    let sealed = |head: &str, packed: &[u8]| {
        let mut block = Vec::new();
        seal(head, packed, &mut block);
        block.extend_from_slice(packed);
        block
    };
    let most = PLAIN_BYTES_MAX;
    let nothing = lz4_flex::block::compress(b"");
    for head in [
        format!("BLOCK:whole:{}:5:1:", most + 1),
        "BLOCK:whole:5:6:1:".to_owned(),
        format!("BLOCK:short:{most}:{most}:99999999999:"),
        "BLOCK:long:5:5:1:".to_owned(),
        "BLOCK:whole:05:5:1:".to_owned(),
        // LZ4 gives fewer bytes than it says.
        format!("BLOCK:whole:{most}:{most}:1:"),
        format!("BLOCK:short:{most}:0:1:"),
    ] {
        assert_eq!(unpack(&sealed(&head, &nothing)), None, "{head}");
    }
    assert_eq!(unpack(&sealed("BLOCK:whole:0:0:1:", &nothing)), Some(Vec::new()));
}

/// It lacked a byte, and took the largest batch.
#[test]
fn the_longest_block_is_read() {
    let longest = BLOCK_BYTES - 1 + HEAD_BYTES_MAX + BODY_BYTES_MAX;
    let mut head = Vec::new();
    seal(&format!("BLOCK:whole:{longest}:{longest}:0:"), b"", &mut head);
    let (line, _) = line_of(&head).unwrap();
    assert_eq!(BlockHead::parse(line).map(|head| head.plain), Ok(longest));
}

/// A packed file of these blocks.
fn file(blocks: &[Vec<Frame>]) -> Vec<u8> {
    let (mut bytes, mut layout) = (file_head(), Layout::default());
    for frames in blocks {
        let block = pack(frames, &plain(frames));
        layout.add(block.len(), plain(frames).len());
        bytes.extend_from_slice(&block);
    }
    bytes.extend(layout.index());
    bytes
}

fn layout(bytes: &[u8]) -> Layout {
    let disk = MemoryDisk::new();
    disk.replace("x", bytes, false).unwrap();
    Layout::read(&disk, "x", bytes.len() as u64).unwrap()
}

#[test]
fn every_changed_byte_of_a_file_shows_in_its_layout_or_in_a_block() {
    let blocks = [vec![frame(1, 1, "a/1", 1, 3), frame(1, 4, "b/1", 1, 1)], vec![frame(1, 5, "a/1", 4, 2)]];
    let bytes = file(&blocks);
    let good = layout(&bytes);
    assert!(good.damage.is_none() && good.blocks.len() == 2);
    let whole = |bytes: &[u8], block: &layout::Block| {
        let at = usize::try_from(block.at).unwrap();
        bytes.get(at..at + block.bytes).and_then(unpack)
    };
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let found = layout(&changed);
        let is_told = found.damage.is_some() || found.blocks.iter().any(|block| whole(&changed, block).is_none());
        assert!(is_told, "byte {at}");
        // A block that is untouched is found in any case.
        for (block, frames) in good.blocks.iter().zip(&blocks) {
            let touched = (block.at..block.at + block.bytes as u64).contains(&(at as u64));
            let is_found = found.blocks.iter().any(|found| whole(&changed, found) == Some(plain(frames)));
            assert!(touched || is_found, "byte {at}");
        }
        assert!(layout(&bytes[..at]).damage.is_some(), "first {at} bytes");
    }
    assert!(layout(&[&bytes[..], b"\n"].concat()).damage.is_some());
}

#[test]
fn an_index_of_blocks_that_nobody_writes_is_damaged() {
    for (plain, is_damaged) in [(RECORD_BYTES_MAX, false), (RECORD_BYTES_MAX + 1, true), (usize::MAX, true)] {
        let (mut bytes, mut of_one) = (file_head(), Layout::default());
        of_one.add(5, plain);
        bytes.extend_from_slice(b"block");
        bytes.extend(of_one.index());
        assert_eq!(layout(&bytes).damage.is_some(), is_damaged, "of {plain} bytes");
    }
}

#[test]
fn a_file_is_read_as_the_first_version_wrote_it() {
    let recorded = include_bytes!("recorded.pack");
    let found = layout(recorded);
    assert!(found.damage.is_none());
    let text: Vec<u8> = found
        .blocks
        .iter()
        .flat_map(|block| unpack(&recorded[usize::try_from(block.at).unwrap()..]).unwrap())
        .collect();
    assert_eq!(text, include_bytes!("recorded.log"));
}
