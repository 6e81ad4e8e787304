//! What goes wrong in a search.

use crate::protocol::Time;
use crate::simulation::event::Event;
use crate::simulation::fault::{Fault, Split, Traffic, Ways};
use crate::simulation::plan::HOSTS_MAX;
use crate::simulation::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// `kill -9`, which loses what the process had under way. The next one starts as soon as its turn comes, or `late`,
    /// when the others have noticed and done without it.
    Kill { host: usize, late: bool },
    /// A host loses its power, and all that was not synced. It comes back when the others have done without it.
    PowerCut(usize),
    /// The connections between two hosts break, and what is under way is lost.
    Break(usize, usize),
    /// The network falls into this host and all others, until both sides have done without the other.
    Split(usize),
}

impl Trouble {
    pub(super) fn all(world: &World) -> Vec<Self> {
        let hosts = world.plan.hosts;
        let alive = |host: &usize| world.hosts[*host].is_some();
        let running = || (0..hosts).filter(alive);
        let mut all: Vec<Self> =
            running().flat_map(|host| [false, true].map(|late| Self::Kill { host, late })).collect();
        if world.plan.durable {
            all.extend(running().map(Self::PowerCut));
        }
        let pairs = (0..hosts).flat_map(|a| (a + 1..hosts).map(move |b| (a, b)));
        all.extend(pairs.filter(|(a, b)| alive(a) && alive(b)).map(|(a, b)| Self::Break(a, b)));
        if world.cuts.shut(world.now).next().is_none() {
            // Of two hosts, each is apart from the other.
            all.extend((0..if hosts == 2 { 1 } else { hosts }).map(Self::Split));
        }
        all
    }

    pub(super) fn happen(self, world: &mut World) {
        let patience = world.plan.timing.heartbeat_timeout;
        match self {
            Self::Kill { host, late } => {
                world.fault(Fault::Crash(host));
                let after = if late { patience } else { Time::ZERO };
                world.after(after, Event::Fault(Fault::Start { host, cleared: false }));
            }
            Self::PowerCut(host) => {
                world.fault(Fault::PowerCut(host));
                world.after(patience, Event::Fault(Fault::Start { host, cleared: false }));
            }
            Self::Break(a, b) => world.fault(Fault::Break(a, b)),
            Self::Split(host) => {
                let mut sides = [0; HOSTS_MAX];
                sides[host] = 1;
                let split = Split { sides, ways: Ways::All, what: Traffic::All };
                world.fault(Fault::Part(split, patience * 2));
            }
        }
    }

    pub(super) fn text(self, world: &World) -> String {
        match self {
            Self::Kill { host, late: false } => format!("kill {}, and start it again", world.id_of(host)),
            Self::Kill { host, late: true } => format!("kill {}, and start it again later", world.id_of(host)),
            Self::PowerCut(host) => format!("power-cut {}, which comes back later", world.id_of(host)),
            Self::Break(a, b) => format!("break {} {}", world.id_of(a), world.id_of(b)),
            Self::Split(host) => format!("split {} from the others", world.id_of(host)),
        }
    }
}
