//! A connection that the adversary makes to a peer, under any name.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use peer::wire::{encode, Decoder, Message};

use super::ears::lock;

/// Longer than anything takes that the adversary waits for on a socket.
pub(crate) const SOCKET_TIME: Duration = Duration::from_secs(10);

/// Longer than a peer takes to close a connection from which nothing more will come.
const LAST_WORDS_TIME: std::time::Duration = std::time::Duration::from_secs(20);

#[derive(Clone)]
pub(crate) struct Link {
    stream: Arc<TcpStream>,
    /// Held while something is written: a member answers heartbeats while a test speaks.
    speaking: Arc<Mutex<()>>,
}

impl Link {
    /// Connects to a peer, which may no longer listen, or may refuse.
    pub(crate) fn to(address: &str) -> Self {
        Self::try_to(address).expect("it listens")
    }

    pub(crate) fn try_to(address: &str) -> Option<Self> {
        let address = address.parse().expect("an address");
        let stream = TcpStream::connect_timeout(&address, SOCKET_TIME).ok()?;
        stream.set_read_timeout(Some(SOCKET_TIME)).expect("a duration");
        stream.set_write_timeout(Some(SOCKET_TIME)).expect("a duration");
        Some(Self { stream: Arc::new(stream), speaking: Arc::default() })
    }

    /// False: the peer hung up, or does not read.
    pub(crate) fn raw(&self, bytes: &[u8]) -> bool {
        let _speaking = lock(&self.speaking);
        (&*self.stream).write_all(bytes).is_ok()
    }

    pub(crate) fn say(&self, message: &Message) -> bool {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        self.raw(&bytes)
    }

    /// The next message that comes back, if one does.
    pub(crate) fn hear(&self) -> Option<Message> {
        let mut decoder = Decoder::new();
        loop {
            if let Some(message) = decoder.next_message().ok()? {
                return Some(message);
            }
            let read = (&*self.stream).read(decoder.space()).ok().filter(|read| *read > 0)?;
            decoder.filled(read);
        }
    }

    /// Ends with nonsense, and waits until the peer says so: then it has read all that came before. Returns the peer's
    /// words.
    pub(crate) fn end(&self) -> String {
        self.raw(b"no verb at all\n");
        self.last_words()
    }

    /// Reads what the peer says until it hangs up.
    pub(crate) fn last_words(&self) -> String {
        String::from_utf8_lossy(&self.last_bytes()).into_owned()
    }

    /// The same, as bytes.
    pub(crate) fn last_bytes(&self) -> Vec<u8> {
        // A link that is half closed before it is admitted gets no words.
        self.stream.set_read_timeout(Some(LAST_WORDS_TIME)).expect("a time");
        let mut words = Vec::new();
        // A peer that closes before it has read everything resets the connection.
        let _ = (&*self.stream).read_to_end(&mut words);
        words
    }

    /// Whether the peer hung up, as far as is known now.
    pub(crate) fn is_over(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket");
        let over = match self.stream.peek(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        };
        self.stream.set_nonblocking(false).expect("a socket");
        over
    }

    pub(crate) fn hang_up(&self) {
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
