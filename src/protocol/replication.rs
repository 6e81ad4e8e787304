//! How the leader's log reaches the others: where each one is, what it may be sent, what that commits (docs/protocol.md
//! 4.4 to 4.6).

use super::data::follower::AHEAD_READINGS;
use super::data::following::Following;
use super::data::role::{Phase, Role};
use super::data::view;
use super::effect::{Effect, Store};
use super::event::Event;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Sequence, Term};
use crate::wire::{Frame, Message};

impl Peer {
    /// docs/protocol.md, 4.5: asks the leader for what follows this log. Said on each install and each new link, since
    /// what was under way may be lost; the leader then goes on from there, whatever it sent before.
    pub(super) fn fetch(&mut self, turn: &mut Turn) {
        let from = self.log.last() + 1;
        let Some(following) = self.following_mut() else { return };
        following.fetched_from = from;
        let (to, term) = (following.leader.clone(), following.term.clone());
        turn.say(&to, Message::Fetch { term, from });
    }

    /// docs/protocol.md, 4.4, 4.5: each follower is served from its own place in the log. `FETCH` says that all before
    /// it is stored, and a leader that guessed instead would have to step back. A follower that asks for what is not
    /// there has another log than it says. To one that asks for the same again and again the leader would send without
    /// end. What was removed is answered `BASE` (10.5).
    pub(super) fn on_fetch(&mut self, from: &PeerId, term: &Term, first: Sequence, turn: &mut Turn) {
        let beyond = first.saturating_sub(1) > self.log.last();
        if beyond && self.leading().is_some_and(|leading| leading.term == *term && leading.has(from)) {
            let what = "asked for entries past the end of the log";
            turn.tell(Event::Misbehaved { peer: from.clone(), what, at: first });
            return self.drop_silent(std::slice::from_ref(from), turn);
        }
        let (log, period) = (&self.log, self.settings.timing.heartbeat_timeout);
        let follower = match &mut self.role {
            Role::Leader(leading) if leading.term == *term => leading.followers.get_mut(from),
            Role::Promised(promised) if promised.proposer == *from && self.promises.promised.as_ref() == Some(term) => {
                Some(&mut promised.serving)
            }
            _ => None,
        };
        let Some(follower) = follower else { return };
        let is_removed = first <= log.base();
        // A new link is a reason to send a part again. Without a bound, a liar would be sent the log for ever.
        let may = if is_removed {
            follower.may_be_told(turn.now, period)
        } else {
            follower.may_begin(first, turn.now, period)
        };
        if !may {
            let what = "asks again and again for the same";
            turn.tell(Event::Misbehaved { peer: from.clone(), what, at: first });
            self.shut_out(from, turn);
            return self.drop_silent(std::slice::from_ref(from), turn);
        }
        if is_removed {
            follower.ask_for_base(first);
            return turn.store(Store::SayBase { to: from.clone(), term: term.clone() });
        }
        let Some(serve) = follower.begin(first, term, log) else { return };
        turn.out.push(Effect::Serve { to: from.clone(), serve });
        if self.leading().is_some() {
            // A `COMMIT` may have been lost with the link before, and no other comes while nothing new is ordered.
            turn.send(from, Message::Commit { term: term.clone(), up_to: self.log.committed() });
        }
        self.on_stored(from, term, first.saturating_sub(1), turn);
    }

    /// docs/protocol.md, 4.4, 4.6: a follower stored the log up to here. That makes room for more, brings a learner
    /// nearer to membership, and may commit. A proposer that fetches the best log from here is served in the same way
    /// (5.5).
    pub(super) fn on_stored(&mut self, from: &PeerId, term: &Term, stored: Sequence, turn: &mut Turn) {
        let log = &self.log;
        let stored = stored.min(log.last());
        match &mut self.role {
            Role::Promised(promised) if promised.proposer == *from && self.promises.promised.as_ref() == Some(term) => {
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
                // One word brings one peer nearer, at most.
                leading.words_to_commit = leading.words_to_commit.saturating_sub(1);
                let may_commit = leading.words_to_commit == 0;
                if leading.learners.contains_key(from) {
                    self.on_learner_stored(from, stored, turn);
                }
                if may_commit {
                    self.advance(turn);
                }
            }
            _ => {}
        }
    }

