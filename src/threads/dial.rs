//! The connection under a link: how it is made, how its end is noticed, and what the end means for messages that wait.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::ends::End;
use super::link::Link;
use super::lock::lock;
use super::mismatch::complain_of_key;
use super::node::Node;
use super::talk::{self, Way};
use super::writer;
use crate::net::{self, DialError, Dialled, Incoming, ReadError};
use crate::protocol::{Event, Input};
use crate::wire::{Hello, Message};

/// Shortest time between two dials: a listener that accepts and closes must not keep a processor busy.
const DIAL_PAUSE: Duration = Duration::from_millis(20);

/// How long the next dial waits after two that failed without an answer.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Longest wait for an answer to a dial; a heartbeat interval where that is shorter. A busy host must not change what tests
/// see.
const DIAL_TIME_MAX: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 1 });

/// How many bytes the receiver of a link may say: one line.
const ERROR_BYTES_MAX: usize = 4096;

/// What the receiver of a link says: `None` where it hangs up.
type Said = Result<Option<Message>, ReadError>;

impl Link {
    pub(super) fn dial(self: &Arc<Self>, node: &Arc<Node>) {
        // A dial that is asked for from here on is another one: it may be to another address.
        lock(&self.state).dial = false;
        let (endpoint, hello) = {
            let core = lock(&node.core);
            (core.endpoint_of(&self.peer), core.hello(Some(&self.peer)))
        };
        let timeout = node.config.timing.heartbeat_interval.min(DIAL_TIME_MAX);
        // Nobody knows where that peer is. If it comes back, nothing was said to it.
        let Some(endpoint) = endpoint else {
            node.retire(self, |_| true);
            return;
        };
        match reach(node, endpoint, timeout) {
            Ok(dialled) => {
                self.reached(node);
                // This comes before anybody can answer the new connection: a `FETCH` that answers it must find this
                // step done.
                let (closed, report) = {
                    let mut state = lock(&self.state);
                    (state.closed, std::mem::take(&mut state.report))
                };
                if closed {
                    return;
                }
                if report {
                    node.step(Input::LinkUp { peer: self.peer.clone() });
                }
                self.begin(node, dialled, hello);
            }
            Err(DialError::Refused) => {
                if self.rest(DIAL_PAUSE) {
                    node.step(Input::Refused { peer: self.peer.clone() });
                }
            }
            Err(error) => {
                self.unreached(node, endpoint, &error);
                self.dial_again(&error);
                node.retire(self, Link::is_over);
            }
        }
    }

    /// No dial got an answer for a heartbeat timeout, although a process that this peer believes says that the other is
    /// there.
    fn unreached(&self, node: &Node, endpoint: SocketAddr, error: &DialError) {
        if matches!(error, DialError::Key) {
            return complain_of_key(node, endpoint);
        }
        let since = *lock(&self.state).failing.get_or_insert_with(Instant::now);
        if since.elapsed() < node.config.timing.heartbeat_timeout {
            return;
        }
        let (peer, why) = (self.peer.clone(), error.to_string());
        node.voice.say(Event::Unreachable { peer, endpoint, heard: false, why }, &node.complaints);
    }

    fn reached(&self, node: &Node) {
        let failing = {
            let mut state = lock(&self.state);
            state.failed = false;
            state.failing.take()
        };
        if failing.is_some() {
            node.voice.say(Event::Reachable { peer: self.peer.clone() }, &node.complaints);
        }
    }

    fn begin(self: &Arc<Self>, node: &Arc<Node>, mut dialled: Dialled, hello: Hello) {
        net::give_up_after(&dialled.stream, node.config.timing.heartbeat_timeout);
        match greet(&mut dialled, hello) {
            Ok(()) => self.connected(node, dialled),
            // The process went away between accepting and reading: the next dial will be refused.
            Err(error) => {
                let mut state = lock(&self.state);
                (state.dial, state.report) = (true, true);
                drop(state);
                self.dial_later(&error, DIAL_PAUSE);
            }
        }
    }

    /// A listener that is going away breaks off a dial that it does not refuse yet, so the second dial comes soon.
    fn dial_again(&self, why: &DialError) {
        let again = std::mem::replace(&mut lock(&self.state).failed, true);
        self.dial_later(why, if again { RETRY_PAUSE } else { DIAL_PAUSE });
    }

    fn dial_later(&self, why: &dyn std::error::Error, pause: Duration) {
        log::debug!("cannot reach {}: {why}", self.peer);
        lock(&self.state).dial_at = Some(Instant::now() + pause);
    }

    /// A connection is up, and `HELLO` is sent.
    fn connected(self: &Arc<Self>, node: &Arc<Node>, dialled: Dialled) {
        let Dialled { stream, outgoing, incoming } = dialled;
        let Some(connection) = self.begin_on(&stream, outgoing, Instant::now() + DIAL_PAUSE) else { return };
        if let Some(end) = node.ends.wait_for(End::new(self, incoming, connection)) {
            end.read(node);
        }
    }

    /// A connection is of no use.
    fn lost(self: &Arc<Self>, node: &Arc<Node>, connection: u64) {
        lock(&self.state).dial_at = Some(Instant::now() + RETRY_PAUSE);
        self.on_end(connection);
        writer::rouse(node, self);
    }

    /// What came on the other direction of this connection: the receiver only ever says `ERROR` there, or ends it.
    fn hears(self: &Arc<Self>, node: &Arc<Node>, said: Said, connection: u64) {
        if lock(&self.state).connections != connection {
            return;
        }
        if let Ok(Some(Message::Error { why })) = said {
            log::debug!("{} refuses this peer: {why}", self.peer);
            if self.rest(RETRY_PAUSE) {
                node.step(Input::Rejected { peer: self.peer.clone(), why });
            }
            return;
        }
        self.on_end(connection);
        writer::rouse(node, self);
    }
}

impl End {
    /// Reads what came, or will come, in a thread of its own: nobody waits for a receiver that says half of a word.
    pub(super) fn read(self, node: &Arc<Node>) {
        let Self { link, incoming, connection } = self;
        let Some(known) = link.upgrade() else { return };
        let shared = Arc::clone(node);
        let wait = move || {
            if let Some((link, said)) = word(&link, incoming) {
                link.hears(&shared, said, connection);
            }
        };
        if !node.try_spawn(known.thread_name(), wait) {
            // Without this thread its end would not be noticed.
            known.lost(node, connection);
        }
    }
}

/// Sends `HELLO`, with the address of this connection.
fn greet(dialled: &mut Dialled, hello: Hello) -> std::io::Result<()> {
    let local = dialled.stream.local_addr()?.ip();
    let to = hello.addressee.clone();
    let hello = net::announced(Message::Hello(hello), local);
    talk::said(to.as_ref(), Way::Connection, &hello);
    dialled.outgoing.put(hello);
    dialled.outgoing.write_all(&dialled.stream)
}

/// Dials; in a closed group both sides then show the key. Each of the two steps takes at most `within`.
pub(super) fn reach(node: &Node, endpoint: SocketAddr, within: Duration) -> Result<Dialled, DialError> {
    let stream = net::dial(endpoint, within, node.config.bind)?;
    Dialled::new(stream, node.keys().as_deref(), within)
}

/// Waits for what the receiver says, and does not keep the link meanwhile: one that is over hangs up, and nothing else may
/// end this wait. `None`: it is over.
fn word(link: &Weak<Link>, incoming: Incoming) -> Option<(Arc<Link>, Said)> {
    let said = incoming.at_most(ERROR_BYTES_MAX).read_message();
    Some((link.upgrade()?, said))
}

#[cfg(test)]
mod tests;
