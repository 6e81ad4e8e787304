//! Readings on their way into the order: taken in, sent to the leader a window at a time, ordered there
//! (docs/protocol.md 4.1 to 4.3).

use super::data::follower::AHEAD_READINGS;
use super::data::pending::Next;
use super::data::role::Role;
use super::effect::Store;
use super::event::Event;
use super::input::ConnectionId;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Term};
use crate::ranges::RangeSet;
use crate::wire::{Lines, Message, Request};

/// Longest gap in the numbers of an origin that may ever be given up as lost: years of readings.
pub(super) const GAP_MAX: u64 = 1 << 32;

impl Peer {
    /// docs/protocol.md, 4.1: takes readings of this peer's sources in. With `--resume` the disk keeps them until they
    /// are committed: until then no other peer may have them.
    pub(super) fn on_readings(&mut self, lines: Lines, turn: &mut Turn) {
        // What comes after the order to stop was not taken in.
        if self.ending.until.is_some() || lines.count() == 0 {
            return;
        }
        let taken = self.take_in(lines);
        self.pump(turn);
        // What a leader took in is in its log by now, and the log is kept anyway.
        let range = taken.range();
        if self.settings.resume && !self.log.missing(&range.origin, range.first, range.last()).is_empty() {
            turn.store(Store::Keep(taken));
        }
    }

    /// Numbers readings of this life, and skips numbers that the log already holds under this peer's name.
    pub(super) fn take_in(&mut self, lines: Lines) -> Request {
        loop {
            let (own, first) = (self.pending.own(), self.pending.taken() + 1);
            let last = first + lines.count() - 1;
            match self.log.missing(own, first, last).last() {
                Some(missing) if missing == (first, last) => return self.pending.take(lines),
                Some((from, to)) if to == last => self.pending.skip_to(from - 1),
                _ => self.pending.skip_to(last),
            }
        }
    }

    pub(super) fn on_end_of_input(&mut self, readings: u64, turn: &mut Turn) {
        self.delivery.end_of_source(self.pending.taken(), readings);
        self.tell_of_ended_sources(turn);
    }

    /// Says for each source that ended when all that it gave is in the CSV files.
    pub(super) fn tell_of_ended_sources(&mut self, turn: &mut Turn) {
        while let Some((taken, readings)) = self.delivery.first_ended() {
            // While the storage still cuts, some of them may be about to become pending again.
            let committed = !self.log.is_cutting() && self.pending.first_own().is_none_or(|first| first > taken);
            if !committed {
                self.delivery.enough = None;
                return;
            }
            // What others give from now on is not part of it: with rows that wait, there is always some of that.
            let enough = *self.delivery.enough.get_or_insert(self.log.committed());
            if self.delivery.up_to < enough.min(self.log.committed()) {
                return;
            }
            self.delivery.forget_first_ended();
            turn.tell(Event::InputDelivered { readings });
        }
    }

    /// Whether so much is ordered and not yet committed that the leader has to wait before it reads more back. All of
    /// it is in memory until it is committed.
    pub(super) fn is_far_ahead(&self) -> bool {
        self.log.last() - self.log.committed() >= AHEAD_READINGS
    }

    /// docs/protocol.md, 4.2: sends on what is pending, as far as the window goes; a leader orders it. The window
    /// bounds what a leader has to take in from all peers together.
    pub(super) fn pump(&mut self, turn: &mut Turn) {
        let leads = self.leading().is_some();
        let to = match (leads, self.following()) {
            (true, _) => None,
            (false, Some(following)) => Some((following.leader.clone(), following.term.clone())),
            (false, None) => return,
        };
        // While the storage still cuts, the log knows of readings that it does not hold any more.
        if self.log.is_cutting() {
            return;
        }
        loop {
            if leads && self.is_far_ahead() {
                break;
            }
            let work = self.pending.next(&self.log);
            // What a leader orders is in its log now, which makes room for more.
            let more = leads && !work.is_empty();
            for next in work {
                match (next, &to) {
                    (Next::Recall(range), _) => turn.store(Store::Recall(range)),
                    (Next::Order(request), Some((leader, term))) => {
                        turn.send(leader, Message::SequencerRequest { term: term.clone(), request });
                    }
                    (Next::Order(request), None) => self.order(&request, turn),
                }
            }
            if !more {
                break;
            }
        }
        if leads {
            self.flush(turn);
        }
    }

    fn order(&mut self, request: &Request, turn: &mut Turn) {
        if let Role::Leader(leading) = &mut self.role {
            leading.sequencer.order(&mut self.log, request, turn.now);
        }
    }

