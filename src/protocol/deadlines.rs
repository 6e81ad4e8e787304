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
        self.due(alarm, |verdict| self.clock.put_off(verdict, self.settings.timing.heartbeat_interval))
    }

    /// Until when each role waits for each thing. Every wait has a deadline: what it waits for may be lost, and no
    /// message says so. `put_off` is asked of each verdict on others, and of what follows where they did not answer:
    /// that has patience (see `late`). What this peer itself does has none.
    fn due(&self, alarm: Alarm, put_off: impl Fn(Time) -> Time) -> Option<Time> {
        let Timing { heartbeat_timeout, election_timeout, .. } = self.settings.timing;
        match (alarm, &self.role) {
            (Alarm::Discovery, Role::Seeking(seeking)) => {
                let since = seeking.asked.as_ref().map_or(seeking.since, |(_, asked)| *asked);
                let own = seeking.request_at.min(put_off(since + election_timeout));
                self.questions_due(put_off).into_iter().chain([own]).min()
            }
            (Alarm::Discovery, _) => self.questions_due(put_off),
            (Alarm::LeaderCheck, Role::Learner(following) | Role::Member(following)) => {
                Some(put_off(following.heard + heartbeat_timeout))
            }
            (Alarm::Election, Role::Electing(electing)) => Some(put_off(electing.deadline)),
            (Alarm::Election, Role::Promised(promised)) => Some(put_off(promised.deadline)),
            (Alarm::Election, Role::Proposing(proposing)) => Some(put_off(proposing.deadline)),
            (Alarm::Heartbeat, role) => {
                let shows = match role {
                    Role::Leader(leading) => Some(leading.due(heartbeat_timeout, put_off)),
                    Role::Proposing(proposing) => Some(proposing.beat_at),
                    _ => None,
                };
                shows.into_iter().chain(self.ending.until).min()
            }
            _ => None,
        }
    }

    /// When a question is to be asked again.
    fn questions_due(&self, put_off: impl Fn(Time) -> Time) -> Option<Time> {
        self.visitors.due().into_iter().chain(self.doubts.due()).chain(self.look_due()).map(put_off).min()
    }

    /// Grants patience where this process did not run.
    pub(super) fn notice_a_stop(&mut self) {
        let dues = Alarm::ALL.map(|alarm| self.due(alarm, |due| due));
        self.clock.notice_a_stop(dues.into_iter().flatten(), self.settings.timing.heartbeat_interval);
    }

    /// Whether this deadline is over.
    pub(super) fn late(&self, due: Time) -> bool {
        self.clock.is_late(due, self.settings.timing.heartbeat_interval)
    }

    /// The time of this step.
    pub(super) fn now(&self) -> Time {
        self.clock.now
    }
}

#[cfg(test)]
mod tests;
