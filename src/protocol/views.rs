//! Views: what a leader says of its members, and what the receiver does with it (docs/protocol.md, 5.2, 5.6).

use super::cuts::start_runs;
use super::data::follower::Follower;
use super::data::following::Following;
use super::data::role::Role;
use super::data::view::{self, Members};
use super::event::Event;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Sequence};
use crate::wire::{Contact, Message, ViewChange};

impl Peer {
    /// docs/protocol.md, 5.2: a new member list of the same term, by its leader alone. That is safe without an
    /// election: the leader itself orders the changes, and always counts a majority over the newest list. A list below
    /// the quorum is allowed for a heartbeat timeout (5.7), and commits nothing.
    pub(super) fn change_view(&mut self, members: Members, turn: &mut Turn) {
        let quorum = self.quorum();
        let Role::Leader(leading) = &mut self.role else { return };
        let own = &self.settings.id;
        for id in members.keys().filter(|id| *id != own && !self.group.last_view.contains_key(*id)) {
            turn.tell(Event::Joined { peer: id.clone() });
        }
        self.group.lost.retain(|id| !members.contains_key(id));
        self.group.last_view.clone_from(&members);
        leading.change += 1;
        leading.below = if members.len() >= quorum { None } else { leading.below.or(Some(turn.now)) };
        self.notices.suspended &= leading.below.is_some();
        leading.members = members;
        for (id, seat) in leading.members.clone() {
            // What a member hands in counts from now on, and from this very process alone (docs/protocol.md, 4.3).
            leading.take_in(&id, seat.incarnation, seat.endpoint);
        }
        let to: Vec<PeerId> = leading.members.keys().filter(|id| *id != own).cloned().collect();
        for id in &to {
            leading.followers.entry(id.clone()).or_insert_with(|| Follower::new(turn.now));
        }
        let (term, change, members) = (leading.term.clone(), leading.change, view::ordered_peer_list(&leading.members));
        turn.tell(Event::View { term, change, members, leader_here: true });
        self.begin_to_look(change == 1, turn.now);
        for id in &to {
            self.say_view(id, turn);
        }
        self.notices.won = false;
        self.note_group(None);
        self.compare_limits(turn);
        // Without the members that were dropped, a majority may have stored more.
        self.advance(turn);
    }

    /// docs/protocol.md, 2.5, 4.5: `VIEW_CHANGE`, for a member, or for one that was just dropped. It leaves once the
    /// promise of its term is stored, and is the first message on each new link: the one before may be lost.
    pub(super) fn say_view(&mut self, to: &PeerId, turn: &mut Turn) {
        if let Some(view) = self.view_change() {
            turn.say(to, Message::ViewChange(view));
        }
    }

    /// docs/protocol.md, 5.6: what `VIEW_CHANGE` and `ADDED TO NETWORK` say. They show the log that this leader had at
    /// the start of its term, and not the present one: a receiver cuts its log by it, and a description of the present
    /// log would be out of date when it arrives.
    pub(super) fn view_change(&self) -> Option<ViewChange> {
        let leading = self.leading()?;
        Some(ViewChange {
            term: leading.term.clone(),
            change: leading.change,
            members: leading.members.clone(),
            timing: self.settings.timing,
            start: leading.start.clone(),
        })
    }

