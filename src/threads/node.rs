//! What the threads of a peer share. `lock.rs` says who may hold which lock, `drive.rs` how the core is stepped.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::thread;
use std::time::Instant;

use crossbeam_channel::Sender;

use super::asker::Asker;
use super::bell::Bell;
use super::counts::Counts;
use super::ends::Ends;
use super::inbox::{SequencerItem, StorageItem};
use super::keyring::Keyring;
use super::link::Link;
use super::lock::{lock, read, write};
use super::porter::Porter;
use super::questions::Questions;
use super::queue::Queue;
use super::reserve::Reserve;
use super::share::Pool;
use super::talk::Stood;
use super::voice::Voice;
use super::watch::Watch;
use crate::complaints::Complaints;
use crate::config::Config;
use crate::descriptors::Budget;
use crate::ids::PeerId;
use crate::keys::Keys;
use crate::net;
use crate::protocol::{Alarm, ConnectionId, Exit, Peer, Time};
use crate::sensors::Setting;
use crate::service::{Manager, Word};
use crate::status::report::Given;
use crate::storage::{LogReader, RealDisk, Storage, Tail};
use crate::wire::Community;

/// How many bytes of requests may wait for the sequencer, of one connection and of all. An honest peer has a quarter of
/// the first under way.
const REQUESTED_EACH: usize = 8 * 1024 * 1024;
const REQUESTED_ALL: usize = 24 * 1024 * 1024;

/// How many bytes of long messages may be in the middle of being read, of one connection and of all. The longest line
/// and the longest block fit into the first.
const HELD_EACH: usize = 10 * 1024 * 1024;
const HELD_ALL: usize = 12 * 1024 * 1024;

/// Everything that threads share.
pub(super) struct Node {
    pub(super) config: Config,
    pub(super) community: Community,
    /// Of a closed group.
    pub(super) keyring: Option<Keyring>,
    pub(super) core: Mutex<Peer>,
    /// Signalled when sources may hand in more.
    pub(super) room: Condvar,
    started: Instant,
    bells: [Bell; 4],
    pub(super) links: RwLock<BTreeMap<PeerId, Arc<Link>>>,
    /// Incoming connections that were admitted.
    pub(super) connections: Mutex<BTreeMap<ConnectionId, Arc<TcpStream>>>,
    /// Brings word about connections that are not admitted.
    pub(super) porter: Porter,
    /// Ends of links are noticed here.
    pub(super) ends: Ends,
    /// Requests that wait for the sequencer.
    pub(super) requested: Arc<Pool>,
    /// Long messages that are being read.
    pub(super) held: Arc<Pool>,
    pub(super) tail: Arc<Mutex<Tail>>,
    pub(super) log: LogReader<RealDisk>,
    pub(super) storage: Sender<StorageItem>,
    /// How often the storage has done what it was handed, or looked whether there is something.
    pub(super) turns: AtomicU64,
    pub(super) sequencer: Sender<SequencerItem>,
    /// What waits for it, or is being ordered.
    pub(super) queue: Queue,
    pub(super) datagrams: Option<Mutex<net::Sender>>,
    pub(super) questions: Questions,
    pub(super) stood: Stood,
    pub(super) askers: Vec<Asker>,
    pub(super) voice: Voice,
    /// Room on the disk that is kept free.
    pub(super) reserve: Reserve,
    /// For people and programs that look at this peer.
    pub(super) watch: Arc<Watch>,
    pub(super) counts: Arc<Counts>,
    /// What a report says of how it was started.
    pub(super) given: Given,
    pub(super) complaints: Arc<Complaints>,
    /// Whether the clock of this host is set.
    pub(super) clock: Arc<Setting>,
    /// Of the process, where it has one.
    manager: Option<Arc<Manager>>,
    pub(super) exit: Sender<Exit>,
    /// How the disk failed, if it did.
    pub(super) failure: Mutex<Option<String>>,
    /// Peers to talk to, and connections to be read, at a time.
    pub(super) peers_max: usize,
    /// Connections to the page, at a time.
    pub(super) pages_max: usize,
    /// Connections that are not admitted yet; beyond that, the oldest that does not wait for the core is closed.
    pub(super) visitors_max: usize,
}

