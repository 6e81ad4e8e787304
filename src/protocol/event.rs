//! What the core tells the operator: one event, one line. Scripts rely on the texts: `docs/log.md` has them.

mod fields;
mod limits;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::elapsed::Elapsed;
use crate::ids::{Origin, PeerId, Sequence, Term};
use crate::wire::Limits;

pub use fields::Field;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Nobody answered: this peer founds a group of one.
    Alone,
    /// A peer (perhaps this one) joined the group.
    Joined {
        peer: PeerId,
    },
    /// A view was installed.
    View {
        term: Term,
        change: u64,
        members: Vec<PeerId>,
        leader_here: bool,
    },
    LeaderTimeout {
        leader: PeerId,
    },
    LeaderFailed {
        leader: PeerId,
    },
    /// At a follower: the leader no longer counts these.
    Gone {
        peers: Vec<PeerId>,
    },
    MemberFailed {
        peer: PeerId,
        members: Vec<PeerId>,
    },
    MemberLeft {
        peer: PeerId,
        members: Vec<PeerId>,
    },
    ElectionWon {
        peer: PeerId,
    },
    CoordinatorHeard {
        peer: PeerId,
    },
    /// Members of the last view that are neither here nor known to have ended.
    Split {
        away: Vec<PeerId>,
        of: usize,
        left: usize,
    },
    TakesOver {
        leader: PeerId,
        reached: usize,
        size: usize,
    },
    Merging {
        leader: PeerId,
        readings: u64,
    },
    /// What this term ordered, and what followed, is to be ordered again: lies raised it.
    Disbelieved {
        term: Term,
        readings: u64,
    },
    Suspended {
        have: usize,
        need: usize,
        waiting: u64,
    },
    /// The disk did not store this peer's promise in time.
    Stuck,
    /// A timing knob of the leader differs from this peer's.
    OtherKnob {
        name: &'static str,
        leader: String,
        own: String,
    },
    /// At a leader: these are told to keep another amount than it is, so nothing is removed.
    OtherLimits {
        own: Option<Limits>,
        peers: Vec<(PeerId, Option<Limits>)>,
    },
    /// Readings before `first` were removed, which no limit keeps; `newest` is the time of the newest of them.
    Removed {
        first: Sequence,
        readings: u64,
        bytes: u64,
        newest: Option<String>,
    },
    /// Nothing was removed: what has to be remembered of it is too much.
    NotShortened,
    /// Dials fail at the address where a peer is said to listen: by itself (`heard`), or by others.
    Unreachable {
        peer: PeerId,
        endpoint: SocketAddr,
        heard: bool,
        why: String,
    },
    /// It answers again.
    Reachable {
        peer: PeerId,
    },
    /// A peer says that this one does not answer.
    NotReached {
        peer: PeerId,
        /// Where this one listens.
        endpoint: SocketAddr,
    },
    /// That peer reached this one.
    Reached {
        peer: PeerId,
    },
    /// A peer with another configuration refused this one.
    Refused {
        why: String,
    },
    /// Nobody has these numbers of an origin any more.
    Lost {
        origin: Origin,
        first: u64,
        last: u64,
    },
    /// Somebody handed readings in under this peer's name; its own readings of these numbers are ordered under new
    /// ones.
    Forged {
        origin: Origin,
        first: u64,
        last: u64,
    },
    /// By the log, an earlier life of this peer began later than this one: this much later.
    ClockBehind {
        by: Duration,
    },
    /// Nothing is committed because these members store nothing. They are dropped; or, where without them too few would
    /// be left for the quorum, waited for.
    NotStoring {
        peers: Vec<PeerId>,
        waits: bool,
    },
    /// A peer sent what the protocol forbids; its connection was dropped or the message ignored.
    Misbehaved {
        peer: PeerId,
        what: &'static str,
        at: Sequence,
    },
    /// All readings of sources that ended are delivered.
    InputDelivered {
        readings: u64,
    },
}

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    Info,
    /// What the group lost, or what is logged once in a life. Never held back.
    Alert,
    /// What others can cause again and again: a few are logged.
    Warning,
    /// The end of a warning of the same name.
    Over,
}

