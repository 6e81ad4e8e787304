//! Disagreements: one entry each, with file and sequences. Their number is bounded; the rest is counted.

use crate::ids::Sequence;
use crate::reading::ROW_BYTES_MAX;

/// How many are kept for each peer; more are only counted. It is enough to recognize what was said already.
const KEPT_MAX: usize = 1_000;

/// One disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disagreement {
    /// The path within the peer's directory; empty where it is not about one file.
    pub(super) file: String,
    /// The sequences that it is about; 0 where it is about none.
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    /// The rest of the line.
    pub(super) what: String,
}

/// All disagreements found at one peer.
#[derive(Debug, Default)]
pub(super) struct Disagreements {
    kept: Vec<Disagreement>,
    more: u64,
    /// How many of them only say that others hold more.
    behind: u64,
    /// How many of them are typical of a copy that was made while its peer wrote.
    torn: u64,
}

impl Disagreements {
    /// Notes a disagreement about a file, or about some of its sequences.
    pub(super) fn add(&mut self, file: &str, (first, last): (Sequence, Sequence), what: impl FnOnce() -> String) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(Disagreement { file: file.to_owned(), first, last, what: what() });
        } else {
            self.more += 1;
        }
    }

    /// Notes a disagreement, unless all its sequences were mentioned already, for this file or for all.
    pub(super) fn add_new(&mut self, file: &str, span: (Sequence, Sequence), what: impl FnOnce() -> String) {
        let says = |known: &Disagreement| {
            (known.file == file || known.file.is_empty()) && known.first <= span.0 && span.1 <= known.last
        };
        // If not everything that was said is kept, it may be noted twice: it is only counted.
        if !self.kept.iter().any(says) {
            self.add(file, span, what);
        }
    }

    /// Notes how far a peer is behind.
    pub(super) fn add_behind(&mut self, holds: Sequence, of: Sequence) {
        let held = if holds == 0 { "nothing".to_owned() } else { format!("1..{holds}") };
        self.behind += 1;
        self.add("", (holds + 1, of), || format!("behind: holds {held} of 1..{of}"));
    }

    /// Notes a disagreement at the end of a file, typical of a copy that was made while its peer wrote; as
    /// [`Self::add_new`].
    pub(super) fn add_torn(&mut self, file: &str, span: (Sequence, Sequence), what: impl FnOnce() -> String) {
        let before = self.count();
        self.add_new(file, span, what);
        self.torn += self.count() - before;
    }

    /// Whether all of them only say that others hold more.
    pub(super) fn only_behind(&self) -> bool {
        self.behind > 0 && self.behind == self.count()
    }

    /// Whether files are only torn at their ends, and the peer perhaps behind by that.
    pub(super) fn only_torn(&self) -> bool {
        self.torn > 0 && self.torn + self.behind == self.count()
    }

    pub(super) fn count(&self) -> u64 {
        self.kept.len() as u64 + self.more
    }

    /// Whether any of them is about such a file.
    pub(super) fn tells_of(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        self.kept.iter().any(|known| is_meant(&known.file))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The disagreements that are kept.
    pub(super) fn all(&self) -> impl Iterator<Item = &Disagreement> {
        self.kept.iter()
    }

    /// The first of the kept disagreements, by sequence.
    pub(super) fn first(&self, max: usize) -> Vec<&Disagreement> {
        let mut first: Vec<&Disagreement> = self.kept.iter().collect();
        first.sort_by_key(|one| one.first);
        first.truncate(max);
        first
    }
}

/// Some sequences: `row 5`, `rows 5..9`, `300 rows from 5 to 900`.
pub(super) fn rows_named((first, last): (Sequence, Sequence), count: u64) -> String {
    match count {
        1 => format!("row {first}"),
        _ if last - first + 1 == count => format!("rows {first}..{last}"),
        _ => format!("{count} rows from {first} to {last}"),
    }
}

/// Bytes of a file as text that harms no terminal. A row that a peer writes is shown in full.
pub(super) fn shown(bytes: &[u8]) -> String {
    let part = &bytes[..bytes.len().min(ROW_BYTES_MAX)];
    let dots = if part.len() < bytes.len() { "…" } else { "" };
    format!("\"{}{dots}\"", part.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_bound_is_counted() {
        let mut disagreements = Disagreements::default();
        for sequence in 1..=1_234 {
            disagreements.add("a.csv", (sequence, sequence), || "is wrong".to_owned());
        }
        assert_eq!((disagreements.kept.len(), disagreements.count()), (KEPT_MAX, 1_234));
        assert_eq!(disagreements.first(3).len(), 3);
    }

    #[test]
    fn what_was_said_already_is_not_said_again() {
        let mut disagreements = Disagreements::default();
        disagreements.add("a.csv", (5, 9), String::new);
        disagreements.add_new("a.csv", (6, 9), String::new);
        assert_eq!(disagreements.count(), 1);
        disagreements.add_new("b.csv", (6, 9), String::new);
        disagreements.add_new("a.csv", (6, 10), String::new);
        assert_eq!(disagreements.count(), 3);
    }

    #[test]
    fn rows_are_named_briefly() {
        assert_eq!(rows_named((5, 5), 1), "row 5");
        assert_eq!(rows_named((5, 9), 5), "rows 5..9");
        assert_eq!(rows_named((5, 900), 300), "300 rows from 5 to 900");
        assert_eq!(shown(b"1,\x1b[2J"), "\"1,\\x1b[2J\"");
    }
}
