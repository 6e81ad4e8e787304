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

    /// Whether this deadline is over. A deadline found more than `grace` late waits until the patience is over.
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

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Time = Time::from_secs(5);

    fn at(milliseconds: u64) -> Time {
        Time::from_millis(milliseconds)
    }

    fn clock(now: u64) -> Clock {
        Clock { now: at(now), ..Clock::new(at(0)) }
    }

    #[test]
    fn a_deadline_is_over_when_its_time_has_come() {
        let clock = clock(10_000);
        assert_eq!([9_999, 10_000, 10_001].map(|due| clock.is_late(at(due), GRACE)), [true, true, false]);
        assert_eq!([4_999, 9_999, 10_001].map(|due| clock.put_off(at(due), GRACE)), [4_999, 9_999, 10_001].map(at));
    }

    #[test]
    fn one_that_is_found_more_than_a_grace_too_late_is_put_off_once() {
        let mut clock = clock(15_001);
        clock.notice_a_stop([at(10_001)].into_iter(), GRACE);
        assert_eq!(clock.patience, Time::ZERO, "that is not too late");
        clock.notice_a_stop([at(20_000), at(10_000)].into_iter(), GRACE);
        assert_eq!(clock.patience, at(20_001));
        // What is due now has no patience, and what is too late waits.
        assert_eq!([10_001, 10_000].map(|due| clock.is_late(at(due), GRACE)), [true, false]);
        assert_eq!([10_001, 10_000].map(|due| clock.put_off(at(due), GRACE)), [10_001, 20_001].map(at));
        // The same deadline gets no more of it.
        clock.now = at(20_000);
        clock.notice_a_stop([at(10_000)].into_iter(), GRACE);
        assert_eq!((clock.patience, clock.is_late(at(10_000), GRACE)), (at(20_001), false));
        clock.now = at(20_001);
        assert!(clock.is_late(at(10_000), GRACE));
        // A later stop is another one.
        clock.now = at(60_000);
        clock.notice_a_stop([at(16_000)].into_iter(), GRACE);
        assert_eq!(clock.patience, at(65_000));
    }
}
