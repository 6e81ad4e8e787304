//! A peer in a test of its threads: all that they share, with a directory of its own, and no thread. The test makes the calls
//! that threads make, and sees what they leave for each other.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, unbounded, Receiver};
use mio::Poll;
use socket2::{Domain, Socket, Type};

use super::counts::Counts;
use super::ends::Ends;
use super::inbox::{SequencerItem, StorageItem};
use super::link::Link;
use super::lock::lock;
use super::node::Node;
use super::porter::Porter;
use super::questions::Put;
use super::watch::Watch;
use super::{opening, report, resume};
use crate::complaints::Complaints;
use crate::config::{tests::config, Config};
use crate::descriptors::Budget;
use crate::ids::PeerId;
use crate::log_lines::captured;
use crate::net::{Incoming, Outgoing};
use crate::protocol::{Alarm, Call, ConnectionId, Event, Exit, Input, Peer, Question};
use crate::sensors::Setting;
use crate::service::Manager;
use crate::storage::{RealDisk, Storage, TempDir};
use crate::wire::{Contact, Frame, Lines, Message, Request, Token};

/// Where everything is sent and listened for.
pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How many descriptors a peer in a test may have open.
const DESCRIPTORS: u64 = 1024;

pub(super) struct Trial {
    pub(super) node: Arc<Node>,
    pub(super) storage: Storage<RealDisk>,
    pub(super) for_storage: Receiver<StorageItem>,
    pub(super) for_sequencer: Receiver<SequencerItem>,
    pub(super) exits: Receiver<Exit>,
    /// On which its listener waits.
    pub(super) poll: Poll,
    pub(super) temp: TempDir,
}

impl Trial {
    /// The peer `a`, in an open group.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with other options.
    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::managed(change, None)
    }

    /// The same in a closed group, whose key is made of this byte.
    pub(super) fn closed(byte: u8) -> Self {
        Self::with(|config| {
            let path = config.data_dir.join("key");
            write_key(&path, byte);
            config.key_file = Some(path);
        })
    }

    /// The same, started by a service manager.
    pub(super) fn managed(change: impl FnOnce(&mut Config), manager: Option<Arc<Manager>>) -> Self {
        let temp = TempDir::new();
        let mut config = config();
        config.peer_id = id("a");
        config.bind = LOOPBACK;
        config.broadcast_port = discovery_port();
        config.data_dir = temp.path().to_owned();
        config.sensors = Vec::new();
        (config.timing.heartbeat_interval, config.timing.heartbeat_timeout) = (PATIENCE, 2 * PATIENCE);
        change(&mut config);
        let counts = Arc::new(Counts::new(&config.sensors, true));
        let budget = Budget::of(DESCRIPTORS, opening::uses(&config)).unwrap();
        let keyring = opening::keyring(&config).unwrap();
        let disk = opening::directory(&config).unwrap().with_open_files(budget.files);
        let (porter, poll) = Porter::new().unwrap();
        let ends = Ends::new(&poll).unwrap();
        let (storage, opened) = resume::open(&config, disk).unwrap();
        let setting = Arc::new(Setting::new(jiff::Timestamp::UNIX_EPOCH, temp.path()));
        let (exit, exits) = bounded(1);
        let (to_storage, for_storage) = unbounded();
        let (to_sequencer, for_sequencer) = unbounded();
        let endpoint = SocketAddr::new(LOOPBACK, 9);
        let settings = opening::settings(&config, opened.incarnation, endpoint);
        let given = report::given(&config, endpoint, None);
        let core = Peer::new(settings, &resume::found(opened), Duration::ZERO);
        let node = Arc::new(Node::new(
            config,
            core,
            (budget, setting),
            &storage,
            (to_storage, to_sequencer, exit),
            (porter, ends, Arc::new(Complaints::default()), keyring),
            (Watch::start(&counts), counts, given, manager),
        ));
        Self { node, storage, for_storage, for_sequencer, exits, poll, temp }
    }

    /// The peer waits for others no longer than this.
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        self.changed(|node| node.config.timing.heartbeat_interval = patience)
    }

    /// With something else that threads share.
    pub(super) fn changed(mut self, change: impl FnOnce(&mut Node)) -> Self {
        change(Arc::get_mut(&mut self.node).expect("nobody else has it yet"));
        self
    }

    /// From now on the core's questions wait: what it thinks of a connection does not change while a test looks.
    pub(super) fn asks_nobody(&self) {
        let question = Question { nonce: Token(0), hint: None, dialled: None };
        let call = Call { to: nobody(), question, urgent: true };
        while self.node.questions.put(call.clone(), lock(&self.node.core).hello(None)) == Put::NeedsThread {}
    }

    /// The events of what is complained of.
    pub(super) fn events(&self) -> Vec<&'static str> {
        self.complaints().into_iter().map(|(event, _)| event).collect()
    }

    /// What is complained of, event by event.
    pub(super) fn complaints(&self) -> Vec<(&'static str, String)> {
        self.node.complaints.heard().into_iter().map(|(_, kind, text)| (kind.event, text)).collect()
    }

    /// The peer `b` has come: it listens there. Returns a link to it.
    pub(super) fn meets_b(&self, endpoint: SocketAddr) -> Arc<Link> {
        lock(&self.node.core).meets(&contact("b", endpoint), ConnectionId(98), self.node.now());
        Arc::new(Link::new(id("b")))
    }
}

