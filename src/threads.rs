//! THE ONLY THREADS AND THE ONLY CLOCK, and no decisions. This file starts everything, and ends it.
//!
//! | files | hold |
//! | --- | --- |
//! | `lock` | how threads lock and wait, and the table of all locks |
//! | `bell`, `porter`, `asker`, `questions`, `inbox`, `queue`, `voice`, `watch`, `counts`, `leader_clock`, `share`, `outbox`, `marks`, `reserve`, `keyring`, `ends` | what one thread leaves for another |
//! | `talk` | what the peer says, hears and is, as lines at `trace` |
//! | `link` | an outbox and its connection |
//! | `node` | all of these: what the threads share |
//! | `report`, `mismatch` | what is told of it to those who look; complaints of another key or version |
//! | `drive` | one step of the core, and the handing on of its effects |
//! | `alarm`, `caller`, `discovery`, `http`, `join`, `listener` with `visitor`, `reader`, `sensor`, `sensor_watch`, `sequencer`, `service`, `signals`, `storage`, `writer` with `dial` | what a thread does, or each of several |
//! | `clock`, `opening`, `resume`, `ending` | what is done once, before the first step and after the last |
//!
//! # Which threads a reading wakes
//!
//! Of three peers, `m` and `n` follow `l`. A reading comes alone, at `m`. Each line waits for the one before; what a line
//! names together runs side by side.
//!
//! | thread | peers | why |
//! | --- | --- | --- |
//! | `sensor` | `m` | a line came; it goes to `l` on this thread |
//! | `rx-m` | `l` | the request came; this thread orders it, and sends the batch to both |
//! | `storage`, `rx-l` | `l`; `m`, `n` | the batch is to be stored; it came |
//! | `storage` | `m`, `n` | it is stored; `STORED` goes out on this thread |
//! | `rx-m`, `rx-n` | `l` | `STORED` came; at the first one, `COMMIT` goes out on this thread |
//! | `storage`, `rx-l` | `l`; `m`, `n` | the row is to be written; `COMMIT` came |
//! | `storage` | `m`, `n` | the row is written |
//!
//! These are fourteen. Under load a thread finds more when it comes, and few are woken for each reading. The storage is
//! a thread of its own even where it is idle: a disk may hang for seconds in a plain write, and a thread that waited for
//! it would read no signs of life meanwhile.

mod alarm;
mod asker;
mod bell;
mod caller;
mod clock;
mod counts;
mod dial;
mod discovery;
mod drive;
mod ending;
mod ends;
mod http;
mod inbox;
mod join;
mod keyring;
mod leader_clock;
mod link;
mod listener;
mod lock;
mod marks;
mod mismatch;
mod node;
mod opening;
pub mod outbox;
mod porter;
mod questions;
mod queue;
mod reader;
mod report;
mod reserve;
mod resume;
mod sensor;
mod sensor_watch;
mod sequencer;
mod service;
mod share;
mod signals;
mod storage;
pub mod talk;
#[cfg(test)]
mod trial;
mod visitor;
mod voice;
mod watch;
mod writer;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded, Receiver};

use crate::complaints::Complaints;
use crate::config::Config;
use crate::descriptors::Budget;
use crate::fatal::Fatal;
use crate::log_lines;
use crate::net;
use crate::protocol::{Alarm, Exit, Peer};
use crate::sensors::{Setting, Sources};
use crate::service::{Manager, Word};
use crate::storage::{RealDisk, Storage};
use counts::Counts;
use ends::Ends;
use inbox::StorageItem;
use listener::Listener;
use lock::lock;
use marks::Marks;
use node::Node;
use porter::Porter;
use sensor_watch::Asked;
use watch::Watch;

/// Runs a peer until it is asked to stop.
///
/// # Errors
/// [`Fatal`]: why it could not start, or had to end.
pub fn run(config: Config) -> Result<(), Fatal> {
    exit_on_panic();
    let manager = opening::manager();
    let ended = live(config, manager.as_ref());
    if let (Some(manager), Err(fatal)) = (&manager, &ended) {
        // Its users see the last status of a service that failed. One that does not hear it has the log.
        let _ = manager.tell(&[Word::Stopping, Word::Status(&fatal.to_string())]);
    }
    ended
}

