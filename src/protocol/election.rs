//! The bully election: who wins, and the promise that makes a term (docs/protocol.md 5.3, 5.4).

use std::collections::{BTreeMap, BTreeSet};

use super::credibility::COUNTER_MAX;
use super::data::follower::Follower;
use super::data::role::{Electing, Phase, Promised, Proposing, Role};
use super::effect::Store;
use super::event::Event;
use super::input::Time;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Rank, Term};
use crate::wire::Message;

/// For how many heartbeat timeouts in a row a peer waits for the view of proposers that were not in its last view.
const STRANGER_TIMEOUTS: u32 = 6;

impl Peer {
    /// docs/protocol.md, 5.3: asks the members of higher rank whether they live, each in its turn. The highest that lives
    /// should win: then peers that elect at the same time agree without another round. The term stays installed until a
    /// promise: a sign of life of its leader ends the election, and nothing is lost.
    pub(super) fn elect(&mut self, silent: Option<PeerId>, turn: &mut Turn) {
        if self.group.last_view.is_empty() {
            return self.seek(None, turn);
        }
        let role = std::mem::replace(&mut self.role, Role::placeholder(turn.now));
        let (following, reported) = match role {
            Role::Learner(following) | Role::Member(following) => {
                let reported = silent.is_some() || self.contacts.is_dead(&following.leader);
                (Some(following), reported)
            }
            Role::Electing(electing) => (electing.following, electing.reported),
            _ => (None, true),
        };
        let mut unasked = self.higher_in_last_view();
        let leads = |id: &PeerId| following.as_ref().is_some_and(|following| following.leader == *id);
        let leader = unasked.iter().position(leads).map(|at| unasked.remove(at));
        let higher = unasked.iter().chain(leader.iter().filter(|_| silent.is_none())).cloned().collect();
        let wait = match unasked.len() {
            0 => self.settings.timing.election_timeout,
            between => self.settings.moment() * between.ilog2(),
        };
        let deadline = turn.now + wait;
        self.role = Role::Electing(Electing {
            following,
            higher,
            unasked,
            asked: 0,
            got_ok: false,
            deadline,
            silent,
            reported,
        });
        // Its answer alone would end the election, and where it is silent, it is never waited for.
        if let Some(leader) = leader {
            self.ask_whether_it_lives(&[leader], turn);
        }
        self.go_on_electing(turn);
    }

    /// Members of higher rank in the last view that are not known to be gone, the highest first.
    fn higher_in_last_view(&self) -> Vec<PeerId> {
        let own = self.rank_in_last_view();
        let ranks = self.group.last_view.iter().map(|(id, seat)| seat.rank(id));
        let mut higher: Vec<Rank> = ranks.filter(|rank| *rank > own && !self.contacts.is_dead(rank.id)).collect();
        higher.sort_unstable_by(|a, b| b.cmp(a));
        higher.into_iter().map(|rank| rank.id.clone()).collect()
    }

    fn ask_whether_it_lives(&self, peers: &[PeerId], turn: &mut Turn) {
        let term = self.installed().or(self.promised()).cloned();
        for to in peers {
            turn.send(to, Message::Election { term: term.clone(), from: self.settings.id.clone() });
        }
    }

    /// docs/protocol.md, 5.3: wins if nobody of higher rank is left. Asks the next ones once the moment is over, or
    /// once all that were asked are gone: then nobody is left to wait for.
    fn go_on_electing(&mut self, turn: &mut Turn) {
        let Role::Electing(electing) = &self.role else { return };
        if electing.got_ok {
            return;
        }
        let answerless = electing.asked > 0 && electing.unasked.len() == electing.higher.len();
        if electing.higher.is_empty() {
            self.win(turn);
        } else if !electing.unasked.is_empty() && (answerless || electing.deadline <= turn.now) {
            self.ask_the_next(turn);
        }
    }

    /// docs/protocol.md, 5.3: asks the nearest in rank that were not asked yet: one at first, then each time as many as
    /// were asked so far. One message is enough if the nearest lives, and a few moments if a cut hides many.
    fn ask_the_next(&mut self, turn: &mut Turn) {
        let (moment, election_timeout) = (self.settings.moment(), self.settings.timing.election_timeout);
        let Role::Electing(electing) = &mut self.role else { return };
        let left = electing.unasked.len().saturating_sub(electing.asked.max(1));
        let next = electing.unasked.split_off(left);
        electing.asked += next.len();
        electing.deadline = turn.now + if electing.unasked.is_empty() { election_timeout } else { moment };
        self.ask_whether_it_lives(&next, turn);
    }

