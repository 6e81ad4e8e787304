//! What happened in a run, for those who look at it: who said what to whom when, and what became of each host.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{PeerId, Sequence, Term};
use crate::protocol::{Event as PeerEvent, Standing, Time};
use crate::simulation::fault::Fault;
use crate::simulation::process::Process;
use crate::simulation::world::World;
use crate::threads::talk::text_of;
pub use crate::threads::talk::Way;
use crate::wire::Message;

/// All that happened, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub moments: Vec<Moment>,
    /// Of each host, as it was last recorded.
    states: BTreeMap<usize, HostState>,
    /// Messages on each connection that have not arrived.
    underway: BTreeMap<u64, VecDeque<u64>>,
    texts: BTreeMap<u64, String>,
    sent: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Since the beginning of the run.
    pub at: Time,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A fault happens; those that end by themselves last until then.
    Fault {
        text: String,
        fault: Fault,
        until: Option<Time>,
    },
    /// A message leaves a host for another; both are numbers of hosts.
    Sent {
        number: u64,
        from: usize,
        to: usize,
        way: Way,
        text: String,
    },
    /// The message of this number arrives. One that never does is lost, or under way at the end.
    Arrived {
        number: u64,
    },
    /// A peer logs a line.
    Logged {
        host: usize,
        event: PeerEvent,
    },
    Became {
        host: usize,
        state: HostState,
    },
    /// A promise is found broken.
    Broken(String),
}

/// What a host is after a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostState {
    /// `None`: no peer runs here.
    pub standing: Option<Standing>,
    pub term: Option<Term>,
    /// The highest rank first.
    pub members: Vec<PeerId>,
    /// Readings that its sources gave.
    pub taken: u64,
    /// The last sequence of its log, of what is committed of it, and of what is in its files.
    pub last: Sequence,
    pub committed: Sequence,
    pub delivered: Sequence,
}

impl HostState {
    fn of(process: &Process) -> Self {
        let peer = &process.peer;
        Self {
            standing: process.alive.then(|| peer.standing()),
            term: peer.installed().cloned(),
            members: peer.members(),
            taken: process.taken,
            last: peer.last(),
            committed: peer.committed(),
            delivered: process.shelf.written,
        }
    }

    /// The term, if it is in one: `2@c`.
    #[must_use]
    pub fn term_in_words(&self) -> Option<String> {
        self.term.as_ref().map(Term::in_words)
    }

    /// The members, with blanks between them.
    #[must_use]
    pub fn members_in_words(&self) -> String {
        self.members.iter().map(PeerId::as_str).collect::<Vec<_>>().join(" ")
    }

    /// The same but for what every reading changes?
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (self.standing, &self.term, &self.members) == (other.standing, &other.term, &other.members)
    }
}

/// The first word of a message.
#[must_use]
pub fn verb(text: &str) -> &str {
    text.split(':').next().unwrap_or(text)
}

impl World {
    /// From now on everything that happens is recorded.
    pub fn record(&mut self) {
        self.record = Some(Record::default());
    }

    pub(crate) fn note(&mut self, what: impl FnOnce() -> What) {
        let at = self.now.saturating_sub(World::BEGIN);
        if let Some(record) = &mut self.record {
            record.moments.push(Moment { at, what: what() });
        }
    }

    /// A message leaves for a process. Returns its number, 0 where nothing is recorded.
    pub(crate) fn note_sent(&mut self, from: usize, to: usize, way: Way, message: &Message) -> u64 {
        let hosts = (self.processes.get(from).map(|p| p.host), self.processes.get(to).map(|p| p.host));
        let (Some(record), (Some(from), Some(to))) = (&mut self.record, hosts) else { return 0 };
        record.sent += 1;
        let (number, text) = (record.sent, text_of(message));
        self.note(|| What::Sent { number, from, to, way, text });
        number
    }

    pub(crate) fn note_arrived(&mut self, number: u64) {
        if number > 0 {
            self.note(|| What::Arrived { number });
        }
    }

    pub(crate) fn note_written(&mut self, connection: u64, from: usize, to: usize, message: &Message) {
        let number = self.note_sent(from, to, Way::Connection, message);
        let Some(record) = self.record.as_mut().filter(|_| number > 0) else { return };
        let Some(Moment { what: What::Sent { text, .. }, .. }) = record.moments.last() else { return };
        record.texts.insert(number, text.clone());
        record.underway.entry(connection).or_default().push_back(number);
    }

    /// Finds the message by its text: what was before it on its connection was lost.
    pub(crate) fn note_read(&mut self, connection: u64, message: &Message) {
        let Some(record) = &mut self.record else { return };
        let text = text_of(message);
        let Some(underway) = record.underway.get_mut(&connection) else { return };
        let Some(at) = underway.iter().position(|number| record.texts.get(number) == Some(&text)) else { return };
        let number = underway.drain(..=at).next_back().unwrap_or_default();
        record.texts.remove(&number);
        self.note_arrived(number);
    }

    /// What a process is now, if that is new.
    pub(crate) fn note_state(&mut self, number: usize) {
        if self.record.is_none() {
            return;
        }
        let process = &self.processes[number];
        let (host, state) = (process.host, HostState::of(process));
        let record = self.record.as_mut().expect("just seen");
        if record.states.get(&host) != Some(&state) {
            record.states.insert(host, state.clone());
            self.note(|| What::Became { host, state });
        }
    }
}
