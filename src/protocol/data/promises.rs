//! What this peer promised, and how much of its log it can vouch for. Stable storage keeps a part of this.

use std::collections::BTreeSet;

use super::budget::Budget;
use super::log::Log;
use crate::ids::{PeerId, Sequence, Term, NEEDS_ALL};
use crate::protocol::effect::State;
use crate::protocol::input::{Found, Time};

/// How often a leader lifts its term in a heartbeat timeout: each joiner may have promised more than the one before.
const LIFTS_MAX: u32 = 8;

#[derive(Debug, Clone)]
pub(crate) struct Promises {
    /// The highest term that this peer agreed to follow.
    pub(crate) promised: Option<Term>,
    /// The newest term whose leader's log, as of the start of that term, this peer held in full.
    pub(crate) synced: Option<Term>,
    /// What `synced` needs the log to reach; [`NEEDS_ALL`] while it may lack what this peer acknowledged in an earlier
    /// life.
    pub(crate) needs: Sequence,
    /// The highest term counter seen.
    pub(crate) counter: u64,
    /// When a promise last went far above this counter, and how far it went. Before that, the counter is what was found.
    pub(crate) stepped: Option<Time>,
    pub(crate) stepped_to: u64,
    /// How often a leader may still lift its term for joiners, or outbid the promise of a peer that it asked.
    pub(crate) lifts: Budget,
    /// Peers that were told `STALE` on the present link, and for which promise.
    stale_said: BTreeSet<(PeerId, Option<Term>)>,
    /// Its own promise was not stored in time, and is not stored yet: others are to lead.
    pub(crate) stuck: bool,
}

impl Promises {
    /// As found in stable storage. A log shorter than what `synced` needs was damaged: only its last entry's term can be
    /// vouched for (docs/protocol.md, 8). A term above `counter_max` was won by a lie, and the log is cut to those below.
    pub(crate) fn new(found: &Found, log: &Log, counter_max: u64) -> Self {
        let damaged = found.needs > found.last;
        let believed = |term: &&Term| term.counter <= counter_max;
        let of_log = log.last_term_of(believed);
        // What it followed before it promised at least: the log may hold nothing of that, or less.
        let followed = found.synced.as_ref().filter(believed).max(of_log);
        let promised = found.promised.as_ref().filter(believed).or(followed).cloned();
        let counter = promised.as_ref().map_or(0, |term| term.counter);
        let lied = found.synced.as_ref().is_some_and(|term| !believed(&term));
        Self {
            counter,
            promised,
            synced: if damaged || lied { of_log.cloned() } else { found.synced.clone() },
            needs: if damaged { NEEDS_ALL } else { found.needs },
            stepped: None,
            stepped_to: counter,
            lifts: Budget::new(LIFTS_MAX),
            stale_said: BTreeSet::new(),
            stuck: false,
        }
    }

    /// The counter of the promise, 0 where there is none.
    pub(crate) fn own_counter(&self) -> u64 {
        self.promised.as_ref().map_or(0, |term| term.counter)
    }

    /// Whether the log holds all that this peer ever acknowledged. Nobody knows where it was damaged, until a leader's
    /// log is here (docs/protocol.md, 8).
    pub(crate) fn is_whole(&self) -> bool {
        self.needs != NEEDS_ALL
    }

    /// What goes to `state`.
    pub(crate) fn state(&self) -> State {
        State { promised: self.promised.clone(), synced: self.synced.clone(), needs: self.needs }
    }

    /// Whether `STALE` may be said to this peer: once on each link, for each promise (docs/protocol.md, 2.4).
    pub(crate) fn may_say_stale(&mut self, to: &PeerId) -> bool {
        self.stale_said.insert((to.clone(), self.promised.clone()))
    }

    /// The link to this peer is new: what was said on the old one may be lost.
    pub(crate) fn forget_link(&mut self, peer: &PeerId) {
        self.stale_said.retain(|(id, _)| id != peer);
    }

    /// The promise is new: what was said of the old one no longer counts.
    pub(crate) fn forget_older(&mut self) {
        let promised = &self.promised;
        self.stale_said.retain(|(_, said)| said == promised);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::RunList;

    /// docs/protocol.md, 5.4: "the last term of its log below that counts, and for the promise a higher `synced` below
    /// that."
    #[test]
    fn terms_that_lies_won_are_dropped_for_the_last_of_the_log_that_was_not() {
        let (own, lied) = (Some("5@a/1".parse().unwrap()), Some("10@z/1".parse().unwrap()));
        let runs: RunList =
            [("3@a/1", 1), ("4@b/1", 5), ("10@z/1", 9)].map(|(term, first)| (term.parse().unwrap(), first)).into();
        let whole = Found { runs, last: 9, promised: lied.clone(), synced: lied.clone(), ..Found::default() };
        let of_log: Option<Term> = Some("4@b/1".parse().unwrap());
        for (found, most, promised, synced) in [
            (whole.clone(), 10, &lied, &lied),
            (whole.clone(), 9, &of_log, &of_log),
            (Found { promised: own.clone(), synced: own.clone(), ..whole.clone() }, 9, &own, &own),
            (Found { synced: own.clone(), ..whole.clone() }, 9, &own, &own),
            (Found { synced: own.clone(), runs: RunList::new(), last: 0, ..whole.clone() }, 9, &own, &own),
            (Found { synced: None, ..whole.clone() }, 9, &of_log, &None),
            (Found { needs: 10, ..whole.clone() }, 10, &lied, &lied),
            (Found { needs: 10, ..whole.clone() }, 9, &of_log, &of_log),
            (Found { runs: RunList::new(), last: 0, ..whole.clone() }, 9, &None, &None),
        ] {
            let promises = Promises::new(&found, &Log::new(&found), most);
            assert_eq!((&promises.promised, &promises.synced), (promised, synced), "{found:?}");
            assert_eq!(promises.counter, promised.as_ref().map_or(0, |term| term.counter));
        }
    }

    #[test]
    fn stale_is_said_once_on_each_link_for_each_promise_and_what_was_said_of_older_ones_is_forgotten() {
        let found = Found::default();
        let mut promises = Promises::new(&found, &Log::new(&found), 9);
        let (a, b): (PeerId, PeerId) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(promises.may_say_stale(&a) && promises.may_say_stale(&b));
        assert!(!promises.may_say_stale(&a));
        promises.forget_link(&a);
        assert!(promises.may_say_stale(&a) && !promises.may_say_stale(&b));
        promises.promised = Some("1@a/1".parse().unwrap());
        promises.forget_older();
        assert!(promises.stale_said.is_empty(), "it would grow with each election");
        assert!(promises.may_say_stale(&b));
        promises.forget_older();
        assert!(!promises.may_say_stale(&b));
    }
}
