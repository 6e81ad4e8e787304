//! Signs of life: what a leader sends every interval, what counts as one, and which peers it drops for silence
//! (docs/protocol.md 5.1).

use std::net::SocketAddr;

use super::data::following::Following;
use super::data::role::Role;
use super::effect::Effect;
use super::event::Event;
use super::input::Time;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Sequence, Term};
use crate::wire::Message;

/// How long a leader looks for a peer that was lost from its view. A network may well be cut for hours; a host that is
/// gone for longer will hardly return.
const LOST_TIME_MAX: Time = Time::from_secs(24 * 60 * 60);

/// How many peers that were lost from the view a leader tells of its group at a heartbeat.
const LOST_MAX: usize = 64;

/// How many of them it remembers. Otherwise a stranger that joins and falls silent under ever new names would fill the
/// memory of that long time.
const LOST_KEPT_MAX: usize = 256;

impl Peer {
    /// docs/protocol.md, 5.1: notes a sign of life: for a leader, of a follower; for a follower, of its leader. Only
    /// what the installed term needs is one. Otherwise a peer that speaks and no longer follows would stay in the view,
    /// and commits would wait for it.
    pub(super) fn note_life(&mut self, from: &PeerId, message: &Message, turn: &mut Turn) {
        let Some(term) = message.term().cloned() else { return };
        if let Role::Leader(leading) = &mut self.role {
            let counts = leading.term == term && is_life_of_follower(message);
            if let Some(follower) = leading.followers.get_mut(from).filter(|_| counts) {
                follower.heard = turn.now;
            }
            return;
        }
        let Some(following) = self.following_mut() else { return };
        if following.leader != *from || following.term != term || !is_life_of_leader(message) {
            return;
        }
        following.heard = turn.now;
        self.end_election(turn);
    }

    /// docs/protocol.md, 5.3: the leader lives, so an election that was not won yet is over. Nothing was promised, so
    /// the term goes on.
    fn end_election(&mut self, turn: &mut Turn) {
        let Role::Electing(electing) = &mut self.role else { return };
        let Some(following) = electing.following.take() else { return };
        self.role = Role::Member(following);
        self.begin_to_look(false, turn.now);
        // Its silence closed the link to it. The next link is a first dial, and nobody reports that as new.
        self.restart(turn);
    }

    /// docs/protocol.md, 5.1, 5.4: a leader and a proposer have to show in time that they live. Others need not: a
    /// follower answers, and its answers are its signs of life.
    pub(super) fn on_heartbeat_alarm(&mut self, turn: &mut Turn) {
        match &self.role {
            Role::Leader(_) => self.lead_on(turn),
            Role::Proposing(proposing) if turn.now >= proposing.beat_at => self.beat_as_proposer(turn),
            _ => {}
        }
    }

    /// docs/protocol.md, 5.1: the leader was silent for the heartbeat timeout. A member elects; a learner, which has no
    /// vote, seeks. The link is closed, since TCP would go on waiting for as long as a cut lasted.
    pub(super) fn on_leader_check_alarm(&mut self, turn: &mut Turn) {
        let timeout = self.settings.timing.heartbeat_timeout;
        let (Role::Member(following) | Role::Learner(following)) = &self.role else { return };
        if !self.late(following.heard + timeout) {
            return;
        }
        let leader = following.leader.clone();
        self.close(&leader, turn);
        // If the leader is sent anything after all, it goes over a new link and must leave no gap after what this link
        // may lose.
        self.pending.restart();
        if matches!(self.role, Role::Learner(_)) {
            self.distrust(&leader, 1, turn);
            return self.seek(None, turn);
        }
        turn.tell(Event::LeaderTimeout { leader: leader.clone() });
        self.elect(Some(leader), turn);
    }

