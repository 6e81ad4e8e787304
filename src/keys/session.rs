//! A connection of a closed group: Noise `NNpsk0_25519_ChaChaPoly_BLAKE2s`, then records. No socket: bytes in, bytes out.
//!
//! The dialler sends 48 bytes and gets 48. Then both sides have keys for this connection alone: to learn the group's
//! key later does not reveal them. The first 48 bytes could be a recording, so they carry nothing: the dialler's first
//! record proves that it is there now. The prologue is this protocol's version and the group's name, and the key is
//! derived for that group alone.
//!
//! A record is its kind in one byte, its length in two, then that many sealed bytes. Kind and number of a record,
//! counted from zero each way, are its nonce, so that none is left out, repeated or taken for another. An end is a
//! record, too, so that a cut does not go unnoticed.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use snow::params::NoiseParams;
use snow::{Builder, HandshakeState, StatelessTransportState};

use super::{Fingerprint, Keys};

/// Bytes that either side sends before the records.
pub const HANDSHAKE_BYTES: usize = 48;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"peer 1 ";

/// Kind and length.
const HEAD_BYTES: usize = 3;

/// A sealed text is longer by this much.
pub const CODE_BYTES: usize = 16;

/// Longest sealed part of a record: two bytes give its length, and Noise allows no more.
const SEALED_BYTES_MAX: usize = 65_535;

/// Longest text of a record.
pub const TEXT_BYTES_MAX: usize = SEALED_BYTES_MAX - CODE_BYTES;

/// Longest record.
pub const RECORD_BYTES_MAX: usize = HEAD_BYTES + SEALED_BYTES_MAX;

/// The length of a record with a text of this length.
#[must_use]
pub const fn record_bytes(text: usize) -> usize {
    HEAD_BYTES + text + CODE_BYTES
}

/// How many bytes are asked for: while little comes, enough for many small records; while more comes, two long ones.
const SPACE_BYTES: usize = 16 * 1024;
const FLOW_BYTES: usize = 2 * RECORD_BYTES_MAX;

/// The key of one direction is replaced by the next after this many records, or after this time.
const RECORDS_A_KEY: u64 = 1 << 20;
const TIME_A_KEY: Duration = Duration::from_secs(3600);

/// The kinds of records. This one is text.
const TEXT: u8 = 0;
/// The next record is sealed with the next key.
const REKEY: u8 = 1;
/// Nothing follows.
const END: u8 = 2;

/// The place of the kind in a nonce: no connection has that many records.
const KIND_SHIFT: u32 = 62;

fn nonce(kind: u8, count: u64) -> u64 {
    u64::from(kind) << KIND_SHIFT | count
}

/// Why a connection is useless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The other side has none of these keys, or is not a peer.
    #[error("it has another key, or none")]
    Key,
    /// Bytes were changed, left out or repeated.
    #[error("what came is not what was sent")]
    Forged,
    /// The connection broke before its end was said.
    #[error("it broke off")]
    BrokenOff,
}

/// The keys of a connection, shared by both directions; they change rarely.
type Transport = Arc<RwLock<StatelessTransportState>>;

/// Both directions of a connection.
#[derive(Debug)]
pub struct Session {
    pub sealer: Sealer,
    pub opener: Opener,
    /// The group's key that the session was made with.
    pub fingerprint: Fingerprint,
}

/// The dialling side, until the answer comes.
pub struct Dialling {
    handshake: Box<HandshakeState>,
    fingerprint: Fingerprint,
}

impl fmt::Debug for Dialling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialling({})", self.fingerprint)
    }
}

fn builder<'a>(prologue: &'a [u8], psk: &'a [u8; 32]) -> Builder<'a> {
    let params: NoiseParams = PATTERN.parse().expect("a pattern of Noise");
    let builder = Builder::new(params).prologue(prologue).expect("given once");
    builder.psk(0, psk).expect("given once")
}

impl Keys {
    fn prologue(&self) -> Vec<u8> {
        [PROLOGUE, self.group.as_bytes()].concat()
    }