/// A file with this key alone.
pub(super) fn write_key(path: &Path, byte: u8) {
    std::fs::write(path, format!("peer-key-1 {}\n", format!("{byte:02x}").repeat(32))).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

pub(super) fn id(name: &str) -> PeerId {
    name.parse().unwrap()
}

pub(super) fn contact(name: &str, endpoint: SocketAddr) -> Contact {
    Contact { id: id(name), priority: 0, incarnation: 1, endpoint }
}

/// The view of these members, in the term of a leader `a`.
pub(super) fn view(names: &[&str]) -> Event {
    let members = names.iter().map(|name| id(name)).collect();
    Event::View { term: "1@a/1".parse().unwrap(), change: 1, members, leader_here: true }
}

/// What the core is told meanwhile, and what it asks for, by its own lines at `trace`.
pub(super) fn steps<T>(run: impl FnOnce() -> T) -> (T, Vec<String>) {
    let (result, lines) = captured(run);
    let step =
        |line: &String| line.strip_prefix("TRACE: ").filter(|line| line.starts_with(['<', '-'])).map(str::to_owned);
    (result, lines.iter().filter_map(step).collect())
}

/// What the core is told meanwhile.
pub(super) fn inputs<T>(run: impl FnOnce() -> T) -> (T, Vec<String>) {
    let (result, steps) = steps(run);
    (result, steps.into_iter().filter(|step| step.starts_with('<')).collect())
}

/// A process that does this with the first connection to it.
pub(super) fn process<T: Send + 'static>(
    does: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let (listener, endpoint) = listener();
    (endpoint, thread::spawn(move || does(accept(&listener))))
}

/// Longest wait of a test for what another thread, or the system, does.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The next connection; to wait for it, or to read from it, takes no longer than a minute.
pub(super) fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut accepted = None;
    until(|| {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (stream, _) = accepted.expect("it came");
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A process that reads all of the first connection, and then does this.
pub(super) fn after_all<T: Send + 'static>(
    does: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    process(|mut stream| {
        stream.read_to_end(&mut Vec::new()).unwrap();
        does(stream)
    })
}

/// All that is said on a connection until its maker is done.
pub(super) fn all_said(stream: &Arc<TcpStream>) -> Vec<Message> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut incoming = Incoming::new(Arc::clone(stream));
    std::iter::from_fn(|| incoming.read_message().unwrap()).collect()
}

/// A process that hears the first connection to its end, and answers it with this.
pub(super) fn answering(message: Message) -> (SocketAddr, JoinHandle<Vec<Message>>) {
    process(|stream| {
        let stream = Arc::new(stream);
        let said = all_said(&stream);
        let mut outgoing = Outgoing::default();
        outgoing.put(message);
        outgoing.write_last(&stream).unwrap();
        said
    })
}

/// Tries again until that is so: another thread, or the system, takes a moment.
pub(super) fn until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "it does not come");
        thread::sleep(Duration::from_millis(1));
    }
}

/// What a thread returns, which is to come to its end.
pub(super) fn ended<T>(thread: JoinHandle<T>) -> T {
    until(|| thread.is_finished());
    thread.join().unwrap()
}

