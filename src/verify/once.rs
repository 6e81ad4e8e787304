//! Which readings of each origin stood in the journal so far, as spans of numbers: one an origin, where none are missing.

use std::collections::BTreeMap;

use crate::ids::{Number, Origin};
use crate::wire::Range;

#[derive(Debug, Default)]
pub(super) struct Once {
    /// First number of a span -> its last; spans do not touch.
    spans: BTreeMap<Origin, BTreeMap<Number, Number>>,
}

impl Once {
    /// Takes readings in. Returns the first of them that is here already.
    pub(super) fn take(&mut self, range: &Range) -> Option<Number> {
        let (mut first, mut last) = (range.first, range.last());
        if !self.spans.contains_key(&range.origin) {
            self.spans.insert(range.origin.clone(), BTreeMap::new());
        }
        let spans = self.spans.get_mut(&range.origin)?;
        let mut again: Option<Number> = None;
        // From the highest span that overlaps or touches down to the lowest.
        while let Some((from, to)) = spans.range(..=last.saturating_add(1)).next_back().map(|(from, to)| (*from, *to)) {
            if to.saturating_add(1) < first {
                break;
            }
            if from.max(range.first) <= to.min(range.last()) {
                again = Some(from.max(range.first));
            }
            spans.remove(&from);
            first = first.min(from);
            last = last.max(to);
        }
        spans.insert(first, last);
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reading_is_taken_once() {
        let range = |first, count| Range { origin: "a/1".parse().unwrap(), first, count };
        let mut once = Once::default();
        for (first, count, again) in [
            (1, 5, None),
            (6, 5, None),
            (21, 5, None),
            (10, 1, Some(10)),
            (11, 11, Some(21)),
            (26, 1, None),
            (3, 40, Some(3)),
        ] {
            assert_eq!(once.take(&range(first, count)), again, "{first} and {count}");
        }
        assert_eq!(once.spans.values().next().unwrap().len(), 1);
        let other = Range { origin: "a/2".parse().unwrap(), first: 1, count: 5 };
        assert_eq!(once.take(&other), None);
    }
}
