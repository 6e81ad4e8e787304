//! Removes the beginning of the log once nothing keeps it any more (docs/protocol.md, 10): what may go is looked for
//! (`survey.rs`), what a leader ordered is removed, and a log that lacks what was removed begins after it. All of it is
//! done in pieces, so that nothing waits for it long.
//!
//! The file `base` comes first, then rows, then segments. A crash in between leaves what the next start removes.

mod removal;
mod survey;

use std::collections::VecDeque;

use jiff::Timestamp;

use self::removal::Removal;
use self::survey::Survey;
use super::disk::Disk;
use super::error::StorageError;
use super::state::base;
use super::Storage;
use crate::ids::{Sequence, Term};
use crate::wire::{Base, Range};

/// What is being looked for, and removed.
#[derive(Debug, Clone, Default)]
pub(super) struct Retention {
    survey: Option<Survey>,
    /// Everything up to here was found to be before this time.
    old: Option<(Sequence, Timestamp)>,
    /// What was ordered to go, up to which entries.
    ordered: VecDeque<Sequence>,
    removal: Option<Removal>,
    /// What was removed, until somebody asks.
    removed: Vec<Removed>,
}

/// What a removal came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    pub asked: Sequence,
    /// The log begins after this: the end of the last batch up to what was asked for.
    pub base: Sequence,
    pub readings: u64,
    /// How many bytes went.
    pub bytes: u64,
    /// The newest time of these readings that says anything.
    pub newest: Option<String>,
    /// Nothing went: what is left of it would be too much to be told to anybody.
    pub too_much: bool,
}

impl Retention {
    /// The log was cut to here.
    pub(super) fn forget_above(&mut self, to: Sequence) {
        self.survey = None;
        self.old = self.old.map(|(old, oldest)| (old.min(to), oldest));
        self.ordered.retain(|ordered| *ordered <= to);
        self.removal = self.removal.take().filter(|removal| removal.is_below(to));
    }
}

/// Up to where the log is to be removed: as the batches that are delivered say (last sequence of each, and what it says).
pub(super) fn due(keeps: &[(Sequence, Sequence)], delivered: Sequence) -> Option<Sequence> {
    keeps.iter().filter(|(batch, _)| *batch <= delivered).map(|(_, keep)| keep - 1).max()
}

impl<D: Disk> Storage<D> {
    /// Entries up to here were removed.
    #[must_use]
    pub fn base(&self) -> Sequence {
        self.base
    }

    /// Notes that the log loses its beginning, which an earlier version would take for damage: before anything says so.
    pub(super) fn mark(&mut self) -> Result<(), StorageError> {
        if self.state.shortened {
            return Ok(());
        }
        self.state.shortened = true;
        let super::StateFile { promised, synced, needs, .. } = self.state.clone();
        self.save_state(promised.as_ref(), synced.as_ref(), needs)
    }

    /// Entries up to `to` are to go, which are delivered: see [`Self::removal_step`].
    pub fn remove(&mut self, to: Sequence) {
        self.retention.ordered.push_back(to);
    }

    /// Whether anything is to be removed.
    #[must_use]
    pub fn is_removing(&self) -> bool {
        self.retention.removal.is_some() || !self.retention.ordered.is_empty()
    }

    /// Removes all that was ordered to go.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub fn finish_removals(&mut self) -> Result<(), StorageError> {
        while self.is_removing() {
            self.removal_step()?;
        }
        Ok(())
    }

    /// What was removed since this was asked last.
    pub fn take_removed(&mut self) -> Vec<Removed> {
        std::mem::take(&mut self.retention.removed)
    }

    /// What is told to a peer that asks for entries which were removed: where the log begins, as far as it is known on
    /// disk. `None`: nothing was removed.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub fn told_base(&mut self) -> Result<Option<Base>, StorageError> {
        while self.is_removing() && self.base < self.retention.ordered.back().copied().unwrap_or(0) {
            // It asks for what is about to go.
            self.write_base()?;
        }
        base::read(&*self.disk)
    }

    /// Replaces the log by the beginning of a longer one, of which it is a part. Rows and entries go.
    ///
    /// # Errors
    /// The disk's.
    pub fn begin_after(&mut self, begins: &Base) -> Result<(), StorageError> {
        assert!(begins.last > self.last(), "the log is a part of that");
        let careful = self.options.careful();
        self.retention = Retention::default();
        self.mark()?;
        self.check_names()?;
        // What is pending is in the beginning of the group's log, if that says so.
        base::save(&*self.disk, begins, careful)?;
        self.base = begins.last;
        self.csv.truncate_above(0, careful)?;
        self.delivered = begins.last;
        self.journal.remove(begins.last)?;
        begins.origins.iter().for_each(|range| self.pending.forget(range));
        self.tell_tail();
        Ok(())
    }

    /// A cut below what was removed: nothing is left. What was above is kept as pending, and returned.
    pub(super) fn begin_again(
        &mut self,
        promised: Option<&Term>,
        synced: Option<&Term>,
        needs: Sequence,
    ) -> Result<Vec<Range>, StorageError> {
        if self.options.quorum.is_some() {
            return Err(StorageError::CutsDelivered { to: 0, delivered: self.delivered });
        }
        let careful = self.options.careful();
        self.retention = Retention::default();
        let returned = self.keep_above(self.base)?;
        self.vouched = 0;
        let needs = if needs == crate::ids::NEEDS_ALL { needs } else { 0 };
        self.save_state(promised, synced, needs)?;
        self.check_names()?;
        self.csv.truncate_above(0, careful)?;
        self.delivered = 0;
        self.journal.cut(0, careful)?;
        self.journal.sync()?;
        // It goes last: until then it describes the log.
        base::remove(&*self.disk)?;
        self.base = 0;
        self.tell_tail();
        Ok(returned)
    }
}

#[cfg(test)]
mod tests;
