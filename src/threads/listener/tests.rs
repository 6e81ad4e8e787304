//! What becomes of connections until they are admitted. The test makes the listener's turns, or a part of one.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};

use super::super::ends::End;
use super::super::inbox::SequencerItem;
use super::super::lock::lock;
use super::super::trial::{self, accept, all_said, inputs, listener, nobody, steps, until, Trial};
use super::*;
use crate::net::{Incoming, Outgoing};
use crate::wire::Token as Nonce;

const HELLO: &str = "HELLO:2:sensors:-:b:1:127.0.0.1:9:a:0000000000000001\n";
const QUESTION: &str = "HELLO:2:sensors:-:b:1:127.0.0.1:9::0000000000000000\nWHO:0000000000000007:-\n";

/// A peer, its listener, and where that listens.
struct Door {
    trial: Trial,
    listener: Listener,
    endpoint: SocketAddr,
}

impl Door {
    fn new() -> Self {
        Self::of(Trial::new())
    }

    fn of(mut trial: Trial) -> Self {
        trial.asks_nobody();
        let (socket, endpoint) = listener();
        let poll = std::mem::replace(&mut trial.poll, Poll::new().unwrap());
        Self { listener: Listener::new(poll, socket).unwrap(), trial, endpoint }
    }

    /// Somebody connects and says this. Returns its end, and the number of the connection.
    fn visit(&mut self, text: &str) -> (TcpStream, ConnectionId) {
        let mut maker = TcpStream::connect(self.endpoint).unwrap();
        maker.write_all(text.as_bytes()).unwrap();
        let connection = ConnectionId(self.listener.accepted);
        until(|| {
            self.listener.accept(&self.trial.node);
            self.listener.accepted > connection.0
        });
        (maker, connection)
    }

    /// The same; returns what the core is told once all of the text has come.
    fn hears(&mut self, text: &str) -> (TcpStream, ConnectionId, Vec<String>) {
        let ((maker, connection), told) = inputs(|| {
            let (maker, connection) = self.visit(text);
            until(|| {
                self.look(connection);
                // A question has its answer in the step that heard it.
                self.listener.obey(&self.trial.node);
                !self.speaks(connection)
            });
            (maker, connection)
        });
        (maker, connection, told)
    }

    fn look(&mut self, connection: ConnectionId) {
        self.listener.look_at(&self.trial.node, connection, false);
    }

    fn visitor(&mut self, connection: ConnectionId) -> &mut Visitor {
        self.listener.visitors.get_mut(&connection).unwrap()
    }

    /// Whether there is more to come before anybody answers.
    fn speaks(&self, connection: ConnectionId) -> bool {
        self.listener.visitors.get(&connection).is_some_and(|visitor| matches!(visitor.stage, Stage::Speaking(_)))
    }

    fn obeys(&mut self, connection: ConnectionId, word: Word) -> Vec<String> {
        self.trial.node.porter.bring(connection, word);
        steps(|| self.listener.obey(&self.trial.node)).1
    }

    fn connections(&self) -> Vec<u64> {
        self.listener.visitors.keys().map(|connection| connection.0).collect()
    }
}

/// What its maker is told before its connection ends.
fn told(maker: TcpStream) -> Vec<Message> {
    maker.shutdown(Shutdown::Write).unwrap();
    all_said(&Arc::new(maker))
}

#[test]
fn a_link_waits_for_the_core_and_is_then_read_by_a_thread() {
    let mut door = Door::new();
    let (maker, connection, steps) = door.hears(HELLO);
    assert!(steps[0].starts_with("<- Hello { connection: ConnectionId(0), from: 127.0.0.1"), "{steps:?}");
    assert!(steps[0].contains(&format!("at: {}", door.endpoint)), "{steps:?}");
    assert!(
        door.visitor(connection).waits() && door.obeys(ConnectionId(9), Word::Admission(Admission::Accept)).is_empty()
    );
    assert!(door.obeys(connection, Word::Admission(Admission::Accept)).is_empty());
    assert!(door.connections().is_empty() && lock(&door.trial.node.connections).contains_key(&connection));
    drop(maker);
    let end = door.trial.for_sequencer.recv_timeout(trial::PATIENCE).unwrap();
    assert!(matches!(end, SequencerItem::Ended(ConnectionId(0))));
}

