//! From a won election to an installed term: the best log is found and fetched (docs/protocol.md 5.5 to 5.7).

use super::data::contacts::Known;
use super::data::leading::Leading;
use super::data::role::{LogState, Phase, Proposing, Role};
use super::data::view;
use super::event::Event;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Sequence, Term};
use crate::wire::{Contact, Message, TermStart};

impl Peer {
    /// docs/protocol.md, 5.5: takes a promise, with the state of the promiser's log. A late one is not lost: a leader
    /// takes its sender in as a learner, and a peer that gave the proposal up lets the sender go.
    pub(super) fn on_log_state(&mut self, from: &PeerId, term: &Term, state: LogState, turn: &mut Turn) {
        let is_own = (&term.leader, term.incarnation) == (&self.settings.id, self.settings.incarnation);
        match &mut self.role {
            Role::Leader(leading) if leading.term == *term && !leading.has(from) => {
                self.add_learner(from, turn);
            }
            Role::Seeking(_) | Role::Promised(_) | Role::Learner(_) | Role::Member(_) if is_own => {
                // This proposal was given up; the promiser would wait in vain.
                let leader = self.following().and_then(|following| self.contact(&following.leader));
                turn.send(from, Message::Yield { term: term.clone(), leader });
            }
            Role::Proposing(proposing)
                if self.promises.promised.as_ref() == Some(term) && proposing.invited.contains(from) =>
            {
                proposing.answers.insert(from.clone(), state);
                proposing.asked.remove(from);
                self.decide_when_all_answered(turn);
            }
            _ => {}
        }
    }

    /// docs/protocol.md, 5.5: a peer that was asked failed. Nobody waits for it. If it owns the best log, the proposal
    /// begins again, since another log is the best now.
    pub(super) fn on_proposal_loss(&mut self, peer: &PeerId, turn: &mut Turn) {
        let Role::Proposing(proposing) = &mut self.role else { return };
        proposing.asked.remove(peer);
        match &proposing.phase {
            Phase::Gathering => self.decide_when_all_answered(turn),
            Phase::Fetching { owner: Some(owner), .. } if owner == peer => self.propose_again(turn),
            Phase::Fetching { .. } => {}
        }
    }

    /// docs/protocol.md, 5.5: proposes again with a higher counter, because the owner of the best log failed or to
    /// outbid another proposal. All are asked again: without that owner another log is the best, and a promise counts
    /// for one term.
    pub(super) fn propose_again(&mut self, turn: &mut Turn) {
        let Role::Proposing(proposing) = &self.role else { return };
        let invited: Vec<PeerId> = proposing.invited.iter().cloned().collect();
        let asked = self.group.last_view.keys().cloned().chain(invited).chain(self.fresh_seekers()).collect();
        self.propose(asked, 0, None, turn);
    }

    /// docs/protocol.md, 5.5: a peer that was asked promised this higher term to another, and follows nobody. Proposes
    /// again above it, since that peer keeps its promise even if its proposer failed. But if the other proposer ranks
    /// higher and may be alive, or this one outbid others often enough, it seeks and lets the promisers go. Two
    /// proposers that take each other for gone would outbid each other without end.
    pub(super) fn propose_above(&mut self, term: &Term, turn: &mut Turn) {
        let other = &term.leader;
        let lives = |known: &Known| !known.dead || known.incarnation != term.incarnation;
        let lives = self.contacts.get(other).is_none_or(lives);
        let takes_over = matches!(&self.role, Role::Proposing(proposing) if proposing.takes_over);
        let rival = lives && !takes_over && self.rank_of(other) > self.rank();
        if !rival && self.may_outbid() && self.promises.lifts.spend(turn.now, self.settings.timing.heartbeat_timeout) {
            return self.propose_again(turn);
        }
        self.seek(None, turn);
    }

    /// docs/protocol.md, 5.5: ends this proposal. The promisers are told to look for a leader, by name if one is known;
    /// otherwise they would wait until this peer was silent for a heartbeat timeout.
    pub(super) fn let_go(&self, leader: Option<&Contact>, turn: &mut Turn) {
        let (Role::Proposing(proposing), Some(term)) = (&self.role, &self.promises.promised) else { return };
        for to in proposing.answers.keys() {
            turn.send(to, Message::Yield { term: term.clone(), leader: leader.cloned() });
        }
    }

    /// docs/protocol.md, 5.5: when all have answered or failed, there is nobody left to wait for. So a fail-over after
    /// a killed leader takes milliseconds, and no timeout.
    pub(super) fn decide_when_all_answered(&mut self, turn: &mut Turn) {
        if let Role::Proposing(Proposing { asked, phase: Phase::Gathering, .. }) = &self.role {
            if asked.is_empty() {
                self.decide(turn);
            }
        }
    }

