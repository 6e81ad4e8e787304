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
    /// docs/protocol.md, 5.2: a leader no longer serves this peer. If it was a member, the others get a view without
    /// it. There is nothing to recover: the same leader holds the same log before and after.
    pub(super) fn remove_follower(&mut self, id: &PeerId, loss: Loss, turn: &mut Turn) {
        self.remove_followers(std::slice::from_ref(id), loss, turn);
    }

    /// docs/protocol.md, 5.2: the same for several. The others get one view without all of them, since each view goes
    /// to all.
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

    /// docs/protocol.md, 5.1: followers said nothing for the heartbeat timeout. Their links are closed, too: TCP would
    /// go on waiting for as long as a cut lasted.
    pub(super) fn drop_silent(&mut self, ids: &[PeerId], turn: &mut Turn) {
        for id in ids {
            self.close(id, turn);
        }
        self.remove_followers(ids, Loss::Failed, turn);
    }

    /// docs/protocol.md, 5.2: drops members that lack what the others wait for, for two heartbeat timeouts: they hold
    /// up the group. One that stores nothing at all is named, and shut out for a while; one that fetches its backlog
    /// may join, and fetch it as a learner, once. It drops none if this peer's own disk does nothing, or if too few
    /// would be left for the quorum: those are named once, and waited for. The wait is counted in heartbeats, each of
    /// which gave them time.
    pub(super) fn drop_idle(&mut self, turn: &mut Turn) {
        let Timing { heartbeat_interval, heartbeat_timeout, .. } = self.settings.timing;
        let (committed, quorum) = (self.log.committed(), self.quorum());
        let waits = committed < self.log.last() && self.log.stable() > committed;
        let Role::Leader(leading) = &mut self.role else { return };
        if heartbeat_interval * leading.wait_at(waits.then_some(committed)) < heartbeat_timeout * 2 {
            return;
        }
        let (idle, behind) = leading.judge();
        let without_idle = leading.members.len() - idle.len();
        if without_idle < quorum {
            return self.name_idle(idle, turn);
        }
        let behind = if without_idle - behind.len() >= quorum { behind } else { Vec::new() };
        let again: Vec<PeerId> = behind.iter().filter(|id| leading.is_behind_again(id)).cloned().collect();
        for peer in idle.iter().chain(&again) {
            self.shut_out(peer, turn);
        }
        let dropped: Vec<PeerId> = idle.iter().chain(&behind).cloned().collect();
        if !idle.is_empty() {
            turn.tell(Event::NotStoring { peers: idle, waits: false });
        }
        self.drop_silent(&dropped, turn);
    }

    /// Says once in a wait which members store nothing, if they are needed for the quorum: nothing is committed without
    /// them, and only the operator can help.
    fn name_idle(&mut self, idle: Vec<PeerId>, turn: &mut Turn) {
        let Role::Leader(leading) = &mut self.role else { return };
        if let Some(wait) = leading.wait.as_mut().filter(|wait| !idle.is_empty() && wait.named != idle) {
            wait.named.clone_from(&idle);
            turn.tell(Event::NotStoring { peers: idle, waits: true });
        }
    }

    /// A learner, or without a quorum a member, that promised another term follows another leader: it is dropped, and
    /// the others stay. With a quorum a member may have promised to a later leader that commits, so the term ends.
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

#[cfg(test)]
mod tests;
