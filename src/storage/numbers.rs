//! Which readings of which origin: sets of numbers that come in long runs.

use std::collections::BTreeMap;

use crate::ids::{Number, Origin};
use crate::ranges::RangeSet;
use crate::wire::Range;

/// A set of readings, by origin.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<Origin, RangeSet>);

impl Numbers {
    pub(super) fn insert(&mut self, range: &Range) {
        if !self.0.contains_key(&range.origin) {
            self.0.insert(range.origin.clone(), RangeSet::default());
        }
        self.0.get_mut(&range.origin).expect("it is there now").insert(range.first, range.last());
    }

    pub(super) fn remove(&mut self, range: &Range) {
        if let Some(numbers) = self.0.get_mut(&range.origin) {
            numbers.remove(range.first, range.last());
        }
    }

    /// First and last number of each part of a range that is not here, rising.
    pub(super) fn missing(&self, range: &Range) -> Vec<(Number, Number)> {
        let (first, last) = (range.first, range.last());
        self.0.get(&range.origin).map_or_else(|| vec![(first, last)], |numbers| numbers.missing(first, last))
    }

    /// As ranges, by origin and rising.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range> + '_ {
        let of = |origin: &Origin, first: Number, last: Number| Range {
            origin: origin.clone(),
            first,
            count: last - first + 1,
        };
        self.0
            .iter()
            .flat_map(move |(origin, numbers)| numbers.spans().map(move |(first, last)| of(origin, first, last)))
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set_whatever_is_put_in_and_taken_out(
            steps in proptest::collection::vec((any::<bool>(), 0_usize..2, 1_u64..60, 1_u64..12), 0..60),
            probe in (1_u64..70, 1_u64..30),
        ) {
            let origins: [Origin; 2] = ["a/1".parse().unwrap(), "a/2".parse().unwrap()];
            let (mut numbers, mut model) = (Numbers::default(), BTreeSet::new());
            for (insert, of, first, count) in steps {
                let range = Range { origin: origins[of].clone(), first, count };
                if insert {
                    numbers.insert(&range);
                    model.extend((first..=range.last()).map(|number| (of, number)));
                } else {
                    numbers.remove(&range);
                    model.retain(|(one, n)| *one != of || *n < first || *n > range.last());
                }
            }
            let range = Range { origin: origins[0].clone(), first: probe.0, count: probe.1 };
            let missing: Vec<_> = numbers.missing(&range).into_iter().flat_map(|(from, to)| from..=to).collect();
            let expected: Vec<_> = (range.first..=range.last()).filter(|n| !model.contains(&(0, *n))).collect();
            prop_assert_eq!(missing, expected);
            let ranges: Vec<Range> = numbers.ranges().collect();
            let of = |range: &Range| origins.iter().position(|origin| *origin == range.origin).unwrap();
            let all: Vec<_> = ranges.iter().flat_map(|range| (range.first..=range.last()).map(|n| (of(range), n))).collect();
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
            prop_assert!(ranges.windows(2).all(|w| w[0].origin != w[1].origin || w[0].last() + 1 < w[1].first));
        }
    }
}
