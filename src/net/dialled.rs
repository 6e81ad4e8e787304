//! A connection that this side dialled, ready for messages both ways. In a closed group, both sides have shown that
//! they have the key, and each connection has its own keys.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::{DialError, Incoming, SHORTEST_WAIT};
use super::outgoing::Outgoing;
use super::uninterrupted::uninterrupted;
use crate::keys::session::{Session, HANDSHAKE_BYTES};
use crate::keys::Keys;
use crate::wire::Decoder;

/// What is said on a connection, and what is heard.
#[derive(Debug)]
pub struct Dialled {
    pub stream: Arc<TcpStream>,
    pub outgoing: Outgoing,
    pub incoming: Incoming,
}

impl Dialled {
    /// Shows the other side that this one has the key, and waits for it to do the same, for `within` at most. In an open group
    /// there is nothing to show.
    ///
    /// # Errors
    /// [`DialError::Key`] where the other side has none of these keys: it closes the connection without a word.
    pub fn new(stream: TcpStream, keys: Option<&Keys>, within: Duration) -> Result<Self, DialError> {
        let session = keys.map(|keys| shake(&stream, keys, within)).transpose()?;
        let stream = Arc::new(stream);
        let (sealer, opener) = session.map(|session| (session.sealer, session.opener)).unzip();
        let incoming = Incoming::after(Arc::clone(&stream), opener, Decoder::new());
        Ok(Self { stream, outgoing: Outgoing::new(sealer), incoming })
    }
}

fn shake(mut stream: &TcpStream, keys: &Keys, within: Duration) -> Result<Session, DialError> {
    let until = Instant::now() + within;
    let (dialling, first) = keys.dial();
    // A reset does not mean that the process is gone: it may have closed one connection of many.
    stream.write_all(&first).map_err(DialError::Other)?;
    let mut answer = [0; HANDSHAKE_BYTES];
    let mut came = 0;
    while came < HANDSHAKE_BYTES {
        match uninterrupted(|| read_until(until, stream, &mut answer[came..])) {
            Ok(0) => return Err(DialError::Key),
            Ok(bytes) => came += bytes,
            // Unix reports a read that took too long as one that would block.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(DialError::TimedOut);
            }
            Err(error) => return Err(DialError::Other(error)),
        }
    }
    stream.set_read_timeout(None)?;
    dialling.finish(&answer).map_err(|_| DialError::Key)
}

/// Reads what comes until then; `TimedOut` where it is too late.
fn read_until(until: Instant, mut stream: &TcpStream, space: &mut [u8]) -> io::Result<usize> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left.max(SHORTEST_WAIT)))?;
    stream.read(space)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread::{self, JoinHandle};

    use super::*;
    use crate::keys::tests::key;
    use crate::wire::Message;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// What the dialler gets from a listener that does this with a connection.
    fn dial(
        listener: impl FnOnce(TcpStream) + Send + 'static,
        within: Duration,
    ) -> (Result<Dialled, DialError>, JoinHandle<()>) {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let endpoint = socket.local_addr().unwrap();
        let thread = thread::spawn(move || listener(socket.accept().unwrap().0));
        let keys = Keys::new(&[key(1)], "g");
        (Dialled::new(TcpStream::connect(endpoint).unwrap(), Some(&keys), within), thread)
    }

    /// Reads the first bytes of a dialler.
    fn first(mut stream: &TcpStream) -> [u8; HANDSHAKE_BYTES] {
        let mut first = [0; HANDSHAKE_BYTES];
        stream.read_exact(&mut first).unwrap();
        first
    }

    #[test]
    fn both_sides_of_a_group_speak_sealed() {
        let listener = |mut stream: TcpStream| {
            let (answer, session) = Keys::new(&[key(1)], "g").answer(&first(&stream)).unwrap();
            stream.write_all(&answer).unwrap();
            let stream = Arc::new(stream);
            let mut incoming = Incoming::after(Arc::clone(&stream), Some(session.opener), Decoder::new());
            let said = incoming.read_message().unwrap().unwrap();
            assert!(incoming.read_message().unwrap().is_none(), "a sealed end is an end");
            let mut outgoing = Outgoing::new(Some(session.sealer));
            outgoing.put(said);
            outgoing.write_last(&stream).unwrap();
        };
        let (dialled, thread) = dial(listener, PATIENCE);
        let mut dialled = dialled.unwrap();
        let said = Message::Ok { term: None };
        dialled.outgoing.put(said.clone());
        dialled.outgoing.write_last(&dialled.stream).unwrap();
        assert_eq!(dialled.incoming.message_within(PATIENCE).unwrap(), Some(said));
        assert!(dialled.incoming.read_message().unwrap().is_none());
        thread.join().unwrap();
    }

    #[test]
    fn a_connection_that_breaks_off_has_not_ended() {
        let listener = |mut stream: TcpStream| {
            let (answer, _) = Keys::new(&[key(1)], "g").answer(&first(&stream)).unwrap();
            stream.write_all(&answer).unwrap();
        };
        let (dialled, thread) = dial(listener, PATIENCE);
        thread.join().unwrap();
        let error = dialled.unwrap().incoming.read_message().unwrap_err();
        assert!(
            matches!(error, super::super::ReadError::Io(ref error) if error.kind() == io::ErrorKind::UnexpectedEof)
        );
    }

    #[test]
    fn a_listener_with_another_key_is_distinguished_from_a_silent_one() {
        let refused = |(dialled, thread): (Result<Dialled, DialError>, JoinHandle<()>)| {
            thread.join().unwrap();
            dialled.unwrap_err()
        };
        let hangs_up = |stream: TcpStream| assert!(first(&stream) != [0; HANDSHAKE_BYTES]);
        assert!(matches!(refused(dial(hangs_up, PATIENCE)), DialError::Key));
        let pretends = |mut stream: TcpStream| {
            first(&stream);
            stream.write_all(&[7; HANDSHAKE_BYTES]).unwrap();
        };
        assert!(matches!(refused(dial(pretends, PATIENCE)), DialError::Key));
        let (tell, told) = std::sync::mpsc::channel::<()>();
        let silent = move |stream: TcpStream| {
            first(&stream);
            let _ = told.recv();
        };
        // Long enough that the first bytes are not what takes so long.
        let (dialled, thread) = dial(silent, Duration::from_millis(300));
        assert!(matches!(dialled.unwrap_err(), DialError::TimedOut));
        drop(tell);
        thread.join().unwrap();
    }
}