fn live(config: Config, manager: Option<&Arc<Manager>>) -> Result<(), Fatal> {
    let counts = Arc::new(Counts::new(&config.sensors, config.http.is_some()));
    let watch = Watch::start(&counts);
    let budget = Budget::of_process(opening::uses(&config))?;
    // This comes early, so that a peer stops cleanly even if it is asked to while it reads back what it had.
    let signals = signals::listen(config.key_file.is_some()).map_err(Fatal::Signals)?;
    let not_before = clock::check(&config);
    let keyring = opening::keyring(&config)?;
    let disk = opening::directory(&config)?.with_open_files(budget.files);
    let (listener, endpoint) = net::listen(config.bind, config.port)
        .map_err(|cause| Fatal::of_bind(SocketAddr::new(config.bind, config.port), cause))?;
    let page = opening::page(&config)?;
    disk.note(endpoint, config.flush_interval).map_err(|error| Fatal::Storage(error.to_string()))?;
    let failed = |cause| Fatal::of_bind(endpoint, cause);
    let (porter, poll) = Porter::new().map_err(failed)?;
    let ends = Ends::new(&poll).map_err(failed)?;
    let listener = Listener::new(poll, listener).map_err(failed)?;
    let receiver = opening::receiver(&config)?;
    let (storage, opened) = resume::open(&config, disk)?;
    let complaints = Arc::new(Complaints::default());
    let setting = Arc::new(Setting::new(not_before, Path::new("/")));
    let (sources, marks) = opening::sources(&config, &setting, &complaints)?;
    opening::tell(&config, endpoint);
    resume::tell(&config, &opened);
    let (exit, exits) = bounded(1);
    // What is put in bounds both, as `inbox.rs` says.
    let (to_storage, for_storage) = unbounded();
    let (to_sequencer, for_sequencer) = unbounded();
    let settings = opening::settings(&config, opened.incarnation, endpoint);
    let given = report::given(&config, endpoint, page.as_ref().map(|(_, url)| url.clone()));
    let core = Peer::new(settings, &resume::found(opened), Duration::ZERO);
    let node = Arc::new(Node::new(
        config,
        core,
        (budget, setting),
        &storage,
        (to_storage, to_sequencer, exit),
        (porter, ends, complaints, keyring),
        (watch, counts, given, manager.cloned()),
    ));
    node.reserve.look(&node.complaints);
    let shared = Arc::clone(&node);
    spawn("complaints".to_owned(), move || shared.complaints.tell());
    start_storage(&node, storage, for_storage);
    let shared = Arc::clone(&node);
    spawn("sequencer".to_owned(), move || sequencer::run(&shared, &for_sequencer));
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
    start_sources(&node, sources, marks.as_ref());
    start_page(&node, page);
    start_service(&node, manager);
    let exit = exits.recv().unwrap_or(Exit::Disk);
    ending::farewell(&node, marks.as_deref(), ending::FAREWELL);
    node.complaints.end();
    let failure = lock(&node.failure).take();
    ending::conclude(&exit, &node.config, failure)
}

/// Starts a thread for each source of readings, and one that sees which of them block, where some may.
fn start_sources(node: &Arc<Node>, sources: Sources, marks: Option<&Arc<Marks>>) {
    let next = Arc::default();
    let watched: Vec<Option<Arc<Asked>>> =
        sources.iter().map(|source| Asked::of(&**source, &next).map(Arc::new)).collect();
    let all: Vec<Arc<Asked>> = watched.iter().flatten().cloned().collect();
    if !all.is_empty() {
        let shared = Arc::clone(node);
        spawn("sensor-watch".to_owned(), move || sensor_watch::run(&shared.complaints, &next, &all));
    }
    for (place, (mut source, asked)) in sources.into_iter().zip(watched).enumerate() {
        let (shared, marks) = (Arc::clone(node), marks.cloned());
        spawn("sensor".to_owned(), move || {
            sensor::run(&shared, (place, &mut *source), (asked.as_deref(), marks.as_deref()));
        });
    }
}

/// Starts the thread of the page, if there is to be one.
fn start_page(node: &Arc<Node>, page: Option<(TcpListener, String)>) {
    let Some((listener, url)) = page else { return };
    log::info!(event = "http", url = url; "HTTP: {url} shows this peer and its group");
    let shared = Arc::clone(node);
    spawn("http".to_owned(), move || http::run(&shared, &listener));
}

/// Starts the thread that speaks to the service manager, where there is one.
fn start_service(node: &Arc<Node>, manager: Option<&Arc<Manager>>) {
    let Some(manager) = manager.cloned() else { return };
    let shared = Arc::clone(node);
    spawn("service".to_owned(), move || service::run(&shared, &manager));
}

/// Starts the storage's thread, which ends with the disk.
fn start_storage(node: &Arc<Node>, mut storage: Storage<RealDisk>, inbox: Receiver<StorageItem>) {
    let node = Arc::clone(node);
    spawn("storage".to_owned(), move || {
        let error = storage::run(&node, &mut storage, &inbox);
        node.disk_failed(&error);
    });
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

/// A panic in any thread ends the process with its message.
fn exit_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log_lines::flush();
        print(panic);
        std::process::exit(1);
    }));
}

#[cfg(test)]
mod tests;
