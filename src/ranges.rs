//! Sets of numbers that come in long runs: which readings of an origin are somewhere. The user knows where.
#![forbid(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

/// A set of whole numbers, kept as disjoint spans that do not touch. Most sets are one span for good, and there are
/// many sets: as many as others send origins. So the highest span, which grows, is in the set itself, which takes 24
/// bytes and nothing on the heap. A `RangeInclusiveSet` of the crate `rangemap` would have a node of a tree on the heap
/// for the first span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RangeSet {
    /// First and last number of the highest span; where the set is empty, [`NOTHING`].
    top: (u64, u64),
    /// `None` where there is no lower span.
    lower: Option<Box<Spans>>,
}

/// First number of each span -> its last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Spans(BTreeMap<u64, u64>);

/// A span without numbers.
const NOTHING: (u64, u64) = (1, 0);

impl Default for RangeSet {
    fn default() -> Self {
        Self { top: NOTHING, lower: None }
    }
}

impl RangeSet {
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.top == NOTHING
    }

    /// How many numbers it holds.
    #[must_use]
    pub(crate) fn len(&self) -> u64 {
        self.spans().map(|(first, last)| last - first + 1).sum()
    }

    /// The highest number, 0 where there is none.
    #[must_use]
    pub(crate) fn top(&self) -> u64 {
        self.top.1
    }

    /// `(first, last)` of each span, rising.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let lower = self.lower.iter().flat_map(|spans| spans.0.iter().map(|(first, last)| (*first, *last)));
        lower.chain((!self.is_empty()).then_some(self.top))
    }

    pub(crate) fn insert(&mut self, first: u64, last: u64) {
        debug_assert!(first <= last, "a span has numbers");
        if self.is_empty() {
            self.top = (first, last);
        } else if self.top.0 <= first && first <= self.top.1.saturating_add(1) {
            self.top.1 = self.top.1.max(last);
        } else {
            self.change(|spans| spans.insert(first, last));
        }
    }

    pub(crate) fn remove(&mut self, first: u64, last: u64) {
        if self.lower.is_some() || (self.top.0 < first && last < self.top.1) {
            return self.change(|spans| spans.remove(first, last));
        }
        if first <= self.top.0 && self.top.1 <= last {
            self.top = NOTHING;
        } else if first <= self.top.0 {
            self.top.0 = self.top.0.max(last + 1);
        } else {
            self.top.1 = self.top.1.min(first - 1);
        }
    }

    /// Changes all spans together.
    fn change(&mut self, change: impl FnOnce(&mut Spans)) {
        let mut spans = self.lower.take().unwrap_or_default();
        spans.0.insert(self.top.0, self.top.1);
        change(&mut spans);
        self.top = spans.0.pop_last().unwrap_or(NOTHING);
        self.lower = (!spans.0.is_empty()).then_some(spans);
    }

    /// The parts of `first..=last` that are not in the set, rising.
    #[must_use]
    pub(crate) fn missing(&self, first: u64, last: u64) -> Gaps {
        let lower = self.lower.iter().flat_map(|spans| {
            let before = spans.0.range(..=first).next_back();
            before.into_iter().chain(spans.0.range(first.saturating_add(1)..)).map(|(from, to)| (*from, *to))
        });
        gaps(lower.chain((!self.is_empty()).then_some(self.top)), first, last)
    }
}

/// Spans, rising. Nearly always there is one at most, which takes nothing on the heap: each reading that comes alone is
/// looked for several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    first: Option<(u64, u64)>,
    more: Vec<(u64, u64)>,
}

impl Gaps {
    fn push(&mut self, span: (u64, u64)) {
        if self.first.is_none() {
            self.first = Some(span);
        } else {
            self.more.push(span);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn first(&self) -> Option<(u64, u64)> {
        self.first
    }

    pub(crate) fn last(&self) -> Option<(u64, u64)> {
        self.more.last().copied().or(self.first)
    }
}

impl From<(u64, u64)> for Gaps {
    fn from(span: (u64, u64)) -> Self {
        Self { first: Some(span), more: Vec::new() }
    }
}

impl IntoIterator for Gaps {
    type Item = (u64, u64);
    type IntoIter = std::iter::Chain<std::option::IntoIter<(u64, u64)>, std::vec::IntoIter<(u64, u64)>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

/// The parts of `first..=last` that no span has. The spans rise and do not overlap; spans before `first` may be left
/// out.
pub(crate) fn gaps(spans: impl IntoIterator<Item = (u64, u64)>, first: u64, last: u64) -> Gaps {
    let mut gaps = Gaps::default();
    let mut next = first;
    for (from, to) in spans {
        if from > last || next > last {
            break;
        }
        if from > next {
            gaps.push((next, from - 1));
        }
        next = next.max(to.saturating_add(1));
    }
    if next <= last {
        gaps.push((next, last));
    }
    gaps
}

impl Spans {
    fn insert(&mut self, mut first: u64, mut last: u64) {
        // Swallow every span that overlaps or touches.
        while let Some((from, to)) = self.last_below(last.saturating_add(1)) {
            if to.saturating_add(1) < first {
                break;
            }
            self.0.remove(&from);
            first = first.min(from);
            last = last.max(to);
        }
        self.0.insert(first, last);
    }

    fn remove(&mut self, first: u64, last: u64) {
        while let Some((from, to)) = self.last_below(last) {
            if to < first {
                break;
            }
            self.0.remove(&from);
            if to > last {
                self.0.insert(last + 1, to);
            }
            if from < first {
                self.0.insert(from, first - 1);
            }
        }
    }

    /// The last span that begins at this number or below.
    fn last_below(&self, number: u64) -> Option<(u64, u64)> {
        self.0.range(..=number).next_back().map(|(first, last)| (*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_set_of_one_span_is_small_and_has_nothing_elsewhere() {
        assert!(size_of::<RangeSet>() <= 24);
        let mut set = RangeSet::default();
        for first in [1, 5, 9] {
            set.insert(first, first + 3);
        }
        set.insert(30, 31);
        assert!(set.lower.is_some());
        set.insert(13, 29);
        assert_eq!((set.spans().collect::<Vec<_>>(), set.lower.is_none()), (vec![(1, 31)], true));
        set.remove(1, 31);
        assert_eq!((set.top(), set), (0, RangeSet::default()));
    }

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
            let gaps = set.missing(first, last);
            let missing: Vec<u64> = gaps.clone().into_iter().flat_map(|(a, b)| a..=b).collect();
            let expected: Vec<u64> = (first..=last).filter(|n| !model.contains(n)).collect();
            let (lowest, highest) = (gaps.first().map(|(a, _)| a), gaps.last().map(|(_, b)| b));
            prop_assert_eq!((lowest, highest), (expected.first().copied(), expected.last().copied()));
            prop_assert_eq!((gaps.is_empty(), missing), (expected.is_empty(), expected));
            let spans: Vec<_> = set.spans().collect();
            prop_assert!(spans.windows(2).all(|w| w[0].1 + 1 < w[1].0), "spans touch: {:?}", spans);
        }
    }
}
