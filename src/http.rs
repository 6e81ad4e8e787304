//! `--http`: what a peer knows, for a browser and for programs, over HTTP/1.1. `docs/http.md` describes every answer.
//! It only reads, and neither accepts connections nor starts threads: `threads::http` hands it one connection at a
//! time.
//!
//! | file | holds |
//! | --- | --- |
//! | `connection` | one connection: request after request, each within its deadlines |
//! | `request` | the head of a request, bounded and checked |
//! | `response` | an answer and how it is written: as a whole, or as it comes |
//! | `routes` | which path is answered by what |
//! | `api` | the group and its events as JSON; health |
//! | `rows` | sensors, plots and rows |
//! | `stream` | the same as it changes |
//! | `metrics` | the same for Prometheus |
//! | `page` | the files of the page, which are in the binary |

mod api;
pub mod connection;
pub mod metrics;
mod page;
mod request;
mod response;
mod routes;
mod rows;
mod stream;

use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::Mutex;
use std::time::Duration;

use crate::status::{Happening, Report};
use rows::Files;

/// What the server shows: a running peer.
pub trait Site: Send + Sync {
    /// What the peer knows of itself and its group now.
    fn report(&self) -> Report;
    /// Events after the one of this id, oldest first.
    fn happenings_after(&self, id: u64) -> Vec<Happening>;
    /// Waits for an event after the one of this id, for at most this long.
    fn wait_after(&self, id: u64, most: Duration);
    /// What is counted in this life.
    fn figures(&self) -> metrics::Figures;
    /// The peer's directory.
    fn directory(&self) -> &Path;
}

/// What all connections share.
#[derive(Debug)]
pub struct Server<S> {
    pub site: S,
    /// Names beside addresses and `localhost` that a request may call this host.
    names: Vec<String>,
    /// The peer's files.
    files: Files,
    /// Connections on which events are streamed, and how many may be.
    streams: AtomicUsize,
    streams_max: usize,
    /// What they last showed of the group.
    shown: Mutex<Option<stream::Shown>>,
}

impl<S: Site> Server<S> {
    /// `names` are those that the operator allows; of `connections` at a time half are left to those that ask and go.
    pub fn new(site: S, names: Vec<String>, connections: usize) -> Self {
        let own = own_name().into_iter().flat_map(|name| [format!("{name}.local"), name]);
        let names = names.into_iter().chain(own).map(|name| name.to_ascii_lowercase()).collect();
        let files = Files::new(site.directory());
        Self { site, names, files, streams: AtomicUsize::new(0), streams_max: connections / 2, shown: Mutex::default() }
    }
}

/// What this host is called.
#[cfg(unix)]
fn own_name() -> Option<String> {
    Some(rustix::system::uname().nodename().to_str().ok()?.to_owned()).filter(|name| !name.is_empty())
}

#[cfg(not(unix))]
fn own_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}
