//! The rows of a peer in sequence order, as they come, whether the peer runs or not.
//!
//! The CSV files have the rows by sensor; the journal has them in one sequence. So rows are read from the journal, and
//! each is given once the file of its sensor holds it. So sequence n is never given before n - 1, although the files
//! are written one after another, and ten thousand sensors need no open files.
//!
//! After a merge the rows from some sequence on are others. The journal shows it: its batches say in which term they
//! were ordered, and logs with the same sequence and term are equal up to it (docs/protocol.md 9). `lineage.rs` keeps
//! the terms of what was given. If the last given batch is no longer in its place, the log has changed, and the terms
//! tell from where on.

mod delivered;
mod lineage;
mod position;

pub use position::{Position, PositionError};

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use self::delivered::Delivered;
use self::lineage::Lineage;
use super::{Page, TimeRange};
use crate::ids::{SensorId, Sequence};
use crate::reading;
use crate::storage::{BatchPlace, Inspection, JournalFiles, StorageError};
use crate::wire::Frame;

/// How often in a row a journal may look damaged, because it is being written, before that counts.
const FAULTS_MAX: u32 = 20;

/// Until a journal that is being written may look whole.
const MOMENT: Duration = Duration::from_millis(10);

/// Which rows are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Empty for all.
    pub sensors: Vec<SensorId>,
    pub range: TimeRange,
}

impl Wanted {
    /// All rows.
    #[must_use]
    pub fn all() -> Self {
        Self { sensors: Vec::new(), range: TimeRange::ALL }
    }
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Rows; an empty page where none of those that were read is wanted.
    Rows(Page),
    /// What was given after this sequence no longer holds: what replaces it follows.
    Rewind { after: Sequence },
    /// Rows up to here were removed since, and are not given.
    Gone { up_to: Sequence },
    /// Nothing so far.
    Nothing,
}

/// Reads rows in sequence order.
#[derive(Debug)]
pub struct Rows {
    root: PathBuf,
    /// Ids of sensors; empty for all.
    sensors: HashSet<Box<[u8]>>,
    range: TimeRange,
    journal: JournalFiles,
    delivered: Delivered,
    /// Where it began, and the terms of what was given since.
    start: Sequence,
    lineage: Lineage,
    /// Given up to here.
    after: Sequence,
    /// The log begins after this, as far as it was looked at.
    base: Sequence,
    /// The batch of that sequence.
    done: Option<BatchPlace>,
    /// What was read ahead.
    ahead: VecDeque<(BatchPlace, Frame)>,
    faults: u32,
}

impl Rows {
    /// The rows after a sequence, of the directory `root`.
    #[must_use]
    pub fn new(root: PathBuf, wanted: &Wanted, after: Sequence) -> Self {
        Self::resume(root, wanted, Position::new(after))
    }

    /// The rows after a stored position. If rows before it changed since then, a rewind comes first.
    #[must_use]
    pub fn resume(root: PathBuf, wanted: &Wanted, position: Position) -> Self {
        let Position { start, lineage } = position;
        Self {
            journal: JournalFiles::new(root.clone()),
            delivered: Delivered::new(root.clone()),
            root,
            sensors: wanted.sensors.iter().map(|sensor| sensor.as_str().as_bytes().into()).collect(),
            range: wanted.range,
            start,
            after: lineage.last().unwrap_or(start),
            base: 0,
            lineage,
            done: None,
            ahead: VecDeque::new(),
            faults: 0,
        }
    }

