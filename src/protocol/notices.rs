//! What is logged once, and not again while it stays so.

use super::event::Event;
use super::peer::Peer;
use super::turn::Turn;
use crate::wire::{Refusal, Timing};

impl Peer {
    /// Says that an election was won, once until there is a view: without one, elections follow each other.
    pub(super) fn tell_won(&mut self, turn: &mut Turn) {
        if !std::mem::replace(&mut self.notices.won, true) {
            turn.tell(Event::ElectionWon { peer: self.settings.id.clone() });
        }
    }

    /// There are too few peers for the quorum: says so once, until there is a view again.
    pub(super) fn tell_suspended(&mut self, have: usize, turn: &mut Turn) {
        if !std::mem::replace(&mut self.notices.suspended, true) {
            let waiting = self.pending.len() + self.log.taken_back();
            turn.tell(Event::Suspended { have, need: self.quorum(), waiting });
        }
    }

    /// Warns once of a leader that runs with other durations.
    pub(super) fn compare_timing(&mut self, leader: Timing, turn: &mut Turn) {
        let own = self.settings.timing;
        if leader == own || self.notices.timing == Some(leader) {
            return;
        }
        self.notices.timing = Some(leader);
        let knobs = [
            ("--heartbeat-interval", leader.heartbeat_interval, own.heartbeat_interval),
            ("--heartbeat-timeout", leader.heartbeat_timeout, own.heartbeat_timeout),
            ("--election-timeout", leader.election_timeout, own.election_timeout),
        ];
        for (name, leader, own) in knobs.into_iter().filter(|(_, leader, own)| leader != own) {
            turn.tell(Event::OtherKnob { name, leader: format!("{leader:?}"), own: format!("{own:?}") });
        }
    }

    /// Nothing old goes, since what is left of it would be too much: says so once, until something goes.
    pub(super) fn tell_too_much(&mut self, turn: &mut Turn) {
        if !std::mem::replace(&mut self.notices.too_much, true) {
            turn.tell(Event::NotShortened);
        }
    }

    /// Another peer has another configuration, or this peer's id: the operator has to know.
    pub(super) fn warn_of_refusal(&mut self, why: &Refusal, turn: &mut Turn) {
        if self.notices.refusal.as_ref() != Some(why) {
            self.notices.refusal = Some(why.clone());
            turn.tell(Event::Refused { why: why.to_string() });
        }
    }
}

#[cfg(test)]
mod tests;
