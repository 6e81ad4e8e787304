//! A deadline of the core, and the loop that waits for it.

use std::sync::{Condvar, Mutex};

use super::lock::{lock, wait};
use crate::protocol::Time;

#[derive(Debug, Default)]
pub(super) struct Bell {
    due: Mutex<Option<Time>>,
    earlier: Condvar,
}

impl Bell {
    /// Sets the deadline. A loop that waits for a later one is woken. A loop that waits for an earlier one finds out
    /// when that comes.
    pub(super) fn set(&self, due: Option<Time>) {
        let mut set = lock(&self.due);
        let sooner = match (*set, due) {
            (None, Some(_)) => true,
            (Some(before), Some(now)) => now < before,
            (_, None) => false,
        };
        *set = due;
        if sooner {
            self.earlier.notify_one();
        }
    }

    /// Waits until the deadline has come.
    pub(super) fn wait(&self, now: impl Fn() -> Time) {
        let mut due = lock(&self.due);
        loop {
            let left = due.map(|due| due.saturating_sub(now()));
            if left == Some(Time::ZERO) {
                break;
            }
            due = wait(&self.earlier, due, left);
        }
        // The step that follows names the next one.
        *due = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::Arc;
    use std::thread;

    use crossbeam_channel::{bounded, unbounded};

    use super::super::trial::PATIENCE;
    use super::*;

    const fn hours(count: u64) -> Time {
        Time::from_secs(3600 * count)
    }

    #[test]
    fn a_deadline_that_has_come_is_forgotten() {
        let bell = Bell::default();
        for (due, now) in [(hours(1), hours(1)), (hours(1), hours(2))] {
            bell.set(Some(due));
            bell.wait(|| now);
            assert_eq!(*lock(&bell.due), None);
        }
    }

    /// The time is one that only the test changes, so nothing but a signal ends a wait of hours.
    #[test]
    fn a_loop_that_waits_for_later_is_woken_for_an_earlier_deadline() {
        for first in [None, Some(hours(9))] {
            let (bell, time) = (Arc::new(Bell::default()), Arc::new(AtomicU64::new(0)));
            bell.set(first);
            let ((looks, looked), (ends, ended)) = (unbounded(), bounded(1));
            let (own, shown) = (Arc::clone(&bell), Arc::clone(&time));
            thread::spawn(move || {
                own.wait(|| {
                    looks.send(()).unwrap();
                    hours(shown.load(Ordering::Relaxed))
                });
                ends.send(()).unwrap();
            });
            if first.is_some() {
                // It holds the lock until it waits.
                looked.recv_timeout(PATIENCE).unwrap();
            }
            time.store(1, Ordering::Relaxed);
            bell.set(Some(hours(1)));
            assert_eq!(ended.recv_timeout(PATIENCE), Ok(()), "{first:?}");
        }
    }

    #[test]
    fn a_later_deadline_wakes_nobody() {
        let bell = Bell::default();
        for due in [Some(hours(1)), Some(hours(2)), None] {
            bell.set(due);
            assert_eq!(*lock(&bell.due), due);
        }
    }
}
