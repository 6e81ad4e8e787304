//! Walks over the batches of a segment, in blocks.

use super::segment_bytes::SegmentBytes;
use crate::storage::disk::ReadDisk;
use crate::storage::error::{damaged, StorageError};
use crate::wire::batch::HEAD_BYTES_MAX;
use crate::wire::frame::FrameHead;
use crate::wire::Frame;

/// A position in a segment, always at the beginning of a batch or at the end.
#[derive(Debug)]
pub(in crate::storage) struct Scan<'a, D> {
    segment: SegmentBytes<'a, D>,
    offset: u64,
    end: u64,
    /// What was read last, and where it begins.
    block: Vec<u8>,
    block_at: u64,
    block_bytes: usize,
}

impl<'a, D: ReadDisk> Scan<'a, D> {
    /// Walks from `offset` to `end`, and reads at least `block_bytes` of a plain segment in one step.
    pub(in crate::storage) fn new(segment: SegmentBytes<'a, D>, offset: u64, end: u64, block_bytes: usize) -> Self {
        Self { segment, offset, end, block: Vec::new(), block_at: offset, block_bytes }
    }

    /// Where the next batch begins.
    pub(in crate::storage) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes are left from there on.
    pub(in crate::storage) fn left(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }

    /// The path of the file that holds the segment.
    pub(in crate::storage) fn path(&self) -> String {
        self.segment.path()
    }

    /// The head of the next batch, and how many bytes it has with its body. `None` at the end.
    pub(in crate::storage) fn head(&mut self) -> Result<Option<(FrameHead, usize)>, StorageError> {
        if self.offset >= self.end {
            return Ok(None);
        }
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        if memchr::memchr(b'\n', self.held(HEAD_BYTES_MAX)).is_none() {
            self.load(HEAD_BYTES_MAX.min(left))?;
        }
        let bytes = self.held(HEAD_BYTES_MAX.min(left));
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
        if self.held(length).len() < length {
            self.load(length)?;
        }
        let bytes = self.held(length);
        if bytes.len() < length {
            return Err(self.damaged("the file ends there"));
        }
        let frame = Frame::parse(bytes.to_vec()).map_err(|error| self.damaged(&error.to_string()))?;
        self.skip(length);
        Ok(frame)
    }

    /// Goes on to the batch after the next one.
    pub(in crate::storage) fn skip(&mut self, length: usize) {
        self.offset += length as u64;
    }

    /// Goes on after the damage at this place, if it is known where a batch begins again. Returns whether it is.
    pub(in crate::storage) fn skip_damage(&mut self) -> bool {
        let end = self.segment.block_end(self.offset);
        self.offset = end.unwrap_or(self.offset);
        end.is_some()
    }

    /// The next bytes that are in memory, up to `most`.
    fn held(&self, most: usize) -> &[u8] {
        let at = usize::try_from(self.offset - self.block_at).unwrap_or(usize::MAX).min(self.block.len());
        let rest = &self.block[at..];
        &rest[..most.min(rest.len())]
    }

    /// Reads the next bytes: `length` and more of a plain segment, a block of a packed one.
    fn load(&mut self, length: usize) -> Result<(), StorageError> {
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        self.block = self.segment.read(self.offset, self.block_bytes.max(length).min(left))?;
        self.block_at = self.offset;
        Ok(())
    }

    fn damaged(&self, why: &str) -> StorageError {
        damaged(self.segment.disk(), &self.path(), format!("{why} at byte {}", self.offset))
    }
}
