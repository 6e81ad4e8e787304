//! A connection that the adversary makes to a peer, under whatever name.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use peer::wire::{encode, Decoder, Message};

/// Nothing that the adversary waits for on a socket takes so long.
pub(crate) const SOCKET_TIME: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct Link(Arc<TcpStream>);

impl Link {
    /// Connects to a peer, which may not listen any more, or not to this.
    pub(crate) fn to(address: &str) -> Self {
        Self::try_to(address).expect("it listens")
    }

    pub(crate) fn try_to(address: &str) -> Option<Self> {
        let address = address.parse().expect("an address");
        let stream = TcpStream::connect_timeout(&address, SOCKET_TIME).ok()?;
        stream.set_read_timeout(Some(SOCKET_TIME)).expect("a duration");
        stream.set_write_timeout(Some(SOCKET_TIME)).expect("a duration");
        Some(Self(Arc::new(stream)))
    }

    /// False: the peer hung up, or does not read.
    pub(crate) fn raw(&self, bytes: &[u8]) -> bool {
        (&*self.0).write_all(bytes).is_ok()
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
            let read = (&*self.0).read(decoder.space()).ok().filter(|read| *read > 0)?;
            decoder.filled(read);
        }
    }

    /// Ends with what makes no sense, and waits until the peer says so: it has read all that came before. What it says.
    pub(crate) fn end(&self) -> String {
        self.raw(b"no verb at all\n");
        self.last_words()
    }

    /// Says nothing more, and reads what the peer says until it hangs up.
    pub(crate) fn last_words(&self) -> String {
        // One that is closed already needs no closing.
        let _ = self.0.shutdown(Shutdown::Write);
        let mut words = Vec::new();
        // A peer that closes before it has read all resets.
        let _ = (&*self.0).read_to_end(&mut words);
        String::from_utf8_lossy(&words).into_owned()
    }

    pub(crate) fn hang_up(&self) {
        // One that is closed already needs no closing.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
