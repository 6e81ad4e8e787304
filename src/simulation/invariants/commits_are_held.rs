//! Promise 4: delivered is a prefix of committed, and committed of the log. A leader commits only what a majority of
//! its view, and the quorum, holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::{Origin, PeerId, Sequence, Term};
use crate::protocol::{Done, Effect, Standing, Store};
use crate::simulation::liar::is_own_name;
use crate::simulation::process::Process;
use crate::wire::Message;

#[derive(Debug, Clone, Default)]
pub(super) struct Check {
    /// Which peers stored the log with this digest, up to a batch end.
    stored: BTreeMap<u64, BTreeSet<PeerId>>,
    /// Digests of what was handed to the storage of a process and not reported yet.
    handed_over: BTreeMap<Origin, VecDeque<u64>>,
    /// Where the log of a peer begins.
    bases: BTreeMap<PeerId, Sequence>,
    /// Digests of logs whose entries a leader ordered to go: it had committed them, and all of its view held them.
    went: BTreeSet<u64>,
    /// How far the leader of a term committed.
    granted: BTreeMap<Term, Sequence>,
}

impl Check {
    /// A process begins with a log that is stored.
    pub(super) fn started(&mut self, process: &Process) {
        for entry in &process.shelf.log {
            self.stored.entry(entry.digest).or_default().insert(process.id().clone());
        }
    }

    /// The core appended a batch, which the storage has still to store.
    pub(super) fn handed_over(&mut self, process: &Process) {
        let entry = process.shelf.log.last().expect("just appended");
        self.handed_over.entry(process.origin.clone()).or_default().push_back(entry.digest);
    }

    /// A peer that stored a batch held it, even if the same group of work cut it again: its `STORED` may be under way.
    pub(super) fn stored(&mut self, process: &Process, dones: &[Done]) {
        let waiting = self.handed_over.entry(process.origin.clone()).or_default();
        for _ in dones.iter().filter(|done| matches!(done, Done::Appended { .. })) {
            let digest = waiting.pop_front().expect("it was handed over");
            self.stored.entry(digest).or_default().insert(process.id().clone());
        }
    }

    /// What a leader commits counts when it says so: in the same step it may end, or begin to lead another term.
    pub(super) fn decided(&mut self, process: &Process, effects: &[Effect]) {
        let base = process.peer.base();
        if self.bases.get(process.id()) != Some(&base) {
            self.bases.insert(process.id().clone(), base);
        }
        for effect in effects {
            if let Effect::Store(Store::SayBase { term, .. }) = effect {
                // All of it was committed.
                let granted = self.granted.entry(term.clone()).or_default();
                *granted = (*granted).max(process.peer.base());
            }
            let Effect::Send { message, .. } = effect else { continue };
            let (Message::Commit { term, up_to } | Message::Heartbeat { term, committed: up_to }) = message else {
                continue;
            };
            if term.leader == *process.id() && *up_to <= process.peer.committed() {
                let granted = self.granted.entry(term.clone()).or_default();
                *granted = (*granted).max(*up_to);
            }
        }
    }

    /// A leader orders that the entries up to here go: each peer of its view has stored them, or has a log that begins after
    /// them, as an earlier leader said that it does.
    pub(super) fn check_removal(&mut self, process: &Process, to: Sequence) -> Result<(), String> {
        let Some(digest) = process.shelf.digest_at(to) else {
            return Err(format!("promise 7: {} removes up to {to}, which is no batch end", process.id()));
        };
        let nobody = BTreeSet::new();
        let holders = self.stored.get(&digest).unwrap_or(&nobody);
        let needs = |id: &PeerId| !is_own_name(id) && self.bases.get(id).is_none_or(|base| *base < to);
        if let Some(lacking) = process.peer.members().iter().find(|id| !holders.contains(*id) && needs(id)) {
            return Err(format!("promise 7: {} removes up to {to}, which {lacking} lacks", process.id()));
        }
        self.went.insert(digest);
        Ok(())
    }

    /// A liar counts as holding whatever it says: all others must really hold it.
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
            // What the leader brought into the term was committed in an earlier one.
            let granted = self.granted.get(term).copied().unwrap_or_default();
            if before.is_some_and(|before| committed > before) && committed > granted {
                return Err(format!("promise 4: {id} committed {committed}, the leader of {term} {granted}"));
            }
            return Ok(());
        }
        if committed <= process.committed {
            return Ok(());
        }
        let Some(digest) = process.shelf.digest_at(committed) else {
            return Err(format!("promise 4: {id} committed {committed}, which is no batch end"));
        };
        // Those that have come since need not hold what went.
        if committed == peer.base() && self.went.contains(&digest) {
            return Ok(());
        }
        let members = peer.members();
        let nobody = BTreeSet::new();
        let who = self.stored.get(&digest).unwrap_or(&nobody);
        let holders = members.iter().filter(|id| who.contains(*id) || is_own_name(id)).count();
        if holders * 2 > members.len() && holders >= quorum.unwrap_or(1) {
            return Ok(());
        }
        Err(format!("promise 4: {id} committed {committed}, held by {holders} of {}", members.len()))
    }
}