#[test]
fn a_link_that_nobody_can_read_is_over() {
    let mut door = Door::of(Trial::new().changed(|node| node.peers_max = 0));
    let (_maker, connection, _) = door.hears(HELLO);
    let steps = door.obeys(connection, Word::Admission(Admission::Accept));
    assert_eq!(steps[0], "<- Ended { connection: ConnectionId(0) }");
    assert_eq!(door.trial.events(), ["too_many_connections"]);
}

#[test]
fn a_link_that_ends_while_it_waits_is_over() {
    let mut door = Door::new();
    let (_maker, connection, _) = door.hears(HELLO);
    let ((), none) = steps(|| door.look(connection));
    assert_eq!((none, door.connections()), (vec![], vec![0]), "more came");
    let ((), steps) = steps(|| door.listener.look_at(&door.trial.node, connection, true));
    assert_eq!((steps[0].as_str(), door.connections()), ("<- Ended { connection: ConnectionId(0) }", vec![]));
}

#[test]
fn a_visitor_is_told_what_the_core_says_and_leaves() {
    let answer = Message::Ok { term: None };
    let refused = Refusal::Itself;
    for (word, text) in [
        (Word::Answer(answer.clone()), answer),
        (Word::Admission(Admission::Refuse { why: refused.clone() }), Message::Error { why: refused }),
    ] {
        let mut door = Door::new();
        let (maker, connection, _) = door.hears(HELLO);
        door.obeys(connection, word);
        assert!(!door.visitor(connection).waits());
        assert_eq!(told(maker), [text]);
        until(|| {
            door.look(connection);
            door.connections().is_empty()
        });
    }
}

#[test]
fn a_connection_that_is_dropped_ends_also_where_it_is_read_already() {
    let mut door = Door::new();
    let (maker, connection, _) = door.hears(HELLO);
    door.obeys(connection, Word::Drop);
    assert!(door.connections().is_empty() && told(maker).is_empty());
    let (maker, connection, _) = door.hears(HELLO);
    door.obeys(connection, Word::Admission(Admission::Accept));
    door.obeys(connection, Word::Drop);
    assert!(all_said(&Arc::new(maker)).is_empty(), "its maker did not end it");
}

#[test]
fn a_question_is_answered_and_so_is_nonsense_and_only_nonsense_is_complained_of() {
    let asked = "<- Asked { connection: ConnectionId(0), from: 127.0.0.1, hello: Hello {";
    let other_version = HELLO.replacen(":2:", ":9:", 1);
    for (text, expected, events, answer) in [
        (QUESTION, Some(asked), vec![], "HERE"),
        ("STATUS\n", None, vec![], "REPORT"),
        ("GET / HTTP/1.1\r\n", None, vec!["connection_refused"], "ERROR"),
        (other_version.as_str(), None, vec!["other_version"], "ERROR"),
    ] {
        let mut door = Door::new();
        let (maker, _, steps) = door.hears(text);
        let begins = |begin| steps.len() == 1 && steps[0].starts_with(begin);
        assert!(expected.map_or(steps.is_empty(), begins), "{text}: {steps:?}");
        assert_eq!(door.trial.events(), events, "{text}");
        let told = told(maker);
        let [message] = &told[..] else { panic!("{told:?}") };
        let verb = match message {
            Message::Here(here) if here.nonce == Nonce(7) => "HERE",
            Message::Report { json } if json.contains("\"peer\":\"a\"") => "REPORT",
            Message::Error { .. } => "ERROR",
            _ => "another",
        };
        assert_eq!(verb, answer, "{text}");
    }
}

#[test]
fn without_a_key_nobody_is_told_anything_in_a_closed_group() {
    let mut door = Door::of(Trial::closed(1));
    let (maker, _, steps) = door.hears(&HELLO.repeat(3));
    assert_eq!((steps, door.trial.events(), door.connections()), (vec![], vec!["other_key"], vec![]));
    assert!(matches!(std::io::Read::read(&mut &maker, &mut [0]), Ok(0) | Err(_)));
}

