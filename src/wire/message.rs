//! Everything peers say to each other, as data. `encode` and `parse` hold how it is written as text.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use super::base::Base;
use super::batch::Request;
use super::frame::Frame;
use super::limits::Limits;
use super::refusal::Refusal;
use crate::ids::{Incarnation, PeerId, Rank, Sequence, Term};

/// Version of the conversation; peers of another version are refused.
pub const PROTOCOL_VERSION: u32 = 2;

/// A number that nobody can guess: only a peer that was told it can repeat it. Written as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u64);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text is not a [`Token`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not of 16 hex digits")]
pub struct TokenError;

impl FromStr for Token {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 16 || !text.bytes().all(hex) {
            return Err(TokenError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| TokenError)
    }
}

/// The name of a peer, and where it listens.
///
/// An endpoint with an unspecified address (`0.0.0.0`, `[::]`) means "the address you see me at": `net` fills it in
/// where a peer speaks of itself, in datagrams and in `HELLO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub id: PeerId,
    pub priority: i64,
    pub incarnation: Incarnation,
    pub endpoint: SocketAddr,
}

impl Contact {
    #[must_use]
    pub fn rank(&self) -> Rank<'_> {
        Rank { priority: self.priority, id: &self.id }
    }
}

/// What a seat in a view says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    pub priority: i64,
    pub incarnation: Incarnation,
    pub endpoint: SocketAddr,
}

impl Seat {
    /// The rank of its holder, which the view keeps beside it.
    #[must_use]
    pub fn rank<'a>(&self, id: &'a PeerId) -> Rank<'a> {
        Rank { priority: self.priority, id }
    }
}

/// The first line of every TCP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    pub version: u32,
    pub group: String,
    /// `--quorum`; `None` where it is off.
    pub quorum: Option<u32>,
    pub peer: PeerId,
    pub incarnation: Incarnation,
    pub endpoint: SocketAddr,
    /// The peer that the dialler means to reach; `None` if it only asks a question.
    pub addressee: Option<PeerId>,
    /// The dialler tells it only to this addressee at this address. Before the addressee believes a word, it asks back
    /// with the token at the address that the dialler names.
    pub token: Token,
}

/// What a peer has to do with a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belongs {
    /// It seeks one, or elects.
    Nowhere,
    /// It follows this leader, as far as it knows.
    Follows(Contact),
    /// It leads this view; `start` is its log as it is now.
    Leads(ViewChange),
}

/// The answer to a question, on the connection that brought the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// The question's.
    pub nonce: Token,
    pub contact: Contact,
    /// It seeks: no leader, no view, no election.
    pub seeking: bool,
    /// It belonged to a group in this life.
    pub serves: bool,
    /// It did dial the asker, at the address that the question names and with its token.
    pub dialled: bool,
    pub belongs: Belongs,
}

/// The list of a log's terms: `(term, first sequence ordered in it)`, rising in both.
pub type RunList = Vec<(Term, Sequence)>;

/// The leader's log at the start of its term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermStart {
    pub runs: RunList,
    pub last: Sequence,
}

/// The durations that a leader runs with, for others to compare with their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    pub heartbeat_interval: Duration,
    pub heartbeat_timeout: Duration,
    pub election_timeout: Duration,
}

/// A view and what a receiver needs to act on it: `VIEW_CHANGE` and `ADDED TO NETWORK`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewChange {
    pub term: Term,
    pub change: u64,
    pub members: BTreeMap<PeerId, Seat>,
    pub timing: Timing,
    pub start: TermStart,
}

impl ViewChange {
    /// The ids of the members, sorted by rank.
    #[must_use]
    pub fn ordered_peer_list(&self) -> Vec<&PeerId> {
        ordered_peer_list(&self.members)
    }
}

