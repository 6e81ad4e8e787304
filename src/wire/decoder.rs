//! From the bytes of a connection to messages. Bounded, and without a socket: the reader asks for `space`, fills
//! it, and takes out what is complete.

use super::error::WireError;
use super::message::Message;
use super::parse::{self, Head, Parsed};

/// Longest line, its LF included.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Longest line with a view in it (`VIEW_CHANGE`, `ADDED TO NETWORK`, `HERE`): some 5,000 members. The same for a
/// `REPORT`.
pub const VIEW_LINE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes asked for while little comes, and kept by a quiet connection: room for many small messages. A leader keeps as much
/// for each of its peers.
const SPACE_BYTES: usize = 4 * 1024;

/// Bytes asked for while more comes than was asked for. A longer block asks for as much again as came of it so far. On
/// loopback, four times this was no faster.
const FLOW_BYTES: usize = 64 * 1024;

/// A larger buffer is given back after this many fills in a row that `SPACE_BYTES` would have held.
const QUIET_FILLS: u32 = 16;

/// Takes the bytes of one connection apart.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the bytes begin that were not taken out yet.
    start: usize,
    end: usize,
    /// There is no LF among this many bytes from `start` on.
    scanned: usize,
    /// A line that was taken out, and the length of the block it waits for.
    waiting: Option<(usize, Head)>,
    /// Bytes to ask for.
    ask: usize,
    /// Small fills in a row.
    quiet: u32,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, scanned: 0, waiting: None, ask: SPACE_BYTES, quiet: 0 }
    }
}

impl Decoder {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the next bytes go. Never empty.
    pub fn space(&mut self) -> &mut [u8] {
        self.make_room(0);
        &mut self.buffer[self.end..]
    }

    /// Room for this many bytes, which have come already.
    pub fn space_for(&mut self, bytes: usize) -> &mut [u8] {
        self.make_room(bytes);
        &mut self.buffer[self.end..self.end + bytes]
    }

    fn make_room(&mut self, least: usize) {
        let pending = self.end - self.start;
        let missing = self.waiting.as_ref().map_or(0, |(block, _)| block.saturating_sub(pending));
        // Announced bytes may never come: memory grows only with what did come.
        let wanted = missing.min(pending.max(FLOW_BYTES)).max(self.ask).max(least);
        // Each growth may copy all that it holds: too much for each of many small pieces.
        let enough = wanted.div_ceil(2).max(least);
        if self.start > 0 && (pending == 0 || self.buffer.len() < self.end + enough) {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, pending);
        }
        if pending == 0 && self.quiet >= QUIET_FILLS && self.buffer.len() > SPACE_BYTES {
            self.buffer = Vec::new();
        }
        if self.buffer.len() < self.end + enough {
            // `reserve` alone might take twice as much.
            self.buffer.reserve_exact(self.end + wanted - self.buffer.len());
            self.buffer.resize(self.end + wanted, 0);
        }
    }

    /// Whether there are bytes of messages that were not taken out yet.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.end > self.start
    }

    /// Bytes that it holds memory for.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// This many bytes were put into `space`.
    pub fn filled(&mut self, bytes: usize) {
        self.end += bytes;
        debug_assert!(self.end <= self.buffer.len(), "filled within the space");
        self.quiet = if bytes <= SPACE_BYTES { self.quiet.saturating_add(1) } else { 0 };
        if self.quiet >= QUIET_FILLS {
            self.ask = SPACE_BYTES;
        } else if self.end == self.buffer.len() {
            self.ask = FLOW_BYTES;
        }
    }

    /// Takes in bytes that came by another way.
    pub fn put(&mut self, bytes: &[u8]) {
        self.space_for(bytes.len()).copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// The next complete message; `None`: more bytes are needed.
    ///
    /// # Errors
    /// [`WireError`]: the connection makes no sense from here on.
    pub fn next_message(&mut self) -> Result<Option<Message>, WireError> {
        loop {
            if let Some((block, head)) = self.waiting.take() {
                if self.end - self.start < block {
                    self.waiting = Some((block, head));
                    return Ok(None);
                }
                let bytes = &self.buffer[self.start..self.start + block];
                self.start += block;
                return head.complete(bytes).map(Some);
            }
            let Some(line) = self.next_line()? else { return Ok(None) };
            match parse::parse(line)? {
                Parsed::Whole(message) => return Ok(Some(message)),
                Parsed::Head { block, head } => self.waiting = Some((block, head)),
            }
        }
    }

    fn next_line(&mut self) -> Result<Option<&str>, WireError> {
        let pending = &self.buffer[self.start..self.end];
        let max = longest(pending);
        let Some(at) = memchr::memchr(b'\n', &pending[self.scanned..]).map(|at| at + self.scanned) else {
            self.scanned = pending.len();
            return if pending.len() >= max { Err(WireError::TooLong { max }) } else { Ok(None) };
        };
        if at >= max {
            return Err(WireError::TooLong { max });
        }
        let line = &self.buffer[self.start..self.start + at];
        self.start += at + 1;
        self.scanned = 0;
        std::str::from_utf8(line).map(Some).map_err(|_| WireError::Text { verb: "?" })
    }

    /// The connection ended.
    ///
    /// # Errors
    /// [`WireError::Truncated`] in the middle of a message.
    pub fn finish(&self) -> Result<(), WireError> {
        if self.start == self.end && self.waiting.is_none() {
            Ok(())
        } else {
            Err(WireError::Truncated)
        }
    }
}

