//! A peer that a service manager starts: what the manager hears, and when it hears nothing any more. The manager is the test.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use peer::keys::file;

use crate::disk::stall_library;
use crate::harness::{Group, Peer, PATIENCE};

/// Beats come four times within this.
const WATCHDOG_US: &str = "2000000";

/// A service manager, as far as a service sees one.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

/// What it is told together.
type Words = Vec<String>;

impl Manager {
    fn listen(group: &Group, name: &str) -> Self {
        let path = group.directory.join(name);
        let socket = UnixDatagram::bind(&path).expect("a new file");
        socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
        Self { socket, path }
    }

    /// Starts a peer as its service.
    fn start(&self, group: &Group, id: &str, options: &[&str]) -> Peer {
        let mut command = group.command(id);
        command.args(options).env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", WATCHDOG_US);
        Peer::start(id, command, group.data_of(id))
    }

    fn hear(&self) -> Words {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("the peer says something in time");
        String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned).collect()
    }

    /// Listens until something is said that passes.
    fn hear_until(&self, passes: impl Fn(&Words) -> bool) -> Words {
        (0..1000).map(|_| self.hear()).find(passes).expect("it is said among the first thousand")
    }

    fn hear_word(&self, word: &str) -> Words {
        self.hear_until(|words| says(words, word))
    }
}

fn says(words: &Words, word: &str) -> bool {
    words.iter().any(|said| said == word)
}

fn status(words: &Words) -> &str {
    words.iter().find_map(|word| word.strip_prefix("STATUS=")).unwrap_or("")
}

#[test]
fn a_service_is_ready_once_it_leads_or_is_a_member_and_says_what_it_does() {
    let group = Group::new();
    let managers = ["a", "b"].map(|id| Manager::listen(&group, &format!("manager-{id}")));
    let mut first = managers[0].start(&group, "a", &["--sensor", "stdin"]);
    let ready = managers[0].hear_word("READY=1");
    assert!(status(&ready).starts_with("Leads a group of its own"), "{ready:?}");
    let second = managers[1].start(&group, "b", &["--sensor", "none"]);
    let ready = managers[1].hear_word("READY=1");
    assert!(status(&ready).starts_with("Member of a group of 2 that a leads"), "{ready:?}");
    managers[0].hear_until(|words| status(words).starts_with("Leads a group of 2; 0 readings delivered"));
    first.feed_numbered(0, 7);
    for manager in &managers {
        let words = manager.hear_until(|words| status(words).contains("; 7 readings delivered"));
        assert!(says(&words, "WATCHDOG=1") && !says(&words, "READY=1"), "{words:?}");
    }
    first.signal("-TERM");
    managers[0].hear_word("STOPPING=1");
    assert_eq!(first.wait_for_exit().code(), Some(0));
    managers[1].hear_until(|words| status(words).starts_with("Leads a group of its own"));
    drop(second);
}

#[test]
fn a_service_below_its_quorum_is_ready_and_says_what_it_waits_for() {
    let group = Group::new();
    let manager = Manager::listen(&group, "manager");
    let _peer = manager.start(&group, "a", &["--sensor", "none", "--resume", "--quorum", "2"]);
    let ready = manager.hear_word("READY=1");
    assert!(status(&ready).starts_with("Suspended: 1 of 2 members"), "{ready:?}");
}

#[test]
fn a_service_whose_disk_hangs_gives_no_sign_of_life() {
    let group = Group::new();
    let Some(library) = stall_library(&group) else { return };
    let (manager, stall) = (Manager::listen(&group, "manager"), group.directory.join("stall"));
    let mut command = group.command("a");
    command.args(["--sensor", "stdin"]).env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", WATCHDOG_US);
    command.env("LD_PRELOAD", library).env("STALL_FILE", &stall);
    let mut peer = Peer::start("a", command, group.data_of("a"));
    manager.hear_word("READY=1");
    fs::write(&stall, "").expect("writable");
    peer.feed_numbered(0, 1);
    manager.hear_until(|words| status(words).starts_with("Hangs: the disk took nothing for "));
    for _ in 0..4 {
        let words = manager.hear();
        assert!(!says(&words, "WATCHDOG=1") && status(&words).starts_with("Hangs: "), "{words:?}");
    }
    peer.wait_for("Hangs: the disk took nothing for ");
    fs::remove_file(&stall).expect("it was written");
    manager.hear_word("WATCHDOG=1");
    peer.wait_for_rows(1);
}

