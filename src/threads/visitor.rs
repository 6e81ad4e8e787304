//! One incoming connection that is not admitted yet: its first lines, and the answer to it, without ever waiting for
//! it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::keys::session::{record_bytes, Session, SessionError, HANDSHAKE_BYTES};
use crate::keys::Keys;
use crate::net;
use crate::protocol::Question;
use crate::wire::{encode, Decoder, Hello, Message, WireError};

/// How long it has to say who it is, and again to read what it is told.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long it has in a closed group: anybody can connect, and has to show a key first.
const CLOSED_PATIENCE: Duration = Duration::from_secs(2);

/// How many bytes of first lines it may send: a `HELLO`, a hint and a question with the longest names take 700.
const FIRST_BYTES_MAX: usize = 1024;

/// How many bytes are read and thrown away after a refusal. If they were left unread, the system would discard what the
/// other side is told.
const DRAINED_MAX: usize = 64 * 1024;

pub(super) struct Visitor {
    pub(super) stream: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) stage: Stage,
    pub(super) seal: Seal,
    /// When it is closed, unless the core still thinks about it.
    pub(super) until: Instant,
}

/// How what it says is sealed.
pub(super) enum Seal {
    /// The group is an open one.
    Open,
    /// It has to show that it has one of these keys; the bytes that came of that so far.
    Awaited(Arc<Keys>, Vec<u8>),
    /// It did, and this is the answer if that is not sent yet.
    Session(Box<Session>, Option<[u8; HANDSHAKE_BYTES]>),
}

/// Which connections stay where there are too many, the least claim first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    Nothing,
    /// It showed a key of this closed group, or played back a recording of one. It needs a moment more to say who it
    /// is.
    Key,
    /// The core thinks about it.
    Waits,
}

pub(super) enum Stage {
    Speaking(Words),
    /// A link that waits for its verdict, and what was read beyond its `HELLO`.
    Waiting(Decoder, Hello),
    /// It is told something, and then closed.
    Leaving(Parting),
}

/// What it said.
#[derive(Default)]
pub(super) struct Words {
    decoder: Decoder,
    bytes: usize,
    hello: Option<Hello>,
    hint: Option<Message>,
}

#[derive(Default)]
pub(super) struct Parting {
    bytes: Vec<u8>,
    written: usize,
    drained: usize,
    ended: bool,
}

/// The outcome of reading.
pub(super) enum Heard {
    /// There will be more.
    More,
    Link(Hello),
    Question(Hello, Question),
    /// It wants to know what this peer knows of its group.
    Status,
    /// It is no peer.
    Nonsense(String),
    /// It is a peer of another version.
    OtherVersion(u64),
    /// It is not of this closed group, and gets no word.
    Foreign(SessionError),
    /// It hung up.
    Nothing,
}

impl Visitor {
    pub(super) fn new(stream: TcpStream, from: SocketAddr, keys: Option<Arc<Keys>>, now: Instant) -> Self {
        let (seal, patience) = match keys {
            Some(keys) => (Seal::Awaited(keys, Vec::new()), CLOSED_PATIENCE),
            None => (Seal::Open, PATIENCE),
        };
        Self { stream, from, stage: Stage::Speaking(Words::default()), seal, until: now + patience }
    }

    pub(super) fn waits(&self) -> bool {
        matches!(self.stage, Stage::Waiting(..))
    }

    pub(super) fn claim(&self) -> Claim {
        match (&self.stage, &self.seal) {
            (Stage::Waiting(..), _) => Claim::Waits,
            (_, Seal::Session(..)) => Claim::Key,
            (_, Seal::Open | Seal::Awaited(..)) => Claim::Nothing,
        }
    }

    /// Bytes that it is yet to be told.
    pub(super) fn untold(&self) -> usize {
        match &self.stage {
            Stage::Leaving(parting) => parting.bytes.len(),
            Stage::Speaking(_) | Stage::Waiting(..) => 0,
        }
    }

    /// Reads what has come, if it is its turn to speak.
    pub(super) fn hear(&mut self) -> Heard {
        let Stage::Speaking(words) = &mut self.stage else { return Heard::More };
        let heard = words.hear(&mut self.stream, &mut self.seal, self.from);
        if let Seal::Session(_, answer @ Some(_)) = &mut self.seal {
            // The connection has carried nothing this way yet, so it takes all of it.
            let bytes = answer.take().unwrap_or([0; HANDSHAKE_BYTES]);
            if !self.stream.write(&bytes).is_ok_and(|written| written == bytes.len()) {
                return Heard::Nothing;
            }
        }
        if let Heard::Link(hello) = &heard {
            let decoder = std::mem::take(&mut words.decoder);
            self.stage = Stage::Waiting(decoder, hello.clone());
        }
        heard
    }

    /// Begins to tell it this, and to close it.
    pub(super) fn tell(&mut self, message: &Message, now: Instant) {
        let mut parting = Parting::default();
        let mut text = Vec::new();
        encode(message, &mut text);
        match &mut self.seal {
            Seal::Open => parting.bytes = text,
            Seal::Session(session, _) => {
                session.sealer.seal(&text, now, &mut parting.bytes);
                session.sealer.end(&mut parting.bytes);
            }
            // A connection that has not shown a key is told nothing.
            Seal::Awaited(..) => {}
        }
        (self.stage, self.until) = (Stage::Leaving(parting), now + PATIENCE);
    }

