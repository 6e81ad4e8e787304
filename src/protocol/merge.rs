//! Two groups become one: which leader yields, and how its members are told (docs/protocol.md, 7.2, 7.3, and `STALE` of
//! 2.4).

use super::data::role::Role;
use super::data::view;
use super::input::Time;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Sequence, Term};
use crate::wire::{Contact, Leadership, Message, ViewChange};

impl Peer {
    /// docs/protocol.md, 7.2: another group is said to exist. Anybody can send a datagram, so this leader asks there
    /// before it compares the groups. Unless it is the one to yield, it makes itself known with the question.
    pub(super) fn compare_hearsay(&mut self, other: &Leadership, turn: &mut Turn) {
        let interval = self.settings.timing.heartbeat_interval;
        let Some(leading) = self.leading() else { return };
        // A `LEADER` from a peer of this group tells of a leadership that is over.
        if leading.has(&other.leader.id) || !self.trusts_contact(&other.leader) {
            return;
        }
        let outranked = self.is_outranked(&other.term, other.size, other.last, &other.leader);
        // Broadcast may reach this way only, and the other leader may never hear of the group that it is to join.
        let hint = if outranked { None } else { self.leadership().map(Message::Leader) };
        let proven = self.contacts.is_proven(&other.leader);
        self.ask_for_group(other.leader.endpoint, hint, (proven, interval), turn);
    }

    /// docs/protocol.md, 7.2, 7.3: the leader of another group showed its view and its log. The one of lower rank
    /// yields, and only that one: if both did, nobody would lead.
    pub(super) fn compare_groups(&mut self, leader: &Contact, view: &ViewChange, turn: &mut Turn) {
        let Some(leading) = self.leading() else { return };
        let size = view.members.len() as u64;
        if leading.has(&leader.id) || !self.may_yield_to(leader) || self.has_waited_enough() {
            return;
        }
        if !self.is_outranked(&view.term, size, view.start.last, leader) {
            return;
        }
        if self.settings.quorum.is_some() {
            // docs/protocol.md, 7.3: the log of every later leader holds what was committed, so a peer that lacks it is
            // not one. With too few members it cannot take anybody in.
            let agreed = view::common_prefix(&view.start.runs, view.start.last, self.log.runs(), self.log.last());
            if agreed < self.log.committed() || view.members.len() < self.quorum() {
                return;
            }
        }
        let target = leader.clone();
        self.yield_to(Some(&target), turn);
    }

    /// docs/protocol.md, 7.2, 7.3: without a quorum the larger group wins, then the longer log, then the rank: the
    /// fewest peers have to join, and the fewest readings are ordered again. With a quorum only the term decides: the
    /// log of the higher term holds what is committed, and the log of the larger group may not.
    fn is_outranked(&self, term: &Term, size: u64, last: Sequence, leader: &Contact) -> bool {
        let Some(leading) = self.leading() else { return false };
        if self.settings.quorum.is_some() {
            return *term > leading.term;
        }
        let theirs = (size, last, leader.rank());
        theirs > (leading.members.len() as u64, self.log.last(), self.rank())
    }

    /// docs/protocol.md, 5.7, 7.2: this leader's term ends, and its members are told whom to join. All of them join one
    /// by one, which brings what they hold back as pending; so a merge needs no exchange of its own.
    pub(super) fn yield_to(&mut self, leader: Option<&Contact>, turn: &mut Turn) {
        let Some(leading) = self.leading() else { return };
        let (term, followers) = (leading.term.clone(), leading.followers.keys().cloned().collect::<Vec<_>>());
        for follower in &followers {
            turn.send(follower, Message::Yield { term: term.clone(), leader: leader.cloned() });
        }
        self.group.merging = leader.is_some();
        self.seek(leader, turn);
    }

