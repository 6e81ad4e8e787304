//! Deliberate faults, each of which breaks a promise: they show that the checks notice.

use crate::ids::PeerId;
use crate::protocol::{Done, Effect, Event, Found, Input, Peer, Settings, State, Store};
use crate::wire::{Frame, Message, TermStart, ViewChange};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// Two hosts run a peer of the same id and incarnation.
    TwoLivesAsOne,
    /// A batch's readings change on the way to a member.
    ChangedBatch,
    /// A leader orders a reading again that it has ordered.
    OrderedAgain,
    /// A leader leaves a number of an origin out.
    LeftOut,
    /// A peer that installs a term is told that the leader's log is like its own, and cuts nothing.
    UncutLogs,
    /// `STORED` covers what was not received.
    StoredTooEarly,
    /// `COMMIT` covers more than a majority holds.
    CommitTooHigh,
    /// All readings of one peer vanish on their way to the leader, and their connection stays. Then no log has a gap,
    /// and only the readings are missing.
    LostRequests,
    /// Rows are reported as written and are not.
    LostRows,
    /// `COORDINATOR` never arrives.
    NoCoordinator,
    /// One request of a peer vanishes on its way to the leader, however often it is sent.
    LostRequest,
    /// `STALE` never arrives.
    NoStale,
    /// All answers to a `COORDINATOR` have the same `synced`: only the length of a log counts.
    RankedByLength,
    /// Peers are satisfied with one fewer than the quorum.
    QuorumTooLow,
    /// Messages leave before what they report is stored.
    SaidBeforeStored,
    /// Only `FETCH` leaves too early.
    FetchedBeforeStored,
    /// A leader counts itself before it has stored its batch.
    CountedBeforeStored,
    /// Nothing is fetched on a new link to or from the leader.
    NoFetchOnNewLink,
    /// What is cut from the log is not pending afterwards.
    LostCut,
    /// Readings taken in are not kept on disk.
    NothingKept,
    /// `state` is reported as replaced and is not.
    StateNotSaved,
    /// What is reported as synced is not synced.
    NotSynced,
    /// A peer that starts again has forgotten its promise.
    ForgottenPromise,
    /// A cut does not lower what `synced` needs.
    NeedsNotLowered,
    /// `COMMIT` covers one entry more.
    CommitOneMore,
    /// A peer that starts again has the incarnation of its last life.
    SameLife,
    /// A peer whose log was damaged takes it for whole.
    DamageIgnored,
    /// A leader counts what a learner has stored as if a member had.
    LearnersCounted,
    /// Rows are taken back and nobody is told.
    SilentMerge,
    /// Every peer says that it made each connection that claims to come from it.
    ProvenByAnybody,
    /// In a closed group, datagrams that are not sealed are read.
    PlainTextHeard,
    /// A leader removes what it has not seen stored by all.
    RemovedTooEarly,
    /// A peer that is told where the log begins keeps its rows.
    RowsKept,
    /// What is left of the removed entries is not saved.
    BaseNotSaved,
    /// In a closed group, a datagram counts as often as it comes.
    ReplaysCount,
    /// A peer that is told to stop does not write the rows that wait.
    RowsNotWritten,
}

impl Sabotage {
    /// Every one but none.
    pub const ALL: [Self; 36] = [
        Self::TwoLivesAsOne,
        Self::ChangedBatch,
        Self::OrderedAgain,
        Self::LeftOut,
        Self::UncutLogs,
        Self::StoredTooEarly,
        Self::CommitTooHigh,
        Self::LostRequests,
        Self::LostRows,
        Self::NoCoordinator,
        Self::LostRequest,
        Self::NoStale,
        Self::RankedByLength,
        Self::QuorumTooLow,
        Self::SaidBeforeStored,
        Self::FetchedBeforeStored,
        Self::CountedBeforeStored,
        Self::NoFetchOnNewLink,
        Self::LostCut,
        Self::NothingKept,
        Self::StateNotSaved,
        Self::NotSynced,
        Self::ForgottenPromise,
        Self::NeedsNotLowered,
        Self::CommitOneMore,
        Self::SameLife,
        Self::DamageIgnored,
        Self::LearnersCounted,
        Self::SilentMerge,
        Self::ProvenByAnybody,
        Self::PlainTextHeard,
        Self::RemovedTooEarly,
        Self::RowsKept,
        Self::BaseNotSaved,
        Self::ReplaysCount,
        Self::RowsNotWritten,
    ];

