//! The questions that this peer asks: to whom, what for, and how many at a time. What others say is only a claim. This
//! peer acts on answers: they come on a connection that it dialled to the very address of a process, and repeat a
//! number that nobody can guess.
//!
//! The words of strangers cause no more questions than a budget allows, and none to an address that they did not come
//! from.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::data::budget::Budget;
use super::data::token::proof_of;
use super::effect::{Call, Effect};
use super::input::{Answer, ConnectionId, Question, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::{Message, Token};

/// How many questions to strangers are under way at a time: each takes a thread, for a second at most.
const UNDER_WAY_MAX: usize = 16;

/// How many questions to strangers may be asked in a row, and the time in which as many may be asked again: sixteen a
/// second. That is enough for a group that starts together, and no trouble to any address that a stranger names.
const BURST: u32 = 64;
const REFILL: Time = Time::from_secs(4);

/// Hosts whose questions are counted.
const HOSTS_MAX: usize = 256;

/// How often a member passes word of another leader on to its own in a heartbeat interval.
const PASSES_MAX: u32 = 8;

/// How many addresses that were asked lately are remembered.
const RECENT_MAX: usize = 512;

/// What an answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Is there a group, or somebody who seeks one?
    Group,
    /// Did the process there make this connection?
    Visitor(ConnectionId),
    /// Does the known life of this peer live? Another one claims its place on this connection.
    Elder(PeerId, ConnectionId),
    /// The same, where the other life answered a question.
    Predecessor(PeerId),
    /// Part of a look around: does it answer here, and whom does it follow?
    Look,
    /// Does another process live under this peer's own id?
    Proof,
}

#[derive(Debug, Clone)]
struct Open {
    /// `None`: all `--join` addresses, of which any may answer.
    to: Option<SocketAddr>,
    purpose: Purpose,
    urgent: bool,
    since: Time,
}

#[derive(Debug, Clone)]
pub(super) struct Calls {
    open: BTreeMap<Token, Open>,
    /// Questions ever asked.
    made: u64,
    /// When an address was asked for a group.
    recent: BTreeMap<SocketAddr, Time>,
    /// Questions that the words of strangers may cost, in all and for each host.
    budget: Budget,
    hosts: BTreeMap<IpAddr, Budget>,
    /// How often a member passes word of another leader on to its own.
    pub(super) passes: Budget,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            made: 0,
            recent: BTreeMap::new(),
            budget: Budget::new(BURST),
            hosts: BTreeMap::new(),
            passes: Budget::new(PASSES_MAX),
        }
    }
}

impl Calls {
    /// Whether as many connections of strangers are being looked at as is allowed.
    pub(super) fn looks_into_enough(&self) -> bool {
        let counts = |open: &&Open| !open.urgent && matches!(open.purpose, Purpose::Visitor(_));
        self.open.values().filter(counts).count() >= UNDER_WAY_MAX
    }

    /// Whether a stranger's words may cost one more question now.
    fn spend(&mut self, to: SocketAddr, now: Time) -> bool {
        let counts = |open: &&Open| !open.urgent && matches!(open.purpose, Purpose::Group | Purpose::Proof);
        if self.open.values().filter(counts).count() >= UNDER_WAY_MAX {
            return false;
        }
        // A host uses up its own share, not that of others. Processes on this host share the whole budget.
        if !to.ip().is_loopback() {
            if self.hosts.len() >= HOSTS_MAX {
                self.hosts.clear();
            }
            let share = self.hosts.entry(to.ip()).or_insert_with(|| Budget::new(BURST / 4));
            if !share.spend(now, REFILL) {
                return false;
            }
        }
        self.budget.spend(now, REFILL)
    }

    /// Whether this address was asked within `pause`.
    fn was_asked(&self, to: SocketAddr, now: Time, pause: Time) -> bool {
        self.recent.get(&to).is_some_and(|at| now.saturating_sub(*at) < pause)
    }

    fn note_asked(&mut self, to: SocketAddr, now: Time, pause: Time) {
        if self.recent.len() >= RECENT_MAX {
            self.recent.retain(|_, at| now.saturating_sub(*at) < pause);
        }
        // If there is no room left, the budget alone has to do.
        if self.recent.len() < RECENT_MAX {
            self.recent.insert(to, now);
        }
    }

    /// What the open question of this number is for, if the answer comes from the address that was asked.
    fn take(&mut self, nonce: Token, from: SocketAddr) -> Option<Purpose> {
        match self.open.get(&nonce)? {
            Open { to: Some(to), .. } if *to != from => None,
            Open { to: Some(_), .. } => self.open.remove(&nonce).map(|open| open.purpose),
            // Other `--join` addresses may answer, too.
            Open { to: None, purpose, .. } => Some(purpose.clone()),
        }
    }
}

