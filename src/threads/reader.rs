//! `rx-<id>`: reads an admitted connection to its end.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use super::inbox::SequencerItem;
use super::lock::lock;
use super::node::Node;
use super::share::{Kept, Share};
use super::talk::{self, Way};
use crate::complaints::Subject;
use crate::ids::PeerId;
use crate::keys::session::{Sealer, Session};
use crate::net::{self, Incoming, Outgoing, ReadError};
use crate::protocol::{ConnectionId, Input};
use crate::wire::{Decoder, Message, Refusal, WireError};

/// How many bytes every connection may hold while it is read; for more there is a pool.
const HELD_BYTES: usize = 96 * 1024;

/// About how much memory a request takes beside its readings.
const REQUEST_BYTES: usize = 256;

/// Why a connection is not read any further.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("it sent more readings than anybody may have under way")]
    Requests,
    #[error("it sent long messages while others do, too")]
    Long,
}

impl From<WireError> for End {
    fn from(error: WireError) -> Self {
        Self::Read(error.into())
    }
}

struct Reader {
    node: Arc<Node>,
    peer: PeerId,
    connection: ConnectionId,
    requests: Arc<Share>,
    held: Arc<Share>,
    kept: Option<Kept>,
    kept_bytes: usize,
}

/// Starts the thread. False: there is no room, or no thread; nothing was read.
pub(super) fn start(
    node: &Arc<Node>,
    (stream, session, decoder): (TcpStream, Option<Session>, Decoder),
    peer: PeerId,
    connection: ConnectionId,
) -> bool {
    let stream = Arc::new(stream);
    net::probe(&stream);
    let fits = {
        let mut connections = lock(&node.connections);
        let fits = connections.len() < node.peers_max;
        if fits {
            connections.insert(connection, Arc::clone(&stream));
        }
        fits
    };
    if !fits {
        let text = format!("More than {} peers connect; closing others", node.peers_max);
        node.complaints.warn("too_many_connections", &text);
        return false;
    }
    let name = format!("rx-{peer}");
    let (requests, held) = (Share::new(&node.requested), Share::new(&node.held));
    let mut reader = Reader { node: Arc::clone(node), peer, connection, requests, held, kept: None, kept_bytes: 0 };
    let started = node.try_spawn(name, move || reader.run(&stream, session, decoder));
    if !started {
        lock(&node.connections).remove(&connection);
    }
    started
}

impl Reader {
    fn run(&mut self, stream: &Arc<TcpStream>, session: Option<Session>, decoder: Decoder) {
        let (sealer, opener) = session.map(|session| (session.sealer, session.opener)).unzip();
        let mut incoming = Incoming::after(Arc::clone(stream), opener, decoder);
        let read = self.read(&mut incoming);
        // To say why it ends takes a while, in which others may keep as much as this one did.
        drop(incoming);
        match read {
            Ok(()) | Err(End::Read(ReadError::Io(_) | ReadError::Wire(WireError::Truncated))) => {}
            Err(end) => {
                let peer = &self.peer;
                let what = match &end {
                    End::Read(_) => format!("Peer {peer} sent what makes no sense: {end}; connection closed"),
                    End::Requests | End::Long => format!("Connection of peer {peer} closed: {end}"),
                };
                self.node.complaints.complain(Subject::Peer(peer.clone()), "connection_closed", &what);
                say_error(stream, sealer, end.to_string());
            }
        }
        net::hang_up(stream);
        lock(&self.node.connections).remove(&self.connection);
        // The end comes after the requests that the connection held.
        self.node.hand_to_sequencer(SequencerItem::Ended(self.connection));
    }

    fn read(&mut self, incoming: &mut Incoming) -> Result<(), End> {
        loop {
            while let Some(message) = incoming.buffered_message()? {
                let more = incoming.has_more();
                self.take(message, more)?;
            }
            if !incoming.fill()? {
                return Ok(());
            }
            self.account(incoming.held())?;
        }
    }

    /// `more`: bytes of a message after it were read with it.
    fn take(&mut self, message: Message, more: bool) -> Result<(), End> {
        let connection = self.connection;
        talk::heard(Some(&self.peer), Way::Connection, &message);
        let Message::SequencerRequest { term, request } = message else {
            self.node.step(Input::Received { connection, message });
            return Ok(());
        };
        // Readings of a peer that was not taken in are not kept: the core hears of them here, and drops them.
        if !lock(&self.node.core).takes_readings_of(&self.peer) {
            self.node.step(Input::Requests(vec![(connection, term, request)]));
            return Ok(());
        }
        // To skip one and take the next would leave a gap. On the next connection all of them come again.
        let bytes = request.lines.as_bytes().len() + REQUEST_BYTES;
        let kept = self.requests.keep(bytes).ok_or(End::Requests)?;
        self.node.order((connection, term, request), kept, more);
        Ok(())
    }

    /// Notes how much memory the message takes that is being read.
    fn account(&mut self, held: usize) -> Result<(), End> {
        let bytes = if held > HELD_BYTES { held } else { 0 };
        if bytes == self.kept_bytes {
            return Ok(());
        }
        (self.kept, self.kept_bytes) = (None, bytes);
        self.kept = self.held.keep(bytes);
        let member = || lock(&self.node.core).members().contains(&self.peer);
        if self.kept.is_none() && !member() {
            return Err(End::Long);
        }
        Ok(())
    }
}

/// How many bytes are read and thrown away after an `ERROR`, and how long that may take. If unread bytes are left when
/// a connection is closed, the system discards what was said on it.
const DRAINED_MAX: usize = 256 * 1024;
const DRAIN_TIME: Duration = Duration::from_millis(200);

fn say_error(mut stream: &TcpStream, sealer: Option<Sealer>, why: String) {
    let mut outgoing = Outgoing::new(sealer);
    outgoing.put(Message::Error { why: Refusal::Other(why) });
    // A sender that does not read it does not want to know. Nothing else is ever written here, so there is room.
    let _ = outgoing.write_last(stream);
    let mut thrown = [0; 4096];
    if stream.set_read_timeout(Some(DRAIN_TIME)).is_err() {
        return;
    }
    for _ in 0..DRAINED_MAX / thrown.len() {
        match stream.read(&mut thrown) {
            Ok(bytes) if bytes > 0 => {}
            Ok(_) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests;
