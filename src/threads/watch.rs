//! What is kept for people and programs that look at this peer: which peers are there and since when, and what
//! happened lately. `report.rs` makes a report of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use super::counts::Counts;
use super::lock::{lock, wait};
use crate::log_lines;
use crate::protocol::Event;
use crate::status::{Attendance, Happening, Happenings};

#[derive(Debug)]
pub(super) struct Watch {
    counts: Arc<Counts>,
    pub(super) attendance: Mutex<Attendance>,
    happenings: Mutex<Happenings>,
    /// Signalled when something happened.
    happened: Condvar,
    /// The peer has waited for a quorum.
    suspended: AtomicBool,
}

impl Watch {
    /// From now on the lines of the log are kept here, and counted.
    pub(super) fn start(counts: &Arc<Counts>) -> Arc<Self> {
        let watch = Arc::new(Self {
            counts: Arc::clone(counts),
            attendance: Mutex::default(),
            happenings: Mutex::default(),
            happened: Condvar::new(),
            suspended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&watch);
        log_lines::overhear(move |level, event, text| shared.hear(level, event, text));
        watch
    }

    /// A line of the log was written.
    pub(super) fn hear(&self, level: &str, event: &str, text: &str) {
        self.counts.happened(event);
        lock(&self.happenings).add(SystemTime::now(), level, event, text);
        self.happened.notify_all();
    }

    pub(super) fn note(&self, event: &Event) {
        if let Event::Merging { readings, .. } | Event::Disbelieved { readings, .. } = event {
            self.counts.merged.fetch_add(*readings, Ordering::Relaxed);
        }
        if let Event::Suspended { .. } = event {
            self.suspended.store(true, Ordering::Release);
        }
        lock(&self.attendance).note(event, SystemTime::now());
    }

    /// Whether the peer has waited for a quorum, however many lines there were since. Nothing says that it is over.
    pub(super) fn was_suspended(&self) -> bool {
        self.suspended.load(Ordering::Acquire)
    }

    /// The id of the newest event, 0 where there is none.
    pub(super) fn last(&self) -> u64 {
        lock(&self.happenings).last()
    }

    /// Events after the one of this id.
    pub(super) fn after(&self, id: u64) -> Vec<Happening> {
        lock(&self.happenings).after(id)
    }

    /// Waits for an event after the one of this id, for at most this long.
    pub(super) fn wait_after(&self, id: u64, most: Duration) {
        let happenings = lock(&self.happenings);
        if happenings.last() <= id {
            drop(wait(&self.happened, happenings, Some(most)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::trial::{ended, id, view, Trial};
    use super::*;

    #[test]
    fn a_line_of_the_log_is_counted_and_kept_and_ends_a_wait_for_it() {
        let trial = Trial::new();
        let watch = &trial.node.watch;
        let most = Duration::from_millis(20);
        let lasts = || {
            let begun = Instant::now();
            watch.wait_after(0, most);
            begun.elapsed() >= most
        };
        // A wait may end early for no reason.
        assert!((0..10).any(|_| lasts()), "there is nothing after 0 yet");
        let own = Arc::clone(watch);
        let waits = std::thread::spawn(move || own.wait_after(0, Duration::from_secs(3600)));
        watch.hear("warn", "split", "x");
        ended(waits);
        assert_eq!(trial.node.counts.events(), [("split".to_owned(), 1)]);
        let kept = watch.after(0);
        assert_eq!((kept.len(), &*kept[0].level, &*kept[0].event, &*kept[0].text), (1, "warn", "split", "x"));
        assert_eq!(watch.after(1), []);
        let own = Arc::clone(watch);
        let sees = std::thread::spawn(move || own.wait_after(0, Duration::from_secs(3600)));
        ended(sees);
    }

    #[test]
    fn a_merge_is_counted_and_a_view_is_seen() {
        let trial = Trial::new();
        let watch = &trial.node.watch;
        for readings in [2, 3] {
            watch.note(&Event::Merging { leader: id("b"), readings });
        }
        watch.note(&Event::Disbelieved { term: "9@z/1".parse().unwrap(), readings: 4 });
        assert_eq!(trial.node.counts.merged.load(Ordering::Relaxed), 9);
        watch.note(&view(&["a"]));
        assert!(lock(&watch.attendance).view_since().is_some());
    }
}
