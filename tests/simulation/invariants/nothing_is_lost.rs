//! Promise 7: a reading taken in by a peer that stays up is in the end in every log, once.

use std::collections::BTreeSet;

use peer::ids::Sequence;

use crate::process::Process;

/// At the end of a run. That no reading stands twice is promise 3.
pub(crate) fn check_nothing_is_lost<'a>(alive: &(impl Iterator<Item = &'a Process> + Clone)) -> Result<(), String> {
    for process in alive.clone() {
        let origin = &process.origin;
        for holder in alive.clone() {
            if let Some(missing) = missing(process, holder, holder.shelf.last()) {
                return Err(format!("promise 7: {missing} of {origin} is not in the log of {}", holder.id()));
            }
        }
        let pending = process.peer.pending();
        if !pending.is_empty() {
            return Err(format!("promise 7: {} still has {pending:?} pending", process.id()));
        }
        if !process.input_delivered {
            return Err(format!("promise 7: {} never says that its input is delivered", process.id()));
        }
    }
    Ok(())
}

/// When a peer says that all `readings` of its sources are delivered.
pub(super) fn check_delivered(process: &Process, readings: u64) -> Result<(), String> {
    match missing(process, process, process.shelf.delivered) {
        None if readings == process.taken => Ok(()),
        missing => {
            Err(format!("promise 7: {} says that {readings} are delivered; missing: {missing:?}", process.origin))
        }
    }
}

/// The first reading of a process that does not stand in the log of `holder` up to a sequence.
fn missing(process: &Process, holder: &Process, up_to: Sequence) -> Option<u64> {
    let entries = holder.shelf.log.iter().take_while(|entry| entry.frame.last() <= up_to);
    let ranges = entries.flat_map(|entry| entry.frame.ranges()).filter(|range| range.origin == process.origin);
    let numbers: BTreeSet<u64> = ranges.flat_map(|range| range.first..=range.last()).collect();
    (1..=process.taken).find(|number| !numbers.contains(number))
}
