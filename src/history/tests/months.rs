//! A sensor with a file for each month is read as one with one file.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;

use super::{id, in_order, row};
use crate::history::{Indexes, Page, Sensors, TimeRange};
use crate::ids::Sequence;
use crate::reading::{Month, HEADER_LINE};
use crate::storage::{CsvName, TempDir};

/// Sequence, milliseconds since 1970, and a value.
type Known = (Sequence, i64, i32);

const DAY_MS: i64 = 86_400_000;

/// Rows in sequence order of some months, some of them late.
fn rows() -> impl Strategy<Value = Vec<Known>> {
    let step = prop_oneof![6 => 0..2 * DAY_MS, 1 => -60 * DAY_MS..0, 1 => 0..20 * DAY_MS];
    prop::collection::vec((1..4_u64, step, -500..500), 1..300).prop_map(in_order)
}

/// Adds rows to the file of the sensor, or of its months.
fn write(root: &Path, rows: &[Known], by_month: bool) {
    for (sequence, ms, value) in rows {
        let time = Timestamp::from_millisecond(*ms).unwrap().to_string();
        let month = by_month.then(|| Month::of(&time));
        let path = root.join(CsvName { sensor: id("s"), month }.file());
        let mut text = fs::read_to_string(&path).unwrap_or_else(|_| HEADER_LINE.to_owned());
        text.push_str(&row(*sequence, &time, "s", [&value.to_string(), "", "1"]));
        fs::write(path, text).unwrap();
    }
}

/// All rows in a range of time, some at a time.
fn paged(indexes: &Indexes, range: &TimeRange, limit: usize) -> Vec<u8> {
    let (mut found, mut after): (Vec<u8>, Sequence) = (Vec::new(), 0);
    loop {
        let page: Page = indexes.rows(&id("s"), after, range, limit).unwrap().unwrap();
        assert!(page.len() <= limit);
        if page.after == after {
            return found;
        }
        found.extend_from_slice(page.csv());
        after = page.after;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn it_has_the_rows_the_plot_and_the_last_row_of_one_file(
        rows in rows(), cut in 0..300_usize, limit in 1..50_usize, buckets in 1..40_usize,
        from in -60 * DAY_MS..200 * DAY_MS, length in 0..100 * DAY_MS,
    ) {
        let roots = [TempDir::new(), TempDir::new()];
        let indexes = roots.each_ref().map(|root| Indexes::new(root.path().to_owned()));
        let mut sensors = roots.each_ref().map(|root| Sensors::new(root.path().to_owned()));
        let from = 1_700_000_000_000 + from;
        let range = TimeRange { from, to: from + length };
        let cut = cut.min(rows.len());
        // The files grow while they are looked at.
        for rows in [&rows[..cut], &rows[cut..]].into_iter().filter(|rows| !rows.is_empty()) {
            for (root, by_month) in roots.iter().zip([false, true]) {
                write(root.path(), rows, by_month);
            }
            for range in [TimeRange::ALL, range] {
                let [one, months] = indexes.each_ref().map(|indexes| paged(indexes, &range, limit));
                prop_assert_eq!(String::from_utf8(one), String::from_utf8(months));
            }
            for range in [None, Some(range)] {
                let plot = |indexes: &Indexes| indexes.plot(&id("s"), range, buckets).unwrap().unwrap();
                let [one, mut months] = indexes.each_ref().map(plot);
                // What is usual is told by blocks, which end with their file.
                months.gap_ms = one.gap_ms;
                prop_assert_eq!(one, months);
            }
            for sensors in &mut sensors {
                sensors.refresh().unwrap();
            }
            let [one, months] = sensors.each_ref().map(|sensors| sensors.get(&id("s")).unwrap());
            prop_assert_eq!((one.last(), one.changed()), (months.last(), months.changed()));
            prop_assert!(months.bytes() >= one.bytes());
        }
    }
}

#[test]
fn a_sensor_that_has_no_file_is_none_and_one_that_lost_a_month_is_looked_at_again() {
    let root = TempDir::new();
    let indexes = Indexes::new(root.path().to_owned());
    let mut sensors = Sensors::new(root.path().to_owned());
    write(root.path(), &[(1, 1_700_000_000_000, 1), (2, 1_710_000_000_000, 2)], true);
    assert!(indexes.rows(&id("t"), 0, &TimeRange::ALL, 9).unwrap().is_none());
    assert!(indexes.plot(&id("t"), None, 9).unwrap().is_none());
    let look = sensors.refresh().unwrap();
    assert_eq!((sensors.last(), sensors.refresh().unwrap()), (2, look + 1));
    assert_eq!(sensors.get(&id("s")).unwrap().changed(), look);
    fs::remove_file(root.path().join("s+0.2024-03.csv")).unwrap();
    let look = sensors.refresh().unwrap();
    assert_eq!((sensors.last(), sensors.get(&id("s")).unwrap().changed()), (1, look));
    assert_eq!(indexes.rows(&id("s"), 0, &TimeRange::ALL, 9).unwrap().unwrap().len(), 1);
}

#[test]
fn what_came_after_the_last_row_was_looked_for_waits_for_the_next_page() {
    let line = |sequence| row(sequence, "2013-01-01T06:00:00Z", "s", ["1", "", ""]);
    let page_of = |sequences: &[Sequence], after| {
        let mut page = Page::new(after);
        for sequence in sequences {
            page.add(|csv| csv.extend_from_slice(line(*sequence).as_bytes()));
        }
        page
    };
    let mut page = page_of(&[3, 8], 9);
    // 7 of the other file was not there yet when this one was read.
    page.merge(&page_of(&[4, 9], 12), 6, 10);
    assert_eq!((page.rows().map(|(sequence, _)| sequence).collect::<Vec<_>>(), page.after), (vec![3, 4], 6));
    page.merge(&page_of(&[5, 6], 6), 6, 3);
    assert_eq!((page.rows().map(|(sequence, _)| sequence).collect::<Vec<_>>(), page.after), (vec![3, 4, 5], 5));
}
