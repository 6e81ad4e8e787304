//! What the core tells the operator: one event, one line. The texts are the contract of INTERFACE.md.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::about::About;
use crate::ids::{Origin, PeerId, Sequence, Term};

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
    /// At a follower: the leader counts these no more.
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
    /// Members of the view before that are neither here nor known to have ended.
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
    Suspended {
        have: usize,
        need: usize,
        waiting: u64,
    },
    /// The disk did not store this peer's promise in time.
    Stuck,
    /// A timing knob of the leader differs from the own one.
    OtherKnob {
        name: &'static str,
        leader: String,
        own: String,
    },
    /// A peer is heard, and does not answer where it says that it listens; or nobody listens there (`refused`).
    Unreachable {
        peer: PeerId,
        endpoint: SocketAddr,
        refused: bool,
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
    /// A peer is configured otherwise and refused this one.
    Refused {
        why: String,
    },
    /// Numbers of an origin that nobody has any more.
    Lost {
        origin: Origin,
        first: u64,
        last: u64,
    },
    /// Somebody handed readings in under this peer's name; its own ones of these numbers are ordered under others.
    Forged {
        origin: Origin,
        first: u64,
        last: u64,
    },
    /// An earlier life of this peer began later by its clock, by so much, as the log has it.
    ClockBehind {
        by: Duration,
    },
    /// Nothing is committed because these members store nothing.
    NotStoring {
        peers: Vec<PeerId>,
    },
    /// A peer sent what the protocol forbids; its connection was dropped or the message ignored.
    Misbehaved {
        peer: PeerId,
        what: &'static str,
        at: Sequence,
    },
    /// All readings of sources that ended stand delivered.
    InputDelivered {
        readings: u64,
    },
}

/// Something that is known of an event, for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<String>),
}

impl From<&PeerId> for Field {
    fn from(peer: &PeerId) -> Self {
        Self::Text(peer.to_string())
    }
}

impl From<&Vec<PeerId>> for Field {
    fn from(peers: &Vec<PeerId>) -> Self {
        Self::List(peers.iter().map(ToString::to_string).collect())
    }
}

impl From<&String> for Field {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<usize> for Field {
    fn from(count: usize) -> Self {
        Self::Number(count as u64)
    }
}

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    Info,
    /// What the group lost, or what is told once in a life. Never held back.
    Alert,
    /// What others can cause again and again: a few are told.
    Warning,
    /// The end of a warning of the same name.
    Over,
}

impl Event {
    /// What is known of it, by stable names; those of its text.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, Field)> {
        match self {
            Self::Alone | Self::Stuck => vec![],
            Self::Unreachable { peer, endpoint, .. } | Self::NotReached { peer, endpoint } => {
                vec![("who", peer.into()), ("endpoint", Field::Text(endpoint.to_string()))]
            }
            Self::Joined { peer }
            | Self::Reachable { peer }
            | Self::Reached { peer }
            | Self::Misbehaved { peer, .. } => vec![("who", peer.into())],
            Self::View { term, change, members, leader_here } => vec![
                ("term", Field::Number(term.counter)),
                ("change", Field::Number(*change)),
                ("leader", (&term.leader).into()),
                ("members", members.into()),
                ("leads", Field::Flag(*leader_here)),
            ],
            Self::LeaderTimeout { leader } | Self::LeaderFailed { leader } => vec![("leader", leader.into())],
            Self::ElectionWon { peer } | Self::CoordinatorHeard { peer } => vec![("leader", peer.into())],
            Self::Gone { peers } => vec![("gone", peers.into())],
            Self::MemberFailed { peer, members } | Self::MemberLeft { peer, members } => {
                vec![("who", peer.into()), ("members", members.into())]
            }
            Self::Split { away, of, left } => {
                vec![("away", away.into()), ("of", (*of).into()), ("left", (*left).into())]
            }
            Self::TakesOver { leader, reached, size } => {
                vec![("leader", leader.into()), ("reached", (*reached).into()), ("size", (*size).into())]
            }
            Self::Merging { leader, readings } => {
                vec![("leader", leader.into()), ("readings", Field::Number(*readings))]
            }
            Self::Suspended { have, need, waiting } => {
                vec![("have", (*have).into()), ("need", (*need).into()), ("waiting", Field::Number(*waiting))]
            }
            Self::OtherKnob { name, leader, own } => {
                vec![("option", Field::Text((*name).to_owned())), ("leader", leader.into()), ("own", own.into())]
            }
            Self::Refused { why } => vec![("why", why.into())],
            Self::Lost { origin, first, last } | Self::Forged { origin, first, last } => vec![
                ("origin", Field::Text(origin.to_string())),
                ("first", Field::Number(*first)),
                ("last", Field::Number(*last)),
            ],
            Self::ClockBehind { by } => vec![("seconds", Field::Number(by.as_secs()))],
            Self::NotStoring { peers } => vec![("who", peers.into())],
            Self::InputDelivered { readings } => vec![("readings", Field::Number(*readings))],
        }
    }

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
            Self::Suspended { .. } => "suspended",
            Self::Stuck => "disk_stuck",
            Self::OtherKnob { .. } => "timing_differs",
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
            | Self::ClockBehind { .. } => Loudness::Alert,
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
    /// Who reaches whom.
    fn fmt_reach(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { peer, endpoint, refused } => write!(
                f,
                "Peer {peer} is heard and cannot be reached at {endpoint} over TCP ({}): a firewall may be in the way; give that \
                 peer a fixed --port and open it there, or see to its --bind",
                if *refused { "nobody listens there" } else { "no answer" }
            ),
            Self::Reachable { peer } => write!(f, "Peer {peer} can be reached"),
            Self::NotReached { peer, endpoint } => write!(
                f,
                "Peer {peer} cannot reach this one at {endpoint} over TCP, so that they are in no group together: give this one \
                 a fixed --port and open it here, or see to --bind"
            ),
            Self::Reached { peer } => write!(f, "Peer {peer} reached this one"),
            _ => Ok(()),
        }
    }
}

/// One line, or two lines parted by LF where the contract asks for two.
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
            Self::Unreachable { .. } | Self::Reachable { .. } | Self::NotReached { .. } | Self::Reached { .. } => {
                self.fmt_reach(f)
            }
            Self::Refused { why } => write!(f, "A peer refused this one: {why}"),
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
                 own ones are ordered under other numbers"
            ),
            Self::ClockBehind { by } => write!(
                f,
                "The clock of this host is behind by {} or more: readings of this peer in the log are of a start that is yet to \
                 come by it, unless others gave them; they stay apart, but those that bear no time of their own get a wrong one \
                 until it is set",
                About(*by)
            ),
            Self::NotStoring { peers } => write!(
                f,
                "Nothing is committed any more: {} of the members store nothing, {}; going on without them",
                peers.len(),
                List(peers)
            ),
            Self::Misbehaved { peer, what, at } => write!(f, "Peer {peer} {what} at #{at}; ignored"),
            Self::InputDelivered { readings } => write!(f, "End of input, {readings} readings delivered"),
        }
    }
}
