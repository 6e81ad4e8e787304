//! The rows of a sensor in buckets of time, for a plot. A block of the index that lies within a bucket is taken as a
//! whole; rows are read only from blocks across a border.

use std::collections::BTreeMap;

use super::index::{Block, Index, Summaries, QUANTITIES};
use super::TimeRange;
use crate::reading::{row_fields, unix_ms};
use crate::storage::{CsvHandle, StorageError};

/// A sensor is silent when its pause is longer than this many usual intervals.
const INTERVALS: i64 = 3;

/// Rows in buckets; buckets without rows are left out. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub range: TimeRange,
    /// How long a bucket is.
    pub bucket_ms: i64,
    /// Between buckets that begin farther apart the sensor was silent. A silence shorter than two buckets may fall into
    /// buckets with rows, and is too short to be seen.
    pub gap_ms: i64,
    /// The earliest and the latest time of all its rows; `None` where there is no row.
    pub history: Option<TimeRange>,
    /// Where each bucket begins.
    pub times: Vec<i64>,
    /// How many rows each bucket has.
    pub rows: Vec<u32>,
    /// Temperature, humidity, pressure.
    pub curves: [Curve; QUANTITIES],
}

/// One quantity in each bucket; `None` where it was not measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    pub min: Vec<Option<f64>>,
    pub max: Vec<Option<f64>>,
    pub mean: Vec<Option<f64>>,
}

/// A plot that is being made, of one file after another.
#[derive(Debug)]
pub(super) struct Plotting {
    grid: Grid,
    history: Option<TimeRange>,
    filled: BTreeMap<i64, Summaries>,
    /// What is usual in each block.
    intervals: Vec<i64>,
}

impl Plotting {
    /// At most `buckets` buckets, and at least one, of a range of time or of the whole `history`.
    pub(super) fn new(history: Option<TimeRange>, range: Option<TimeRange>, buckets: usize) -> Self {
        let range = range.or(history).unwrap_or(TimeRange { from: 0, to: 0 });
        Self { grid: Grid::new(range, buckets), history, filled: BTreeMap::new(), intervals: Vec::new() }
    }

    pub(super) fn range(&self) -> TimeRange {
        self.grid.range
    }

    /// Adds the rows of a file.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn add(&mut self, index: &Index, file: &mut CsvHandle) -> Result<(), StorageError> {
        let Self { grid, filled, intervals, .. } = self;
        let mut add = |bucket: i64, summaries: &Summaries| {
            filled.entry(bucket).or_insert(Summaries::NONE).add(summaries);
        };
        let is_within = |block: &&Block| block.latest >= grid.range.from && block.earliest <= grid.range.to;
        for block in index.blocks().iter().filter(is_within) {
            intervals.extend(Some(block.interval).filter(|interval| *interval > 0));
            match (grid.bucket(block.earliest), grid.bucket(block.latest)) {
                (Some(one), Some(other)) if one == other => add(one, &block.summaries),
                _ => file.for_each_line(block.offset, block.end, |line| {
                    if let Some((_, fields)) = row_fields(line) {
                        if let Some(bucket) = grid.bucket(unix_ms(fields.timestamp)) {
                            add(bucket, &Summaries::of(&fields));
                        }
                    }
                    true
                })?,
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Plot {
        let Self { grid, history, filled, intervals } = self;
        let gap_ms = usual_interval(intervals).saturating_mul(INTERVALS).max(grid.bucket_ms);
        let mut plot = Plot {
            range: grid.range,
            bucket_ms: grid.bucket_ms,
            gap_ms,
            history,
            times: Vec::new(),
            rows: Vec::new(),
            curves: Default::default(),
        };
        for (bucket, summaries) in filled {
            plot.add(grid.range.from.saturating_add(bucket * grid.bucket_ms), &summaries);
        }
        plot
    }
}

impl Plot {
    fn add(&mut self, time: i64, summaries: &Summaries) {
        self.times.push(time);
        self.rows.push(summaries.rows);
        for (curve, summary) in self.curves.iter_mut().zip(&summaries.quantities) {
            let measured = summary.count > 0;
            curve.min.push(measured.then_some(summary.min));
            curve.max.push(measured.then_some(summary.max));
            curve.mean.push(summary.mean());
        }
    }
}

/// From the earliest to the latest time of all rows of a file.
pub(super) fn history(index: &Index) -> Option<TimeRange> {
    let from = index.blocks().iter().map(|block| block.earliest).min()?;
    Some(TimeRange { from, to: index.blocks().iter().map(|block| block.latest).max()? })
}

/// The usual time between two rows: the median of what is usual in blocks.
fn usual_interval(mut intervals: Vec<i64>) -> i64 {
    if intervals.is_empty() {
        return 0;
    }
    let middle = intervals.len() / 2;
    *intervals.select_nth_unstable(middle).1
}

/// Which bucket a time is in.
#[derive(Debug)]
struct Grid {
    range: TimeRange,
    bucket_ms: i64,
    last: i64,
}

impl Grid {
    fn new(range: TimeRange, buckets: usize) -> Self {
        let buckets = i64::try_from(buckets).unwrap_or(i64::MAX).max(1);
        let length = range.to.saturating_sub(range.from).max(0);
        let bucket_ms = (length / buckets + i64::from(length % buckets > 0)).max(1);
        Self { range, bucket_ms, last: buckets - 1 }
    }

    /// The last bucket holds its end, too.
    fn bucket(&self, time: i64) -> Option<i64> {
        let inside = self.range.contains(time);
        inside.then(|| (time.saturating_sub(self.range.from) / self.bucket_ms).min(self.last))
    }
}
