//! What a closed connection writes: text is sealed a few records at a time, just before they are written, so that they are
//! still in the processor's cache, and memory for more is never needed.

use std::io::IoSlice;
use std::time::Instant;

use crate::keys::session::{Sealer, RECORD_BYTES_MAX, TEXT_BYTES_MAX};

/// Records are sealed together until they are this long: enough that each write carries much, little enough for the cache.
const TOGETHER_BYTES: usize = 2 * RECORD_BYTES_MAX;

/// How much room for records is kept for the next message.
const KEEP_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Sealing {
    sealer: Sealer,
    records: Vec<u8>,
    /// Bytes of the records that are written.
    written: usize,
}

impl Sealing {
    pub(super) fn new(sealer: Sealer) -> Self {
        Self { sealer, records: Vec::new(), written: 0 }
    }

    /// What is sealed and not written.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.records[self.written..]
    }

    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
    }

    /// Seals the next part of the text, once all that was sealed is written. Returns how many bytes of text that is.
    pub(super) fn seal(&mut self, text: &[IoSlice<'_>]) -> usize {
        self.records.clear();
        self.written = 0;
        let (now, mut sealed) = (Instant::now(), 0);
        for piece in text.iter().flat_map(|slice| slice.chunks(TEXT_BYTES_MAX)) {
            if self.records.len() >= TOGETHER_BYTES {
                break;
            }
            self.sealer.seal(piece, now, &mut self.records);
            sealed += piece.len();
        }
        sealed
    }

    /// The record after which nothing follows.
    pub(super) fn end(&mut self) -> Vec<u8> {
        let mut end = Vec::new();
        self.sealer.end(&mut end);
        end
    }

    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.records.shrink_to(KEEP_BYTES);
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::key;
    use crate::keys::Keys;

    #[test]
    fn a_long_text_is_sealed_a_few_records_at_a_time_and_comes_through_whole() {
        let keys = Keys::new(&[key(1)], "g");
        let (dialling, first) = keys.dial();
        let (answer, mut answered) = keys.answer(&first).unwrap();
        let mut sealing = Sealing::new(dialling.finish(&answer).unwrap().sealer);
        let text: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
        let (head, readings) = text.split_at(70_000);
        let (mut from, mut opened) = (0, Vec::new());
        while from < text.len() {
            let mut slices = [IoSlice::new(head), IoSlice::new(readings)];
            let mut left = &mut slices[..];
            IoSlice::advance_slices(&mut left, from);
            from += sealing.seal(left);
            assert!((1..TOGETHER_BYTES + RECORD_BYTES_MAX).contains(&sealing.records.len()));
            // The connection takes less each time than it is offered.
            while !sealing.unwritten().is_empty() {
                let sent = &sealing.unwritten()[..sealing.unwritten().len().div_ceil(2)];
                answered.opener.put(sent);
                sealing.wrote(sent.len());
            }
            let mut piece = vec![0; RECORD_BYTES_MAX];
            while let Some(length) = answered.opener.next_text(|length| &mut piece[..length]).unwrap() {
                opened.extend_from_slice(&piece[..length]);
            }
        }
        assert!(opened == text);
        assert_eq!(sealing.seal(&[]), 0);
        assert!(sealing.unwritten().is_empty());
        sealing.clear();
        assert!(sealing.records.capacity() <= KEEP_BYTES);
    }
}