    /// docs/protocol.md, 5.5, 5.7, 7.2: the leader that this peer follows, or the proposer that it promised to, gives
    /// up. The promise stays; what is named is asked before it is joined.
    pub(super) fn on_yield(&mut self, from: &PeerId, term: &Term, leader: Option<Contact>, turn: &mut Turn) {
        let of_leader = self.following().is_some_and(|following| following.leader == *from && following.term == *term);
        let of_proposer = matches!(&self.role, Role::Promised(promised) if promised.proposer == *from)
            && self.promises.promised.as_ref() == Some(term);
        if !of_leader && !of_proposer {
            return;
        }
        self.group.merging = of_leader && leader.is_some();
        self.seek(leader.as_ref(), turn);
        if let (true, None, Some(to)) = (of_proposer, leader, self.endpoint_of(from)) {
            // It had too few answers, and will try again with the seekers that it knows. Broadcast may not reach it,
            // and a seeker that tells it only while waiting for it (3.5) may be late each time.
            let hint = Some(Message::NewPeerRequest(self.me()));
            self.ask_for_group(to, hint, (true, Time::ZERO), turn);
        }
    }

    /// docs/protocol.md, 2.4: says what this peer promised, and which living leader it follows. Once for each link and
    /// promise: two peers that answered each other's `STALE` would never end.
    pub(super) fn stale(&mut self, to: &PeerId, turn: &mut Turn) {
        if !self.promises.may_say_stale(to) {
            return;
        }
        let leader = match &self.role {
            Role::Leader(_) => Some(self.me()),
            Role::Learner(following) | Role::Member(following) => self.contact(&following.leader.clone()),
            _ => None,
        };
        turn.send(to, Message::Stale { term: self.promises.promised.clone(), leader });
    }

    /// docs/protocol.md, 2.4: a peer promised a higher term. A peer that follows a living leader and promised as much
    /// ignores it. Otherwise it can no longer follow its leader, or win its proposal, and it asks the leader that was
    /// named.
    pub(super) fn on_stale(&mut self, from: &PeerId, term: Option<&Term>, leader: Option<Contact>, turn: &mut Turn) {
        // A leader that lifts its term for a joiner lives: a word from the other side of a split about an older term
        // comes too late.
        let lifting = matches!(&self.role, Role::Proposing(proposing) if proposing.lifting.is_some());
        let follows = lifting || matches!(self.role, Role::Leader(_) | Role::Learner(_) | Role::Member(_));
        if follows && term <= self.promises.promised.as_ref() {
            return;
        }
        // A healed network delivers what two leaders said while it was split: if the one of lower term yielded for that,
        // and the one of lower rank for its rank, both could, and nobody would lead. So the rank alone decides, even
        // while a leader lifts its term to take the others in.
        if self.settings.quorum.is_none() && self.leads_without(from) {
            return;
        }
        let target = leader.filter(|leader| leader.id != self.settings.id && !self.was_given_up(leader));
        if !self.heeds(from) || self.follows_another(from, turn) {
            // A peer that has no part in what this one does gives it a reason to ask, and no more.
            if let (Role::Leader(_), Some(target)) = (&self.role, target) {
                let pause = self.settings.timing.heartbeat_interval;
                self.ask_for_group(target.endpoint, None, (false, pause), turn);
            }
            return;
        }
        match &mut self.role {
            Role::Leader(_) => self.yield_to(target.as_ref(), turn),
            Role::Seeking(seeking) => {
                seeking.asked = None;
                if let Some(target) = target {
                    self.ask_for_group(target.endpoint, None, (true, Time::ZERO), turn);
                }
            }
            Role::Proposing(_) if target.is_none() && !lifting => {
                if let Some(term) = term.filter(|term| Some(*term) > self.promises.promised.as_ref()) {
                    self.propose_above(term, turn);
                } else {
                    // That peer does not want this leader. The others may.
                    self.on_proposal_loss(from, turn);
                }
            }
            _ => {
                self.group.merging = follows && target.is_some();
                self.seek(target.as_ref(), turn);
            }
        }
    }

    /// docs/protocol.md, 2.4: whether this peer proposes because that leader is gone, or was silent. A learner, which
    /// still names it, notices that later.
    fn was_given_up(&self, leader: &Contact) -> bool {
        let Role::Proposing(proposing) = &self.role else { return false };
        let Some(known) = self.contacts.get(&leader.id) else { return false };
        let silent = proposing.silent.as_ref() == Some(&leader.id);
        known.incarnation == leader.incarnation && (known.dead || silent)
    }

    /// Whether this peer leads a view, or lifts its term with one, that `peer` does not belong to.
    fn leads_without(&self, peer: &PeerId) -> bool {
        match &self.role {
            Role::Leader(leading) => !leading.has(peer),
            Role::Proposing(proposing) => proposing.lifting.is_some() && !self.group.last_view.contains_key(peer),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
