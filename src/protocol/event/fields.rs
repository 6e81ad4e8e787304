//! The fields of an event, for programs, beside its text: `docs/log.md` names them.

use super::Event;
use crate::ids::PeerId;

/// The value of a field.
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

impl Event {
    /// The fields of this event, by their stable names.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, Field)> {
        match self {
            Self::Alone | Self::Stuck | Self::NotShortened => vec![],
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
            Self::Disbelieved { term, readings } => {
                vec![("term", Field::Text(term.to_string())), ("readings", Field::Number(*readings))]
            }
            Self::Suspended { have, need, waiting } => {
                vec![("have", (*have).into()), ("need", (*need).into()), ("waiting", Field::Number(*waiting))]
            }
            Self::OtherKnob { name, leader, own } => {
                vec![("option", Field::Text((*name).to_owned())), ("leader", leader.into()), ("own", own.into())]
            }
            Self::OtherLimits { peers, .. } => {
                vec![("who", Field::List(peers.iter().map(|(peer, _)| peer.to_string()).collect()))]
            }
            Self::Removed { first, readings, bytes, .. } => vec![
                ("first", Field::Number(*first)),
                ("readings", Field::Number(*readings)),
                ("bytes", Field::Number(*bytes)),
            ],
            Self::Refused { why } => vec![("why", why.into())],
            Self::Lost { origin, first, last } | Self::Forged { origin, first, last } => vec![
                ("origin", Field::Text(origin.to_string())),
                ("first", Field::Number(*first)),
                ("last", Field::Number(*last)),
            ],
            Self::ClockBehind { by } => vec![("seconds", Field::Number(by.as_secs()))],
            Self::NotStoring { peers, waits } => vec![("who", peers.into()), ("waits", Field::Flag(*waits))],
            Self::InputDelivered { readings } => vec![("readings", Field::Number(*readings))],
        }
    }
}
