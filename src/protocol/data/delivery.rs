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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_of_in_the_order_in_which_they_ended_and_together_where_nothing_came_between() {
        let mut delivery = Delivery::new(0);
        for (taken, readings) in [(5, 5), (9, 3), (9, 1)] {
            delivery.end_of_source(taken, readings);
        }
        delivery.enough = Some(7);
        assert_eq!(delivery.first_ended(), Some((5, 5)));
        delivery.forget_first_ended();
        assert_eq!((delivery.first_ended(), delivery.enough), (Some((9, 4)), None));
        delivery.forget_first_ended();
        assert_eq!(delivery.first_ended(), None);
    }

    #[test]
    fn a_source_whose_readings_got_new_numbers_ends_after_those() {
        let mut delivery = Delivery::new(0);
        for (taken, readings) in [(5, 5), (7, 2), (9, 1)] {
            delivery.end_of_source(taken, readings);
        }
        delivery.renumbered(6, 20);
        assert_eq!(delivery.first_ended(), Some((5, 5)));
        delivery.forget_first_ended();
        assert_eq!(delivery.first_ended(), Some((20, 3)));
    }
}