    /// docs/protocol.md, 5.3: nobody waits for a peer that is gone. So an election after a killed leader takes
    /// milliseconds, although others of higher rank died with it.
    pub(super) fn on_election_loss(&mut self, peer: &PeerId, turn: &mut Turn) {
        let Role::Electing(electing) = &mut self.role else { return };
        // A peer that another's election drew in learns only now why.
        let leads = electing.following.as_ref().is_some_and(|following| following.leader == *peer);
        if leads && !std::mem::replace(&mut electing.reported, true) {
            turn.tell(Event::LeaderFailed { leader: peer.clone() });
        }
        electing.higher.remove(peer);
        electing.unasked.retain(|id| id != peer);
        self.go_on_electing(turn);
    }

    /// This peer's rank among the members of the last view: what the view says, even if the settings say something
    /// else. If two peers went by different numbers, each could wait for the other (docs/protocol.md, 5.3).
    fn rank_in_last_view(&self) -> Rank<'_> {
        let own = &self.settings.id;
        let priority = self.group.last_view.get(own).map_or(self.settings.priority, |seat| seat.priority);
        Rank { priority, id: own }
    }

    /// docs/protocol.md, 5.3 to 5.5: what each role does when it has waited long enough. No role waits without a
    /// deadline: the peer that it waits for may be gone, and no message says so.
    pub(super) fn on_election_alarm(&mut self, turn: &mut Turn) {
        match &self.role {
            Role::Electing(electing) if self.late(electing.deadline) => {
                if electing.got_ok {
                    self.elect(None, turn);
                } else if electing.unasked.is_empty() {
                    self.win(turn);
                } else {
                    self.ask_the_next(turn);
                }
            }
            Role::Promised(promised) if self.late(promised.deadline) => {
                // If it fell silent before its time was over, only a message may have been lost.
                let (proposer, took_all) = (promised.proposer.clone(), promised.took_all_the_time());
                let is_member = self.group.last_view.contains_key(&proposer);
                self.distrust(&proposer, if took_all && !is_member { 2 } else { 1 }, turn);
                self.elect(None, turn);
            }
            Role::Proposing(proposing) if self.late(proposing.deadline) => match proposing.phase {
                Phase::Gathering if !proposing.announced => self.leave_it_to_others(turn),
                Phase::Gathering => self.decide(turn),
                Phase::Fetching { .. } => self.propose_again(turn),
            },
            _ => {}
        }
    }

    /// docs/protocol.md, 5.3: says `OK` to a member of lower rank and elects in its place. The exceptions protect a
    /// term that works: from strangers while its leader lives, and from old messages that a cut network delivers late.
    pub(super) fn on_election(&mut self, from: &PeerId, term: Option<&Term>, turn: &mut Turn) {
        match &self.role {
            Role::Leader(leading) if leading.members.contains_key(from) => self.say_view(from, turn),
            Role::Leader(_) | Role::Learner(_) => self.stale(from, turn),
            Role::Member(following) if !following.members.contains_key(from) => self.stale(from, turn),
            // A message that a cut network held back is about a former leader: no reason to lose the present one.
            Role::Member(following) if term < Some(&following.term) => self.stale(from, turn),
            Role::Seeking(_) => {}
            Role::Member(_) => {
                self.say_ok(from, turn);
                self.elect(None, turn);
            }
            Role::Electing(_) | Role::Promised(_) | Role::Proposing(_) => self.say_ok(from, turn),
        }
    }

    fn say_ok(&mut self, to: &PeerId, turn: &mut Turn) {
        let term = self.installed().or(self.promised()).cloned();
        turn.send(to, Message::Ok { term });
    }

    /// A member of higher rank lives and elects. It gets two election timeouts: one to ask those above it, one to gather
    /// promises (docs/protocol.md, 5.3). A second `OK` gives no more time, or members could keep each other waiting.
    pub(super) fn on_ok(&mut self, from: &PeerId, turn: &mut Turn) {
        if !self.group.last_view.contains_key(from) {
            return;
        }
        let patience = self.settings.timing.election_timeout * 2;
        if let Role::Electing(electing) = &mut self.role {
            if !electing.got_ok {
                (electing.got_ok, electing.deadline) = (true, turn.now + patience);
            }
        }
    }

    /// docs/protocol.md, 5.3: no `OK` came, or all peers that could send one are gone. To win is to propose, and no
    /// more: two peers may win at the same time, and promises decide which of them leads (5.4).
    pub(super) fn win(&mut self, turn: &mut Turn) {
        self.tell_won(turn);
        self.propose_to_all(turn);
    }

    /// Proposes to everyone of the last view, which may hold what is committed, and to every seeker heard of, so that
    /// they need not join later (docs/protocol.md, 5.4).
    pub(super) fn propose_to_all(&mut self, turn: &mut Turn) {
        let asked = self.group.last_view.keys().cloned().chain(self.fresh_seekers()).collect();
        self.propose(asked, 0, None, turn);
    }

    /// docs/protocol.md, 5.4: promises a new term with a counter above every one seen and above `floor`, and asks the
    /// others for promise and log. The promise is stored before `COORDINATOR` leaves (2.5): a proposer that died and
    /// forgot it could help an older leader to commit what the new term's leader lacks. `lifting`: a living leader
    /// lifts its term, and its view has this many members.
    pub(super) fn propose(&mut self, asked: BTreeSet<PeerId>, floor: u64, lifting: Option<usize>, turn: &mut Turn) {
        let counter = self.promises.counter.max(floor);
        if counter >= COUNTER_MAX {
            // Nobody would believe a higher counter, and elections do not get so far.
            return self.seek(None, turn);
        }
        self.promises.counter = counter + 1;
        let leader = self.settings.id.clone();
        let term = Term { counter: self.promises.counter, leader, incarnation: self.settings.incarnation };
        let silent = match &mut self.role {
            Role::Electing(electing) => electing.silent.take(),
            Role::Proposing(proposing) => proposing.silent.take().filter(|id| !proposing.answers.contains_key(id)),
            _ => None,
        };
        let asked: BTreeSet<PeerId> =
            asked.into_iter().filter(|id| *id != self.settings.id && !self.contacts.is_dead(id)).collect();
        self.promise(&term, turn);
        for to in &asked {
            turn.say(to, Message::Coordinator { term: term.clone() });
        }
        let announced = asked.is_empty();
        let takes_over = matches!(&self.role, Role::Proposing(proposing) if proposing.takes_over);
        self.role = Role::Proposing(Proposing {
            invited: asked.clone(),
            // A silent leader is told, and never waited for.
            asked: asked.into_iter().filter(|id| silent.as_ref() != Some(id)).collect(),
            silent,
            answers: BTreeMap::new(),
            deadline: turn.now + self.settings.timing.election_timeout,
            beat_at: turn.now,
            phase: Phase::Gathering,
            announced,
            lifting,
            takes_over,
        });
        self.decide_when_all_answered(turn);
    }

    /// docs/protocol.md, 2.5, 5.4: notes a promise and has it stored. What is said after it in this step waits until it
    /// is stored.
    pub(super) fn promise(&mut self, term: &Term, turn: &mut Turn) {
        if self.promises.promised.as_ref() != Some(term) {
            self.note_step(term);
            self.promises.promised = Some(term.clone());
            if self.promises.synced.as_ref() > Some(term) {
                // The promise before was won by lies, and so was this `synced`.
                self.promises.synced = self.log.last_term_of(|of| *of <= term).cloned();
            }
            // A peer that drops a promise won by lies forgets that counter, too.
            self.promises.counter = if self.promises.counter > term.counter.saturating_add(self.far()) {
                term.counter
            } else {
                self.promises.counter.max(term.counter)
            };
            self.promises.forget_older();
            turn.store(Store::State(self.promises.state()));
        }
    }

    /// docs/protocol.md, 2.5: the promise of this term is stored, and others were told. Only now may the proposal be
    /// decided: a leader that died and forgot its promise could help an older one to commit.
    pub(super) fn on_proposed(&mut self, term: &Term) {
        self.promises.stuck = false;
        let current = self.promises.promised.as_ref() == Some(term);
        if let Role::Proposing(proposing) = &mut self.role {
            proposing.announced |= current;
        }
    }

    /// docs/protocol.md, 5.4: gives up a proposal, since this peer's own promise is not even stored by the time that
    /// others should have answered. If it led now, it would lead alone and could take nobody in. Until the promise is
    /// stored it founds no group.
    fn leave_it_to_others(&mut self, turn: &mut Turn) {
        if !std::mem::replace(&mut self.promises.stuck, true) {
            turn.tell(Event::Stuck);
        }
        self.seek(None, turn);
    }

    /// docs/protocol.md, 5.4: promises a higher term and answers with what this log holds. From here on this peer takes
    /// nothing of an older term, so the proposer sees all that an older leader can ever commit with its help. With
    /// `--quorum`, a peer whose log was damaged does not promise: a quorum with it could lack what is committed.
    pub(super) fn on_coordinator(&mut self, from: &PeerId, term: &Term, turn: &mut Turn) {
        if self.installed() == Some(term) || term.leader != *from || !self.is_credible(term.counter) {
            return;
        }
        if !self.may_promise(from) {
            return self.stale(from, turn);
        }
        if !self.has_a_vote() {
            // It joins the leader that the others elect.
            return;
        }
        // A living leader that lifts its term is not news.
        let lifts = match &self.role {
            Role::Promised(before) => before.lifts && before.proposer == *from,
            _ => self.following().is_some_and(|following| following.leader == *from),
        };
        if !lifts && self.promises.promised.as_ref() != Some(term) {
            turn.tell(Event::CoordinatorHeard { peer: from.clone() });
        }
        self.group.merging = false;
        self.let_go(None, turn);
        self.promise(term, turn);
        self.wait_for_view(from, lifts, turn.now);
        self.pending.restart();
        self.say_log_state(from, turn);
    }

    /// docs/protocol.md, 5.4: from the promise on, waits for the view of the proposer: of a member of the last view for
    /// as long as it shows that it lives, of a stranger for a limited time. Otherwise a stranger that only says that it
    /// lives would hold this peer for ever.
    fn wait_for_view(&mut self, proposer: &PeerId, lifts: bool, now: Time) {
        let timeout = self.settings.timing.heartbeat_timeout;
        let is_member = |id: &PeerId| self.group.last_view.contains_key(id);
        // A new name, or a higher term, gives strangers no more time.
        let (until, fetched) = match &self.role {
            Role::Promised(before) if !is_member(&before.proposer) => (before.until, before.fetched),
            _ => (now + timeout * STRANGER_TIMEOUTS, 0),
        };
        let (proposer, serving) = (proposer.clone(), Follower::new(now));
        let is_member = is_member(&proposer);
        let mut promised = Promised { proposer, deadline: now, until, serving, fetched, lifts };
        promised.wait_on(is_member, now, timeout);
        self.role = Role::Promised(promised);
    }

    /// docs/protocol.md, 5.4: tells the proposer what this peer promised and what its log holds, once the promise is
    /// stored. From then on nothing of an older term is stored here, so the proposer can rely on what it reads.
    fn say_log_state(&self, to: &PeerId, turn: &mut Turn) {
        let Some(term) = self.promises.promised.clone() else { return };
        let (synced, runs, last) = (self.promises.synced.clone(), self.log.runs().clone(), self.log.last());
        turn.say(to, Message::LogState { term, synced, runs, last, limits: self.settings.limits });
    }

    /// docs/protocol.md, 5.4: `COORDINATOR`, or the answer to it, may be lost with the link before, and one of the two
    /// would wait for the other until its time is up.
    pub(super) fn on_link_up_in_a_proposal(&mut self, peer: &PeerId, turn: &mut Turn) {
        match &self.role {
            Role::Proposing(proposing) if proposing.asked.contains(peer) => {
                let Some(term) = self.promises.promised.clone() else { return };
                turn.say(peer, Message::Coordinator { term });
            }
            Role::Proposing(Proposing { phase: Phase::Fetching { owner: Some(owner), .. }, .. }) if owner == peer => {
                let Some(term) = self.promises.promised.clone() else { return };
                turn.say(peer, Message::Fetch { term, from: self.log.last() + 1 });
            }
            Role::Promised(promised) if promised.proposer == *peer => self.say_log_state(peer, turn),
            _ => {}
        }
    }

    /// docs/protocol.md, 5.4: whether this peer may promise the term of that proposer. It stays with its living leader
    /// if the leader's view lacks the proposer: otherwise each stranger could depose a leader, and a leader that is
    /// silent, or lifts its term, may live. A view below the quorum holds nobody back, since it commits nothing. A
    /// learner promises to nobody, since it knows no view that the proposer could belong to. A peer without a leader
    /// promises to any peer that it trusts.
    fn may_promise(&self, proposer: &PeerId) -> bool {
        let last_view = &self.group.last_view;
        match &self.role {
            Role::Learner(_) => false,
            Role::Member(following) | Role::Electing(Electing { following: Some(following), .. }) => {
                following.members.contains_key(proposer)
                    || following.leader == *proposer
                    || following.members.len() < self.quorum()
            }
            Role::Leader(leading) => leading.members.contains_key(proposer) || leading.members.len() < self.quorum(),
            Role::Proposing(Proposing { lifting: Some(size), .. }) => {
                last_view.contains_key(proposer) || *size < self.quorum()
            }
            // A seeker that waited in vain too often makes a group of its own. With a quorum nobody can.
            Role::Seeking(_) => {
                let enough = self.has_waited_enough() && self.settings.quorum.is_none();
                self.trusts(proposer) && (!enough || last_view.contains_key(proposer))
            }
            Role::Promised(promised) if promised.lifts => last_view.contains_key(proposer),
            Role::Electing(_) | Role::Promised(_) | Role::Proposing(_) => {
                last_view.contains_key(proposer) || self.trusts(proposer)
            }
        }
    }
}

#[cfg(test)]
mod tests;
