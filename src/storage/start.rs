//! The beginning of a peer's life: which one it is, and what is left of the earlier ones.

use super::disk::Disk;
use super::error::{damaged, failed, StorageError};
use super::journal;
use super::state::{self, State};
use crate::ids::{Incarnation, PeerId};

/// What a peer finds when it starts.
#[derive(Debug)]
pub struct Opened {
    /// This life: the time of its start, or one more than the life before where the clock says less.
    pub incarnation: Incarnation,
    /// A `state` that could not be read, and did not count: worth a warning, since the clock alone tells this life from
    /// the ones before.
    pub damaged: Option<StorageError>,
}

/// Begins a new life: once this returns, no later one can have the same incarnation, whatever becomes of this one.
pub(super) fn begin<D: Disk>(disk: &D, id: &PeerId, now: Incarnation) -> Result<(State, Opened), StorageError> {
    let (found, damaged) = match read_state(disk) {
        Ok(found) => (found, None),
        Err(damaged @ StorageError::Damaged { .. }) => (None, Some(damaged)),
        Err(error) => return Err(error),
    };
    if let Some(other) = found.as_ref().filter(|found| found.id != *id) {
        return Err(StorageError::OtherPeer { path: disk.full_path(""), found: other.id.to_string() });
    }
    let incarnation = found.map_or(now, |found| now.max(found.incarnation.saturating_add(1)));
    let state = State { id: id.clone(), incarnation, promised: None, synced: None, needs: 0 };
    save(disk, &state, true)?;
    Ok((state, Opened { incarnation, damaged }))
}

/// Removes all files but `state` and `lock`.
pub(super) fn clear<D: Disk>(disk: &D) -> Result<(), StorageError> {
    let remove = |path: &str| disk.remove(path).map_err(failed(disk, "remove", path));
    let segments = disk.list(journal::DIR).map_err(failed(disk, "list", journal::DIR))?;
    // From the end, so that what a crash leaves is a log without gaps.
    for name in segments.iter().rev() {
        remove(&format!("{}/{name}", journal::DIR))?;
    }
    let names = disk.list("").map_err(failed(disk, "list", ""))?;
    names.iter().filter(|name| !matches!(name.as_str(), "lock" | state::PATH)).try_for_each(|name| remove(name))
}

/// Replaces `state`.
pub(super) fn save<D: Disk>(disk: &D, state: &State, durable: bool) -> Result<(), StorageError> {
    disk.replace(state::PATH, state.to_text().as_bytes(), durable).map_err(failed(disk, "replace", state::PATH))
}

fn read_state<D: Disk>(disk: &D) -> Result<Option<State>, StorageError> {
    let names = disk.list("").map_err(failed(disk, "list", ""))?;
    if !names.iter().any(|name| name == state::PATH) {
        return Ok(None);
    }
    let text = disk.read(state::PATH, 0, state::BYTES_MAX + 1).map_err(failed(disk, "read", state::PATH))?;
    let state =
        State::parse(&text).ok_or_else(|| damaged(disk, state::PATH, "its fields and checksum do not agree"))?;
    Ok(Some(state))
}
