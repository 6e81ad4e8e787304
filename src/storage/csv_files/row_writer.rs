//! Writes rows of some files from the journal, in one walk over it.

use std::collections::HashMap;

use super::BUFFER_BYTES_MAX;
use crate::ids::Sequence;
use crate::reading::{self, HEADER_LINE};
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};
use crate::storage::file_names::CsvName;
use crate::storage::journal::{JournalReader, Read};
use crate::storage::state::layout::Layout;
use crate::storage::READ_BYTES;

/// A file that lacks rows.
#[derive(Debug)]
pub(in crate::storage) struct Target {
    pub(in crate::storage) path: String,
    /// The first sequence that it lacks.
    pub(in crate::storage) from: Sequence,
    /// The file as it is now. An empty one gets its header, too.
    pub(in crate::storage) stamp: Stamp,
    rows: Vec<u8>,
}

impl Target {
    pub(in crate::storage) fn new(path: String, from: Sequence, stamp: Stamp) -> Self {
        Self { path, from, stamp, rows: Vec::new() }
    }
}

#[derive(Debug)]
pub(in crate::storage) struct RowWriter<'a, D> {
    disk: &'a D,
    layout: Layout,
    targets: Vec<Target>,
    by_key: HashMap<Box<[u8]>, usize>,
    /// Room for a key.
    space: Vec<u8>,
    buffered: usize,
}

impl<'a, D: Disk> RowWriter<'a, D> {
    /// The files are of this layout.
    pub(in crate::storage) fn new<'b>(
        disk: &'a D,
        layout: Layout,
        targets: impl IntoIterator<Item = (&'b CsvName, Target)>,
    ) -> Self {
        let (names, targets): (Vec<&CsvName>, Vec<Target>) = targets.into_iter().unzip();
        let by_key = names.iter().enumerate().map(|(at, name)| (name.key(), at)).collect();
        Self { disk, layout, targets, by_key, space: Vec::new(), buffered: 0 }
    }

    /// Writes the rows up to this one that each file lacks. Returns how many rows that were, and the stamps of the
    /// files afterwards, in the given order.
    ///
    /// # Errors
    /// The disk's, or where the journal is damaged.
    pub(in crate::storage) fn write(
        mut self,
        journal: &JournalReader<D>,
        up_to: Sequence,
    ) -> Result<(u64, Vec<Target>), StorageError> {
        let base = journal.base();
        let from = self.targets.iter().map(|target| target.from).min().unwrap_or(Sequence::MAX).max(base + 1);
        let (mut after, mut written, cuts) = (from - 1, 0, journal.cuts());
        while after < up_to {
            let Read::Frames(frames) = journal.read_from(after, up_to, cuts, READ_BYTES)? else { break };
            for frame in frames {
                for (sequence, payload) in frame.entries().filter(|(sequence, _)| (base + 1..=up_to).contains(sequence))
                {
                    written += u64::from(self.add(sequence, payload));
                }
                after = frame.last();
            }
            if self.buffered >= BUFFER_BYTES_MAX {
                self.flush()?;
            }
        }
        self.flush()?;
        Ok((written, self.targets))
    }

    /// Whether this is a row that is lacking.
    fn add(&mut self, sequence: Sequence, payload: &[u8]) -> bool {
        let Some(at) = self.by_key.get(self.layout.key(payload, &mut self.space)) else { return false };
        let target = &mut self.targets[*at];
        if sequence < target.from {
            return false;
        }
        let before = target.rows.len();
        if before == 0 && target.stamp.bytes == 0 {
            target.rows.extend_from_slice(HEADER_LINE.as_bytes());
        }
        reading::append_row(sequence, payload, &mut target.rows);
        self.buffered += target.rows.len() - before;
        true
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        let kept = BUFFER_BYTES_MAX / self.targets.len().max(1);
        for target in self.targets.iter_mut().filter(|target| !target.rows.is_empty()) {
            let path = &target.path;
            target.stamp = self.disk.append(path, &target.rows).map_err(failed(self.disk, "append to", path))?;
            target.rows.clear();
            target.rows.shrink_to(kept);
        }
        self.buffered = 0;
        Ok(())
    }
}
