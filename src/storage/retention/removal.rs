//! One removal, a piece at a time.

use jiff::Timestamp;

use super::Removed;
use crate::ids::Sequence;
use crate::numbers::Numbers;
use crate::reading;
use crate::storage::disk::Disk;
use crate::storage::error::StorageError;
use crate::storage::journal::Read;
use crate::storage::state::base;
use crate::storage::{Storage, READ_BYTES};
use crate::wire::{Base, Frame, RunList};

#[derive(Debug, Clone)]
pub(super) struct Removal {
    asked: Sequence,
    /// What goes ends here, with a batch.
    to: Sequence,
    stage: Stage,
    readings: u64,
    bytes: u64,
    newest: Option<(Timestamp, String)>,
    /// What would be left of it is more than can be told.
    too_much: bool,
}

#[derive(Debug, Clone)]
enum Stage {
    /// The entries up to `after` are known.
    Reading {
        after: Sequence,
        runs: RunList,
        numbers: Numbers,
    },
    /// Rows of this file are next.
    Rows(usize),
    Segments,
}

impl Removal {
    pub(super) fn is_below(&self, to: Sequence) -> bool {
        self.asked <= to
    }
}

impl<D: Disk> Storage<D> {
    /// Removes a piece of what is to be removed.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub fn removal_step(&mut self) -> Result<(), StorageError> {
        let Some(mut removal) = self.retention.removal.take() else { return self.begin_removal() };
        let careful = self.options.careful();
        match &mut removal.stage {
            Stage::Reading { .. } => self.read_on(&mut removal)?,
            Stage::Rows(at) if *at < self.csv.count() => {
                removal.bytes += self.csv.drop_up_to(*at, removal.to, careful)?;
                *at += 1;
            }
            Stage::Rows(_) => {
                if careful {
                    self.csv.sync_names()?;
                }
                removal.stage = Stage::Segments;
            }
            Stage::Segments => {
                removal.bytes += self.journal.remove(removal.to)?;
                self.retention.ordered.pop_front();
                let Removal { asked, to, readings, bytes, newest, too_much, .. } = removal;
                let newest = newest.map(|(_, text)| text);
                self.retention.removed.push(Removed { asked, base: to, readings, bytes, newest, too_much });
                return Ok(());
            }
        }
        self.retention.removal = Some(removal);
        Ok(())
    }

    /// Goes on until the file `base` has the first removal that was ordered.
    pub(super) fn write_base(&mut self) -> Result<(), StorageError> {
        let reads = |removal: &Removal| matches!(removal.stage, Stage::Reading { .. });
        self.removal_step()?;
        while self.retention.removal.as_ref().is_some_and(reads) {
            self.removal_step()?;
        }
        Ok(())
    }

    fn begin_removal(&mut self) -> Result<(), StorageError> {
        let Some(asked) = self.retention.ordered.front().copied() else { return Ok(()) };
        let to = self.journal.batch_end(asked.min(self.delivered))?.max(self.base);
        let before = base::read(&*self.disk)?.unwrap_or_default();
        let mut numbers = Numbers::default();
        before.origins.iter().for_each(|range| numbers.insert(range));
        let stage = Stage::Reading { after: self.base, runs: before.runs, numbers };
        self.retention.removal =
            Some(Removal { asked, to, stage, readings: 0, bytes: 0, newest: None, too_much: false });
        self.mark()
    }

    /// Reads more of what goes; after the last of it, writes the file `base`. From then on nobody reads it any more.
    fn read_on(&mut self, removal: &mut Removal) -> Result<(), StorageError> {
        let to = removal.to;
        let Stage::Reading { after, runs, numbers } = &mut removal.stage else { return Ok(()) };
        if *after < to {
            let (reader, cuts) = (self.journal.reader(), self.journal.cuts());
            let Read::Frames(frames) = reader.read_from(*after, to, cuts, READ_BYTES)? else {
                unreachable!("the journal reaches further, and only this thread cuts it");
            };
            for frame in frames {
                if runs.last().map(|(term, _)| term) != Some(frame.term()) {
                    runs.push((frame.term().clone(), frame.first()));
                }
                frame.ranges().iter().for_each(|range| numbers.insert(range));
                *after = frame.last();
                removal.readings += frame.count();
                note_newest(&frame, &mut removal.newest);
            }
            return Ok(());
        }
        let begins = Base { last: to, runs: std::mem::take(runs), origins: numbers.ranges().collect() };
        // A leader that lies may order a reading twice. Then the numbers do not account for each entry.
        let is_told = begins.origins.iter().map(|range| range.count).sum::<u64>() == to;
        removal.too_much = to > self.base && (!is_told || !base::fits(&begins));
        if to == self.base || removal.too_much {
            // Nothing is left to be removed; or what is left of it could not be told to anybody.
            (removal.to, removal.readings, removal.newest) = (self.base, 0, None);
            removal.stage = Stage::Segments;
            return Ok(());
        }
        if self.options.careful() {
            // Rows and entries above it count from now on.
            self.journal.sync()?;
        }
        base::save(&*self.disk, &begins, self.options.careful())?;
        self.base = to;
        self.journal.begin_after(to);
        self.check_names()?;
        removal.stage = Stage::Rows(0);
        Ok(())
    }
}

/// Notes the newest time of a batch. That of a clock that was not set says nothing.
fn note_newest(frame: &Frame, newest: &mut Option<(Timestamp, String)>) {
    for (_, payload) in frame.entries().filter(|(_, payload)| !reading::has_unsure_time(payload)) {
        let text = reading::timestamp_of(payload);
        let time = reading::unix_time(text);
        if newest.as_ref().is_none_or(|(before, _)| time > *before) {
            *newest = Some((time, text.to_owned()));
        }
    }
}
