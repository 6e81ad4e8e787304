//! A batch with a right checksum and counts that do not add up: its sender made it so.

use super::super::batch::seal;
use super::super::*;
use crate::ids::NUMBER_MAX;

const LINE: &str = "DATA|a|2013-01-01T06:00:00Z|1||\n";

/// A batch of `count` readings in all. Each range has a first number, a count, and the number of lines that follow it.
fn parsed(count: u64, ranges: &[(u64, u64, usize)]) -> Result<Frame, WireError> {
    let range =
        |(first, count, lines): &(u64, u64, usize)| format!("FROM:a/1:{first}:{count}\n{}", LINE.repeat(*lines));
    let body: String = ranges.iter().map(range).collect();
    let mut bytes = Vec::new();
    seal(&format!("BATCH:3@a/1:7:{count}:{}:", body.len()), body.as_bytes(), &mut bytes);
    bytes.extend_from_slice(body.as_bytes());
    Frame::parse(bytes)
}

#[test]
fn ranges_of_more_readings_than_the_head_says_are_refused() {
    assert!(parsed(3, &[(1, 2, 2), (9, 1, 1)]).is_ok());
    let wrong = Err(WireError::Count { verb: "BATCH" });
    for ranges in [
        &[(1, 4, 4)][..],
        &[(1, 2, 2), (9, 2, 2)],
        &[(1, 3, 3), (9, 1, 1)],
        &[(1, 3, 3), (9, 1, 0)],
        &[(1, NUMBER_MAX, 3)],
        &[(1, 2, 2), (1, NUMBER_MAX, 1)],
    ] {
        assert_eq!(parsed(3, ranges).map(drop), wrong.clone().map(drop::<Frame>), "{ranges:?}");
    }
}

#[test]
fn ranges_of_fewer_readings_than_the_head_says_or_the_body_holds_are_refused() {
    for ranges in [&[(1, 2, 2)][..], &[(1, 2, 3)], &[(1, 3, 2)], &[(1, 3, 4)], &[]] {
        assert!(parsed(3, ranges).is_err(), "{ranges:?}");
    }
}

#[test]
fn numbers_that_no_origin_reaches_are_refused() {
    assert!(parsed(2, &[(NUMBER_MAX - 1, 2, 2)]).is_ok());
    for first in [0, NUMBER_MAX] {
        assert!(parsed(2, &[(first, 2, 2)]).is_err(), "{first}");
    }
}

#[test]
fn readings_that_follow_each_other_are_one_range_of_a_batch() {
    let part = |origin: &str, first, count: u64| {
        let line = b"DATA|s|2013-01-01T06:00:00Z|1||\n";
        let lines = Lines::new(line.repeat(usize::try_from(count).unwrap()), count);
        Request { origin: origin.parse().unwrap(), first, lines }
    };
    let range = |origin: &str, first, count| Range { origin: origin.parse().unwrap(), first, count };
    let parts = [part("b/1", 5, 2), part("b/1", 7, 3), part("b/1", 11, 1), part("c/1", 12, 1), part("b/1", 12, 1)];
    let frame = Frame::build("1@a/1".parse().unwrap(), 21, &parts);
    let ranges = [range("b/1", 5, 5), range("b/1", 11, 1), range("c/1", 12, 1), range("b/1", 12, 1)];
    assert_eq!(frame.ranges(), ranges);
    assert_eq!(ranges.map(|range| range.last()), [9, 11, 12, 12]);
    assert_eq!((frame.count(), frame.last(), frame.keep()), (8, 28, None));
    let keeps = Frame::build_with("1@a/1".parse().unwrap(), 21, &parts, Some(7));
    assert_eq!(keeps.keep(), Some(7));
    assert_eq!(Frame::parse(keeps.bytes().to_vec()).map(|frame| (frame.keep(), frame.count())), Ok((Some(7), 8)));
}
