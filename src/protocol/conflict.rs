//! Numbers of this life that the log holds with readings of others: somebody handed them in under this peer's name.
//! This peer orders its own readings again under new numbers, so that nothing is lost (docs/trust.md).

use std::time::Duration;

use super::effect::Store;
use super::event::Event;
use super::ordering::GAP_MAX;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::Number;
use crate::wire::{Frame, Lines, Request};

impl Peer {
    /// Looks at what a batch holds under this life's origin, before it enters the log. Afterwards these numbers count
    /// as ordered, and this peer's own readings of the same numbers would be dropped as known (docs/protocol.md, 4.3).
    pub(super) fn compare_own(&mut self, frame: &Frame, turn: &mut Turn) {
        let own = self.pending.own().clone();
        if frame.ranges().iter().all(|range| range.origin != own) {
            return;
        }
        for request in frame.requests().into_iter().filter(|request| request.origin == own) {
            let (first, last) = (request.first, request.range().last());
            if last > self.pending.taken() {
                // It was never taken in here.
                let from = first.max(self.pending.taken() + 1);
                turn.tell(Event::Forged { origin: own.clone(), first: from, last });
                // An honest leader lets no such number in. To begin after it would leave none to go on with.
                if last - self.pending.taken() <= GAP_MAX {
                    self.pending.skip_to(last);
                }
            }
            for (at, theirs, ours) in self.pending.pieces(&request) {
                match ours {
                    Some(ours) if ours == theirs => {}
                    Some(ours) => self.renumber(at, ours, turn),
                    None => {
                        let contested = Request { origin: own.clone(), first: at, lines: theirs };
                        turn.store(Store::Recall(contested.range()));
                        self.pending.contested.push(contested);
                    }
                }
            }
        }
    }

    /// Looks for readings of an earlier life of this peer that began later than this one: then the clock went back. A
    /// lie causes one line in the operator's log, and nothing else.
    pub(super) fn compare_lives(&mut self, frame: &Frame, turn: &mut Turn) {
        let own = self.pending.own();
        let lives = frame.ranges().iter().filter(|range| range.origin.peer == own.peer);
        let Some(latest) = lives.map(|range| range.origin.incarnation).max() else { return };
        if latest > own.incarnation && !std::mem::replace(&mut self.notices.clock, true) {
            turn.tell(Event::ClockBehind { by: Duration::from_nanos(latest - own.incarnation) });
        }
    }

    /// Compares what the storage brought with what the log holds under this life's origin. What is on disk alone can be
    /// compared only now.
    pub(super) fn compare_recalled(&mut self, ours: &Request, turn: &mut Turn) {
        if self.pending.contested.is_empty() || ours.origin != *self.pending.own() {
            return;
        }
        let (first, last) = (ours.first, ours.range().last());
        let (met, others): (Vec<Request>, Vec<Request>) = std::mem::take(&mut self.pending.contested)
            .into_iter()
            .partition(|theirs| theirs.first <= last && first <= theirs.range().last());
        self.pending.contested = others;
        for theirs in met {
            let (from, to) = (first.max(theirs.first), last.min(theirs.range().last()));
            let part = |of: &Request| of.lines.slice(from - of.first, to - from + 1);
            if part(&theirs) != part(ours) {
                self.renumber(from, part(ours), turn);
            }
            // What was brought in pieces is compared piece by piece.
            if to < theirs.range().last() {
                let lines = theirs.lines.slice(to + 1 - theirs.first, theirs.range().last() - to);
                self.pending.contested.push(Request { origin: theirs.origin, first: to + 1, lines });
            }
        }
    }

    /// Gives new numbers to readings whose numbers the log now holds with readings of others: under the old ones no
    /// leader would order them.
    fn renumber(&mut self, first: Number, lines: Lines, turn: &mut Turn) {
        let origin = self.pending.own().clone();
        let last = first + lines.count() - 1;
        turn.tell(Event::Forged { origin, first, last });
        self.pending.drop_own(first, last);
        let again = self.take_in(lines);
        if self.settings.resume {
            turn.store(Store::Keep(again));
        }
        // Sources that ended gave some of them.
        self.delivery.renumbered(first, self.pending.taken());
    }
}

#[cfg(test)]
mod tests;
