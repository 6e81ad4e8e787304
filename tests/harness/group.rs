//! Peers on loopback that find each other and nobody else.

use std::env;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use peer::storage::directory_of;

use super::process::Peer;
use super::recorder::{Recorder, KEEP};
use super::station::Station;

/// Heartbeat interval, heartbeat timeout and election timeout of most tests: short, but long enough for a busy machine.
const TIMING: [&str; 3] = ["500ms", "2s", "500ms"];

/// The same for tests that want many faults in little time, and do not mind a few more on a slow machine.
pub(crate) const TIMING_SHORT: [&str; 3] = ["100ms", "500ms", "250ms"];

/// How many arenas glibc makes for threads: a soak sets it as the units for systemd do.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// Peers that find each other and nobody else, in one directory.
pub(crate) struct Group {
    pub(crate) directory: PathBuf,
    pub(crate) broadcast_port: u16,
    pub(crate) recorder: Arc<Recorder>,
    /// Keeps that port from all other groups.
    _reserved: UdpSocket,
    timing: [&'static str; 3],
}

impl Group {
    pub(crate) fn new() -> Self {
        Self::timed(TIMING)
    }

    /// `timing`: heartbeat interval, heartbeat timeout and election timeout.
    pub(crate) fn timed(timing: [&'static str; 3]) -> Self {
        let directory = tempfile::Builder::new().prefix("peer-cluster-").tempdir().expect("a directory for the test");
        // If a test fails, the directory stays.
        let directory = directory.keep();
        let reserved = reserve_port();
        let broadcast_port = reserved.local_addr().expect("bound").port();
        let recorder = Recorder::new(&directory);
        Self { directory, broadcast_port, recorder, _reserved: reserved, timing }
    }

    /// Starts a peer with short timeouts that makes no readings by itself.
    pub(crate) fn start(&self, id: &str) -> Peer {
        self.start_with(id, &["--sensor", "none"])
    }

    /// Starts a peer that reads readings from its standard input.
    pub(crate) fn start_fed(&self, id: &str) -> Peer {
        self.start_with(id, &["--sensor", "stdin"])
    }

    pub(crate) fn start_with(&self, id: &str, options: &[&str]) -> Peer {
        let mut command = self.command(id);
        command.args(options);
        Peer::start(id, command, self.data_of(id))
    }

    /// A peer's command line, for tests that want another.
    pub(crate) fn command(&self, id: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
        self.complete(&mut command, id);
        command.args(["--bind", "127.0.0.1", "--broadcast-port", &self.broadcast_port.to_string()]);
        // How the allocator works is not the peer's to know.
        command.envs(env::var_os(ARENAS).map(|arenas| (ARENAS, arenas)));
        command
    }

    /// Adds the options of all peers of the group, wherever they listen.
    pub(crate) fn complete(&self, command: &mut Command, id: &str) {
        let [interval, timeout, election] = self.timing;
        command.current_dir(&self.directory).env_clear().args(["--peer-id", id]).args([
            "--heartbeat-interval",
            interval,
            "--heartbeat-timeout",
            timeout,
            "--election-timeout",
            election,
        ]);
    }

    pub(crate) fn data_of(&self, id: &str) -> PathBuf {
        directory_of(&self.directory.join("data"), &id.parse().expect("an id"))
    }

    /// A station whose peer starts on loopback with these options, fed on standard input.
    pub(crate) fn station(self: &Rc<Self>, id: &str, options: &'static [&'static str]) -> Station {
        let (group, name) = (Rc::clone(self), id.to_owned());
        Station::new(id, &self.recorder, move || {
            let mut command = group.command(&name);
            command.args(["--sensor", "stdin"]).args(options);
            Peer::start(&name, command, group.data_of(&name))
        })
    }

    /// Starts these peers one after the other, so that the first leads, and waits until they are one group.
    pub(crate) fn start_all(&self, ids: &[&str]) -> Vec<Peer> {
        let mut peers: Vec<Peer> = Vec::new();
        for id in ids {
            peers.push(self.start_fed(id));
            let mut view = ids[..peers.len()].to_vec();
            view.sort_unstable();
            for peer in &peers {
                peer.wait_for_view(&view);
            }
        }
        peers
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !thread::panicking() && env::var_os(KEEP).is_none() {
            // If that fails, something is left in the system's temporary directory.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// A UDP port that no socket has, where peers listen on loopback. Only sockets that share it, as theirs do, may have it
/// from now on.
fn reserve_port() -> UdpSocket {
    let socket = UdpSocket::bind("127.255.255.255:0").or_else(|_| UdpSocket::bind("0.0.0.0:0")).expect("loopback");
    let options = socket2::SockRef::from(&socket);
    options.set_reuse_address(true).expect("known everywhere");
    #[cfg(unix)]
    options.set_reuse_port(true).expect("known everywhere");
    socket
}
