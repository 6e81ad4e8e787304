//! The end of a peer: asked to stop, or its disk failed (docs/protocol.md 5.8).

use super::data::role::Role;
use super::effect::{Effect, Exit};
use super::input::Time;
use super::peer::Peer;
use super::turn::Turn;
use crate::wire::Message;

/// How long a stopping peer waits until what it took in is committed. As much again is left to write and to say so:
/// users are promised an end within a second.
const DRAIN: Time = Time::from_millis(500);

impl Peer {
    /// docs/protocol.md, 5.8: sources stop, and the peer waits for a moment until its readings are committed. A planned
    /// stop should lose nothing, and cost the group no timeout.
    pub(super) fn on_stop(&mut self, turn: &mut Turn) {
        if self.ending.until.is_none() {
            self.ending.until = Some(turn.now + DRAIN);
        }
    }

    /// Leaves once nothing is pending, or the time for that is over.
    pub(super) fn leave_when_drained(&mut self, turn: &mut Turn) {
        let Some(leaving) = self.ending.until.filter(|_| !self.ending.over) else { return };
        let drained = self.pending.is_empty() && !self.log.is_cutting();
        if drained {
            self.end(Exit::Stopped, turn);
        } else if turn.now >= leaving {
            self.end(Exit::StoppedWith { uncommitted: self.pending.len() + self.log.taken_back() }, turn);
        }
    }

    /// A peer that cannot store anything can promise and acknowledge nothing, so it ends.
    pub(super) fn on_disk_failed(&mut self, turn: &mut Turn) {
        self.end(Exit::Disk, turn);
    }

    /// docs/protocol.md, 5.8: says `LEAVE` to the leader, or as the leader to all. It counts as a refused dial, so
    /// nobody waits for the heartbeat timeout.
    pub(super) fn end(&mut self, exit: Exit, turn: &mut Turn) {
        let term = self.installed().or(self.promised()).cloned();
        let to = match &self.role {
            Role::Leader(leading) => leading.followers.keys().cloned().collect(),
            Role::Proposing(proposing) => proposing.answers.keys().cloned().collect(),
            Role::Promised(promised) => vec![promised.proposer.clone()],
            _ => self.following().map(|following| following.leader.clone()).into_iter().collect(),
        };
        for to in to {
            turn.send(&to, Message::Leave { term: term.clone() });
        }
        self.ending.over = true;
        turn.out.push(Effect::Exit(exit));
    }
}

#[cfg(test)]
mod tests;