impl Event {
    /// The stable name under which programs know it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Joined { .. } => "joined",
            Self::View { .. } => "view",
            Self::LeaderTimeout { .. } => "leader_silent",
            Self::LeaderFailed { .. } => "leader_gone",
            Self::Gone { .. } => "members_gone",
            Self::MemberFailed { .. } => "member_failed",
            Self::MemberLeft { .. } => "member_left",
            Self::ElectionWon { .. } => "election_won",
            Self::CoordinatorHeard { .. } => "coordinator_heard",
            Self::Split { .. } => "split",
            Self::TakesOver { .. } => "takes_over",
            Self::Merging { .. } => "merging",
            Self::Disbelieved { .. } => "term_disbelieved",
            Self::Suspended { .. } => "suspended",
            Self::Stuck => "disk_stuck",
            Self::OtherKnob { .. } => "timing_differs",
            Self::OtherLimits { .. } => "limits_differ",
            Self::Removed { .. } => "readings_removed",
            Self::NotShortened => "not_shortened",
            Self::Unreachable { .. } | Self::Reachable { .. } => "unreachable",
            Self::NotReached { .. } | Self::Reached { .. } => "not_reached",
            Self::Refused { .. } => "refused",
            Self::Lost { .. } => "readings_lost",
            Self::Forged { .. } => "readings_forged",
            Self::ClockBehind { .. } => "clock_behind",
            Self::NotStoring { .. } => "members_not_storing",
            Self::Misbehaved { .. } => "misbehaved",
            Self::InputDelivered { .. } => "input_delivered",
        }
    }

    #[must_use]
    pub fn loudness(&self) -> Loudness {
        match self {
            Self::Stuck
            | Self::OtherKnob { .. }
            | Self::OtherLimits { .. }
            | Self::NotShortened
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::NotReached { .. }
            | Self::Lost { .. }
            | Self::Forged { .. }
            | Self::NotStoring { .. }
            | Self::Misbehaved { .. } => Loudness::Warning,
            Self::LeaderTimeout { .. }
            | Self::LeaderFailed { .. }
            | Self::Gone { .. }
            | Self::MemberFailed { .. }
            | Self::Split { .. }
            | Self::Suspended { .. }
            | Self::ClockBehind { .. }
            | Self::Disbelieved { .. } => Loudness::Alert,
            Self::Reachable { .. } | Self::Reached { .. } => Loudness::Over,
            Self::Merging { readings, .. } if *readings > 0 => Loudness::Alert,
            _ => Loudness::Info,
        }
    }
}

/// `[a, b, c]`
struct List<'a>(&'a [PeerId]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, id) in self.0.iter().enumerate() {
            write!(f, "{}{id}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

impl Event {
    /// What is wrong with the readings of a life.
    fn fmt_lives(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { origin, first, last } => {
                write!(
                    f,
                    "Readings {first} to {last} of {origin} are lost, unless they turn up: nobody here has them, since a disk \
                     lost them or was cleared"
                )
            }
            Self::Forged { origin, first, last } => write!(
                f,
                "Readings {first} to {last} of {origin} in the log are not this peer's: somebody gave them under its name; its \
                 own readings are ordered under other numbers"
            ),
            Self::ClockBehind { by } => write!(
                f,
                "The clock of this host is behind by {} or more: by it, readings of this peer in the log are from a start in \
                 the future, unless others gave them; they stay apart, but readings that come without a time get a wrong one \
                 until it is set",
                Elapsed(*by)
            ),
            _ => Ok(()),
        }
    }

    /// Which peer reaches which.
    fn fmt_reach(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { peer, endpoint, heard, why } => write!(
                f,
                "Peer {peer} {}cannot be reached at {endpoint} over TCP ({why}): a firewall may be in the way; give that peer a \
                 fixed --port and open it there, or check its --bind",
                if *heard { "is heard and " } else { "" }
            ),
            Self::Reachable { peer } => write!(f, "Peer {peer} can be reached"),
            Self::NotReached { peer, endpoint } => write!(
                f,
                "Peer {peer} cannot reach this one at {endpoint} over TCP, so that they are in no group together: give this one \
                 a fixed --port and open it here, or check --bind"
            ),
            Self::Reached { peer } => write!(f, "Peer {peer} reached this one"),
            _ => Ok(()),
        }
    }
}

