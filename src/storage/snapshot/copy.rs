//! Copies what a peer has on one disk to another, as of one moment, while the peer may go on writing. The peer is not
//! asked, and notices nothing.
//!
//! A reading that was taken in is pending, in the log, or both. It goes from `pending` into the log, and a cut takes it
//! back. So `pending` is read between two looks at the log: what left `pending` before is in the log at the second
//! look. A cut in between would have added to `pending`, so that is read a second time. In the end the whole log is
//! read again, and has to be what was copied. The rows are written from the log, as far as the peer had delivered them.

use std::io;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ids::{Incarnation, Sequence, Term, NEEDS_ALL};
use crate::storage::csv_files::ends::last_row;
use crate::storage::disk::{or_empty, Disk, ReadDisk};
use crate::storage::error::{damaged, failed, StorageError};
use crate::storage::file_names::{sensor_of, sensor_of_earlier};
use crate::storage::journal::segment_bytes::SegmentBytes;
use crate::storage::opening::{salvage, start, walk};
use crate::storage::state::{self, base, StateFile};
use crate::storage::{journal, pending, Options, Packed, Storage};
use crate::wire::Frame;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Rows up to here are written.
    pub delivered: Sequence,
    /// The end of the log.
    pub last: Sequence,
    /// Readings that wait to be ordered, or to be delivered.
    pub waiting: u64,
}

/// Copies once, to a disk that holds at most what earlier tries left. `takes_over`: from now on only the copy counts.
///
/// # Errors
/// The disks'; where the source is damaged, or looks so because a file is being replaced; and where it changed too much
/// meanwhile.
pub(in crate::storage) fn copy<S: ReadDisk, D: Disk>(
    source: &S,
    disk: &Arc<D>,
    takes_over: bool,
) -> Result<Copied, StorageError> {
    let before = state::read(source)?;
    let options = Options { layout: before.layout(), ..Options::default() };
    let (mut storage, _) = Storage::open(Arc::clone(disk), &before.id, before.incarnation, options)?;
    let begins = base::read(source)?;
    if let Some(begins) = &begins {
        storage.tail().lock().expect("no holder of the lock panics").begin_after(begins.last);
        storage.begin_after(begins)?;
    }
    let mut copying = Copying { source, storage, digest: Sha256::new(), term: None };
    // Most of the log comes first, so that the rest takes only moments.
    copying.follow()?;
    copying.follow()?;
    let delivered = last_delivered(source)?.max(begins.as_ref().map_or(0, |begins| begins.last));
    let waiting = read_pending(source)?;
    copying.follow()?;
    let waiting_then = read_pending(source)?;
    if !waiting_then.starts_with(&waiting) {
        return Err(unsteady(source));
    }
    copying.confirm()?;
    if base::read(source)? != begins {
        return Err(unsteady(source));
    }
    let after = state::read(source)?;
    if (after.incarnation, after.quorum) != (before.incarnation, before.quorum) {
        return Err(unsteady(source));
    }
    let Copying { mut storage, term, .. } = copying;
    let last = storage.last();
    if delivered > last {
        let why = format!("it ends with entry {last}, but there is a row {delivered}");
        return Err(damaged(source, journal::DIR, why));
    }
    keep(&waiting_then, &mut storage)?;
    storage.deliver(delivered)?;
    storage.flush()?;
    let waiting = storage.pending.ranges().ranges().map(|range| range.count).sum();
    storage.sync()?;
    let state = as_copied(source, before, after, (last, term), takes_over)?;
    start::save(&**disk, &state, true)?;
    Ok(Copied { delivered, last, waiting })
}

fn unsteady<S: ReadDisk>(source: &S) -> StorageError {
    StorageError::Unsteady { path: source.full_path("") }
}

struct Copying<'a, S, D> {
    source: &'a S,
    storage: Storage<D>,
    /// The digest of all batches that were copied.
    digest: Sha256,
    /// The term of the last one.
    term: Option<Term>,
}

impl<S: ReadDisk, D: Disk> Copying<'_, S, D> {
    /// Takes what the log holds beyond what was copied.
    fn follow(&mut self) -> Result<(), StorageError> {
        let (source, copied) = (self.source, self.storage.last());
        walk_log(source, copied, &mut |frame| {
            if frame.last() <= copied {
                return Ok(());
            }
            if frame.first() != self.storage.last() + 1 {
                return Err(unsteady(source));
            }
            self.digest.update(frame.bytes());
            self.term = Some(frame.term().clone());
            if self.storage.append_batch(frame)? {
                // The copy is to take no more room than the original. It is whole without that, too.
                while let Packed::Piece = self.storage.journal.pack(frame.first() - 1)? {}
            }
            Ok(())
        })
    }

    /// Asserts that the log is what was copied, and perhaps goes on from there.
    fn confirm(&self) -> Result<(), StorageError> {
        let (base, copied, mut digest) = (self.storage.base(), self.storage.last(), Sha256::new());
        walk_log(self.source, base, &mut |frame| {
            if frame.first() > base && frame.first() <= copied {
                digest.update(frame.bytes());
            }
            Ok(())
        })?;
        if digest.finalize() == self.digest.clone().finalize() {
            Ok(())
        } else {
            Err(unsteady(self.source))
        }
    }
}

