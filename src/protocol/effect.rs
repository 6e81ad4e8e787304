//! All that the core can ask for, in the order in which it must happen.
//!
//! A *link* is the connection that this peer makes to another one, for what this peer says to it. It is made by the first
//! message to that peer and begins with `Peer::hello`. The duties of the code that carries effects out:
//!
//! 1. A refused dial empties the link and is reported as `Input::Refused`, an `ERROR` on it as `Input::Rejected`. The next
//!    message dials again after a pause, and that is reported as after a break (2). A dial without an answer within the
//!    heartbeat interval, at most a second, is given up and repeated while there is something to say.
//! 2. A link that breaks (write error, end of its reading side, `Effect::Redial`) forgets bulk (`SEQUENCER_REQUEST`,
//!    `Serve`) and cumulative messages, keeps other messages that it has not begun to write, and is dialled again
//!    without a pause. When it is up again, that is reported as `Input::LinkUp` (a first dial is not) before `HELLO` is
//!    written: the other side's answer to the new connection must not come first. Until that step the link takes no
//!    `SEQUENCER_REQUEST`: its numbers would leave a gap after those that were lost. With `Effect::Redial` the old
//!    connection is closed only after the `HELLO` of the new one was written: its end alone would make the other side
//!    break its own link, and so on.
//! 3. Messages keep their order, but bulk may be overtaken by all others, and of the cumulative ones (`COMMIT`,
//!    `STORED`, `HEARTBEAT`, `HEARTBEAT_ACK`, `LEADER`) a newer one replaces an older one that still waits. `LEAVE` goes
//!    after everything else.
//! 4. An incoming connection is read from its `HELLO` on only when `Admission::Accept` came, in order, and reported as
//!    `Input::Ended` after all it held was read.
//! 5. `Done::Cut` is stepped before any message leaves that was handed over after the cut. Otherwise the answer to a
//!    `FETCH` would come to a core that still waits for its cut.

use std::net::SocketAddr;

use super::event::Event;
use super::input::{ConnectionId, Question};
use crate::ids::{PeerId, Sequence, Term};
use crate::wire::{Base, Frame, Message, Range, Refusal, Request};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Hand a message to the link to this peer now; the link dials `Peer::endpoint_of` where it is not up.
    Send { to: PeerId, message: Message },
    /// Send log batches to this peer as `ORDERED`: see [`Serve`].
    Serve { to: PeerId, serve: Serve },
    /// Send a datagram to all of the network.
    Broadcast(Message),
    /// Ask the process that listens at this endpoint, on a connection for this question alone. The outcome is reported
    /// as `Input::Answered`, within the heartbeat interval and a second at most.
    Call(Call),
    /// Ask at every `--join` address, in the same way.
    Ask(Question),
    /// The answer to `Input::Asked`: `HERE`, or `ERROR`. The connection is closed after it.
    Answer { connection: ConnectionId, message: Message },
    /// Break the link to this peer, forget all that waits there except control messages, and dial again.
    Redial { peer: PeerId },
    /// Close the link to this peer and forget what waits there; the next message to it dials again.
    Close { peer: PeerId },
    /// The answer to `Input::Hello`.
    Admit { connection: ConnectionId, admission: Admission },
    /// Read nothing more from this connection: a newer one replaced it.
    Drop { connection: ConnectionId },
    /// Hand this to the storage, which does everything in order.
    Store(Store),
    /// Tell the operator.
    Tell(Event),
    /// The peer is done. What was handed to storage and links before is written and sent first, within reason.
    Exit(Exit),
}

/// Permission to send log batches. The link keeps the position: with `restart` it begins again after that sequence, and
/// then sends each batch that begins at or below `up_to`.
///
/// `cuts` is how often the log had been cut: a permission from before a cut is void, since other bytes are there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// The sender's term, for `ORDERED`.
    pub term: Term,
    pub cuts: u64,
    pub restart: Option<Sequence>,
    pub up_to: Sequence,
}

/// A question to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub to: SocketAddr,
    pub question: Question,
    /// It concerns a member, or a peer that a member named: it goes before questions to strangers.
    pub urgent: bool,
}

/// What becomes of an incoming connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Read on.
    Accept,
    /// Answer `ERROR:<why>` and close.
    Refuse { why: Refusal },
    // Until it is admitted it waits: its lines are not read.
}

/// Work for the storage, done strictly in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// Replace `state`.
    State(State),
    /// Append a batch to the log. Reported as `Done::Appended`.
    Append(Frame),
    /// Keep readings as pending on disk (`--resume`).
    Keep(Request),
    /// Keep what is above `to` as pending, write `state`, truncate the CSV files, cut the journal. Reported; where `to`
    /// is within a batch, with the end of the batch before. A cut to 0 also forgets what was removed before.
    Cut { to: Sequence, state: State },
    /// Write CSV rows up to here, and forget which of them are pending. Reported.
    Deliver { up_to: Sequence },
    /// Read pending readings back. Reported, in one piece or several.
    Recall(Range),
    /// Find out how much of the log the limits of this peer no longer keep. Reported, if it is anything.
    Survey,
    /// Remove entries and rows up to here, which are delivered. Reported.
    Remove { to: Sequence },
    /// Replace a log that is a part of this beginning by it, and remove its rows. Reported as `Done::Appended` and
    /// `Done::Delivered`.
    Begin(Base),
    /// Hand `BASE` to this link: where the log begins by now.
    SayBase { to: PeerId, term: Term },
    /// Hand a message to its link once all of the above is stored.
    Say { to: PeerId, message: Message },
}

/// What `state` holds beside id and incarnation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub promised: Option<Term>,
    pub synced: Option<Term>,
    /// As in [`Found`](super::Found).
    pub needs: Sequence,
}

/// Why a peer ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to stop, and everything taken in is committed.
    Stopped,
    /// It was asked to stop; this many readings taken in are not known to be committed.
    StoppedWith { uncommitted: u64 },
    /// Another process answers to the same id.
    Duplicate { endpoint: Option<SocketAddr> },
    /// The disk failed; the storage has said how.
    Disk,
}

/// Where the core puts its effects.
pub type Effects = Vec<Effect>;
