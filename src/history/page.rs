//! Some rows, one after the other, as the CSV files have them.

use crate::ids::Sequence;
use crate::reading::{append_row, has_unsure_time, row_fields, row_sequence, Fields};

/// Rows in sequence order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    csv: Vec<u8>,
    rows: usize,
    /// Sequences of rows whose time is that of a clock that was not set, rising.
    unsure: Vec<Sequence>,
    /// All wanted rows up to this sequence are in the page: where to go on.
    pub after: Sequence,
}

impl Page {
    pub(super) fn new(after: Sequence) -> Self {
        Self { csv: Vec::new(), rows: 0, unsure: Vec::new(), after }
    }

    /// Adds a row that `write` writes.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.csv);
        self.rows += 1;
    }

    /// Adds the row of an entry of the log.
    pub(super) fn add_entry(&mut self, sequence: Sequence, payload: &[u8]) {
        if has_unsure_time(payload) {
            self.unsure.push(sequence);
        }
        self.add(|csv| append_row(sequence, payload, csv));
    }

    /// Adds the rows up to `up_to` of a page of other rows, and keeps the first `limit` of all. Neither has more than that
    /// many, and where one has so many, there may be more of its kind.
    pub(super) fn merge(&mut self, other: &Self, up_to: Sequence, limit: usize) {
        let sequenced = |line| row_sequence(line).map(|sequence| (sequence, line));
        let mut lines: Vec<(Sequence, &[u8])> = self.lines().chain(other.lines()).filter_map(sequenced).collect();
        lines.retain(|(sequence, _)| *sequence <= up_to);
        lines.sort_unstable();
        lines.truncate(limit);
        let last = lines.last().map_or(self.after, |(sequence, _)| *sequence);
        let after = if lines.len() == limit { last } else { self.after.max(other.after).min(up_to) };
        *self = Self {
            rows: lines.len(),
            csv: lines.into_iter().flat_map(|(_, line)| line).copied().collect(),
            unsure: Vec::new(),
            after,
        };
    }

    /// Is the time of this row that of a clock that was not set? Only pages of the log know.
    #[must_use]
    pub fn has_unsure_time(&self, sequence: Sequence) -> bool {
        self.unsure.binary_search(&sequence).is_ok()
    }

    /// The rows as lines of a CSV file, without its header.
    #[must_use]
    pub fn csv(&self) -> &[u8] {
        &self.csv
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The lines, LF included.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.csv.split_inclusive(|byte| *byte == b'\n')
    }

    /// The rows, taken apart.
    pub fn rows(&self) -> impl Iterator<Item = (Sequence, Fields<'_>)> {
        self.lines().filter_map(row_fields)
    }
}