/// Shows the batches of the log, beginning with the segment that holds the batch after `after`, up to the first that is
/// not whole: it is just being written, or a crash tore it.
fn walk_log<S: ReadDisk>(
    source: &S,
    after: Sequence,
    visit: &mut dyn FnMut(&Frame) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let walked = match walk::walk_after(source, after, visit) {
        // Nothing was ever ordered.
        Err(StorageError::Io { doing: "list", fault, .. }) if fault.is_missing() => return Ok(()),
        walked => walked?,
    };
    let Some(broken) = walked.broken else { return Ok(()) };
    let again = walk::walk_after(source, walked.last, &mut |_| Ok(()))?;
    if again.last > walked.last {
        return Ok(());
    }
    let segment = SegmentBytes::open(source, broken.segment)?;
    if broken.later.is_empty() && !salvage::holds_batch(&segment, broken.offset)? {
        return Ok(());
    }
    Err(damaged(source, &segment.path(), broken.why))
}

/// The whole file in one read, since it may be replaced.
fn read_pending<S: ReadDisk>(source: &S) -> Result<Vec<u8>, StorageError> {
    let read = source
        .len(pending::PATH)
        .and_then(|bytes| source.read(pending::PATH, 0, usize::try_from(bytes).map_err(io::Error::other)?));
    or_empty(read).map_err(failed(source, "read", pending::PATH))
}

/// Keeps every whole record, whatever damage is between them.
fn keep<D: Disk>(bytes: &[u8], storage: &mut Storage<D>) -> Result<(), StorageError> {
    let verb = memchr::memmem::Finder::new(pending::VERB);
    let mut at = 0;
    while let Some(found) = verb.find(&bytes[at..]).map(|found| at + found) {
        at = found + 1;
        if let Ok((request, length)) = pending::parse_record(&bytes[found..]) {
            storage.keep(&request)?;
            at = found + length;
        }
    }
    Ok(())
}

/// The highest sequence that has a row.
fn last_delivered<S: ReadDisk>(source: &S) -> Result<Sequence, StorageError> {
    let mut delivered = 0;
    for name in source.list("").map_err(failed(source, "list", ""))? {
        if sensor_of(&name).or_else(|| sensor_of_earlier(&name)).is_some() {
            let bytes = source.len(&name).map_err(failed(source, "look at", &name))?;
            delivered = delivered.max(last_row(source, &name, bytes)?.map_or(0, |(sequence, _)| sequence));
        }
    }
    Ok(delivered)
}

/// The `state` of a peer that starts from the copy. What the original promised last still binds. But the original may
/// since have stored more than the copy holds, and said so. Under a quorum that counts: the copy has to fetch what the
/// group holds before it takes part, unless it takes over.
fn as_copied<S: ReadDisk>(
    source: &S,
    before: StateFile,
    after: StateFile,
    (last, term): (Sequence, Option<Term>),
    takes_over: bool,
) -> Result<StateFile, StorageError> {
    let is_short = before.needs > last;
    if takes_over && is_short && before.needs != NEEDS_ALL {
        let why = format!("it ends with entry {last}, but was written up to {}", before.needs);
        return Err(damaged(source, journal::DIR, why));
    }
    let needs = match () {
        () if takes_over => last,
        () if is_short || before.quorum.is_some() => NEEDS_ALL,
        () => before.needs,
    };
    // An entry of a term says that the log held everything up to the term's start, and no more.
    let synced = if is_short || needs == NEEDS_ALL { term } else { before.synced.clone() };
    let incarnation = skip_lives(before.incarnation);
    let rotate = StateFile::rotated(before.layout());
    Ok(StateFile { promised: after.promised, synced, needs, incarnation, rotate, ..before })
}

/// Where no clock says more, the next life has the number after this one. The life of the copy must not be that of the
/// original.
fn skip_lives(of: Incarnation) -> Incarnation {
    let skipped = of + 1 + Incarnation::from(rand::random::<u32>());
    if skipped > start::TOLD_MAX {
        of
    } else {
        skipped
    }
}

#[cfg(test)]
mod tests;
