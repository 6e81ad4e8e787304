//! What a process finds on its host, unless the disk was damaged: the promise and the whole log of the process before
//! (without which 1, 5 and 6 do not hold), every stored reading (7) and every written row (8).

use crate::ids::NEEDS_ALL;
use crate::simulation::fault::Damage;
use crate::simulation::numbers::Numbers;
use crate::simulation::process::Process;
use crate::storage::{Opened, Repair};

pub(super) fn check(
    before: &Process,
    now: &Process,
    opened: &Opened,
    damage: Damage,
    expired: &Numbers,
) -> Result<(), String> {
    let id = now.id();
    // If the disk is empty, the clock may have gone back.
    let (life, last) = (now.origin.incarnation, before.origin.incarnation);
    if life == last || (damage < Damage::Cleared && life < last) {
        return Err(format!("promise 1: {} begins after {}", now.origin, before.origin));
    }
    if damage >= Damage::Rot {
        return Ok(());
    }
    let (kept, state) = (&before.shelf, &before.shelf.state);
    // It is always synced.
    if opened.promised < state.promised {
        return Err(format!("promise 1: {id} promised {:?} and finds {:?}", state.promised, opened.promised));
    }
    if damage == Damage::Unsynced {
        return Ok(());
    }
    // A log that was damaged earlier, and is not whole yet, is no news.
    let whole = state.needs != NEEDS_ALL;
    if let Some(short) = opened.repairs.iter().find(|repair| whole && matches!(repair, Repair::JournalShort { .. })) {
        return Err(format!("promise 6: {id} takes a cut for damage: {short}"));
    }
    if whole && opened.synced < state.synced {
        return Err(format!("promise 6: {id} was synced to {:?} and finds {:?}", state.synced, opened.synced));
    }
    let stored = if damage == Damage::PowerCut { &kept.synced } else { &kept.stored };
    if let Some(missing) = stored.minus(expired).missing_in(&now.shelf.stored) {
        return Err(format!("promise 7: {id} had stored {missing:?} and does not find them"));
    }
    if damage == Damage::PowerCut {
        return Ok(());
    }
    // A cut, or the last batch, may be half done.
    let (had, found) = (kept.rows.batches(), now.shelf.rows.batches());
    let common = if damage == Damage::None { had.len().max(found.len()) } else { had.len().min(found.len()) };
    if had.get(..common) != found.get(..common) {
        return Err(format!("promise 4: {id} had stored {} batches, and finds {}, or others", had.len(), found.len()));
    }
    if opened.delivered < kept.written.min(opened.last) {
        return Err(format!("promise 8: {id} had written rows to {}, and finds {}", kept.written, opened.delivered));
    }
    Ok(())
}
