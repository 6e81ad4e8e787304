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
