//! What the threads of a peer share, and who may hold which lock.
//!
//! | shared | lock | held for |
//! | --- | --- | --- |
//! | `core` | mutex | one step and the non-blocking handing on of its effects |
//! | `links` | read-write | looking a link up, under the core's lock or alone |
//! | a link's outbox | mutex | putting in, taking out; never while dialling or writing |
//! | `connections` | mutex | noting, and closing |
//! | the porter's words | mutex | leaving word for the listener, which takes it with no other lock held |
//! | the log's tail | mutex | cloning handles of batches |
//!
//! Locks are taken in this order and none of the later is held while an earlier is taken.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Instant;

use crossbeam_channel::Sender;

use super::alarm::Bell;
use super::caller::Caller;
use super::join::Asker;
use super::link::Link;
use super::listener::Porter;
use super::sequencer::Asked;
use super::share::Pool;
use super::storage::Work;
use super::voice::Voice;
use crate::complaints::Complaints;
use crate::config::Config;
use crate::ids::PeerId;
use crate::net;
use crate::protocol::{Alarm, ConnectionId, Exit, Input, Peer, Time};
use crate::storage::{LogReader, RealDisk, StorageError, Tail};
use crate::wire::Community;

/// Everything that threads share.
pub(super) struct Node {
    pub(super) config: Config,
    pub(super) community: Community,
    pub(super) core: Mutex<Peer>,
    /// Signalled when sources may hand in more.
    pub(super) room: Condvar,
    pub(super) started: Instant,
    pub(super) bells: [Bell; 4],
    pub(super) links: RwLock<BTreeMap<PeerId, Arc<Link>>>,
    /// Incoming connections that were admitted.
    pub(super) connections: Mutex<BTreeMap<ConnectionId, Arc<TcpStream>>>,
    /// Brings word to those that were not.
    pub(super) porter: Porter,
    /// Requests that wait for the sequencer.
    pub(super) requested: Arc<Pool>,
    /// Long messages that are being read.
    pub(super) held: Arc<Pool>,
    pub(super) tail: Arc<Mutex<Tail>>,
    pub(super) log: LogReader<RealDisk>,
    pub(super) storage: Sender<Work>,
    pub(super) sequencer: Sender<Asked>,
    pub(super) datagrams: Option<Mutex<net::Sender>>,
    pub(super) caller: Caller,
    pub(super) askers: Vec<Asker>,
    pub(super) voice: Voice,
    pub(super) complaints: Arc<Complaints>,
    pub(super) exit: Sender<Exit>,
    /// How the disk failed, if it did.
    pub(super) failure: Mutex<Option<String>>,
    /// Peers to talk to, and connections to be read, at a time.
    pub(super) peers_max: usize,
    /// Connections that have not been admitted; beyond that the oldest of those goes that wait for nothing from the core.
    pub(super) visitors_max: usize,
}

impl Node {
    /// Everything the threads share, around a peer that has not taken a step. `started` is zero on the core's clock.
    pub(super) fn now(&self) -> Time {
        self.started.elapsed()
    }

    pub(super) fn bell(&self, alarm: Alarm) -> &Bell {
        let at = Alarm::ALL.iter().position(|other| *other == alarm).expect("one of the four");
        &self.bells[at]
    }

    /// The disk failed, in writing or in reading: with half of what it stored a peer is no use to anybody.
    pub(super) fn disk_failed(self: &Arc<Self>, error: &StorageError) {
        lock(&self.failure).get_or_insert_with(|| error.to_string());
        self.step(Input::DiskFailed);
    }

    /// Starts a thread for something that can be done without: where the system gives none, it is not done. Says so.
    pub(super) fn try_spawn(&self, name: String, run: impl FnOnce() + Send + 'static) -> bool {
        let started = thread::Builder::new().name(name).spawn(run);
        if let Err(error) = &started {
            let text = format!("The system gives no thread ({error}): some connections are dropped");
            self.complaints.warn("no_thread", &text);
        }
        started.is_ok()
    }

    pub(super) fn link(&self, peer: &PeerId) -> Option<Arc<Link>> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).get(peer).cloned()
    }
}

/// Locks. A thread that panics ends the process, so nobody meets what it left half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
