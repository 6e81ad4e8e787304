//! The role of a peer, with all that matters only in that role.

use std::collections::{BTreeMap, BTreeSet};

use super::follower::Follower;
use super::following::Following;
use super::leading::Leading;
use super::standing::Standing;
use crate::ids::{PeerId, Sequence, Term};
use crate::protocol::input::Time;
use crate::wire::batch::READINGS_MAX;
use crate::wire::RunList;

#[derive(Debug, Clone)]
pub(crate) enum Role {
    Seeking(Seeking),
    /// Installed, still catching up.
    Learner(Following),
    Member(Following),
    /// In a bully election. The term stays installed until a promise.
    Electing(Electing),
    /// Promised the term of a proposer, and waits for its view.
    Promised(Promised),
    /// Won an election: gathers logs, then fetches the best.
    Proposing(Proposing),
    Leader(Leading),
}

impl Role {
    /// Takes the place of a role while that is changed.
    pub(crate) fn placeholder(now: Time) -> Self {
        Self::Seeking(Seeking::new(now, Time::ZERO))
    }

    pub(crate) fn standing(&self) -> Standing {
        match self {
            Self::Seeking(_) => Standing::Seeking,
            Self::Learner(_) => Standing::Learner,
            Self::Member(_) => Standing::Member,
            Self::Electing(_) => Standing::Electing,
            Self::Promised(_) => Standing::Promised,
            Self::Proposing(_) => Standing::Proposing,
            Self::Leader(_) => Standing::Leader,
        }
    }