    /// docs/protocol.md, 5.6: the first view of a term is installed, which cuts this log to what the leader has; a
    /// later one changes the members only. One that does not list this peer sends it back to seeking. Only the promised
    /// term is installed: the view of another one was long under way, and would cut what a later leader ordered.
    pub(super) fn on_view_change(&mut self, from: &PeerId, view: ViewChange, turn: &mut Turn) {
        if view.term.leader != *from || view.term.leader == self.settings.id {
            return;
        }
        // A view that names an earlier life of this peer does not count on this one.
        let mine =
            view.members.get(&self.settings.id).is_some_and(|seat| seat.incarnation == self.settings.incarnation);
        let again = self.installed() == Some(&view.term);
        if again {
            let old = self.following().is_none_or(|following| view.change <= following.change);
            if old {
                return;
            }
            if !mine {
                return self.seek(None, turn);
            }
        } else {
            // A leader and a proposer promised a term of their own.
            let waits = !matches!(self.role, Role::Leader(_) | Role::Proposing(_));
            if !waits || self.promises.promised.as_ref() != Some(&view.term) {
                return;
            }
            if !mine {
                // It was dropped before its first view came.
                if matches!(self.role, Role::Promised(_)) {
                    self.seek(None, turn);
                }
                return;
            }
            if self.refuses_cut(from, &view, turn) {
                return;
            }
        }
        self.meet_members(&view.members, turn);
        self.notices.suspended &= view.members.len() < self.quorum();
        let joins = matches!(self.role, Role::Learner(_)) || !self.group.last_view.contains_key(&self.settings.id);
        let gone = self.tell_gone(&view, turn);
        self.group.last_view.clone_from(&view.members);
        self.begin_to_look(!again, turn.now);
        if again {
            self.become_member(&view);
            self.settle(turn);
            // The leader turned their readings away while they lived, and takes them from here now.
            self.pending.restart_of(&gone);
            self.pump(turn);
        } else {
            let following = Following::new(&view, view.members.clone(), turn.now);
            self.install(Role::Member(following), &view, turn);
        }
        if joins {
            turn.tell(Event::Joined { peer: self.settings.id.clone() });
        }
        self.notices.won = false;
        self.note_group(Some(from));
        let members = view::ordered_peer_list(&view.members);
        turn.tell(Event::View { term: view.term, change: view.change, members, leader_here: false });
    }

    /// docs/protocol.md, 4.2: logs and returns the members of the last view that the leader no longer counts. From now
    /// on it takes their readings from others. If this peer comes from another group, the new view says nothing of
    /// them.
    fn tell_gone(&self, view: &ViewChange, turn: &mut Turn) -> Vec<PeerId> {
        if !self.group.last_view.contains_key(&view.term.leader) {
            return Vec::new();
        }
        let gone = self.group.last_view.keys().filter(|id| !view.members.contains_key(*id));
        let peers: Vec<PeerId> = gone.cloned().collect();
        if !peers.is_empty() {
            turn.tell(Event::Gone { peers: peers.clone() });
        }
        peers
    }

    /// The new member list of an installed term. It also makes a learner a member (docs/protocol.md, 3.4). The place in
    /// the leader's log stays as it is: nothing is cut or fetched again for a list.
    fn become_member(&mut self, view: &ViewChange) {
        let nothing = Role::placeholder(self.now());
        let role = std::mem::replace(&mut self.role, nothing);
        self.role = match role {
            Role::Learner(mut following) | Role::Member(mut following) => {
                following.members.clone_from(&view.members);
                following.change = view.change;
                Role::Member(following)
            }
            other => other,
        };
    }

    /// docs/protocol.md, 5.3: notes where the members of a view are. When the leader is gone, they have to elect
    /// without it, and most of them never spoke with each other. An address that the leader could not name stays as it
    /// is known.
    fn meet_members(&mut self, members: &Members, turn: &mut Turn) {
        let own = self.settings.id.clone();
        for (id, seat) in members.iter().filter(|(id, _)| **id != own) {
            let (priority, incarnation) = (seat.priority, seat.incarnation);
            let known = self.contacts.get(id).map_or(seat.endpoint, |known| known.endpoint);
            let endpoint = if seat.endpoint.ip().is_unspecified() { known } else { seat.endpoint };
            self.learn(&Contact { id: id.clone(), priority, incarnation, endpoint }, false, turn);
        }
    }

    /// docs/protocol.md, 5.6: promises and installs a term, cuts what its leader's log did not have when the term
    /// started, and fetches the rest. It happens once for each term: what the term itself ordered came from this
    /// leader, and a second cut could take back what is committed. What is pending is sent from its beginning (4.2):
    /// another leader may never have had it.
    pub(super) fn install(&mut self, role: Role, view: &ViewChange, turn: &mut Turn) {
        self.promise(&view.term, turn);
        self.role = role;
        let agreed = view::common_prefix(&start_runs(view), Sequence::MAX, self.log.runs(), self.log.last());
        self.cut(agreed, &view.term.leader, turn);
        self.settle(turn);
        self.pending.restart();
        self.fetch(turn);
        self.pump(turn);
        self.compare_timing(view.timing, turn);
    }
}

#[cfg(test)]
mod tests;