impl Peer {
    /// Asks an address whether there is a group, or a seeker, and may add a hint. `urgent`: a peer that this one heeds
    /// named the address. Within `pause` an address is asked once.
    pub(super) fn ask_for_group(
        &mut self,
        to: SocketAddr,
        hint: Option<Message>,
        (urgent, pause): (bool, Time),
        turn: &mut Turn,
    ) {
        let unreachable = to.ip().is_unspecified() || to.port() == 0 || to == self.settings.endpoint;
        if unreachable || self.calls.was_asked(to, turn.now, pause) || !(urgent || self.calls.spend(to, turn.now)) {
            return;
        }
        self.calls.note_asked(to, turn.now, pause);
        self.call(Some(to), Purpose::Group, (hint, None), urgent, turn);
    }

    /// Asks at all `--join` addresses.
    pub(super) fn ask_joins(&mut self, hint: Message, turn: &mut Turn) {
        self.call(None, Purpose::Group, (Some(hint), None), true, turn);
    }

    /// Asks the process that is named as the maker of a connection.
    pub(super) fn call_back(
        &mut self,
        to: SocketAddr,
        purpose: Purpose,
        dialled: (Token, SocketAddr),
        urgent: bool,
        turn: &mut Turn,
    ) {
        self.call(Some(to), purpose, (None, Some(dialled)), urgent, turn);
    }

    /// Another life claims the place of the known one: asks whether that one lives.
    pub(super) fn ask_predecessor(&mut self, peer: &PeerId, turn: &mut Turn) {
        let Some(to) = self.endpoint_of(peer) else { return };
        let purpose = Purpose::Predecessor(peer.clone());
        if self.calls.open.values().all(|open| open.purpose != purpose) {
            self.call(Some(to), purpose, (None, None), true, turn);
        }
    }

    /// Asks whether somebody answers here, and whom it follows.
    pub(super) fn ask_in_a_look(&mut self, to: SocketAddr, urgent: bool, turn: &mut Turn) {
        self.call(Some(to), Purpose::Look, (None, None), urgent, turn);
    }

    /// Asks for proof that another process is there.
    pub(super) fn ask_for_proof(&mut self, to: SocketAddr, hint: Option<Message>, turn: &mut Turn) {
        if self.calls.spend(to, turn.now) {
            self.call(Some(to), Purpose::Proof, (hint, None), false, turn);
        }
    }

    /// Asks a question under a number that nobody can guess: only an answer that repeats it, from the address that was
    /// asked, counts.
    fn call(
        &mut self,
        to: Option<SocketAddr>,
        purpose: Purpose,
        (hint, dialled): (Option<Message>, Option<(Token, SocketAddr)>),
        urgent: bool,
        turn: &mut Turn,
    ) {
        let timeout = self.settings.timing.heartbeat_timeout;
        // A call that was never reported brings nothing any more.
        self.calls.open.retain(|_, open| turn.now.saturating_sub(open.since) < timeout * 2);
        self.calls.made += 1;
        let nonce = self.settings.secret.nonce(self.calls.made);
        // Only the process that was dialled gets the token itself: the one that is asked here may be another.
        let dialled = dialled.map(|(token, at)| (proof_of(token, nonce), at));
        self.calls.open.insert(nonce, Open { to, purpose, urgent, since: turn.now });
        let question = Question { nonce, hint, dialled };
        turn.out.push(match to {
            Some(to) => Effect::Call(Call { to, question, urgent }),
            None => Effect::Ask(question),
        });
    }

    /// Hands an answer to the mechanism that asked. An answer without an open question is dropped. One that repeats
    /// another number counts as silence, so that nobody waits for a further answer.
    pub(super) fn on_answered(&mut self, nonce: Token, from: SocketAddr, answer: Answer, turn: &mut Turn) {
        let Some(purpose) = self.calls.take(nonce, from) else { return };
        let answer = match answer {
            // It answers some other question.
            Answer::Here(here) if here.nonce != nonce => Answer::Silent,
            answer => answer,
        };
        if purpose == Purpose::Group {
            self.note_answer(from, &answer, turn);
        }
        match (purpose, answer) {
            (Purpose::Group, Answer::Here(here)) => self.on_here(from, *here, turn),
            (Purpose::Group, Answer::Error(why)) => self.on_question_refused(&why, turn),
            (Purpose::Group, Answer::Refused | Answer::Silent) => {}
            (Purpose::Look, answer) => self.on_looked(from, answer, turn),
            (Purpose::Visitor(connection), answer) => self.on_visitor_answer(connection, from, answer, turn),
            (Purpose::Elder(peer, connection), answer) => self.on_elder_answer(&peer, connection, answer, turn),
            (Purpose::Predecessor(peer), answer) => self.on_predecessor_answer(&peer, &answer, turn),
            (Purpose::Proof, answer) => self.on_proof(from, answer, turn),
        }
    }
}

#[cfg(test)]
mod tests;
