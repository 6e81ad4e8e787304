//! A follower's eye on its leader: silence for the heartbeat timeout (docs/protocol.md 5.1).

use super::event::Event;
use super::peer::Peer;
use super::role::Role;
use super::turn::Turn;

impl Peer {
    pub(super) fn on_leader_check_alarm(&mut self, turn: &mut Turn) {
        let timeout = self.settings.timing.heartbeat_timeout;
        let (Role::Member(following) | Role::Learner(following)) = &self.role else { return };
        if !self.late(following.heard + timeout) {
            return;
        }
        let leader = following.leader.clone();
        self.close(&leader, turn);
        // What is sent to it after all goes over a new link, and must leave no gap to what may be lost with this one.
        self.pending.restart();
        if matches!(self.role, Role::Learner(_)) {
            self.distrust(&leader, 1, turn);
            return self.seek(None, turn);
        }
        turn.tell(Event::LeaderTimeout { leader: leader.clone() });
        self.elect(Some(leader), turn);
    }
}