#[test]
fn a_visitor_that_says_nothing_in_time_is_closed_and_one_that_waits_is_not() {
    let mut door = Door::new();
    let silent = [door.visit("").1, door.visit("").1];
    let (_maker, waits, _) = door.hears(HELLO);
    let past = Instant::now();
    door.visitor(silent[0]).until = past;
    door.visitor(waits).until = past;
    door.listener.close_late(&door.trial.node);
    assert_eq!(door.connections(), [silent[1].0, waits.0]);
}

#[test]
fn the_listener_waits_until_something_is_due() {
    let mut door = Door::new();
    assert_eq!(door.listener.patience(), None);
    let (_first, waits, _) = door.hears(HELLO);
    door.visitor(waits).until = Instant::now();
    assert_eq!(door.listener.patience(), None, "the core decides how long it waits");
    let (_second, silent) = door.visit("");
    let minute = Duration::from_secs(60);
    // The system rounds down.
    let between = |at: Instant, listener: &Listener| {
        let most = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        let patience = listener.patience().unwrap();
        let least = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        assert!((least..=most).contains(&patience), "{patience:?}");
    };
    let at = Instant::now() + minute;
    door.visitor(silent).until = at;
    between(at, &door.listener);
    door.listener.accept_at = Some(at + minute);
    between(at, &door.listener);
    let sooner = Instant::now() + minute / 2;
    door.listener.accept_at = Some(sooner);
    between(sooner, &door.listener);
    door.visitor(silent).until = Instant::now();
    assert_eq!(door.listener.patience(), Some(Duration::ZERO));
}

#[test]
fn where_there_are_too_many_the_oldest_of_the_host_that_has_most_gives_way() {
    let mut door = Door::of(Trial::new().changed(|node| node.visitors_max = 5));
    let visits: Vec<_> = (0..4).map(|_| door.visit("")).collect();
    let (_waits, waits, _) = door.hears(HELLO);
    for (at, host) in [1, 2, 2, 3].into_iter().enumerate() {
        door.visitor(visits[at].1).from = SocketAddr::from(([10, 0, 0, host], 1));
    }
    assert_eq!(door.connections(), [0, 1, 2, 3, 4], "there is room for five");
    let mut makers = vec![door.visit("")];
    assert_eq!(door.connections(), [0, 2, 3, 4, 5]);
    // Now each host has one of them.
    for (host, gone) in [(4, 0), (5, 2), (6, 3)] {
        makers.push(door.visit(""));
        assert!(!door.connections().contains(&gone) && door.connections().len() == 5, "{:?}", door.connections());
        door.visitor(makers[makers.len() - 1].1).from = SocketAddr::from(([10, 0, 0, host], 1));
    }
    assert!(door.visitor(waits).waits(), "it has a better claim");
}

#[test]
fn a_peer_without_visitors_has_no_room_to_make() {
    let mut door = Door::new();
    assert!(!door.listener.make_room(&door.trial.node));
    let (_maker, _) = door.visit("");
    assert!(door.listener.make_room(&door.trial.node) && door.connections().is_empty());
}

#[test]
fn what_the_system_gives_instead_of_a_connection_is_told_apart() {
    let mut door = Door::new();
    let gives = |door: &mut Door, kind: ErrorKind| door.listener.take_in(&door.trial.node, Err(kind.into()));
    door.listener.accept_at = Some(Instant::now());
    assert!(gives(&mut door, ErrorKind::ConnectionAborted), "the next one may be there");
    assert!(door.listener.accept_at.is_some() && door.trial.events().is_empty());
    assert!(!gives(&mut door, ErrorKind::WouldBlock));
    assert!(door.listener.accept_at.is_none() && door.trial.events().is_empty());
    let (_maker, _) = door.visit("");
    let before = Instant::now();
    assert!(!gives(&mut door, ErrorKind::Other));
    let at = door.listener.accept_at.unwrap();
    assert!((before + ACCEPT_PAUSE..=Instant::now() + ACCEPT_PAUSE).contains(&at));
    assert_eq!(door.trial.events(), ["accept_failed"]);
    assert!(door.connections().is_empty(), "a silent one gives its descriptor back");
}

