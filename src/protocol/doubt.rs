//! What is not believed: leaders and seekers from which nothing came, and that another process should live under this
//! peer's own name. A peer that belonged to a group never ends because of what others say; one that starts ends only
//! where the other answered at its very address, twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::effect::Exit;
use super::input::{Answer, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::{Contact, Here, Message, Refusal};

/// Proofs that end a peer which starts.
const PROOFS: u8 = 2;

/// Between the two.
const PROOF_PAUSE: Time = Time::from_millis(200);

/// Peers that are not believed, at most.
const DISTRUSTED_MAX: usize = 256;

/// Each time that nothing comes of somebody again, it is passed over for twice as long, up to so many times.
const DOUBLINGS_MAX: u32 = 3;

/// So many heartbeat timeouts after it was passed over, what it did before is forgotten.
const FORGIVEN_AFTER: u32 = 8;

/// A seeker of higher priority that did not make a group in so many election timeouts is not waited for.
const WAITS_MAX: u32 = 2;

/// So many promises to others a proposer outbids, before it is content to seek.
const OUTBIDS_MAX: u32 = 8;

/// After so many leaders and proposers of whom nothing came, a seeker waits for nobody, and no leader yields.
const FAILED_MAX: u32 = 3;

#[derive(Debug)]
struct Proof {
    at: SocketAddr,
    times: u8,
    /// When to ask again; `None` while an answer is waited for.
    again: Option<Time>,
    since: Time,
}

#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// By name and address: who borrows a name shall not spoil it.
    distrusted: BTreeMap<(PeerId, Option<SocketAddr>), (Time, u32)>,
    /// The seeker of higher priority that was waited for last, and how often in a row.
    waited_for: Option<(PeerId, u32)>,
    /// Seekers of higher priority that made no group, though this peer waited.
    passed_over: BTreeSet<PeerId>,
    /// Joins, promises and yields that came to nothing since this peer last followed somebody, and the last of them.
    failed: u32,
    failed_at: Time,
    /// Promises to others that this peer outbid since then.
    outbid: u32,
    proof: Option<Proof>,
}

impl Doubts {
    /// When the second proof is to be asked for.
    pub(super) fn due(&self) -> Option<Time> {
        self.proof.as_ref().and_then(|proof| proof.again)
    }

    /// Something came to nothing once more.
    fn fail(&mut self, now: Time) {
        (self.failed, self.failed_at) = (self.failed.saturating_add(1), now);
    }
}

impl Peer {
    /// Nothing came of this peer's word: it is passed over for a while. `strikes`: one where a message may have been
    /// lost, which alone has no effect, two where it was its own doing.
    pub(super) fn distrust(&mut self, peer: &PeerId, strikes: u32, turn: &Turn) {
        self.doubts.fail(turn.now);
        let key = (peer.clone(), self.endpoint_of(peer));
        let forgiven = self.settings.timing.heartbeat_timeout * FORGIVEN_AFTER;
        let before = self.doubts.distrusted.get(&key).filter(|(until, _)| turn.now < *until + forgiven);
        let strikes = before.map_or(0, |(_, strikes)| *strikes) + strikes - 1;
        // Once is none: messages get lost.
        let timeout = self.settings.timing.election_timeout;
        // Longer than until the next look at who is there.
        let more = if strikes > 0 { timeout / 2 } else { Time::ZERO };
        let until = turn.now + timeout * (2u32.pow(strikes.min(DOUBLINGS_MAX)) - 1) + more;
        if self.doubts.distrusted.len() >= DISTRUSTED_MAX {
            self.doubts.distrusted.retain(|_, (until, _)| *until > turn.now);
        }
        if self.doubts.distrusted.len() < DISTRUSTED_MAX {
            self.doubts.distrusted.insert(key, (until, strikes + 1));
        }
    }

    /// A higher seeker is to make a group of all. One of whom nothing comes is passed over after a while.
    pub(super) fn wait_for_higher(&mut self, higher: &PeerId, could_found: bool, turn: &mut Turn) {
        let waited = match self.doubts.waited_for.take() {
            Some((before, times)) if before == *higher => times + 1,
            _ => 1,
        };
        if could_found && waited > WAITS_MAX {
            self.pass_over(higher, turn);
        } else {
            self.doubts.waited_for = Some((higher.clone(), waited));
        }
    }

    /// This seeker is not waited for any more, until there is a group. If it leads one after all, it is joined.
    fn pass_over(&mut self, seeker: &PeerId, turn: &Turn) {
        self.doubts.fail(turn.now);
        if self.doubts.passed_over.len() < DISTRUSTED_MAX {
            self.doubts.passed_over.insert(seeker.clone());
        }
    }

