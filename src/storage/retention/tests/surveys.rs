//! What a survey finds that no limit keeps: by age, and by bytes.

use std::time::Duration;

use super::*;
use crate::storage::tests::support::payload;
use crate::wire::Lines;

fn surveyed(storage: &mut Storage<MemoryDisk>, limits: Limits, now: Option<&str>) -> Sequence {
    storage.survey(limits, now.map(|now| now.parse().unwrap()));
    loop {
        if let Some(to) = storage.survey_step().unwrap() {
            assert!(!storage.is_surveying());
            return to;
        }
        assert!(storage.is_surveying());
    }
}

/// Bytes of the journal and of rows.
fn taken(disk: &MemoryDisk) -> u64 {
    let counts = |path: &&String| path.strip_suffix(".csv").is_some() || path.starts_with("journal/");
    disk.files().iter().filter(|(path, _)| counts(path)).map(|(_, bytes)| bytes.len() as u64).sum()
}

fn bytes(bytes: u64) -> Limits {
    Limits { age: None, bytes: Some(bytes) }
}

#[test]
fn files_that_take_too_much_lose_their_oldest_segments_and_never_the_open_one() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 400);
    assert_eq!(surveyed(&mut storage, bytes(taken(&disk)), None), 0, "there is room");
    for part in [2, 3, 5, 10] {
        let limit = taken(&disk) * (part - 1) / part;
        let to = surveyed(&mut storage, bytes(limit), None);
        removed(&mut storage, to);
        // An eighth of the limit stays free, and what goes with one segment is little.
        let least = limit / 8 * 7 - 2000;
        assert!(taken(&disk) <= limit && taken(&disk) > least, "{} of {limit}, at least {least}", taken(&disk));
        assert_eq!(surveyed(&mut storage, bytes(limit), None), to, "it is enough for a while");
    }
    let to = surveyed(&mut storage, bytes(1), None);
    let open = storage.journal.segments().last().unwrap().0;
    assert_eq!(to, open - 1);
}

#[test]
fn what_is_pending_takes_room_as_well() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    storage.keep(&request("b/1", 1, 300)).unwrap();
    let all = taken(&disk) + disk.len("pending").unwrap();
    assert_eq!(surveyed(&mut storage, bytes(all), None), 0, "there is room");
    assert!(surveyed(&mut storage, bytes(all - 1), None) > 0);
}

/// A reading of this time, as number `n`.
fn at(n: u64, time: &str) -> Request {
    let text = payload("a/1", n).replace("2013-01-01T06:00:00Z", time.trim_end_matches('~'));
    let mark = if time.ends_with('~') { "|~\n" } else { "\n" };
    Request { origin: "a/1".parse().unwrap(), first: n, lines: Lines::new((text + mark).into_bytes(), 1) }
}

/// A storage with a batch and a segment for each of these times, all delivered.
fn timed(disk: &MemoryDisk, times: &[&str]) -> Storage<MemoryDisk> {
    let (mut storage, _) = open(disk, Options { segment_bytes: Some(1), ..OPTIONS }).unwrap();
    for (n, time) in (1..).zip(times) {
        append(&mut storage, &Frame::build("1@l/1".parse().unwrap(), n, &[at(n, time)]));
    }
    storage.deliver(times.len() as u64).unwrap();
    storage.flush().unwrap();
    storage
}

fn days(days: u64) -> Limits {
    Limits { age: Some(Duration::from_secs(days * 86_400)), bytes: None }
}

#[test]
fn no_more_goes_than_frees_the_room_and_nothing_of_the_open_segment() {
    let disk = MemoryDisk::new();
    let mut storage = timed(&disk, &["2024-01-01T00:00:00Z"; 15]);
    assert_eq!(surveyed(&mut storage, bytes(taken(&disk) - 1), None), 2, "an eighth of fifteen segments");
    assert_eq!(surveyed(&mut storage, days(20), Some("2026-03-10T12:00:00Z")), 14);
}

#[test]
fn readings_go_by_whole_months_and_times_that_say_nothing_keep_nothing() {
    let times = [
        "2025-12-31T23:59:59Z",
        "2026-01-31T23:59:59Z",
        // The clocks of these were wrong.
        "2031-01-01T00:00:00Z",
        "2026-03-09T00:00:00Z~",
        "1970-01-01T00:00:00Z",
        // It is in January.
        "2026-02-01T00:30:00+01:00",
        "2026-02-01T00:00:00Z",
        "2026-01-02T00:00:00Z",
        "2026-03-01T00:00:00Z",
    ];
    let disk = MemoryDisk::new();
    let mut storage = timed(&disk, &times);
    let now = Some("2026-03-10T12:00:00Z");
    assert_eq!(surveyed(&mut storage, days(20), None), 0, "the clock is not set");
    assert_eq!(surveyed(&mut storage, days(100), now), 0);
    assert_eq!(surveyed(&mut storage, days(50), now), 1, "January is kept");
    assert_eq!(surveyed(&mut storage, days(20), now), 6, "February is kept, from its first reading on");
    assert_eq!(surveyed(&mut storage, days(1), now), 8, "the last segment is open");
    let done = removed(&mut storage, 6);
    assert_eq!(done.newest.as_deref(), Some("2031-01-01T00:00:00Z"));
    assert_eq!(surveyed(&mut storage, days(20), now), 6);
}

#[test]
fn a_clock_that_went_back_removes_nothing_but_what_is_old_by_it_too() {
    let disk = MemoryDisk::new();
    let mut storage = timed(&disk, &["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]);
    let (early, right) = (Some("2025-06-01T00:00:00Z"), Some("2026-03-10T00:00:00Z"));
    assert_eq!(surveyed(&mut storage, days(400), early), 0, "later than now is no sign of age");
    assert_eq!(surveyed(&mut storage, days(400), right), 0, "nor does a wrong clock have an effect once it is right");
    assert_eq!(surveyed(&mut storage, days(20), right), 1);

    let times = ["2024-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z~", "2026-03-01T00:00:00Z"];
    let disk = MemoryDisk::new();
    let mut storage = timed(&disk, &times);
    assert_eq!(surveyed(&mut storage, days(400), early), 1, "nothing shows that what follows is old");
    assert_eq!(surveyed(&mut storage, days(400), right), 1);
}

/// The numbers of what went are to account for each entry. A leader that lies may order a reading twice.
#[test]
fn nothing_goes_where_a_reading_is_twice_in_what_is_to_go() {
    let disk = MemoryDisk::new();
    let mut storage = filled(&disk, 40);
    append(&mut storage, &Frame::build("1@l/1".parse().unwrap(), 121, &[request("a/1", 7, 1)]));
    storage.deliver(121).unwrap();
    storage.flush().unwrap();
    let done = removed(&mut storage, 121);
    assert_eq!((done.base, done.readings, done.too_much), (0, 0, true));
    drop(storage);
    let (mut storage, opened) = open(&disk, OPTIONS).unwrap();
    assert_eq!((opened.repairs, storage.last(), rows(&disk).len()), (vec![], 121, 121));
    assert_eq!(removed(&mut storage, 60).base, 60, "what is before it may go");
}
