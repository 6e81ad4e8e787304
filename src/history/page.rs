//! Some rows, one after the other, as the CSV files have them.

use crate::ids::{Number, Origin, Sequence, Term};
use crate::reading::{append_row, has_unsure_time, row_fields, row_sequence, Fields};
use crate::wire::Frame;

/// Rows in sequence order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    csv: Vec<u8>,
    rows: usize,
    /// Sequences of rows whose time is that of a clock that was not set, rising.
    unsure: Vec<Sequence>,
    /// The runs of readings of one origin that one term ordered, in sequence order.
    runs: Vec<Run>,
    /// All wanted rows up to this sequence are in the page: where to go on.
    pub after: Sequence,
}

/// Consecutive readings of one origin, ordered in one term.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    first: Sequence,
    term: Term,
    origin: Origin,
    number: Number,
}

/// What a reading is known by, wherever a merge puts it: the origin that took it in, and its number there; and the term
/// that ordered it at its present place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    pub term: &'a Term,
    pub origin: &'a Origin,
    pub number: Number,
}

impl Page {
    pub(super) fn new(after: Sequence) -> Self {
        Self { after, ..Self::default() }
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

    /// Says where the readings of a batch are from, as far as they are above a sequence.
    pub(super) fn add_runs(&mut self, frame: &Frame, above: Sequence) {
        let mut first = frame.first().max(above + 1);
        for range in frame.ranges_after(above) {
            self.runs.push(Run { first, term: frame.term().clone(), origin: range.origin, number: range.first });
            first += range.count;
        }
    }

    /// Adds the rows up to `up_to` of a page of other rows, and keeps the first `limit` of all. Neither has more than
    /// that many, and if one has that many, there may be more of its kind.
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
            runs: Vec::new(),
            after,
        };
    }

    /// What the reading of this row is known by. Only pages of the log know.
    #[must_use]
    pub fn identity(&self, sequence: Sequence) -> Option<Identity<'_>> {
        let at = self.runs.partition_point(|run| run.first <= sequence).checked_sub(1)?;
        let Run { first, term, origin, number } = &self.runs[at];
        Some(Identity { term, origin, number: number + (sequence - first) })
    }

    /// Whether the time of this row is that of a clock that was not set. Only pages of the log know.
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

    /// The lines, and of each whether its time is that of a clock that was not set.
    pub fn marked_lines(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let is_unsure = |line: &[u8]| row_sequence(line).is_some_and(|sequence| self.has_unsure_time(sequence));
        self.lines().map(move |line| (line, is_unsure(line)))
    }

    /// The rows, taken apart.
    pub fn rows(&self) -> impl Iterator<Item = (Sequence, Fields<'_>)> {
        self.lines().filter_map(row_fields)
    }
}
