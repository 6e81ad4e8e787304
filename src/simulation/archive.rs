//! All batches that were ever in a log, where groups remove the beginnings of their logs: checks go on to look at whole
//! logs. A batch is known by its end and its term, since logs with the same sequence and term are equal up to it.

use std::collections::BTreeMap;

use crate::ids::{Sequence, Term};
use crate::simulation::shelf::Entry;

#[derive(Debug, Clone, Default)]
pub(crate) struct Archive(BTreeMap<(Sequence, Term), (Entry, Option<Term>)>);

impl Archive {
    /// Keeps the last batch of a log.
    pub(crate) fn keep(&mut self, log: &[Entry]) {
        if let Some((entry, before)) = log.split_last() {
            let key = (entry.frame.last(), entry.frame.term().clone());
            let before = before.last().map(|before| before.frame.term().clone());
            self.0.insert(key, (entry.clone(), before));
        }
    }

    /// The log of these runs up to `last`, the end of a batch.
    pub(crate) fn log(&self, runs: &[(Term, Sequence)], last: Sequence) -> Vec<Entry> {
        let mut term = runs.iter().rfind(|(_, first)| *first <= last).map(|(term, _)| term.clone());
        let (mut log, mut last) = (Vec::new(), last);
        while let Some(of) = term.filter(|_| last > 0) {
            let (entry, before) = self.0.get(&(last, of)).expect("each batch was in a log").clone();
            last = entry.frame.first() - 1;
            term = before;
            log.push(entry);
        }
        log.reverse();
        log
    }
}
