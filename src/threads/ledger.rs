//! How much is said of what others do wrong: a handful of lines of each, whatever they vary, and how many were held back.
//! Time is told, so that an hour takes no time in a test.

use std::collections::BTreeMap;
use std::time::Duration;

/// What an allowance is for.
const SPAN: Duration = Duration::from_secs(3600);

/// Sources that are remembered. The one unheard of for longest is forgotten first; kind and total hold even so.
const SOURCES_MAX: usize = 256;

/// Kinds of one source that are remembered. There are fewer, but for those that are made of texts.
const KINDS_MAX: usize = 256;

/// How many lines an hour: at once, or evenly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Of one kind, by one source.
    pub(super) same: u32,
    /// By one source.
    pub(super) source: u32,
    /// Of one kind.
    pub(super) kind: u32,
    pub(super) total: u32,
}

/// Fills up again with time: until when it would take to be full.
#[derive(Debug, Clone, Copy, Default)]
struct Allowance {
    full_at: Duration,
}

impl Allowance {
    fn spent(self, limit: u32, now: Duration) -> Duration {
        self.full_at.max(now) + SPAN / limit
    }

    /// Is there room for one more?
    fn has(self, limit: u32, now: Duration) -> bool {
        self.spent(limit, now) <= now + SPAN
    }
}

#[derive(Debug, Default)]
struct Kind {
    allowance: Allowance,
    held: u64,
    used: Duration,
}

#[derive(Debug, Default)]
struct Source<K> {
    allowance: Allowance,
    kinds: BTreeMap<K, Kind>,
    used: Duration,
}

/// Who said how much, of which kind.
#[derive(Debug)]
pub(super) struct Ledger<S, K> {
    limits: Limits,
    sources: BTreeMap<S, Source<K>>,
    kinds: BTreeMap<K, Kind>,
    total: Allowance,
}

impl<S: Ord + Clone, K: Ord + Clone> Ledger<S, K> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, sources: BTreeMap::new(), kinds: BTreeMap::new(), total: Allowance::default() }
    }

    /// May this be said? Then how many of the kind were held back since the last that was.
    pub(super) fn ask(&mut self, source: &S, kind: &K, now: Duration) -> Option<u64> {
        make_room(&mut self.sources, source, SOURCES_MAX, |source| source.used);
        make_room(&mut self.kinds, kind, KINDS_MAX, |kind| kind.used);
        let by = self.sources.entry(source.clone()).or_insert_with(|| Source {
            allowance: Allowance::default(),
            kinds: BTreeMap::new(),
            used: now,
        });
        by.used = now;
        make_room(&mut by.kinds, kind, KINDS_MAX, |kind| kind.used);
        let same = by.kinds.entry(kind.clone()).or_default();
        let of = self.kinds.entry(kind.clone()).or_default();
        (same.used, of.used) = (now, now);
        let limits = self.limits;
        let mut spends = [
            (&mut same.allowance, limits.same),
            (&mut by.allowance, limits.source),
            (&mut of.allowance, limits.kind),
            (&mut self.total, limits.total),
        ];
        if !spends.iter().all(|(allowance, limit)| allowance.has(*limit, now)) {
            of.held += 1;
            return None;
        }
        for (allowance, limit) in &mut spends {
            allowance.full_at = allowance.spent(*limit, now);
        }
        Some(std::mem::take(&mut of.held))
    }
}

/// Forgets what was unused for longest, if there is no room for one more.
fn make_room<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, key: &K, most: usize, used: impl Fn(&V) -> Duration) {
    if map.len() >= most && !map.contains_key(key) {
        let oldest = map.iter().min_by_key(|(_, value)| used(value)).map(|(key, _)| key.clone());
        oldest.and_then(|key| map.remove(&key));
    }
}

/// A line, and how many were held back before it.
pub(super) fn with_held(text: &str, held: u64) -> String {
    if held == 0 {
        text.to_owned()
    } else {
        format!("{text} ({held} more of this kind were not said)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { same: 1, source: 4, kind: 16, total: 64 };
    const KINDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn the_same_is_said_once_an_hour_with_how_many_were_not() {
        let mut ledger = Ledger::new(LIMITS);
        assert_eq!(ledger.ask(&1, &"a", minutes(5)), Some(0));
        for minute in 5..46 {
            assert_eq!(ledger.ask(&1, &"a", minutes(minute)), None);
        }
        let held = ledger.ask(&1, &"a", minutes(65));
        assert_eq!(with_held("x", held.unwrap()), "x (41 more of this kind were not said)");
        assert_eq!((ledger.ask(&1, &"a", minutes(125)), with_held("x", 0)), (Some(0), "x".to_owned()));
    }

    #[test]
    fn one_source_gets_a_handful_and_leaves_the_rest_to_others() {
        let mut ledger = Ledger::new(LIMITS);
        let said = KINDS.iter().cycle().take(10_000).filter(|kind| ledger.ask(&1, *kind, minutes(1)).is_some());
        assert_eq!(said.count(), 4);
        assert!(ledger.ask(&2, &"a", minutes(1)).is_some_and(|held| held > 0));
        // A quarter of an hour gives it one more.
        assert_eq!(ledger.ask(&1, &"h", minutes(15)), None);
        assert!(ledger.ask(&1, &"h", minutes(16)).is_some());
        assert_eq!(ledger.ask(&1, &"g", minutes(16)), None);
    }

    #[test]
    fn many_sources_use_up_their_kind_and_no_other_and_all_of_them_the_total() {
        let mut ledger = Ledger::new(LIMITS);
        let mut said = |kind, sources: std::ops::Range<u32>| {
            sources.filter(|source| ledger.ask(source, &kind, minutes(1)).is_some()).count()
        };
        assert_eq!((said("a", 0..50_000), said("b", 0..3), said("c", 100..50_000)), (16, 3, 16));
        assert_eq!((said("d", 0..100), said("e", 0..100), said("f", 0..100)), (16, 13, 0));
        assert!(ledger.sources.len() <= SOURCES_MAX);
    }

    #[test]
    fn kinds_that_are_texts_are_remembered_within_bounds() {
        let mut ledger = Ledger::new(Limits { source: 64, ..LIMITS });
        let texts = (0..10_000).map(|number| format!("text {number}"));
        assert_eq!(texts.filter(|text| ledger.ask(&(), text, minutes(1)).is_some()).count(), 64);
        assert!(ledger.kinds.len() <= KINDS_MAX && ledger.sources[&()].kinds.len() <= KINDS_MAX);
    }
}
