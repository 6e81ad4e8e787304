//! `service`: if a service manager started this process, tells it when the peer is up, what it does, and that it lives:
//! only for as long as it gets on with its work.
//!
//! A process that merely runs is not a sign of life. The manager is told only if this thread gets the lock of the core,
//! no deadline of the core is long over, and the `storage` has come to what it was handed. A disk that hangs, or a lock
//! that nobody gives back, ends in a restart.

use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::alarm;
use super::inbox::StorageItem;
use super::lock::lock;
use super::node::Node;
use crate::elapsed::Elapsed;
use crate::protocol::{Alarm, Time};
use crate::service::{Manager, Word};
use crate::status::report::PeerState;
use crate::status::words;

/// The longest time between two reports to the manager.
const BEAT: Duration = Duration::from_secs(10);

/// How many reports there are at least within the time after which its watchdog ends the process.
const BEATS: u32 = 4;

/// After how long a manager without a watchdog is told that a peer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(node: &Arc<Node>, manager: &Manager) {
    let within = manager.watchdog.unwrap_or(PATIENCE);
    let mut service = Service::new(within);
    loop {
        service.speak(node);
        node.watch.wait_after(service.seen, beat(within));
    }
}

/// How often a manager of this patience is told how things are.
fn beat(within: Duration) -> Duration {
    BEAT.min(within / BEATS)
}

/// What the manager was told so far, and by what.
struct Service {
    /// How long the manager is patient.
    within: Duration,
    is_ready: bool,
    /// The newest event at the last look.
    seen: u64,
    vitals: Vitals,
}

impl Service {
    fn new(within: Duration) -> Self {
        let vitals = Vitals { turns: None, since: Instant::now(), patience: within / 2 };
        Self { within, is_ready: false, seen: 0, vitals }
    }

    /// Tells the manager how things are.
    fn speak(&mut self, node: &Arc<Node>) {
        // This comes first: what happens from here on ends the wait for the next look.
        self.seen = node.watch.last();
        let hangs = self.vitals.look(node);
        let report = node.report();
        let is_up = node.watch.was_suspended() || matches!(report.state, PeerState::Member | PeerState::Leads);
        let status = hangs.clone().unwrap_or_else(|| words::in_one_line(&report));
        let mut said = vec![Word::Status(&status)];
        match &hangs {
            Some(what) => node.complaints.warn("hangs", what),
            None => said.push(Word::Alive),
        }
        match (self.is_ready, is_up) {
            (false, true) => said.push(Word::Ready),
            (false, false) if hangs.is_none() => said.push(Word::Starting(self.within)),
            _ => {}
        }
        self.is_ready |= node.tell_manager(&said) && is_up;
    }
}

/// What was seen of the threads that no peer can do without.
struct Vitals {
    /// Turns of the storage, and when there was another one.
    turns: Option<u64>,
    since: Instant,
    /// What does nothing for longer hangs.
    patience: Duration,
}

impl Vitals {
    /// What hangs, if anything does.
    fn look(&mut self, node: &Node) -> Option<String> {
        let turns = Some(node.turns.load(Ordering::Relaxed));
        if turns != self.turns {
            (self.turns, self.since) = (turns, Instant::now());
            // With nothing to do it takes its next turn for this. Without its storage the peer is ending.
            let _ = node.storage.send(StorageItem::Probe);
        }
        self.judge(self.since.elapsed(), || latest(node))
    }

    /// What hangs: the storage, if it is idle for too long, or else the latest alarm.
    fn judge(&self, idle: Duration, latest: impl FnOnce() -> Option<(Alarm, Time)>) -> Option<String> {
        if idle > self.patience {
            return Some(format!("Hangs: the disk took nothing for {:#}", Elapsed(idle)));
        }
        let (alarm, late) = latest()?;
        (late > self.patience).then(|| format!("Hangs: {} is late by {:#}", alarm::name(alarm), Elapsed(late)))
    }
}

/// The alarm that is late by most.
fn latest(node: &Node) -> Option<(Alarm, Time)> {
    let core = lock(&node.core);
    let now = node.now();
    let late = |alarm: Alarm| Some((alarm, now.saturating_sub(core.deadline(alarm)?)));
    Alarm::ALL.into_iter().filter_map(late).max_by_key(|(_, late)| *late)
}

#[cfg(test)]
mod tests;