    /// docs/protocol.md, 4.4, 4.5: allows every follower to be sent what was ordered last, each from its own place in
    /// the log: a slow one delays only itself. None is served further ahead of what it has stored than its memory has
    /// room for.
    pub(super) fn serve_all(&mut self, turn: &mut Turn) {
        let log = &self.log;
        let Role::Leader(leading) = &mut self.role else { return };
        for (to, follower) in &mut leading.followers {
            if let Some(serve) = follower.go_on(&leading.term, log) {
                turn.out.push(Effect::Serve { to: to.clone(), serve });
            }
        }
    }

    /// docs/protocol.md, 4.6: commits what a majority of the members has stored, if it reaches the end of the log at the
    /// term's start. A majority alone does not make an entry of an earlier term safe: a peer with a newer `synced` that
    /// lacks it could still win the next election and cut it (Raft, figure 8). An entry of this term makes
    /// them safe. The leader counts itself only with what its storage has, like everybody else. It notes how many more
    /// words a next commit takes, and looks at all members again only then.
    pub(super) fn advance(&mut self, turn: &mut Turn) {
        let quorum = self.quorum();
        let Role::Leader(leading) = &mut self.role else { return };
        let log = &self.log;
        let of = |id: &PeerId| {
            if *id == self.settings.id {
                log.stable()
            } else {
                leading.followers.get(id).map_or(0, |follower| follower.stored)
            }
        };
        let mut stored: Vec<Sequence> = leading.members.keys().map(of).collect();
        let needed = view::majority(stored.len(), quorum);
        if needed > stored.len() {
            return;
        }
        let (_, majority, _) = stored.select_nth_unstable_by(needed - 1, |a, b| b.cmp(a));
        let majority = *majority;
        // To commit more, `needed` members must be beyond this. Each `STORED` brings one there, at most.
        let before = log.committed().max(majority).max(leading.start.last.saturating_sub(1));
        let beyond = stored.iter().filter(|stored| **stored > before).count();
        leading.words_to_commit = needed - beyond;
        if majority <= log.committed() || majority < leading.start.last {
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

    /// docs/protocol.md, 4.6: commits up to `up_to`, as far as this peer's log goes, and delivers it in order. What is
    /// committed is no longer pending. Returns whether anything became committed.
    pub(super) fn commit_to(&mut self, up_to: Sequence, turn: &mut Turn) -> bool {
        let Some(ranges) = self.log.commit(up_to) else { return false };
        for range in &ranges {
            self.pending.committed(range);
        }
        turn.store(Store::Deliver { up_to: self.log.committed() });
        self.remove_old(turn);
        true
    }

    /// docs/protocol.md, 4.6: what the leader calls committed may not be here yet. It is remembered, and counts as the
    /// log arrives: otherwise rows would wait for the next heartbeat.
    pub(super) fn on_commit(&mut self, from: &PeerId, term: &Term, up_to: Sequence, turn: &mut Turn) {
        let of_leader = |following: &&mut Following| following.term == *term && following.leader == *from;
        let Some(following) = self.following_mut().filter(of_leader) else { return };
        following.leader_commit = following.leader_commit.max(up_to);
        self.commit_to(up_to, turn);
    }

    /// docs/protocol.md, 4.5, 5.5: takes a batch of the leader, or of the owner of the best log while that is fetched.
    /// `STORED` is handed to the storage with the batch and leaves when that is stored (2.5): the leader counts it, and
    /// a batch that a crash could take back must not be committed.
    pub(super) fn on_ordered(&mut self, from: &PeerId, term: &Term, frame: Frame, turn: &mut Turn) {
        let Some(recovering) = self.serves_this(from, term, turn) else { return };
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

    /// docs/protocol.md, 4.5, 5.5: whether the log that comes from this peer is to be taken now. It is if it is the
    /// installed leader's, or that of the owner of the best log (`true`: this peer recovers). Any other log may differ
    /// from the one that counts.
    pub(super) fn serves_this(&mut self, from: &PeerId, term: &Term, turn: &mut Turn) -> Option<bool> {
        let election_timeout = self.settings.timing.election_timeout;
        let recovering = match &mut self.role {
            Role::Proposing(proposing) => {
                let Phase::Fetching { owner: Some(owner), .. } = &proposing.phase else { return None };
                if owner != from || self.promises.promised.as_ref() != Some(term) {
                    return None;
                }
                proposing.deadline = turn.now + election_timeout;
                true
            }
            _ => match self.following() {
                Some(following) if following.term == *term && following.leader == *from => false,
                _ => return None,
            },
        };
        if self.log.is_cutting() {
            // It comes again: what follows the cut is fetched once the cut is done.
            if let Some(following) = self.following_mut() {
                following.fetched_from = 0;
            }
            return None;
        }
        Some(recovering)
    }

    /// docs/protocol.md, 2.3, 4.5: appends a batch that continues the log, in a term that can follow. A gap is fetched,
    /// and what is known is ignored. Anything else breaks the protocol, since a batch is never split or joined, and an
    /// older term never follows a newer one. So does more than the storage may have waiting, which would fill the
    /// memory. Returns whether the end of this peer's log is to be reported.
    fn accept(&mut self, from: &PeerId, term: &Term, frame: Frame, turn: &mut Turn) -> bool {
        let last = self.log.last();
        if frame.first() > last + 1 {
            self.fetch_what_is_missing(from, term, turn);
            return false;
        }
        if frame.last() <= last {
            return true;
        }
        let breach = if frame.term() > term || self.log.last_term() > Some(frame.term()) {
            Some("sent a batch of a term that cannot follow")
        } else if frame.first() <= last {
            Some("split a batch")
        } else if frame.first() > self.log.stable() + AHEAD_READINGS {
            // It is served no further ahead of what it said it has stored, which its storage told it before it left.
            Some("sent more than was asked for")
        } else {
            None
        };
        if let Some(what) = breach {
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

    /// docs/protocol.md, 4.5, 5.5: leaves a peer that breaks the protocol while it serves the log. Asked again without
    /// a pause, it would do so again. A leader is passed over for a while; a proposal begins again when its time is
    /// over.
    pub(super) fn turn_away(&mut self, from: &PeerId, turn: &mut Turn) {
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

    /// docs/protocol.md, 4.5: a batch came after a gap. Asks once for what is missing: more batches after the gap may
    /// be under way, and each would cause the same question.
    fn fetch_what_is_missing(&mut self, owner: &PeerId, term: &Term, turn: &mut Turn) {
        let from = self.log.last() + 1;
        match self.following() {
            Some(following) if following.fetched_from == from => {}
            Some(_) => self.fetch(turn),
            None => turn.say(owner, Message::Fetch { term: term.clone(), from }),
        }
    }

    /// docs/protocol.md, 5.5: once the log reaches the leader's last at the term's start, this peer is synced to the
    /// term, and the next election counts it as such. Not earlier: with half of that log it would win over peers that
    /// have all of it. A peer whose log was damaged is whole only as a member: then it holds what the leader held when
    /// it came, and so all that it ever acknowledged.
    pub(super) fn settle(&mut self, turn: &mut Turn) {
        let (term, start) = match &self.role {
            Role::Leader(leading) => (&leading.term, leading.start.last),
            _ => match self.following() {
                Some(following) => (&following.term, following.start),
                None => return,
            },
        };
        let mends = !self.promises.is_whole() && !matches!(self.role, Role::Learner(_));
        if (self.promises.synced.as_ref() != Some(term) || mends) && self.log.last() >= start {
            self.promises.synced = Some(term.clone());
            if mends || self.promises.is_whole() {
                self.promises.needs = start;
            }
            turn.store(Store::State(self.promises.state()));
        }
    }
}

#[cfg(test)]
mod tests;