    /// docs/protocol.md, 5.5: the log with the highest `(synced, last)` is the best. All that is committed is in it: a
    /// majority stored it, one of them is among those who answered, and a log of a newer `synced` held it when that term
    /// began (Viewstamped Replication Revisited, 4.2). The length alone decides nothing: a long log can be one that no
    /// majority had.
    pub(super) fn decide(&mut self, turn: &mut Turn) {
        let Role::Proposing(proposing) = &self.role else { return };
        let own = self.has_a_vote().then(|| (&self.promises.synced, self.log.last()));
        let have = proposing.answers.len() + usize::from(own.is_some());
        if have < self.quorum() {
            return self.give_up(have, turn);
        }
        let best = proposing.answers.iter().filter(|(_, state)| !self.would_cut_committed(&state.runs, state.last));
        let best = best.max_by_key(|(_, state)| (&state.synced, state.last));
        let (owner, last) = match best {
            Some((owner, state)) if own.is_none_or(|own| (&state.synced, state.last) > own) => {
                let agreed = view::common_prefix(&state.runs, state.last, self.log.runs(), self.log.last());
                let (owner, last) = (owner.clone(), state.last);
                self.cut(agreed, &owner, turn);
                (Some(owner).filter(|_| agreed < last), last)
            }
            _ => (None, self.log.last()),
        };
        if let Some(owner) = &owner {
            let Some(term) = self.promises.promised.clone() else { return };
            turn.say(owner, Message::Fetch { term, from: self.log.last() + 1 });
        }
        let deadline = turn.now + self.settings.timing.election_timeout;
        if let Role::Proposing(proposing) = &mut self.role {
            (proposing.phase, proposing.deadline) = (Phase::Fetching { owner, last }, deadline);
        }
        self.lead_when_recovered(turn);
    }

    /// docs/protocol.md, 5.5: too few peers answered for the quorum, so the best of their logs may lack what is
    /// committed. Seeks, which also lets those who answered go.
    fn give_up(&mut self, have: usize, turn: &mut Turn) {
        self.tell_suspended(have, turn);
        self.seek(None, turn);
    }

    /// Whether this peer won an election and now fetches the best log, or waits for a cut of its own.
    pub(super) fn is_fetching(&self) -> bool {
        matches!(&self.role, Role::Proposing(proposing) if matches!(proposing.phase, Phase::Fetching { .. }))
    }

    /// docs/protocol.md, 5.5, 5.6: leads once the best log is here, and the storage has said what a cut before it
    /// removed. Without that log this peer could cut what is committed; and until the cut is made, readings that it
    /// removes count as ordered, so they would be dropped (4.3).
    pub(super) fn lead_when_recovered(&mut self, turn: &mut Turn) {
        let Role::Proposing(Proposing { phase: Phase::Fetching { last, .. }, .. }) = &self.role else { return };
        if self.log.last() >= *last && !self.log.is_cutting() {
            self.lead(turn);
        }
    }

    /// docs/protocol.md, 5.6: leads those who answered. `synced` becomes the new term, since this log is the leader's
    /// log at the start of the term. Absent members are told of the group until they come back.
    fn lead(&mut self, turn: &mut Turn) {
        let Some(term) = self.promises.promised.clone() else { return };
        let last = self.log.last();
        let role = std::mem::replace(&mut self.role, Role::placeholder(turn.now));
        let Role::Proposing(proposing) = role else { unreachable!("only a proposer is to lead") };
        let mut members: view::Members =
            proposing.answers.into_keys().filter_map(|id| Some((id.clone(), self.seat(&id)?))).collect();
        members.extend(self.seat(&self.settings.id).map(|seat| (self.settings.id.clone(), seat)));
        let away = self.group.last_view.keys().filter(|id| !members.contains_key(*id) && !self.contacts.is_dead(id));
        let away: Vec<PeerId> = away.cloned().collect();
        if !away.is_empty() {
            turn.tell(Event::Split { away: away.clone(), of: self.group.last_view.len(), left: members.len() });
        }
        self.group.lost.extend(away);
        self.role = Role::Leader(Leading::new(term, self.log_at(last), turn.now));
        self.group.merging = false;
        self.pending.restart();
        self.settle(turn);
        self.change_view(members, turn);
        for id in std::mem::take(&mut self.group.asking) {
            let stranger = self.leading().is_some_and(|leading| !leading.has(&id));
            if stranger && self.contacts.get(&id).is_some_and(|known| !known.dead) {
                self.add_learner(&id, turn);
            }
        }
        self.pump(turn);
    }

    fn log_at(&self, last: Sequence) -> TermStart {
        TermStart { runs: self.log.runs().clone(), last }
    }
}

#[cfg(test)]
mod tests;
