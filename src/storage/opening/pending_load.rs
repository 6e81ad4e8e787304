//! Reads the file `pending` that earlier lives left: every record in it that is whole.

use std::sync::Arc;

use crate::storage::disk::intact;
use crate::storage::disk::set_aside;
use crate::storage::disk::Disk;
use crate::storage::error::{failed, StorageError};
use crate::storage::pending::{parse_record, Index, Pending, COMPACTED_PATH, PATH, VERB};
use crate::storage::repair::Repair;
use crate::wire::batch::{BODY_BYTES_MAX, HEAD_BYTES_MAX};

/// Loads what is kept, and mends the file.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn load<D: Disk>(disk: &Arc<D>, repairs: &mut Vec<Repair>) -> Result<Pending<D>, StorageError> {
    // A process that was killed left it.
    disk.remove(COMPACTED_PATH).map_err(failed(&**disk, "remove", COMPACTED_PATH))?;
    let end = disk.len(PATH).map_err(failed(&**disk, "look at", PATH))?;
    let (mut index, mut skipped) = (Index::default(), 0);
    let read = &mut |at, len| disk.read(PATH, at, len).map_err(failed(&**disk, "read", PATH));
    intact::find(read, (0, HEAD_BYTES_MAX + BODY_BYTES_MAX), VERB.as_bytes(), &mut |at, bytes| {
        let Ok((request, length)) = parse_record(bytes) else { return Ok(None) };
        skipped += at - index.bytes();
        index.skip(at - index.bytes());
        index.add(&request.range(), length);
        Ok(Some(length))
    })?;
    let torn = end - index.bytes();
    let readings = index.readings();
    let mut pending = Pending::found(Arc::clone(disk), index);
    let path = disk.full_path(PATH);
    if skipped > 0 {
        let set_aside = set_aside::copy(&**disk, PATH)?;
        pending.compact()?;
        repairs.push(Repair::PendingDamaged { path, bytes: skipped + torn, readings, set_aside });
    } else if torn > 0 {
        disk.truncate(PATH, end - torn).map_err(failed(&**disk, "truncate", PATH))?;
        repairs.push(Repair::PendingTorn { path, bytes: torn });
    }
    Ok(pending)
}
