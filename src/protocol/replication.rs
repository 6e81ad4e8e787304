//! Bringing the leader's log to the others: where each one is, what it may be sent, what that commits (docs/protocol.md
//! 4.4 to 4.6).

use super::budget::Budget;
use super::effect::{Effect, Serve, Store};
use super::event::Event;
use super::input::Time;
use super::log::Log;
use super::peer::Peer;
use super::role::{Following, Phase, Role};
use super::turn::Turn;
use super::view;
use crate::ids::{PeerId, Sequence, Term};
use crate::wire::batch::READINGS_MAX;
use crate::wire::{Frame, Message, Timing};

/// Entries served ahead of what the receiver has stored, and ordered ahead of what the own storage has. It covers a round trip
/// and a sync at full speed, and bounds what a peer has to keep in memory: 6 MiB of the longest lines.
pub const AHEAD_READINGS: u64 = 32 * READINGS_MAX;

/// How often a follower may go back in a heartbeat timeout: each new link makes it begin anew, and what was under way on the
/// one before, [`AHEAD_READINGS`] at most, goes out again.
const AGAIN_MAX: u32 = 16;

/// Where somebody is that is served from the own log.
#[derive(Debug)]
pub(super) struct Follower {
    /// It said where to begin, on the present link.
    serving: bool,
    /// It may be sent what begins at or below this.
    up_to: Sequence,
    /// It has stored the log up to here.
    pub(super) stored: Sequence,
    /// Its last sign of life.
    pub(super) heard: Time,
    /// How often it may be sent again what it was sent already.
    again: Budget,
}

impl Follower {
    pub(super) fn new(now: Time) -> Self {
        Self { serving: false, up_to: 0, stored: 0, heard: now, again: Budget::new(AGAIN_MAX) }
    }

    /// Its link is new: it has to say anew where to begin.
    pub(super) fn halt(&mut self) {
        self.serving = false;
    }

    /// Has it said that it stored everything up to `last`? Before it says anything, not even that it has nothing.
    pub(super) fn has_stored(&self, last: Sequence) -> bool {
        self.serving && self.stored >= last
    }

    /// May it be served from here, however much it was sent already?
    fn may_begin(&mut self, from: Sequence, now: Time, period: Time) -> bool {
        from > self.up_to || self.again.spend(now, period)
    }

    /// It has stored everything below `from`, and wants the rest.
    fn begin(&mut self, from: Sequence, term: &Term, log: &Log) -> Option<Serve> {
        let after = from.saturating_sub(1);
        if after > log.last() {
            return None;
        }
        (self.serving, self.stored) = (true, after);
        self.up_to = log.last().min(after + AHEAD_READINGS);
        Some(Serve { term: term.clone(), cuts: log.cuts(), restart: Some(after), up_to: self.up_to })
    }

    /// Permission for more, if there is more, and room for it.
    fn go_on(&mut self, term: &Term, log: &Log) -> Option<Serve> {
        let up_to = log.last().min(self.stored + AHEAD_READINGS);
        if !self.serving || up_to <= self.up_to {
            return None;
        }
        self.up_to = up_to;
        Some(Serve { term: term.clone(), cuts: log.cuts(), restart: None, up_to })
    }
}

impl Peer {
    /// Asks the leader for what follows the own log.
    pub(super) fn fetch(&mut self, turn: &mut Turn) {
        let from = self.log.last() + 1;
        let Some(following) = self.following_mut() else { return };
        following.fetched_from = from;
        let (to, term) = (following.leader.clone(), following.term.clone());
        turn.say(&to, Message::Fetch { term, from });
    }

    pub(super) fn on_fetch(&mut self, from: &PeerId, term: &Term, first: Sequence, turn: &mut Turn) {
        let beyond = first.saturating_sub(1) > self.log.last();
        if beyond && self.leading().is_some_and(|leading| leading.term == *term && leading.has(from)) {
            let what = "asked for entries behind the end of the log";
            turn.tell(Event::Misbehaved { peer: from.clone(), what, at: first });
            return self.drop_silent(from, turn);
        }
        let (log, period) = (&self.log, self.settings.timing.heartbeat_timeout);
        let follower = match &mut self.role {
            Role::Leader(leading) if leading.term == *term => leading.followers.get_mut(from),
            Role::Promised(promised) if promised.proposer == *from && self.promised.as_ref() == Some(term) => {
                Some(&mut promised.serving)
            }
            _ => None,
        };
        let Some(follower) = follower else { return };
        if !follower.may_begin(first, turn.now, period) {
            let what = "asks again and again for the same";
            turn.tell(Event::Misbehaved { peer: from.clone(), what, at: first });
            self.distrust(from, 2, turn);
            return self.drop_silent(from, turn);
        }
        let Some(serve) = follower.begin(first, term, log) else { return };
        turn.out.push(Effect::Serve { to: from.clone(), serve });
        if self.leading().is_some() {
            // A `COMMIT` may have been lost with the link before, and while nothing new is ordered there is no other.
            turn.send(from, Message::Commit { term: term.clone(), up_to: self.log.committed() });
        }
        self.on_stored(from, term, first.saturating_sub(1), turn);
    }