    /// docs/protocol.md, 2.3: requests that came together become one batch, if they fit: each batch costs a write, a
    /// sync and a `STORED` of each peer.
    pub(super) fn on_requests(&mut self, requests: Vec<(ConnectionId, Term, Request)>, turn: &mut Turn) {
        for (connection, term, request) in requests {
            // Each passes the gate that every message passes.
            self.on_received(connection, Message::SequencerRequest { term, request }, turn);
        }
        self.flush(turn);
    }

    /// docs/protocol.md, 4.3: a peer that was taken into this term may order, even if this leader has dropped it since.
    /// If one request were left out, and the next on the same connection taken once the peer is back, there would be a
    /// gap.
    ///
    /// It may order for its own origins, and for origins of which no life is in the view. A living origin holds all of
    /// its readings that are not committed in its own log, so nobody else has to hand them in. What is turned away is
    /// sent again later (4.2), so the gap that it leaves until then is not a loss.
    pub(super) fn on_request(&mut self, from: &PeerId, term: &Term, request: &Request, turn: &mut Turn) {
        let period = self.settings.timing.heartbeat_timeout;
        let speaks = self.contacts.get(from).map(|known| (known.incarnation, known.endpoint));
        let Role::Leader(leading) = &mut self.role else { return };
        // It has to be the very process that was taken in, and not a later one of its name.
        let taken_in = leading.taken_in.get(from).map(|taken_in| (taken_in.incarnation, taken_in.endpoint));
        if leading.term != *term || speaks != taken_in {
            return;
        }
        let may_order = leading.may_order(from, &request.origin);
        let Some(taken_in) = leading.taken_in.get_mut(from) else { return };
        let numbers = self.log.numbers_of(&request.origin);
        let top = numbers.map_or(0, RangeSet::top);
        // No honest origin is so far ahead of the log, and none has so many lives.
        let far = request.first > top.saturating_add(GAP_MAX);
        let patience = period * 2;
        if request.first > top + 1 && !taken_in.may_leave_a_gap(&request.origin, turn.now, patience) {
            return;
        }
        let counts = may_order
            && !far
            && (numbers.is_some() || taken_in.origins.spend(turn.now, period))
            && leading.sequencer.may_hold(&self.log, request, from);
        if counts {
            taken_in.turned_away.remove(&request.origin);
            self.order(request, turn);
        } else {
            taken_in.turn_away(&request.origin, turn.now, patience);
        }
    }

    /// docs/protocol.md, 4.4: frames what was ordered, appends it, and sends and stores it at the same time. So a batch
    /// costs the time of one disk, not of two in a row.
    pub(super) fn flush(&mut self, turn: &mut Turn) {
        let keep = self.keep_to_order();
        let Role::Leader(leading) = &mut self.role else { return };
        for frame in leading.sequencer.frames(&leading.term, self.log.last(), keep) {
            leading.keep = leading.keep.filter(|_| frame.keep().is_none());
            self.log.append(&frame);
            turn.store(Store::Append(frame));
        }
        self.serve_all(turn);
    }

    /// docs/protocol.md, 4.2: sends again what was under way for the heartbeat timeout and did not arrive: a sequencer
    /// keeps back a window at most (4.3), and does not know which readings it let go of.
    pub(super) fn send_again(&mut self, turn: &mut Turn) {
        let timeout = self.settings.timing.heartbeat_timeout;
        let leader_commit = self.following().map_or(0, |following| following.leader_commit);
        self.pending.give_up_waiting(&self.log, leader_commit, turn.now, timeout);
        self.pump(turn);
    }

    /// docs/protocol.md, 4.3: gaps that nobody filled within the heartbeat timeout are lost; what waited after them
    /// goes on. Without that, a disk that lost one reading would keep all later ones of its origin from being ordered.
    /// A leader whose own storage lags reads no requests meanwhile, so it gives up no gap.
    pub(super) fn give_up_gaps(&mut self, turn: &mut Turn) {
        let timeout = self.settings.timing.heartbeat_timeout;
        let Role::Leader(leading) = &self.role else { return };
        if !leading.sequencer.held_since().is_some_and(|since| self.late(since + timeout)) {
            return;
        }
        let keeps_up = self.keeps_up();
        let Role::Leader(leading) = &mut self.role else { return };
        if !keeps_up {
            return leading.sequencer.wait_on(turn.now);
        }
        let before = turn.now.saturating_sub(timeout);
        for lost in leading.sequencer.give_up_gaps(&mut self.log, before) {
            let (first, last) = (lost.first, lost.last());
            turn.tell(Event::Lost { origin: lost.origin, first, last });
        }
        // The leader's own readings may have waited after the gap, a window at most: now there is room for the next.
        self.pump(turn);
    }
}

#[cfg(test)]
mod tests;
