//! What waits to be written to a connection: messages put together. Where they are not sealed, long readings are not copied.

use std::io::{self, IoSlice, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Instant;

use super::send_now::send_now;
use crate::keys::session::Sealer;
use crate::wire::{encode_head, readings, Message};

/// Readings of so many bytes are copied beside their head: a buffer of its own for each costs more, and the system takes
/// 1024 at a time.
const COPIED_BYTES_MAX: usize = 4 * 1024;

/// Text that is kept for the next message after one was written: enough for all but views and lists of runs.
const KEEP_BYTES: usize = 16 * 1024;

#[derive(Debug, Default)]
pub struct Outgoing {
    /// In a closed group.
    sealer: Option<Sealer>,
    /// What was sealed and is not written.
    sealed: Vec<u8>,
    /// All but long readings; in a closed group, all that is not sealed yet.
    text: Vec<u8>,
    /// Messages with long readings, and where in the text these belong.
    bulk: Vec<(usize, Message)>,
    /// Bytes of text and readings, and how many of them are written.
    length: usize,
    written: usize,
    /// Counts what is written, where somebody wants to know.
    count: Option<Arc<AtomicU64>>,
}

impl Outgoing {
    /// For a connection: in a closed group, one of its own.
    #[must_use]
    pub fn new(sealer: Option<Sealer>) -> Self {
        Self { sealer, ..Self::default() }
    }

    /// Adds to this what it writes from now on, in bytes.
    #[must_use]
    pub fn counted(self, count: &Arc<AtomicU64>) -> Self {
        Self { count: Some(Arc::clone(count)), ..self }
    }

    fn count(&self, bytes: usize) {
        if let Some(count) = &self.count {
            count.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Adds a message to what is to be written.
    pub fn put(&mut self, message: Message) {
        let before = self.text.len();
        encode_head(&message, &mut self.text);
        let readings = readings(&message);
        self.length += self.text.len() - before + readings.len();
        if readings.len() <= COPIED_BYTES_MAX || self.sealer.is_some() {
            self.text.extend_from_slice(readings);
        } else {
            self.bulk.push((self.text.len(), message));
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Forgets what was put, all of which was written, or will not be.
    fn clear(&mut self) {
        self.sealed.clear();
        self.sealed.shrink_to(KEEP_BYTES);
        self.text.clear();
        self.text.shrink_to(KEEP_BYTES);
        self.bulk.clear();
        (self.length, self.written) = (0, 0);
    }

    /// Writes what the connection takes without waiting. True: that was all of it.
    ///
    /// # Errors
    /// The system's: the connection broke.
    pub fn write_now(&mut self, stream: &TcpStream) -> io::Result<bool> {
        self.seal();
        let sent = {
            let mut slices = self.slices();
            let mut left = &mut slices[..];
            IoSlice::advance_slices(&mut left, self.written);
            send_now(stream, left)?
        };
        self.count(sent);
        self.written += sent;
        let all = self.written == self.length;
        if all {
            self.clear();
        }
        Ok(all)
    }

    /// Writes all of it; waits as long as the other side does not read.
    ///
    /// # Errors
    /// The system's: the connection broke. What was put is dropped.
    pub fn write_all(&mut self, stream: &TcpStream) -> io::Result<()> {
        self.seal();
        let result = self.write_rest(stream);
        if result.is_ok() {
            self.count(self.length - self.written);
        }
        self.clear();
        result
    }

    /// Writes all of it, and that nothing follows.
    ///
    /// # Errors
    /// As [`Self::write_all`].
    pub fn write_last(&mut self, stream: &TcpStream) -> io::Result<()> {
        self.seal();
        if let Some(sealer) = &mut self.sealer {
            sealer.end(&mut self.sealed);
            self.length = self.sealed.len();
        }
        self.write_all(stream)?;
        stream.shutdown(Shutdown::Write)
    }

    fn seal(&mut self) {
        let Some(sealer) = self.sealer.as_mut().filter(|_| !self.text.is_empty()) else { return };
        sealer.seal(&self.text, Instant::now(), &mut self.sealed);
        self.text.clear();
        self.length = self.sealed.len();
    }

    fn write_rest(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut slices = self.slices();
        let mut left = &mut slices[..];
        // Empty ones at the front would look like a connection that takes nothing.
        IoSlice::advance_slices(&mut left, self.written);
        while !left.is_empty() {
            match stream.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => IoSlice::advance_slices(&mut left, bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn slices(&self) -> Vec<IoSlice<'_>> {
        if self.sealer.is_some() {
            return vec![IoSlice::new(&self.sealed)];
        }
        let mut slices = Vec::with_capacity(2 * self.bulk.len() + 1);
        let mut from = 0;
        for (at, message) in &self.bulk {
            slices.push(IoSlice::new(&self.text[from..*at]));
            slices.push(IoSlice::new(readings(message)));
            from = *at;
        }
        slices.push(IoSlice::new(&self.text[from..]));
        slices
    }
}