#[test]
fn a_service_that_is_to_reload_says_when_it_has_and_never_stops_for_it() {
    let group = Group::new();
    let manager = Manager::listen(&group, "manager");
    let reload = |peer: &mut Peer, line: &str| {
        manager.hear_word("READY=1");
        peer.signal("-HUP");
        let began = manager.hear_word("RELOADING=1");
        assert!(began.iter().any(|word| word.starts_with("MONOTONIC_USEC=")), "{began:?}");
        manager.hear_word("READY=1");
        peer.wait_for(line);
        assert!(peer.is_running());
        peer.signal("-TERM");
        assert_eq!(peer.wait_for_exit().code(), Some(0));
    };
    reload(&mut manager.start(&group, "a", &["--sensor", "none"]), "Nothing is read again but keys");
    let key = group.directory.join("key");
    file::create(&key).expect("a new file");
    let mut closed = manager.start(&group, "b", &["--sensor", "none", "--key-file", "key"]);
    closed.wait_for_view(&["b"]);
    fs::write(&key, "no key").expect("writable");
    reload(&mut closed, "Asked to read the keys again: ");
}

#[test]
fn a_service_that_fails_leaves_the_reason_as_its_status() {
    let group = Group::new();
    let manager = Manager::listen(&group, "manager");
    let first = group.start("a");
    let port = first.address().rsplit_once(':').expect("a port").1.to_owned();
    let mut second = manager.start(&group, "b", &["--sensor", "none", "--port", &port]);
    assert_eq!(second.wait_for_exit().code(), Some(1));
    let last = manager.hear_word("STOPPING=1");
    assert!(status(&last).contains("is in use by another process"), "{last:?}");
}

#[test]
fn a_manager_is_heard_without_a_file_too_and_one_that_is_none_is_told_of() {
    let group = Group::new();
    let name = format!("peer-manager-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("it is free");
    socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let manager = Manager { socket, path: format!("@{name}").into() };
    let _peer = manager.start(&group, "a", &["--sensor", "none"]);
    manager.hear_word("READY=1");
    for (id, nobody) in [("b", "vsock:2:1"), ("c", "/nowhere/at/all")] {
        let mut command = group.command(id);
        command.args(["--sensor", "none"]).env("NOTIFY_SOCKET", nobody);
        let mut peer = Peer::start(id, command, group.data_of(id));
        peer.wait_for("service manager");
        // Before that a signal ends it as it ends any process.
        peer.wait_for("Listening on ");
        peer.signal("-TERM");
        assert_eq!(peer.wait_for_exit().code(), Some(0));
    }
}

#[test]
fn the_journal_is_given_priorities_and_no_time() {
    let group = Group::new();
    let log = fs::File::create(group.directory.join("journal")).expect("a file");
    let stat = log.metadata().expect("it is open");
    let mut command = group.command("a");
    command.env("JOURNAL_STREAM", format!("{}:{}", stat.dev(), stat.ino())).env("PEER_SENSR", "stdin");
    let mut child = command.args(["--sensor", "none"]).stderr(log).spawn().expect("it starts");
    let text = || fs::read_to_string(group.directory.join("journal")).expect("it is there");
    let until = Instant::now() + PATIENCE;
    while !text().contains("Is Group Leader: True") && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it runs");
    child.wait().expect("it ran");
    let text = text();
    let first = "<4>main: The environment variable PEER_SENSR is none of this program's; is PEER_SENSOR meant?";
    assert_eq!(text.lines().next(), Some(first));
    assert!(text.lines().any(|line| line.starts_with("<6>") && line.ends_with(": Is Group Leader: True")), "{text}");
    assert!(text.lines().all(|line| line.starts_with('<')), "{text}");
}
