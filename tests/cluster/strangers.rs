//! Connections that say nothing, or say much and read nothing. They cost a peer no thread and little memory, and keep
//! nobody out.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use peer::wire::{encode, Lines, Message, Request};

use crate::harness::{assert_same_rows, skipped, Group, Peer};

/// How much memory a peer may take, whatever strangers do, in kB.
const MEMORY_MAX: u64 = 64 * 1024;

/// A line of `/proc/<pid>/status`.
fn status(peer: &Peer, what: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/status", peer.process_id())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(what))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn threads(peer: &Peer) -> u64 {
    status(peer, "Threads").unwrap_or(0)
}

fn assert_small(peer: &Peer) {
    assert_below(peer, MEMORY_MAX);
}

fn assert_below(peer: &Peer, most: u64) {
    let memory = status(peer, "VmHWM").unwrap_or(0);
    assert!(memory < most, "{}: {memory} KiB", peer.id);
}

/// This many connections that say nothing.
fn silent(address: &str, count: usize) -> Vec<TcpStream> {
    (0..count).filter_map(|_| TcpStream::connect(address).ok()).collect()
}

#[test]
fn silent_connections_take_no_threads_and_keep_no_newcomer_out() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let before = threads(&peers[0]);
    let held = silent(&peers[0].address(), 600);
    assert!(threads(&peers[0]) <= before + 4, "{} threads for {} connections", threads(&peers[0]), held.len());
    peers.push(group.start_fed("c"));
    for peer in &peers {
        peer.wait_for_view(&["a", "b", "c"]);
    }
    peers[2].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1], &peers[2]], 100);
    // The first ones made room, and the peer does not wait for the others for ever either.
    for mut stream in held {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut nothing = Vec::new();
        let _ = stream.read_to_end(&mut nothing);
        assert!(nothing.is_empty());
    }
    assert_small(&peers[0]);
}

/// A process that is not a peer, but answers yes when it is asked whether it made a connection.
struct Impostor {
    listener: TcpListener,
    name: String,
}

impl Impostor {
    fn new(name: &str) -> Self {
        Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback"), name: name.to_owned() }
    }

    fn endpoint(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }

    /// A link that the peer with this id takes.
    fn link(&self, peer: &str, address: &str) -> TcpStream {
        let mut link = TcpStream::connect(address).expect("it listens");
        let (name, endpoint) = (&self.name, self.endpoint());
        let hello = format!("HELLO:2:sensors:-:{name}:1:{endpoint}:{peer}:00000000000000aa\n");
        link.write_all(hello.as_bytes()).expect("it reads");
        let (mut asked, _) = self.listener.accept().expect("it asks back");
        let mut question = String::new();
        asked.read_to_string(&mut question).expect("a question");
        let nonce = question.lines().find_map(|line| line.strip_prefix("WHO:")).expect("it asks who is there");
        let nonce = nonce.split(':').next().expect("a nonce");
        let here = format!("HERE:{nonce}:0:0:1:{name}:0:1:{endpoint}:-:0\n");
        asked.write_all(here.as_bytes()).expect("it reads");
        link
    }
}

#[test]
fn strangers_that_ask_and_never_read_cost_little_memory() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let impostor = Impostor::new("x");
    let mut link = impostor.link("a", &peers[0].address());
    link.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    // Each is answered, on a link that is never accepted.
    let questions = "ELECTION:x:-\n".repeat(1000);
    for _ in 0..300 {
        if link.write_all(questions.as_bytes()).is_err() {
            break;
        }
    }
    peers[1].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1]], 100);
    assert_small(&peers[0]);
}

#[test]
fn long_messages_of_many_strangers_do_not_fill_memory() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let address = peers[0].address();
    let impostors: Vec<Impostor> = (0..36).map(|number| Impostor::new(&format!("x{number}"))).collect();
    let writers: Vec<_> = impostors
        .into_iter()
        .map(|impostor| {
            let mut link = impostor.link("a", &address);
            thread::spawn(move || {
                link.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
                let _ = link.write_all(b"JOIN:-:0:1:8000000\n");
                // Nearly all of it comes, and the rest never. The peer may close before.
                let _ = link.write_all(&vec![b'x'; 7_000_000]);
                (impostor, link)
            })
        })
        .collect();
    let kept: Vec<_> = writers.into_iter().map(|writer| writer.join().expect("no panic")).collect();
    peers[1].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1]], 100);
    // A quarter of a GiB was offered. The peer keeps a few percent of it. The rest is memory that the allocator does
    // not give back, of buffers that grew in many threads at the same time.
    assert_below(&peers[0], 96 * 1024);
    drop(kept);
}

#[test]
fn readings_of_strangers_are_not_kept() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let impostor = Impostor::new("x");
    let mut link = impostor.link("a", &peers[0].address());
    link.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let (term, origin) = ("1@a/1".parse().expect("a term"), "x/1".parse().expect("an origin"));
    let lines = Lines::new(b"DATA|x|2013-01-01T06:00:00Z|1|2|3\n".repeat(1000), 1000);
    let mut bytes = Vec::new();
    encode(&Message::SequencerRequest { term, request: Request { origin, first: 1, lines } }, &mut bytes);
    for _ in 0..3000 {
        if link.write_all(&bytes).is_err() {
            break;
        }
    }
    peers[1].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1]], 100);
    assert_small(&peers[0]);
}

#[test]
fn silent_connections_take_no_files_that_the_storage_needs() {
    let group = Group::new();
    let Some(mut first) = limited(&group, "a", "-n 64") else {
        return skipped("files cannot be limited here", "not Linux");
    };
    first.wait_for_view(&["a"]);
    let held = silent(&first.address(), 100);
    let second = group.start_fed("b");
    first.wait_for_view(&["a", "b"]);
    first.feed_numbered(0, 100);
    assert_same_rows(&[&first, &second], 100);
    drop(held);
}

/// A peer under a limit of the shell.
fn limited(group: &Group, id: &str, limit: &str) -> Option<Peer> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let inner = group.command(id);
    let mut command = std::process::Command::new("/bin/sh");
    command.current_dir(&group.directory).env_clear();
    command.args(["-c", &format!("ulimit {limit}; exec \"$0\" \"$@\"")]);
    command.arg(inner.get_program()).args(inner.get_args()).args(["--sensor", "stdin"]);
    Some(Peer::start(id, command, group.data_of(id)))
}
