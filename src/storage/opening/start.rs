//! The beginning of a peer's life: which life it is, and what is left of the earlier ones.

use crate::ids::{Incarnation, PeerId, Sequence, INCARNATION_MAX, NEEDS_ALL, NUMBER_MAX};
use crate::storage::directory::is_harmless;
use crate::storage::disk::occupant::is_of_process;
use crate::storage::disk::set_aside;
use crate::storage::disk::Disk;
use crate::storage::error::{damaged, failed, StorageError};
use crate::storage::repair::Repair;
use crate::storage::state::{self, StateFile};
use crate::storage::{journal, Options};
use crate::wire::RunList;

/// What `state` says of the last life.
#[derive(Debug)]
pub(in crate::storage) struct Begun {
    pub(in crate::storage) found: Option<StateFile>,
    /// At most one: `state` could not be read, or was missing beside other files.
    pub(in crate::storage) repairs: Vec<Repair>,
}

/// Checks that `state` vouches for the other files: it can be read, or there are no other files.
///
/// # Errors
/// The disk's; or where it is damaged or missing. Nothing is changed.
pub fn check_state<D: Disk>(disk: &D) -> Result<(), StorageError> {
    match read_state(disk)? {
        None if holds_anything(disk)? => Err(damaged(disk, state::PATH, "it is missing")),
        _ => Ok(()),
    }
}

/// Reads `state`, which stays until a new one replaces it; with `keep`, a damaged one is copied first.
pub(in crate::storage) fn look<D: Disk>(disk: &D, id: &PeerId, keep: bool) -> Result<Begun, StorageError> {
    let path = disk.full_path(state::PATH);
    let (found, repairs) = match read_state(disk) {
        Ok(None) if keep && holds_anything(disk)? => {
            (None, vec![Repair::State { path, what: "is missing", set_aside: None }])
        }
        Ok(found) => (found, Vec::new()),
        Err(StorageError::Damaged { .. }) => {
            let set_aside = if keep { Some(set_aside::copy(disk, state::PATH)?) } else { None };
            (None, vec![Repair::State { path, what: "is damaged", set_aside }])
        }
        Err(error) => return Err(error),
    };
    if let Some(other) = found.as_ref().filter(|found| found.id != *id) {
        return Err(StorageError::OtherPeer { path: disk.full_path(""), found: other.id.to_string() });
    }
    Ok(Begun { found, repairs })
}

/// Begins a new life with nothing of the earlier ones but the incarnation. Once this returns, no later life can have
/// the same incarnation, whatever happens to this one.
pub(in crate::storage) fn begin<D: Disk>(
    disk: &D,
    id: &PeerId,
    now: Incarnation,
    Options { quorum, layout, .. }: Options,
) -> Result<(StateFile, Vec<Repair>), StorageError> {
    let Begun { found, repairs } = look(disk, id, false)?;
    if found.is_none() && repairs.is_empty() && holds_anything(disk)? {
        // A claim that clears the directory has set such files aside.
        return Err(damaged(disk, state::PATH, "it is missing"));
    }
    let incarnation = next_life(now, found.map(|found| found.incarnation), None);
    let state = StateFile { rotate: StateFile::rotated(layout), ..StateFile::new(id.clone(), incarnation, quorum) };
    save(disk, &state, true)?;
    Ok((state, repairs))
}

/// The `state` of a new life that goes on with a log of these runs, which ends at `last` and is on the platter. Also
/// returns what `synced` needed, where the log is too short for it. `told`: the highest life in the log and in what is
/// pending.
///
/// If the log is shorter than `needs`, this peer said `STORED` for entries that it has lost. So it may promise less:
/// `synced` falls to what its entries prove, and the peer needs all that the group holds before it counts again
/// (docs/protocol.md, 8).
pub(in crate::storage) fn continued(
    found: Option<StateFile>,
    id: &PeerId,
    (now, Options { quorum, layout, .. }): (Incarnation, Options),
    (runs, last): (&RunList, Sequence),
    (told, shortened): (Option<Incarnation>, bool),
) -> (StateFile, Option<Sequence>) {
    let incarnation = next_life(now, found.as_ref().map(|found| found.incarnation), told);
    let newest = runs.last();
    let shortened = shortened || found.as_ref().is_some_and(|found| found.shortened);
    let needed = found.as_ref().map_or(0, |found| found.needs);
    let short = (needed > last && needed != NEEDS_ALL).then_some(needed);
    let promised = found.as_ref().and_then(|found| found.promised.clone());
    let needs = if needed > last { NEEDS_ALL } else { last };
    // An entry of a term says that the log held everything up to the term's start, and no more.
    let of_log = || newest.map(|(term, _)| term.clone());
    let synced = found.filter(|_| needs != NEEDS_ALL).map_or_else(of_log, |found| found.synced.max(of_log()));
    // A peer that stored an entry had promised its term.
    let promised = promised.max(newest.map(|(term, _)| term.clone()));
    let rotate = StateFile::rotated(layout);
    (StateFile { id: id.clone(), incarnation, promised, synced, needs, quorum, rotate, shortened }, short)
}

