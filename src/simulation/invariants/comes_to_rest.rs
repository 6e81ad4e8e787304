//! Promise 9: once faults stop, every live peer is a member or a learner of one term within a bounded time.

use crate::protocol::Standing;
use crate::simulation::process::Process;

/// Checks that all of them are in one term. The error says which is not.
///
/// # Errors
///
/// Promise 9 is broken; the text says how.
pub fn at_rest<'a>(alive: impl Iterator<Item = &'a Process> + Clone) -> Result<(), String> {
    let mut terms: Vec<_> = alive.clone().map(|process| process.peer.installed()).collect();
    terms.dedup();
    let settled =
        |process: &Process| matches!(process.peer.standing(), Standing::Leader | Standing::Member | Standing::Learner);
    if terms.len() <= 1 && alive.clone().all(settled) {
        return Ok(());
    }
    let who = alive.map(|p| format!("{} {:?} {:?}", p.id(), p.peer.standing(), p.peer.installed()));
    Err(format!("promise 9: {}", who.collect::<Vec<_>>().join(", ")))
}