/// One line, or two lines with LF between them where the contract asks for two.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone => f.write_str("No response received. Assuming role of Group Leader."),
            Self::Joined { peer } => write!(f, "Peer {peer} is now part of the network."),
            Self::View { term, change, members, leader_here } => {
                write!(f, "View {}.{change}@{}: {}", term.counter, term.leader, List(members))?;
                f.write_str(if *leader_here { "\nIs Group Leader: True" } else { "\nIs Group Leader: False" })
            }
            Self::LeaderTimeout { leader } => {
                write!(f, "Leader heartbeat timeout, starting bully election\nLeader {leader} is silent")
            }
            Self::LeaderFailed { leader } => {
                write!(f, "Leader failure detected, initiating bully election.\nLeader {leader} is gone")
            }
            Self::Gone { peers } => write!(f, "Gone from the group: {}", List(peers)),
            Self::MemberFailed { peer, members } => write!(f, "Peer {peer} failed, updated group: {}", List(members)),
            Self::MemberLeft { peer, members } => write!(f, "Peer {peer} left, updated group: {}", List(members)),
            Self::ElectionWon { peer } => write!(
                f,
                "No OK received. {peer} becomes leader.\nPeer {peer} became the Group Leader via election."
            ),
            Self::CoordinatorHeard { peer } => write!(f, "Received COORDINATOR announcement: {peer}"),
            Self::Split { away, of, left } => {
                write!(f, "Split: {} of {of} members out of reach, {}; going on with {left}", away.len(), List(away))
            }
            Self::TakesOver { leader, reached, size } => {
                write!(f, "Taking over from {leader}: {reached} peers answer here, and its view has {size}")
            }
            Self::Merging { leader, readings } => {
                write!(f, "Merging with the group of {leader}: {readings} readings to order again")
            }
            Self::Disbelieved { term, readings } => write!(
                f,
                "No elections reach term {term}, a peer of the group lied: {readings} readings to fetch or to order again"
            ),
            Self::Suspended { have, need, waiting } => {
                write!(f, "Suspended: {have} of {need} members, {waiting} readings waiting")
            }
            Self::Stuck => {
                f.write_str("The disk of this peer stores nothing for an election timeout: it leaves it to others to lead")
            }
            Self::OtherKnob { name, leader, own } => write!(
                f,
                "The leader runs with {name} {leader}, this peer with {own}: give every peer the same, or they elect for ever"
            ),
            Self::OtherLimits { .. } | Self::Removed { .. } | Self::NotShortened => self.fmt_limits(f),
            Self::Unreachable { .. } | Self::Reachable { .. } | Self::NotReached { .. } | Self::Reached { .. } => {
                self.fmt_reach(f)
            }
            Self::Refused { why } => write!(f, "A peer refused this one: {why}"),
            Self::Lost { .. } | Self::Forged { .. } | Self::ClockBehind { .. } => self.fmt_lives(f),
            Self::NotStoring { peers, waits } => write!(
                f,
                "Nothing is committed any more: {} of the members store nothing, {}; {}",
                peers.len(),
                List(peers),
                if *waits { "without them too few are left for the quorum" } else { "going on without them" }
            ),
            Self::Misbehaved { peer, what, at } => write!(f, "Peer {peer} {what} at #{at}; ignored"),
            Self::InputDelivered { readings } => write!(f, "End of input, {readings} readings delivered"),
        }
    }
}

#[cfg(test)]
mod tests;
