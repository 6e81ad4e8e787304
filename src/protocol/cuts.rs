//! What is cut from the log is not lost: it becomes pending again (docs/protocol.md, 6.1, 6.2). With a quorum, what is
//! committed must never be cut (7.3).

use super::data::view;
use super::effect::Store;
use super::event::Event;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Sequence};
use crate::wire::{Range, RunList, ViewChange};

impl Peer {
    /// docs/protocol.md, 7.3: whether a log with these runs would have this peer cut what is committed. With a quorum
    /// that is in the log of every later leader, so a peer that lacks it cannot be the leader.
    pub(super) fn would_cut_committed(&self, runs: &RunList, last: Sequence) -> bool {
        let agreed = || view::common_prefix(runs, last, self.log.runs(), self.log.last());
        self.settings.quorum.is_some() && agreed() < self.log.committed()
    }

    /// docs/protocol.md, 7.3: stays away from a leader that would have this peer cut what is committed: users may have
    /// acted on those rows.
    pub(super) fn refuses_cut(&mut self, from: &PeerId, view: &ViewChange, turn: &mut Turn) -> bool {
        if !self.would_cut_committed(&start_runs(view), Sequence::MAX) {
            return false;
        }
        let what = "lacks what is committed, from the end of its log on";
        turn.tell(Event::Misbehaved { peer: from.clone(), what, at: view.start.last });
        self.distrust(from, 2, turn);
        self.close(from, turn);
        self.seek(None, turn);
        true
    }

    /// docs/protocol.md, 6.1: cuts the log to what it has in common with the log of `with`. What was above becomes
    /// pending again when the storage has made the cut. The operator is told if a view was left for that, or if rows
    /// go.
    pub(super) fn cut(&mut self, to: Sequence, with: &PeerId, turn: &mut Turn) {
        let base = self.log.base();
        if std::mem::take(&mut self.group.merging) || to < self.log.committed() {
            turn.tell(Event::Merging { leader: with.clone(), readings: self.log.last() - to.max(base) });
        }
        self.shorten(to, turn);
    }

    /// docs/protocol.md, 5.4: cuts what was ordered in terms above the promise. There are such after a start without a
    /// quorum, which drops a promise that no elections reach; and the log cannot go on in a lower term than it has.
    pub(super) fn cut_what_lies_ordered(&mut self, turn: &mut Turn) {
        let promised = self.promises.promised.as_ref();
        if self.settings.quorum.is_some() || self.log.last_term() <= promised {
            return;
        }
        let above = self.log.runs().iter().find(|(term, _)| Some(term) > promised);
        let Some((term, first)) = above.cloned() else { return };
        let readings = self.log.last() + 1 - first.max(self.log.base() + 1);
        turn.tell(Event::Disbelieved { term, readings });
        self.shorten(first - 1, turn);
    }

    fn shorten(&mut self, to: Sequence, turn: &mut Turn) {
        // docs/protocol.md, 10.6: what was removed cannot become pending, so the log begins with nothing again.
        let to = if to < self.log.base() { 0 } else { to };
        if to >= self.log.last() {
            return;
        }
        self.lower(to);
        self.log.cut(to);
        turn.store(Store::Cut { to, state: self.promises.state() });
    }

    /// What a cut to here lowers: `needs` must not ask for more than the journal holds, or the next start would take it
    /// for damage (docs/protocol.md, 8).
    fn lower(&mut self, to: Sequence) {
        if self.promises.is_whole() {
            self.promises.needs = self.promises.needs.min(to);
        }
        self.delivery.up_to = self.delivery.up_to.min(to);
    }

    /// docs/protocol.md, 6.2: the storage has made a cut, and says which readings were above it. From here on they are
    /// pending, with origin and number, so that the present leader orders them again: a sensor measures once. Until now
    /// the log still counted them, so nothing was fetched and nothing sent.
    pub(super) fn on_cut(&mut self, to: Sequence, returned: &[Range], turn: &mut Turn) {
        if self.log.cut_done(to, returned) {
            // A leader said that the logs agree up to the middle of a batch. What it sends has to follow the batch
            // before.
            self.lower(to);
            turn.store(Store::State(self.promises.state()));
            if let Some(following) = self.following_mut() {
                following.fetched_from = 0;
            }
        }
        for range in returned {
            self.pending.add(range);
        }
        if self.is_fetching() {
            self.lead_when_recovered(turn);
        } else {
            if !self.log.is_cutting() && self.following().is_some_and(|following| following.fetched_from == 0) {
                self.fetch(turn);
            }
            self.pump(turn);
        }
        self.tell_of_ended_sources(turn);
    }
}

/// The leader's log at the term's start, and all that anybody has of the term itself: entries of this term came from
/// this leader, so its log holds them, however old the message is.
pub(super) fn start_runs(view: &ViewChange) -> RunList {
    let mut runs = view.start.runs.clone();
    // A log has no other term at or above that of its leader; a liar's view may say so.
    runs.retain(|(term, _)| *term < view.term);
    runs.push((view.term.clone(), view.start.last + 1));
    runs
}

#[cfg(test)]
mod tests;
