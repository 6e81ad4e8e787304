//! All that can happen to a peer. Each is taken by `Peer::step` with the time at which it happened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::ids::{PeerId, Sequence, Term};
use crate::wire::{Hello, Here, Lines, Message, Range, Refusal, Request, RunList, Token};

/// Time since an arbitrary start, from a clock that never goes back.
pub type Time = Duration;

/// An incoming TCP connection; numbers are never used again within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// The four loops that wait for a deadline of the core, each on a thread of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    Discovery,
    Heartbeat,
    LeaderCheck,
    Election,
}

impl Alarm {
    pub const ALL: [Self; 4] = [Self::Discovery, Self::Heartbeat, Self::LeaderCheck, Self::Election];
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A deadline that `Peer::deadline` named has come. Too early or too often does no harm.
    Alarm(Alarm),
    /// A `NEW_PEER_REQUEST` or `LEADER` of this group came by broadcast (this peer's included), from this address.
    Datagram { from: IpAddr, message: Message },
    /// An incoming connection said, in this protocol version, which process it comes from and which one it is for. It
    /// comes `from` there, and was made to this peer `at` this endpoint. Answered by `Effect::Admit`, mostly later.
    Hello { connection: ConnectionId, from: IpAddr, at: SocketAddr, hello: Hello },
    /// A question came. Answered by `Effect::Answer`, in this step.
    Asked { connection: ConnectionId, from: IpAddr, hello: Hello, question: Question },
    /// What became of an `Effect::Call`, or, perhaps several times, of an `Effect::Ask`.
    Answered { nonce: Token, from: SocketAddr, answer: Answer },
    /// A message came on an admitted connection. Whatever is no longer current is ignored.
    Received { connection: ConnectionId, message: Message },
    /// `SEQUENCER_REQUEST`s, drained from the sequencer's inbox together.
    Requests(Vec<(ConnectionId, Term, Request)>),
    /// An incoming connection was read to its end.
    Ended { connection: ConnectionId },
    /// The link to this peer was dialled again after it broke or was refused: what was under way may be lost.
    LinkUp { peer: PeerId },
    /// Nobody listens at the address of this peer (or somebody else does): its process is gone.
    Refused { peer: PeerId },
    /// The peer that was dialled answered `ERROR` to its link.
    Rejected { peer: PeerId, why: Refusal },
    /// A leader with another `--quorum` was heard by broadcast.
    OtherQuorum { why: Refusal },
    /// Readings that a sensor of this peer made.
    Readings(Lines),
    /// A source of this peer has nothing more; it gave this many readings.
    EndOfInput { readings: u64 },
    /// What the storage has done since it last reported, in order.
    Stored(Vec<Done>),
    /// SIGTERM or SIGINT.
    Stop,
    /// The disk failed: nothing more will be stored.
    DiskFailed,
}

/// What one peer asks another on a connection of its own: who listens there? It may carry a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub nonce: Token,
    /// `NEW_PEER_REQUEST` or `LEADER`.
    pub hint: Option<Message>,
    /// As in `WHO`.
    pub dialled: Option<(Token, SocketAddr)>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Here(Box<Here>),
    /// Nobody listens there.
    Refused,
    /// Nothing came in time, or nothing that makes sense.
    Silent,
    /// `ERROR`, and why.
    Error(Refusal),
}

/// What the storage did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The log is stored up to here.
    Appended { last: Sequence },
    /// The log was cut to `to`, or what is left of it is even shorter; these readings were above and are kept as
    /// pending on disk.
    Cut { to: Sequence, returned: Vec<Range> },
    /// A message that waited has been handed to its link, and says that the log is stored up to here: see
    /// [`Done::said`].
    Said { term: Term, stored: Sequence },
    /// A `COORDINATOR` that waited has been handed to its link: the promise of this term is stored.
    Proposed { term: Term },
    /// Readings asked for by `Store::Recall`.
    Recalled(Request),
    /// CSV rows up to here are written.
    Delivered { up_to: Sequence },
    /// The answer to `Store::Survey`: the limits of this peer no longer keep the entries up to here.
    Surveyed { to: Sequence },
    /// The log begins after `base` now: the end of the last batch up to `asked`. `newest` is the latest time of the
    /// readings that went. None did where what is left of them would be `too_much`.
    Removed { asked: Sequence, base: Sequence, readings: u64, bytes: u64, newest: Option<String>, too_much: bool },
}

impl Done {
    /// What is to be reported when a message that waited for the storage is handed to its link.
    #[must_use]
    pub fn said(message: &Message) -> Option<Self> {
        match message {
            Message::Stored { term, last } => Some(Self::Said { term: term.clone(), stored: *last }),
            Message::Fetch { term, from } => Some(Self::Said { term: term.clone(), stored: from.saturating_sub(1) }),
            Message::Coordinator { term } => Some(Self::Proposed { term: term.clone() }),
            _ => None,
        }
    }
}

/// What stable storage held when the peer started. All empty without `--resume`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    pub promised: Option<Term>,
    pub synced: Option<Term>,
    /// The sequence that the log has to reach, or it was damaged; [`NEEDS_ALL`](crate::ids::NEEDS_ALL) where it was.
    pub needs: Sequence,
    pub runs: RunList,
    /// Entries up to here were removed.
    pub base: Sequence,
    pub last: Sequence,
    /// Which numbers of which origin are in the log; ranges of one origin are disjoint and rising.
    pub origins: Vec<Range>,
    /// Highest sequence with a CSV row.
    pub delivered: Sequence,
    /// Last sequence and ranges of each batch that ends above `delivered`.
    pub uncommitted: Vec<(Sequence, Vec<Range>)>,
    /// Last sequence of each of them that says where the log begins, and that sequence.
    pub keeps: Vec<(Sequence, Sequence)>,
    /// Readings kept as pending on disk.
    pub pending: Vec<Range>,
}
