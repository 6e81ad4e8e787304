//! THE ONLY THREADS AND THE ONLY CLOCK, and no decisions: one file a thread. `node.rs` says what they share, `drive.rs`
//! how the core is stepped; this file starts everything, and ends it.

mod alarm;
mod caller;
mod clock;
mod dial;
mod discovery;
mod drive;
mod join;
mod link;
mod listener;
mod node;
pub mod outbox;
mod reader;
mod resume;
mod sensor;
mod sequencer;
mod share;
mod signals;
mod storage;
mod visitor;
mod voice;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::{mpsc, Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{bounded, never, unbounded, Receiver, Sender};

use crate::complaints::Complaints;
use crate::config::Config;
use crate::descriptors::Budget;
use crate::fatal::Fatal;
use crate::ids::{Incarnation, NUMBER_MAX};
use crate::log_lines;
use crate::net;
use crate::protocol::{Alarm, Exit, Peer, Secret, Settings};
use crate::sensors;
use crate::storage::{
    claim, claim_cleared, directory_of, others, rename_directory, EarlierDirectory, RealDisk, Storage, StorageError,
};
use crate::wire::Community;
use listener::{Listener, Porter};
use node::{lock, Node};
use share::Pool;
use storage::Work;

/// The last words have so long to go out, and the last rows to be written: with the half second in which the core waits
/// for commits, this keeps the end within a second.
const FAREWELL: Duration = Duration::from_millis(250);

/// So many names of files are told.
const NAMES_MAX: usize = 20;

/// Runs a peer until it is asked to stop.
///
/// # Errors
/// [`Fatal`]: why it could not start, or had to end.
pub fn run(config: Config) -> Result<(), Fatal> {
    exit_on_panic();
    let budget = Budget::of_process()?;
    // Early, so that whoever is asked to stop while it reads back what it had stops cleanly, too.
    let signals = signals::listen().map_err(Fatal::Signals)?;
    clock::check(&config);
    let disk = directory(&config)?.with_open_files(budget.files);
    let (listener, endpoint) = net::listen(config.bind, config.port)
        .map_err(|cause| Fatal::of_bind(SocketAddr::new(config.bind, config.port), cause))?;
    let failed = |cause| Fatal::of_bind(endpoint, cause);
    let (porter, poll) = Porter::new().map_err(failed)?;
    let listener = Listener::new(poll, listener).map_err(failed)?;
    let receiver = receiver(&config)?;
    let (storage, opened) = resume::open(&config, disk)?;
    let (interval, now) = (config.sensor_interval, jiff::Timestamp::now);
    let complaints = Arc::new(Complaints::default());
    let sources = sensors::open(&config.sensors, &config.sensor_ids, interval, random(), (now, &complaints))?;
    log::info!(event = "peer_id"; "Peer ID: {}", config.peer_id);
    log::info!(event = "listening", endpoint:% = endpoint; "Listening on {endpoint}");
    if let Some(sensors) = config.sensors_by_id() {
        log::info!(event = "sensor_ids"; "Sensor ids: {sensors}");
    }
    if let Some(sensor) = config.sensor_ids.first().filter(|_| config.invents) {
        log::warn!(
            event = "made_up", sensor:% = sensor;
            "This peer makes its readings up, as sensor {sensor}: no --sensor was given; --sensor none, stdin or iio:DIRECTORY \
             ends that, and --sensor mock says that it is meant"
        );
    }
    resume::tell(&config, &opened);
    let (exit, exits) = bounded(1);
    let (work, works) = unbounded();
    let (requests, inbox) = unbounded();
    let settings = settings(&config, opened.incarnation, endpoint);
    let core = Peer::new(settings, &resume::found(opened), Duration::ZERO);
    let node = Arc::new(Node::new(config, core, budget, &storage, (work, requests, exit), (porter, complaints)));
    let shared = Arc::clone(&node);
    spawn("complaints".to_owned(), move || shared.complaints.tell());
    start_storage(&node, storage, works);
    let shared = Arc::clone(&node);
    spawn("sequencer".to_owned(), move || sequencer::run(&shared, &inbox));
    let shared = Arc::clone(&node);
    spawn("listener".to_owned(), move || listener.run(&shared));
    if let Some(receiver) = receiver {
        let shared = Arc::clone(&node);
        spawn("discovery-rx".to_owned(), move || discovery::run(&shared, &receiver));
    }
    for index in 0..node.askers.len() {
        let shared = Arc::clone(&node);
        spawn(format!("join-{}", node.config.join[index]), move || join::run(&shared, index));
    }
    let shared = Arc::clone(&node);
    spawn("signals".to_owned(), move || signals(&shared));
    for alarm in Alarm::ALL {
        node.bell(alarm).set(lock(&node.core).deadline(alarm));
        let shared = Arc::clone(&node);
        spawn(alarm::name(alarm).to_owned(), move || alarm::run(&shared, alarm));
    }
    for mut source in sources {
        let shared = Arc::clone(&node);
        spawn("sensor".to_owned(), move || sensor::run(&shared, &mut *source, &never()));
    }
    let exit = exits.recv().unwrap_or(Exit::Disk);
    farewell(&node);
    node.complaints.end();
    let failure = lock(&node.failure).take();
    conclude(&exit, &node.config, failure)
}

/// Takes this peer's directory, in which only what is known to be a peer's is ever cleared.
fn directory(config: &Config) -> Result<RealDisk, Fatal> {
    let (dir, id) = (&config.data_dir, &config.peer_id);
    let failed = |error: StorageError| Fatal::Storage(error.to_string());
    match rename_directory(dir, id).map_err(failed)? {
        Some(renamed @ EarlierDirectory::Renamed { .. }) => log::warn!(event = "renamed"; "{renamed}"),
        Some(left @ EarlierDirectory::LeftAlone { .. }) => log::warn!(event = "files_left_alone"; "{left}"),
        None => {}
    }
    let claimed = if config.resume { claim(dir, id).map(|disk| (disk, None)) } else { claim_cleared(dir, id) };
    let (disk, aside) = claimed.map_err(failed)?;
    if let Some(aside) = aside {
        log::warn!(event = "set_aside"; "{aside}");
    }
    let others = others(dir, id).map_err(failed)?;
    if !others.is_empty() {
        let (path, names) = (directory_of(dir, id), others[..others.len().min(NAMES_MAX)].join(", "));
        let more =
            if others.len() > NAMES_MAX { format!(" and {} more", others.len() - NAMES_MAX) } else { String::new() };
        let path = path.display();
        log::warn!(event = "files_left_alone"; "{path} holds what is no peer's: {names}{more}; it is left alone");
    }
    Ok(disk)
}

fn receiver(config: &Config) -> Result<Option<net::Receiver>, Fatal> {
    if !config.broadcasts() {
        return Ok(None);
    }
    if !net::REUSE_PORT {
        log::warn!(
            event = "no_reuse_port";
            "This system has no SO_REUSEPORT: only one peer of this machine may hear discovery on a port"
        );
    }
    let port = config.broadcast_port;
    let receiver = net::Receiver::bind(config.bind, config.broadcast_address, port);
    receiver.map(Some).map_err(|cause| Fatal::Broadcast { port, cause })
}

fn settings(config: &Config, incarnation: Incarnation, endpoint: SocketAddr) -> Settings {
    Settings {
        id: config.peer_id.clone(),
        priority: config.priority,
        incarnation,
        endpoint,
        group: config.group.clone(),
        quorum: config.quorum,
        resume: config.resume,
        timing: config.timing,
        joins: !config.join.is_empty(),
        seed: random(),
        secret: Secret(rand::random()),
    }
}

impl Node {
    fn new(
        config: Config,
        core: Peer,
        budget: Budget,
        storage: &Storage<RealDisk>,
        (work, requests, exit): (Sender<Work>, Sender<sequencer::Asked>, Sender<Exit>),
        (porter, complaints): (Porter, Arc<Complaints>),
    ) -> Self {
        let datagrams = config
            .broadcasts()
            .then(|| Mutex::new(net::Sender::new(config.bind, config.broadcast_address, config.broadcast_port)));
        Self {
            community: Community { group: config.group.clone(), quorum: config.quorum },
            core: Mutex::new(core),
            room: Condvar::new(),
            started: Instant::now(),
            bells: Default::default(),
            links: RwLock::new(BTreeMap::new()),
            connections: Mutex::new(BTreeMap::new()),
            porter,
            requested: Pool::new(REQUESTED_EACH, REQUESTED_ALL),
            held: Pool::new(HELD_EACH, HELD_ALL),
            tail: storage.tail(),
            log: storage.log_reader(),
            storage: work,
            sequencer: requests,
            datagrams,
            caller: caller::Caller::default(),
            askers: config.join.iter().cloned().map(join::Asker::new).collect(),
            voice: voice::Voice::default(),
            complaints,
            exit,
            failure: Mutex::default(),
            peers_max: budget.peers,
            visitors_max: budget.strangers,
            config,
        }
    }
}

/// Bytes of requests that wait for the sequencer, of one connection: what the own readings of an honest peer under way
/// come to, four times. And of all.
const REQUESTED_EACH: usize = 8 * 1024 * 1024;
const REQUESTED_ALL: usize = 24 * 1024 * 1024;

/// Bytes of long messages that are being read, of one connection: the longest line and the longest block. And of all.
const HELD_EACH: usize = 10 * 1024 * 1024;
const HELD_ALL: usize = 12 * 1024 * 1024;

/// Starts the storage's thread, which ends with the disk.
fn start_storage(node: &Arc<Node>, mut storage: Storage<RealDisk>, works: Receiver<Work>) {
    let node = Arc::clone(node);
    spawn("storage".to_owned(), move || {
        let error = storage::run(&node, &mut storage, &works);
        node.disk_failed(&error);
    });
}

/// Lets the last words go out and the last rows be written, within reason.
fn farewell(node: &Arc<Node>) {
    let until = Instant::now() + FAREWELL;
    let (written, wait) = mpsc::channel();
    if node.storage.send(Work::Finish(written)).is_ok() {
        // What is not written by then is said to be lost by nobody: it stands in the other peers' files.
        let _ = wait.recv_timeout(FAREWELL);
    }
    let idle = || node.links.read().unwrap_or_else(PoisonError::into_inner).values().all(|link| link.is_idle());
    while !idle() && Instant::now() < until {
        pause(Duration::from_millis(2));
    }
}

fn conclude(exit: &Exit, config: &Config, failure: Option<String>) -> Result<(), Fatal> {
    match exit {
        Exit::Stopped => {
            log::info!(event = "stopped"; "Stopped");
            Ok(())
        }
        Exit::StoppedWith { uncommitted } => {
            let advice = if config.resume { "--resume goes on with them" } else { "give them again if they matter" };
            log::warn!(
                event = "stopped", uncommitted = uncommitted;
                "Stopped; readings taken in and not known to be committed: {uncommitted}; {advice}"
            );
            Ok(())
        }
        Exit::Duplicate { endpoint } => Err(Fatal::Duplicate { id: config.peer_id.clone(), endpoint: *endpoint }),
        Exit::Disk => Err(Fatal::Storage(failure.unwrap_or_else(|| "the storage ended".to_owned()))),
    }
}

/// Starts a thread that the peer needs from its start on. Where the system gives none, half a peer is worse than none.
fn spawn(name: String, run: impl FnOnce() + Send + 'static) {
    let started = thread::Builder::new().name(name.clone()).spawn(run);
    if let Err(cause) = started {
        log::error!(event = "fatal"; "{}", Fatal::Thread { name, cause });
        log_lines::flush();
        std::process::exit(1);
    }
}

/// Waits, where there is nothing to wait on.
fn pause(time: Duration) {
    // A channel on which nothing comes.
    let _ = never::<()>().recv_timeout(time);
}

/// A panic in any thread ends the process with its message.
fn exit_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log_lines::flush();
        print(panic);
        std::process::exit(1);
    }));
}

/// Nanoseconds since the Unix epoch: so fine that no two starts, not even of copies on two machines, have the same.
fn now_nanos() -> Incarnation {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Incarnation::try_from(since.as_nanos()).map_or(NUMBER_MAX, |nanos| nanos.min(NUMBER_MAX))
}

/// A number that differs from start to start, for jitter and made-up readings.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
