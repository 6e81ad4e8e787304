//! Who belongs: joins, learners that catch up, views and their changes (docs/protocol.md 3.2 to 3.4, 5.2, 5.6).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::budget::Budget;
use super::cuts::start_runs;
use super::election::{COUNTER_JOINED_MAX, COUNTER_JOINED_STEP};
use super::event::Event;
use super::peer::Peer;
use super::replication::Follower;
use super::role::{Following, Leading, Mark, Role, TakenIn};
use super::turn::Turn;
use super::view::{self, Members};
use crate::ids::{Incarnation, PeerId, Sequence, Term};
use crate::wire::{Contact, Message, Timing, ViewChange};

/// How often a learner has to reach its mark. One mark could be the leader's last of long ago; what is reached three times
/// in a row shows that the learner keeps up.
const MARKS: u8 = 3;

/// How many origins that no log holds yet a peer may bring in a heartbeat timeout: the lives whose readings were cut from its
/// log. What is beyond it sends again.
const NEW_ORIGINS_MAX: u32 = 256;

impl Peer {
    pub(super) fn on_join(&mut self, from: &PeerId, promised: Option<Term>, priority: i64, turn: &mut Turn) {
        if let Some(known) = self.contacts.get_mut(from) {
            (known.priority, known.sought) = (priority, None);
        }
        if !self.trusts(from) || !self.contacts.may_join(from, turn.now, self.settings.timing.heartbeat_timeout) {
            return;
        }
        match &mut self.role {
            Role::Member(_) | Role::Learner(_) => self.point_to_leader(from, turn),
            Role::Proposing(_) => {
                self.asking.insert(from.clone());
            }
            Role::Leader(leading) => {
                let is_member = leading.members.contains_key(from);
                leading.learners.remove(from);
                if is_member {
                    // It went back to seeking.
                    self.drop_member(from, false, turn);
                } else {
                    leading.followers.remove(from);
                }
                self.serve_joiner(from, promised, turn);
            }
            _ => {}
        }
    }

    /// Makes a learner of who asks; a leader below the joiner's promise raises its term first.
    fn serve_joiner(&mut self, from: &PeerId, promised: Option<Term>, turn: &mut Turn) {
        let Role::Leader(leading) = &self.role else { return };
        match promised {
            // What is beyond all elections was no promise to a leader, and whoever made it finds back by `may_install`.
            Some(promised) if promised > leading.term && self.is_credible_to_all(promised.counter + 1) => {
                if !self.raises.spend(turn.now, self.settings.timing.heartbeat_timeout) {
                    return;
                }
                self.asking.extend(leading.learners.keys().cloned());
                self.asking.insert(from.clone());
                let (members, size) = (leading.members.keys().cloned().collect(), leading.members.len());
                self.propose(members, promised.counter, Some(size), turn);
            }
            _ => self.add_learner(from, turn),
        }
    }

    /// A member that is asked says who leads.
    fn point_to_leader(&self, to: &PeerId, turn: &mut Turn) {
        let leader = self.following().and_then(|following| self.contact(&following.leader));
        turn.send(to, Message::Stale { term: self.promised.clone(), leader });
    }

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

    /// `ADDED TO NETWORK`, for a learner.
    pub(super) fn say_added(&mut self, to: &PeerId, turn: &mut Turn) {
        let Some(view) = self.view_change() else { return };
        let Some(incarnation) = self.contacts.get(to).map(|known| known.incarnation) else { return };
        turn.say(to, Message::Added { view, incarnation });
    }

    /// `VIEW_CHANGE`, for a member, or for one that was just dropped.
    pub(super) fn say_view(&mut self, to: &PeerId, turn: &mut Turn) {
        if let Some(view) = self.view_change() {
            turn.say(to, Message::ViewChange(view));
        }
    }

    fn view_change(&self) -> Option<ViewChange> {
        let leading = self.leading()?;
        Some(ViewChange {
            term: leading.term.clone(),
            change: leading.change,
            members: leading.members.clone(),
            timing: self.settings.timing,
            start: leading.start.clone(),
        })
    }

