//! Plots and rows of one sensor, compared with a summary of all its rows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::{append, id, in_order, replace, row};
use crate::history::{Curve, Indexes, Page, Plot, TimeRange};
use crate::storage::TempDir;

/// A row as the tests know it: sequence, milliseconds since 1970, temperature in tenths.
type Known = (u64, i64, Option<i32>);

fn text(known: &Known) -> String {
    let (sequence, ms, value) = *known;
    let time = Timestamp::from_millisecond(ms).unwrap().to_string();
    let value = value.map_or_else(String::new, |tenths| format!("{:.1}", f64::from(tenths) / 10.0));
    row(sequence, &time, "s", [&value, "", "1"])
}

fn texts(rows: &[Known]) -> Vec<String> {
    rows.iter().map(text).collect()
}

/// Puts each row into its bucket, one by one.
fn naive(rows: &[Known], plot: &Plot, buckets: usize) -> (Vec<i64>, Vec<u32>, Curve) {
    let mut filled: BTreeMap<i64, (u32, Vec<f64>)> = BTreeMap::new();
    for (_, ms, value) in rows.iter().filter(|(_, ms, _)| plot.range.contains(*ms)) {
        let bucket = ((ms - plot.range.from) / plot.bucket_ms).min(i64::try_from(buckets).unwrap() - 1);
        let (count, values) = filled.entry(bucket).or_default();
        *count += 1;
        values.extend(value.map(|tenths| f64::from(tenths) / 10.0));
    }
    let mut curve = Curve::default();
    for (_, values) in filled.values() {
        curve.min.push(values.iter().copied().min_by(f64::total_cmp));
        curve.max.push(values.iter().copied().max_by(f64::total_cmp));
        let sum: f64 = values.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "they are few")]
        curve.mean.push((!values.is_empty()).then(|| sum / values.len() as f64));
    }
    let times = filled.keys().map(|bucket| plot.range.from + bucket * plot.bucket_ms).collect();
    (times, filled.values().map(|(count, _)| *count).collect(), curve)
}

fn check(plot: &Plot, rows: &[Known], buckets: usize) {
    let (times, counts, mut curve) = naive(rows, plot, buckets);
    let mut temperature = plot.curves[0].clone();
    assert_eq!((&plot.times, &plot.rows), (&times, &counts));
    // A sum is rounded differently in another order.
    for (one, other) in std::mem::take(&mut curve.mean).into_iter().zip(std::mem::take(&mut temperature.mean)) {
        assert!(one.is_some() == other.is_some() && (one.unwrap_or(0.0) - other.unwrap_or(0.0)).abs() < 1e-9);
    }
    assert_eq!(temperature, curve);
    assert!(plot.curves[1].mean.iter().all(Option::is_none) && plot.curves[2].mean.iter().all(|one| *one == Some(1.0)));
}

/// Rows in sequence order, whose times mostly rise.
fn rows() -> impl Strategy<Value = Vec<Known>> {
    let step = prop_oneof![8 => 0..2000i64, 1 => -50_000..50_000i64, 1 => 0..2_000_000i64];
    let one = (1..4u64, step, prop::option::of(-500..500));
    prop::collection::vec(one, 0..1500).prop_map(in_order)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_plot_is_what_all_rows_come_to(
        rows in rows(), cuts in prop::collection::vec(0..1500usize, 0..3), buckets in 1..300usize,
        from in -1_000_000..3_000_000i64, length in 0..3_000_000i64,
    ) {
        let temp = TempDir::new();
        let indexes = Indexes::new(temp.path().to_owned());
        let from = 1_700_000_000_000 + from;
        let range = TimeRange { from, to: from + length };
        append(temp.path(), "s", "");
        // The file grows while it is looked at.
        let (mut cuts, mut written) = (cuts, 0);
        cuts.push(rows.len());
        cuts.sort_unstable();
        for cut in cuts.into_iter().map(|cut| cut.min(rows.len())) {
            append(temp.path(), "s", &texts(&rows[written..cut]).concat());
            written = cut;
            for range in [None, Some(range)] {
                let plot = indexes.plot(&id("s"), range, buckets).unwrap().unwrap();
                check(&plot, &rows[..cut], buckets);
                let times = || rows[..cut].iter().map(|(_, ms, _)| *ms);
                prop_assert_eq!(plot.history, times().min().zip(times().max()).map(|(from, to)| TimeRange { from, to }));
            }
        }
    }

    #[test]
    fn rows_are_those_after_a_sequence_and_in_a_range(
        rows in rows(), after in 0..3000u64, limit in 1..700usize, from in -1_000_000..3_000_000i64,
        length in prop::option::of(0..3_000_000i64),
    ) {
        let temp = TempDir::new();
        let indexes = Indexes::new(temp.path().to_owned());
        replace(temp.path(), "s", &texts(&rows));
        let from = 1_700_000_000_000 + from;
        let range = length.map_or(TimeRange::ALL, |length| TimeRange { from, to: from + length });
        let expected: String = rows
            .iter()
            .filter(|(sequence, ms, _)| *sequence > after && range.contains(*ms))
            .map(text)
            .collect();
        // Page by page.
        let (mut after, mut found) = (after, Vec::new());
        loop {
            let page = indexes.rows(&id("s"), after, &range, limit).unwrap().unwrap();
            assert!(page.len() <= limit && page.rows().count() == page.len());
            found.extend_from_slice(page.csv());
            if page.len() < limit {
                break;
            }
            after = page.after;
        }
        prop_assert_eq!(String::from_utf8(found).unwrap(), expected);
    }
}

