//! How much of the order is in the CSV files, and which sources wait until all of theirs is.

use std::collections::BTreeMap;

use crate::ids::{Number, Sequence};

#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// CSV rows are written up to here.
    pub(crate) up_to: Sequence,
    /// Sources that ended: the last number taken in then -> how many readings the source gave.
    ended_sources: BTreeMap<Number, u64>,
    /// What the source that ended first gave is committed up to here.
    pub(crate) enough: Option<Sequence>,
}

impl Delivery {
    pub(crate) fn new(up_to: Sequence) -> Self {
        Self { up_to, ended_sources: BTreeMap::new(), enough: None }
    }

    /// A source ended: it gave `readings`, and `taken` was the last number taken in then.
    pub(crate) fn end_of_source(&mut self, taken: Number, readings: u64) {
        *self.ended_sources.entry(taken).or_default() += readings;
    }

    /// The last number before the end of the source that ended first, and how many readings it gave.
    pub(crate) fn first_ended(&self) -> Option<(Number, u64)> {
        self.ended_sources.first_key_value().map(|(taken, readings)| (*taken, *readings))
    }

    /// The operator knows of the source that ended first.
    pub(crate) fn forget_first_ended(&mut self) {
        self.ended_sources.pop_first();
        self.enough = None;
    }

    /// Readings from this number on got new numbers, up to `taken`: the sources that gave them end there.
    pub(crate) fn renumbered(&mut self, first: Number, taken: Number) {
        for readings in self.ended_sources.split_off(&first).into_values() {
            self.end_of_source(taken, readings);
        }
    }
}