/// The ids of a view's members, sorted by rank.
#[must_use]
pub fn ordered_peer_list(members: &BTreeMap<PeerId, Seat>) -> Vec<&PeerId> {
    let mut ranks: Vec<Rank> = members.iter().map(|(id, seat)| seat.rank(id)).collect();
    ranks.sort_unstable();
    ranks.into_iter().map(|rank| rank.id).collect()
}

/// What a leader says of its group: seekers find it by this, and other leaders compare it with theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    pub term: Term,
    pub leader: Contact,
    /// Members of its view.
    pub size: u64,
    pub last: Sequence,
}

/// One line, with its block where it has one.
///
/// `term` is the sender's: the installed one, in an election the promised one, `None` before the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Hello(Hello),
    Error {
        why: Refusal,
    },
    NewPeerRequest(Contact),
    Leader(Leadership),
    /// Which peer listens at this address? `dialled` asks whether it made a connection that claims to come from there:
    /// the token of the connection, and the address of the asker that it was made to.
    Who {
        nonce: Token,
        dialled: Option<(Token, SocketAddr)>,
    },
    Here(Box<Here>),
    /// What does this peer know of itself and its group? A first line, without `HELLO`: a reader of the group's traffic may ask.
    Status,
    /// The answer: an object of JSON on one line.
    Report {
        json: String,
    },
    Join {
        promised: Option<Term>,
        priority: i64,
        runs: RunList,
        last: Sequence,
        /// How much the sender is told to keep, if anything limits it.
        limits: Option<Limits>,
    },
    /// `incarnation` is the receiver's: an answer to an earlier life is ignored.
    Added {
        view: ViewChange,
        incarnation: Incarnation,
    },
    ViewChange(ViewChange),
    Heartbeat {
        term: Term,
        committed: Sequence,
    },
    HeartbeatAck {
        term: Term,
        stored: Sequence,
    },
    Election {
        term: Option<Term>,
        from: PeerId,
    },
    Ok {
        term: Option<Term>,
    },
    Coordinator {
        term: Term,
    },
    LogState {
        term: Term,
        synced: Option<Term>,
        runs: RunList,
        last: Sequence,
        limits: Option<Limits>,
    },
    Fetch {
        term: Term,
        from: Sequence,
    },
    /// The answer to a `FETCH` of what was removed: the log of the sender begins after this.
    Base {
        term: Term,
        base: Base,
    },
    SequencerRequest {
        term: Term,
        request: Request,
    },
    Ordered {
        term: Term,
        frame: Frame,
    },
    Stored {
        term: Term,
        last: Sequence,
    },
    Commit {
        term: Term,
        up_to: Sequence,
    },
    /// `term` is what the sender promised, `leader` the living leader it follows, if it does.
    Stale {
        term: Option<Term>,
        leader: Option<Contact>,
    },
    Yield {
        term: Term,
        leader: Option<Contact>,
    },
    Leave {
        term: Option<Term>,
    },
}

impl Message {
    /// The sender's term, where the message carries it.
    #[must_use]
    pub fn term(&self) -> Option<&Term> {
        match self {
            Self::Hello(_)
            | Self::Error { .. }
            | Self::NewPeerRequest(_)
            | Self::Who { .. }
            | Self::Here(_)
            | Self::Status
            | Self::Report { .. } => None,
            Self::Leader(leadership) => Some(&leadership.term),
            Self::Added { view, .. } | Self::ViewChange(view) => Some(&view.term),
            Self::Join { promised: term, .. }
            | Self::Election { term, .. }
            | Self::Ok { term }
            | Self::Stale { term, .. }
            | Self::Leave { term } => term.as_ref(),
            Self::Heartbeat { term, .. }
            | Self::HeartbeatAck { term, .. }
            | Self::Coordinator { term }
            | Self::LogState { term, .. }
            | Self::Fetch { term, .. }
            | Self::Base { term, .. }
            | Self::SequencerRequest { term, .. }
            | Self::Ordered { term, .. }
            | Self::Stored { term, .. }
            | Self::Commit { term, .. }
            | Self::Yield { term, .. } => Some(term),
        }
    }
}
