//! A follower is a peer that is served from this one's log: where it is in the log, and what it may be sent
//! (docs/protocol.md, 4.4).

use super::budget::Budget;
use super::log::Log;
use crate::ids::{Sequence, Term};
use crate::protocol::effect::Serve;
use crate::protocol::input::Time;
use crate::wire::batch::READINGS_MAX;

/// How far entries are served ahead of what the receiver has stored, and ordered ahead of what the leader has stored.
/// It covers a round trip and a sync at full speed, and bounds the memory of a peer: 6 MiB of the longest lines.
pub const AHEAD_READINGS: u64 = 32 * READINGS_MAX;

/// How often a follower may go back in a heartbeat timeout. Each new link makes it begin again, and what was under way
/// on the link before, [`AHEAD_READINGS`] at most, is sent again.
const AGAIN_MAX: u32 = 16;

/// Where a peer is that is served from this one's log.
#[derive(Debug)]
pub(crate) struct Follower {
    /// It said where to begin, on the present link.
    serving: bool,
    /// It may be sent what begins at or below this.
    up_to: Sequence,
    /// It has stored the log up to here.
    pub(crate) stored: Sequence,
    /// Its last sign of life.
    pub(crate) heard: Time,
    /// How often it may still be sent the same again.
    again: Budget,
}

impl Follower {
    pub(crate) fn new(now: Time) -> Self {
        Self { serving: false, up_to: 0, stored: 0, heard: now, again: Budget::new(AGAIN_MAX) }
    }

    /// Its link is new: the follower has to say again where to begin.
    pub(crate) fn halt(&mut self) {
        self.serving = false;
    }

    /// Has it said that it stored everything up to `last`? Before it says anything, not even an empty log counts as
    /// stored.
    pub(crate) fn has_stored(&self, last: Sequence) -> bool {
        self.serving && self.stored >= last
    }

    /// May it be served from here, however much it was sent already?
    pub(crate) fn may_begin(&mut self, from: Sequence, now: Time, period: Time) -> bool {
        from > self.up_to || self.again.spend(now, period)
    }

    /// It has stored everything below `from`, and wants the rest.
    pub(crate) fn begin(&mut self, from: Sequence, term: &Term, log: &Log) -> Option<Serve> {
        let after = from.saturating_sub(1);
        if after > log.last() {
            return None;
        }
        (self.serving, self.stored) = (true, after);
        self.up_to = log.last().min(after + AHEAD_READINGS);
        Some(Serve { term: term.clone(), cuts: log.cuts(), restart: Some(after), up_to: self.up_to })
    }

    /// Permission for more, if there is more, and room for it.
    pub(crate) fn go_on(&mut self, term: &Term, log: &Log) -> Option<Serve> {
        let up_to = log.last().min(self.stored + AHEAD_READINGS);
        if !self.serving || up_to <= self.up_to {
            return None;
        }
        self.up_to = up_to;
        Some(Serve { term: term.clone(), cuts: log.cuts(), restart: None, up_to })
    }
}
