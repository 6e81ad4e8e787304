//! The lines for the operator: in the order in which things happened, whichever thread they happened on, and never
//! written under the core's lock.

use std::collections::VecDeque;
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

use log::Level;

use super::ledger::{with_held, Ledger, Limits};
use super::node::lock;
use crate::ids::PeerId;
use crate::protocol::event::Loudness;
use crate::protocol::Event;

/// Of warnings, which others can cause again and again. What tells of the group is always said.
const LIMITS: Limits = Limits { same: 4, source: 8, kind: 16, total: 64 };

type Warnings = Ledger<Option<PeerId>, &'static str>;

/// Lines that wait to be written. Whoever comes first writes for all.
#[derive(Debug)]
pub(super) struct Voice {
    started: Instant,
    waiting: Mutex<VecDeque<Event>>,
    writing: Mutex<Warnings>,
}

impl Default for Voice {
    fn default() -> Self {
        Self { started: Instant::now(), waiting: Mutex::default(), writing: Mutex::new(Ledger::new(LIMITS)) }
    }
}

impl Voice {
    /// Puts an event behind those before it. Called under the core's lock, which gives the order.
    pub(super) fn put(&self, event: Event) {
        lock(&self.waiting).push_back(event);
    }

    /// Writes what waits, unless another thread is at it: that one writes it all.
    pub(super) fn write(&self) {
        while !lock(&self.waiting).is_empty() {
            let mut warnings = match self.writing.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::WouldBlock) => return,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            };
            loop {
                let next = lock(&self.waiting).pop_front();
                let Some(event) = next else { break };
                say(&event, &mut warnings, self.started.elapsed());
            }
            drop(warnings);
        }
    }
}

fn say(event: &Event, warnings: &mut Warnings, now: Duration) {
    let text = event.to_string();
    let (level, text) = match event.loudness() {
        Loudness::Info => (Level::Info, text),
        Loudness::Alert => (Level::Warn, text),
        Loudness::Warning => match allowed(event, warnings, now) {
            Some(held) => (Level::Warn, with_held(&text, held)),
            None => (Level::Debug, text),
        },
    };
    for line in text.lines() {
        log::log!(level, "{line}");
    }
}

/// May this warning be said? Then how many of its kind were held back before it.
fn allowed(event: &Event, warnings: &mut Warnings, now: Duration) -> Option<u64> {
    let (source, kind) = match event {
        Event::Misbehaved { peer, .. } => (Some(peer.clone()), "misbehaved"),
        Event::Lost { origin, .. } => (Some(origin.peer.clone()), "lost"),
        Event::Refused { .. } => (None, "refused"),
        Event::OtherKnob { name, .. } => (None, *name),
        _ => (None, "other"),
    };
    warnings.ask(&source, &kind, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_misbehaves_for_ever_is_told_of_a_few_times_and_others_still_are() {
        let mut warnings = Ledger::new(LIMITS);
        let mut said = |id: &str, what: &'static str| {
            let event = Event::Misbehaved { peer: id.parse().unwrap(), what, at: 7 };
            (0..1000).filter(|_| allowed(&event, &mut warnings, Duration::ZERO).is_some()).count()
        };
        assert_eq!((said("a", "sends nonsense"), said("a", "sends other nonsense"), said("b", "lies")), (4, 0, 4));
        let refused = Event::Refused { why: "wrong version".to_owned() };
        assert_eq!(allowed(&refused, &mut warnings, Duration::ZERO), Some(0));
        let later = Event::Misbehaved { peer: "a".parse().unwrap(), what: "lies", at: 8 };
        assert_eq!(allowed(&later, &mut warnings, Duration::from_secs(1800)), Some(996));
    }
}
