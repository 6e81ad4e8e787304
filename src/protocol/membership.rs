//! Joins, and learners that catch up (docs/protocol.md, 3.2 to 3.4).

use super::data::follower::Follower;
use super::data::following::Following;
use super::data::leading::{Mark, MARKS};
use super::data::role::{Electing, Role};
use super::data::view::Members;
use super::dropping::Loss;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{Incarnation, PeerId, Sequence, Term};
use crate::wire::{Message, ViewChange};

impl Peer {
    /// docs/protocol.md, 3.2: a leader makes a learner of the sender, a member names its leader. A member that asks to
    /// join went back to seeking, so it leaves the view first: it does not count for commits before it holds the log
    /// again.
    pub(super) fn on_join(&mut self, from: &PeerId, promised: Option<Term>, priority: i64, turn: &mut Turn) {
        if let Some(known) = self.contacts.get_mut(from) {
            (known.priority, known.sought) = (priority, None);
        }
        if !self.contacts.may_join(from, turn.now, self.settings.timing.heartbeat_timeout) {
            return;
        }
        match &self.role {
            Role::Member(_) | Role::Learner(_) => self.point_to_leader(from, turn),
            _ if !self.takes_in(from) => {}
            Role::Proposing(_) => {
                self.group.asking.insert(from.clone());
            }
            Role::Leader(_) => {
                self.remove_follower(from, Loss::Failed, turn);
                self.serve_joiner(from, promised, turn);
            }
            _ => {}
        }
    }

    /// docs/protocol.md, 3.3: a leader below the joiner's promise lifts its term first, since the joiner cannot follow a
    /// lower one. How often is bounded: each joiner may bring a higher promise than the one before.
    fn serve_joiner(&mut self, from: &PeerId, promised: Option<Term>, turn: &mut Turn) {
        let Role::Leader(leading) = &self.role else { return };
        let above = promised.filter(|promised| *promised > leading.term);
        match above.and_then(|promised| self.lift_for(&promised)) {
            Some(lift) => {
                if !self.promises.lifts.spend(turn.now, self.settings.timing.heartbeat_timeout) {
                    return;
                }
                self.group.asking.extend(leading.learners.keys().cloned());
                self.group.asking.insert(from.clone());
                let (members, size) = (leading.members.keys().cloned().collect(), leading.members.len());
                self.propose(members, lift, Some(size), turn);
            }
            None => self.add_learner(from, turn),
        }
    }

    /// docs/protocol.md, 3.2: a member that is asked names its leader, which alone takes peers in. The joiner asks
    /// there before it believes it.
    fn point_to_leader(&self, to: &PeerId, turn: &mut Turn) {
        let leader = self.following().and_then(|following| self.contact(&following.leader));
        turn.send(to, Message::Stale { term: self.promises.promised.clone(), leader });
    }

    /// docs/protocol.md, 3.4: serves a joiner as a learner from now on. Its first mark is the present end of the log.
    /// It may hand in readings already, so that its sources need not wait for the backlog.
    pub(super) fn add_learner(&mut self, id: &PeerId, turn: &mut Turn) {
        let last = self.log.last();
        let Role::Leader(leading) = &mut self.role else { return };
        leading.learners.insert(id.clone(), Mark { at: last, times: 0 });
        leading.followers.insert(id.clone(), Follower::new(turn.now));
        if let Some(known) = self.contacts.get(id) {
            leading.take_in(id, known.incarnation, known.endpoint);
        }
        self.say_added(id, turn);
    }

    /// docs/protocol.md, 3.4: `ADDED TO NETWORK`, for a learner. It shows what the learner has to cut, and names the
    /// life that it is for: a later life of that peer may have another log.
    pub(super) fn say_added(&mut self, to: &PeerId, turn: &mut Turn) {
        let Some(view) = self.view_change() else { return };
        let Some(incarnation) = self.contacts.get(to).map(|known| known.incarnation) else { return };
        turn.say(to, Message::Added { view, incarnation });
    }

    /// docs/protocol.md, 3.4: a learner that reached its mark three times becomes a member. Before that it must not
    /// count: a peer that lacks the log makes a majority in name only, and commits would wait for its backlog.
    pub(super) fn on_learner_stored(&mut self, from: &PeerId, stored: Sequence, turn: &mut Turn) {
        let last = self.log.last();
        let Role::Leader(leading) = &mut self.role else { return };
        let Some(mark) = leading.learners.get_mut(from) else { return };
        while stored >= mark.at && mark.times < MARKS {
            (mark.at, mark.times) = (last, mark.times + 1);
        }
        self.admit_learners(turn);
    }

    /// docs/protocol.md, 3.4, 5.2: learners that reached their mark three times become members, and others that hold
    /// everything share the view. After each such view the next ones gather for a moment: after a start or a merge, a
    /// view for each of them would be too many, since each goes to all.
    pub(super) fn admit_learners(&mut self, turn: &mut Turn) {
        let (last, moment) = (self.log.last(), self.settings.moment());
        let Role::Leader(leading) = &mut self.role else { return };
        if turn.now < leading.gathers_until || leading.learners.values().all(|mark| mark.times < MARKS) {
            return;
        }
        leading.gathers_until = turn.now + moment;
        let holds_all = |id: &PeerId| leading.followers.get(id).is_some_and(|follower| follower.has_stored(last));
        let ready = leading.learners.iter().filter(|(id, mark)| mark.times >= MARKS || holds_all(id));
        let ready: Vec<PeerId> = ready.map(|(id, _)| id.clone()).collect();
        let mut members = leading.members.clone();
        for id in ready {
            if let Some(seat) = self.seat(&id) {
                members.insert(id.clone(), seat);
            }
            if let Role::Leader(leading) = &mut self.role {
                leading.learners.remove(&id);
            }
        }
        self.change_view(members, turn);
    }

    /// docs/protocol.md, 3.4: follows the leader that was asked, as a learner. Only the answer to its own question
    /// counts, a term that was promised, or a later one of the leader that it learns from: a stranger that says `ADDED`
    /// takes nobody out of the search.
    pub(super) fn on_added(&mut self, from: &PeerId, view: &ViewChange, receiver: Incarnation, turn: &mut Turn) {
        if receiver != self.settings.incarnation || view.term.leader != *from {
            return;
        }
        if let Some(following) = self.following() {
            // The answer to a `JOIN` that was still under way: the leader began again, as on a new link.
            if following.term == view.term && following.leader == *from {
                return self.restart(turn);
            }
        }
        let takes = match &self.role {
            // The answer to its own question, and nothing else.
            Role::Seeking(seeking) => seeking.has_asked(from) && self.may_install(view),
            // Its leader lifted the term.
            Role::Learner(following) => {
                following.leader == *from && following.term < view.term && self.may_install(view)
            }
            Role::Promised(_) | Role::Electing(Electing { following: None, .. }) => {
                self.promises.promised.as_ref() == Some(&view.term)
            }
            _ => false,
        };
        if takes && !self.refuses_cut(from, view, turn) {
            let following = Following::new(view, Members::new(), turn.now);
            self.install(Role::Learner(following), view, turn);
        }
    }
}

#[cfg(test)]
mod tests;
