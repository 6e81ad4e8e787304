//! The lines for the operator: in the order in which things happened, whichever thread they happened on, and never
//! written under the core's lock.

use std::collections::VecDeque;
use std::sync::{Mutex, TryLockError};

use log::Level;

use super::node::lock;
use crate::protocol::event::Loudness;
use crate::protocol::Event;

/// Lines that wait to be written. Whoever comes first writes for all.
#[derive(Debug, Default)]
pub(super) struct Voice {
    waiting: Mutex<VecDeque<Event>>,
    writing: Mutex<()>,
}

impl Voice {
    /// Puts an event behind those before it. Called under the core's lock, which gives the order.
    pub(super) fn put(&self, event: Event) {
        lock(&self.waiting).push_back(event);
    }

    /// Writes what waits, unless another thread is at it: that one writes it all.
    pub(super) fn write(&self) {
        while !lock(&self.waiting).is_empty() {
            let guard = match self.writing.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            };
            loop {
                let next = lock(&self.waiting).pop_front();
                let Some(event) = next else { break };
                say(&event);
            }
            drop(guard);
        }
    }
}

fn say(event: &Event) {
    let level = match event.loudness() {
        Loudness::Info => Level::Info,
        Loudness::Warning => Level::Warn,
    };
    for line in event.to_string().lines() {
        log::log!(level, "{line}");
    }
}
