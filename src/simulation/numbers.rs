//! Sets of readings: numbers by origin, kept as spans. The checks use them, so they share no code with the spans of a
//! peer: a mistake there would hide itself.

use std::collections::BTreeMap;

use crate::ids::Origin;
use crate::wire::Range;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers(BTreeMap<Origin, Spans>);

/// First number of a span -> its last. Spans neither overlap nor touch.
type Spans = BTreeMap<u64, u64>;

impl Numbers {
    pub fn insert(&mut self, range: &Range) {
        if range.count == 0 {
            return;
        }
        let spans = self.0.entry(range.origin.clone()).or_default();
        let (mut first, mut last) = (range.first, range.last());
        while let Some((from, to)) = spans.range(..=last + 1).next_back().map(|(from, to)| (*from, *to)) {
            if to + 1 < first {
                break;
            }
            spans.remove(&from);
            (first, last) = (first.min(from), last.max(to));
        }
        spans.insert(first, last);
    }

    pub fn extend<'a>(&mut self, ranges: impl IntoIterator<Item = &'a Range>) {
        ranges.into_iter().for_each(|range| self.insert(range));
    }

    #[must_use]
    pub fn contains(&self, origin: &Origin, number: u64) -> bool {
        let span = |spans: &Spans| spans.range(..=number).next_back().is_some_and(|(_, last)| *last >= number);
        self.0.get(origin).is_some_and(span)
    }

    pub fn ranges(&self) -> impl Iterator<Item = Range> + '_ {
        self.0.iter().flat_map(|(origin, spans)| {
            spans.iter().map(|(first, last)| Range { origin: origin.clone(), first: *first, count: last - first + 1 })
        })
    }

    /// Whether it holds nothing of a range.
    #[must_use]
    pub fn is_clear_of(&self, range: &Range) -> bool {
        let Some(spans) = self.0.get(&range.origin) else { return true };
        spans.range(..=range.last()).next_back().is_none_or(|(_, last)| *last < range.first)
    }

    /// The parts of a range that it does not hold.
    fn gaps(&self, range: &Range) -> Vec<Range> {
        let (mut gaps, mut next) = (Vec::new(), range.first);
        let part = |first: u64, end: u64| Range { origin: range.origin.clone(), first, count: end - first };
        for (from, to) in self.0.get(&range.origin).into_iter().flatten() {
            if *from > range.last() {
                break;
            }
            if *from > next {
                gaps.push(part(next, *from));
            }
            next = next.max(to + 1);
        }
        if next <= range.last() {
            gaps.push(part(next, range.last() + 1));
        }
        gaps
    }

    /// The readings that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        self.ranges().for_each(|range| rest.extend(&other.gaps(&range)));
        rest
    }

    /// The first readings that are not in `other`.
    #[must_use]
    pub fn missing_in(&self, other: &Self) -> Option<Range> {
        self.ranges().find_map(|range| other.gaps(&range).into_iter().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, count: u64) -> Range {
        Range { origin: "a/1".parse().unwrap(), first, count }
    }

    #[test]
    fn what_is_put_in_is_there_and_nothing_else() {
        let mut numbers = Numbers::default();
        numbers.extend(&[range(1, 2), range(6, 2), range(3, 1)]);
        assert_eq!(numbers.ranges().collect::<Vec<_>>(), [range(1, 3), range(6, 2)]);
        let origin = range(1, 1).origin;
        let inside: Vec<u64> = (1..10).filter(|number| numbers.contains(&origin, *number)).collect();
        assert_eq!(inside, [1, 2, 3, 6, 7]);
        assert!(numbers.is_clear_of(&range(4, 2)));
        assert!(!numbers.is_clear_of(&range(4, 3)));
        assert!(numbers.is_clear_of(&Range { origin: "b/1".parse().unwrap(), first: 1, count: 1 }));
    }

    #[test]
    fn what_the_other_set_lacks_is_found() {
        let (mut numbers, mut other) = (Numbers::default(), Numbers::default());
        numbers.extend(&[range(1, 9)]);
        other.extend(&[range(2, 2), range(7, 1)]);
        assert_eq!(numbers.minus(&other).ranges().collect::<Vec<_>>(), [range(1, 1), range(4, 3), range(8, 2)]);
        assert_eq!(numbers.missing_in(&other), Some(range(1, 1)));
        assert_eq!(other.missing_in(&numbers), None);
    }
}
