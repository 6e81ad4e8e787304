//! One peer: `Peer::step` takes what happened and says what to do.

use std::net::SocketAddr;

use super::effect::Effects;
use super::input::{Alarm, Found, Input, Time};
use crate::ids::{Incarnation, PeerId, Sequence, Term};
use crate::wire::{Hello, Range, RunList, Timing};

/// What a peer is told about itself when it is made.
#[derive(Debug, Clone)]
pub struct Settings {
    pub id: PeerId,
    pub priority: i64,
    pub incarnation: Incarnation,
    /// Where it listens; an unspecified address means "whatever the other side sees".
    pub endpoint: SocketAddr,
    pub group: String,
    pub quorum: Option<u32>,
    pub timing: Timing,
    /// Are there `--join` addresses to ask?
    pub joins: bool,
    /// Seed of the jitter in discovery.
    pub seed: u64,
}

/// Where a peer stands, for status lines and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Seeking,
    Learner,
    Member,
    /// In an election that it neither won nor lost yet.
    Electing,
    /// It promised another peer's term and waits for the view.
    Promised,
    /// It won an election and gathers `LOG_STATE`s, or fetches the best log.
    Proposing,
    Leader,
}

#[derive(Debug)]
pub struct Peer {}

impl Peer {
    /// A peer that seeks. Its discovery deadline is due at once.
    #[must_use]
    pub fn new(_settings: Settings, _found: Found, _now: Time) -> Self {
        Self {}
    }
    pub fn step(&mut self, _now: Time, _input: Input, _out: &mut Effects) {}
    /// When the loop of this alarm must next call `step` with it; `None`: not before something else happens.
    #[must_use]
    pub fn deadline(&self, _alarm: Alarm) -> Option<Time> {
        None
    }
    /// Where to dial this peer.
    #[must_use]
    pub fn endpoint_of(&self, _peer: &PeerId) -> Option<SocketAddr> {
        None
    }
    /// The first line of a connection to this peer (`None`: to an address whose peer is not known).
    #[must_use]
    pub fn hello(&self, _to: Option<&PeerId>) -> Hello {
        unimplemented!()
    }
    /// How many readings sources may hand in now; 0: wait until a later step makes room.
    #[must_use]
    pub fn room(&self) -> u64 {
        0
    }
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing::Seeking
    }
    #[must_use]
    pub fn promised(&self) -> Option<&Term> {
        None
    }
    #[must_use]
    pub fn synced(&self) -> Option<&Term> {
        None
    }
    /// The sequence that `synced` needs the log to reach.
    #[must_use]
    pub fn needs(&self) -> Sequence {
        0
    }
    /// The term whose view this peer has acted on.
    #[must_use]
    pub fn installed(&self) -> Option<&Term> {
        None
    }
    #[must_use]
    pub fn leader(&self) -> Option<&PeerId> {
        None
    }
    /// Members of the installed view, sorted by priority; empty while there is none.
    #[must_use]
    pub fn members(&self) -> Vec<PeerId> {
        Vec::new()
    }
    #[must_use]
    pub fn runs(&self) -> RunList {
        Vec::new()
    }
    /// The last sequence of the log.
    #[must_use]
    pub fn last(&self) -> Sequence {
        0
    }
    #[must_use]
    pub fn committed(&self) -> Sequence {
        0
    }
    /// Readings taken in or cut that are not committed in the own log.
    #[must_use]
    pub fn pending(&self) -> Vec<Range> {
        Vec::new()
    }
}
