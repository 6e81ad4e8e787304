//! Faults that no peer is meant to survive: they show that the checks see something.

use peer::ids::PeerId;
use peer::protocol::{Found, Peer, Store};
use peer::wire::{Frame, Message, TermStart, ViewChange};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    None,
    /// Two hosts run a peer of the same id and incarnation.
    TwoLivesAsOne,
    /// A batch's readings change on the way to a member.
    ChangedBatch,
    /// A leader orders a reading again that it has ordered.
    OrderedAgain,
    /// A leader leaves a number of an origin out.
    LeftOut,
    /// Who installs a term is told that the leader's log is like its own, and cuts nothing.
    UncutLogs,
    /// `STORED` tells of what was not received.
    StoredTooEarly,
    /// `COMMIT` tells of more than a majority holds.
    CommitTooHigh,
    /// All readings of one peer vanish on their way to the leader, and their connection stays. No number is missing in a
    /// log then, so that only the readings are.
    LostRequests,
    /// Rows are reported as written and are not.
    LostRows,
    /// `COORDINATOR` never arrives.
    NoCoordinator,
    /// A peer that starts again does not know what it promised.
    ForgottenPromise,
}

impl Sabotage {
    /// On a message handed to a link; `None`: it vanishes.
    pub(crate) fn message(self, message: Message) -> Option<Message> {
        match (self, message) {
            (Self::LostRequests, Message::SequencerRequest { request, .. }) if request.origin.peer.as_str() == "p1" => {
                None
            }
            (Self::NoCoordinator, Message::Coordinator { .. }) => None,
            (Self::StoredTooEarly, Message::Stored { term, last }) => Some(Message::Stored { term, last: last + 3 }),
            (Self::CommitTooHigh, Message::Commit { term, up_to }) => Some(Message::Commit { term, up_to: up_to + 50 }),
            (_, message) => Some(message),
        }
    }

    /// On a message about to be written to a connection.
    pub(crate) fn written(self, message: Message) -> Message {
        match (self, message) {
            (Self::ChangedBatch, Message::Ordered { term, frame }) if frame.first() % 5 == 0 => {
                Message::Ordered { term, frame: changed(&frame) }
            }
            (_, message) => message,
        }
    }

    /// On a batch that this peer makes as the leader, before anybody has it.
    pub(crate) fn ordered(self, by: &PeerId, store: Store) -> Store {
        match store {
            Store::Append(frame) if frame.term().leader == *by => {
                let mut requests = frame.requests();
                for request in &mut requests {
                    match self {
                        Self::OrderedAgain if request.first > 1 => request.first -= 1,
                        Self::LeftOut => request.first += 1,
                        _ => return Store::Append(frame),
                    }
                }
                Store::Append(Frame::build(frame.term().clone(), frame.first(), &requests))
            }
            store => store,
        }
    }

    /// On what a peer is told of its earlier lives.
    pub(crate) fn found(self, found: Found) -> Found {
        match self {
            Self::ForgottenPromise => Found { promised: None, ..found },
            _ => found,
        }
    }

    /// On a view for this peer.
    pub(crate) fn view(self, receiver: &Peer, message: Message) -> Message {
        if self != Self::UncutLogs {
            return message;
        }
        let start = TermStart { runs: receiver.runs(), last: receiver.last() };
        match message {
            Message::Added { view, incarnation } => Message::Added { view: ViewChange { start, ..view }, incarnation },
            Message::ViewChange(view) => Message::ViewChange(ViewChange { start, ..view }),
            message => message,
        }
    }
}

/// The same batch with another timestamp in its readings, and a checksum that fits.
fn changed(frame: &Frame) -> Frame {
    let mut requests = frame.requests();
    for request in &mut requests {
        let text = String::from_utf8_lossy(request.lines.as_bytes()).replace("2013", "2014");
        request.lines = peer::wire::Lines::new(text.into_bytes(), request.lines.count());
    }
    Frame::build(frame.term().clone(), frame.first(), &requests)
}