    pub(super) fn on_stored(&mut self, from: &PeerId, term: &Term, stored: Sequence, turn: &mut Turn) {
        let log = &self.log;
        let stored = stored.min(log.last());
        match &mut self.role {
            Role::Promised(promised) if promised.proposer == *from && self.promised.as_ref() == Some(term) => {
                promised.serving.stored = stored;
                if let Some(serve) = promised.serving.go_on(term, log) {
                    turn.out.push(Effect::Serve { to: from.clone(), serve });
                }
            }
            Role::Leader(leading) if leading.term == *term => {
                let Some(follower) = leading.followers.get_mut(from) else { return };
                follower.stored = follower.stored.max(stored);
                if let Some(serve) = follower.go_on(term, log) {
                    turn.out.push(Effect::Serve { to: from.clone(), serve });
                }
                if leading.learners.contains_key(from) {
                    self.on_learner_stored(from, stored, turn);
                }
                self.advance(turn);
            }
            _ => {}
        }
    }

    /// Lets everyone be sent what was ordered last.
    pub(super) fn serve_all(&mut self, turn: &mut Turn) {
        let log = &self.log;
        let Role::Leader(leading) = &mut self.role else { return };
        for (to, follower) in &mut leading.followers {
            if let Some(serve) = follower.go_on(&leading.term, log) {
                turn.out.push(Effect::Serve { to: to.clone(), serve });
            }
        }
    }

    /// Commits what a majority of the members has stored, from the end of the log at the term's start on.
    pub(super) fn advance(&mut self, turn: &mut Turn) {
        let Role::Leader(leading) = &self.role else { return };
        let of = |id: &PeerId| {
            if *id == self.settings.id {
                self.log.stable()
            } else {
                leading.followers.get(id).map_or(0, |follower| follower.stored)
            }
        };
        let mut stored: Vec<Sequence> = leading.members.keys().map(of).collect();
        stored.sort_unstable_by(|a, b| b.cmp(a));
        let Some(majority) = stored.get(view::majority(stored.len(), self.quorum()) - 1).copied() else { return };
        if majority <= self.log.committed() || majority < leading.start.last {
            return;
        }
        let (term, to) = (leading.term.clone(), leading.followers.keys().cloned().collect::<Vec<_>>());
        let waited = self.is_far_ahead();
        if self.commit_to(majority, turn) {
            let up_to = self.log.committed();
            for to in &to {
                turn.send(to, Message::Commit { term: term.clone(), up_to });
            }
            if waited {
                self.pump(turn);
            }
        }
    }

    /// Members that store nothing while the others wait for them hold up the group: it goes on without them. Not where it is
    /// the own disk that stands still, nor where too few would be left. Counted in heartbeats, each of which gave them time.
    pub(super) fn drop_idle(&mut self, turn: &mut Turn) {
        let Timing { heartbeat_interval, heartbeat_timeout, .. } = self.settings.timing;
        let (committed, quorum) = (self.log.committed(), self.quorum());
        let waits = committed < self.log.last() && self.log.stable() > committed;
        let Role::Leader(leading) = &mut self.role else { return };
        let again = waits && leading.waits_at == Some(committed);
        leading.waits_at = waits.then_some(committed);
        leading.beats_in_vain = if again { leading.beats_in_vain + 1 } else { 0 };
        if heartbeat_interval * leading.beats_in_vain < heartbeat_timeout * 2 {
            return;
        }
        leading.beats_in_vain = 0;
        let idle = |id: &PeerId| leading.followers.get(id).is_some_and(|follower| follower.stored <= committed);
        let idle: Vec<PeerId> = leading.members.keys().filter(|id| idle(id)).cloned().collect();
        if idle.is_empty() || leading.members.len() - idle.len() < quorum {
            return;
        }
        turn.tell(Event::NotStoring { peers: idle.clone() });
        for peer in &idle {
            self.distrust(peer, 2, turn);
            self.drop_silent(peer, turn);
        }
    }

