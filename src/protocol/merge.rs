//! Two groups become one: who yields to whom, and how its members are told (PROTOCOL.md 7, and `STALE` of 2).

use super::peer::Peer;
use super::role::Role;
use super::turn::Turn;
use super::view;
use crate::ids::{PeerId, Term};
use crate::wire::{Contact, Leadership, Message};

impl Peer {
    /// Two leaders hear of each other: the one of lower rank asks the other, and yields if the answer still outranks it.
    pub(super) fn compare_groups(&mut self, who: &PeerId, leadership: &Leadership, turn: &mut Turn) {
        let interval = self.settings.timing.heartbeat_interval;
        let outranked = self.is_outranked(leadership);
        let Some(leading) = self.leading_mut() else { return };
        // A `LEADER` of one's own group is of a leadership that is over.
        if leading.has(who) {
            return;
        }
        if outranked && leadership.asked {
            return self.yield_to(Some(who), turn);
        }
        let spoken = leading.spoken_to.get(who).copied();
        if spoken.is_some_and(|at| turn.now.checked_sub(at).unwrap() < interval) {
            return;
        }
        leading.spoken_to.insert(who.clone(), turn.now);
        if outranked {
            turn.send(who, Message::NewPeerRequest(self.me()));
        } else if let Some(leadership) = self.leadership(false) {
            // Perhaps broadcast reaches this way only, and it never hears of the group that it is to join.
            turn.send(who, Message::Leader(leadership));
        }
    }

    /// With a quorum only the term decides; without, the larger and longer group wins.
    fn is_outranked(&self, other: &Leadership) -> bool {
        let Some(leading) = self.leading() else { return false };
        if self.settings.quorum.is_some() {
            return other.term > leading.term;
        }
        let theirs = (other.size, other.last, view::priority(other.leader.priority, &other.leader.id));
        let own = view::priority(self.settings.priority, &self.settings.id);
        theirs > (leading.members.len() as u64, self.log.last(), own)
    }

    /// This leader's term ends: its members are told whom to join.
    pub(super) fn yield_to(&mut self, target: Option<&PeerId>, turn: &mut Turn) {
        let Some(leading) = self.leading() else { return };
        let (term, followers) = (leading.term.clone(), leading.followers.keys().cloned().collect::<Vec<_>>());
        let leader = target.and_then(|target| self.contact(target));
        for follower in &followers {
            turn.send(follower, Message::Yield { term: term.clone(), leader: leader.clone() });
        }
        self.merging = leader.is_some();
        self.seek(target, turn);
    }

    pub(super) fn on_yield(&mut self, from: &PeerId, term: &Term, leader: Option<Contact>, turn: &mut Turn) {
        let of_leader = self.following().is_some_and(|following| following.leader == *from && following.term == *term);
        let of_proposer = matches!(&self.role, Role::Promised(promised) if promised.proposer == *from)
            && self.promised.as_ref() == Some(term);
        if !of_leader && !of_proposer {
            return;
        }
        let target = leader.filter(|leader| self.learn(leader, turn)).map(|leader| leader.id);
        self.merging = of_leader && target.is_some();
        self.seek(target.as_ref(), turn);
        if of_proposer && target.is_none() {
            // It had too few answers, and will try again with those it knows to seek. Broadcast may not reach it, and who
            // tells it only while waiting for it (3.5) may be late each time.
            turn.send(from, Message::NewPeerRequest(self.me()));
        }
    }

    /// Says what this peer promised, and which living leader it follows: at most once a link and promise.
    pub(super) fn stale(&mut self, to: &PeerId, turn: &mut Turn) {
        if !self.stale_said.insert((to.clone(), self.promised.clone())) {
            return;
        }
        let leader = match &self.role {
            Role::Leader(_) => Some(self.me()),
            Role::Learner(following) | Role::Member(following) => self.contact(&following.leader.clone()),
            _ => None,
        };
        turn.send(to, Message::Stale { term: self.promised.clone(), leader });
    }

    pub(super) fn on_stale(&mut self, from: &PeerId, term: Option<&Term>, leader: Option<Contact>, turn: &mut Turn) {
        // A leader that lifts its term for a joiner lives: what the other side of a split says of an older term comes late.
        let raising = matches!(&self.role, Role::Proposing(proposing) if proposing.raising.is_some());
        let follows = raising || matches!(self.role, Role::Leader(_) | Role::Learner(_) | Role::Member(_));
        if follows && term <= self.promised.as_ref() {
            return;
        }
        // A healed network delivers what two leaders said while it was split: if the one of lower term yielded for that, and
        // the one of lower rank for its rank, both could, and nobody would lead. So the rank decides alone, also while a
        // leader lifts its term to take the others in.
        if self.settings.quorum.is_none() && self.leads_without(from) {
            return;
        }
        // A leader that speaks of itself may not know the address it is seen at; its connection told.
        let target = leader.filter(|leader| leader.id == *from || self.learn(leader, turn)).map(|leader| leader.id);
        match &mut self.role {
            Role::Leader(_) => self.yield_to(target.as_ref(), turn),
            Role::Seeking(seeking) => {
                seeking.asked = None;
                if let Some(target) = target {
                    self.ask(&target, turn);
                }
            }
            _ => {
                self.merging = follows && target.is_some();
                self.seek(target.as_ref(), turn);
            }
        }
    }

    /// Does this peer lead a view, perhaps lifting its term, that `peer` does not belong to?
    fn leads_without(&self, peer: &PeerId) -> bool {
        match &self.role {
            Role::Leader(leading) => !leading.has(peer),
            Role::Proposing(proposing) => proposing.raising.is_some() && !self.last_view.contains_key(peer),
            _ => false,
        }
    }
}
