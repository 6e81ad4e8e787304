//! Tests of `pending.rs`.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ids::{INCARNATION_MAX, NUMBER_MAX};
use crate::storage::disk::memory::MemoryDisk;
use crate::storage::error::fault::Fault;
use crate::storage::tests::support::{payload, request, TempDir};
use crate::storage::ReadDisk;
use crate::wire::batch::READINGS_MAX;

const ORIGINS: [&str; 3] = ["a/1", "a/2", "some-origin-of-readings/1"];

/// The numbers of a range that are recalled; what comes with each is checked.
fn recalled<D: Disk>(pending: &Pending<D>, range: &Range) -> Vec<Number> {
    let mut numbers = Vec::new();
    for request in pending.recall(range).unwrap() {
        assert_eq!(request.origin, range.origin);
        for (number, line) in (request.first..).zip(request.lines.iter()) {
            assert_eq!(line, payload(&range.origin.to_string(), number).as_bytes());
            numbers.push(number);
        }
    }
    numbers
}

/// Forgets, and shrinks the file as soon as it is worth it.
fn forget<D: Disk>(pending: &mut Pending<D>, range: &Range) {
    pending.forget(range);
    if pending.is_wasteful(0) {
        pending.shrink().unwrap();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Keep,
    Recall,
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<(Step, usize, u64, u64)>> {
    let step = prop_oneof![3 => Just(Step::Keep), 1 => Just(Step::Recall), 2 => Just(Step::Forget)];
    prop::collection::vec((step, 0..ORIGINS.len(), 1_u64..200, 1_u64..60), 1..120)
}

fn check_against_a_set<D: Disk>(disk: D, steps: Vec<(Step, usize, u64, u64)>) {
    let disk = Arc::new(disk);
    let mut pending = Pending::new(Arc::clone(&disk));
    let mut model: BTreeSet<(usize, Number)> = BTreeSet::new();
    for (at, (step, origin, first, count)) in steps.into_iter().enumerate() {
        let range = Range { origin: ORIGINS[origin].parse().unwrap(), first, count };
        match step {
            Step::Keep => {
                pending.keep(&request(ORIGINS[origin], first, count)).unwrap();
                model.extend((first..=range.last()).map(|number| (origin, number)));
            }
            Step::Recall => {
                let expected: Vec<_> =
                    model.range((origin, first)..=(origin, range.last())).map(|(_, number)| *number).collect();
                assert_eq!(recalled(&pending, &range), expected);
            }
            Step::Forget => {
                forget(&mut pending, &range);
                model.retain(|(of, number)| *of != origin || *number < first || *number > range.last());
            }
        }
        if at % 16 == 15 && !model.is_empty() {
            pending.compact().unwrap();
        }
        assert_eq!(pending.is_empty(), model.is_empty());
        assert_eq!(disk.len(PATH).unwrap(), pending.index.bytes);
        assert_eq!(pending.index.bytes == 0, model.is_empty());
    }
    for (origin, name) in ORIGINS.into_iter().enumerate() {
        let all = Range { origin: name.parse().unwrap(), first: 1, count: 1000 };
        let expected: Vec<_> = model.iter().filter(|(of, _)| *of == origin).map(|(_, number)| *number).collect();
        assert_eq!(recalled(&pending, &all), expected);
        forget(&mut pending, &all);
    }
    assert_eq!((disk.len(PATH).unwrap(), pending.index.live, pending.index.pieces.len()), (0, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn it_is_a_set_of_readings_in_memory(steps in steps()) {
        check_against_a_set(MemoryDisk::new(), steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn it_is_a_set_of_readings_on_disk(steps in steps()) {
        let (_temp, disk) = TempDir::disk("p");
        check_against_a_set(disk, steps);
    }
}

/// A request at the bounds of what is allowed.
fn outermost() -> impl Strategy<Value = Request> {
    let name = prop_oneof!["[A-Za-z0-9]", "[A-Za-z0-9][A-Za-z0-9._-]{63}"];
    let life = prop_oneof![0..=1u64, INCARNATION_MAX - 1..=INCARNATION_MAX];
    let count = prop_oneof![Just(1), Just(READINGS_MAX), 1..=READINGS_MAX];
    (name, life, count, 0..3_u64, any::<bool>()).prop_map(|(name, life, count, off, low)| {
        let first = if low { 1 + off } else { NUMBER_MAX - (count - 1) - off };
        let text = "DATA|s|2013-01-01T06:00:00Z|1||\n".repeat(usize::try_from(count).unwrap());
        let lines = Lines::new(text.into_bytes(), count);
        Request { origin: format!("{name}/{life}").parse().unwrap(), first, lines }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_kept_is_read_again_at_every_bound(requests in prop::collection::vec(outermost(), 1..4)) {
        let disk = Arc::new(MemoryDisk::new());
        let mut pending = Pending::new(Arc::clone(&disk));
        for request in &requests {
            pending.keep(request).unwrap();
            let record = write(request);
            prop_assert_eq!(parse_record(&record), Ok((request.clone(), record.len())));
        }
        let mut repairs = Vec::new();
        let found = crate::storage::opening::pending_load::load(&disk, &mut repairs).unwrap();
        prop_assert_eq!(&repairs[..], []);
        for range in pending.ranges().ranges() {
            let count = |pending: &Pending<MemoryDisk>| -> u64 {
                pending.recall(&range).unwrap().iter().map(|request| request.lines.count()).sum()
            };
            prop_assert_eq!((count(&pending), count(&found)), (range.count, range.count));
        }
    }
}

#[test]
fn a_file_that_is_read_in_several_steps_is_read_again_in_full() {
    let disk = Arc::new(MemoryDisk::new());
    let mut pending = Pending::new(Arc::clone(&disk));
    let range = Range { origin: "some-origin/1".parse().unwrap(), first: 1, count: 40_000 };
    for first in (1..=range.count).step_by(1000) {
        pending.keep(&request("some-origin/1", first, 1000)).unwrap();
    }
    assert!(pending.bytes() > 3 << 19, "{} bytes", pending.bytes());
    let mut repairs = Vec::new();
    let found = crate::storage::opening::pending_load::load(&disk, &mut repairs).unwrap();
    assert_eq!((repairs, found.bytes()), (Vec::new(), pending.bytes()));
    assert_eq!(recalled(&found, &range), (1..=range.count).collect::<Vec<_>>());
}

fn write(request: &Request) -> Vec<u8> {
    let mut text = Vec::new();
    write_record(request, &mut text);
    text
}

#[test]
fn a_record_with_a_number_that_is_beyond_all_is_none() {
    let lines = request("a/1", 1, 2).lines;
    let beyond = Request { origin: "a/1".parse().unwrap(), first: NUMBER_MAX, lines };
    assert!(parse_record(&write(&beyond)).is_err());
}

#[test]
fn a_file_of_which_little_is_pending_is_replaced() {
    let disk = MemoryDisk::new();
    let mut pending = Pending::new(Arc::new(disk.clone()));
    let mut longest = 0;
    for at in 0..1000 {
        pending.keep(&request("some-origin/1", at * 1000 + 1, 1000)).unwrap();
        if at > 10 {
            let range = Range { origin: "some-origin/1".parse().unwrap(), first: (at - 10) * 1000, count: 1000 };
            forget(&mut pending, &range);
        }
        longest = longest.max(disk.len(PATH).unwrap());
    }
    assert!(longest > pending.limits.compact - 100_000 && longest <= pending.limits.compact, "{longest}");
    assert!(!disk.files().contains_key(COMPACTED_PATH));
    let range = Range { origin: "some-origin/1".parse().unwrap(), first: 995_000, count: 10_000 };
    assert_eq!(recalled(&pending, &range), (995_000..=1_000_000).collect::<Vec<_>>());
}

#[test]
fn a_file_is_worth_shrinking_once_it_is_longer_than_that_and_nothing_in_it_is_pending() {
    let mut pending = Pending::new(Arc::new(MemoryDisk::new()));
    assert!(!pending.is_wasteful(0), "there is none");
    pending.keep(&request("a/1", 1, 2)).unwrap();
    assert!(!pending.is_wasteful(0));
    pending.forget(&Range { origin: "a/1".parse().unwrap(), first: 1, count: 2 });
    let bytes = pending.bytes();
    assert_eq!([bytes - 1, bytes].map(|bytes| pending.is_wasteful(bytes)), [true, false]);
    pending.shrink().unwrap();
    assert_eq!((pending.bytes(), pending.is_wasteful(0)), (0, false));
}

#[test]
fn a_long_file_is_worth_shrinking_once_less_than_half_of_it_is_pending() {
    let mut pending = Pending::new(Arc::new(MemoryDisk::new()));
    pending.limits.compact = 100;
    for number in 1..=3 {
        pending.keep(&request("a/1", number, 1)).unwrap();
    }
    for (number, is_wasteful) in [(2, false), (3, true)] {
        pending.forget(&Range { origin: "a/1".parse().unwrap(), first: number, count: 1 });
        assert_eq!(pending.is_wasteful(0), is_wasteful, "without number {number}");
    }
}

#[test]
fn what_does_not_fit_the_disk_is_not_kept() {
    let disk = MemoryDisk::new();
    let mut pending = Pending::new(Arc::new(disk.clone()));
    let range = |first, count| Range { origin: "a/1".parse().unwrap(), first, count };
    pending.keep(&request("a/1", 1, 2)).unwrap();
    disk.set_capacity(100);
    let error = pending.keep(&request("a/1", 1, 5)).unwrap_err();
    assert!(matches!(error, StorageError::Io { fault: Fault::Full(_), .. }), "{error}");
    assert_eq!(recalled(&pending, &range(1, 5)), [1, 2]);
    disk.set_capacity(usize::MAX);
    pending.keep(&request("a/1", 1, 5)).unwrap();
    assert_eq!(recalled(&pending, &range(2, 9)), [2, 3, 4, 5]);
}

#[test]
fn a_damaged_record_is_not_handed_out() {
    let disk = MemoryDisk::new();
    let mut pending = Pending::new(Arc::new(disk.clone()));
    pending.keep(&request("a/1", 1, 2)).unwrap();
    let mut bytes = disk.files().remove(PATH).unwrap();
    *bytes.last_mut().unwrap() = b'x';
    disk.replace(PATH, &bytes, false).unwrap();
    let error = pending.recall(&Range { origin: "a/1".parse().unwrap(), first: 1, count: 1 }).unwrap_err();
    assert!(error.to_string().contains("is damaged: the record at byte 0"), "{error}");
}
