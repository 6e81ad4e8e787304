//! Sets of numbers that come in long runs: which readings of an origin stand somewhere. What they mean is the user's.

use std::collections::BTreeMap;

/// A set of whole numbers, kept as disjoint spans that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    /// First number of a span -> its last.
    spans: BTreeMap<u64, u64>,
}

impl RangeSet {
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// How many numbers it holds.
    #[must_use]
    pub(crate) fn len(&self) -> u64 {
        self.spans.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The highest number, 0 where there is none.
    #[must_use]
    pub(crate) fn top(&self) -> u64 {
        self.spans.values().next_back().copied().unwrap_or(0)
    }

    /// `(first, last)` of each span, rising.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.spans.iter().map(|(first, last)| (*first, *last))
    }

    pub(crate) fn insert(&mut self, mut first: u64, mut last: u64) {
        debug_assert!(first <= last, "a span has numbers");
        // Swallow every span that overlaps or touches.
        while let Some((from, to)) = self.spans.range(..=last.saturating_add(1)).next_back().map(|(f, l)| (*f, *l)) {
            if to.saturating_add(1) < first {
                break;
            }
            self.spans.remove(&from);
            first = first.min(from);
            last = last.max(to);
        }
        self.spans.insert(first, last);
    }

    pub(crate) fn remove(&mut self, first: u64, last: u64) {
        while let Some((from, to)) = self.spans.range(..=last).next_back().map(|(f, l)| (*f, *l)) {
            if to < first {
                break;
            }
            self.spans.remove(&from);
            if to > last {
                self.spans.insert(last + 1, to);
            }
            if from < first {
                self.spans.insert(from, first - 1);
            }
        }
    }

    /// The parts of `first..=last` that are not in the set, rising.
    #[must_use]
    pub(crate) fn missing(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut next = first;
        let before = self.spans.range(..=first).next_back();
        let within = self.spans.range(first.saturating_add(1)..);
        for (from, to) in before.into_iter().chain(within) {
            if *from > last || next > last {
                break;
            }
            if *from > next {
                gaps.push((next, from - 1));
            }
            next = next.max(to.saturating_add(1));
        }
        if next <= last {
            gaps.push((next, last));
        }
        gaps
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
            steps in proptest::collection::vec((any::<bool>(), 1u64..60, 0u64..12), 0..60),
            probe in (1u64..70, 0u64..30),
        ) {
            let (mut set, mut model) = (RangeSet::default(), BTreeSet::new());
            for (insert, first, length) in steps {
                let last = first + length;
                if insert {
                    set.insert(first, last);
                    model.extend(first..=last);
                } else {
                    set.remove(first, last);
                    model.retain(|n| *n < first || *n > last);
                }
            }
            prop_assert_eq!(set.len(), model.len() as u64);
            prop_assert_eq!(set.top(), model.last().copied().unwrap_or(0));
            let (first, last) = (probe.0, probe.0 + probe.1);
            let missing: Vec<u64> = set.missing(first, last).into_iter().flat_map(|(a, b)| a..=b).collect();
            let expected: Vec<u64> = (first..=last).filter(|n| !model.contains(n)).collect();
            prop_assert_eq!(missing, expected);
            let spans: Vec<_> = set.spans().collect();
            prop_assert!(spans.windows(2).all(|w| w[0].1 + 1 < w[1].0), "spans touch: {:?}", spans);
        }
    }
}
