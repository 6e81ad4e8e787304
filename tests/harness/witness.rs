//! Remembers rows that were once in a file, to check later that they still are.

use std::collections::{BTreeMap, BTreeSet};

use super::Rows;

/// What may happen to a row once it is in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// It stays, perhaps under another sequence.
    Stays,
    /// It stays under its sequence.
    Fixed,
}

pub(crate) struct Witness {
    promise: Promise,
    texts: BTreeSet<String>,
    sequences: Rows,
}

impl Witness {
    pub(crate) fn new(promise: Promise) -> Self {
        Self { promise, texts: BTreeSet::new(), sequences: BTreeMap::new() }
    }

    /// These rows are in the files of `who`.
    pub(crate) fn see(&mut self, rows: Rows, who: &str) {
        match self.promise {
            Promise::Stays => self.texts.extend(rows.into_values()),
            Promise::Fixed => {
                for (sequence, row) in rows {
                    let before = self.sequences.entry(sequence).or_insert_with(|| row.clone());
                    assert_eq!(*before, row, "{who}: #{sequence} was another reading before");
                }
            }
        }
    }

    /// Rows that were seen.
    pub(crate) fn count(&self) -> usize {
        self.texts.len().max(self.sequences.len())
    }

    /// Asserts that everything that was seen is in these rows of `who`.
    pub(crate) fn check(&self, rows: &Rows, who: &str) {
        let texts: BTreeSet<&String> = if self.texts.is_empty() { BTreeSet::new() } else { rows.values().collect() };
        let missing: Vec<&String> = self.texts.iter().filter(|row| !texts.contains(row)).collect();
        assert!(missing.is_empty(), "{who} lacks {} rows that were in a file, first {:?}", missing.len(), missing[0]);
        for (sequence, row) in &self.sequences {
            assert_eq!(rows.get(sequence), Some(row), "{who}: #{sequence} was another reading before");
        }
    }
}
