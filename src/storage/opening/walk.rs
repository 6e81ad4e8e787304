//! Reads a journal from its beginning: which part of it is the log, and where the log ends before the files do.

use crate::ids::{Sequence, Term};
use crate::storage::disk::ReadDisk;
use crate::storage::error::{failed, StorageError};
use crate::storage::journal::names::segments_of;
use crate::storage::journal::scan::Scan;
use crate::storage::journal::segment_bytes::SegmentBytes;
use crate::storage::journal::{Segment, DIR};
use crate::wire::Frame;

/// How much of a segment is read in one step, in bytes: enough for few calls, little enough for a processor's cache.
const BLOCK_BYTES: usize = 1024 * 1024;

/// The log that the files of a journal hold.
#[derive(Debug, Default)]
pub(in crate::storage) struct Walked {
    pub(in crate::storage) segments: Vec<Segment>,
    pub(in crate::storage) last: Sequence,
    pub(in crate::storage) broken: Option<Broken>,
}

/// Where the log ends before the files do.
#[derive(Debug)]
pub(in crate::storage) struct Broken {
    /// The segment that holds what is not a part of the log.
    pub(in crate::storage) segment: Sequence,
    /// From here on.
    pub(in crate::storage) offset: u64,
    pub(in crate::storage) why: String,
    /// The segments after it.
    pub(in crate::storage) later: Vec<Sequence>,
}

/// Shows every batch of the log to `visit`.
///
/// The log ends at the first batch that is not whole, does not continue the one before, or is of a lower term. What
/// follows may be left from a log that was cut, and nothing in it can prove that it is not.
///
/// It begins with the segment that holds the batch after `after`.
///
/// # Errors
/// The disk's, or what `visit` returns.
pub(in crate::storage) fn walk_after<D: ReadDisk>(
    disk: &D,
    after: Sequence,
    visit: &mut dyn FnMut(&Frame) -> Result<(), StorageError>,
) -> Result<Walked, StorageError> {
    let names = disk.list(DIR).map_err(failed(disk, "list", DIR))?;
    let mut firsts: Vec<Sequence> = segments_of(&names);
    let mut walked = Walked::default();
    if let Some(at) = firsts.iter().rposition(|first| *first <= after + 1).filter(|_| after > 0) {
        firsts.drain(..at);
        walked.last = firsts[0].saturating_sub(1);
    } else {
        walked.last = after;
    }
    let mut term = None;
    for (at, first) in firsts.iter().enumerate() {
        let mut segment = Segment::new(*first);
        let why = walk_segment(disk, &mut segment, &mut walked.last, &mut term, visit)?;
        let offset = segment.bytes;
        if offset > 0 {
            walked.segments.push(segment);
        }
        if let Some(why) = why {
            let later = firsts[at + 1..].to_vec();
            walked.broken = Some(Broken { segment: *first, offset, why, later });
            break;
        }
    }
    Ok(walked)
}

/// Takes what continues the log. If that is not all, returns why.
fn walk_segment<D: ReadDisk>(
    disk: &D,
    segment: &mut Segment,
    last: &mut Sequence,
    term: &mut Option<Term>,
    visit: &mut dyn FnMut(&Frame) -> Result<(), StorageError>,
) -> Result<Option<String>, StorageError> {
    if segment.first != *last + 1 {
        return Ok(Some(format!("it begins at sequence {} where {} is to follow", segment.first, *last + 1)));
    }
    let bytes = SegmentBytes::open(disk, segment.first)?;
    segment.packed = bytes.packed_bytes();
    if let Some(why) = bytes.damage() {
        return Ok(Some(why.to_owned()));
    }
    let end = bytes.len();
    if end == 0 {
        return Ok(Some("it is empty".to_owned()));
    }
    let mut scan = Scan::new(bytes, 0, end, BLOCK_BYTES);
    loop {
        let next = match scan.head() {
            Ok(None) => return Ok(None),
            Ok(Some((_, length))) => scan.frame(length),
            Err(error) => Err(error),
        };
        let frame = match next {
            Ok(frame) => frame,
            Err(StorageError::Damaged { why, .. }) => return Ok(Some(why)),
            Err(error) => return Err(error),
        };
        let at = segment.bytes;
        if frame.first() != *last + 1 {
            return Ok(Some(format!("sequence {} comes where {} is to follow at byte {at}", frame.first(), *last + 1)));
        }
        if term.as_ref().is_some_and(|term| frame.term() < term) {
            return Ok(Some(format!("the term falls to {} at byte {at}", frame.term())));
        }
        if term.as_ref() != Some(frame.term()) {
            *term = Some(frame.term().clone());
        }
        visit(&frame)?;
        segment.add(&frame);
        *last = frame.last();
    }
}