/// How long a line with this beginning may be.
fn longest(line: &[u8]) -> usize {
    if [&b"VIEW_CHANGE:"[..], b"ADDED TO NETWORK:", b"HERE:", b"REPORT:"].iter().any(|verb| line.starts_with(verb)) {
        VIEW_LINE_BYTES_MAX
    } else {
        LINE_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, Frame, Lines, Request};

    /// Fills the space as far as there are bytes; returns how many were asked for.
    fn feed(decoder: &mut Decoder, bytes: &[u8]) -> usize {
        let (mut rest, mut asked) = (bytes, 0);
        while !rest.is_empty() {
            let space = decoder.space();
            asked = space.len();
            assert!(asked >= SPACE_BYTES / 2, "small reads are slow");
            let taken = rest.len().min(asked);
            space[..taken].copy_from_slice(&rest[..taken]);
            decoder.filled(taken);
            rest = &rest[taken..];
            while decoder.next_message().unwrap().is_some() {}
        }
        asked
    }

    #[test]
    fn it_asks_for_more_while_much_comes_and_gives_it_back_when_little_does() {
        let mut decoder = Decoder::new();
        let small = b"OK:-\n";
        assert_eq!(feed(&mut decoder, small), SPACE_BYTES);
        feed(&mut decoder, &small.repeat(SPACE_BYTES));
        assert!(feed(&mut decoder, small) >= FLOW_BYTES);
        for _ in 0..=QUIET_FILLS {
            feed(&mut decoder, small);
        }
        assert_eq!((feed(&mut decoder, small), decoder.buffer.capacity()), (SPACE_BYTES, SPACE_BYTES));
    }

    #[test]
    fn memory_for_an_announced_block_grows_with_what_came_of_it() {
        let line = format!("DATA|{}|2013-01-01T06:00:00Z|20.5||1012\n", "s".repeat(60));
        let lines = Lines::new(line.repeat(1000).into_bytes(), 1000);
        let request = Request { origin: "a/1".parse().unwrap(), first: 1, lines };
        let term: crate::ids::Term = "1@a/1".parse().unwrap();
        let frame = Frame::build(term.clone(), 1, &[request]);
        let mut bytes = Vec::new();
        encode(&Message::Ordered { term, frame }, &mut bytes);
        assert!(bytes.len() > FLOW_BYTES);
        let mut decoder = Decoder::new();
        for piece in bytes.chunks(SPACE_BYTES / 2) {
            feed(&mut decoder, piece);
            assert!(decoder.held() <= 2 * (decoder.end + FLOW_BYTES), "{} for {}", decoder.held(), decoder.end);
        }
        assert_eq!(decoder.finish(), Ok(()));

        let mut decoder = Decoder::new();
        feed(&mut decoder, b"VIEW_CHANGE:[a]-[a=0/127.0.0.1:1/1]-1.1@a:1:500:2000:500:0:8000000\n");
        assert!(decoder.space().len() <= SPACE_BYTES + FLOW_BYTES && decoder.waiting.is_some());
    }

    #[test]
    fn what_waits_for_its_end_gives_room_to_what_comes_by_another_way() {
        let mut decoder = Decoder::new();
        let (whole, begun) = (b"OK:-\n".repeat(SPACE_BYTES / 5), b"OK:");
        for _ in 0..3 {
            decoder.put(&[&whole[..], begun].concat());
            for _ in 0..SPACE_BYTES / 5 {
                assert_eq!(decoder.next_message(), Ok(Some(Message::Ok { term: None })));
            }
            assert_eq!((decoder.next_message(), decoder.has_more()), (Ok(None), true));
            // What was taken out gives its room back.
            assert_eq!(decoder.space_for(SPACE_BYTES).len(), SPACE_BYTES);
            assert!(decoder.held() <= begun.len() + FLOW_BYTES, "{}", decoder.held());
            decoder.put(b"-\n");
            assert_eq!(decoder.next_message(), Ok(Some(Message::Ok { term: None })));
            assert!(!decoder.has_more());
        }
    }

    #[test]
    fn memory_grows_rarely_however_small_the_pieces_are() {
        let mut decoder = Decoder::new();
        let (mut held, mut grown) = (0, 0);
        for byte in [&b"HERE:"[..], &vec![b'x'; 500_000]].concat() {
            let space = decoder.space();
            assert!(space.len() >= SPACE_BYTES / 2, "small reads are slow");
            space[0] = byte;
            decoder.filled(1);
            assert_eq!(decoder.next_message(), Ok(None));
            grown += usize::from(decoder.held() != std::mem::replace(&mut held, decoder.held()));
        }
        assert!(grown <= 2 * held / SPACE_BYTES, "{grown} times to {held}");
    }
}
