//! Mends a journal whose log ends before its files do. What can still be read after that is first kept as pending, and
//! then the files are cut or set aside. Wherever a crash interrupts this, the next start can do the same.

use super::walk::Broken;
use crate::ids::Sequence;
use crate::numbers::Numbers;
use crate::storage::disk::intact;
use crate::storage::disk::set_aside;
use crate::storage::disk::{Disk, ReadDisk};
use crate::storage::error::{failed, StorageError};
use crate::storage::journal::packing;
use crate::storage::journal::segment_bytes::SegmentBytes;
use crate::storage::pending::Pending;
use crate::storage::repair::Repair;
use crate::wire::batch::{BODY_BYTES_MAX, HEAD_BYTES_MAX};
use crate::wire::frame::FrameHead;
use crate::wire::{Frame, Request};

/// Longest batch.
const BATCH_BYTES_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;

/// How a batch begins.
const VERB: &[u8] = b"BATCH:";

/// What was found after the log's end.
#[derive(Debug, Default)]
struct Salvaged {
    batches: u64,
    readings: u64,
}

/// Mends a journal whose log ends at `last` and holds `logged`.
///
/// Batches after the damage cannot stay, since the log would have a gap. Nobody else may have their readings, so these
/// become pending again, and are ordered again if the group lacks them. They are synced before any file goes. Only half
/// a batch at the very end, which a crash can leave, is cut without a copy.
///
/// # Errors
/// The disk's.
pub(super) fn mend<D: Disk>(
    disk: &D,
    broken: &Broken,
    last: Sequence,
    logged: &Numbers,
    pending: &mut Pending<D>,
) -> Result<Repair, StorageError> {
    let segment = SegmentBytes::open(disk, broken.segment)?;
    let path = segment.path();
    let mut found = Salvaged::default();
    keep_intact(&segment, broken.offset, logged, pending, &mut found)?;
    let mut later = Vec::new();
    for first in &broken.later {
        let segment = SegmentBytes::open(disk, *first)?;
        keep_intact(&segment, 0, logged, pending, &mut found)?;
        later.push(segment.path());
    }
    // No crash tears a packed segment.
    let may_be_torn = segment.packed_bytes().is_none() && later.is_empty() && found.batches == 0;
    if may_be_torn && !is_whole(&segment, broken.offset)? {
        shorten(&segment, broken)?;
        let bytes = segment.len() - broken.offset;
        return Ok(Repair::JournalTorn { path: disk.full_path(&path), bytes, last });
    }
    pending.sync()?;
    let mut aside = Vec::new();
    for later in later.iter().rev() {
        aside.push(set_aside::rename(disk, later)?);
    }
    if broken.offset == 0 {
        aside.push(set_aside::rename(disk, &path)?);
    } else {
        aside.push(set_aside::copy(disk, &path)?);
        shorten(&segment, broken)?;
    }
    Ok(Repair::JournalDamaged {
        path: disk.full_path(&path),
        why: broken.why.clone(),
        last,
        batches: found.batches,
        readings: found.readings,
        set_aside: aside,
    })
}

/// Whether a whole batch is there, just as it was written. Then no crash tore it, and something else keeps it out of
/// the log.
fn is_whole<D: ReadDisk>(segment: &SegmentBytes<'_, D>, at: u64) -> Result<bool, StorageError> {
    let bytes = segment.read_around(at, BATCH_BYTES_MAX)?;
    let Some(end) = memchr::memchr(b'\n', &bytes[..bytes.len().min(HEAD_BYTES_MAX)]) else { return Ok(false) };
    let body = &bytes[end + 1..];
    let whole = |head: FrameHead| body.get(..head.body_bytes).is_some_and(|body| head.seals(body));
    Ok(FrameHead::parse(&bytes[..end]).is_ok_and(whole))
}

/// Whether a segment holds any whole batch, from a byte on.
pub(in crate::storage) fn holds_batch<D: ReadDisk>(
    segment: &SegmentBytes<'_, D>,
    from: u64,
) -> Result<bool, StorageError> {
    let mut holds = false;
    let read = &mut |at, len| segment.read_around(at, len);
    intact::find(read, (from, BATCH_BYTES_MAX), VERB, &mut |_, bytes| {
        let parsed = parse(bytes);
        holds |= parsed.is_some();
        Ok(parsed.map(|(_, length)| length))
    })?;
    Ok(holds)
}

fn shorten<D: Disk>(segment: &SegmentBytes<'_, D>, broken: &Broken) -> Result<(), StorageError> {
    let (disk, path, to) = (segment.disk(), segment.path(), broken.offset);
    match segment.packed_bytes() {
        _ if to == 0 => disk.remove(&path).map_err(failed(disk, "remove", &path)),
        None => disk.truncate(&path, to).map_err(failed(disk, "truncate", &path)),
        Some(_) => packing::unpack(disk, broken.segment, to),
    }
}

/// Keeps the readings of whole batches that the log does not hold.
fn keep_intact<D: Disk>(
    segment: &SegmentBytes<'_, D>,
    from: u64,
    logged: &Numbers,
    pending: &mut Pending<D>,
    found: &mut Salvaged,
) -> Result<(), StorageError> {
    let read = &mut |at, len| segment.read_around(at, len);
    intact::find(read, (from, BATCH_BYTES_MAX), VERB, &mut |_, bytes| {
        let Some((frame, length)) = parse(bytes) else { return Ok(None) };
        found.batches += 1;
        for request in frame.requests() {
            for (first, last) in logged.missing(&request.origin, request.first, request.range().last()) {
                let lines = request.lines.slice(first - request.first, last - first + 1);
                let part = Request { origin: request.origin.clone(), first, lines };
                found.readings += part.lines.count();
                pending.keep(&part)?;
            }
        }
        Ok(Some(length))
    })
}

/// Reads the batch that some bytes begin with; and how long it is.
pub(in crate::storage) fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(HEAD_BYTES_MAX)])?;
    let length = end + 1 + FrameHead::parse(&bytes[..end]).ok()?.body_bytes;
    let frame = Frame::parse(bytes.get(..length)?.to_vec()).ok()?;
    Some((frame, length))
}
