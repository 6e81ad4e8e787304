//! When the four loops must call `Peer::step` although nothing comes.

use super::data::role::Role;
use super::input::{Alarm, Time};
use super::peer::Peer;
use crate::wire::Timing;

impl Peer {
    /// When the loop of this alarm must next call `step` with it; `None`: not before something else happens.
    #[must_use]
    pub fn deadline(&self, alarm: Alarm) -> Option<Time> {
        if self.ending.over {
            return None;
        }
        let due = self.due(alarm)?;
        let due = self.clock.put_off(due, self.settings.timing.heartbeat_interval);
        // A peer that stops has no patience.
        Some(match (alarm, self.ending.until) {
            (Alarm::Heartbeat, Some(leaving)) => due.min(leaving),
            _ => due,
        })
    }

    /// Until when each role waits for each thing. Every wait has a deadline: what it waits for may be lost, and no
    /// message says so.
    fn due(&self, alarm: Alarm) -> Option<Time> {
        let Timing { heartbeat_timeout, election_timeout, .. } = self.settings.timing;
        match (alarm, &self.role) {
            (Alarm::Discovery, Role::Seeking(seeking)) => {
                let since = seeking.asked.as_ref().map_or(seeking.since, |(_, asked)| *asked);
                let own = seeking.request_at.min(since + election_timeout);
                Some(self.questions_due().map_or(own, |due| due.min(own)))
            }
            (Alarm::Discovery, _) => self.questions_due(),
            (Alarm::LeaderCheck, Role::Learner(following) | Role::Member(following)) => {
                Some(following.heard + heartbeat_timeout)
            }
            (Alarm::Election, Role::Electing(electing)) => Some(electing.deadline),
            (Alarm::Election, Role::Promised(promised)) => Some(promised.deadline),
            (Alarm::Election, Role::Proposing(proposing)) => Some(proposing.deadline),
            (Alarm::Heartbeat, Role::Leader(leading)) => {
                let due = leading.due(heartbeat_timeout);
                Some(self.ending.until.map_or(due, |leaving| leaving.min(due)))
            }
            (Alarm::Heartbeat, Role::Proposing(proposing)) => {
                Some(self.ending.until.map_or(proposing.beat_at, |leaving| leaving.min(proposing.beat_at)))
            }
            (Alarm::Heartbeat, _) => self.ending.until,
            _ => None,
        }
    }

    /// When a question is to be asked again.
    fn questions_due(&self) -> Option<Time> {
        self.visitors.due().into_iter().chain(self.doubts.due()).chain(self.look_due()).min()
    }

    /// Grants patience where this process did not run.
    pub(super) fn notice_a_stop(&mut self) {
        let dues = Alarm::ALL.map(|alarm| self.due(alarm));
        self.clock.notice_a_stop(dues.into_iter().flatten(), self.settings.timing.heartbeat_interval);
    }

    /// Is this deadline over?
    pub(super) fn late(&self, due: Time) -> bool {
        self.clock.is_late(due, self.settings.timing.heartbeat_interval)
    }

    /// The time of this step.
    pub(super) fn now(&self) -> Time {
        self.clock.now
    }
}