/// `count` rows, one each second, from `from` on.
fn seconds(first: u64, count: u64, from: i64) -> Vec<Known> {
    (0..count).map(|at| (first + at, from + i64::try_from(at).unwrap() * 1000, Some(7))).collect()
}

#[test]
fn a_file_that_was_replaced_is_read_from_the_start() {
    let temp = TempDir::new();
    let (root, indexes) = (temp.path(), Indexes::new(temp.path().to_owned()));
    let long = seconds(1, 1000, 0);
    replace(root, "s", &texts(&long));
    let plot = |rows: &[Known]| check(&indexes.plot(&id("s"), None, 10).unwrap().unwrap(), rows, 10);
    plot(&long);
    // Shorter, then longer than before, with other rows.
    for (kept, count) in [(300, 10), (300, 2000), (0, 3000)] {
        let rows = [&long[..kept], &seconds(kept as u64 + 1, count, 5_000_000)].concat();
        replace(root, "s", &texts(&rows));
        plot(&rows);
    }
    // In the same file, as if its number had gone to another file.
    let path = root.join("s.csv");
    let rows = seconds(1, 4000, 9_000_000);
    std::fs::write(&path, crate::reading::HEADER_LINE.to_owned() + &texts(&rows).concat()).unwrap();
    plot(&rows);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(indexes.plot(&id("s"), None, 10).unwrap(), None);
    assert_eq!(indexes.rows(&id("s"), 0, &TimeRange::ALL, 10).unwrap(), None);
}

#[test]
fn half_a_row_counts_once_it_is_whole() {
    let temp = TempDir::new();
    let indexes = Indexes::new(temp.path().to_owned());
    let rows = seconds(1, 3, 0);
    let last = text(&rows[2]);
    append(temp.path(), "s", &(texts(&rows[..2]).concat() + &last[..9]));
    check(&indexes.plot(&id("s"), None, 2).unwrap().unwrap(), &rows[..2], 2);
    append(temp.path(), "s", &last[9..]);
    check(&indexes.plot(&id("s"), None, 2).unwrap().unwrap(), &rows, 2);
    let page = indexes.rows(&id("s"), 1, &TimeRange::ALL, 10).unwrap().unwrap();
    assert_eq!((page.after, page.len()), (3, 2));
}

/// Whether a line crosses the time from `out` to `back`.
fn crosses(plot: &Plot, out: i64, back: i64) -> bool {
    plot.times.windows(2).any(|two| two[0] <= out && two[1] + plot.bucket_ms > back && two[1] - two[0] <= plot.gap_ms)
}

#[test]
fn no_line_crosses_an_outage_and_none_is_torn_without_one() {
    let temp = TempDir::new();
    let indexes = Indexes::new(temp.path().to_owned());
    // A reading every 15 s, of which some are late or missing, and an outage of an hour.
    let mut rows: Vec<Known> = Vec::new();
    let mut ms = 0;
    for at in 0..2000_u64 {
        ms += match at {
            1000 => 3_600_000,
            _ if at % 40 == 0 => 30_000,
            _ => 15_000 + i64::try_from(at % 7).unwrap() * 20,
        };
        rows.push((at + 1, ms, Some(1)));
    }
    replace(temp.path(), "s", &texts(&rows));
    let (out, back) = (rows[999].1, rows[1000].1);
    for buckets in [2000, 1000, 300, 100] {
        let plot = indexes.plot(&id("s"), None, buckets).unwrap().unwrap();
        assert!(!crosses(&plot, out, back), "{buckets} buckets of {} ms, gap {}", plot.bucket_ms, plot.gap_ms);
        let torn = plot.times.windows(2).filter(|two| two[1] - two[0] > plot.gap_ms).count();
        assert_eq!(torn, 1, "{buckets} buckets");
    }
    // One hour of it, as a person would look at it.
    let range = TimeRange { from: back - 1_800_000, to: back + 1_800_000 };
    let plot = indexes.plot(&id("s"), Some(range), 240).unwrap().unwrap();
    assert_eq!((plot.bucket_ms, plot.gap_ms / 1000), (15_000, 45));
    assert!(!crosses(&plot, out, back));
}

#[test]
fn a_sensor_without_rows_or_with_one_has_a_plot() {
    let temp = TempDir::new();
    let indexes = Indexes::new(temp.path().to_owned());
    append(temp.path(), "s", "");
    let plot = indexes.plot(&id("s"), None, 300).unwrap().unwrap();
    assert_eq!((plot.history, plot.times), (None, vec![]));
    let rows = seconds(7, 1, 5000);
    append(temp.path(), "s", &text(&rows[0]));
    let plot = indexes.plot(&id("s"), Some(TimeRange::ALL), 300).unwrap().unwrap();
    assert_eq!((plot.rows.as_slice(), plot.history), ([1].as_slice(), Some(TimeRange { from: 5000, to: 5000 })));
    assert_eq!(indexes.rows(&id("s"), 7, &TimeRange::ALL, 10).unwrap(), Some(Page::new(7)));
}