    /// Begins with the key that this peer speaks with: returns what to send, and what takes the answer.
    ///
    /// # Panics
    /// Where the system has no random numbers.
    #[must_use]
    pub fn dial(&self) -> (Dialling, [u8; HANDSHAKE_BYTES]) {
        let (prologue, key) = (self.prologue(), &self.keys[0]);
        let mut handshake = builder(&prologue, &key.connections).build_initiator().expect("all that it needs");
        let mut bytes = [0; HANDSHAKE_BYTES];
        let written = handshake.write_message(&[], &mut bytes).expect("the system has random numbers");
        debug_assert_eq!(written, HANDSHAKE_BYTES);
        (Dialling { handshake: Box::new(handshake), fingerprint: key.fingerprint }, bytes)
    }

    /// Answers a dialler, with the key that it used: returns what to send, and the session. The dialler may be a
    /// recording until one of its records could be opened.
    ///
    /// # Errors
    /// [`SessionError::Key`] where it used none of these keys.
    pub fn answer(&self, first: &[u8; HANDSHAKE_BYTES]) -> Result<([u8; HANDSHAKE_BYTES], Session), SessionError> {
        let prologue = self.prologue();
        for key in &self.keys {
            let mut handshake = builder(&prologue, &key.connections).build_responder().expect("all that it needs");
            if handshake.read_message(first, &mut []).is_err() {
                continue;
            }
            let mut bytes = [0; HANDSHAKE_BYTES];
            // The other side's public key may be one of the few that share no secret.
            handshake.write_message(&[], &mut bytes).map_err(|_| SessionError::Key)?;
            return Ok((bytes, Session::of(handshake, key.fingerprint)?));
        }
        Err(SessionError::Key)
    }
}

impl Dialling {
    /// Takes the answer.
    ///
    /// # Errors
    /// [`SessionError::Key`] where it does not come from a holder of the key.
    pub fn finish(mut self, answer: &[u8; HANDSHAKE_BYTES]) -> Result<Session, SessionError> {
        self.handshake.read_message(answer, &mut []).map_err(|_| SessionError::Key)?;
        Session::of(*self.handshake, self.fingerprint)
    }
}

impl Session {
    fn of(handshake: HandshakeState, fingerprint: Fingerprint) -> Result<Self, SessionError> {
        let transport = handshake.into_stateless_transport_mode().map_err(|_| SessionError::Key)?;
        let transport = Arc::new(RwLock::new(transport));
        let sealer = Sealer { transport: Arc::clone(&transport), count: 0, in_key: 0, since: None };
        let opener = Opener::new(transport);
        Ok(Self { sealer, opener, fingerprint })
    }
}

/// Seals what goes out.
pub struct Sealer {
    transport: Transport,
    /// Records sealed so far.
    count: u64,
    /// Records with the present key, and since when it is used.
    in_key: u64,
    since: Option<Instant>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({})", self.count)
    }
}

impl Sealer {
    /// Appends text as records.
    pub fn seal(&mut self, text: &[u8], now: Instant, out: &mut Vec<u8>) {
        for piece in text.chunks(TEXT_BYTES_MAX) {
            self.change_key_if_due(now, out);
            self.record(TEXT, piece, out);
        }
    }

    /// Appends the end: nothing may follow.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.record(END, &[], out);
    }

    fn change_key_if_due(&mut self, now: Instant, out: &mut Vec<u8>) {
        let since = *self.since.get_or_insert(now);
        if self.in_key >= RECORDS_A_KEY || now.saturating_duration_since(since) >= TIME_A_KEY {
            self.record(REKEY, &[], out);
            self.transport.write().unwrap_or_else(PoisonError::into_inner).rekey_outgoing();
            (self.in_key, self.since) = (0, Some(now));
        }
    }

    fn record(&mut self, kind: u8, text: &[u8], out: &mut Vec<u8>) {
        let sealed_bytes = text.len() + CODE_BYTES;
        let start = out.len() + HEAD_BYTES;
        out.push(kind);
        out.extend(u16::try_from(sealed_bytes).expect("a record is short").to_be_bytes());
        out.resize(start + sealed_bytes, 0);
        let transport = self.transport.read().unwrap_or_else(PoisonError::into_inner);
        let sealed = transport.write_message(nonce(kind, self.count), text, &mut out[start..]);
        debug_assert_eq!(sealed.expect("records do not come to an end"), sealed_bytes);
        self.count += 1;
        self.in_key += 1;
    }
}

/// Opens what comes in.
pub struct Opener {
    transport: Transport,
    count: u64,
    /// Bytes that came and are not opened yet are between `start` and `end`.
    sealed: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes to ask for.
    ask: usize,
    ended: bool,
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener({}, {} bytes)", self.count, self.end - self.start)
    }
}

