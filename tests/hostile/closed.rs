//! Strangers around a closed group: they know every name, address and life, hear all that is sent and can send it
//! again. They have no key. Nothing that they do moves the group: no view changes, nobody elects, no reading is lost or
//! added, and the log says little.

mod connections;
mod datagrams;
mod recordings;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use peer::ids::{Incarnation, PeerId};
use peer::keys::session::{Session, HANDSHAKE_BYTES};
use peer::keys::{file, Keys};
use peer::net::Incoming;
use peer::wire::{encode, Contact, Decoder, Here, Message, Token};

use super::adversary::{peer_id, Adversary};
use super::ears::lock;
use super::floods::THREADS_MAX;
use super::harness::settle::verify;
use super::harness::{Group, Peer, PATIENCE};
use super::hoards::MEMORY_MAX;
use super::link::{Link, SOCKET_TIME};
use super::siege::{figure, Siege};

/// The options of all peers of the group.
const OPTIONS: [&str; 2] = ["--key-file", "key"];

/// How many lines strangers may cost a peer's log: the bound of `src/complaints.rs` for an hour.
const COMPLAINTS_MAX: usize = 64;

/// How many descriptors a peer of a small group has open: 256 places for strangers, its files and peers.
const DESCRIPTORS_MAX: usize = 256 + 40;

/// A closed group of three, all of them fed. The first leads.
fn begin() -> (Siege, Arc<Keys>) {
    let group = Group::new();
    let keys = make_keys(&group, "key");
    let siege = Siege::begin_in(group, &["a", "b", "c"], &["a", "b", "c"], &OPTIONS);
    (siege, Arc::new(keys))
}

/// Makes a key file in the directory of a group; returns the keys that it gives there.
fn make_keys(group: &Group, name: &str) -> Keys {
    let path = key_path(group, name);
    file::create(&path).expect("a new file");
    keys_of(&path, "sensors")
}

fn key_path(group: &Group, name: &str) -> PathBuf {
    group.directory.join(name)
}

/// Makes a peer read its key file again, until it says this about its keys.
fn reread(peer: &Peer, said: &str) {
    peer.signal("-HUP");
    peer.wait_until(said, |log| {
        log.iter().rfind(|line| line.contains("Closed group")).is_some_and(|line| line.ends_with(said))
    });
}

fn keys_of(path: &Path, group: &str) -> Keys {
    Keys::new(&file::read(path).expect("a key"), group)
}

/// Asserts that the group is as it was when the attack began: it works, in the same view, with bounded means, and logs
/// little.
fn assert_unmoved(siege: &Siege) {
    siege.wait_for_progress();
    siege.assert_calm();
    for peer in &siege.peers {
        let (memory, threads) = (figure(peer, "VmHWM"), figure(peer, "Threads"));
        let open = fs::read_dir(format!("/proc/{}/fd", peer.process_id())).expect("it runs").count();
        let complaints = peer.log().iter().filter(|line| line.contains(" WARN ")).count();
        println!("{}: {memory} kB, {threads} threads, {open} descriptors, {complaints} complaints", peer.id);
        assert!(memory < MEMORY_MAX, "{}: {memory} kB", peer.id);
        assert!(threads < THREADS_MAX, "{}: {threads} threads", peer.id);
        assert!(open < DESCRIPTORS_MAX, "{}: {open} descriptors", peer.id);
        assert!(complaints <= COMPLAINTS_MAX, "{}: {:#?}", peer.id, peer.log());
    }
}

/// A peer with the key gets in, even during the attack.
fn join(siege: &mut Siege, id: &str) {
    let began = Instant::now();
    siege.add(id);
    siege.wait_until_all_meet();
    siege.peers.last().expect("just added").wait_for_rows(1);
    println!("{id} was in after {:?}", began.elapsed());
}

/// Ends the attack: every reading is everywhere once, and the files prove it.
fn end(mut siege: Siege) {
    siege.end();
    verify(&siege.peers.iter().collect::<Vec<_>>());
}

/// Sends these bytes to a peer, and reads what comes back until it hangs up.
fn knock(address: &str, bytes: &[u8]) -> Vec<u8> {
    let Some(link) = Link::try_to(address) else { return Vec::new() };
    // It may hang up after the first of them.
    link.raw(bytes);
    link.last_bytes()
}