    /// docs/protocol.md, 5.1, 5.7: drops silent followers, yields after a heartbeat timeout below the quorum, and
    /// otherwise goes on. If a leader stayed below the quorum, its members would stay in a view that commits nothing.
    fn lead_on(&mut self, turn: &mut Turn) {
        let timeout = self.settings.timing.heartbeat_timeout;
        self.drop_all_silent(turn);
        let Role::Leader(leading) = &self.role else { return };
        if leading.below.is_some_and(|since| self.late(since + timeout)) {
            let have = leading.members.len();
            self.tell_suspended(have, turn);
            return self.yield_to(None, turn);
        }
        self.admit_learners(turn);
        self.give_up_gaps(turn);
        self.send_again(turn);
        self.look_for_old(turn);
        self.beat(turn);
    }

    /// docs/protocol.md, 5.1, 5.2: drops followers that said nothing for the heartbeat timeout: commits would wait for
    /// them. Many become silent at the same time if a network is cut. After the first, each moment has one view without
    /// all of them, since a view for each would go to all.
    fn drop_all_silent(&mut self, turn: &mut Turn) {
        let (timeout, moment) = (self.settings.timing.heartbeat_timeout, self.settings.moment());
        let Role::Leader(leading) = &self.role else { return };
        let silent = leading.followers.iter().filter(|(_, follower)| self.late(follower.heard + timeout));
        let silent: Vec<PeerId> = silent.map(|(id, _)| id.clone()).collect();
        if silent.is_empty() || turn.now < leading.gathers_until {
            return;
        }
        let of = leading.members.len();
        let away: Vec<PeerId> = silent.iter().filter(|id| leading.members.contains_key(*id)).cloned().collect();
        self.drop_silent(&silent, turn);
        if let Role::Leader(leading) = &mut self.role {
            leading.gathers_until = turn.now + moment;
        }
        if !away.is_empty() {
            let left = of - away.len();
            turn.tell(Event::Split { away, of, left });
        }
    }

    /// Says every interval that it leads: to followers, to all by broadcast, at `--join` addresses, and to members that
    /// fell out of the view and may not hear the broadcast (docs/protocol.md, 3.1, 5.1, 7.2).
    fn beat(&mut self, turn: &mut Turn) {
        let interval = self.settings.timing.heartbeat_interval;
        let committed = self.log.committed();
        let Some(leadership) = self.leadership() else { return };
        let Role::Leader(leading) = &mut self.role else { return };
        if turn.now < leading.beat_at {
            return;
        }
        leading.beat_at = turn.now + interval;
        self.drop_idle(turn);
        let Role::Leader(leading) = &mut self.role else { return };
        for to in leading.followers.keys() {
            turn.send(to, Message::Heartbeat { term: leading.term.clone(), committed });
        }
        let message = Message::Leader(leadership);
        turn.out.push(Effect::Broadcast(message.clone()));
        if self.settings.joins {
            self.ask_joins(message.clone(), turn);
        }
        for to in self.lost_in_turn(turn.now) {
            self.ask_for_group(to, Some(message.clone()), (true, interval / 2), turn);
        }
        self.forget_strangers(turn);
    }

    /// docs/protocol.md, 7.2: where the next of the peers are that were lost from the view: some at each heartbeat, all
    /// of them in turn. Broadcast may not reach them, and without a question they would never learn of this group. To
    /// ask all of them each time would take too many dials.
    fn lost_in_turn(&self, now: Time) -> Vec<SocketAddr> {
        let lost: Vec<&PeerId> = self.group.lost.iter().filter(|id| !self.contacts.is_dead(id)).collect();
        let beats = now.as_nanos() / self.settings.timing.heartbeat_interval.as_nanos().max(1);
        let parts = lost.len().div_ceil(LOST_MAX).max(1) as u128;
        let part = usize::try_from(beats % parts).expect("few parts");
        lost.into_iter().skip(part * LOST_MAX).take(LOST_MAX).filter_map(|id| self.endpoint_of(id)).collect()
    }

