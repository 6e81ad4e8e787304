//! Promise 4: delivered is a prefix of committed, committed of the log; a leader commits only what a majority of its view,
//! and the quorum, holds.

use std::collections::{BTreeMap, BTreeSet};

use peer::ids::{Origin, PeerId, Sequence, Term};
use peer::protocol::{Done, Standing};

use crate::process::Process;

#[derive(Default)]
pub(super) struct Check {
    /// Who stored the log with this digest, up to a batch end.
    stored: BTreeMap<u64, BTreeSet<PeerId>>,
    /// Batches of the log of a process that were noted.
    noted: BTreeMap<Origin, u64>,
    /// How far the leader of a term committed.
    granted: BTreeMap<Term, Sequence>,
}

impl Check {
    /// A process begins with a log that is stored.
    pub(super) fn started(&mut self, process: &Process) {
        for entry in &process.shelf.log {
            self.stored.entry(entry.digest).or_default().insert(process.id().clone());
        }
        self.noted.insert(process.origin.clone(), process.shelf.last());
    }

    pub(super) fn stored(&mut self, process: &Process, dones: &[Done]) {
        for done in dones {
            match done {
                Done::Cut { to, .. } => {
                    let noted = self.noted.entry(process.origin.clone()).or_default();
                    *noted = (*noted).min(*to);
                }
                Done::Appended { last } => {
                    let noted = self.noted.entry(process.origin.clone()).or_default();
                    let from = process.shelf.log.partition_point(|entry| entry.frame.last() <= *noted);
                    // What was cut since is not in the log any more, and counts for nobody.
                    for entry in process.shelf.log[from..].iter().take_while(|entry| entry.frame.last() <= *last) {
                        self.stored.entry(entry.digest).or_default().insert(process.id().clone());
                    }
                    *noted = (*last).max(*noted);
                }
                _ => {}
            }
        }
    }

    pub(super) fn check(&mut self, process: &Process, quorum: Option<usize>) -> Result<(), String> {
        let (id, peer) = (process.id(), &process.peer);
        let (delivered, committed, last) = (process.shelf.delivered, peer.committed(), peer.last());
        if committed > last || last != process.shelf.last() {
            return Err(format!("promise 4: {id} committed {committed} of a log that ends at {last}"));
        }
        // A cut that the storage has not reached lowers what is delivered, too.
        if delivered > committed && process.work.is_empty() {
            return Err(format!("promise 4: {id} delivered {delivered}, committed {committed}"));
        }
        let Some(term) = peer.installed() else { return Ok(()) };
        let before = process.checked.as_ref().filter(|(of, _)| of == term).map(|(_, committed)| *committed);
        if before == Some(committed) {
            return Ok(());
        }
        if peer.standing() != Standing::Leader {
            // What it brought into the term was committed in another.
            let granted = self.granted.get(term).copied().unwrap_or_default();
            if before.is_some_and(|before| committed > before) && committed > granted {
                return Err(format!("promise 4: {id} committed {committed}, the leader of {term} {granted}"));
            }
            return Ok(());
        }
        self.granted.insert(term.clone(), committed);
        if committed <= process.committed {
            return Ok(());
        }
        let Some(digest) = process.shelf.digest_at(committed) else {
            return Err(format!("promise 4: {id} committed {committed}, which is no batch end"));
        };
        let members = peer.members();
        let holders = self.stored.get(&digest).map_or(0, |who| members.iter().filter(|id| who.contains(*id)).count());
        if holders * 2 > members.len() && holders >= quorum.unwrap_or(1) {
            return Ok(());
        }
        Err(format!("promise 4: {id} committed {committed}, held by {holders} of {}", members.len()))
    }
}
