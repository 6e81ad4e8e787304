//! The liar is an extra host that says anything under any name. It hears all datagrams and knows what the honest peers
//! have promised, installed and logged. It knows the tokens that it was told, and no others.
//!
//! It listens at many ports of its own address, and of the addresses of honest hosts, as if it ran there, too. Nobody
//! takes a stranger in or follows it; an insider joins as others do, and follows. No liar leads: a leader orders what
//! it likes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::ids::{Incarnation, PeerId, Sequence, Term};
use crate::simulation::plan::{pick, HOSTS_MAX};
use crate::wire::{Hello, Message, Token};

/// The liar, in place of the number of a process.
pub(crate) const LIAR: usize = usize::MAX;

/// The liar's ports; honest processes listen above them. All but the first few belong to the name of a host.
const PORTS: u16 = 600;
const OWN_NAMES: u16 = 4;

/// Its own host.
const HOST: u8 = 200;

/// How many names of hosts it uses, too.
const HOSTS: u16 = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nobody takes it in, or follows it.
    Stranger,
    /// It joins and follows. `stores`: it says that it stored what it is served, and nothing more. `answers`: it
    /// acknowledges heartbeats.
    Insider { stores: bool, answers: bool },
}

/// The habits that a seed draws for it.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    pub level: Level,
    seed: u64,
    /// How often it says something while there are faults.
    pub lies: u32,
    /// It goes on after the faults for as long as a group may take to come to rest.
    pub goes_on: bool,
    /// In the end its addresses do not answer, instead of refusing.
    pub goes_dark: bool,
}

impl Habits {
    pub(crate) fn draw(rng: &mut SmallRng) -> Option<Self> {
        let level = if rng.random_bool(0.6) {
            Level::Stranger
        } else {
            Level::Insider { stores: rng.random_bool(0.5), answers: rng.random_bool(0.7) }
        };
        let lies = *pick(rng, &[50, 200, 600]);
        let (goes_on, goes_dark, seed) = (rng.random_bool(0.25), rng.random_bool(0.5), rng.random());
        rng.random_ratio(1, 3).then_some(Self { level, seed, lies, goes_on, goes_dark })
    }
}

/// A connection that it opened to an honest process.
#[derive(Debug)]
pub(crate) struct Line {
    pub to: usize,
    pub hello: Hello,
    /// It was admitted.
    pub open: bool,
    /// What was written before.
    pub held: Vec<Message>,
}

/// A token that an honest process told it: the name that the process used, and the addressee.
#[derive(Debug, Clone)]
pub(crate) struct KnownToken {
    pub owner: PeerId,
    pub to: usize,
    pub token: Token,
}

/// Where an insider has been taken in.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub leader: usize,
    pub term: Term,
    pub stored: Sequence,
}

pub(crate) struct Liar {
    pub habits: Habits,
    pub rng: SmallRng,
    pub talks: bool,
    pub lines: BTreeMap<u64, Line>,
    pub tokens: Vec<KnownToken>,
    pub place: Option<Place>,
}

impl Liar {
    pub(crate) fn new(habits: Habits) -> Self {
        Self {
            habits,
            rng: SmallRng::seed_from_u64(habits.seed),
            talks: true,
            lines: BTreeMap::new(),
            tokens: Vec::new(),
            place: None,
        }
    }

    pub(crate) fn is_stranger(&self) -> bool {
        self.habits.level == Level::Stranger
    }

    /// One of its addresses.
    pub(crate) fn endpoint(&mut self, hosts: usize) -> SocketAddr {
        let port = PORTS + self.rng.random_range(0..OWN_NAMES + HOSTS);
        let host = if self.rng.random_bool(0.7) { HOST } else { host_byte(self.rng.random_range(0..hosts)) };
        SocketAddr::from(([10, 0, 0, host], port))
    }

    /// The address that it joins from.
    pub(crate) fn home() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, HOST], PORTS))
    }
}

fn host_byte(host: usize) -> u8 {
    u8::try_from(host.min(HOSTS_MAX)).expect("few hosts")
}

/// Whether the liar listens there.
pub(crate) fn listens_at(at: SocketAddr) -> bool {
    (PORTS..PORTS + OWN_NAMES + HOSTS).contains(&at.port())
}

/// The host whose name it uses at this address, if it uses one.
pub(crate) fn victim_at(at: SocketAddr) -> Option<usize> {
    at.port().checked_sub(PORTS + OWN_NAMES).map(usize::from)
}

/// Its own name at this address.
pub(crate) fn own_name(at: SocketAddr) -> PeerId {
    // Below, between and above those of hosts, as elections rank them.
    let names = ["liar", "a-liar", "p4-liar", "z-liar"];
    names[usize::from(at.port() % OWN_NAMES)].parse().expect("a name")
}

/// Whether this is a name that only the liar has.
pub(crate) fn is_own_name(id: &PeerId) -> bool {
    id.as_str().ends_with("liar")
}

/// Its own life.
pub(crate) const LIFE: Incarnation = 77;

/// Text that is in each of its readings, and in none of others.
pub(crate) const MARK: &str = "forged";

/// An address of a host.
pub(crate) fn address_of(host: usize) -> IpAddr {
    IpAddr::from([10, 0, 0, host_byte(host)])
}