/// A message of which a test cares only whether it arrives.
pub(super) fn ok() -> Message {
    Message::Ok { term: None }
}

/// A batch of readings that begins with this entry and this number.
pub(super) fn frame(first: u64, count: u64) -> Frame {
    let lines = Lines::new(b"DATA|s|2013-01-01T06:00:00Z|1||\n".repeat(usize::try_from(count).unwrap()), count);
    Frame::build("1@a/1".parse().unwrap(), first, &[Request { origin: "a/1".parse().unwrap(), first, lines }])
}

/// Somebody listens here.
pub(super) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let endpoint = listener.local_addr().unwrap();
    (listener, endpoint)
}

/// Nobody listens there, and nobody will while the tests run: a socket has the port, and refuses.
pub(super) fn nobody() -> SocketAddr {
    static BOUND: LazyLock<Socket> = LazyLock::new(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(LOOPBACK, 0).into()).unwrap();
        socket
    });
    BOUND.local_addr().unwrap().as_socket().unwrap()
}

/// A port for discovery that no other test of this process gets. Other processes begin elsewhere, and Linux gives none of these
/// to anybody that asks for any.
pub(super) fn discovery_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random_range(0..10_000)));
    loop {
        let port = 20_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 10_000;
        if UdpSocket::bind((LOOPBACK, port)).is_ok() {
            return port;
        }
    }
}

/// What a peer waits for at most before it leads a group of one.
const ALONE_AFTER: Duration = Duration::from_millis(20);

/// A peer that found nobody and leads a group of one, and so has a leader.
pub(super) fn leader(manager: Option<Arc<Manager>>) -> Trial {
    let trial = Trial::managed(|config| config.timing.election_timeout = ALONE_AFTER, manager);
    until(|| {
        trial.node.step(Input::Alarm(Alarm::Discovery));
        lock(&trial.node.core).leader().is_some()
    });
    trial
}

/// A service manager that hears what it is told.
#[cfg(unix)]
pub(super) struct Ear {
    pub(super) manager: Arc<Manager>,
    /// Of its socket.
    pub(super) path: std::path::PathBuf,
    socket: std::os::unix::net::UnixDatagram,
    _temp: TempDir,
}

#[cfg(unix)]
impl Ear {
    pub(super) fn new() -> Self {
        let temp = TempDir::new();
        let path = temp.path().join("manager");
        let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let named = Manager::named_by(|name| (name == "NOTIFY_SOCKET").then(|| path.clone().into_os_string()));
        Self { manager: Arc::new(named.unwrap().unwrap()), path, socket, _temp: temp }
    }

    /// The lines of the next message; waits for it.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut said = [0; 1000];
        let length = self.socket.recv(&mut said).unwrap();
        String::from_utf8_lossy(&said[..length]).lines().map(str::to_owned).collect()
    }
}

/// The variable that says which test runs in a process of its own.
#[cfg(unix)]
const APART: &str = "PEER_TEST_APART";

/// Does this in a process of its own, which is to end with this exit status: signals, variables and panics concern all
/// threads of a process. `test` is the full name of the test that asks for it; `under` begins the command line, as in
/// `env NAME=VALUE`.
#[cfg(unix)]
pub(super) fn apart(test: &str, under: &[&str], status: i32, does: impl FnOnce()) {
    use std::process::{Command, Stdio};
    if std::env::var_os(APART).is_some_and(|name| name == test) {
        // It ends with the process that waits for it, and that one does not wait for ever.
        thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(2);
        });
        thread::spawn(|| {
            thread::sleep(2 * PATIENCE);
            std::process::exit(3);
        });
        does();
        std::process::exit(0);
    }
    // What it does not remove as it ends goes with this.
    let temp = TempDir::new();
    let own = std::env::current_exe().unwrap();
    let line = under.iter().map(std::ffi::OsStr::new).chain([own.as_os_str()]).collect::<Vec<_>>();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).args([test, "--exact", "--nocapture"]).env(APART, test).env("TMPDIR", temp.path());
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = pipes.spawn().unwrap();
    let held = process.stdin.take();
    let output = process.wait_with_output().unwrap();
    drop(held);
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(said.contains("running 1 test\n"), "it has another name than {test}: {said}");
    assert_eq!(output.status.code(), Some(status), "{said}");
}
