//! One process of the simulation: the real core, its storage, and what surrounds them in the daemon.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write};
use std::net::SocketAddr;

use crate::ids::{Origin, PeerId, Sequence, Term};
use crate::net;
use crate::protocol::{ConnectionId, Exit, Found, Input, Peer, Settings, Store, Time};
use crate::simulation::network::Link;
use crate::simulation::numbers::Numbers;
use crate::simulation::shelf::Shelf;
use crate::wire::{Frame, Hello, Lines, Request};

#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude each other")]
pub struct Process {
    pub host: usize,
    pub origin: Origin,
    pub endpoint: SocketAddr,
    pub peer: Peer,
    /// How many steps it took.
    pub steps: u64,
    pub alive: bool,
    pub exit: Option<Exit>,
    pub shelf: Shelf,
    /// The work of the storage, and whether it is busy.
    pub work: VecDeque<Store>,
    pub working: bool,
    pub stalled_until: Option<Time>,
    /// A time is set at which it writes the rows that wait.
    pub writes_later: bool,
    pub links: BTreeMap<PeerId, Link>,
    /// The sequencer's inbox.
    pub inbox: Vec<(ConnectionId, Term, Request)>,
    /// Connections that ended with requests in it.
    pub ended: Vec<ConnectionId>,
    /// The time for which each alarm is set.
    pub alarms: [Option<Time>; 4],
    pub paused_until: Option<Time>,
    /// It was told to stop.
    pub stopping: bool,
    /// Its readings are of several months.
    pub months: bool,
    /// Readings that its sources gave.
    pub taken: u64,
    /// Readings that it found on its disk, or had in its log at any time.
    pub held: Numbers,
    /// It said that all readings of its sources are delivered.
    pub input_delivered: bool,
    /// It logged in this step that it merges with another group.
    pub told_of_merging: bool,
    /// The last sequence seen committed, to check what is new.
    pub committed: Sequence,
    /// The term and the committed sequence that were last compared with those of others.
    pub checked: Option<(Term, Sequence)>,
}

impl Process {
    #[must_use]
    pub fn new(host: usize, settings: Settings, shelf: Shelf, found: &Found, now: Time) -> Self {
        let held = shelf.stored.clone();
        Self {
            host,
            origin: Origin { peer: settings.id.clone(), incarnation: settings.incarnation },
            endpoint: settings.endpoint,
            peer: Peer::new(settings, found, now),
            steps: 0,
            alive: true,
            exit: None,
            shelf,
            work: VecDeque::default(),
            working: false,
            stalled_until: None,
            writes_later: false,
            links: BTreeMap::new(),
            inbox: Vec::new(),
            ended: Vec::new(),
            alarms: [None; 4],
            paused_until: None,
            stopping: false,
            months: false,
            taken: 0,
            held,
            input_delivered: false,
            told_of_merging: false,
            committed: 0,
            checked: None,
        }
    }

    /// Makes up as many readings of two sensors, if there is room for them.
    pub fn measure(&mut self, readings: u64) -> Option<Input> {
        let count = readings.min(self.peer.room()).min(1000);
        let mut text = String::new();
        for n in self.taken + 1..=self.taken + count {
            let (id, sensor, life) = (self.id(), n % 2, self.origin.incarnation);
            let month = if self.months { [1, 2, 1, 3, 3][usize::try_from(n % 5).expect("small")] } else { 1 };
            writeln!(text, "DATA|{id}-{sensor}|2013-{month:02}-01T06:00:00Z|{n}||{life}").expect("a string takes all");
        }
        self.taken += count;
        (count > 0).then(|| Input::Readings(Lines::new(text.into_bytes(), count)))
    }

    /// All that it holds: log and pending. What is being cut is in neither, but still in the files.
    pub fn holds(&self) -> Numbers {
        let mut numbers = Numbers::default();
        numbers.extend(self.shelf.ranges());
        numbers.extend(self.shelf.rows.batches().iter().flat_map(Frame::ranges));
        numbers.extend(&self.peer.pending());
        numbers
    }

    /// The `HELLO` of its connections, with the present address of its host.
    #[must_use]
    pub fn hello(&self, to: Option<&PeerId>) -> Hello {
        let hello = self.peer.hello(to);
        Hello { endpoint: net::endpoint_announced(hello.endpoint, self.endpoint.ip()), ..hello }
    }

    #[must_use]
    pub fn id(&self) -> &PeerId {
        &self.origin.peer
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Process").field("host", &self.host).field("origin", &self.origin).finish_non_exhaustive()
    }
}
