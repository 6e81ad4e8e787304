//! TCP connections: dialling, reading messages, writing without waiting.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use crate::wire::{Decoder, Message, WireError};

/// Why a dial came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody listens there.
    #[error("the connection is refused")]
    Refused,
    #[error("no answer in time")]
    TimedOut,
    #[error("{0}")]
    Other(io::Error),
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wire(#[from] WireError),
}

/// Connects, and waits so long for an answer.
///
/// # Errors
/// [`DialError`]
pub fn dial(endpoint: SocketAddr, timeout: Duration) -> Result<TcpStream, DialError> {
    let stream = TcpStream::connect_timeout(&endpoint, timeout).map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => DialError::Refused,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => DialError::TimedOut,
        _ => DialError::Other(error),
    })?;
    stream.set_nodelay(true).map_err(DialError::Other)?;
    Ok(stream)
}

/// Can `send_now` be used on this system?
pub const CAN_SEND_NOW: bool = cfg!(target_os = "linux");

/// Writes as much as the connection takes without waiting. Returns how many bytes that was.
///
/// # Errors
/// The connection's; that it takes nothing now is none.
pub fn send_now(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    // MSG_DONTWAIT of Linux.
    const DONT_WAIT: std::ffi::c_int = 0x40;
    match SockRef::from(stream).send_with_flags(bytes, DONT_WAIT) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

/// A connection that is read.
#[derive(Debug)]
pub struct Incoming {
    stream: TcpStream,
    decoder: Decoder,
}

impl Incoming {
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, decoder: Decoder::new() }
    }

    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Longest wait for the next bytes; `None`: for ever.
    ///
    /// # Errors
    /// The socket's.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(timeout)
    }

    /// Waits for the next message; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`]: nothing more is to be read.
    pub fn read_message(&mut self) -> Result<Option<Message>, ReadError> {
        loop {
            if let Some(message) = self.decoder.next_message()? {
                return Ok(Some(message));
            }
            match self.stream.read(self.decoder.space()) {
                Ok(0) => {
                    self.decoder.finish()?;
                    return Ok(None);
                }
                Ok(bytes) => self.decoder.filled(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