    /// Goes on telling. `true`: it can be closed.
    pub(super) fn part(&mut self) -> bool {
        match &mut self.stage {
            // A connection that broke needs nothing more.
            Stage::Leaving(parting) => parting.go_on(&mut self.stream).unwrap_or(true),
            Stage::Speaking(_) | Stage::Waiting(..) => false,
        }
    }
}

impl Seal {
    /// Takes in what came. Returns how many bytes of text that made. `first`: there was no text before.
    fn open(&mut self, mut bytes: &[u8], first: bool, decoder: &mut Decoder) -> Result<usize, SessionError> {
        if let Self::Awaited(keys, first) = self {
            let (of_first, rest) = bytes.split_at(bytes.len().min(HANDSHAKE_BYTES - first.len()));
            first.extend_from_slice(of_first);
            let Some(first) = first.first_chunk() else { return Ok(0) };
            let (answer, session) = keys.answer(first)?;
            *self = Self::Session(Box::new(session), Some(answer));
            bytes = rest;
        }
        let Self::Session(session, _) = self else {
            decoder.put(bytes);
            return Ok(bytes.len());
        };
        let mut count = 0;
        session.opener.put(bytes);
        while let Some(bytes) = session.opener.next_text(|bytes| decoder.space_for(bytes))? {
            count += bytes;
            decoder.filled(bytes);
        }
        // A recording of a handshake is answered, too. Until a record opens, it may be nothing more: the first one of a peer
        // is short, and a long one would be kept until it has come in full.
        if first && count == 0 && session.opener.wanted() > record_bytes(FIRST_BYTES_MAX) {
            return Err(SessionError::Forged);
        }
        Ok(count)
    }

    /// The keys of the connection, where it has any.
    pub(super) fn into_session(self) -> Option<Session> {
        match self {
            Self::Session(session, _) => Some(*session),
            Self::Open | Self::Awaited(..) => None,
        }
    }
}

impl Words {
    fn hear(&mut self, stream: &mut impl Read, seal: &mut Seal, from: SocketAddr) -> Heard {
        let mut piece = [0; FIRST_BYTES_MAX];
        loop {
            match self.understand(from) {
                Ok(Heard::More) => {}
                Ok(heard) => return heard,
                Err(WireError::Version { version }) => return Heard::OtherVersion(version),
                Err(error) => return Heard::Nonsense(error.to_string()),
            }
            let room = FIRST_BYTES_MAX.saturating_sub(self.bytes);
            if room == 0 {
                return Heard::Nonsense(WireError::TooLong { max: FIRST_BYTES_MAX }.to_string());
            }
            match net::uninterrupted(|| stream.read(&mut piece[..room])) {
                Ok(0) => return Heard::Nothing,
                Ok(bytes) => match seal.open(&piece[..bytes], self.bytes == 0, &mut self.decoder) {
                    Ok(bytes) => self.bytes += bytes,
                    Err(error) => return Heard::Foreign(error),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::More,
                // It was a port scan, or a peer that went away.
                Err(_) => return Heard::Nothing,
            }
        }
    }

    /// `HELLO` makes a link if it names an addressee. Otherwise a question follows, perhaps after a hint. `STATUS`
    /// comes from a process that is no peer.
    fn understand(&mut self, from: SocketAddr) -> Result<Heard, WireError> {
        while let Some(message) = self.decoder.next_message()? {
            match (net::seen(message, from), self.hello.take()) {
                (Message::Hello(hello), None) => {
                    if hello.addressee.is_some() {
                        return Ok(Heard::Link(hello));
                    }
                    self.hello = Some(hello);
                }
                (Message::Status, None) => return Ok(Heard::Status),
                (_, None) => return Ok(Heard::Nonsense("its first line is not HELLO".to_owned())),
                (Message::Who { nonce, dialled }, Some(hello)) => {
                    let dialled = dialled.map(|(token, at)| (token, net::canonical(at)));
                    return Ok(Heard::Question(hello, Question { nonce, hint: self.hint.take(), dialled }));
                }
                (hint @ (Message::NewPeerRequest(_) | Message::Leader(_)), Some(hello)) if self.hint.is_none() => {
                    (self.hello, self.hint) = (Some(hello), Some(hint));
                }
                _ => return Ok(Heard::Nonsense("it asks nothing".to_owned())),
            }
        }
        Ok(Heard::More)
    }
}

/// A stream that can be ended one way.
trait OneWay: Read + Write {
    fn end(&self) -> io::Result<()>;
}

impl OneWay for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Parting {
    fn go_on(&mut self, stream: &mut impl OneWay) -> io::Result<bool> {
        while self.written < self.bytes.len() {
            match net::uninterrupted(|| stream.write(&self.bytes[self.written..])) {
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if !self.ended {
            stream.end()?;
            self.ended = true;
        }
        let mut rest = [0; 4096];
        while self.drained < DRAINED_MAX {
            match net::uninterrupted(|| stream.read(&mut rest)) {
                Ok(0) => return Ok(true),
                Ok(bytes) => self.drained += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
