//! What a leader drops from its term: peers that left, are silent, store nothing, or follow somebody else
//! (docs/protocol.md, 5.1, 5.2).

use super::data::role::Role;
use super::data::view;
use super::event::Event;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::Timing;

impl Peer {
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
            self.group.lost.insert(id.clone());
            // So that one that lives knows now.
            self.say_view(id, turn);
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

    /// Members that store nothing while the others wait for them hold up the group: it goes on without them. Not where it
    /// is this peer's disk that does nothing, nor where too few would be left. Counted in heartbeats, each of which gave
    /// them time.
    pub(super) fn drop_idle(&mut self, turn: &mut Turn) {
        let Timing { heartbeat_interval, heartbeat_timeout, .. } = self.settings.timing;
        let (committed, quorum) = (self.log.committed(), self.quorum());
        let waits = committed < self.log.last() && self.log.stable() > committed;
        let Role::Leader(leading) = &mut self.role else { return };
        let again = waits && leading.waits_at == Some(committed);
        leading.waits_at = waits.then_some(committed);
        leading.beats_in_vain = if again { leading.beats_in_vain + 1 } else { 0 };
        if heartbeat_interval * leading.beats_in_vain < heartbeat_timeout * 2 {
            return;
        }
        leading.beats_in_vain = 0;
        let idle = |id: &PeerId| leading.followers.get(id).is_some_and(|follower| follower.stored <= committed);
        let idle: Vec<PeerId> = leading.members.keys().filter(|id| idle(id)).cloned().collect();
        if idle.is_empty() || leading.members.len() - idle.len() < quorum {
            return;
        }
        turn.tell(Event::NotStoring { peers: idle.clone() });
        for peer in &idle {
            self.distrust(peer, 2, turn);
            self.drop_silent(peer, turn);
        }
    }

    /// A learner, or without a quorum a member, that promised another term follows somebody else: one fewer, and no
    /// reason for the others.
    pub(super) fn follows_another(&mut self, from: &PeerId, turn: &mut Turn) -> bool {
        let Role::Leader(leading) = &mut self.role else { return false };
        if leading.learners.remove(from).is_some() {
            leading.followers.remove(from);
            return true;
        }
        let drops = self.settings.quorum.is_none() && leading.members.contains_key(from);
        if drops {
            self.drop_member(from, false, turn);
        }
        drops
    }
}
