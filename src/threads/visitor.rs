//! One incoming connection that has not been admitted: its first lines, and how it is told what it wants to know, without
//! ever waiting for it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::keys::session::{Session, SessionError, HANDSHAKE_BYTES};
use crate::keys::Keys;
use crate::net;
use crate::protocol::Question;
use crate::wire::{encode, Decoder, Hello, Message, WireError};

/// It has so long to say who it is, and as long again to read what it is told.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// In a closed group it has so long, as anybody can connect, and has to show a key first.
const CLOSED_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of the first lines: a `HELLO`, a hint and a question with the longest names take 700.
const FIRST_BYTES_MAX: usize = 1024;

/// Bytes that are read and thrown away after a refusal. Where they were left, the system would take back what the other
/// side is told.
const DRAINED_MAX: usize = 64 * 1024;

pub(super) struct Visitor {
    pub(super) stream: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) stage: Stage,
    pub(super) seal: Seal,
    /// Then it is closed, but while the core thinks about it.
    pub(super) until: Instant,
}

/// How what it says is sealed.
pub(super) enum Seal {
    /// The group is an open one.
    Open,
    /// It has to show that it has one of these; what came of that so far.
    Awaited(Arc<Keys>, Vec<u8>),
    /// It did, and is to be answered with this if it was not yet.
    Session(Box<Session>, Option<[u8; HANDSHAKE_BYTES]>),
}

pub(super) enum Stage {
    Speaking(Words),
    /// A link that waits for its verdict, and what was read beyond its greeting.
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

/// What came of reading.
pub(super) enum Heard {
    /// There will be more.
    More,
    Link(Hello),
    Question(Hello, Question),
    /// It wants to know what this peer knows of its group.
    Status,
    /// It is no peer.
    Nonsense(String),
    /// It is none of this closed group, and gets no word.
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
            // The connection has carried nothing this way, so that it takes all of it.
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
            // Nobody is told anything who has not shown a key.
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
    /// Takes in what came. Returns how many bytes of text that made.
    fn open(&mut self, mut bytes: &[u8], decoder: &mut Decoder) -> Result<usize, SessionError> {
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
        while let Some(text) = session.opener.next_text()? {
            count += text.len();
            decoder.put(text);
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
                Err(error) => return Heard::Nonsense(error.to_string()),
            }
            let room = FIRST_BYTES_MAX.saturating_sub(self.bytes);
            if room == 0 {
                return Heard::Nonsense(WireError::TooLong { max: FIRST_BYTES_MAX }.to_string());
            }
            match stream.read(&mut piece[..room]) {
                Ok(0) => return Heard::Nothing,
                Ok(bytes) => match seal.open(&piece[..bytes], &mut self.decoder) {
                    Ok(bytes) => self.bytes += bytes,
                    Err(error) => return Heard::Foreign(error),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::More,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A port scan, or a peer that went away.
                Err(_) => return Heard::Nothing,
            }
        }
    }

