//! What is kept for people and programs that look at this peer: which peers are there and since when, what happened
//! lately, and the report made from that.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime};

use super::counts::Counts;
use super::lock::{lock, wait};
use super::node::Node;
use crate::config::Config;
use crate::ids::PeerId;
use crate::log_lines;
use crate::protocol::{Event, Picture};
use crate::status::report::Given;
use crate::status::{Attendance, Happening, Happenings, Report};

#[derive(Debug)]
pub(super) struct Watch {
    counts: Arc<Counts>,
    attendance: Mutex<Attendance>,
    happenings: Mutex<Happenings>,
    /// Signalled when something happened.
    happened: Condvar,
}

impl Watch {
    /// From now on the lines of the log are kept here, and counted.
    pub(super) fn start(counts: &Arc<Counts>) -> Arc<Self> {
        let watch = Arc::new(Self {
            counts: Arc::clone(counts),
            attendance: Mutex::default(),
            happenings: Mutex::default(),
            happened: Condvar::new(),
        });
        let shared = Arc::clone(&watch);
        log_lines::overhear(move |level, event, text| {
            shared.counts.happened(event);
            lock(&shared.happenings).add(SystemTime::now(), level, event, text);
            shared.happened.notify_all();
        });
        watch
    }

    pub(super) fn note(&self, event: &Event) {
        if let Event::Merging { readings, .. } = event {
            self.counts.merged.fetch_add(*readings, Ordering::Relaxed);
        }
        lock(&self.attendance).note(event, SystemTime::now());
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

impl Node {
    /// What this peer knows of itself and its group now.
    pub(super) fn report(&self) -> Report {
        let now = SystemTime::now();
        let missing: Vec<PeerId> = lock(&self.watch.attendance).missing(now).map(|(id, _)| id.clone()).collect();
        let (picture, addresses): (Picture, Vec<Option<SocketAddr>>) = {
            let core = lock(&self.core);
            (core.picture(self.now()), missing.iter().map(|id| core.endpoint_of(id)).collect())
        };
        let disk = self.reserve.disk();
        let address_of = |id: &PeerId| missing.iter().position(|known| known == id).and_then(|at| addresses[at]);
        let attendance = lock(&self.watch.attendance);
        Report::new(&self.given, &picture, &attendance, (disk, now), address_of)
    }
}

/// What a report says about how this peer was started.
pub(super) fn given(config: &Config, address: SocketAddr, http: Option<String>) -> Given {
    Given {
        peer: config.peer_id.clone(),
        group: config.group.clone(),
        closed: config.key_file.is_some(),
        quorum: config.quorum,
        resume: config.resume,
        address,
        http,
        started: SystemTime::now(),
    }
}