#[test]
fn others_are_looked_at_after_so_many_connections() {
    let mut door = Door::new();
    let makers: Vec<_> = (0..80).map(|_| TcpStream::connect(door.endpoint).unwrap()).collect();
    door.listener.accept(&door.trial.node);
    assert_eq!(door.listener.accepted, 64);
    assert!(door.listener.accept_at.is_some_and(|at| at <= Instant::now()));
    // The last ones may come a moment later.
    until(|| {
        door.listener.accept(&door.trial.node);
        door.listener.accepted == makers.len() as u64
    });
    assert_eq!(door.listener.accept_at, None);
}

#[test]
fn answers_that_nobody_reads_fill_no_memory() {
    const MOST: usize = 4 * 1024 * 1024;
    let mut door = Door::new();
    let visits: Vec<_> = (0..5).map(|_| door.visit("")).collect();
    let frame = "REPORT:\n".len();
    let mut tells = |at: usize, bytes: usize| {
        let json = "x".repeat(bytes - frame);
        door.listener.tell(&door.trial.node, visits[at].1, &Message::Report { json });
        door.connections()
    };
    assert_eq!(tells(1, MOST / 2), [0, 1, 2, 3, 4]);
    assert_eq!(tells(2, MOST / 2), [0, 1, 2, 3, 4], "that is just enough");
    assert_eq!(tells(3, MOST / 4), [0, 2, 3, 4], "the oldest that is told something goes");
    assert_eq!(tells(4, MOST + 1), [0], "one that is told too much goes, too");
}

impl Door {
    /// Takes turns until that is so. There is word for each, so that none waits.
    fn turns(&mut self, mut is_so: impl FnMut(&Self, &[String]) -> bool) {
        let mut events = Events::with_capacity(8);
        until(|| {
            self.trial.node.porter.bring(ConnectionId(999), Word::Drop);
            let ((), told) = inputs(|| self.listener.turn(&self.trial.node, &mut events));
            is_so(self, &told)
        });
    }
}

fn is_told(told: &[String], begin: &str) -> bool {
    told.iter().any(|step| step.starts_with(begin))
}

#[test]
fn turns_bring_a_connection_in_and_notice_its_end() {
    let mut door = Door::new();
    let mut maker = TcpStream::connect(door.endpoint).unwrap();
    maker.write_all(HELLO.as_bytes()).unwrap();
    door.turns(|_, told| is_told(told, "<- Hello {"));
    assert!(door.listener.accept_at.is_none());
    maker.shutdown(Shutdown::Write).unwrap();
    door.turns(|_, told| is_told(told, "<- Ended {"));
    assert!(door.connections().is_empty());
    // The end of a link that this peer made is heard of by the same thread.
    let (far, endpoint) = listener();
    let link = door.trial.meets_b(nobody());
    lock(&link.state).has_thread = true;
    let stream = Arc::new(TcpStream::connect(endpoint).unwrap());
    let connection = link.begin_on(&stream, Outgoing::default(), Instant::now()).unwrap();
    let end = door.trial.node.ends.wait_for(End::new(&link, Incoming::new(stream), connection));
    drop(accept(&far));
    // Systems without that give it back, to be waited for by a thread of its own.
    if let Some(end) = end {
        end.read(&door.trial.node);
    }
    door.turns(|_, _| lock(&link.state).up.is_none());
}

#[test]
fn the_pause_after_an_error_is_kept() {
    let mut door = Door::new();
    let _maker = TcpStream::connect(door.endpoint).unwrap();
    let at = Instant::now() + Duration::from_secs(3600);
    door.listener.accept_at = Some(at);
    let mut left = 3;
    door.turns(|_, _| {
        left -= 1;
        left == 0
    });
    assert!(door.connections().is_empty(), "a connection waits, and the pause is not over");
    assert_eq!(door.listener.accept_at, Some(at));
}