    /// Forgets peers that were not heard of for long and belong to nothing. Memory and links are for peers that matter:
    /// strangers could come under ever new names (docs/trust.md has the bounds).
    pub(super) fn forget_strangers(&mut self, turn: &mut Turn) {
        let now = turn.now;
        let timing = self.settings.timing;
        let since = now.saturating_sub((timing.heartbeat_timeout + timing.election_timeout) * 2);
        let contacts = &self.contacts;
        let looked_for = now.saturating_sub(LOST_TIME_MAX);
        self.group.lost.retain(|id| contacts.get(id).is_some_and(|known| known.at >= looked_for));
        self.group.bound_lost(LOST_KEPT_MAX, |id| contacts.get(id).map(|known| known.at));
        let (lost, last_view) = (&self.group.lost, &self.group.last_view);
        let role = &self.role;
        let needed = |id: &PeerId| role.concerns(id) || lost.contains(id) || last_view.contains_key(id);
        for stranger in self.contacts.forget(since, needed) {
            self.close(&stranger, turn);
        }
        if let Role::Leader(leading) = &mut self.role {
            leading.forget_strangers(|id| self.contacts.get(id).is_some());
        }
    }

    /// Whether that peer matters to what this one does now. Such a peer is remembered however long it is silent, and
    /// does not count as a stranger when there is too little room.
    pub(super) fn belongs(&self, id: &PeerId) -> bool {
        self.role.concerns(id)
    }

    /// docs/protocol.md, 5.4: a proposer at work shows that it lives. Its promisers would elect after a heartbeat
    /// timeout, and to fetch a long log takes longer.
    fn beat_as_proposer(&mut self, turn: &mut Turn) {
        let interval = self.settings.timing.heartbeat_interval;
        let (Some(term), leadership) = (self.promises.promised.clone(), self.leadership()) else { return };
        let Role::Proposing(proposing) = &mut self.role else { return };
        proposing.beat_at = turn.now + interval / 2;
        for to in proposing.answers.keys() {
            turn.send(to, Message::Heartbeat { term: term.clone(), committed: 0 });
        }
        if let Some(leadership) = leadership {
            turn.out.push(Effect::Broadcast(Message::Leader(leadership)));
        }
    }

    /// A heartbeat repeats what is committed, since a `COMMIT` may have been lost with a link. The answer does not wait
    /// for the storage (docs/protocol.md, 2.5): a slow disk is not silence.
    pub(super) fn on_heartbeat(&mut self, from: &PeerId, term: &Term, committed: Sequence, turn: &mut Turn) {
        let timeout = self.settings.timing.heartbeat_timeout;
        if let Role::Promised(promised) = &mut self.role {
            if promised.proposer == *from && self.promises.promised.as_ref() == Some(term) {
                promised.wait_on(self.group.last_view.contains_key(from), turn.now, timeout);
            }
        }
        self.on_commit(from, term, committed, turn);
        let of_leader = |following: &&Following| following.term == *term && following.leader == *from;
        if let Some(following) = self.following().filter(of_leader) {
            let stored = following.stored_said;
            turn.send(from, Message::HeartbeatAck { term: term.clone(), stored });
            self.send_again(turn);
            self.forget_strangers(turn);
        }
    }
}

/// docs/protocol.md, 5.1: signs of life of a follower, for its leader.
fn is_life_of_follower(message: &Message) -> bool {
    matches!(
        message,
        Message::Stored { .. }
            | Message::Fetch { .. }
            | Message::SequencerRequest { .. }
            | Message::HeartbeatAck { .. }
    )
}

/// docs/protocol.md, 5.1: signs of life of a leader, for its followers.
fn is_life_of_leader(message: &Message) -> bool {
    matches!(
        message,
        Message::Heartbeat { .. }
            | Message::Ordered { .. }
            | Message::Base { .. }
            | Message::Commit { .. }
            | Message::ViewChange(_)
            | Message::Added { .. }
            | Message::Yield { .. }
    )
}

#[cfg(test)]
mod tests;
