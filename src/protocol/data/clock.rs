//! The time as this peer is told it.

use crate::protocol::input::Time;

#[derive(Debug, Clone)]
pub(crate) struct Clock {
    /// Time of the last step.
    pub(crate) now: Time,
    /// When the peer was made.
    pub(crate) born: Time,
    /// This process was stopped. Until then, deadlines that were found far too late are not over.
    pub(crate) patience: Time,
}

impl Clock {
    pub(crate) fn new(now: Time) -> Self {
        Self { now, born: now, patience: Time::ZERO }
    }

    /// Is this deadline over? A deadline found more than `grace` late waits until the patience is over.
    pub(crate) fn is_late(&self, due: Time, grace: Time) -> bool {
        self.now.checked_sub(due).is_some_and(|by| by <= grace || self.now >= self.patience)
    }

    /// A deadline found more than `grace` late means that this process did not run. What waits is read first: such
    /// deadlines are put off once, by `grace` (docs/protocol.md, 5.1).
    pub(crate) fn notice_a_stop(&mut self, mut dues: impl Iterator<Item = Time>, grace: Time) {
        if dues.any(|due| self.now > due + grace && self.patience <= due + grace) {
            self.patience = self.now + grace;
        }
    }

    /// When a deadline is to be looked at, patience included.
    pub(crate) fn put_off(&self, due: Time, grace: Time) -> Time {
        if self.now > due + grace {
            due.max(self.patience)
        } else {
            due
        }
    }
}
