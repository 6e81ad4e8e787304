//! What a leader keeps: its view, its learners, where each follower is in the log, and what each may order.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::budget::Budget;
use super::follower::Follower;
use super::sequencer::Sequencer;
use super::view::Members;
use crate::ids::{Incarnation, Origin, PeerId, Sequence, Term};
use crate::protocol::input::Time;
use crate::wire::TermStart;

/// How many new origins a peer may bring in a heartbeat timeout: lives whose readings were cut from its log, and that
/// the leader's log does not know. The peer sends the rest again.
const NEW_ORIGINS_MAX: u32 = 256;

/// How many origins are remembered of which requests were turned away, for each peer. No honest peer has more under
/// way. Beyond that, no request of that peer may leave a gap.
const TURNED_AWAY_MAX: usize = 1024;

/// How often a learner has to reach its mark. A single mark could be long out of date; a mark that is reached three
/// times in a row shows that the learner keeps up.
pub(crate) const MARKS: u8 = 3;

#[derive(Debug, Clone)]
pub(crate) struct Leading {
    pub(crate) term: Term,
    pub(crate) change: u64,
    pub(crate) members: Members,
    /// The leader's log when the term started.
    pub(crate) start: TermStart,
    pub(crate) learners: BTreeMap<PeerId, Mark>,
    /// Until then silent members and learners that are ready gather, so that all of them take one view.
    pub(crate) gathers_until: Time,
    /// Members and learners, without the leader itself.
    pub(crate) followers: BTreeMap<PeerId, Follower>,
    /// How many must say `STORED` before more can be committed, at least.
    pub(crate) words_to_commit: usize,
    pub(crate) sequencer: Sequencer,
    pub(crate) beat_at: Time,
    /// When to look for what the limits no longer keep.
    pub(crate) survey_at: Time,
    /// The first sequence to keep, as the next batch is to say.
    pub(crate) keep: Option<Sequence>,
    /// Since when there are fewer members than the quorum.
    pub(crate) below: Option<Time>,
    /// Peers that were members or learners of this term.
    pub(crate) taken_in: BTreeMap<PeerId, TakenIn>,
    /// At the last heartbeat entries waited for others to store them.
    pub(crate) wait: Option<Wait>,
}

/// Entries wait for others to store them, and nothing is committed meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Wait {
    /// How far the log is committed.
    pub(crate) committed: Sequence,
    /// For how many heartbeats, or for how many since it was judged last.
    pub(crate) beats: u32,
    /// What each follower had stored when it began, or was judged last.
    pub(crate) stored: BTreeMap<PeerId, Sequence>,
    /// Members that store nothing and are waited for, as was told.
    pub(crate) named: Vec<PeerId>,
}

/// What a learner has to store to become a member: it reaches the mark three times, and each time the mark is set
/// again.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) at: Sequence,
    pub(crate) times: u8,
}

/// What a peer that was taken into a term may order.
#[derive(Debug, Clone)]
pub(crate) struct TakenIn {
    pub(crate) incarnation: Incarnation,
    pub(crate) endpoint: SocketAddr,
    /// Origins that the log does not know yet.
    pub(crate) origins: Budget,
    /// Origins of which one of its requests was turned away, and when.
    pub(crate) turned_away: BTreeMap<Origin, Time>,
    /// It was dropped once while it fetched its backlog.
    pub(crate) was_behind: bool,
}

impl Leading {
    pub(crate) fn new(term: Term, start: TermStart, now: Time) -> Self {
        Self {
            term,
            change: 0,
            members: BTreeMap::new(),
            start,
            learners: BTreeMap::new(),
            gathers_until: now,
            followers: BTreeMap::new(),
            words_to_commit: 0,
            sequencer: Sequencer::default(),
            beat_at: now,
            survey_at: now,
            keep: None,
            below: None,
            taken_in: BTreeMap::new(),
            wait: None,
        }
    }

    /// This life may order in this term.
    pub(crate) fn take_in(&mut self, id: &PeerId, incarnation: Incarnation, endpoint: SocketAddr) {
        let same = |before: &TakenIn| (before.incarnation, before.endpoint) == (incarnation, endpoint);
        if !self.taken_in.get(id).is_some_and(same) {
            let (origins, turned_away) = (Budget::new(NEW_ORIGINS_MAX), BTreeMap::new());
            let taken_in = TakenIn { incarnation, endpoint, origins, turned_away, was_behind: false };
            self.taken_in.insert(id.clone(), taken_in);
        }
    }

    /// Whether this peer follows this leader.
    pub(crate) fn has(&self, id: &PeerId) -> bool {
        self.members.contains_key(id) || self.learners.contains_key(id)
    }

    /// Forgets what peers may order that neither follow this leader nor are `known`: such a peer has no connection, so a
    /// next one of its own begins without a gap.
    pub(crate) fn forget_strangers(&mut self, known: impl Fn(&PeerId) -> bool) {
        let (members, learners) = (&self.members, &self.learners);
        self.taken_in.retain(|id, _| members.contains_key(id) || learners.contains_key(id) || known(id));
    }