impl Opener {
    fn new(transport: Transport) -> Self {
        Self { transport, count: 0, sealed: Vec::new(), start: 0, end: 0, ask: SPACE_BYTES, ended: false }
    }

    /// Length of the next record, as far as it is known.
    #[must_use]
    pub fn wanted(&self) -> usize {
        match self.sealed[self.start..self.end].first_chunk::<HEAD_BYTES>() {
            Some([_, length @ ..]) => HEAD_BYTES + usize::from(u16::from_be_bytes(*length)),
            None => HEAD_BYTES,
        }
    }

    /// Where the next bytes go. Never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.sealed.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = self.wanted().max(self.end + self.ask);
        if self.sealed.len() < room {
            self.sealed.reserve_exact(room - self.sealed.len());
            self.sealed.resize(room, 0);
        } else if self.end == 0 && self.sealed.len() > room {
            self.sealed = vec![0; room];
        }
        &mut self.sealed[self.end..]
    }

    /// Takes in a few bytes that were read elsewhere, and holds no more memory than they need.
    pub fn put(&mut self, bytes: &[u8]) {
        self.sealed.truncate(self.end);
        self.sealed.drain(..self.start);
        self.sealed.extend_from_slice(bytes);
        (self.start, self.end) = (0, self.sealed.len());
    }

    /// Notes that this many bytes were put there.
    pub fn filled(&mut self, bytes: usize) {
        self.end += bytes;
        if self.end == self.sealed.len() {
            self.ask = FLOW_BYTES;
        } else if bytes < SPACE_BYTES {
            self.ask = SPACE_BYTES;
        }
    }

    /// Opens the next record with a text, if it has come in full. `space` is asked for room for the text and [`CODE_BYTES`]
    /// more, which the cipher works with. Returns the length of the text.
    ///
    /// # Errors
    /// [`SessionError::Forged`]: nothing more can be read, and what is in the space means nothing.
    pub fn next_text<'a>(&mut self, space: impl FnOnce(usize) -> &'a mut [u8]) -> Result<Option<usize>, SessionError> {
        while let Some((kind, length)) = self.next_record()? {
            match (kind, length) {
                (TEXT, _) => {
                    self.open(kind, length, space(length + CODE_BYTES))?;
                    return Ok(Some(length));
                }
                (REKEY, 0) => {
                    self.open(kind, length, &mut [0; CODE_BYTES])?;
                    self.transport.write().unwrap_or_else(PoisonError::into_inner).rekey_incoming();
                }
                (END, 0) => {
                    self.open(kind, length, &mut [0; CODE_BYTES])?;
                    self.ended = true;
                }
                _ => return Err(SessionError::Forged),
            }
        }
        Ok(None)
    }

    /// The kind of the next record, and the length of its text, if it has come in full.
    fn next_record(&self) -> Result<Option<(u8, usize)>, SessionError> {
        let (came, wanted) = (self.end - self.start, self.wanted());
        let too_short = came >= HEAD_BYTES && wanted < HEAD_BYTES + CODE_BYTES;
        if too_short || (self.ended && came > 0) {
            return Err(SessionError::Forged);
        }
        if came < HEAD_BYTES || came < wanted {
            return Ok(None);
        }
        Ok(Some((self.sealed[self.start], wanted - HEAD_BYTES - CODE_BYTES)))
    }

    /// Opens the next record, which has come in full.
    fn open(&mut self, kind: u8, length: usize, text: &mut [u8]) -> Result<(), SessionError> {
        let end = self.start + HEAD_BYTES + length + CODE_BYTES;
        let sealed = &self.sealed[self.start + HEAD_BYTES..end];
        let transport = self.transport.read().unwrap_or_else(PoisonError::into_inner);
        let opened = transport.read_message(nonce(kind, self.count), sealed, text);
        drop(transport);
        if opened.map_err(|_| SessionError::Forged)? != length {
            return Err(SessionError::Forged);
        }
        self.count += 1;
        self.start = end;
        Ok(())
    }

    /// The connection ended. Checks that the other side said so.
    ///
    /// # Errors
    /// [`SessionError::BrokenOff`] if it did not.
    pub fn finish(&self) -> Result<(), SessionError> {
        if self.ended {
            Ok(())
        } else {
            Err(SessionError::BrokenOff)
        }
    }

    /// Bytes of memory.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.sealed.capacity()
    }
}

#[cfg(test)]
mod tests;