    pub(super) fn is_passed_over(&self, seeker: &PeerId) -> bool {
        self.doubts.passed_over.contains(seeker)
    }

    /// Waits this peer for nobody, for the time being? Whatever names others bear: after a few that came to nothing, each
    /// further one is worth a try a heartbeat timeout later, and then two.
    pub(super) fn has_waited_enough(&self) -> bool {
        let Some(more) = self.doubts.failed.checked_sub(FAILED_MAX) else { return false };
        let pause = self.settings.timing.heartbeat_timeout * (more + 1).min(2);
        self.now() < self.doubts.failed_at + pause
    }

    pub(super) fn trusts(&self, peer: &PeerId) -> bool {
        self.trusts_at(peer, self.endpoint_of(peer))
    }

    /// The same, at this address: the one that did not keep its word elsewhere may be another.
    pub(super) fn trusts_contact(&self, contact: &Contact) -> bool {
        self.trusts_at(&contact.id, Some(contact.endpoint))
    }

    fn trusts_at(&self, peer: &PeerId, endpoint: Option<SocketAddr>) -> bool {
        let key = (peer.clone(), endpoint);
        self.doubts.distrusted.get(&key).is_none_or(|(until, _)| self.now() >= *until)
    }

    /// It belongs to a group: who leads it is what it says, and what failed before does not matter.
    pub(super) fn note_group(&mut self, leader: Option<&PeerId>) {
        (self.group.served, self.doubts.proof, self.doubts.outbid) = (true, None, 0);
        if let Some(leader) = leader {
            self.doubts.failed = 0;
            self.doubts.passed_over.clear();
            self.doubts.distrusted.remove(&(leader.clone(), self.contacts.get(leader).map(|known| known.endpoint)));
        }
    }

    /// May a proposer go above what somebody promised to another once more? Of two that take each other for gone none would
    /// ever give in.
    pub(super) fn may_outbid(&mut self) -> bool {
        self.doubts.outbid = self.doubts.outbid.saturating_add(1);
        self.doubts.outbid <= OUTBIDS_MAX
    }

    /// Somebody else is said to have this peer's id.
    pub(super) fn on_namesake(&mut self, at: SocketAddr, turn: &mut Turn) {
        if at != self.settings.endpoint {
            self.suspect(at, turn);
        }
    }

    /// Somebody who was asked, or dialled, answered `ERROR`.
    pub(super) fn on_question_refused(&mut self, why: &Refusal, turn: &mut Turn) {
        match why {
            Refusal::IdInUse(Some(at)) => self.on_namesake(*at, turn),
            Refusal::WrongQuorum { .. } => self.warn_of_refusal(why, turn),
            _ => {}
        }
    }

    fn suspect(&mut self, at: SocketAddr, turn: &mut Turn) {
        let patience = self.settings.timing.heartbeat_timeout;
        if self.doubts.proof.as_ref().is_some_and(|proof| turn.now.saturating_sub(proof.since) < patience) {
            return;
        }
        self.doubts.proof = Some(Proof { at, times: 0, again: None, since: turn.now });
        self.seek_proof(at, turn);
    }

    /// The other process learns of this one with the question, and can ask back.
    fn seek_proof(&mut self, at: SocketAddr, turn: &mut Turn) {
        let hint = Some(Message::NewPeerRequest(self.me()));
        self.ask_for_proof(at, hint, turn);
    }

    pub(super) fn ask_for_second_proof(&mut self, turn: &mut Turn) {
        let Some(proof) = &mut self.doubts.proof else { return };
        if proof.again.is_some_and(|at| turn.now >= at) {
            proof.again = None;
            let at = proof.at;
            self.seek_proof(at, turn);
        }
    }

    pub(super) fn on_proof(&mut self, from: SocketAddr, answer: Answer, turn: &mut Turn) {
        let Some(proof) = self.doubts.proof.as_ref() else { return };
        if proof.at != from {
            return;
        }
        if !matches!(answer, Answer::Here(here) if self.is_namesake(&here)) {
            self.doubts.proof = None;
            return;
        }
        if self.group.served {
            // What runs goes on, though another has its name; the operator has to know.
            return self.warn_of_refusal(&Refusal::IdInUse(Some(from)), turn);
        }
        let Some(proof) = &mut self.doubts.proof else { return };
        proof.times += 1;
        if proof.times < PROOFS {
            proof.again = Some(turn.now + PROOF_PAUSE);
            return;
        }
        self.end(Exit::Duplicate { endpoint: Some(from) }, turn);
    }

    /// Of two that start with one id, the older stays.
    fn is_namesake(&self, here: &Here) -> bool {
        let own = self.settings.incarnation;
        here.contact.id == self.settings.id
            && here.contact.incarnation != own
            && (self.group.served || here.serves || here.contact.incarnation < own)
    }
}
