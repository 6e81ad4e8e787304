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
pub const AHEAD_READINGS: u64 = AHEAD_BATCHES as u64 * READINGS_MAX;

/// The same in batches of the most readings.
const AHEAD_BATCHES: u32 = 32;

/// How many batches may be sent again in a heartbeat timeout: sixteen times what may be under way. Each new link makes a
/// follower begin again. On a network that breaks links many times a second that happens more often, and for less.
const AGAIN_MAX: u32 = 16 * AHEAD_BATCHES;

/// Where a peer is that is served from this one's log.
#[derive(Debug, Clone)]
pub(crate) struct Follower {
    /// It said where to begin, on the present link.
    serving: bool,
    /// What it is sent follows this.
    after: Sequence,
    /// It may be sent what begins at or below this.
    up_to: Sequence,
    /// It has stored the log up to here.
    pub(crate) stored: Sequence,
    /// What it asked for was removed, as far as is known: from here on. It is to be told where the log begins.
    asked: Option<Sequence>,
    /// Its last sign of life.
    pub(crate) heard: Time,
    /// How many batches it may still be sent again.
    again: Budget,
}

impl Follower {
    pub(crate) fn new(now: Time) -> Self {
        let again = Budget::new(AGAIN_MAX);
        Self { serving: false, after: 0, up_to: 0, stored: 0, asked: None, heard: now, again }
    }

    /// Its link is new: the follower has to say again where to begin.
    pub(crate) fn halt(&mut self) {
        (self.serving, self.asked) = (false, None);
    }

    /// It has to say again where to begin, once it is told where the log begins: it asked for what begins at `from`.
    pub(crate) fn ask_for_base(&mut self, from: Sequence) {
        (self.serving, self.asked) = (false, Some(from));
    }

    /// Whether it said that it stored everything up to `last`. Before it says anything, not even an empty log counts as
    /// stored.
    pub(crate) fn has_stored(&self, last: Sequence) -> bool {
        self.serving && self.stored >= last
    }

    /// Whether it may be served from here, however much it was sent already.
    pub(crate) fn may_begin(&mut self, from: Sequence, now: Time, period: Time) -> bool {
        let Some(again) = (self.up_to + 1).checked_sub(from) else { return true };
        // A batch is sent whole, however little of it is wanted; and of more, at first no more than may be under way.
        let batches = again.div_ceil(READINGS_MAX).min(AHEAD_BATCHES.into());
        self.again.spend_some(u32::try_from(batches).expect("few"), now, period)
    }

    /// Whether it may be told where the log begins, which costs as much as what may be under way.
    pub(crate) fn may_be_told(&mut self, now: Time, period: Time) -> bool {
        self.again.spend_some(AHEAD_BATCHES, now, period)
    }

    /// Whether it is served from below `base`.
    pub(crate) fn needs(&self, base: Sequence) -> bool {
        self.serving && self.stored < base
    }

    /// It has stored everything below `from`, and wants the rest.
    pub(crate) fn begin(&mut self, from: Sequence, term: &Term, log: &Log) -> Option<Serve> {
        let after = from.saturating_sub(1);
        if after > log.last() {
            return None;
        }
        (self.serving, self.stored, self.asked) = (true, after, None);
        Some(self.begin_after(after, term, log))
    }

    /// The log begins after `base`, and so less was removed than was thought: it is served from where it asked, if that is
    /// there.
    pub(crate) fn begin_where_asked(&mut self, base: Sequence, term: &Term, log: &Log) -> Option<Serve> {
        let from = self.asked.filter(|from| *from > base)?;
        self.begin(from, term, log)
    }

    fn begin_after(&mut self, after: Sequence, term: &Term, log: &Log) -> Serve {
        (self.after, self.up_to) = (after, log.last().min(after + AHEAD_READINGS));
        Serve { term: term.clone(), cuts: log.cuts(), restart: Some(after), up_to: self.up_to }
    }

