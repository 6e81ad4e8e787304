//! `listener`: accepts connections. Each is read by a thread of its own, `rx-<id>` once it has said who it is.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{bounded, Receiver, Sender};

use super::caller;
use super::discovery::announced;
use super::node::{lock, Node};
use super::sequencer::Asked;
use crate::descriptors;
use crate::net::{self, Incoming, ReadError};
use crate::protocol::{ConnectionId, Input, Question, Verdict};
use crate::wire::{encode, Hello, Message, WireError};

/// A connection has so long to say who it is.
const HELLO_TIME: Duration = Duration::from_secs(5);

/// How an incoming connection that waits for its verdict, or is being read, is reached.
pub(super) struct Door {
    reply: Sender<Reply>,
    stream: Arc<TcpStream>,
}

/// What the core says to a connection.
enum Reply {
    Verdict(Verdict),
    Answer(Message),
}

impl Door {
    pub(super) fn admit(&self, verdict: Verdict) {
        // There is one verdict a connection.
        let _ = self.reply.try_send(Reply::Verdict(verdict));
    }

    pub(super) fn answer(&self, message: Message) {
        // And one answer.
        let _ = self.reply.try_send(Reply::Answer(message));
    }

    /// Ends the connection; its thread finds out.
    pub(super) fn shut(&self) {
        net::hang_up(&self.stream);
    }
}

pub(super) fn run(node: &Arc<Node>, listener: &TcpListener) {
    let strangers = Arc::new(AtomicUsize::new(0));
    let mut connections = 0;
    loop {
        let (stream, from) = match net::accept(listener) {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a connection that ended before it was accepted.
                node.complaints.warn(format!("cannot accept a connection: {}", descriptors::explain(&error)));
                super::pause(Duration::from_millis(50));
                continue;
            }
        };
        if strangers.load(Ordering::Relaxed) >= node.strangers_max {
            let (most, from) = (node.strangers_max, from.ip());
            let text = format!("more than {most} connections say nothing; closing others from {from}");
            node.complaints.warn_of(from, "silent", &text);
            continue;
        }
        if lock(&node.connections).len() >= node.peers_max {
            node.complaints.warn(format!("More than {} peers connect; closing others", node.peers_max));
            continue;
        }
        // Numbered as they come: the greeting of a newer one may be read first.
        let id = ConnectionId(connections);
        connections += 1;
        strangers.fetch_add(1, Ordering::Relaxed);
        let (node, strangers) = (Arc::clone(node), Arc::clone(&strangers));
        super::spawn("rx".to_owned(), move || {
            let greeted = greet(&node, stream, from);
            strangers.fetch_sub(1, Ordering::Relaxed);
            match greeted {
                Some(Greeted { stream, incoming, hello, question: None }) => {
                    super::spawn(format!("rx-{}", hello.peer), move || {
                        read(&node, &stream, incoming, (from, hello), id);
                    });
                }
                Some(Greeted { stream, hello, question: Some(question), .. }) => {
                    answer(&node, &stream, (from, hello), question, id);
                }
                None => {}
            }
        });
    }
}

struct Greeted {
    stream: Arc<TcpStream>,
    incoming: Incoming,
    hello: Hello,
    /// Where it is no link.
    question: Option<Question>,
}

/// Reads the first line, and the question where that is all it wants. `None`: it was not one of a peer's.
fn greet(node: &Arc<Node>, stream: TcpStream, from: SocketAddr) -> Option<Greeted> {
    let stream = Arc::new(stream);
    let mut incoming = Incoming::new(Arc::clone(&stream));
    let why = match incoming.first_message(HELLO_TIME) {
        Ok(Some(Message::Hello(mut hello))) => {
            hello.endpoint = net::seen(hello.endpoint, from);
            let question = if hello.addressee.is_none() { Some(question(&mut incoming, from)?) } else { None };
            return Some(Greeted { stream, incoming, hello, question });
        }
        // A port scan, or a peer that went away.
        Ok(None) | Err(ReadError::Io(_)) => return None,
        Ok(Some(_)) => "its first line is not HELLO".to_owned(),
        Err(ReadError::Wire(error)) => error.to_string(),
    };
    node.complaints.warn_of(from.ip(), "connection", &format!("Connection from {} refused: {why}", from.ip()));
    say_error(&stream, &why);
    None
}