/// A session with a peer, as a holder of the key makes it, and the first bytes that were sent.
fn shake(to: &str, keys: &Keys) -> (TcpStream, Session, [u8; HANDSHAKE_BYTES]) {
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(SOCKET_TIME)).expect("a duration");
    let (dialling, first) = keys.dial();
    stream.write_all(&first).expect("it reads");
    let mut answer = [0; HANDSHAKE_BYTES];
    stream.read_exact(&mut answer).expect("an answer");
    (stream, dialling.finish(&answer).expect("the same key"), first)
}

fn seal(session: &mut Session, messages: &[Message]) -> Vec<u8> {
    let (mut text, mut sealed) = (Vec::new(), Vec::new());
    for message in messages {
        encode(message, &mut text);
    }
    session.sealer.seal(&text, Instant::now(), &mut sealed);
    sealed
}

/// Asks a peer, with a hint, as a holder of the key does. Returns the answer, and all that was sent.
fn ask(keys: &Keys, by: &Adversary, to: &Peer, hint: Option<Message>) -> (Here, Vec<u8>) {
    let (stream, session, first) = shake(&to.address(), keys);
    let (here, sealed) = ask_on(stream, session, by, hint).expect("an answer");
    (here, [&first[..], &sealed].concat())
}

/// The same, on an open connection.
fn ask_on(
    mut stream: TcpStream,
    mut session: Session,
    by: &Adversary,
    hint: Option<Message>,
) -> Option<(Here, Vec<u8>)> {
    let question = Message::Who { nonce: Token(7), dialled: None };
    let words: Vec<Message> = [by.hello(&by.me, None)].into_iter().chain(hint).chain([question]).collect();
    let sealed = seal(&mut session, &words);
    stream.write_all(&sealed).ok()?;
    let mut incoming = Incoming::after(Arc::new(stream), Some(session.opener), Decoder::new());
    match incoming.message_within(SOCKET_TIME) {
        Ok(Some(Message::Here(here))) => Some((*here, sealed)),
        _ => None,
    }
}

/// An address where no peer of the group lives. It has the key all the same, and knows which life of which peer dials
/// it.
struct Decoy {
    contact: Contact,
    callers: Callers,
    over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

/// One entry for each call.
type Callers = Arc<Mutex<Vec<(PeerId, Incarnation)>>>;

impl Decoy {
    fn new(id: &str, keys: &Arc<Keys>) -> Self {
        let keys = Arc::clone(keys);
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let endpoint = listener.local_addr().expect("bound");
        let (callers, over) = (Callers::default(), Arc::new(AtomicBool::new(false)));
        let (called, ended) = (Arc::clone(&callers), Arc::clone(&over));
        let listening = Some(thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                lock(&called).extend(caller(stream, &keys));
            }
        }));
        let contact = Contact { id: peer_id(id), priority: 0, incarnation: 1, endpoint };
        Self { contact, callers, over, listening }
    }

    fn calls(&self) -> usize {
        lock(&self.callers).len()
    }

    fn callers(&self) -> BTreeSet<(PeerId, Incarnation)> {
        lock(&self.callers).iter().cloned().collect()
    }

    /// Waits until this many peers called; meanwhile does `again` again and again.
    fn wait_for_callers(&self, count: usize, mut again: impl FnMut()) {
        let until = Instant::now() + PATIENCE;
        while self.callers().len() < count {
            assert!(Instant::now() < until, "only {:?} call {}", self.callers(), self.contact.id);
            again();
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

/// The maker of this connection; it is told nothing.
fn caller(mut stream: TcpStream, keys: &Keys) -> Option<(PeerId, Incarnation)> {
    stream.set_read_timeout(Some(SOCKET_TIME)).ok()?;
    let mut first = [0; HANDSHAKE_BYTES];
    stream.read_exact(&mut first).ok()?;
    let (answer, session) = keys.answer(&first).ok()?;
    stream.write_all(&answer).ok()?;
    let mut incoming = Incoming::after(Arc::new(stream), Some(session.opener), Decoder::new());
    match incoming.message_within(SOCKET_TIME) {
        Ok(Some(Message::Hello(hello))) => Some((hello.peer, hello.incarnation)),
        _ => None,
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It waits for a connection.
        drop(TcpStream::connect(self.contact.endpoint));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

/// An address of this host, another one for each number.
fn own_address(number: usize) -> SocketAddr {
    let byte = |shift: usize| u8::try_from((number >> shift) & 0xff).expect("a byte");
    // Not the first network, where the peers are.
    SocketAddr::from(([127, 1 + byte(16) % 200, byte(8), byte(0).clamp(1, 254)], 0))
}