    /// A learner stored more: has it caught up?
    pub(super) fn on_learner_stored(&mut self, from: &PeerId, stored: Sequence, turn: &mut Turn) {
        let last = self.log.last();
        let Role::Leader(leading) = &mut self.role else { return };
        let Some(mark) = leading.learners.get_mut(from) else { return };
        while stored >= mark.at && mark.times < MARKS {
            (mark.at, mark.times) = (last, mark.times + 1);
        }
        if mark.times < MARKS {
            return;
        }
        // Others that hold everything share the view.
        let holds_all = |id: &PeerId| leading.followers.get(id).is_some_and(|follower| follower.has_stored(last));
        let ready: Vec<PeerId> = leading.learners.keys().filter(|id| *id == from || holds_all(id)).cloned().collect();
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

    /// A new member list of the same term.
    pub(super) fn change_view(&mut self, members: Members, turn: &mut Turn) {
        let quorum = self.quorum();
        let Role::Leader(leading) = &mut self.role else { return };
        let own = &self.settings.id;
        for id in members.keys().filter(|id| *id != own && !self.last_view.contains_key(*id)) {
            turn.tell(Event::Joined { peer: id.clone() });
        }
        self.lost.retain(|id| !members.contains_key(id));
        self.last_view.clone_from(&members);
        leading.change += 1;
        leading.below = if members.len() >= quorum { None } else { leading.below.or(Some(turn.now)) };
        self.suspended &= leading.below.is_some();
        leading.members = members;
        for (id, seat) in leading.members.clone() {
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
        self.won = false;
        self.note_group(None);
        self.advance(turn);
    }

    /// A member is gone, silent, or went back to seeking.
    pub(super) fn drop_member(&mut self, id: &PeerId, left: bool, turn: &mut Turn) {
        let Role::Leader(leading) = &mut self.role else { return };
        let mut members = leading.members.clone();
        members.remove(id);
        leading.followers.remove(id);
        let list = view::ordered_peer_list(&members);
        turn.tell(if left {
            Event::MemberLeft { peer: id.clone(), members: list }
        } else {
            Event::MemberFailed { peer: id.clone(), members: list }
        });
        self.change_view(members, turn);
        if !self.contacts.is_dead(id) {
            self.lost.insert(id.clone());
            // So that one that lives knows at once.
            self.say_view(id, turn);
        }
    }

    pub(super) fn on_added(&mut self, from: &PeerId, view: &ViewChange, receiver: Incarnation, turn: &mut Turn) {
        if receiver != self.settings.incarnation || view.term.leader != *from {
            return;
        }
        if let Some(installed) = self.installed() {
            // The answer to a `JOIN` that was still under way: the leader began anew, as on a new link.
            if *installed == view.term && self.following().is_some_and(|following| following.leader == *from) {
                self.restart(turn);
            }
            return;
        }
        let takes = match &self.role {
            // The answer to its own question, and nothing else.
            Role::Seeking(seeking) => {
                seeking.asked.as_ref().is_some_and(|(leader, _)| leader == from) && self.may_install(view)
            }
            Role::Promised(_) | Role::Electing(_) => self.promised.as_ref() == Some(&view.term),
            _ => false,
        };
        if takes && !self.refuses_cut(from, view, turn) {
            let following = Following::new(view, Members::new(), turn.now);
            self.install(Role::Learner(following), view, turn);
        }
    }

    pub(super) fn on_view_change(&mut self, from: &PeerId, view: ViewChange, turn: &mut Turn) {
        if view.term.leader != *from || view.term.leader == self.settings.id {
            return;
        }
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
            let waits = !matches!(self.role, Role::Leader(_) | Role::Proposing(_));
            if !mine || !waits || self.promised.as_ref() != Some(&view.term) || self.refuses_cut(from, &view, turn) {
                return;
            }
        }
        self.meet_members(&view.members, turn);
        self.suspended &= view.members.len() < self.quorum();
        let joins = matches!(self.role, Role::Learner(_)) || !self.last_view.contains_key(&self.settings.id);
        self.tell_gone(&view, turn);
        self.last_view.clone_from(&view.members);
        self.begin_to_look(!again, turn.now);
        if again {
            self.become_member(&view);
            self.settle(turn);
        } else {
            let following = Following::new(&view, view.members.clone(), turn.now);
            self.install(Role::Member(following), &view, turn);
        }
        if joins {
            turn.tell(Event::Joined { peer: self.settings.id.clone() });
        }
        self.won = false;
        self.note_group(Some(from));
        let members = view::ordered_peer_list(&view.members);
        turn.tell(Event::View { term: view.term, change: view.change, members, leader_here: false });
    }

    /// Whom the leader counts no more, of the view before. One of another group, that this peer leaves, says nothing of them.
    fn tell_gone(&self, view: &ViewChange, turn: &mut Turn) {
        if !self.last_view.contains_key(&view.term.leader) {
            return;
        }
        let gone = self.last_view.keys().filter(|id| !view.members.contains_key(*id));
        let peers: Vec<PeerId> = gone.cloned().collect();
        if !peers.is_empty() {
            turn.tell(Event::Gone { peers });
        }
    }

    /// The new member list of an installed term.
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

    /// Notes where the members of a view are.
    fn meet_members(&mut self, members: &Members, turn: &mut Turn) {
        let own = self.settings.id.clone();
        for (id, seat) in members.iter().filter(|(id, _)| **id != own) {
            let (priority, incarnation) = (seat.priority, seat.incarnation);
            let known = self.contacts.get(id).map_or(seat.endpoint, |known| known.endpoint);
            let endpoint = if seat.endpoint.ip().is_unspecified() { known } else { seat.endpoint };
            self.learn(&Contact { id: id.clone(), priority, incarnation, endpoint }, false, turn);
        }
    }

    /// May this peer, who asked for it, follow the leader of this view? Its promise may be above only where no election can
    /// have raised it so far: then it was won by a lie, and the group that it comes back to knows better.
    pub(super) fn may_install(&self, view: &ViewChange) -> bool {
        let (far, counter) = (self.far(), view.term.counter);
        let below = |promised: &Term| promised.counter > counter.saturating_add(far);
        let promised = self.promised.as_ref();
        let keeps =
            promised <= Some(&view.term) || (promised.is_some_and(below) && view.members.len() >= self.quorum());
        let own = promised.map_or(0, |term| term.counter);
        let above = self.settings.quorum.is_some() && counter > own.saturating_add(COUNTER_JOINED_STEP);
        keeps && counter <= COUNTER_JOINED_MAX && !above
    }

    /// Promises and installs a term: cuts what its leader's log does not have, and fetches the rest.
    fn install(&mut self, role: Role, view: &ViewChange, turn: &mut Turn) {
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

    /// Warns once of a leader whose durations are others.
    fn compare_timing(&mut self, leader: Timing, turn: &mut Turn) {
        let own = self.settings.timing;
        if leader == own || self.warned_of == Some(leader) {
            return;
        }
        self.warned_of = Some(leader);
        let knobs = [
            ("--heartbeat-interval", leader.heartbeat_interval, own.heartbeat_interval),
            ("--heartbeat-timeout", leader.heartbeat_timeout, own.heartbeat_timeout),
            ("--election-timeout", leader.election_timeout, own.election_timeout),
        ];
        for (name, leader, own) in knobs.into_iter().filter(|(_, leader, own)| leader != own) {
            turn.tell(Event::OtherKnob { name, leader: format!("{leader:?}"), own: format!("{own:?}") });
        }
    }

    /// A follower said nothing for the heartbeat timeout.
    pub(super) fn drop_silent(&mut self, id: &PeerId, turn: &mut Turn) {
        self.close(id, turn);
        let Role::Leader(leading) = &mut self.role else { return };
        leading.learners.remove(id);
        if leading.members.contains_key(id) {
            self.drop_member(id, false, turn);
        } else {
            leading.followers.remove(id);
        }
    }
}

impl Following {
    fn new(view: &ViewChange, members: Members, now: super::input::Time) -> Self {
        Self {
            term: view.term.clone(),
            leader: view.term.leader.clone(),
            change: view.change,
            members,
            start: view.start.last,
            heard: now,
            leader_commit: 0,
            told: 0,
            fetched_from: 0,
        }
    }
}

impl Leading {
    /// This life may order in this term.
    fn take_in(&mut self, id: &PeerId, incarnation: Incarnation, endpoint: SocketAddr) {
        let same = |before: &TakenIn| (before.incarnation, before.endpoint) == (incarnation, endpoint);
        if !self.taken_in.get(id).is_some_and(same) {
            let (origins, turned_away) = (Budget::new(NEW_ORIGINS_MAX), BTreeMap::new());
            self.taken_in.insert(id.clone(), TakenIn { incarnation, endpoint, origins, turned_away });
        }
    }

    /// Does this peer follow this leader?
    pub(super) fn has(&self, id: &PeerId) -> bool {
        self.members.contains_key(id) || self.learners.contains_key(id)
    }
}
