//! What waits to be written to a connection: messages, gathered. Long readings are not copied.

mod sealing;

use std::io::{self, IoSlice, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use self::sealing::Sealing;
use super::send_now::send_now;
use super::uninterrupted::uninterrupted;
use crate::keys::session::Sealer;
use crate::wire::{encode_head, readings, Message};

/// Readings up to this length are copied beside their head: a separate buffer for each costs more, and the system takes
/// only 1024 at a time.
const COPIED_BYTES_MAX: usize = 4 * 1024;

/// How much room for text is kept for the next message: enough for all but views, lists of runs and many readings.
const KEEP_BYTES: usize = 4 * 1024;

#[derive(Debug, Default)]
pub struct Outgoing {
    /// In a closed group.
    sealing: Option<Sealing>,
    /// All text but long readings.
    text: Vec<u8>,
    /// Messages with long readings, and the places in the text where these belong.
    bulk: Vec<(usize, Message)>,
    /// Bytes of text and readings, and how many of them are written, or sealed to be written.
    length: usize,
    taken: usize,
    /// Counts what is written, where that is wanted.
    count: Option<Arc<AtomicU64>>,
}

impl Outgoing {
    /// For one connection. In a closed group each connection has its own sealer.
    #[must_use]
    pub fn new(sealer: Option<Sealer>) -> Self {
        Self { sealing: sealer.map(Sealing::new), ..Self::default() }
    }

    /// Adds the bytes that it writes from now on to `count`.
    #[must_use]
    pub fn counted(self, count: &Arc<AtomicU64>) -> Self {
        Self { count: Some(Arc::clone(count)), ..self }
    }

    /// Adds a message to what is to be written.
    pub fn put(&mut self, message: Message) {
        let before = self.text.len();
        encode_head(&message, &mut self.text);
        let readings = readings(&message);
        self.length += self.text.len() - before + readings.len();
        if readings.len() <= COPIED_BYTES_MAX {
            self.text.extend_from_slice(readings);
        } else {
            self.bulk.push((self.text.len(), message));
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Forgets what was put: all of it was written, or never will be.
    fn clear(&mut self) {
        if let Some(sealing) = &mut self.sealing {
            sealing.clear();
        }
        self.text.clear();
        self.text.shrink_to(KEEP_BYTES);
        self.bulk.clear();
        (self.length, self.taken) = (0, 0);
    }

    /// Writes what the connection takes without waiting. True: that was all of it.
    ///
    /// # Errors
    /// The system's: the connection broke.
    pub fn write_now(&mut self, stream: &TcpStream) -> io::Result<bool> {
        loop {
            let next = self.next();
            if next.is_empty() {
                self.clear();
                return Ok(true);
            }
            let offered: usize = next.iter().map(|slice| slice.len()).sum();
            let sent = send_now(stream, &next)?;
            self.wrote(sent);
            if sent < offered {
                return Ok(false);
            }
        }
    }

    /// Writes all of it; waits while the other side does not read.
    ///
    /// # Errors
    /// The system's: the connection broke. What was put is dropped.
    pub fn write_all(&mut self, stream: &TcpStream) -> io::Result<()> {
        let result = self.write_rest(stream);
        self.clear();
        result
    }

    /// Writes all of it, and says that nothing follows.
    ///
    /// # Errors
    /// As [`Self::write_all`].
    pub fn write_last(&mut self, mut stream: &TcpStream) -> io::Result<()> {
        self.write_all(stream)?;
        if let Some(sealing) = &mut self.sealing {
            stream.write_all(&sealing.end())?;
        }
        stream.shutdown(Shutdown::Write)
    }

    fn write_rest(&mut self, mut stream: &TcpStream) -> io::Result<()> {
        loop {
            let next = self.next();
            if next.is_empty() {
                return Ok(());
            }
            match uninterrupted(|| stream.write_vectored(&next))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                bytes => self.wrote(bytes),
            }
        }
    }

    /// What goes to the connection next; nothing where all of it is written.
    fn next(&mut self) -> Vec<IoSlice<'_>> {
        let Some(sealing) = &mut self.sealing else { return unwritten(&self.text, &self.bulk, self.taken) };
        if sealing.unwritten().is_empty() {
            self.taken += sealing.seal(&unwritten(&self.text, &self.bulk, self.taken));
        }
        // An empty buffer would look like a connection that takes nothing.
        Some(sealing.unwritten()).filter(|records| !records.is_empty()).map(IoSlice::new).into_iter().collect()
    }

    /// Notes that this many bytes of it were written.
    fn wrote(&mut self, bytes: usize) {
        match &mut self.sealing {
            Some(sealing) => sealing.wrote(bytes),
            None => self.taken += bytes,
        }
        if let Some(count) = &self.count {
            count.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

/// What is left of text and readings after the first `written` bytes.
fn unwritten<'a>(text: &'a [u8], bulk: &'a [(usize, Message)], written: usize) -> Vec<IoSlice<'a>> {
    let mut slices = Vec::with_capacity(2 * bulk.len() + 1);
    let mut from = 0;
    for (at, message) in bulk {
        slices.push(IoSlice::new(&text[from..*at]));
        slices.push(IoSlice::new(readings(message)));
        from = *at;
    }
    slices.push(IoSlice::new(&text[from..]));
    let mut left = &mut slices[..];
    // This drops empty buffers at the front, too: they would look like a connection that takes nothing.
    IoSlice::advance_slices(&mut left, written);
    let left = left.len();
    slices.drain(..slices.len() - left);
    slices
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::Term;
    use crate::wire::{encode, Lines, Request};

    fn message(readings: u64) -> Message {
        let term: Term = "1@a/1".parse().unwrap();
        if readings == 0 {
            return Message::Commit { term, up_to: 7 };
        }
        let text: Vec<String> = (0..readings).map(|n| format!("DATA|s|2013-01-01T06:00:00Z|{n}|2|3\n")).collect();
        let request = Request {
            origin: "b/1".parse().unwrap(),
            first: 1,
            lines: Lines::new(text.concat().into_bytes(), readings),
        };
        Message::SequencerRequest { term, request }
    }

    proptest! {
        #[test]
        fn whatever_a_connection_takes_at_a_time_all_goes_out_once_and_in_order(
            messages in prop::collection::vec(prop_oneof![Just(0), 1..10_u64, 100..400_u64], 1..12),
            takes in prop::collection::vec(1..9000_usize, 1..200),
        ) {
            let (count, mut expected) = (Arc::new(AtomicU64::new(5)), Vec::new());
            let mut outgoing = Outgoing::default().counted(&count);
            prop_assert!(outgoing.is_empty());
            for readings in &messages {
                encode(&message(*readings), &mut expected);
                outgoing.put(message(*readings));
            }
            let mut written = Vec::new();
            for most in takes.iter().cycle() {
                let next: Vec<u8> = outgoing.next().iter().flat_map(|slice| slice.to_vec()).collect();
                if next.is_empty() {
                    break;
                }
                prop_assert!(!outgoing.is_empty());
                prop_assert!(!outgoing.next()[0].is_empty());
                let most = next.len().min(*most);
                written.extend_from_slice(&next[..most]);
                outgoing.wrote(most);
                prop_assert!(written.len() <= expected.len(), "something goes out again");
            }
            prop_assert!(written == expected, "{} of {} bytes", written.len(), expected.len());
            prop_assert_eq!(count.load(Ordering::Relaxed), 5 + expected.len() as u64);
            outgoing.clear();
            prop_assert!(outgoing.is_empty() && outgoing.next().is_empty());
            prop_assert!(outgoing.text.capacity() <= KEEP_BYTES);
        }
    }

    /// To copy a little costs less than a buffer of its own; much is not copied.
    #[test]
    fn long_readings_are_not_copied() {
        for (readings, copied) in [(0, true), (100, true), (200, false)] {
            let (mut outgoing, message) = (Outgoing::default(), message(readings));
            let bytes = super::readings(&message).len();
            assert_eq!(bytes <= COPIED_BYTES_MAX, copied, "{bytes}");
            outgoing.put(message);
            assert_eq!((outgoing.bulk.is_empty(), outgoing.text.len() > bytes), (copied, copied));
        }
    }
}
