//! What a peer is at the moment, with all that only matters while it is that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::budget::Budget;
use super::input::Time;
use super::replication::Follower;
use super::sequencer::Sequencer;
use super::view::Members;
use crate::ids::{Incarnation, Origin, PeerId, Sequence, Term};
use crate::wire::{RunList, TermStart};

#[derive(Debug)]
pub(super) enum Role {
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
    /// Stands in while the role is being changed.
    pub(super) fn placeholder(now: Time) -> Self {
        Self::Seeking(Seeking::new(now, Time::ZERO))
    }
}

#[derive(Debug)]
pub(super) struct Seeking {
    /// Nothing was heard of a leader since.
    pub(super) since: Time,
    /// When to ask all again, and how long to wait after that.
    pub(super) request_at: Time,
    pub(super) gap: Time,
    /// When a `JOIN` was sent that is not answered.
    pub(super) asked: Option<(PeerId, Time)>,
}

#[derive(Debug)]
pub(super) struct Following {
    pub(super) term: Term,
    pub(super) leader: PeerId,
    pub(super) change: u64,
    /// Empty for a learner.
    pub(super) members: Members,
    /// The leader's last sequence when its term started.
    pub(super) start: Sequence,
    /// The last sign of life of the leader.
    pub(super) heard: Time,
    /// What the leader said is committed; more than the own log may hold yet.
    pub(super) leader_commit: Sequence,
    /// The last `STORED` of this term that left.
    pub(super) told: Sequence,
    /// A `FETCH` from here is under way; 0: what it brought came too early and was dropped.
    pub(super) fetched_from: Sequence,
}

#[derive(Debug)]
pub(super) struct Electing {
    pub(super) following: Option<Following>,
    /// Peers of higher priority that may yet answer.
    pub(super) higher: BTreeSet<PeerId>,
    pub(super) got_ok: bool,
    pub(super) deadline: Time,
    /// The leader whose silence started it: told everything, waited for nowhere.
    pub(super) silent: Option<PeerId>,
    /// The operator knows that the leader is gone or silent.
    pub(super) told: bool,
}

#[derive(Debug)]
pub(super) struct Promised {
    pub(super) proposer: PeerId,
    pub(super) deadline: Time,
    /// Where the proposer is in fetching this peer's log.
    pub(super) serving: Follower,
}

#[derive(Debug)]
pub(super) struct Proposing {
    /// Who has neither answered nor failed.
    pub(super) asked: BTreeSet<PeerId>,
    /// Whose answer counts: all who were asked, and a leader that was silent.
    pub(super) invited: BTreeSet<PeerId>,
    pub(super) answers: BTreeMap<PeerId, LogState>,
    pub(super) deadline: Time,
    pub(super) beat_at: Time,
    pub(super) phase: Phase,
    /// The promise is stored, and others were told; true from the beginning where there is nobody to tell.
    pub(super) told: bool,
    /// A living leader that lifts its term for a joiner: how many members its view has.
    pub(super) raising: Option<usize>,
    /// It takes over from a leader that reaches fewer: whom it asks has nobody else to follow.
    pub(super) takes_over: bool,
}

/// How far a proposer is.
#[derive(Debug)]
pub(super) enum Phase {
    Gathering,
    /// The best log is brought in: from its owner up to `last`, or, without one, only the own cut is waited for.
    Fetching {
        owner: Option<PeerId>,
        last: Sequence,
    },
}

/// What a promiser said of its log.
#[derive(Debug, Clone)]
pub(super) struct LogState {
    pub(super) synced: Option<Term>,
    pub(super) runs: RunList,
    pub(super) last: Sequence,
}

#[derive(Debug)]
pub(super) struct Leading {
    pub(super) term: Term,
    pub(super) change: u64,
    pub(super) members: Members,
    /// The own log when the term started.
    pub(super) start: TermStart,
    pub(super) learners: BTreeMap<PeerId, Mark>,
    /// Members and learners but for the leader itself.
    pub(super) followers: BTreeMap<PeerId, Follower>,
    pub(super) sequencer: Sequencer,
    pub(super) beat_at: Time,
    /// Fewer members than the quorum since.
    pub(super) below: Option<Time>,
    /// Who was a member or a learner of this term.
    pub(super) taken_in: BTreeMap<PeerId, TakenIn>,
    /// Where commits stood at the last heartbeat, while entries waited for others to store them; and for how many heartbeats.
    pub(super) waits_at: Option<Sequence>,
    pub(super) beats_in_vain: u32,
}

/// What somebody who was taken into a term may order.
#[derive(Debug)]
pub(super) struct TakenIn {
    pub(super) incarnation: Incarnation,
    pub(super) endpoint: SocketAddr,
    /// Origins that the log does not know yet.
    pub(super) origins: Budget,
    /// Origins of which a request of its was turned away, and when.
    pub(super) turned_away: BTreeMap<Origin, Time>,
}

/// What a learner has to store to become a member: the mark is reached three times, and set anew each time.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) at: Sequence,
    pub(super) times: u8,
}
