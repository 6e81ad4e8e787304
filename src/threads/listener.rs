//! `listener`: this one thread serves all incoming connections that are not admitted yet, and waits for none of them.
//! It reads the `HELLO` of each, hands it to the core, answers questions, and gives each admitted link a thread
//! (`reader.rs`). What the core says about a connection comes from any thread, through the porter. The same thread hears
//! of the ends of links that this peer made (`ends.rs`).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::mismatch::{complain_of_old_key, complain_of_version};
use super::node::Node;
use super::porter::{Word, PORTER};
use super::reader;
use super::talk::{self, Way};
use super::visitor::{Heard, Seal, Stage, Visitor};
use crate::complaints::{Kind, Subject};
use crate::descriptors;
use crate::net;
use crate::protocol::{Admission, ConnectionId, Input};
use crate::wire::{Message, Refusal, WireError, PROTOCOL_VERSION};

/// How many bytes of answers may wait for their readers; beyond that the oldest is closed.
const UNTOLD_MAX: usize = 4 * 1024 * 1024;

/// The pause after the system gave no connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections accepted before others are looked at again.
const ACCEPTS_MAX: usize = 64;

/// The token of the listening socket. [`PORTER`] is the token of the porter, and from `FIRST` on they are connections'.
const LISTENER: Token = Token(0);
const FIRST: usize = PORTER.0 + 1;

pub(super) struct Listener {
    poll: Poll,
    socket: mio::net::TcpListener,
    /// In the order in which they came.
    visitors: BTreeMap<ConnectionId, Visitor>,
    /// Connections ever accepted.
    accepted: u64,
    /// When to accept again; `None`: when the system says so.
    accept_at: Option<Instant>,
}

impl Listener {
    pub(super) fn new(poll: Poll, listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let mut socket = mio::net::TcpListener::from_std(listener);
        poll.registry().register(&mut socket, LISTENER, Interest::READABLE)?;
        Ok(Self { poll, socket, visitors: BTreeMap::new(), accepted: 0, accept_at: None })
    }

    pub(super) fn run(mut self, node: &Arc<Node>) {
        let mut events = Events::with_capacity(256);
        loop {
            self.turn(node, &mut events);
        }
    }

    /// Waits until something happens, and does what is to be done then.
    fn turn(&mut self, node: &Arc<Node>, events: &mut Events) {
        if let Err(error) = net::uninterrupted(|| self.poll.poll(events, self.patience())) {
            node.complaints.warn("listener_failed", &format!("Cannot wait for connections: {error}"));
            thread::sleep(ACCEPT_PAUSE);
        }
        for event in &*events {
            match event.token() {
                // After an error, not before the pause is over.
                LISTENER => drop(self.accept_at.get_or_insert_with(Instant::now)),
                PORTER => {}
                token => {
                    if let Some(end) = node.ends.on_event(token) {
                        end.read(node);
                    } else {
                        let connection = ConnectionId((token.0 - FIRST) as u64);
                        self.look_at(node, connection, event.is_read_closed() || event.is_error());
                    }
                }
            }
            self.obey(node);
        }
        self.obey(node);
        if self.accept_at.is_some_and(|at| at <= Instant::now()) {
            self.accept(node);
        }
        self.close_late(node);
    }

    /// How long until something is due.
    fn patience(&self) -> Option<Duration> {
        let late = self.visitors.values().filter(|visitor| !visitor.waits()).map(|visitor| visitor.until).min();
        let next = self.accept_at.into_iter().chain(late).min();
        // It adds a millisecond: the system rounds down, and would otherwise return again and again before the time.
        next.map(|at| at.saturating_duration_since(Instant::now())).map(|left| {
            if left.is_zero() {
                left
            } else {
                left + Duration::from_millis(1)
            }
        })
    }

    fn accept(&mut self, node: &Arc<Node>) {
        for _ in 0..ACCEPTS_MAX {
            let accepted = net::uninterrupted(|| self.socket.accept());
            if !self.take_in(node, accepted) {
                return;
            }
            self.obey(node);
        }
        self.accept_at = Some(Instant::now());
    }

