//! The terms in which the given rows were ordered: as much of a log's past as it takes to find where another log
//! diverges from it.

use std::collections::VecDeque;

use crate::ids::{Sequence, Term};
use crate::storage::{JournalFiles, StorageError};

/// How many terms are kept: the latest. A log that differs farther back counts as another log from the beginning.
pub(super) const SPANS_MAX: usize = 4096;

/// Consecutive sequences that were ordered in one term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    pub(super) term: Term,
}

/// The terms of the rows that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lineage(pub(super) VecDeque<Span>);

impl Lineage {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last sequence that was given.
    pub(super) fn last(&self) -> Option<Sequence> {
        self.0.back().map(|span| span.last)
    }

    pub(super) fn ends_in(&self, term: &Term) -> bool {
        self.0.back().is_some_and(|span| span.term == *term)
    }

    /// Adds what was given next.
    pub(super) fn add(&mut self, term: &Term, sequence: Sequence) {
        match self.0.back_mut() {
            Some(span) if span.term == *term => span.last = sequence,
            _ => {
                if self.0.len() == SPANS_MAX {
                    self.0.pop_front();
                }
                self.0.push_back(Span { first: sequence, last: sequence, term: term.clone() });
            }
        }
    }

    /// Forgets what is above a sequence.
    pub(super) fn cut(&mut self, after: Sequence) {
        self.0.retain(|span| span.first <= after);
        if let Some(span) = self.0.back_mut() {
            span.last = span.last.min(after);
        }
    }

    /// How far a journal holds the same; `None` where it holds nothing of what is known.
    ///
    /// # Errors
    /// The disk's, or where the journal is damaged, which may also be what is being written just then.
    pub(super) fn shared_with(&self, journal: &JournalFiles) -> Result<Option<Sequence>, StorageError> {
        for span in self.0.iter().rev() {
            if let Some(end) = journal.shares(&span.term, span.first, span.last)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }
}
