//! Opens what earlier lives left: reads all of it once, mends what is damaged or does not agree, and tells what there
//! is. The order of the steps is such that nothing is lost wherever a crash interrupts them.

mod csv_check;
mod csv_mend;
pub(super) mod options;
pub(super) mod pending_load;
mod relay;
pub(super) mod salvage;
pub(super) mod start;
pub(super) mod walk;

use std::sync::{Arc, Mutex};

use self::csv_check::CsvCheck;
use self::start::Begun;
use super::csv_files::{beside, CsvFiles};
use super::directory::earlier_names;
use super::disk::Disk;
use super::error::StorageError;
use super::in_place;
use super::journal::tail::Tail;
use super::journal::{packing, Journal, Read, DIR};
use super::pending::Pending;
use super::{Opened, Options, Repair, Storage, READ_BYTES};
use crate::ids::{Incarnation, PeerId, Sequence, NEEDS_ALL};
use crate::numbers::Numbers;
use crate::wire::{Frame, Range, RunList};

/// What the log holds, beyond what the journal itself knows.
#[derive(Debug, Default)]
struct Contents {
    runs: RunList,
    numbers: Numbers,
}

impl Contents {
    fn visit(&mut self, frame: &Frame) {
        if self.runs.last().map(|(term, _)| term) != Some(frame.term()) {
            self.runs.push((frame.term().clone(), frame.first()));
        }
        frame.ranges().iter().for_each(|range| self.numbers.insert(range));
    }
}

/// Begins a new life of the peer on what the earlier ones left (docs/protocol.md, 8).
///
/// The order is the point. `pending` is read first, since what a damaged log loses is added to it. The log is read
/// once: its runs, its numbers and the check of the CSV files come from that one walk. What the log lost is in
/// `pending`, and both are on the platter, before any row is changed; `state`, which says how far the log must reach
/// from now on, is replaced last. A crash between any two of these leaves what the next start mends in the same way.
///
/// # Errors
/// The disk's; or where the files are another peer's.
pub(super) fn open<D: Disk>(
    disk: Arc<D>,
    id: &PeerId,
    now: Incarnation,
    options: Options,
) -> Result<(Storage<D>, Opened), StorageError> {
    let Begun { found, mut repairs } = start::look(&*disk, id, true)?;
    start::check_quorum(&*disk, found.as_ref(), options.quorum)?;
    let state_damaged = !repairs.is_empty();
    beside::remove_leftovers(&*disk)?;
    packing::remove_leftovers(&*disk)?;
    repairs.extend(earlier_names::rename_csv(&*disk)?.map(Repair::Renamed));
    let mut pending = pending_load::load(&disk, &mut repairs)?;
    let mut check = CsvCheck::new(Arc::clone(&disk), options.layout)?;
    let mut contents = Contents::default();
    let mut walked = walk::walk(&*disk, &mut |frame| {
        contents.visit(frame);
        check.visit(frame)
    })?;
    let last = walked.last;
    let delivered = check.finish()?;
    if let Some(broken) = &walked.broken {
        repairs.push(salvage::mend(&*disk, broken, last, &contents.numbers, &mut pending)?);
        if let Some(kept) = walked.segments.last_mut().filter(|segment| segment.first == broken.segment) {
            kept.packed = None;
        }
    }
    let mut journal = Journal::found(Arc::clone(&disk), walked.segments, last);
    // What was cut must be gone for good, and be kept as pending, before anything is built on either.
    pending.sync()?;
    journal.sync()?;
    repairs.extend(relay::mend(&*disk, found.as_ref(), &mut check, &journal.reader(), (last, delivered))?);
    let uncommitted = forget_delivered(&journal, &contents, delivered, &mut pending)?;
    let told = highest_told_life(id, &contents, &pending);
    let (state, short) = start::continued(found, id, (now, options), (&contents.runs, last), told);
    if let Some(needs) = short {
        repairs.push(Repair::JournalShort { path: disk.full_path(DIR), needs, last });
    }
    start::save(&*disk, &state, true)?;
    let opened = Opened {
        incarnation: state.incarnation,
        promised: state.promised.clone(),
        synced: state.synced.clone(),
        needs: state.needs,
        runs: contents.runs,
        last,
        origins: contents.numbers.ranges().collect(),
        uncommitted,
        delivered,
        pending: pending.ranges().ranges().collect(),
        state_damaged,
        repairs,
    };
    let tail = Arc::new(Mutex::new(Tail::new(last)));
    let csv = CsvFiles::found(Arc::clone(&disk), options.layout, check.into_files(delivered))?;
    let vouched = if state.needs == NEEDS_ALL { 0 } else { state.needs };
    let (claimed, restored) = (in_place::claimed(&*disk)?, Vec::new());
    Ok((Storage { disk, state, options, journal, tail, csv, pending, delivered, vouched, claimed, restored }, opened))
}

/// Forgets pending readings that are delivered. Returns what is in the log and not delivered.
///
/// A reading that is in the log above `delivered` stays pending: if the log is cut there, the reading is nowhere else.
fn forget_delivered<D: Disk>(
    journal: &Journal<D>,
    contents: &Contents,
    delivered: Sequence,
    pending: &mut Pending<D>,
) -> Result<Vec<(Sequence, Vec<Range>)>, StorageError> {
    let (reader, cuts) = (journal.reader(), journal.cuts());
    let (mut uncommitted, mut above) = (Vec::new(), Numbers::default());
    let mut after = delivered;
    while let Read::Frames(frames) = reader.read_from(after, Sequence::MAX, cuts, READ_BYTES)? {
        for frame in frames {
            frame.ranges_after(delivered).iter().for_each(|range| above.insert(range));
            after = frame.last();
            uncommitted.push((after, frame.ranges().to_vec()));
        }
    }
    let mut done = Numbers::default();
    for range in pending.ranges().ranges() {
        done.insert(&range);
        // What is left is what the log does not lack, and not what it holds above.
        for (first, last) in contents.numbers.missing(&range.origin, range.first, range.last()) {
            done.remove(&Range { origin: range.origin.clone(), first, count: last - first + 1 });
        }
    }
    above.ranges().for_each(|range| done.remove(&range));
    done.ranges().for_each(|range| pending.forget(&range));
    Ok(uncommitted)
}

/// The highest life of this peer that any file tells of, and that it can have had.
fn highest_told_life<D: Disk>(id: &PeerId, contents: &Contents, pending: &Pending<D>) -> Option<Incarnation> {
    let pending = pending.ranges();
    let origins = contents.numbers.origins().chain(pending.origins()).filter(|origin| origin.peer == *id);
    let leaders = contents.runs.iter().map(|(term, _)| term).filter(|term| term.leader == *id);
    let lives = origins.map(|origin| origin.incarnation).chain(leaders.map(|term| term.incarnation));
    lives.filter(|life| *life <= start::TOLD_MAX).max()
}
