//! Tests of `packed.rs`, `packed/short.rs` and `packed/layout.rs`.

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

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

/// It lacked a byte, and took the largest batch; and LZ4 finds nothing in it that it had before.
#[test]
fn the_longest_block_is_read() {
    let mut noise = vec![0; BLOCK_BYTES - 1 + HEAD_BYTES_MAX + BODY_BYTES_MAX];
    SmallRng::seed_from_u64(1).fill_bytes(&mut noise);
    let block = pack(&[], &noise);
    assert!(block.len() > noise.len() && block.len() < RECORD_BYTES_MAX);
    assert!(unpack(&block) == Some(noise) && check(&block).is_some());
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

/// A file with an index of this many blocks of these bytes, packed and plain.
fn indexed(blocks: usize, bytes: usize, plain: usize) -> Vec<u8> {
    let (mut file, mut layout) = (file_head(), Layout::default());
    for _ in 0..blocks {
        layout.add(bytes, plain);
    }
    file.resize(file.len() + blocks * bytes, b'x');
    file.extend(layout.index());
    file
}

#[test]
fn an_index_of_blocks_that_nobody_writes_is_damaged() {
    let longest = RECORD_BYTES_MAX;
    for (blocks, bytes, plain, is_damaged) in [
        (1, 5, longest, false),
        (1, 5, longest + 1, true),
        (1, 5, usize::MAX, true),
        (1, longest, 5, false),
        (1, longest + 1, 5, true),
        // An index of 64 KiB at most is read, wherever it is.
        (16_000, 1, 1, false),
        (17_000, 1, 1, true),
    ] {
        let found = layout(&indexed(blocks, bytes, plain));
        assert_eq!(found.damage.is_some(), is_damaged, "{blocks} blocks of {bytes} bytes for {plain}");
        assert_eq!(found.blocks.len(), if is_damaged { 0 } else { blocks });
    }
}

#[test]
fn an_index_that_does_not_count_its_blocks_or_its_bytes_is_damaged() {
    for (count, length, is_damaged) in [(1, 4, false), (2, 4, true), (1, 5, true)] {
        let mut file = [&file_head()[..], b"x"].concat();
        let at = file.len();
        seal(&format!("INDEX:{count}:{length}:"), b"1:1\n", &mut file);
        file.extend(format!("1:1\nEND:{at:020}\n").bytes());
        assert_eq!(layout(&file).damage.is_some(), is_damaged, "{count} blocks in {length} bytes");
    }
}

#[test]
fn the_end_says_in_twenty_digits_where_the_index_is() {
    let good = indexed(1, 5, 5);
    let end = good.len() - 25;
    let offset = std::str::from_utf8(&good[end + 4..good.len() - 1]).unwrap().trim_start_matches('0').to_owned();
    for (line, is_damaged) in [
        (format!("END:{offset:0>20}\n"), false),
        (format!("END:{offset:0>19}\n"), true),
        (format!("END:{offset:+>20}\n"), true),
        (format!("END:{end:020}\n"), true),
        (format!("END:{:020}\n", end + 1), true),
    ] {
        assert_eq!(layout(&[&good[..end], line.as_bytes()].concat()).damage.is_some(), is_damaged, "{line}");
    }
}

#[test]
fn blocks_are_found_from_the_byte_on_that_is_asked_for() {
    let mut layout = Layout::default();
    for (bytes, plain) in [(7, 10), (5, 20), (3, 5)] {
        layout.add(bytes, plain);
    }
    let head = file_head().len() as u64;
    let (at, plain_at) = ([0, 7, 12].map(|at| head + at), [0, 10, 30]);
    for (index, block) in layout.blocks.iter().enumerate() {
        assert_eq!((block.at, block.plain_at), (at[index], plain_at[index]));
    }
    assert_eq!(layout.plain_bytes(), 35);
    for (from, left) in [(0, 3), (9, 3), (10, 2), (29, 2), (30, 1), (34, 1), (35, 0), (u64::MAX, 0)] {
        assert_eq!(layout.from(from).len(), left, "from byte {from}");
    }
    assert_eq!(layout.from(10)[0].plain_at, 10);
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
