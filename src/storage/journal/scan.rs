//! Walks over the batches of a segment, in blocks.

use crate::storage::disk::ReadDisk;
use crate::storage::error::{damaged, failed, StorageError};
use crate::wire::batch::HEAD_BYTES_MAX;
use crate::wire::frame::FrameHead;
use crate::wire::Frame;

/// A position in a segment, always at the beginning of a batch or at the end.
#[derive(Debug)]
pub(in crate::storage) struct Scan<'a, D> {
    disk: &'a D,
    path: &'a str,
    offset: u64,
    end: u64,
    /// What was read last, and where it begins.
    block: Vec<u8>,
    block_at: u64,
    block_bytes: usize,
}

impl<'a, D: ReadDisk> Scan<'a, D> {
    /// Walks from `offset` to `end`, and reads at least `block_bytes` in one step.
    pub(in crate::storage) fn new(disk: &'a D, path: &'a str, offset: u64, end: u64, block_bytes: usize) -> Self {
        Self { disk, path, offset, end, block: Vec::new(), block_at: offset, block_bytes }
    }

    /// Where the next batch begins.
    pub(in crate::storage) fn offset(&self) -> u64 {
        self.offset
    }

    /// The head of the next batch, and how many bytes it has with its body. `None` at the end.
    pub(in crate::storage) fn head(&mut self) -> Result<Option<(FrameHead, usize)>, StorageError> {
        if self.offset >= self.end {
            return Ok(None);
        }
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let bytes = self.bytes(HEAD_BYTES_MAX.min(left))?;
        let head = memchr::memchr(b'\n', bytes).map(|end| (FrameHead::parse(&bytes[..end]), end + 1));
        match head {
            Some((Ok(head), length)) if length + head.body_bytes <= left => {
                let length = length + head.body_bytes;
                Ok(Some((head, length)))
            }
            _ => Err(self.damaged("there is no whole batch")),
        }
    }

    /// Reads and checks the next batch, whose length [`Self::head`] returned, and goes on to the one after it.
    pub(in crate::storage) fn frame(&mut self, length: usize) -> Result<Frame, StorageError> {
        let bytes = self.bytes(length)?.to_vec();
        let frame = Frame::parse(bytes).map_err(|error| self.damaged(&error.to_string()))?;
        self.skip(length);
        Ok(frame)
    }

    /// Goes on to the batch after the next one.
    pub(in crate::storage) fn skip(&mut self, length: usize) {
        self.offset += length as u64;
    }

    /// The next `length` bytes, which the segment has.
    fn bytes(&mut self, length: usize) -> Result<&[u8], StorageError> {
        let (from, to) = (self.offset, self.offset + length as u64);
        if to > self.block_at + self.block.len() as u64 {
            let left = usize::try_from(self.end - from).unwrap_or(usize::MAX);
            let wanted = self.block_bytes.max(length).min(left);
            self.block = self.disk.read(self.path, from, wanted).map_err(failed(self.disk, "read", self.path))?;
            self.block_at = from;
            if self.block.len() < length {
                return Err(self.damaged("the file ends there"));
            }
        }
        let at = usize::try_from(from - self.block_at).expect("it is within the block");
        Ok(&self.block[at..at + length])
    }

    fn damaged(&self, why: &str) -> StorageError {
        damaged(self.disk, self.path, format!("{why} at byte {}", self.offset))
    }
}