    /// Notes at a heartbeat how far the log is committed, if entries wait for others to store them. Returns for how many
    /// heartbeats they do.
    pub(crate) fn wait_at(&mut self, committed: Option<Sequence>) -> u32 {
        if let Some(wait) = self.wait.as_mut().filter(|wait| Some(wait.committed) == committed) {
            wait.beats += 1;
            return wait.beats;
        }
        let stored = self.stored();
        self.wait = committed.map(|committed| Wait { committed, beats: 0, stored, named: Vec::new() });
        0
    }

    /// The members that the others wait for: those that stored nothing since the wait began, or since this was asked last,
    /// and those that stored something.
    pub(crate) fn judge(&mut self) -> (Vec<PeerId>, Vec<PeerId>) {
        let stored = self.stored();
        let Some(wait) = &mut self.wait else { return Default::default() };
        let before = std::mem::replace(&mut wait.stored, stored);
        wait.beats = 0;
        let holds_up = |id: &&PeerId| wait.stored.get(*id).is_some_and(|stored| *stored <= wait.committed);
        self.members.keys().filter(holds_up).cloned().partition(|id| before.get(id) == wait.stored.get(id))
    }

    /// This member is dropped while it fetches its backlog. Returns whether it was before: one that comes back has
    /// fetched its backlog as a learner, so there is no excuse for a second time.
    pub(crate) fn is_behind_again(&mut self, id: &PeerId) -> bool {
        self.taken_in.get_mut(id).is_none_or(|taken_in| std::mem::replace(&mut taken_in.was_behind, true))
    }

    /// What each follower has stored.
    fn stored(&self) -> BTreeMap<PeerId, Sequence> {
        self.followers.iter().map(|(id, follower)| (id.clone(), follower.stored)).collect()
    }

    /// When there is something to do even if nothing comes. `put_off` has patience with those who are silent.
    pub(crate) fn due(&self, heartbeat_timeout: Time, put_off: impl Fn(Time) -> Time) -> Time {
        let verdict = |since: Time| put_off(since + heartbeat_timeout);
        let silent = self.followers.values().map(|follower| verdict(follower.heard).max(self.gathers_until));
        let waiting = self.below.into_iter().chain(self.sequencer.held_since()).map(verdict);
        let ready = self.learners.values().any(|mark| mark.times >= MARKS).then_some(self.gathers_until);
        silent.chain(waiting).chain(ready).fold(self.beat_at, Time::min)
    }

    /// Whether this peer may hand in readings of this origin. It may for each earlier life of its own, whatever the
    /// clock said then: that life is over, and clocks go back.
    pub(crate) fn may_order(&self, from: &PeerId, origin: &Origin) -> bool {
        let life = |id: &PeerId| self.taken_in.get(id).map(|taken_in| taken_in.incarnation);
        if origin.peer == *from {
            return life(from).is_some();
        }
        let lives = origin.peer == self.term.leader || self.has(&origin.peer);
        life(from).is_some() && (!lives || life(&origin.peer) != Some(origin.incarnation))
    }
}

impl TakenIn {
    /// Whether a request of this origin may leave a gap. It may not if one before it was turned away lately: such a gap
    /// is not a loss, since the sender sends all of it again within `patience`.
    pub(crate) fn may_leave_a_gap(&self, origin: &Origin, now: Time, patience: Time) -> bool {
        let known = self.turned_away.len() < TURNED_AWAY_MAX || self.turned_away.contains_key(origin);
        known && self.turned_away.get(origin).is_none_or(|since| now >= *since + patience)
    }

    pub(crate) fn turn_away(&mut self, origin: &Origin, now: Time, patience: Time) {
        if self.turned_away.len() >= TURNED_AWAY_MAX {
            self.turned_away.retain(|_, since| now < *since + patience);
        }
        if self.turned_away.len() < TURNED_AWAY_MAX {
            self.turned_away.insert(origin.clone(), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_too_many_origins_were_turned_away_to_be_remembered_no_other_leaves_a_gap() {
        let (patience, origin) = (Time::from_secs(10), |n: usize| format!("o{n}/1").parse::<Origin>().unwrap());
        let mut taken_in = TakenIn {
            incarnation: 1,
            endpoint: SocketAddr::from(([127, 0, 0, 1], 1)),
            origins: Budget::new(1),
            turned_away: BTreeMap::new(),
            was_behind: false,
        };
        for n in 0..TURNED_AWAY_MAX {
            assert!(taken_in.may_leave_a_gap(&origin(TURNED_AWAY_MAX), Time::ZERO, patience), "{n} are remembered");
            taken_in.turn_away(&origin(n), Time::ZERO, patience);
        }
        for n in [0, TURNED_AWAY_MAX] {
            assert!(!taken_in.may_leave_a_gap(&origin(n), patience / 2, patience));
        }
        // What is remembered may leave one when its sender has sent all of it again. The next to be turned away makes room.
        assert!(taken_in.may_leave_a_gap(&origin(0), patience, patience));
        taken_in.turn_away(&origin(TURNED_AWAY_MAX), patience / 2, patience);
        assert_eq!(taken_in.turned_away.len(), TURNED_AWAY_MAX, "too early");
        assert!(!taken_in.turned_away.contains_key(&origin(TURNED_AWAY_MAX)));
        assert!(!taken_in.may_leave_a_gap(&origin(TURNED_AWAY_MAX), patience, patience));
        taken_in.turn_away(&origin(1), patience, patience);
        assert!(taken_in.may_leave_a_gap(&origin(TURNED_AWAY_MAX), patience, patience));
    }
}
