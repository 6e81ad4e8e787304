//! What is started with a peer, and how it ends.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::inbox::StorageItem;
use super::trial::{listener, until, Trial, PATIENCE};
use super::*;
use crate::protocol::{State, Store};
use crate::sensors::{Source, Taken};
use crate::wire::{Frame, Lines, Request};

/// A source that gives what it is sent, and ends with its sender.
struct Sent {
    readings: Receiver<Lines>,
    given: u64,
    patience: Option<Duration>,
}

impl Source for Sent {
    fn interval(&self) -> Option<Duration> {
        None
    }

    fn take(&mut self, _: u64) -> Taken {
        self.readings.recv().map_or(Taken::End, |lines| {
            self.given += lines.count();
            Taken::Readings(lines)
        })
    }

    fn patience(&self) -> Option<Duration> {
        self.patience
    }

    fn readings(&self) -> u64 {
        self.given
    }

    fn describe(&self) -> String {
        "sent".to_owned()
    }
}

#[test]
fn readings_of_each_source_are_taken_in_and_one_that_blocks_is_complained_of() {
    let trial = Trial::new();
    let source = |patience| {
        let (sender, readings) = unbounded();
        (sender, Box::new(Sent { readings, given: 0, patience }) as Box<dyn Source>)
    };
    let (first, one) = source(None);
    let (second, other) = source(Some(Duration::from_millis(50)));
    start_sources(&trial.node, vec![one, other], None);
    let lines = || Lines::new(b"DATA|s|2013-01-01T06:00:00Z|1|1|1\n".to_vec(), 1);
    for sender in [&first, &second, &first] {
        sender.send(lines()).unwrap();
    }
    until(|| lock(&trial.node.core).taken() == 3);
    until(|| trial.complaints().iter().any(|(event, _)| *event == "sensor_blocked"));
}

#[test]
fn the_page_is_served() {
    let trial = Trial::new();
    let (listener, endpoint) = listener();
    start_page(&trial.node, None);
    start_page(&trial.node, Some((listener, "http://x/".to_owned())));
    let mut stream = TcpStream::connect(endpoint).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut word = [0; 5];
    stream.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"HTTP/");
}

#[test]
fn the_storage_does_what_it_is_handed_until_the_disk_fails() {
    // What a quorum has committed is never cut.
    let Trial { node, storage, for_storage, exits, temp: _temp, .. } = Trial::with(|config| config.quorum = Some(1));
    start_storage(&node, storage, for_storage);
    let (written, wait) = bounded(1);
    node.storage.send(StorageItem::Finish(written)).unwrap();
    wait.recv_timeout(PATIENCE).unwrap();
    let lines = Lines::new(b"DATA|s|2013-01-01T06:00:00Z|1|1|1\n".to_vec(), 1);
    let request = Request { origin: "a/1".parse().unwrap(), first: 1, lines };
    let frame = Frame::build("1@a/1".parse().unwrap(), 1, &[request]);
    lock(&node.tail).push(frame.clone());
    for store in [Store::Append(frame), Store::Deliver { up_to: 1 }, Store::Cut { to: 0, state: State::default() }] {
        node.storage.send(StorageItem::Store(store)).unwrap();
    }
    assert_eq!(exits.recv_timeout(PATIENCE), Ok(Exit::Disk));
}

#[test]
fn a_thread_has_its_name() {
    let (sender, receiver) = bounded(1);
    spawn("x".to_owned(), move || sender.send(thread::current().name().map(str::to_owned)).unwrap());
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap().as_deref(), Some("x"));
}

/// Of a service, and of a whole process.
#[cfg(unix)]
mod whole {
    use super::super::trial::{apart, discovery_port, ended, Ear, LOOPBACK};
    use super::*;
    use crate::config::tests::config;
    use crate::storage::{directory_of, occupant, TempDir};

    #[test]
    fn the_service_manager_is_told_that_the_peer_lives() {
        let ear = Ear::new();
        let trial = Trial::managed(|_| {}, Some(Arc::clone(&ear.manager)));
        start_service(&trial.node, None);
        start_service(&trial.node, Some(&ear.manager));
        assert_eq!(ear.lines()[1], "WATCHDOG=1");
    }

    #[test]
    fn a_panic_in_any_thread_ends_the_process() {
        apart("threads::tests::whole::a_panic_in_any_thread_ends_the_process", &[], 1, || {
            exit_on_panic();
            let _ = thread::spawn(|| panic!("as it is meant")).join();
        });
    }

    /// A peer that speaks on loopback only, with its files there.
    fn on_loopback(temp: &TempDir) -> Config {
        let (bind, broadcast_port) = (LOOPBACK, discovery_port());
        Config { bind, broadcast_port, data_dir: temp.path().to_owned(), sensors: Vec::new(), ..config() }
    }

    #[test]
    fn a_peer_runs_until_it_is_asked_to_stop() {
        apart("threads::tests::whole::a_peer_runs_until_it_is_asked_to_stop", &[], 0, || {
            let temp = TempDir::new();
            let config = on_loopback(&temp);
            let directory = directory_of(&config.data_dir, &config.peer_id);
            let peer = thread::spawn(|| run(config));
            let listens = || occupant(&directory).is_some_and(|occupant| occupant.endpoint.is_some());
            until(|| listens() || peer.is_finished());
            assert!(!peer.is_finished());
            signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
            ended(peer).unwrap();
        });
    }

    #[test]
    fn the_service_manager_is_told_why_a_peer_could_not_start() {
        let test = "threads::tests::whole::the_service_manager_is_told_why_a_peer_could_not_start";
        let ear = Ear::new();
        apart(test, &["env", &format!("NOTIFY_SOCKET={}", ear.path.display())], 0, || {
            let (_held, taken) = listener();
            let temp = TempDir::new();
            let ended = run(Config { port: taken.port(), ..on_loopback(&temp) });
            assert!(matches!(ended, Err(Fatal::PortInUse { endpoint }) if endpoint == taken), "{ended:?}");
        });
        let lines = ear.lines();
        assert!(lines[0] == "STOPPING=1" && lines[1].contains("is in use by another process"), "{lines:?}");
    }
}
