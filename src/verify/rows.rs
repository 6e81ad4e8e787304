//! All rows of a peer in sequence order: its files, merged. Each file must be in that order itself. Only a block of
//! each file is in memory.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::BinaryHeap;

use sha2::{Digest, Sha256};

use super::disagreements::{shown, Disagreements};
use super::lines::{Line, LineReader, Sum};
use crate::ids::Sequence;
use crate::reading::{CSV_HEADER, HEADER_LINE};
use crate::storage::{Inspection, Layout, StorageError};

/// The blocks of all files together, in bytes.
const BLOCKS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Longest block, in bytes: a longer one does not make reading faster.
const BLOCK_BYTES_MAX: usize = 256 * 1024;

/// Shortest block, in bytes: a shorter one would cost a read for every few rows. With very many sensors all blocks
/// together may be longer than the limit.
const BLOCK_BYTES_MIN: usize = 4 * 1024;

/// The rows that are still to come.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    inspection: &'a Inspection,
    runs: bool,
    files: Vec<File>,
    /// Of each sensor, the SHA-256 of its rows as one file; empty where each has one.
    joined: Vec<Sha256>,
    /// Sequence of the next row of each file that has one.
    heads: BinaryHeap<Reverse<(Sequence, usize)>>,
    pub(super) count: u64,
    /// The highest sequence.
    pub(super) last: Sequence,
}

/// A file: its next row, and the one that follows.
#[derive(Debug)]
struct File {
    /// Position of its sensor.
    sensor: usize,
    lines: LineReader,
    row: Vec<u8>,
    next: Option<Line>,
}

/// How long the blocks are where there are this many files.
pub(super) fn block_bytes(files: usize) -> usize {
    (BLOCKS_BYTES_MAX / files.max(1)).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX)
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        inspection: &'a Inspection,
        runs: bool,
        disagreements: &mut Disagreements,
    ) -> Result<Self, StorageError> {
        let block_bytes = block_bytes(inspection.csv().len());
        let sensors = inspection.sensors().iter().cloned().enumerate();
        let file = |(sensor, at)| File { sensor, lines: LineReader::new(at, block_bytes), row: Vec::new(), next: None };
        let files: Vec<File> =
            sensors.flat_map(|(sensor, files)| files.map(move |at| (sensor, at))).map(file).collect();
        let joined = match inspection.layout() {
            Layout::Sensor => Vec::new(),
            Layout::Month => vec![Sha256::new_with_prefix(HEADER_LINE); inspection.sensors().len()],
        };
        let mut rows = Self { inspection, runs, files, joined, heads: BinaryHeap::new(), count: 0, last: 0 };
        for at in 0..rows.files.len() {
            rows.begin(at, disagreements)?;
            if let Some(sequence) = rows.take_next(at, 0, disagreements)? {
                rows.heads.push(Reverse((sequence, at)));
            }
        }
        Ok(rows)
    }

    /// The lowest sequence that is left, and the file of its row.
    pub(super) fn head(&self) -> Option<(Sequence, usize)> {
        self.heads.peek().map(|Reverse(head)| *head)
    }

    /// The next row of a file.
    pub(super) fn row(&self, file: usize) -> &[u8] {
        &self.files[file].row
    }

    /// Goes on to the row after the head.
    pub(super) fn advance(&mut self, disagreements: &mut Disagreements) -> Result<(), StorageError> {
        let Some((sequence, at)) = self.head() else { return Ok(()) };
        self.count += 1;
        self.last = sequence;
        let File { sensor, row, .. } = &self.files[at];
        if let Some(joined) = self.joined.get_mut(*sensor) {
            joined.update(row);
            joined.update(b"\n");
        }
        let next = self.take_next(at, sequence, disagreements)?;
        let head = self.heads.peek_mut().expect("there is one");
        match next {
            Some(next) => replace(head, Reverse((next, at))),
            None => drop(PeekMut::pop(head)),
        }
        Ok(())
    }

    /// The SHA-256 of the rows of each sensor as one file, once there is no head.
    pub(super) fn sums(self) -> Vec<Sum> {
        if !self.joined.is_empty() {
            return self.joined.into_iter().map(|joined| joined.finalize().into()).collect();
        }
        self.files.into_iter().map(|file| file.lines.sum()).collect()
    }

    /// Takes the header, and looks at the first row.
    fn begin(&mut self, at: usize, disagreements: &mut Disagreements) -> Result<(), StorageError> {
        let name = &self.inspection.csv()[at].name;
        let file = &mut self.files[at];
        match file.lines.next_line(self.inspection)? {
            Some(line) if line.whole && file.lines.text(&line) == CSV_HEADER.as_bytes() => {}
            // It is being written.
            Some(line) if !line.whole && self.runs => {}
            None if self.runs => {}
            None => disagreements.add_torn(name, (0, 0), || "is empty, without even its header".to_owned()),
            Some(line) if !line.whole && CSV_HEADER.as_bytes().starts_with(file.lines.text(&line)) => {
                disagreements.add_torn(name, (0, 0), || "ends in half its header".to_owned());
            }
            Some(line) => {
                let text = shown(file.lines.text(&line));
                disagreements.add(name, (0, 0), || format!("begins with {text}, which is not the header of its rows"));
            }
        }
        self.read_next(at, disagreements)?;
        if self.files[at].next.is_none() && !self.runs {
            disagreements.add_torn(name, (0, 0), || "holds no row".to_owned());
        }
        Ok(())
    }

    /// Makes the following line of a file its next row, and returns its sequence. A row that breaks the order is left
    /// out: of two in the wrong order, the one that does not fit the row before.
    fn take_next(
        &mut self,
        at: usize,
        before: Sequence,
        disagreements: &mut Disagreements,
    ) -> Result<Option<Sequence>, StorageError> {
        let name = &self.inspection.csv()[at].name;
        while let Some(line) = self.files[at].next {
            let file = &mut self.files[at];
            let sequence = line.sequence.expect("only rows are kept as next");
            file.row.clear();
            file.row.extend_from_slice(file.lines.text(&line));
            self.read_next(at, disagreements)?;
            let following = self.files[at].next.and_then(|line| line.sequence);
            if sequence < before {
                disagreements.add(name, (sequence, sequence), || format!("row {sequence} comes after row {before}"));
            } else if let Some(following) = following.filter(|next| before < *next && *next < sequence) {
                disagreements
                    .add(name, (sequence, sequence), || format!("row {sequence} comes before row {following}"));
            } else {
                return Ok(Some(sequence));
            }
            self.count += 1;
        }
        Ok(None)
    }

    /// Looks for the next line that is a row, at least at its beginning.
    fn read_next(&mut self, at: usize, disagreements: &mut Disagreements) -> Result<(), StorageError> {
        let name = &self.inspection.csv()[at].name;
        let file = &mut self.files[at];
        loop {
            file.next = file.lines.next_line(self.inspection)?;
            let Some(line) = file.next else { return Ok(()) };
            if line.whole && line.sequence.is_some() {
                return Ok(());
            }
            let text = shown(file.lines.text(&line));
            if line.whole {
                disagreements.add(name, (0, 0), || format!("line {} is no row: {text}", line.number));
            } else if !self.runs {
                disagreements.add_torn(name, (0, 0), || format!("ends in half a row, line {}: {text}", line.number));
            }
        }
    }
}

fn replace<T: Ord>(mut head: PeekMut<'_, T>, new: T) {
    *head = new;
}
