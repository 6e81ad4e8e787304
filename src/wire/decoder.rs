//! Bytes as they come from a connection -> messages. Bounded, and without a socket: the reader asks for `space`, fills
//! it, and takes out what is complete.

use super::error::WireError;
use super::message::Message;
use super::parse::{self, Head, Parsed};

/// Longest line, its LF included.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Longest `VIEW_CHANGE` or `ADDED TO NETWORK` line: some 5,000 members.
pub const VIEW_LINE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes asked for at least: a few small messages, or a good part of a batch.
const SPACE_BYTES: usize = 16 * 1024;

/// A buffer that grew beyond this is given back once it is empty.
const KEEP_BYTES: usize = 1024 * 1024;

/// Takes the bytes of one connection apart.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// What was not taken out yet.
    start: usize,
    end: usize,
    /// No LF among so many bytes behind `start`.
    scanned: usize,
    /// A line that was taken out, and the length of the block it waits for.
    waiting: Option<(usize, Head)>,
}

impl Decoder {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the next bytes go. Never empty.
    pub fn space(&mut self) -> &mut [u8] {
        let pending = self.end - self.start;
        let wanted = self.waiting.as_ref().map_or(0, |(block, _)| block.saturating_sub(pending)).max(SPACE_BYTES);
        if self.start > 0 && self.buffer.len() < self.end + wanted {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, pending);
        }
        if self.end == 0 && self.buffer.len() > KEEP_BYTES {
            self.buffer = Vec::new();
        }
        if self.buffer.len() < self.end + wanted {
            self.buffer.resize(self.end + wanted, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// So many bytes were put into `space`.
    pub fn filled(&mut self, bytes: usize) {
        self.end += bytes;
        debug_assert!(self.end <= self.buffer.len(), "filled within the space");
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

/// How long the line that begins so may be.
fn longest(line: &[u8]) -> usize {
    if line.starts_with(b"VIEW_CHANGE:") || line.starts_with(b"ADDED TO NETWORK:") {
        VIEW_LINE_BYTES_MAX
    } else {
        LINE_BYTES_MAX
    }
}