    /// docs/protocol.md, 5.3: the leader that is followed. It is followed while its silence causes an election, too: the
    /// term stays installed until a promise.
    pub(crate) fn following(&self) -> Option<&Following> {
        match self {
            Self::Learner(following) | Self::Member(following) => Some(following),
            Self::Electing(electing) => electing.following.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn following_mut(&mut self) -> Option<&mut Following> {
        match self {
            Self::Learner(following) | Self::Member(following) => Some(following),
            Self::Electing(electing) => electing.following.as_mut(),
            _ => None,
        }
    }

    pub(crate) fn leading(&self) -> Option<&Leading> {
        match self {
            Self::Leader(leading) => Some(leading),
            _ => None,
        }
    }

    /// Whether what this peer does in this role depends on that one.
    pub(crate) fn concerns(&self, id: &PeerId) -> bool {
        match self {
            Self::Leader(leading) => leading.has(id),
            Self::Member(following) | Self::Learner(following) => following.leader == *id,
            Self::Proposing(proposing) => proposing.invited.contains(id),
            Self::Promised(promised) => promised.proposer == *id,
            Self::Seeking(seeking) => seeking.has_asked(id),
            Self::Electing(_) => false,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Seeking {
    /// Since when nothing was heard of a leader.
    pub(crate) since: Time,
    /// When to ask everybody again, and how long to wait after that.
    pub(crate) request_at: Time,
    pub(crate) gap: Time,
    /// The leader that was sent a `JOIN` and has not answered, and when.
    pub(crate) asked: Option<(PeerId, Time)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Electing {
    pub(crate) following: Option<Following>,
    /// Peers of higher rank that may yet answer.
    pub(crate) higher: BTreeSet<PeerId>,
    /// Those of them that are not asked yet, the nearest in rank last.
    pub(crate) unasked: Vec<PeerId>,
    /// How many were asked in their turn.
    pub(crate) asked: usize,
    pub(crate) got_ok: bool,
    pub(crate) deadline: Time,
    /// The leader whose silence started the election: it is told everything, and never waited for.
    pub(crate) silent: Option<PeerId>,
    /// The operator knows that the leader is gone or silent.
    pub(crate) reported: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Promised {
    pub(crate) proposer: PeerId,
    pub(crate) deadline: Time,
    /// The deadline goes no further for the sake of strangers, however many of them propose in turn.
    pub(crate) until: Time,
    /// How far the proposer is in fetching this peer's log.
    pub(crate) serving: Follower,
    /// How far a proposer was when that last put off `until`.
    pub(crate) fetched: Sequence,
    /// The proposer led this peer until then: a living leader lifts its term.
    pub(crate) lifts: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Proposing {
    /// Peers that have neither answered nor failed.
    pub(crate) asked: BTreeSet<PeerId>,
    /// Peers whose answer counts: all that were asked, and a leader that was silent.
    pub(crate) invited: BTreeSet<PeerId>,
    /// The leader whose silence started the election, until it answers.
    pub(crate) silent: Option<PeerId>,
    pub(crate) answers: BTreeMap<PeerId, LogState>,
    pub(crate) deadline: Time,
    pub(crate) beat_at: Time,
    pub(crate) phase: Phase,
    /// The promise is stored, and others were told; true from the beginning where there is nobody to tell.
    pub(crate) announced: bool,
    /// A living leader lifts its term for a joiner: how many members its view has.
    pub(crate) lifting: Option<usize>,
    /// It takes over from a leader that reaches fewer: the peers that it asks have nobody else to follow.
    pub(crate) takes_over: bool,
}

/// How far a proposer is.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    Gathering,
    /// Fetches the best log from its owner, up to `last`; without an owner, waits for this peer's cut only.
    Fetching {
        owner: Option<PeerId>,
        last: Sequence,
    },
}

/// What a promiser said of its log.
#[derive(Debug, Clone)]
pub(crate) struct LogState {
    pub(crate) synced: Option<Term>,
    pub(crate) runs: RunList,
    pub(crate) last: Sequence,
}

impl Promised {
    /// The proposer shows that it lives. A member of the last view is waited for as long as it does. A stranger has to
    /// send its view in time, unless it goes on fetching this log: a batch of the most readings within a heartbeat timeout.
    pub(crate) fn wait_on(&mut self, is_member: bool, now: Time, timeout: Time) {
        self.deadline = now + timeout;
        if self.serving.stored >= self.fetched + READINGS_MAX {
            (self.fetched, self.until) = (self.serving.stored, self.until.max(self.deadline));
        }
        if !is_member {
            self.deadline = self.deadline.min(self.until);
        }
    }

    /// Whether it was waited for as long as a stranger may be.
    pub(crate) fn took_all_the_time(&self) -> bool {
        self.deadline == self.until
    }
}

impl Seeking {
    /// Whether this leader was sent a `JOIN` that it has not answered.
    pub(crate) fn has_asked(&self, leader: &PeerId) -> bool {
        self.asked.as_ref().is_some_and(|(asked, _)| asked == leader)
    }

    /// Begins to seek: asks now, then every `gap` and later.
    pub(crate) fn new(now: Time, gap: Time) -> Self {
        Self { since: now, request_at: now, gap, asked: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Until when a peer waits for its proposer, in seconds, after that showed that it lives at each of these times. With
    /// each it has stored so much of the log that it fetches. A stranger has a minute.
    fn waits(is_member: bool, shows: &[(u64, Sequence)]) -> (u64, bool) {
        let mut promised = Promised {
            proposer: "p".parse().unwrap(),
            deadline: Time::ZERO,
            until: Time::from_secs(60),
            serving: Follower::new(Time::ZERO),
            fetched: 0,
            lifts: false,
        };
        for (at, stored) in shows {
            promised.serving.stored = *stored;
            promised.wait_on(is_member, Time::from_secs(*at), Time::from_secs(10));
        }
        (promised.deadline.as_secs(), promised.took_all_the_time())
    }

    #[test]
    fn a_member_is_waited_for_while_it_lives_and_a_stranger_for_a_time() {
        assert_eq!([waits(true, &[(5, 0)]), waits(true, &[(5, 0), (300, 0)])], [(15, false), (310, false)]);
        assert_eq!([waits(false, &[(5, 0)]), waits(false, &[(5, 0), (55, 0)])], [(15, false), (60, true)]);
    }

    #[test]
    fn a_stranger_that_fetches_a_batch_of_the_most_readings_is_waited_for_longer() {
        assert_eq!(waits(false, &[(55, READINGS_MAX - 1)]), (60, true));
        assert_eq!(waits(false, &[(55, READINGS_MAX)]), (65, true));
        assert_eq!(waits(false, &[(55, READINGS_MAX), (64, 2 * READINGS_MAX - 1)]), (65, true));
        assert_eq!(waits(false, &[(55, READINGS_MAX), (64, 2 * READINGS_MAX)]), (74, true));
        // One that is early has the whole time.
        assert_eq!(waits(false, &[(5, READINGS_MAX), (55, READINGS_MAX)]), (60, true));
    }

    #[test]
    fn a_seeker_waits_for_the_leader_that_it_asked_alone() {
        let mut seeking = Seeking::new(Time::from_secs(1), Time::from_secs(2));
        let (a, b): (PeerId, PeerId) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(!seeking.has_asked(&a));
        seeking.asked = Some((a.clone(), Time::from_secs(1)));
        assert!(seeking.has_asked(&a) && !seeking.has_asked(&b));
    }
}
