//! Promise 7: a reading taken in by a peer that stays up is in the end in every log, once.

use std::collections::BTreeSet;

use crate::process::Process;

/// At the end of a run. That no reading stands twice is promise 3.
pub(crate) fn check_nothing_is_lost<'a>(alive: &(impl Iterator<Item = &'a Process> + Clone)) -> Result<(), String> {
    for process in alive.clone() {
        let origin = &process.origin;
        for holder in alive.clone() {
            let ranges = holder.shelf.log.iter().flat_map(|entry| entry.frame.ranges());
            let numbers: BTreeSet<u64> =
                ranges.filter(|range| range.origin == *origin).flat_map(|range| range.first..=range.last()).collect();
            if let Some(missing) = (1..=process.taken).find(|number| !numbers.contains(number)) {
                return Err(format!("promise 7: {missing} of {origin} is not in the log of {}", holder.id()));
            }
        }
        let pending = process.peer.pending();
        if !pending.is_empty() {
            return Err(format!("promise 7: {} still has {pending:?} pending", process.id()));
        }
    }
    Ok(())
}
