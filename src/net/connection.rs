//! TCP connections: messages go one way, to the side that was dialled.
//!
//! All threads that may end a stream share it; [`hang_up`] wakes its reader or writer wherever that waits. Only the
//! dial and the answer to a question have a timeout here: how long silence may last is decided elsewhere.

use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::uninterrupted::uninterrupted;
use crate::keys::session::{Opener, SessionError};
use crate::wire::{Decoder, Message, WireError};

/// The library takes no zero timeout; this is used instead.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Why a dial reached nobody.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The host is there, and nobody listens: the process is gone.
    #[error("nobody listens there")]
    Refused,
    /// Nothing came back: a host that is cut off or down, or a process that is stopped.
    #[error("no answer in time")]
    TimedOut,
    /// A process listens there, and does not show that it has a key of this group.
    #[error("it has another key, or none")]
    Key,
    /// Nothing is known of the other side, for instance because no route leads there.
    #[error("{0}")]
    Other(io::Error),
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A process that ends while it is dialled resets.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Other(error),
        }
    }
}

/// Why a connection cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection broke; `TimedOut` where an answer did not come in time.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came makes no sense, or ended in the middle of a message.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// In a closed group: somebody changed what was under way.
    #[error("{0}")]
    Session(#[from] SessionError),
}

