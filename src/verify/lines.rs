//! The lines of one CSV file, read in blocks, and the SHA-256 of what was read. A row is compared byte for byte with
//! the row of its journal entry, so lines are kept as they are: a CSV reader would skip empty lines, and hide whether
//! the last one ends in LF.

use sha2::{Digest, Sha256};

use crate::ids::Sequence;
use crate::reading::{row_sequence, ROW_BYTES_MAX};
use crate::storage::{Inspection, StorageError};

/// SHA-256 of a file, or of all.
pub(super) type Sum = [u8; 32];

/// Where to go on in a file.
#[derive(Debug)]
pub(super) struct LineReader {
    /// Position of the file among those of the directory.
    file: usize,
    block: Vec<u8>,
    block_bytes: usize,
    /// How much of the block was taken.
    at: usize,
    /// How much of the file was read.
    offset: u64,
    /// Lines taken.
    number: u64,
    hasher: Sha256,
}

/// A line, without its LF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Within the block, until the next one is taken.
    start: usize,
    end: usize,
    /// The number that it begins with, where that is a sequence.
    pub(super) sequence: Option<Sequence>,
    /// 1 for the header.
    pub(super) number: u64,
    /// Whether it ends in LF.
    pub(super) whole: bool,
}

impl LineReader {
    pub(super) fn new(file: usize, block_bytes: usize) -> Self {
        assert!(block_bytes > ROW_BYTES_MAX, "a block holds a row");
        Self { file, block: Vec::new(), block_bytes, at: 0, offset: 0, number: 0, hasher: Sha256::new() }
    }

    /// The next line. A line too long to be a row comes without its text. `None` at the end.
    pub(super) fn next_line(&mut self, inspection: &Inspection) -> Result<Option<Line>, StorageError> {
        let mut too_long = false;
        loop {
            let start = self.at;
            if let Some(length) = memchr::memchr(b'\n', &self.block[start..]) {
                self.at = start + length + 1;
                let end = start + length;
                return Ok(Some(self.line(if too_long { end } else { start }, end, true)));
            }
            let rest = self.block.len() - start;
            if rest > ROW_BYTES_MAX {
                too_long = true;
                self.at = self.block.len();
            }
            if self.fill(inspection)? == 0 {
                let end = self.block.len();
                let rest = self.at..end;
                self.at = end;
                return Ok((too_long || !rest.is_empty()).then(|| self.line(rest.start, end, false)));
            }
        }
    }

    pub(super) fn text(&self, line: &Line) -> &[u8] {
        &self.block[line.start..line.end]
    }

    /// The SHA-256 of the file, once all of it was read.
    pub(super) fn sum(self) -> Sum {
        self.hasher.finalize().into()
    }

    fn line(&mut self, start: usize, end: usize, whole: bool) -> Line {
        self.number += 1;
        // 1 or more.
        let sequence = row_sequence(&self.block[start..end]).filter(|sequence| *sequence > 0);
        Line { start, end, sequence, number: self.number, whole }
    }

    /// Reads on, after what is left of the block; returns the number of bytes.
    fn fill(&mut self, inspection: &Inspection) -> Result<usize, StorageError> {
        let file = &inspection.csv()[self.file];
        let left = usize::try_from(file.bytes - self.offset).unwrap_or(usize::MAX);
        let wanted = left.min(self.block_bytes);
        self.block.drain(..self.at);
        self.at = 0;
        if wanted == 0 {
            return Ok(0);
        }
        let bytes = inspection.read(&file.name, self.offset, wanted)?;
        self.hasher.update(&bytes);
        self.offset += bytes.len() as u64;
        self.block.extend_from_slice(&bytes);
        Ok(bytes.len())
    }
}