/// What a question consists of: perhaps a hint, and `WHO`.
fn question(incoming: &mut Incoming, from: SocketAddr) -> Option<Question> {
    let mut hint = None;
    loop {
        match incoming.first_message(HELLO_TIME).ok()?? {
            Message::Who { nonce, dialled } => {
                return Some(Question { nonce, hint: caller::heard(hint, from), dialled });
            }
            message @ (Message::NewPeerRequest(_) | Message::Leader(_)) if hint.is_none() => hint = Some(message),
            _ => return None,
        }
    }
}

/// Answers a question, and hangs up.
fn answer(
    node: &Arc<Node>,
    stream: &Arc<TcpStream>,
    (from, hello): (SocketAddr, Hello),
    question: Question,
    id: ConnectionId,
) {
    let (reply, replies) = bounded(1);
    lock(&node.connections).insert(id, Door { reply, stream: Arc::clone(stream) });
    node.step(Input::Asked { connection: id, from: from.ip().to_canonical(), hello, question });
    lock(&node.connections).remove(&id);
    let (Ok(Reply::Answer(message)), Ok(local)) = (replies.try_recv(), stream.local_addr()) else { return };
    let mut bytes = Vec::new();
    encode(&announced(message, local.ip()), &mut bytes);
    // Who does not read it does not want to know.
    let _ = (&**stream).write_all(&bytes);
    let _ = stream.shutdown(Shutdown::Write);
}

fn say_error(mut stream: &TcpStream, why: &str) {
    let mut line = Vec::new();
    encode(&Message::Error { why: why.to_owned() }, &mut line);
    // Who does not read it does not want to know.
    let _ = stream.write_all(&line);
    let _ = stream.shutdown(Shutdown::Write);
}

/// Reads a peer's connection to its end.
fn read(
    node: &Arc<Node>,
    stream: &Arc<TcpStream>,
    mut incoming: Incoming,
    (from, hello): (SocketAddr, Hello),
    id: ConnectionId,
) {
    let (reply, replies) = bounded(1);
    lock(&node.connections).insert(id, Door { reply, stream: Arc::clone(stream) });
    let who = hello.peer.clone();
    if let Ok(at) = stream.local_addr() {
        let at = SocketAddr::new(at.ip().to_canonical(), at.port());
        node.step(Input::Hello { connection: id, from: from.ip().to_canonical(), at, hello });
    }
    if admitted(&replies, stream, &who) {
        if let Err(ReadError::Wire(error)) = read_on(node, &mut incoming, id) {
            if error != WireError::Truncated {
                let from = stream.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |from| from.ip());
                let text = format!("Peer {who} sent what makes no sense: {error}; connection closed");
                node.complaints.warn_of(from, "nonsense", &text);
                say_error(stream, &error.to_string());
            }
        }
    }
    lock(&node.connections).remove(&id);
    // Behind the requests that it held.
    let _ = node.sequencer.send(Asked::Ended(id));
}

/// Waits for the verdict; none comes where the core drops the connection before.
fn admitted(replies: &Receiver<Reply>, stream: &TcpStream, who: &crate::ids::PeerId) -> bool {
    match replies.recv() {
        Ok(Reply::Verdict(Verdict::Accept)) => true,
        Ok(Reply::Verdict(Verdict::Refuse { why })) => {
            log::debug!("connection of {who} refused: {why}");
            say_error(stream, &why);
            false
        }
        Ok(Reply::Answer(_)) | Err(_) => false,
    }
}

fn read_on(node: &Arc<Node>, incoming: &mut Incoming, connection: ConnectionId) -> Result<(), ReadError> {
    while let Some(message) = incoming.read_message()? {
        if let Message::SequencerRequest { term, request } = message {
            // Without its sequencer the peer is ending.
            let _ = node.sequencer.send(Asked::Request(connection, term, request));
        } else {
            node.step(Input::Received { connection, message });
        }
    }
    Ok(())
}
