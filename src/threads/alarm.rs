//! The four loops `discovery`, `heartbeat`, `leader-check` and `election`: each waits for the one deadline that the core
//! names for it, and for nothing else.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::node::{lock, Node};
use crate::protocol::{Alarm, Input, Time};

/// The name of an alarm's thread.
pub(super) fn name(alarm: Alarm) -> &'static str {
    match alarm {
        Alarm::Discovery => "discovery",
        Alarm::Heartbeat => "heartbeat",
        Alarm::LeaderCheck => "leader-check",
        Alarm::Election => "election",
    }
}

/// A deadline, and the loop that waits for it.
#[derive(Debug, Default)]
pub(super) struct Bell {
    due: Mutex<Option<Time>>,
    earlier: Condvar,
}

impl Bell {
    /// Sets the deadline. A loop that waits for a later one is woken; one that waits for an earlier one finds out then.
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
    fn wait(&self, now: impl Fn() -> Time) {
        let mut due = lock(&self.due);
        loop {
            let left = due.map(|due| due.saturating_sub(now()));
            due = match left {
                Some(Time::ZERO) => break,
                Some(left) => self.earlier.wait_timeout(due, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.earlier.wait(due).unwrap_or_else(PoisonError::into_inner),
            };
        }
        // The step that follows names the next one.
        *due = None;
    }
}

/// The loop of one alarm.
pub(super) fn run(node: &Arc<Node>, alarm: Alarm) {
    loop {
        node.bell(alarm).wait(|| node.now());
        node.step(Input::Alarm(alarm));
    }
}