    /// As in `fetched-before-stored`.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sabotage| sabotage.name() == name)
    }

    /// Whether it is about what is removed.
    #[must_use]
    pub fn is_of_retention(self) -> bool {
        matches!(self, Self::RemovedTooEarly | Self::RowsKept | Self::BaseNotSaved)
    }

    /// Changes a message handed to a link; `None`: it vanishes.
    #[must_use]
    pub fn message(self, message: Message) -> Option<Message> {
        match (self, message) {
            (Self::LostRequests, Message::SequencerRequest { request, .. })
                if matches!(request.origin.peer.as_str(), "p1" | "b") =>
            {
                None
            }
            (Self::LostRequest, Message::SequencerRequest { request, .. }) if request.range().last() == 7 => None,
            (Self::NoStale, Message::Stale { .. }) | (Self::NoCoordinator, Message::Coordinator { .. }) => None,
            (Self::StoredTooEarly, Message::Stored { term, last }) => Some(Message::Stored { term, last: last + 3 }),
            (Self::CommitTooHigh, Message::Commit { term, up_to }) => Some(Message::Commit { term, up_to: up_to + 50 }),
            (_, message) => Some(message),
        }
    }

    /// Changes a message about to be written to a connection.
    #[must_use]
    pub fn written(self, message: Message) -> Message {
        match (self, message) {
            (Self::ChangedBatch, Message::Ordered { term, frame }) if frame.first() % 5 == 0 => {
                Message::Ordered { term, frame: changed(&frame) }
            }
            (_, message) => message,
        }
    }

    /// Whether this counts as said by a member, too.
    #[must_use]
    pub fn is_said_by_a_member_too(self, message: &Message) -> bool {
        self == Self::LearnersCounted && matches!(message, Message::Stored { .. })
    }

    /// Changes what a core hands to its storage; `None`: it vanishes.
    #[must_use]
    pub fn store(self, by: &PeerId, store: Store) -> Option<Store> {
        Some(match store {
            Store::Append(frame) if frame.term().leader == *by => self.ordered(frame),
            Store::Keep(_) if self == Self::NothingKept => return None,
            store => store,
        })
    }

    /// Changes a batch of a leader, before anybody has it.
    fn ordered(self, frame: Frame) -> Store {
        let mut requests = frame.requests();
        if self == Self::RemovedTooEarly && frame.first() > 1 {
            return Store::Append(Frame::build_with(
                frame.term().clone(),
                frame.first(),
                &requests,
                Some(frame.first()),
            ));
        }
        for request in &mut requests {
            match self {
                Self::OrderedAgain if request.first > 1 => request.first -= 1,
                Self::LeftOut => request.first += 1,
                _ => return Store::Append(frame),
            }
        }
        Store::Append(Frame::build(frame.term().clone(), frame.first(), &requests))
    }

    /// Whether this message leaves before what it reports is stored.
    #[must_use]
    pub fn says_early(self, store: &Store) -> bool {
        match store {
            Store::Say { message: Message::Fetch { .. }, .. } => {
                matches!(self, Self::SaidBeforeStored | Self::FetchedBeforeStored)
            }
            Store::Say { .. } => self == Self::SaidBeforeStored,
            _ => false,
        }
    }

    /// What the storage of this peer reports about work before it has done it.
    #[must_use]
    pub fn reports_early(self, by: &PeerId, store: &Store) -> Option<Done> {
        match store {
            Store::Append(frame) if self == Self::CountedBeforeStored && frame.term().leader == *by => {
                Some(Done::Appended { last: frame.last() })
            }
            _ => None,
        }
    }

    /// What a storage does after this work, if `state` was `before`.
    #[must_use]
    pub fn store_after(self, before: &State, store: &Store) -> Option<Store> {
        match store {
            Store::Cut { state, .. } if self == Self::NeedsNotLowered => {
                Some(Store::State(State { needs: before.needs, ..state.clone() }))
            }
            _ => None,
        }
    }

    /// Changes what a storage reports.
    #[must_use]
    pub fn done(self, done: Done) -> Done {
        match done {
            Done::Cut { to, .. } if self == Self::LostCut => Done::Cut { to, returned: Vec::new() },
            done => done,
        }
    }

    /// Whether the core's answer to this input lacks this effect.
    #[must_use]
    pub fn swallows(self, on_new_link: bool, effect: &Effect) -> bool {
        match effect {
            Effect::Store(Store::Say { message: Message::Fetch { .. }, .. }) => {
                self == Self::NoFetchOnNewLink && on_new_link
            }
            Effect::Tell(Event::Merging { .. }) => self == Self::SilentMerge,
            _ => false,
        }
    }

    /// Changes what a peer is told about its earlier lives.
    #[must_use]
    pub fn found(self, found: Found) -> Found {
        match self {
            Self::ForgottenPromise => Found { promised: None, ..found },
            Self::DamageIgnored => Found { needs: found.needs.min(found.last), ..found },
            _ => found,
        }
    }

    /// Changes what a peer is told about itself.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Settings {
        match self {
            Self::QuorumTooLow => Settings { quorum: settings.quorum.map(|quorum| (quorum - 1).max(1)), ..settings },
            Self::SameLife => Settings { incarnation: 1, ..settings },
            _ => settings,
        }
    }

    /// Changes a message for this peer.
    #[must_use]
    pub fn to(self, receiver: &Peer, message: Message) -> Message {
        let start = || TermStart { runs: receiver.runs(), last: receiver.last() };
        match (self, message) {
            (Self::UncutLogs, Message::Added { view, incarnation }) => {
                Message::Added { view: ViewChange { start: start(), ..view }, incarnation }
            }
            (Self::UncutLogs, Message::ViewChange(view)) => Message::ViewChange(ViewChange { start: start(), ..view }),
            (Self::RankedByLength, Message::LogState { term, runs, last, .. }) => {
                Message::LogState { term, synced: receiver.synced().cloned(), runs, last, limits: None }
            }
            (Self::CommitOneMore, Message::Commit { term, up_to }) => Message::Commit { term, up_to: up_to + 1 },
            (_, message) => message,
        }
    }
}

/// Whether this input reports a new link.
#[must_use]
pub fn is_new_link(input: &Input) -> bool {
    matches!(input, Input::LinkUp { .. } | Input::Answered { .. })
}

/// The same batch with another timestamp in its readings, and a checksum that fits.
fn changed(frame: &Frame) -> Frame {
    let mut requests = frame.requests();
    for request in &mut requests {
        let text = String::from_utf8_lossy(request.lines.as_bytes()).replace("2013", "2014");
        request.lines = crate::wire::Lines::new(text.into_bytes(), request.lines.count());
    }
    Frame::build(frame.term().clone(), frame.first(), &requests)
}