impl Node {
    /// Everything that threads share, around a peer that has not taken a step. The clock of the core runs from now on.
    pub(super) fn new(
        config: Config,
        core: Peer,
        (budget, clock): (Budget, Arc<Setting>),
        disk: &Storage<RealDisk>,
        (storage, sequencer, exit): (Sender<StorageItem>, Sender<SequencerItem>, Sender<Exit>),
        (porter, ends, complaints, keyring): (Porter, Ends, Arc<Complaints>, Option<Keyring>),
        (watch, counts, given, manager): (Arc<Watch>, Arc<Counts>, Given, Option<Arc<Manager>>),
    ) -> Self {
        let datagrams = config
            .broadcasts()
            .then(|| Mutex::new(net::Sender::new(config.bind, config.broadcast_address, config.broadcast_port)));
        Self {
            community: Community { group: config.group.clone(), quorum: config.quorum },
            keyring,
            core: Mutex::new(core),
            room: Condvar::new(),
            started: Instant::now(),
            bells: Default::default(),
            links: RwLock::default(),
            connections: Mutex::default(),
            porter,
            ends,
            requested: Pool::new(REQUESTED_EACH, REQUESTED_ALL),
            held: Pool::new(HELD_EACH, HELD_ALL),
            tail: disk.tail(),
            log: disk.log_reader(),
            storage,
            turns: AtomicU64::default(),
            sequencer,
            queue: Queue::default(),
            datagrams,
            questions: Questions::default(),
            stood: Stood::default(),
            askers: config.join.iter().cloned().map(Asker::new).collect(),
            reserve: Reserve::of(&config),
            voice: Voice::new(Arc::clone(&watch)),
            watch,
            counts,
            given,
            complaints,
            clock,
            manager,
            exit,
            failure: Mutex::default(),
            peers_max: budget.peers,
            pages_max: budget.pages,
            visitors_max: budget.strangers,
            config,
        }
    }

    /// The keys of a closed group, as they are now.
    pub(super) fn keys(&self) -> Option<Arc<Keys>> {
        self.keyring.as_ref().map(Keyring::keys)
    }

    /// Time on the core's clock.
    pub(super) fn now(&self) -> Time {
        self.started.elapsed()
    }

    pub(super) fn bell(&self, alarm: Alarm) -> &Bell {
        let at = Alarm::ALL.iter().position(|other| *other == alarm).expect("one of the four");
        &self.bells[at]
    }

    /// Starts a thread for work that a peer can do without. Where the system gives none, the work is not done, and a
    /// line says so.
    pub(super) fn try_spawn(&self, name: String, run: impl FnOnce() + Send + 'static) -> bool {
        let started = thread::Builder::new().name(name).spawn(run);
        if let Err(error) = &started {
            let text = format!("The system gives no thread ({error}): some connections are dropped");
            self.complaints.warn("no_thread", &text);
        }
        started.is_ok()
    }

    /// Whether a service manager started this process.
    #[cfg(unix)]
    pub(super) fn is_service(&self) -> bool {
        self.manager.is_some()
    }

    /// Tells the service manager, where there is one; returns whether it was told.
    pub(super) fn tell_manager(&self, words: &[Word]) -> bool {
        let told = self.manager.as_ref().map(|manager| manager.tell(words));
        if let Some(Err(error)) = &told {
            self.complaints.warn("manager_deaf", &format!("The service manager does not hear this peer: {error}"));
        }
        told.is_some_and(|told| told.is_ok())
    }

    pub(super) fn link(&self, peer: &PeerId) -> Option<Arc<Link>> {
        read(&self.links).get(peer).cloned()
    }

    /// Ends a link, if it is `over`, and its thread, if it has one; the next message makes a new one.
    pub(super) fn retire(&self, link: &Arc<Link>, over: impl FnOnce(&Link) -> bool) {
        let mut links = write(&self.links);
        if over(link) && links.get(&link.peer).is_some_and(|present| Arc::ptr_eq(present, link)) {
            links.remove(&link.peer);
            link.close();
        }
    }

    /// Ends an admitted connection; its thread finds out.
    pub(super) fn shut(&self, connection: ConnectionId) -> bool {
        let stream = lock(&self.connections).remove(&connection);
        stream.inspect(|stream| net::hang_up(stream)).is_some()
    }
}

#[cfg(test)]
mod tests;
