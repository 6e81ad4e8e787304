//! `http`: accepts connections of browsers and programs, and gives each a thread, up to a limit. `crate::http` answers
//! them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::leader_clock::{self, LeaderClock};
use super::link::Link;
use super::lock::{lock, read};
use super::node::Node;
use crate::descriptors;
use crate::http::metrics::{Figures, LinkFigures, ProcessFigures};
use crate::http::{connection, Server, Site};
use crate::net;
use crate::status::{Happening, Report};
use crate::storage::directory_of;

/// The pause after the system gave no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A peer as the server sees it.
struct Shown {
    node: Arc<Node>,
    clock: Arc<LeaderClock>,
    directory: PathBuf,
}

/// One of the places for connections, until it is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn run(node: &Arc<Node>, listener: &TcpListener) {
    let directory = directory_of(&node.config.data_dir, &node.config.peer_id);
    let names = node.config.http_hosts.clone();
    let shown = Shown { node: Arc::clone(node), clock: Arc::default(), directory };
    let server = Arc::new(Server::new(shown, names, node.pages_max));
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Some(stream) = taken(node, net::uninterrupted(|| listener.accept())) else { continue };
        let before = open.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&open));
        if before >= node.pages_max {
            turn_away(&stream);
            continue;
        }
        let server = Arc::clone(&server);
        node.try_spawn("http-serve".to_owned(), move || serve(&server, &stream, place));
    }
}

/// The connection that was accepted. Complains of a reason that lasts where there is none, and pauses.
fn taken(node: &Node, accepted: io::Result<(TcpStream, SocketAddr)>) -> Option<TcpStream> {
    match accepted {
        Ok((stream, _)) => return Some(stream),
        // It was given up while it waited.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
        Err(error) => {
            let text = format!("Cannot accept a connection to the page: {}", descriptors::explain(&error));
            node.complaints.warn("accept_failed", &text);
            thread::sleep(ACCEPT_PAUSE);
        }
    }
    None
}

fn serve(server: &Arc<Server<Shown>>, stream: &TcpStream, place: Place) {
    // Small answers must not wait for more bytes.
    let _ = stream.set_nodelay(true);
    connection::serve(server, stream);
    drop(place);
}

/// Answers without a thread for it, and so without waiting.
fn turn_away(stream: &TcpStream) {
    if stream.set_nonblocking(true).is_ok() {
        connection::turn_away(stream);
    }
}

impl Site for Shown {
    fn report(&self) -> Report {
        self.node.report()
    }

    fn happenings_after(&self, id: u64) -> Vec<Happening> {
        self.node.watch.after(id)
    }

    fn wait_after(&self, id: u64, most: Duration) {
        self.node.watch.wait_after(id, most);
    }

    fn figures(&self) -> Figures {
        let node = &self.node;
        let links: Vec<Arc<Link>> = read(&node.links).values().cloned().collect();
        let of_link = |link: &Arc<Link>| LinkFigures {
            peer: link.peer.to_string(),
            sent_bytes: link.sent.load(Ordering::Relaxed),
            connections: lock(&link.state).connections,
        };
        Figures {
            durations: node.counts.durations.clone(),
            sources: node.counts.sources(),
            events: node.counts.events(),
            complaints: node.complaints.counts(),
            merged: node.counts.merged.load(Ordering::Relaxed),
            clock_offset: leader_clock::offset(node, &self.clock),
            links: links.iter().map(of_link).collect(),
            process: process(),
        }
    }

    fn directory(&self) -> &Path {
        &self.directory
    }
}

/// What Linux tells a process of itself.
#[cfg(target_os = "linux")]
fn process() -> ProcessFigures {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let figures = of_stat(&stat, rustix::param::clock_ticks_per_second(), rustix::param::page_size() as u64);
    ProcessFigures {
        open_files: std::fs::read_dir("/proc/self/fd").map(|entries| entries.count() as u64).ok(),
        ..figures
    }
}

/// What `/proc/self/stat` says, in this many ticks a second and in pages of this many bytes.
#[cfg(target_os = "linux")]
fn of_stat(stat: &str, ticks: u64, page_bytes: u64) -> ProcessFigures {
    // The name may hold blanks, and ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
    #[expect(clippy::cast_precision_loss, reason = "a processor time in hundredths of seconds")]
    let cpu_seconds = field(11).zip(field(12)).map(|(user, system)| (user + system) as f64 / ticks as f64);
    ProcessFigures {
        cpu_seconds,
        threads: field(17),
        resident_bytes: field(21).map(|pages| pages * page_bytes),
        open_files: None,
    }
}

#[cfg(not(target_os = "linux"))]
fn process() -> ProcessFigures {
    ProcessFigures::default()
}

#[cfg(test)]
mod tests;