    /// Commits up to `up_to`, as far as the own log goes, and delivers it. Did anything?
    pub(super) fn commit_to(&mut self, up_to: Sequence, turn: &mut Turn) -> bool {
        let Some(ranges) = self.log.commit(up_to) else { return false };
        for range in &ranges {
            self.pending.committed(range);
        }
        turn.store(Store::Deliver { up_to: self.log.committed() });
        true
    }

    pub(super) fn on_commit(&mut self, from: &PeerId, term: &Term, up_to: Sequence, turn: &mut Turn) {
        let of_leader = |following: &&mut Following| following.term == *term && following.leader == *from;
        let Some(following) = self.following_mut().filter(of_leader) else { return };
        following.leader_commit = following.leader_commit.max(up_to);
        self.commit_to(up_to, turn);
    }

    pub(super) fn on_ordered(&mut self, from: &PeerId, term: &Term, frame: Frame, turn: &mut Turn) {
        let election_timeout = self.settings.timing.election_timeout;
        let recovering = match &mut self.role {
            Role::Proposing(proposing) => {
                let Phase::Fetching { owner: Some(owner), .. } = &proposing.phase else { return };
                if owner != from || self.promised.as_ref() != Some(term) {
                    return;
                }
                proposing.deadline = turn.now + election_timeout;
                true
            }
            _ => match self.following() {
                Some(following) if following.term == *term && following.leader == *from => false,
                _ => return,
            },
        };
        if self.log.is_cutting() {
            // It comes again: what follows the cut is asked for anew once the cut is done.
            if let Some(following) = self.following_mut() {
                following.fetched_from = 0;
            }
            return;
        }
        if !self.accept(from, term, frame, turn) {
            return;
        }
        turn.say(from, Message::Stored { term: term.clone(), last: self.log.last() });
        if recovering {
            self.lead_when_recovered(turn);
        } else {
            let leader_commit = self.following().map_or(0, |following| following.leader_commit);
            self.commit_to(leader_commit, turn);
            self.pump(turn);
        }
    }

    /// Appends a batch that continues the log. Is there something new to say of the log's end?
    fn accept(&mut self, from: &PeerId, term: &Term, frame: Frame, turn: &mut Turn) -> bool {
        let last = self.log.last();
        if frame.first() > last + 1 {
            self.fetch_what_is_missing(from, term, turn);
            return false;
        }
        if frame.last() <= last {
            return true;
        }
        let in_term = frame.term() <= term && self.log.last_term() <= Some(frame.term());
        if frame.first() <= last || !in_term {
            let what = if in_term { "split a batch" } else { "sent a batch of a term that cannot follow" };
            turn.tell(Event::Misbehaved { peer: from.clone(), what, at: frame.first() });
            self.turn_away(from, turn);
            return false;
        }
        self.compare_own(&frame, turn);
        self.compare_lives(&frame, turn);
        for range in frame.ranges() {
            self.log.enter(range);
        }
        self.log.append(&frame);
        turn.store(Store::Append(frame));
        self.settle(turn);
        true
    }

    /// Who serves the log does not keep to the protocol, and would not when asked at once: a pause bounds what that costs.
    fn turn_away(&mut self, from: &PeerId, turn: &mut Turn) {
        self.close(from, turn);
        if let Role::Proposing(proposing) = &mut self.role {
            if let Phase::Fetching { owner, .. } = &mut proposing.phase {
                *owner = None;
            }
            return;
        }
        self.distrust(from, 2, turn);
        self.seek(None, turn);
    }

    /// A batch came after a gap: asks once for what is missing.
    fn fetch_what_is_missing(&mut self, owner: &PeerId, term: &Term, turn: &mut Turn) {
        let from = self.log.last() + 1;
        match self.following() {
            Some(following) if following.fetched_from == from => {}
            Some(_) => self.fetch(turn),
            None => turn.say(owner, Message::Fetch { term: term.clone(), from }),
        }
    }

    /// The log reached the leader's last at the term's start: this peer is synced to the term. One that was damaged is whole
    /// only as a member: then it holds what the leader held when it came, and so all that this peer ever acknowledged.
    pub(super) fn settle(&mut self, turn: &mut Turn) {
        let (term, start) = match &self.role {
            Role::Leader(leading) => (&leading.term, leading.start.last),
            _ => match self.following() {
                Some(following) => (&following.term, following.start),
                None => return,
            },
        };
        let mends = !self.is_whole() && !matches!(self.role, Role::Learner(_));
        if (self.synced.as_ref() != Some(term) || mends) && self.log.last() >= start {
            self.synced = Some(term.clone());
            if mends || self.is_whole() {
                self.needs = start;
            }
            turn.store(Store::State(self.state()));
        }
    }
}
