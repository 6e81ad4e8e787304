//! One incoming connection that has not been admitted: its first lines, and how it is told what it wants to know, without
//! ever waiting for it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::net;
use crate::protocol::Question;
use crate::wire::{encode, Decoder, Hello, Message, WireError};

/// It has so long to say who it is, and as long again to read what it is told.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of the first lines: a `HELLO`, a hint and a question with the longest names take 700.
const FIRST_BYTES_MAX: usize = 1024;

/// Bytes that are read and thrown away after a refusal. Where they were left, the system would take back what the other
/// side is told.
const DRAINED_MAX: usize = 64 * 1024;

pub(super) struct Visitor {
    pub(super) stream: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) stage: Stage,
    /// Then it is closed, but while the core thinks about it.
    pub(super) until: Instant,
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
    /// It is no peer.
    Nonsense(String),
    /// It hung up.
    Nothing,
}

impl Visitor {
    pub(super) fn new(stream: TcpStream, from: SocketAddr, now: Instant) -> Self {
        Self { stream, from, stage: Stage::Speaking(Words::default()), until: now + PATIENCE }
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
        let heard = words.hear(&mut self.stream, self.from);
        if let Heard::Link(hello) = &heard {
            let decoder = std::mem::take(&mut words.decoder);
            self.stage = Stage::Waiting(decoder, hello.clone());
        }
        heard
    }

    /// Begins to tell it this, and to close it.
    pub(super) fn tell(&mut self, message: &Message, now: Instant) {
        let mut parting = Parting::default();
        encode(message, &mut parting.bytes);
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

impl Words {
    fn hear(&mut self, stream: &mut impl Read, from: SocketAddr) -> Heard {
        let mut piece = [0; FIRST_BYTES_MAX];
        loop {
            match self.understand(from) {
                Ok(Heard::More) => {}
                Ok(heard) => return heard,
                Err(error) => return Heard::Nonsense(error.to_string()),
            }
            let room = FIRST_BYTES_MAX - self.bytes;
            if room == 0 {
                return Heard::Nonsense(WireError::TooLong { max: FIRST_BYTES_MAX }.to_string());
            }
            match stream.read(&mut piece[..room]) {
                Ok(0) => return Heard::Nothing,
                Ok(bytes) => {
                    self.decoder.space()[..bytes].copy_from_slice(&piece[..bytes]);
                    self.decoder.filled(bytes);
                    self.bytes += bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::More,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A port scan, or a peer that went away.
                Err(_) => return Heard::Nothing,
            }
        }
    }

    /// `HELLO` makes a link where it names an addressee; elsewhere a question follows, perhaps after a hint.
    fn understand(&mut self, from: SocketAddr) -> Result<Heard, WireError> {
        while let Some(message) = self.decoder.next_message()? {
            match (net::seen(message, from), self.hello.take()) {
                (Message::Hello(hello), None) => {
                    if hello.addressee.is_some() {
                        return Ok(Heard::Link(hello));
                    }
                    self.hello = Some(hello);
                }
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

    const FROM: &str = "[::ffff:192.0.2.7]:4711";

    fn hear(text: &str) -> Heard {
        Words::default().hear(&mut text.as_bytes(), FROM.parse().unwrap())
    }

    #[test]
    fn a_greeting_makes_a_link_and_what_follows_is_kept_for_its_reader() {
        let mut words = Words::default();
        let text = "HELLO:2:sensors:-:x:1:0.0.0.0:70:a:0000000000000001\nOK:-\n";
        let Heard::Link(hello) = words.hear(&mut text.as_bytes(), FROM.parse().unwrap()) else { panic!("no link") };
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
    }
}