    /// The log begins after `base` now. If it asked for something before that again, and said meanwhile that it has stored
    /// what was under way, it may still be served from there. It goes on after what it has stored.
    pub(crate) fn skip_removed(&mut self, base: Sequence, term: &Term, log: &Log) -> Option<Serve> {
        let is_before = self.serving && self.after < base;
        is_before.then(|| self.begin_after(self.stored, term, log))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::input::Found;

    #[test]
    fn going_back_costs_what_is_sent_again() {
        let (now, period) = (Time::from_secs(1), Time::from_secs(4));
        let times = |up_to, from| {
            let mut follower = Follower { up_to, ..Follower::new(now) };
            (0..10_000).take_while(|_| follower.may_begin(from, now, period)).count()
        };
        assert_eq!(times(1_000_000, 1_000_001), 10_000, "nothing is sent twice");
        assert_eq!(times(1_000_000, 1_000_000), 512, "links that break often bring a batch again, each time");
        assert_eq!(times(AHEAD_READINGS, 1), 16, "all that was under way");
        assert_eq!(times(1_000_000, 1), 16, "a whole log begins with no more than that");
    }

    #[test]
    fn a_follower_is_served_from_where_it_says_as_far_as_it_may_be_ahead() {
        let (term, last): (Term, _) = ("1@m/1".parse().unwrap(), 2 * AHEAD_READINGS);
        let found = Found { runs: vec![(term.clone(), 1)], last, ..Found::default() };
        let log = Log::new(&found);
        let serve = |restart, up_to| Some(Serve { term: term.clone(), cuts: 0, restart, up_to });
        let mut follower = Follower::new(Time::ZERO);
        assert!(!follower.has_stored(0) && follower.go_on(&term, &log).is_none(), "it has not said where to begin");
        assert_eq!(follower.begin(last + 2, &term, &log), None, "that is after the end");
        assert_eq!(follower.begin(11, &term, &log), serve(Some(10), 10 + AHEAD_READINGS));
        assert!(follower.has_stored(10) && !follower.has_stored(11));
        assert_eq!(follower.go_on(&term, &log), None, "it stored nothing yet");
        follower.stored = 20;
        assert_eq!(follower.go_on(&term, &log), serve(None, 20 + AHEAD_READINGS));
        follower.stored = last - 1;
        assert_eq!(follower.go_on(&term, &log), serve(None, last));
        assert_eq!(follower.go_on(&term, &log), None, "there is no more");
        assert_eq!(follower.begin(last + 1, &term, &log), serve(Some(last), last));
        follower.halt();
        assert!(!follower.has_stored(last) && follower.go_on(&term, &log).is_none());
    }

    #[test]
    fn a_follower_goes_on_after_what_was_removed() {
        let term: Term = "1@m/1".parse().unwrap();
        let log = Log::new(&Found { runs: vec![(term.clone(), 1)], last: 100, ..Found::default() });
        let serve = |after| Some(Serve { term: term.clone(), cuts: 0, restart: Some(after), up_to: 100 });
        let mut follower = Follower::new(Time::ZERO);
        assert_eq!((follower.needs(50), follower.skip_removed(50, &term, &log)), (false, None));
        follower.begin(31, &term, &log);
        follower.stored = 49;
        assert!(follower.needs(50) && !follower.needs(49));
        follower.stored = 60;
        assert_eq!(follower.skip_removed(30, &term, &log), None, "it began after that");
        assert_eq!(follower.skip_removed(31, &term, &log), serve(60));
        // It asks for what was said to be removed, and less was.
        for (base, served) in [(40, None), (39, serve(39))] {
            follower.ask_for_base(40);
            assert!(!follower.has_stored(0));
            assert_eq!(follower.begin_where_asked(base, &term, &log), served);
        }
        assert_eq!(follower.begin_where_asked(0, &term, &log), None, "it was answered");
    }
}
