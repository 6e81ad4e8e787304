//! Sets of readings by origin: what is in a log, what is pending, what was seen. Nearly all numbers of an origin come
//! in one run, so they are kept as spans.
#![forbid(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use crate::ids::{Number, Origin};
use crate::ranges::{Gaps, RangeSet};
use crate::wire::Range;

/// A set of readings, by origin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers(BTreeMap<Origin, RangeSet>);

impl Numbers {
    pub(crate) fn insert(&mut self, range: &Range) {
        if let Some(numbers) = self.0.get_mut(&range.origin) {
            return numbers.insert(range.first, range.last());
        }
        let mut numbers = RangeSet::default();
        numbers.insert(range.first, range.last());
        self.0.insert(self.sharing(&range.origin), numbers);
    }

    /// The same origin, which shares the text of its peer's id with another known life of that peer: origins stay for
    /// good, and each message brings a new copy of the text.
    fn sharing(&self, origin: &Origin) -> Origin {
        let before = self.0.range::<Origin, _>(..origin).next_back();
        let mut beside =
            before.into_iter().chain(self.0.range::<Origin, _>(origin..).next()).map(|(known, _)| &known.peer);
        let peer = beside.find(|peer| **peer == origin.peer).unwrap_or(&origin.peer);
        Origin { peer: peer.clone(), incarnation: origin.incarnation }
    }

    pub(crate) fn remove(&mut self, range: &Range) {
        if let Some(numbers) = self.0.get_mut(&range.origin) {
            numbers.remove(range.first, range.last());
            if numbers.is_empty() {
                self.0.remove(&range.origin);
            }
        }
    }

    /// The numbers of an origin that are here, if any are.
    pub(crate) fn of(&self, origin: &Origin) -> Option<&RangeSet> {
        self.0.get(origin)
    }

    /// First and last number of each part of `first..=last` of an origin that is not here, rising.
    pub(crate) fn missing(&self, origin: &Origin, first: Number, last: Number) -> Gaps {
        self.of(origin).map_or_else(|| (first, last).into(), |numbers| numbers.missing(first, last))
    }

    /// The lowest number of a range that is here.
    pub(crate) fn first_held(&self, range: &Range) -> Option<Number> {
        match self.missing(&range.origin, range.first, range.last()).first() {
            Some((first, last)) if first == range.first => (last < range.last()).then_some(last + 1),
            _ => Some(range.first),
        }
    }

    /// As ranges, by origin and rising.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range> + '_ {
        let of = |origin: &Origin, first: Number, last: Number| Range {
            origin: origin.clone(),
            first,
            count: last - first + 1,
        };
        self.0
            .iter()
            .flat_map(move |(origin, numbers)| numbers.spans().map(move |(first, last)| of(origin, first, last)))
    }

    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> {
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
            let missing: Vec<_> = numbers.missing(&range.origin, range.first, range.last()).into_iter().flat_map(|(from, to)| from..=to).collect();
            let expected: Vec<_> = (range.first..=range.last()).filter(|n| !model.contains(&(0, *n))).collect();
            prop_assert_eq!(missing, expected);
            let held = (range.first..=range.last()).find(|n| model.contains(&(0, *n)));
            prop_assert_eq!(numbers.first_held(&range), held);
            let ranges: Vec<Range> = numbers.ranges().collect();
            let of = |range: &Range| origins.iter().position(|origin| *origin == range.origin).unwrap();
            let all: Vec<_> = ranges.iter().flat_map(|range| (range.first..=range.last()).map(|n| (of(range), n))).collect();
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
            prop_assert!(ranges.windows(2).all(|w| w[0].origin != w[1].origin || w[0].last() + 1 < w[1].first));
        }
    }

    #[test]
    fn lives_of_one_peer_share_the_text_of_its_id() {
        let mut numbers = Numbers::default();
        for origin in ["b/5", "a/9", "b/7", "b/3", "c/1", "b/6", "b/6"] {
            numbers.insert(&Range { origin: origin.parse().unwrap(), first: 1, count: 2 });
        }
        let text = |origin: &Origin| (origin.peer.to_string(), origin.peer.as_str().as_ptr());
        let texts: BTreeSet<_> = numbers.origins().map(text).collect();
        assert_eq!((numbers.origins().count(), texts.len()), (6, 3));
    }
}