/// Refuses to go on with another quorum: a promise under one quorum holds under no other.
pub(in crate::storage) fn check_quorum<D: Disk>(
    disk: &D,
    found: Option<&StateFile>,
    given: Option<u32>,
) -> Result<(), StorageError> {
    match found.and_then(|found| found.quorum) {
        Some(kept) if given != Some(kept) => Err(StorageError::OtherQuorum { path: disk.full_path(""), kept, given }),
        _ => Ok(()),
    }
}

/// The highest life that a clock gives (in the year 2116), and that is believed of the log and of what is pending.
/// Others can forge those, but not `state`.
pub(in crate::storage) const TOLD_MAX: Incarnation = INCARNATION_MAX - (1 << 32);

/// The life after `before`, the one in `state`. If `state` was lost, the life after `told`: the highest of this peer,
/// up to [`TOLD_MAX`], in its log and in what is pending.
///
/// A life begins at or below `TOLD_MAX + 1`, and each start adds one to the life in `state`. So it would take four
/// billion starts to reach [`INCARNATION_MAX`], above which nobody reads its readings. It starts even from a `state`
/// that says more, which no peer wrote.
fn next_life(now: Incarnation, before: Option<Incarnation>, told: Option<Incarnation>) -> Incarnation {
    let now = now.min(TOLD_MAX);
    before.or(told).map_or(now, |before| now.max(before + 1)).min(NUMBER_MAX)
}

fn holds_anything<D: Disk>(disk: &D) -> Result<bool, StorageError> {
    let holds = |dir: &str, own: &dyn Fn(&String) -> bool| {
        disk.list(dir).map(|names| names.iter().any(own)).map_err(failed(disk, "list", dir))
    };
    Ok(holds("", &|name| name == "pending" || name.strip_suffix(".csv").is_some())? || holds(journal::DIR, &|_| true)?)
}

/// Removes all files but `state`, those of the process and harmless ones. It does so only in a directory that a peer's `state` says
/// is its own.
pub(in crate::storage) fn clear<D: Disk>(disk: &D) -> Result<(), StorageError> {
    let remove = |path: &str| disk.remove(path).map_err(failed(disk, "remove", path));
    let segments = disk.list(journal::DIR).map_err(failed(disk, "list", journal::DIR))?;
    // From the end, so that a crash leaves a log without gaps.
    for name in segments.iter().rev() {
        remove(&format!("{}/{name}", journal::DIR))?;
    }
    let names = disk.list("").map_err(failed(disk, "list", ""))?;
    let stays = |name: &str| is_of_process(name) || name == state::PATH || is_harmless(name);
    names.iter().filter(|name| !stays(name)).try_for_each(|name| remove(name))
}

/// Replaces `state`.
pub(in crate::storage) fn save<D: Disk>(disk: &D, state: &StateFile, durable: bool) -> Result<(), StorageError> {
    disk.replace(state::PATH, state.to_text().as_bytes(), durable).map_err(failed(disk, "replace", state::PATH))
}

fn read_state<D: Disk>(disk: &D) -> Result<Option<StateFile>, StorageError> {
    let names = disk.list("").map_err(failed(disk, "list", ""))?;
    if !names.iter().any(|name| name == state::PATH) {
        return Ok(None);
    }
    let text = disk.read(state::PATH, 0, state::BYTES_MAX + 1).map_err(failed(disk, "read", state::PATH))?;
    let state =
        StateFile::parse(&text).ok_or_else(|| damaged(disk, state::PATH, "its fields and checksum do not agree"))?;
    Ok(Some(state))
}
