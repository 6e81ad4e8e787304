//! What a leader drops from its term: peers that left, are silent, store nothing, or follow somebody else
//! (docs/protocol.md, 5.1, 5.2).

use super::data::role::Role;
use super::data::view;
use super::event::Event;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::Timing;

/// Why a peer is no longer counted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// It said `LEAVE`.
    Left,
    /// Its process is gone or silent, or it went back to seeking.
    Failed,
}

impl Peer {
    /// A leader no longer serves this peer. If it was a member, the others get a view without it.
    pub(super) fn remove_follower(&mut self, id: &PeerId, loss: Loss, turn: &mut Turn) {
        self.remove_followers(std::slice::from_ref(id), loss, turn);
    }

    /// The same for several: the others get one view without all of them.
    fn remove_followers(&mut self, ids: &[PeerId], loss: Loss, turn: &mut Turn) {
        let Role::Leader(leading) = &mut self.role else { return };
        let (mut members, mut away) = (leading.members.clone(), Vec::new());
        for id in ids {
            leading.learners.remove(id);
            leading.followers.remove(id);
            if members.remove(id).is_none() {
                continue;
            }
            let (peer, list) = (id.clone(), view::ordered_peer_list(&members));
            turn.tell(match loss {
                Loss::Left => Event::MemberLeft { peer, members: list },
                Loss::Failed => Event::MemberFailed { peer, members: list },
            });
            away.push(id);
        }
        if away.is_empty() {
            return;
        }
        self.change_view(members, turn);
        for id in away {
            if !self.contacts.is_dead(id) {
                self.group.lost.insert(id.clone());
                // If it lives, it knows now.
                self.say_view(id, turn);
            }
        }
    }

    /// Followers said nothing for the heartbeat timeout.
    pub(super) fn drop_silent(&mut self, ids: &[PeerId], turn: &mut Turn) {
        for id in ids {
            self.close(id, turn);
        }
        self.remove_followers(ids, Loss::Failed, turn);
    }

    /// Drops members that store nothing while the others wait for them: they hold up the group. It drops none where
    /// this peer's own disk does nothing, or where too few would be left. The wait is counted in heartbeats, each of
    /// which gave them time.
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
            self.shut_out(peer, turn);
        }
        self.drop_silent(&idle, turn);
    }

    /// A learner, or without a quorum a member, that promised another term follows another leader: it is dropped, and
    /// the others stay.
    pub(super) fn follows_another(&mut self, from: &PeerId, turn: &mut Turn) -> bool {
        let Role::Leader(leading) = &self.role else { return false };
        let is_free = leading.learners.contains_key(from) || self.settings.quorum.is_none();
        let removes = is_free && leading.has(from);
        if removes {
            self.remove_follower(from, Loss::Failed, turn);
        }
        removes
    }
}
