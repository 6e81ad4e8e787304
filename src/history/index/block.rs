//! What is kept in memory for a few hundred consecutive rows of a file.

use crate::ids::Sequence;
use crate::reading::Fields;

/// Quantities of a reading: temperature, humidity, pressure.
pub(in crate::history) const QUANTITIES: usize = 3;

/// A summary of some values of one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::history) struct Summary {
    pub(in crate::history) min: f64,
    pub(in crate::history) max: f64,
    pub(in crate::history) sum: f64,
    pub(in crate::history) count: u32,
}

impl Summary {
    const NONE: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, count: 0 };

    fn add(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.count += other.count;
    }

    /// The mean of the values. They are finite, and their sum may not be.
    pub(in crate::history) fn mean(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let mean = self.sum / f64::from(self.count);
        Some(if mean.is_finite() { mean.clamp(self.min, self.max) } else { self.min / 2.0 + self.max / 2.0 })
    }
}

/// A summary of rows: how many there are, and their values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::history) struct Summaries {
    pub(in crate::history) rows: u32,
    pub(in crate::history) quantities: [Summary; QUANTITIES],
}

impl Summaries {
    pub(in crate::history) const NONE: Self = Self { rows: 0, quantities: [Summary::NONE; QUANTITIES] };

    /// The summary of one row.
    pub(in crate::history) fn of(fields: &Fields) -> Self {
        let mut summaries = Self { rows: 1, ..Self::NONE };
        let texts = [fields.temperature, fields.humidity, fields.pressure];
        for (summary, text) in summaries.quantities.iter_mut().zip(texts) {
            // A value that was not measured is empty; the grammar lets in finite numbers only.
            if let Some(value) = text.parse().ok().filter(|value: &f64| value.is_finite()) {
                *summary = Summary { min: value, max: value, sum: value, count: 1 };
            }
        }
        summaries
    }

    pub(in crate::history) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        for (summary, other) in self.quantities.iter_mut().zip(&other.quantities) {
            summary.add(other);
        }
    }
}

/// Consecutive rows of a file.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::history) struct Block {
    /// Where they are in the file.
    pub(in crate::history) offset: u64,
    pub(in crate::history) end: u64,
    /// Sequence of the first and the last of them.
    pub(in crate::history) first: Sequence,
    pub(in crate::history) last: Sequence,
    /// The earliest and the latest time, in milliseconds since 1970: rows need not be in the order of their times.
    pub(in crate::history) earliest: i64,
    pub(in crate::history) latest: i64,
    pub(in crate::history) summaries: Summaries,
    /// Nine of ten times come within this many milliseconds of the time before; 0 where no two differ.
    pub(in crate::history) interval: i64,
}

impl Block {
    /// Joins two blocks, of which the second follows the first.
    pub(super) fn join(mut self, next: &Self) -> Self {
        self.end = next.end;
        self.last = next.last;
        self.earliest = self.earliest.min(next.earliest);
        self.latest = self.latest.max(next.latest);
        self.summaries.add(&next.summaries);
        self.interval = match (self.interval, next.interval) {
            (0, one) | (one, 0) => one,
            (one, other) => one / 2 + other / 2,
        };
        self
    }
}

/// Within how many milliseconds nine of ten times come after the time before; 0 where no two differ. Sorts the times.
pub(super) fn usual_interval(times: &mut [i64]) -> i64 {
    times.sort_unstable();
    let mut intervals: Vec<i64> =
        times.windows(2).map(|two| two[1].saturating_sub(two[0])).filter(|one| *one > 0).collect();
    if intervals.is_empty() {
        return 0;
    }
    let at = (intervals.len() - 1) * 9 / 10;
    *intervals.select_nth_unstable(at).1
}