    /// Takes in what the system gave. False: that is all for now.
    fn take_in(&mut self, node: &Arc<Node>, accepted: io::Result<(mio::net::TcpStream, SocketAddr)>) -> bool {
        match accepted {
            Ok((stream, from)) => self.welcome(node, stream, from),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.accept_at = None;
                return false;
            }
            // It was given up while it waited.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of file descriptors: silent connections give theirs back first.
                let text = format!("Cannot accept a connection: {}", descriptors::explain(&error));
                node.complaints.warn("accept_failed", &text);
                self.make_room(node);
                self.accept_at = Some(Instant::now() + ACCEPT_PAUSE);
                return false;
            }
        }
        true
    }

    fn welcome(&mut self, node: &Arc<Node>, mut stream: mio::net::TcpStream, from: SocketAddr) {
        while self.visitors.len() >= node.visitors_max && self.make_room(node) {}
        let connection = ConnectionId(self.accepted);
        self.accepted += 1;
        let registry = self.poll.registry();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if registry.register(&mut stream, token(connection), interest).is_err() {
            return;
        }
        self.visitors.insert(connection, Visitor::new(stream, from, node.keys(), Instant::now()));
        // Its `HELLO` has often come by now. Then connections that say nothing cannot push it out.
        self.look_at(node, connection, false);
    }

    /// Closes a connection of the least claim: the oldest of the host that has most of these. False: there is none.
    fn make_room(&mut self, node: &Arc<Node>) -> bool {
        let least = self.visitors.values().map(Visitor::claim).min();
        // For each host the number of its connections, and the oldest, which is seen first.
        let mut hosts: BTreeMap<Subject, (usize, Reverse<ConnectionId>)> = BTreeMap::new();
        for (connection, visitor) in self.visitors.iter().filter(|(_, visitor)| Some(visitor.claim()) == least) {
            hosts.entry(Subject::host(visitor.from.ip())).or_insert((0, Reverse(*connection))).0 += 1;
        }
        let Some((_, Reverse(oldest))) = hosts.into_values().max() else { return false };
        self.close(node, oldest);
        true
    }

    /// Ends a connection. If it is a link, the core hears of the end.
    fn close(&mut self, node: &Arc<Node>, connection: ConnectionId) {
        if self.visitors.remove(&connection).is_some_and(|visitor| visitor.waits()) {
            node.step(Input::Ended { connection });
        }
    }

    fn close_late(&mut self, node: &Arc<Node>) {
        let now = Instant::now();
        let late = |visitor: &Visitor| !visitor.waits() && visitor.until <= now;
        let late: Vec<ConnectionId> =
            self.visitors.iter().filter(|(_, visitor)| late(visitor)).map(|(connection, _)| *connection).collect();
        for connection in late {
            self.close(node, connection);
        }
    }

    /// Something came, or can be written, or the other side `ended`.
    fn look_at(&mut self, node: &Arc<Node>, connection: ConnectionId, ended: bool) {
        let Some(visitor) = self.visitors.get_mut(&connection) else { return };
        let from = visitor.from.ip().to_canonical();
        if visitor.waits() {
            if ended {
                self.close(node, connection);
            }
            return;
        }
        match visitor.hear() {
            Heard::More if visitor.part() => self.close(node, connection),
            Heard::More => {}
            Heard::Nothing => self.close(node, connection),
            Heard::Link(hello) => match visitor.stream.local_addr() {
                Ok(at) => {
                    if let Seal::Session(session, _) = &visitor.seal {
                        complain_of_old_key(node, &hello.peer, session.fingerprint);
                    }
                    talk::heard(Some(&hello.peer), Way::Connection, &Message::Hello(hello.clone()));
                    node.step(Input::Hello { connection, from, at: net::canonical(at), hello });
                    if ended {
                        self.close(node, connection);
                    }
                }
                Err(_) => drop(self.visitors.remove(&connection)),
            },
            Heard::Question(hello, question) => {
                let who = Message::Who { nonce: question.nonce, dialled: question.dialled };
                talk::heard(Some(&hello.peer), Way::Question, &who);
                node.step(Input::Asked { connection, from, hello, question });
            }
            Heard::Status => self.report(node, connection),
            Heard::Foreign(error) => {
                let text = format!("Connection from {from} closed without a word: {error}");
                node.complaints.complain(Subject::host(from), Kind::new("other_key", "connection").seldom(), &text);
                self.close(node, connection);
            }
            Heard::OtherVersion(version) => {
                complain_of_version(node, from, &WireError::Version { version });
                let why = Refusal::WrongVersion { group: u64::from(PROTOCOL_VERSION), newcomer: version };
                self.tell(node, connection, &Message::Error { why });
            }
            Heard::Nonsense(why) => {
                let text = format!("Connection from {from} refused: {why}");
                node.complaints.complain(Subject::host(from), "connection_refused", &text);
                self.tell(node, connection, &Message::Error { why: Refusal::Other(why) });
            }
        }
    }

    /// Says what this peer knows of its group. It only looks at the core.
    fn report(&mut self, node: &Arc<Node>, connection: ConnectionId) {
        let json = serde_json::to_string(&node.report()).expect("a report is made of texts and numbers");
        self.tell(node, connection, &Message::Report { json });
    }

    /// Does what the core said of connections.
    fn obey(&mut self, node: &Arc<Node>) {
        for (connection, word) in node.porter.take() {
            match word {
                Word::Admission(Admission::Accept) => self.admit(node, connection),
                Word::Admission(Admission::Refuse { why }) => {
                    log::debug!("connection {} refused: {why}", connection.0);
                    self.tell(node, connection, &Message::Error { why });
                }
                Word::Answer(message) => {
                    talk::said(None, Way::Question, &message);
                    self.tell(node, connection, &message);
                }
                Word::Drop => {
                    if self.visitors.remove(&connection).is_none() {
                        // It was admitted meanwhile.
                        node.shut(connection);
                    }
                }
            }
        }
    }

    fn tell(&mut self, node: &Arc<Node>, connection: ConnectionId, message: &Message) {
        let Some(visitor) = self.visitors.get_mut(&connection) else { return };
        let Ok(local) = visitor.stream.local_addr() else { return drop(self.visitors.remove(&connection)) };
        visitor.tell(&net::announced(message.clone(), local.ip()), Instant::now());
        if visitor.part() {
            self.visitors.remove(&connection);
        }
        while self.visitors.values().map(Visitor::untold).sum::<usize>() > UNTOLD_MAX {
            let oldest = self.visitors.iter().find(|(_, visitor)| visitor.untold() > 0).map(|(oldest, _)| *oldest);
            let Some(oldest) = oldest else { return };
            self.close(node, oldest);
        }
    }

    /// Hands a link to a thread of its own.
    fn admit(&mut self, node: &Arc<Node>, connection: ConnectionId) {
        let Some(mut visitor) = self.visitors.remove(&connection) else { return };
        // One that cannot be given back to the system's ways is none.
        let _ = self.poll.registry().deregister(&mut visitor.stream);
        let Stage::Waiting(decoder, hello) = visitor.stage else { return };
        let stream = std::net::TcpStream::from(visitor.stream);
        let blocks = stream.set_nonblocking(false).is_ok();
        let whole = (stream, visitor.seal.into_session(), decoder);
        if !blocks || !reader::start(node, whole, hello.peer, connection) {
            node.step(Input::Ended { connection });
        }
    }
}

fn token(connection: ConnectionId) -> Token {
    // If numbers have 32 bits, the connections with the first numbers are over before the numbers return.
    Token(usize::try_from(connection.0).unwrap_or(usize::MAX >> 1).wrapping_add(FIRST))
}

#[cfg(test)]
mod tests;
