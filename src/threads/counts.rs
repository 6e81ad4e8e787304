//! What is counted and timed as it happens, for `/metrics`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::Instant;

use super::lock::lock;
use crate::config::Sensor;
use crate::http::metrics::Durations;
use crate::ids::Number;

/// How many readings under way are timed: as many as a peer may have at a time, even if each comes by itself.
const CLOCKED_MAX: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) durations: Durations,
    /// Metrics are served: otherwise nothing is timed.
    timed: bool,
    /// The last number of each intake, and when that was; oldest first.
    under_way: Mutex<VecDeque<(Number, Instant)>>,
    /// Readings that each source gave.
    sources: Vec<(String, AtomicU64)>,
    /// Lines of the log, by event.
    events: Mutex<BTreeMap<String, u64>>,
    /// Readings that merges ordered again.
    pub(super) merged: AtomicU64,
}

impl Counts {
    pub(super) fn new(sensors: &[Sensor], timed: bool) -> Self {
        let sources = sensors.iter().map(|sensor| (sensor.source.to_string(), AtomicU64::new(0))).collect();
        Self { timed, sources, ..Self::default() }
    }

    /// The source at this place has given this many readings.
    pub(super) fn gave(&self, source: usize, readings: u64) {
        if let Some((_, count)) = self.sources.get(source) {
            count.store(readings, Ordering::Relaxed);
        }
    }

    pub(super) fn sources(&self) -> Vec<(String, u64)> {
        self.sources.iter().map(|(source, count)| (source.clone(), count.load(Ordering::Relaxed))).collect()
    }

    /// A line of the log had this event.
    pub(super) fn happened(&self, event: &str) {
        let mut events = lock(&self.events);
        match events.get_mut(event) {
            Some(count) => *count += 1,
            None => drop(events.insert(event.to_owned(), 1)),
        }
    }

    pub(super) fn events(&self) -> Vec<(String, u64)> {
        lock(&self.events).iter().map(|(event, count)| (event.clone(), *count)).collect()
    }

    /// Readings were taken in up to this number. Called under the core's lock, which gives the order.
    pub(super) fn taken(&self, number: Number, now: Instant) {
        if self.timed {
            let mut under_way = lock(&self.under_way);
            if under_way.len() < CLOCKED_MAX {
                under_way.push_back((number, now));
            }
        }
    }

    /// All of this life's readings below this number are committed; all of them where there is none.
    pub(super) fn committed(&self, below: impl FnOnce() -> Option<Number>) {
        if !self.timed {
            return;
        }
        let mut under_way = lock(&self.under_way);
        if under_way.is_empty() {
            return;
        }
        let below = below();
        while let Some((number, taken)) = under_way.front().copied() {
            if below.is_some_and(|below| number >= below) {
                return;
            }
            under_way.pop_front();
            self.durations.commits.observe(taken.elapsed().as_secs_f64());
        }
    }

    /// Times a sync of the disk.
    pub(super) fn sync<T>(&self, sync: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = sync();
        self.durations.syncs.observe(begun.elapsed().as_secs_f64());
        result
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::config::SensorSource;

    fn times(counts: &Counts, number: Number, times: usize) {
        (0..times).for_each(|_| counts.taken(number, Instant::now()));
    }

    /// How many durations there are, as a reader of the metrics is told.
    fn observed(histogram: &Histogram) -> u64 {
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register("x", "x", histogram.clone());
        encode(&mut text, &registry).unwrap();
        text.lines().find_map(|line| line.strip_prefix("x_count ")?.parse().ok()).unwrap()
    }

    fn under_way(counts: &Counts) -> usize {
        lock(&counts.under_way).len()
    }

    #[test]
    fn a_reading_is_under_way_until_it_is_committed() {
        let counts = Counts::new(&[], true);
        for number in [3, 5, 9] {
            times(&counts, number, 1);
        }
        for (below, left) in [(Some(3), 3), (Some(5), 2), (Some(6), 1), (None, 0)] {
            counts.committed(|| below);
            assert_eq!(under_way(&counts), left, "below {below:?}");
        }
        assert_eq!(observed(&counts.durations.commits), 3);
        counts.committed(|| unreachable!("nobody asks for what is not needed"));
    }

    #[test]
    fn few_are_timed_and_none_where_nobody_reads_it() {
        let counts = Counts::new(&[], true);
        times(&counts, 1, CLOCKED_MAX + 1);
        assert_eq!(under_way(&counts), 16 * 1024);
        let counts = Counts::new(&[], false);
        times(&counts, 1, 1);
        counts.committed(|| unreachable!("nothing is timed"));
        assert_eq!(under_way(&counts), 0);
    }

    #[test]
    fn lines_sources_and_syncs_are_counted() {
        let counts = Counts::default();
        for event in ["view", "joined", "view"] {
            counts.happened(event);
        }
        assert_eq!(counts.events(), [("joined".to_owned(), 1), ("view".to_owned(), 2)]);
        let sensor = |path: &str| Sensor { source: SensorSource::File(path.into()), id: None, interval: None };
        let of_two = Counts::new(&[sensor("x"), sensor("y")], false);
        for (source, readings) in [(1, 3), (1, 5), (2, 1)] {
            of_two.gave(source, readings);
        }
        assert_eq!(of_two.sources(), [("file:x".to_owned(), 0), ("file:y".to_owned(), 5)]);
        assert_eq!((counts.sync(|| 5), observed(&counts.durations.syncs)), (5, 1));
    }
}
