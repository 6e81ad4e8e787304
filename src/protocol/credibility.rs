//! How far the counter of a term may go and still be believed (docs/protocol.md, 5.4).
//!
//! Only elections raise a counter, by one each. A lie that raised it to the end would leave no term for an election to
//! make, so a peer believes a small step, and a great one only after enough time. docs/trust.md has
//! the bounds, under *any term's counter*.

use super::peer::Peer;
use crate::ids::Term;
use crate::wire::ViewChange;

/// Highest counter of a term that is believed: an election each millisecond for nine thousand years.
pub(super) const COUNTER_MAX: u64 = 1 << 48;

/// Elections that may have been held without this peer. A term further above its promise is believed up to the second
/// number for each heartbeat interval since the last great step: a year of lies does not reach the end. Small steps in a
/// row are a great one together.
const COUNTER_STEP: u64 = 1 << 10;
const COUNTER_STEP_MAX: u64 = 1 << 20;

/// The steps of one election and of one that outbids it.
const COUNTER_NEXT: u64 = 2;

/// With a quorum, a leader lifts its term by this much at most for one word of a joiner: newcomers believe it after
/// eight intervals, however long nothing was lifted before.
const COUNTER_LIFT_MAX: u64 = 1 << 23;

/// A promise this far above the term of a leader was won by lies, and its maker may follow that lower term.
const COUNTER_FAR: u64 = 1 << 40;

/// Without a quorum, the highest counter of a leader that is joined. What is above is left for elections.
pub(super) const COUNTER_JOINED_MAX: u64 = 1 << 44;

/// Without a quorum, the highest counter that counts of what is on the disk. A start drops what is above. The counters
/// between this and the highest that is joined are left for elections: a group that goes on from here stays joinable.
pub(super) const COUNTER_FOUND_MAX: u64 = 1 << 43;

/// The highest counter that counts of what is on the disk. Without a quorum one lie goes as far as it likes. With one a
/// lie takes years, and a promise is never taken back.
pub(super) fn found_max(quorum: Option<u32>) -> u64 {
    quorum.map_or(COUNTER_FOUND_MAX, |_| COUNTER_MAX)
}

impl Peer {
    /// Whether a term of this counter may be believed. An election raises it by one. The step is measured from a
    /// promise, which only elections raise, and not from what was heard: otherwise each message could be a step. It
    /// grows with the time since the last great step, so that peers that were led apart can become one group again.
    pub(super) fn is_credible(&self, counter: u64) -> bool {
        counter <= self.highest_credible(1) && counter <= COUNTER_MAX
    }

    /// Whether followers will believe a term of this counter, too. With half of the steps it is believed by each of
    /// them.
    pub(super) fn is_credible_to_all(&self, counter: u64) -> bool {
        counter <= self.highest_credible(2) && counter < COUNTER_MAX
    }

    /// How far a leader lifts its term for a joiner of this promise, if it does. With a quorum it comes nearer to one
    /// that is further up each time that it asks. A counter that no election can reach was never promised to a leader;
    /// its owner gets back in by `may_install`.
    pub(super) fn lift_for(&self, promised: &Term) -> Option<u64> {
        let own = self.promises.own_counter();
        let lift = match self.settings.quorum {
            Some(_) if promised.counter > own.saturating_add(self.far()) => return None,
            Some(_) => promised.counter.min(own.saturating_add(COUNTER_LIFT_MAX)),
            None => promised.counter,
        };
        self.is_credible_to_all(lift + 1).then_some(lift)
    }

    /// The highest counter that may be believed now, where one interval in `part` counts.
    fn highest_credible(&self, part: u64) -> u64 {
        let interval = self.settings.timing.heartbeat_interval.as_nanos().max(1);
        // Before the first great step there is room for one, for a leader and for its followers.
        let (since, ready) = self.promises.stepped.map_or((self.clock.born, 2), |at| (at, 0));
        let passed = self.now().saturating_sub(since).as_nanos() / interval;
        let intervals = u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(ready);
        let step = COUNTER_STEP_MAX.saturating_mul(intervals / part).saturating_add(COUNTER_STEP);
        // However many small steps there were, the next election is believed.
        self.promises.stepped_to.saturating_add(step).max(self.promises.own_counter() + COUNTER_NEXT)
    }

    /// A promise further above a leader's term than this was won by lies. With a quorum it takes more to give up a
    /// promise.
    pub(super) fn far(&self) -> u64 {
        if self.settings.quorum.is_some() {
            COUNTER_FAR
        } else {
            COUNTER_STEP_MAX
        }
    }

    /// Whether a leader of this counter is too high to be joined. With a quorum, what is credible decides when it takes
    /// this peer in.
    pub(super) fn is_beyond_joining(&self, counter: u64) -> bool {
        counter > self.settings.quorum.map_or(COUNTER_JOINED_MAX, |_| COUNTER_MAX)
    }

    /// Notes how far a promise went.
    pub(super) fn note_step(&mut self, term: &Term) {
        let promises = &mut self.promises;
        if term.counter > promises.stepped_to.saturating_add(COUNTER_STEP) {
            (promises.stepped, promises.stepped_to) = (Some(self.clock.now), term.counter);
        }
        // A peer that drops a promise won by lies begins again.
        promises.stepped_to = promises.stepped_to.min(term.counter);
    }

    /// Notes the counter of a term, heard from a peer that this one heeds.
    pub(super) fn note_counter(&mut self, counter: u64) {
        // The next proposal is above what is noted, and others have to believe it.
        if self.is_credible_to_all(counter) {
            self.promises.counter = self.promises.counter.max(counter);
        }
    }

    /// Whether this peer may follow the leader of this view, which it asked. Its promise may be above that term only if
    /// no election can have raised it so far: then the promise was won by a lie, and the group knows better. With a
    /// quorum it cannot go back for less than a great lie, so a leader raises it no faster than a proposer does.
    pub(super) fn may_install(&self, view: &ViewChange) -> bool {
        let (far, counter) = (self.far(), view.term.counter);
        let below = |promised: &Term| promised.counter > counter.saturating_add(far);
        let promised = self.promises.promised.as_ref();
        let keeps =
            promised <= Some(&view.term) || (promised.is_some_and(below) && view.members.len() >= self.quorum());
        let above = self.settings.quorum.is_some() && !self.is_credible(counter);
        keeps && !self.is_beyond_joining(counter) && !above
    }
}

#[cfg(test)]
mod tests;
