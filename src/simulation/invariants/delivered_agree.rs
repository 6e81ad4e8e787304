//! Promise 5: among peers that have installed the same term, one delivered history is a prefix of the other; with a
//! quorum, among all peers, always. With a quorum nothing that is committed is ever taken back. Without one it may be,
//! and the operator is told.

use std::collections::BTreeMap;

use crate::ids::Sequence;
use crate::simulation::process::Process;

#[derive(Debug, Clone, Default)]
pub(super) struct Check {
    /// All that was ever committed: the digest of the log up to the end of each batch.
    history: BTreeMap<Sequence, u64>,
}

impl Check {
    /// The check with a quorum: among all peers, always.
    pub(super) fn always(&mut self, process: &Process) -> Result<(), String> {
        let (before, committed) = (process.committed, process.peer.committed());
        if committed < before {
            return Err(format!("promise 5: {} had committed {before} and takes back to {committed}", process.id()));
        }
        let log = &process.shelf.log;
        let from = log.partition_point(|entry| entry.frame.last() <= before);
        for entry in log[from..].iter().take_while(|entry| entry.frame.last() <= committed) {
            let known = *self.history.entry(entry.frame.last()).or_insert(entry.digest);
            if known != entry.digest {
                let (id, last) = (process.id(), entry.frame.last());
                return Err(format!("promise 5: {id} commits another history up to #{last} than others did"));
            }
        }
        Ok(())
    }
}

/// A step that takes rows back says so.
pub(super) fn check_told(process: &Process) -> Result<(), String> {
    let (before, committed) = (process.committed, process.peer.committed());
    if committed >= before || process.told_of_merging {
        return Ok(());
    }
    Err(format!(
        "promise 5: {} takes back what it delivered, from #{before} to #{committed}, without a word",
        process.id()
    ))
}

/// The check among peers of one term.
pub(super) fn check(processes: &[Process], number: usize) -> Result<(), String> {
    let process = &processes[number];
    let Some(term) = process.peer.installed() else { return Ok(()) };
    let committed = process.peer.committed();
    if process.checked.as_ref().is_some_and(|checked| *checked == (term.clone(), committed)) {
        return Ok(());
    }
    for other in processes.iter().filter(|other| other.alive && other.peer.installed() == Some(term)) {
        let common = committed.min(other.peer.committed());
        if process.shelf.digest_at(common) != other.shelf.digest_at(common) {
            return Err(format!(
                "promise 5: {} and {} of {term} differ in what they delivered up to #{common}",
                process.id(),
                other.id()
            ));
        }
    }
    Ok(())
}