    /// The present position, to go on from there another time.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { start: self.start, lineage: self.lineage.clone() }
    }

    /// All wanted rows up to here have been given.
    #[must_use]
    pub fn after(&self) -> Sequence {
        self.after
    }

    /// Whether there is a journal, or the beginning of one that holds nothing yet. Without it there are no rows in
    /// sequence order, whatever files there are.
    ///
    /// # Errors
    /// The disk's.
    pub fn has_journal(&self) -> Result<bool, StorageError> {
        Ok(self.journal.are_there()? || self.journal.base()? > 0)
    }

    /// Takes the next rows: at most `limit`, and at most some hundred KiB. For a reader that comes again after `Nothing`.
    ///
    /// # Errors
    /// The disk's, or where the journal is damaged.
    pub fn step(&mut self, limit: usize) -> Result<Step, StorageError> {
        Ok(self.look(limit)?.unwrap_or(Step::Nothing))
    }

    /// The same for a reader to which `Nothing` is the end. If the journal of a running peer looks damaged, it waits
    /// until that passes, or lasts too long.
    ///
    /// # Errors
    /// The disk's, or where the journal is damaged.
    pub fn step_patiently(&mut self, limit: usize) -> Result<Step, StorageError> {
        loop {
            match self.look(limit)? {
                Some(step) => return Ok(step),
                None => thread::sleep(MOMENT),
            }
        }
    }

    /// What comes next, unless nobody can say now: a journal that is being written, or cut, looks damaged for a moment.
    fn look(&mut self, limit: usize) -> Result<Option<Step>, StorageError> {
        match self.try_step(limit) {
            Err(StorageError::Damaged { .. }) if self.faults < FAULTS_MAX && Inspection::is_in_use(&self.root) => {
                self.faults += 1;
                Ok(None)
            }
            step => {
                self.faults = 0;
                step.map(Some)
            }
        }
    }

    fn try_step(&mut self, limit: usize) -> Result<Step, StorageError> {
        if let Some(rewind) = self.settle()? {
            return Ok(rewind);
        }
        if self.ahead.is_empty() {
            self.read_ahead()?;
            // What was read follows what was given only if the latter is still there now.
            if let Some(rewind) = self.settle()? {
                return Ok(rewind);
            }
        }
        let before = self.after;
        let page = self.take(limit)?;
        Ok(if page.after > before { Step::Rows(page) } else { Step::Nothing })
    }

    /// Finds the last batch that was given, and checks that it and what was read ahead are in the journal. If that
    /// batch is not, goes back to what the journal still shares with the given rows.
    fn settle(&mut self) -> Result<Option<Step>, StorageError> {
        if let Some(step) = self.follow_the_base()? {
            return Ok(Some(step));
        }
        if self.done.is_none() && self.after > 0 {
            let found = self.journal.find(self.after)?;
            let same = |place: &BatchPlace| self.lineage.is_empty() || self.lineage.ends_in(place.term());
            self.done = found.filter(same);
        } else if let Some(done) = &self.done {
            if !self.journal.holds(done)? {
                self.done = None;
                self.ahead.clear();
                return self.settle();
            }
        }
        if let Some((last, _)) = self.ahead.back() {
            if !self.journal.holds(last)? {
                self.ahead.clear();
            }
        }
        if self.done.is_some() || self.lineage.is_empty() {
            return Ok(None);
        }
        let shared = self.shared()?;
        if shared < self.after {
            return Ok(Some(self.rewind(shared)));
        }
        // At the base that batch was removed. Above it, it has come back meanwhile, as after a start that fetched it.
        if self.after > self.base {
            self.forget_places();
        }
        Ok(None)
    }

    /// The last sequence up to which the log still is what was given.
    fn shared(&self) -> Result<Sequence, StorageError> {
        if self.lineage.is_empty() {
            return Ok(self.after);
        }
        Ok(self.lineage.shared_with(&self.journal)?.unwrap_or(self.start).clamp(self.start, self.after))
    }

    fn rewind(&mut self, after: Sequence) -> Step {
        self.forget_places();
        self.lineage.cut(after);
        self.after = after;
        Step::Rewind { after }
    }

    fn forget_places(&mut self) {
        self.done = None;
        self.ahead.clear();
        self.delivered.forget();
    }

    /// Goes on where the log begins by now, even if entries below are still in a segment: no file holds their rows. That
    /// rows are missing is worth a word to those who were given some.
    fn follow_the_base(&mut self) -> Result<Option<Step>, StorageError> {
        let before = std::mem::replace(&mut self.base, self.journal.base()?);
        if self.base < before && self.after > self.start {
            // The log began with nothing again, so rows may be there again that were passed over.
            return Ok(Some(self.rewind(self.start)));
        }
        if self.after >= self.base {
            return Ok(None);
        }
        // What was given may have been replaced before it was removed.
        let shared = self.shared()?;
        if shared < self.after {
            return Ok(Some(self.rewind(shared)));
        }
        let was_given_some = self.after > 0;
        self.forget_places();
        (self.after, self.lineage) = (self.base, Lineage::default());
        Ok(was_given_some.then_some(Step::Gone { up_to: self.base }))
    }

    fn read_ahead(&mut self) -> Result<(), StorageError> {
        if self.done.is_none() && self.after > self.base {
            // The log does not reach that far yet.
            return Ok(());
        }
        for (place, frame) in self.journal.read(self.done.as_ref(), self.after)? {
            // If the log was cut and has grown again meanwhile, something else follows. Only batches of one term are
            // read ahead: if the last one is still in the log, so are those of its term before it (docs/protocol.md 9).
            let follows = match self.ahead.back() {
                None => frame.first() <= self.after + 1,
                Some((_, before)) => frame.first() == before.last() + 1 && frame.term() == before.term(),
            };
            if !follows {
                break;
            }
            self.ahead.push_back((place, frame));
        }
        Ok(())
    }

    /// Takes the delivered part of what was read ahead.
    fn take(&mut self, limit: usize) -> Result<Page, StorageError> {
        let mut page = Page::new(self.after);
        while let Some((place, frame)) = self.ahead.front() {
            let (mut is_done, before) = (true, page.after);
            page.add_runs(frame, before);
            for (sequence, payload) in frame.entries().skip_while(|(sequence, _)| *sequence <= before) {
                let wanted = self.sensors.is_empty() || self.sensors.contains(reading::sensor_of(payload));
                if page.len() == limit || wanted && !self.delivered.holds(payload, sequence)? {
                    is_done = false;
                    break;
                }
                if wanted && is_in(&self.range, payload) {
                    page.add_entry(sequence, payload);
                }
                page.after = sequence;
                self.lineage.add(frame.term(), sequence);
            }
            if page.after >= frame.first() {
                self.done = Some(place.clone());
            }
            if !is_done {
                break;
            }
            self.ahead.pop_front();
        }
        self.after = page.after;
        Ok(page)
    }
}

fn is_in(range: &TimeRange, payload: &[u8]) -> bool {
    let time = |payload| reading::check(payload).map(|fields| reading::unix_ms(fields.timestamp));
    *range == TimeRange::ALL || time(payload).is_ok_and(|time| range.contains(time))
}
