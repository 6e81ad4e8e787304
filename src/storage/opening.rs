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
use super::csv_files::in_place;
use super::csv_files::{beside, drop, CsvFiles};
use super::directory::earlier_names;
use super::disk::Disk;
use super::error::{failed, StorageError};
use super::file_names::CsvName;
use super::journal::names::{packed_path, plain_path, segments_of};
use super::journal::tail::Tail;
use super::journal::{packing, Journal, Read, DIR};
use super::pending::Pending;
use super::retention::{self, Retention};
use super::state::base;
use super::{Opened, Options, Repair, Storage, READ_BYTES};
use crate::ids::{Incarnation, PeerId, Sequence, NEEDS_ALL};
use crate::numbers::Numbers;
use crate::wire::{Base, Frame, Range, RunList};

/// What the log holds, beyond what the journal itself knows.
#[derive(Debug, Default)]
struct Contents {
    runs: RunList,
    numbers: Numbers,
    /// Last sequence of each batch that says where the log begins, and that sequence.
    keeps: Vec<(Sequence, Sequence)>,
}

impl Contents {
    /// What is left of the beginning of a log.
    fn after(base: &Base) -> Self {
        let mut contents = Self { runs: base.runs.clone(), ..Self::default() };
        base.origins.iter().for_each(|range| contents.numbers.insert(range));
        contents
    }

    fn visit(&mut self, frame: &Frame) {
        if self.runs.last().map(|(term, _)| term) != Some(frame.term()) {
            self.runs.push((frame.term().clone(), frame.first()));
        }
        frame.ranges().iter().for_each(|range| self.numbers.insert(range));
        self.keeps.extend(frame.keep().map(|keep| (frame.last(), keep)));
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
    let begins = load_base(&*disk, &mut repairs)?;
    let base = begins.last;
    let mut pending = pending_load::load(&disk, &mut repairs)?;
    let mut check = CsvCheck::new(Arc::clone(&disk), options.layout)?;
    let (contents, mut walked) = read_log(&*disk, &begins, &mut check)?;
    let last = walked.last.max(base);
    let delivered = check.finish()?.max(base);
    if let Some(broken) = &walked.broken {
        repairs.push(salvage::mend(&*disk, broken, last, &contents.numbers, &mut pending)?);
        if let Some(kept) = walked.segments.last_mut().filter(|segment| segment.first == broken.segment) {
            kept.packed = None;
        }
    }
    let mut journal = Journal::found(Arc::clone(&disk), walked.segments, (base, last)).sized(options.segment_bytes);
    // All of them, where the log is no longer than its base: it goes on in another segment.
    journal.remove(base)?;
    // What was cut must be gone for good, and be kept as pending, before anything is built on either.
    pending.sync()?;
    journal.sync()?;
    repairs.extend(relay::mend(&*disk, found.as_ref(), &mut check, &journal.reader(), (last, delivered))?);
    let uncommitted = forget_delivered(&journal, &contents, delivered, &mut pending)?;
    let told = highest_told_life(id, &contents, &pending);
    let shortened = base > 0 || !contents.keeps.is_empty();
    let (state, short) = start::continued(found, id, (now, options), (&contents.runs, last), (told, shortened));
    if let Some(needs) = short {
        repairs.push(Repair::JournalShort { path: disk.full_path(DIR), needs, last });
    }
    start::save(&*disk, &state, true)?;
    let mut opened = Opened {
        incarnation: state.incarnation,
        promised: state.promised.clone(),
        synced: state.synced.clone(),
        needs: state.needs,
        runs: contents.runs,
        base,
        last,
        origins: contents.numbers.ranges().collect(),
        uncommitted,
        keeps: contents.keeps.iter().copied().filter(|(batch, _)| *batch > delivered).collect(),
        delivered,
        pending: pending.ranges().ranges().collect(),
        state_damaged,
        repairs,
    };
    let tail = Arc::new(Mutex::new(Tail::new(last)));
    let csv = CsvFiles::found(Arc::clone(&disk), options.layout, check.into_files(delivered))?;
    let vouched = if state.needs == NEEDS_ALL { 0 } else { state.needs };
    let (claimed, restored) = (in_place::claimed(&*disk)?, Vec::new());
    let (due, retention) = (retention::due(&contents.keeps, delivered), Retention::default());
    let mut storage = Storage {
        disk,
        state,
        options,
        journal,
        tail,
        csv,
        pending,
        delivered,
        base,
        retention,
        vouched,
        claimed,
        restored,
    };
    opened.base = remove_what_is_due(&mut storage, due)?;
    Ok((storage, opened))
}

/// Reads the log after its beginning, and compares the CSV files with it.
fn read_log<D: Disk>(
    disk: &D,
    begins: &Base,
    check: &mut CsvCheck<D>,
) -> Result<(Contents, walk::Walked), StorageError> {
    let mut contents = Contents::after(begins);
    let walked = walk::walk_after(disk, begins.last, &mut |frame| {
        if frame.last() <= begins.last {
            return Ok(());
        }
        contents.visit(frame);
        check.visit(frame)
    })?;
    Ok((contents, walked))
}

/// Removes what was ordered to go, and delivered, before a crash came. Returns where the log begins then.
fn remove_what_is_due<D: Disk>(storage: &mut Storage<D>, due: Option<Sequence>) -> Result<Sequence, StorageError> {
    if let Some(to) = due.filter(|_| storage.options.limits.is_some()) {
        storage.remove(to);
        storage.finish_removals()?;
        storage.take_removed();
    }
    Ok(storage.base)
}

/// What is left of entries that earlier lives removed. What they did not finish of that is done.
fn load_base<D: Disk>(disk: &D, repairs: &mut Vec<Repair>) -> Result<Base, StorageError> {
    let (begins, aside) = base::load(disk)?;
    repairs.extend(aside.map(|set_aside| Repair::Base { path: disk.full_path(base::PATH), set_aside }));
    remove_rest(disk, begins.last)?;
    Ok(begins)
}

/// Removes what an earlier life left of entries up to `base`: whole segments, and rows.
fn remove_rest<D: Disk>(disk: &D, base: Sequence) -> Result<(), StorageError> {
    if base == 0 {
        return Ok(());
    }
    let segments = segments_of(&disk.list(DIR).map_err(failed(disk, "list", DIR))?);
    let kept = segments.iter().rposition(|first| *first <= base + 1).unwrap_or(0);
    for path in segments[..kept].iter().flat_map(|first| [plain_path(*first), packed_path(*first)]) {
        disk.remove(&path).map_err(failed(disk, "remove", &path))?;
    }
    for name in disk.list("").map_err(failed(disk, "list", ""))? {
        if CsvName::parse(&name).is_some() {
            let bytes = disk.len(&name).map_err(failed(disk, "look at", &name))?;
            drop::drop_rows(disk, &name, bytes, base, true)?;
        }
    }
    Ok(())
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

/// The highest life of this peer that any file names, and that it can have had.
fn highest_told_life<D: Disk>(id: &PeerId, contents: &Contents, pending: &Pending<D>) -> Option<Incarnation> {
    let pending = pending.ranges();
    let origins = contents.numbers.origins().chain(pending.origins()).filter(|origin| origin.peer == *id);
    let leaders = contents.runs.iter().map(|(term, _)| term).filter(|term| term.leader == *id);
    let lives = origins.map(|origin| origin.incarnation).chain(leaders.map(|term| term.incarnation));
    lives.filter(|life| *life <= start::TOLD_MAX).max()
}
