//! What is not believed: leaders, followers and seekers that did not keep their word, and the claim that another process
//! lives under this peer's own id. A peer that belonged to a group never ends because of what others say. A starting peer
//! ends only where the other process answered at its very address, twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::effect::Exit;
use super::input::{Answer, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::{Contact, Here, Message, Refusal, Timing};

/// Proofs that end a starting peer.
const PROOFS: u8 = 2;

/// The pause between two proofs.
const PROOF_PAUSE: Time = Time::from_millis(200);

/// Peers that are not believed, at most.
const DISTRUSTED_MAX: usize = 256;

/// How often the time doubles for which a peer is passed over, each time that it fails again.
const DOUBLINGS_MAX: u32 = 3;

/// How many heartbeat timeouts after a peer was passed over its failures are forgotten.
const FORGIVEN_AFTER: u32 = 8;

/// How many election timeouts a seeker of higher rank has to make a group before nobody waits for it.
const WAITS_MAX: u32 = 2;

/// How many promises to others a proposer outbids before it goes back to seeking.
const OUTBIDS_MAX: u32 = 8;

/// After this many leaders and proposers failed, a seeker waits for nobody, and no leader yields.
const FAILED_MAX: u32 = 3;

#[derive(Debug, Clone)]
struct Proof {
    at: SocketAddr,
    times: u8,
    /// When to ask again; `None` while it waits for an answer.
    again: Option<Time>,
    since: Time,
}

/// A peer that did not keep its word is passed over until then.
#[derive(Debug, Clone, Copy)]
struct Distrust {
    until: Time,
    strikes: u32,
}

/// By name and address: a process that borrows a name must not spoil the name.
type Place = (PeerId, Option<SocketAddr>);

#[derive(Debug, Clone, Default)]
struct Distrusted(BTreeMap<Place, Distrust>);

impl Distrusted {
    /// More strikes of this peer: it is passed over for longer.
    fn add(&mut self, place: Place, strikes: u32, now: Time, timing: &Timing) {
        let forgiven = timing.heartbeat_timeout * FORGIVEN_AFTER;
        let before = self.0.get(&place).filter(|before| now < before.until + forgiven);
        let strikes = before.map_or(0, |before| before.strikes) + strikes;
        // One strike does not count: messages get lost.
        let timeout = timing.election_timeout;
        // It lasts beyond the next look at who is there.
        let more = if strikes > 1 { timeout / 2 } else { Time::ZERO };
        let until = now + timeout * (2u32.pow((strikes - 1).min(DOUBLINGS_MAX)) - 1) + more;
        if self.0.len() >= DISTRUSTED_MAX {
            self.0.retain(|_, distrust| distrust.until > now);
        }
        if self.0.len() < DISTRUSTED_MAX {
            self.0.insert(place, Distrust { until, strikes });
        }
    }

    fn has(&self, place: &Place, now: Time) -> bool {
        self.0.get(place).is_some_and(|distrust| now < distrust.until)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Doubts {
    /// Leaders and proposers.
    distrusted: Distrusted,
    /// Followers, which this peer does not take in meanwhile, or yield to.
    shut_out: Distrusted,
    /// How often in a row a seeker of higher rank was waited for, whichever it was.
    waited: u32,
    /// Seekers of higher rank that made no group although this peer waited.
    passed_over: BTreeSet<PeerId>,
    /// How many joins, promises, yields and waits for a higher seeker came to nothing since this peer last followed a
    /// leader, and when the last did.
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

    /// A join, promise or yield came to nothing once more.
    fn fail(&mut self, now: Time) {
        (self.failed, self.failed_at) = (self.failed.saturating_add(1), now);
    }
}

impl Peer {
    /// This leader, or proposer, did not keep its word: it is passed over for a while. `strikes`: one where a message may
    /// have been lost, which alone has no effect; two where the peer itself failed.
    pub(super) fn distrust(&mut self, peer: &PeerId, strikes: u32, turn: &Turn) {
        self.doubts.fail(turn.now);
        let place = (peer.clone(), self.endpoint_of(peer));
        self.doubts.distrusted.add(place, strikes, turn.now, &self.settings.timing);
    }

    /// This follower held up the group, or asked for the same without end: it is not taken in for a while. Only what a
    /// peer did as a follower counts here, and nothing else: one that failed as a leader may join, since nobody may be left
    /// to take it in but this peer; and one that was shut out is followed where others made it their leader.
    pub(super) fn shut_out(&mut self, follower: &PeerId, turn: &Turn) {
        if self.leading().is_none() {
            // A proposer fetches from here.
            return self.distrust(follower, 2, turn);
        }
        let place = (follower.clone(), self.endpoint_of(follower));
        self.doubts.shut_out.add(place, 2, turn.now, &self.settings.timing);
    }

    /// Whether this peer may join.
    pub(super) fn takes_in(&self, peer: &PeerId) -> bool {
        !self.doubts.shut_out.has(&(peer.clone(), self.endpoint_of(peer)), self.now())
    }

    /// Whether a leader may yield to this one. It may not yield to a peer that it shut out: that one's disk does
    /// nothing, so its group commits nothing, and this one does.
    pub(super) fn may_yield_to(&self, leader: &Contact) -> bool {
        let place = (leader.id.clone(), Some(leader.endpoint));
        self.trusts_contact(leader) && !self.doubts.shut_out.has(&place, self.now())
    }

    /// docs/protocol.md, 3.5: waits for a higher seeker to make a group of all seekers. If none makes one, the present
    /// highest is passed over after a while. The count goes on if the highest has another name: two in turn would delay
    /// a group for ever. The time in which no group can be made does not count.
    pub(super) fn wait_for_higher(&mut self, higher: &PeerId, could_found: bool, turn: &mut Turn) {
        self.doubts.waited += u32::from(could_found);
        if self.doubts.waited > WAITS_MAX {
            self.doubts.waited = 0;
            self.pass_over(higher, turn);
        }
    }

    /// Nobody waits for this seeker any more, until there is a group. If it leads one after all, it is joined.
    fn pass_over(&mut self, seeker: &PeerId, turn: &Turn) {
        self.doubts.fail(turn.now);
        if self.doubts.passed_over.len() < DISTRUSTED_MAX {
            self.doubts.passed_over.insert(seeker.clone());
        }
    }

    pub(super) fn is_passed_over(&self, seeker: &PeerId) -> bool {
        self.doubts.passed_over.contains(seeker)
    }

    /// Whether this peer waits for nobody at present. After a few failures, whatever names they bear, it tries each
    /// further peer one heartbeat timeout later, and then two.
    pub(super) fn has_waited_enough(&self) -> bool {
        let Some(more) = self.doubts.failed.checked_sub(FAILED_MAX) else { return false };
        let pause = self.settings.timing.heartbeat_timeout * (more + 1).min(2);
        self.now() < self.doubts.failed_at + pause
    }

    pub(super) fn trusts(&self, peer: &PeerId) -> bool {
        self.trusts_at(peer, self.endpoint_of(peer))
    }

    /// The same, at this address: another process may have used the name at another address.
    pub(super) fn trusts_contact(&self, contact: &Contact) -> bool {
        self.trusts_at(&contact.id, Some(contact.endpoint))
    }

    fn trusts_at(&self, peer: &PeerId, endpoint: Option<SocketAddr>) -> bool {
        !self.doubts.distrusted.has(&(peer.clone(), endpoint), self.now())
    }

    /// This peer belongs to a group: its leader is what it says it is, and earlier failures do not matter.
    pub(super) fn note_group(&mut self, leader: Option<&PeerId>) {
        (self.group.served, self.doubts.proof) = (true, None);
        (self.doubts.outbid, self.doubts.waited) = (0, 0);
        if let Some(leader) = leader {
            self.doubts.failed = 0;
            self.doubts.passed_over.clear();
            let place = (leader.clone(), self.endpoint_of(leader));
            self.doubts.distrusted.0.remove(&place);
            self.doubts.shut_out.0.remove(&place);
        }
    }

    /// docs/protocol.md, 5.5: whether a proposer may outbid a promise to another proposer once more. Two that take each
    /// other for gone would never give in.
    pub(super) fn may_outbid(&mut self) -> bool {
        self.doubts.outbid = self.doubts.outbid.saturating_add(1);
        self.doubts.outbid <= OUTBIDS_MAX
    }

    /// Another process is said to have this peer's id.
    pub(super) fn on_namesake(&mut self, at: SocketAddr, turn: &mut Turn) {
        if at != self.settings.endpoint {
            self.suspect(at, turn);
        }
    }

    /// A process that was asked, or dialled, answered `ERROR`.
    pub(super) fn on_question_refused(&mut self, why: &Refusal, turn: &mut Turn) {
        match why {
            Refusal::IdInUse(Some(at)) => self.on_namesake(*at, turn),
            Refusal::WrongQuorum { .. } | Refusal::WrongVersion { .. } => self.warn_of_refusal(why, turn),
            _ => {}
        }
    }

    /// Begins to ask for proof, unless it did so within a heartbeat timeout.
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

    /// Asks again once the pause is over.
    pub(super) fn ask_for_second_proof(&mut self, turn: &mut Turn) {
        let Some(proof) = &mut self.doubts.proof else { return };
        if proof.again.is_some_and(|at| turn.now >= at) {
            proof.again = None;
            let at = proof.at;
            self.seek_proof(at, turn);
        }
    }

    /// docs/protocol.md, 3.7: a starting peer ends where another process answers under its id, at its very address and
    /// twice. Anybody can claim that there is such a process, so only its own answers count. A peer that serves never
    /// ends for it.
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
            // A peer that serves goes on although another has its name; the operator has to know.
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

    /// Whether this is another process of this peer's id, and one that counts. Of two that start, the older stays.
    fn is_namesake(&self, here: &Here) -> bool {
        let own = self.settings.incarnation;
        here.contact.id == self.settings.id
            && here.contact.incarnation != own
            && (self.group.served || here.serves || here.contact.incarnation < own)
    }
}

#[cfg(test)]
mod tests;
