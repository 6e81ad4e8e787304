//! How far the counter of a term may go and still be believed (docs/protocol.md, 5.4).
//!
//! Only elections raise a counter, by one each. A lie that raised it to the end would leave no term for an election to
//! make, so a peer believes a bounded step, and a greater one only as often as time has passed for it. docs/trust.md has
//! the bounds, under *any term's counter*.

use super::peer::Peer;
use crate::ids::Term;
use crate::wire::ViewChange;

/// Highest counter of a term that is believed: an election each millisecond for nine thousand years.
pub(super) const COUNTER_MAX: u64 = 1 << 48;

/// Elections that may have been held without this peer. A term that is further above its promise is believed if it is so
/// for each heartbeat interval since the last great step: a year of lies does not reach the end.
const COUNTER_STEP: u64 = 1 << 10;
const COUNTER_STEP_MAX: u64 = 1 << 20;

/// A promise that is so far above the term of a leader was won by lies, and who made it comes back below it.
const COUNTER_FAR: u64 = 1 << 40;

/// Highest counter of a leader that is joined, or that a promise on disk may bear: what is above is left for elections.
/// With a quorum, so far above the promise at most.
pub(super) const COUNTER_JOINED_MAX: u64 = 1 << 44;
pub(super) const COUNTER_JOINED_STEP: u64 = 1 << 30;

impl Peer {
    /// May a term of this counter be believed? Elections raise it by one each. What was promised counts, which only
    /// elections raise, and not what was heard: else each word could be a step. The time since the last great step
    /// counts, too, so that no two that were led apart stay apart.
    pub(super) fn is_credible(&self, counter: u64) -> bool {
        counter <= self.highest_credible(1) && counter <= COUNTER_MAX
    }

    /// Will those who follow believe a term of this counter, too? Half the time is enough for that at each of them.
    pub(super) fn is_credible_to_all(&self, counter: u64) -> bool {
        counter <= self.highest_credible(2) && counter < COUNTER_MAX
    }

    /// The highest counter that may be believed now, where only one in so many intervals counts.
    fn highest_credible(&self, part: u64) -> u64 {
        let promised = self.promises.own_counter();
        let interval = self.settings.timing.heartbeat_interval.as_nanos().max(1);
        // Before the first great step there is room for one, for a leader and for those who follow it.
        let (since, ready) = self.promises.stepped.map_or((self.clock.born, 2), |at| (at, 0));
        let passed = self.now().saturating_sub(since).as_nanos() / interval;
        let intervals = u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(ready);
        promised.saturating_add(COUNTER_STEP_MAX.saturating_mul(intervals / part).saturating_add(COUNTER_STEP))
    }

    /// How far a promise is above a leader's term that was won by lies. With a quorum a promise is not given up for less.
    pub(super) fn far(&self) -> u64 {
        if self.settings.quorum.is_some() {
            COUNTER_FAR
        } else {
            COUNTER_STEP_MAX
        }
    }

    /// Notes how far a promise went.
    pub(super) fn note_step(&mut self, term: &Term) {
        let promised = self.promises.own_counter();
        if term.counter > promised.saturating_add(COUNTER_STEP) {
            self.promises.stepped = Some(self.now());
        }
    }

    /// Learns of a term from somebody who has a part in what this peer does.
    pub(super) fn note_counter(&mut self, counter: u64) {
        // What is noted is proposed above, and others have to believe that.
        if self.is_credible_to_all(counter) {
            self.promises.counter = self.promises.counter.max(counter);
        }
    }

    /// May this peer, who asked for it, follow the leader of this view? Its promise may be above only where no election can
    /// have raised it so far: then it was won by a lie, and the group that it comes back to knows better.
    pub(super) fn may_install(&self, view: &ViewChange) -> bool {
        let (far, counter) = (self.far(), view.term.counter);
        let below = |promised: &Term| promised.counter > counter.saturating_add(far);
        let promised = self.promises.promised.as_ref();
        let keeps =
            promised <= Some(&view.term) || (promised.is_some_and(below) && view.members.len() >= self.quorum());
        let own = promised.map_or(0, |term| term.counter);
        let above = self.settings.quorum.is_some() && counter > own.saturating_add(COUNTER_JOINED_STEP);
        keeps && counter <= COUNTER_JOINED_MAX && !above
    }
}