    /// `HELLO` makes a link where it names an addressee; elsewhere a question follows, perhaps after a hint. `STATUS` comes from
    /// somebody who is no peer.
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

/// What may be ended one way.
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
            match stream.write(&self.bytes[self.written..]) {
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if !self.ended {
            stream.end()?;
            self.ended = true;
        }
        let mut rest = [0; 4096];
        while self.drained < DRAINED_MAX {
            match stream.read(&mut rest) {
                Ok(0) => return Ok(true),
                Ok(bytes) => self.drained += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{INCARNATION_MAX, NUMBER_MAX};
    use crate::keys::tests::key;

    const FROM: &str = "[::ffff:192.0.2.7]:4711";

    fn hear(text: &str) -> Heard {
        Words::default().hear(&mut text.as_bytes(), &mut Seal::Open, FROM.parse().unwrap())
    }

    #[test]
    fn a_greeting_makes_a_link_and_what_follows_is_kept_for_its_reader() {
        let mut words = Words::default();
        let text = "HELLO:2:sensors:-:x:1:0.0.0.0:70:a:0000000000000001\nOK:-\n";
        let Heard::Link(hello) = words.hear(&mut text.as_bytes(), &mut Seal::Open, FROM.parse().unwrap()) else {
            panic!("no link")
        };
        assert_eq!(hello.endpoint, "192.0.2.7:70".parse().unwrap());
        assert_eq!(words.decoder.next_message(), Ok(Some(Message::Ok { term: None })));
    }

    #[test]
    fn a_question_with_a_hint_of_the_longest_names_is_heard() {
        let (name, life, term) =
            ("n".repeat(64), INCARNATION_MAX, format!("{NUMBER_MAX}@{}/{INCARNATION_MAX}", "n".repeat(64)));
        let address = "2001:db8:1111:2222:3333:4444:5555:6666";
        let hello = format!("HELLO:2:{name}:4294967295:{name}:{life}:[{address}]:65535::0123456789abcdef");
        let contact = format!("{name}:{}:{life}:[{address}]:65535", i64::MIN);
        let hint = format!("LEADER:{term}:4294967295:{life}:{contact}");
        let who = format!("WHO:0123456789abcdef:0123456789abcdef:[{address}]:65535");
        let heard = hear(&format!("{hello}\n{hint}\n{who}\n"));
        let Heard::Question(hello, question) = heard else { panic!("no question") };
        assert!(hello.addressee.is_none() && matches!(question.hint, Some(Message::Leader(_))));
        assert!(question.dialled.is_some());
    }

    #[test]
    fn a_host_that_says_no_greeting_or_too_much_is_no_peer() {
        for (text, why) in [
            ("COMMIT:1@a/1:7\n".to_owned(), "not HELLO"),
            ("GET / HTTP/1.1\r\n".to_owned(), "verb"),
            ("x".repeat(5000), "1024 bytes"),
            ("HELLO:2:sensors:-:x:1:0.0.0.0:70::0000000000000001\nOK:-\n".to_owned(), "asks nothing"),
        ] {
            let Heard::Nonsense(said) = hear(&text) else { panic!("{text}") };
            assert!(said.contains(why), "{said}");
        }
        assert!(matches!(hear("HELLO:2:sensors"), Heard::Nothing));
        assert!(matches!(hear("STATUS\n"), Heard::Status));
    }

    #[test]
    fn in_a_closed_group_the_first_words_are_sealed_and_come_after_a_key() {
        let keys = || Arc::new(Keys::new(&[key(1)], "g"));
        let hello = b"HELLO:2:sensors:-:x:1:0.0.0.0:70:a:0000000000000001\nOK:-\n";
        let (dialling, first) = keys().dial();
        let (mut words, mut seal) = (Words::default(), Seal::Awaited(keys(), Vec::new()));
        for byte in first {
            let heard = words.hear(&mut Once(&[byte]), &mut seal, FROM.parse().unwrap());
            assert!(matches!(heard, Heard::More));
        }
        let Seal::Session(_, Some(answer)) = &seal else { panic!("no session") };
        let mut session = dialling.finish(answer).unwrap();
        let mut bytes = Vec::new();
        session.sealer.seal(hello, Instant::now(), &mut bytes);
        let Heard::Link(hello) = words.hear(&mut Once(&bytes), &mut seal, FROM.parse().unwrap()) else {
            panic!("no link")
        };
        assert_eq!(hello.peer.as_str(), "x");
        assert_eq!(words.decoder.next_message(), Ok(Some(Message::Ok { term: None })));
    }

    #[test]
    fn in_a_closed_group_what_has_no_key_is_foreign_and_heard_no_further() {
        let (_, other) = Keys::new(&[key(2)], "g").dial();
        let open = b"HELLO:2:sensors:-:x:1:0.0.0.0:70:a:0000000000000001\nOK:-\n";
        for bytes in [&other[..], &open[..], &[0; 4096]] {
            let mut seal = Seal::Awaited(Arc::new(Keys::new(&[key(1)], "g")), Vec::new());
            let mut words = Words::default();
            let heard = words.hear(&mut Once(bytes), &mut seal, FROM.parse().unwrap());
            assert!(matches!(heard, Heard::Foreign(SessionError::Key)));
            assert_eq!(words.bytes, 0);
        }
    }

    /// A connection on which this came, and nothing more yet.
    struct Once<'a>(&'a [u8]);

    impl Read for Once<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                Err(io::ErrorKind::WouldBlock.into())
            } else {
                self.0.read(buffer)
            }
        }
    }
}