/// Connects, within `timeout`; from the address `bind` where that is a specific one: a peer that listens at a single
/// address is known by it, and the other side compares.
///
/// # Errors
/// [`DialError`] says what is known of the other side. Windows repeats a refused dial for 2 s: where the timeout is
/// shorter, a process that is gone looks like one that does not answer.
pub fn dial(endpoint: SocketAddr, timeout: Duration, bind: IpAddr) -> Result<TcpStream, DialError> {
    let socket = Socket::new(Domain::for_address(endpoint), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(source) = source(bind, endpoint) {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect_timeout(&endpoint.into(), timeout.max(SHORTEST_WAIT))?;
    let stream = TcpStream::from(socket);
    if reached_itself(&stream)? {
        // A reset: otherwise the port would be withheld from its owner for a minute.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        return Err(DialError::Refused);
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The address that a dial is bound to, if to any. The system dials an address of this host from that very address
/// anyway. A bound port would be taken before the system knows the target: a hundred peers on one address used up all
/// ports.
fn source(bind: IpAddr, endpoint: SocketAddr) -> Option<IpAddr> {
    let is_needed = !bind.is_unspecified() && bind.is_ipv4() == endpoint.is_ipv4() && bind != endpoint.ip();
    is_needed.then_some(bind)
}

/// Makes the system end a connection when the other side acknowledges nothing for `patience`, if the system can. The
/// kernel's own patience is a quarter of an hour, and after a cut of the network it retries only after as long as the
/// cut lasted.
pub fn give_up_after(stream: &TcpStream, patience: Duration) {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(patience)) {
        log::debug!("cannot bound how long a connection waits: {error}");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia")))]
    let _ = (stream, patience);
}

/// When a free port of this host is dialled, the system may pick that same port as the source, and TCP then connects
/// the socket with itself. That is rare, but a dead peer on loopback is dialled again and again.
fn reached_itself(stream: &TcpStream) -> io::Result<bool> {
    Ok(stream.local_addr()? == stream.peer_addr()?)
}

/// Ends a connection both ways. Its reader finds the end once it has read what had come; its writer finds it broken.
pub fn hang_up(stream: &TcpStream) {
    // If it has ended already, all is well.
    let _ = stream.shutdown(Shutdown::Both);
}

/// Reads what comes from a connection.
#[derive(Debug)]
pub struct Incoming {
    stream: Arc<TcpStream>,
    /// In a closed group.
    opener: Option<Opener>,
    decoder: Decoder,
    /// How many bytes of messages may come, and how many of them may still come.
    most: usize,
    left: usize,
}

impl Incoming {
    #[must_use]
    pub fn new(stream: Arc<TcpStream>) -> Self {
        Self::after(stream, None, Decoder::new())
    }

    /// Continues where another reader stopped; in a closed group, with the keys of the connection.
    #[must_use]
    pub fn after(stream: Arc<TcpStream>, opener: Option<Opener>, decoder: Decoder) -> Self {
        Self { stream, opener, decoder, most: usize::MAX, left: usize::MAX }
    }

    /// Reads no more than this many bytes: a sender with more to say makes no sense.
    #[must_use]
    pub fn at_most(self, bytes: usize) -> Self {
        Self { most: bytes, left: bytes, ..self }
    }

    /// The connection that is read.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether more was read than the messages that were taken.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.decoder.has_more()
    }

    /// Bytes of messages that this reader holds memory for.
    #[must_use]
    pub fn held(&self) -> usize {
        self.decoder.held()
    }

    /// The next message, if it comes in full within this time. `None`: the other side hung up.
    ///
    /// # Errors
    /// As [`Incoming::read_message`]; `TimedOut` where it did not come.
    pub fn message_within(&mut self, within: Duration) -> Result<Option<Message>, ReadError> {
        let until = Instant::now() + within;
        loop {
            if let Some(message) = self.decoder.next_message()? {
                self.stream.set_read_timeout(None)?;
                return Ok(Some(message));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ReadError::Io(io::ErrorKind::TimedOut.into()));
            }
            self.stream.set_read_timeout(Some(left.max(SHORTEST_WAIT)))?;
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Waits for the next message. `None`: the connection ended, and not in the middle of a message.
    ///
    /// # Errors
    /// [`ReadError`]: nothing more can be read.
    pub fn read_message(&mut self) -> Result<Option<Message>, ReadError> {
        loop {
            if let Some(message) = self.decoder.next_message()? {
                return Ok(Some(message));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next message if it has come already, without a look at the connection. So a reader can take together what
    /// came together.
    ///
    /// # Errors
    /// [`WireError`]: nothing more can be read.
    pub fn buffered_message(&mut self) -> Result<Option<Message>, WireError> {
        self.decoder.next_message()
    }

    /// Reads once. False: the connection ended.
    ///
    /// # Errors
    /// [`ReadError`]: nothing more can be read.
    pub fn fill(&mut self) -> Result<bool, ReadError> {
        if self.left == 0 {
            return Err(WireError::TooLong { max: self.most }.into());
        }
        let space = if let Some(opener) = &mut self.opener {
            opener.space()
        } else {
            let space = self.decoder.space();
            let room = space.len().min(self.left);
            &mut space[..room]
        };
        match uninterrupted(|| (&*self.stream).read(space)) {
            Ok(0) => self.finish().map(|()| false),
            Ok(bytes) => self.take(bytes).map(|()| true),
            // Unix reports a read that took too long in this way.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(ReadError::Io(io::ErrorKind::TimedOut.into()))
            }
            Err(error) => Err(ReadError::Io(error)),
        }
    }

    /// This many bytes came.
    fn take(&mut self, bytes: usize) -> Result<(), ReadError> {
        let Some(opener) = &mut self.opener else {
            self.decoder.filled(bytes);
            self.left -= bytes;
            return Ok(());
        };
        opener.filled(bytes);
        while let Some(bytes) = opener.next_text(|bytes| self.decoder.space_for(bytes))? {
            self.left = self.left.checked_sub(bytes).ok_or(WireError::TooLong { max: self.most })?;
            self.decoder.filled(bytes);
        }
        Ok(())
    }

    /// Nothing more comes.
    fn finish(&self) -> Result<(), ReadError> {
        if self.opener.as_ref().is_some_and(|opener| opener.finish().is_err()) {
            // The process ended, or the network; what it said so far counts.
            return Err(ReadError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(self.decoder.finish()?)
    }
}

#[cfg(test)]
mod tests;
