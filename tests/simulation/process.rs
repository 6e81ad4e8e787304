//! One process of the simulation: the real core, its storage, and what stands around both in the daemon.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use peer::ids::{Origin, PeerId, Sequence, Term};
use peer::protocol::{ConnectionId, Exit, Peer, Store, Time};
use peer::wire::Request;

use crate::network::Link;
use crate::shelf::Shelf;

pub(crate) struct Process {
    pub host: usize,
    pub origin: Origin,
    pub endpoint: SocketAddr,
    pub peer: Peer,
    pub alive: bool,
    pub exit: Option<Exit>,
    pub shelf: Shelf,
    /// What the storage has to do, and is it at it?
    pub work: VecDeque<Store>,
    pub working: bool,
    pub links: BTreeMap<PeerId, Link>,
    /// The sequencer's inbox.
    pub inbox: Vec<(ConnectionId, Term, Request)>,
    /// For which time each alarm is set.
    pub alarms: [Option<Time>; 4],
    pub paused_until: Option<Time>,
    /// Readings that its sources gave.
    pub taken: u64,
    /// The last sequence seen committed, to check what is new.
    pub committed: Sequence,
    /// The term and the committed sequence that were last compared with those of others.
    pub checked: Option<(Term, Sequence)>,
}

impl Process {
    pub(crate) fn id(&self) -> &PeerId {
        &self.origin.peer
    }
}
