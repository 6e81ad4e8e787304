//! Promise 7: a reading that a peer took in, or stored, ends up in every log, once, if that peer stays up, or comes
//! back with its disk.

use crate::ids::Sequence;
use crate::simulation::numbers::Numbers;
use crate::simulation::process::Process;
use crate::wire::Range;

/// The check at the end of a run. Promise 3 covers readings that are there twice.
pub(super) fn check_nothing_is_lost<'a>(
    alive: &(impl Iterator<Item = &'a Process> + Clone),
    expired: &Numbers,
) -> Result<(), String> {
    let logs: Vec<(&Process, Numbers)> = alive.clone().map(|process| (process, log(process, Sequence::MAX))).collect();
    for process in alive.clone() {
        let mut held = process.held.clone();
        held.insert(&own(process));
        let held = held.minus(expired);
        for (holder, log) in &logs {
            if let Some(Range { origin, first, count }) = held.missing_in(log) {
                let (process, holder) = (process.id(), holder.id());
                return Err(format!(
                    "promise 7: {count} from {first} of {origin}, which {process} had, are not in the log of {holder}"
                ));
            }
        }
        // What others removed may stay pending here for as long as the process lives that took it in: nobody else may
        // hand that in.
        let mut pending = Numbers::default();
        pending.extend(&process.peer.pending());
        if let Some(range) = pending.minus(expired).ranges().next() {
            return Err(format!("promise 7: {} still has {range:?} pending", process.id()));
        }
        if !process.input_delivered {
            return Err(format!("promise 7: {} never says that its input is delivered", process.id()));
        }
    }
    Ok(())
}

/// The check when a peer says that all `readings` of its sources are delivered.
pub(super) fn check_delivered(process: &Process, readings: u64, expired: &Numbers) -> Result<(), String> {
    let mut taken = Numbers::default();
    taken.insert(&own(process));
    match taken.minus(expired).missing_in(&log(process, process.shelf.delivered)) {
        None if readings == process.taken => Ok(()),
        missing => {
            Err(format!("promise 7: {} says that {readings} are delivered; missing: {missing:?}", process.origin))
        }
    }
}

/// All that a process took in.
fn own(process: &Process) -> Range {
    Range { origin: process.origin.clone(), first: 1, count: process.taken }
}

/// What is in the log of a process up to a sequence.
fn log(process: &Process, up_to: Sequence) -> Numbers {
    let entries = process.shelf.log.iter().take_while(|entry| entry.frame.last() <= up_to);
    let mut numbers = Numbers::default();
    numbers.extend(entries.flat_map(|entry| entry.frame.ranges()));
    numbers
}
