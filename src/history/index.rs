//! An index over the rows of one CSV file. For each block of rows it has the place, the sequences and times, and a
//! summary of the values. It is made in one pass over the file, and then only reads what the file grew by.

mod block;

pub(super) use block::{Block, Summaries, QUANTITIES};

use self::block::usual_interval;
use super::{Page, TimeRange};
use crate::ids::Sequence;
use crate::reading::{row_fields, unix_ms, Fields};
use crate::storage::{CsvHandle, Stamp, StorageError};

/// Rows of a block, in a file that is not very long.
const BLOCK_ROWS: u32 = 256;

/// How many blocks a file has at most. A longer file has blocks of twice as many rows.
const BLOCKS_MAX: usize = 1 << 16;

/// The index of one file.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Which file it is, and how far its rows are in blocks.
    file: Stamp,
    blocks: Vec<Block>,
    /// Rows of a full block.
    block_rows: u32,
    /// The last row that is in a block, and its place: it is still there if the file is the same and only grew.
    last_row: Vec<u8>,
    last_row_at: u64,
}

impl Index {
    /// Brings the index up to date with the file. Returns whether it was the index of another file, or of none.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn update(&mut self, file: &mut CsvHandle) -> Result<bool, StorageError> {
        let (stamp, is_another) = (file.stamp(), !self.is_of(file)?);
        if is_another {
            *self = Self { file: Stamp { bytes: 0, ..stamp }, block_rows: BLOCK_ROWS, ..Self::default() };
        }
        if self.file.bytes == stamp.bytes {
            return Ok(is_another);
        }
        // The last block is read again unless it is full.
        if let Some(offset) =
            self.blocks.last().filter(|one| one.summaries.rows < self.block_rows).map(|one| one.offset)
        {
            self.blocks.pop();
            self.file.bytes = offset;
        }
        let done = self.add_rows(file, stamp.bytes);
        if done.is_err() {
            // If this pass failed halfway, the next one would add the same blocks again.
            *self = Self::default();
        }
        done.map(|()| is_another)
    }

    /// Makes blocks of the rows between what is in blocks and `end`.
    fn add_rows(&mut self, file: &mut CsvHandle, end: u64) -> Result<(), StorageError> {
        let mut building = Building::new(self.file.bytes);
        let mut offset = self.file.bytes;
        file.for_each_line(offset, end, |line| {
            if let Some((sequence, fields)) = row_fields(line) {
                if building.rows() >= self.block_rows {
                    self.blocks.push(building.take(offset));
                }
                building.add(sequence, &fields);
                self.last_row.clear();
                self.last_row.extend_from_slice(line);
                self.last_row_at = offset;
            }
            offset += line.len() as u64;
            if self.blocks.len() >= BLOCKS_MAX {
                self.blocks = halve(std::mem::take(&mut self.blocks));
                self.block_rows *= 2;
            }
            true
        })?;
        if building.rows() > 0 {
            self.blocks.push(building.take(offset));
        }
        self.file.bytes = offset;
        Ok(())
    }

    /// Whether this is the file that the index is of, perhaps with more rows.
    fn is_of(&self, file: &mut CsvHandle) -> Result<bool, StorageError> {
        let stamp = file.stamp();
        if stamp.file != self.file.file || stamp.bytes < self.file.bytes {
            return Ok(false);
        }
        // Another file may have got the number of a removed one.
        Ok(file.read(self.last_row_at, self.last_row.len())? == self.last_row)
    }

    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// A lower bound of the sequences of the rows after `after`; `None` if there is no such row.
    pub(super) fn first_after(&self, after: Sequence) -> Option<Sequence> {
        let at = self.blocks.partition_point(|block| block.last <= after);
        self.blocks.get(at).map(|block| block.first.max(after + 1))
    }

    /// How much memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.blocks.capacity() * size_of::<Block>() + self.last_row.capacity()
    }

    /// Rows after a sequence and in a range of time, at most `limit`.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn rows(
        &self,
        file: &mut CsvHandle,
        after: Sequence,
        range: &TimeRange,
        limit: usize,
    ) -> Result<Page, StorageError> {
        let mut page = Page::new(after);
        let from = self.blocks.partition_point(|block| block.last <= after);
        for block in &self.blocks[from..] {
            if block.latest >= range.from && block.earliest <= range.to {
                file.for_each_line(block.offset, block.end, |line| {
                    if page.len() == limit {
                        return false;
                    }
                    let Some((sequence, fields)) = row_fields(line).filter(|(sequence, _)| *sequence > after) else {
                        return true;
                    };
                    page.after = sequence;
                    if range.contains(unix_ms(fields.timestamp)) {
                        page.add(|csv| csv.extend_from_slice(line));
                    }
                    true
                })?;
            }
            if page.len() == limit {
                return Ok(page);
            }
            page.after = block.last;
        }
        Ok(page)
    }
}

/// Blocks of twice as many rows.
fn halve(blocks: Vec<Block>) -> Vec<Block> {
    let mut halved = Vec::with_capacity(BLOCKS_MAX);
    let mut blocks = blocks.into_iter();
    while let Some(block) = blocks.next() {
        halved.push(match blocks.next() {
            Some(next) => block.join(&next),
            None => block,
        });
    }
    halved
}

/// A block that is being made.
struct Building {
    offset: u64,
    first: Sequence,
    last: Sequence,
    times: Vec<i64>,
    summaries: Summaries,
}

impl Building {
    fn new(offset: u64) -> Self {
        Self { offset, first: 0, last: 0, times: Vec::new(), summaries: Summaries::NONE }
    }

    fn rows(&self) -> u32 {
        self.summaries.rows
    }

    fn add(&mut self, sequence: Sequence, fields: &Fields) {
        if self.rows() == 0 {
            self.first = sequence;
        }
        self.last = sequence;
        self.times.push(unix_ms(fields.timestamp));
        self.summaries.add(&Summaries::of(fields));
    }

    /// Returns the block, which ends at `end`, and begins the next one there.
    fn take(&mut self, end: u64) -> Block {
        let mut built = std::mem::replace(self, Self::new(end));
        let interval = usual_interval(&mut built.times);
        Block {
            offset: built.offset,
            end,
            first: built.first,
            last: built.last,
            earliest: *built.times.first().expect("it has rows"),
            latest: *built.times.last().expect("it has rows"),
            summaries: built.summaries,
            interval,
        }
    }
}
