//! What may go wrong in a run, and which faults a seed draws.

use rand::rngs::SmallRng;
use rand::RngExt;

use crate::protocol::Time;
use crate::simulation::plan::{pick, quorum_of, Mode, HOSTS_MAX};
use crate::wire::Timing;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`.
    Crash(usize),
    /// A new process, on the disk that the last one left, or (always without `--resume`) on a `cleared` one. It does
    /// nothing where a process runs.
    Start { host: usize, cleared: bool },
    /// `kill -9` in the middle of a storage operation, after some more changes of the disk.
    CrashWithin(usize, u64),
    /// The power of a host fails: what was not synced survives, or not, or half of it.
    PowerCut(usize),
    /// The power of all hosts fails.
    Blackout,
    /// A host goes down, and a file on its disk rots.
    Rot(usize),
    /// A host goes down, and a bit of its journal flips in the part that `state` vouches for. Damage after that part
    /// looks like what a crash leaves.
    RotWithin(usize),
    /// SIGTERM.
    Stop(usize),
    /// SIGSTOP and SIGCONT.
    Pause(usize, Time),
    /// A host gets another address: messages from and to the old one are lost, and nobody is told.
    Move(usize),
    /// Connections between two hosts break, and what is under way is lost.
    Break(usize, usize),
    /// The network falls into sides.
    Part(Split, Time),
    /// No traffic of this kind gets from one host to another; `back`: nor the other way.
    CutLink { from: usize, to: usize, back: bool, what: Traffic, length: Time },
    /// The disk of a host has this many bytes left.
    FillDisk(usize, usize),
    /// The disk of a host refuses a change.
    DiskError(usize),
    /// The storage of a host does nothing for a while.
    Stall(usize, Time),
    /// A burst of readings.
    Burst(usize, u64),
}

/// In place of a host: the one that leads when the fault happens.
pub(crate) const LEADER: usize = usize::MAX;

/// What happened to a disk between two processes; the worst is the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// Everything that was handed to the operating system is there.
    #[default]
    None,
    /// The same, and the last operation may be half done.
    Within,
    /// What was not synced may be gone. All that was reported as stored was synced.
    PowerCut,
    /// What was not synced may be gone, and only `state` was ever synced.
    Unsynced,
    /// Anything may be gone.
    Rot,
    /// Everything is gone.
    Cleared,
}

/// Which side each host is on, and between which sides nothing gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    pub sides: [u8; HOSTS_MAX],
    pub ways: Ways,
    pub what: Traffic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// Nothing gets from any side to any other.
    All,
    /// Nothing gets to a side from sides of lower number.
    Up,
    /// Nothing gets to a side from the side of the next lower number, nor back. All other sides reach each other.
    Neighbours,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    All,
    Tcp,
    Datagrams,
}

/// Which kinds of faults a run may have, a bit for each number that a fault is drawn by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kinds(u32);

impl Kinds {
    /// How many numbers there are: a kind with more of them comes more often.
    const NUMBERS: u32 = 24;
    /// Processes that start: without these a run would soon have nobody.
    const STARTS: u32 = 0b111 << 7;
    pub(crate) const ALL: Self = Self((1 << Self::NUMBERS) - 1);

    /// About half of the numbers. One kind of fault may hide what another would show: a host that is down cannot be
    /// slow. So some runs have little of one and much of another (swarm testing).
    pub(crate) fn some(rng: &mut SmallRng) -> Self {
        Self(rng.random::<u32>() & Self::ALL.0 | Self::STARTS)
    }

    fn draw_one(self, rng: &mut SmallRng) -> u32 {
        loop {
            let number = rng.random_range(0..Self::NUMBERS);
            if self.0 >> number & 1 == 1 {
                return number;
            }
        }
    }
}

impl Split {
    fn draw(rng: &mut SmallRng) -> Self {
        let count = *pick(rng, &[2, 2, 2, 3, 4]);
        let mut sides = [0; HOSTS_MAX];
        sides.fill_with(|| rng.random_range(0..count));
        Self { sides, ways: *pick(rng, &[Ways::All, Ways::All, Ways::Up, Ways::Neighbours]), what: Traffic::draw(rng) }
    }

    /// Whether nothing gets from one host to another.
    #[must_use]
    pub fn cuts(&self, from: usize, to: usize) -> bool {
        let (from, to) = (self.sides[from], self.sides[to]);
        match self.ways {
            Ways::All => from != to,
            Ways::Up => from < to,
            Ways::Neighbours => from.abs_diff(to) == 1,
        }
    }
}

impl Traffic {
    fn draw(rng: &mut SmallRng) -> Self {
        *pick(rng, &[Self::All, Self::All, Self::All, Self::All, Self::Tcp, Self::Datagrams])
    }
}

impl Fault {
    /// The host to which it happens, where that is one.
    #[must_use]
    pub fn host(&self) -> Option<usize> {
        let mut same = *self;
        same.hosts_mut().0.copied()
    }

    /// Whether it damages what a disk keeps.
    pub(crate) fn rots(&self) -> bool {
        matches!(self, Self::Rot(_) | Self::RotWithin(_))
    }

    /// Whether it is known only then to which hosts it happens.
    pub(crate) fn is_of_leader(&self) -> bool {
        let mut same = *self;
        let (first, second) = same.hosts_mut();
        first.into_iter().chain(second).any(|host| *host == LEADER)
    }

    fn hosts_mut(&mut self) -> (Option<&mut usize>, Option<&mut usize>) {
        match self {
            Self::Blackout | Self::Part(..) => (None, None),
            Self::Break(first, second) | Self::CutLink { from: first, to: second, .. } => (Some(first), Some(second)),
            Self::Start { host, .. }
            | Self::Crash(host)
            | Self::CrashWithin(host, _)
            | Self::PowerCut(host)
            | Self::Rot(host)
            | Self::RotWithin(host)
            | Self::Stop(host)
            | Self::Pause(host, _)
            | Self::Move(host)
            | Self::FillDisk(host, _)
            | Self::DiskError(host)
            | Self::Stall(host, _)
            | Self::Burst(host, _) => (Some(host), None),
        }
    }

    /// The same, where this host leads.
    pub(crate) fn where_leads(mut self, leader: usize) -> Self {
        let (first, second) = self.hosts_mut();
        first.into_iter().chain(second).filter(|host| **host == LEADER).for_each(|host| *host = leader);
        self
    }

    pub(crate) fn draw_all(
        rng: &mut SmallRng,
        kinds: Kinds,
        mode: Mode,
        hosts: usize,
        timing: &Timing,
        changes: usize,
        length: Time,
    ) -> Vec<(Time, Self)> {
        let mut faults = Vec::new();
        for _ in 0..changes {
            let at = length.mul_f64(rng.random_range(0.0..1.0));
            let fault = Self::draw(rng, kinds, mode, hosts, timing);
            faults.push((at, fault));
            if let Self::Part(split, lasts) = fault {
                // Some networks are cut again while they merge.
                if rng.random_bool(0.4) {
                    let merge = timing.heartbeat_interval * 3 + timing.election_timeout * 2;
                    let again = at + lasts + merge.mul_f64(rng.random_range(0.0..1.0));
                    faults.push((again, Self::Part(split, lasts.mul_f64(rng.random_range(0.1..1.0)))));
                }
            }
            // Many hosts are started again soon.
            for host in fault.ends(hosts) {
                if rng.random_bool(0.6) {
                    let back = at + timing.heartbeat_timeout.mul_f64(rng.random_range(0.0..2.0));
                    faults.push((back, Self::draw_start(rng, mode, host)));
                }
            }
        }
        faults.retain(|(at, _)| *at < length);
        faults.sort_by_key(|(at, _)| *at);
        faults
    }

    /// The hosts on which no process runs afterwards.
    fn ends(&self, hosts: usize) -> std::ops::Range<usize> {
        match *self {
            Self::Blackout => 0..hosts,
            Self::Crash(host)
            | Self::CrashWithin(host, _)
            | Self::PowerCut(host)
            | Self::Rot(host)
            | Self::RotWithin(host) => host..host + 1,
            _ => 0..0,
        }
    }

    fn draw_start(rng: &mut SmallRng, mode: Mode, host: usize) -> Self {
        Self::Start { host, cleared: mode == Mode::Resume && rng.random_bool(0.2) }
    }

    fn draw(rng: &mut SmallRng, kinds: Kinds, mode: Mode, hosts: usize, timing: &Timing) -> Self {
        let host = rng.random_range(0..hosts);
        match kinds.draw_one(rng) {
            0 | 1 => Self::CrashWithin(host, rng.random_range(0..40)),
            3 => Self::Blackout,
            4 if mode == Mode::Resume => Self::Rot(host),
            // With a quorum, a quorum of whole logs has to be left.
            4 if mode == Mode::Quorum && hosts > quorum_of(hosts) => {
                Self::RotWithin(rng.random_range(quorum_of(hosts)..hosts))
            }
            2 | 4 => Self::PowerCut(host),
            5 | 6 => Self::Crash(host),
            7..=9 => Self::draw_start(rng, mode, host),
            10 => Self::FillDisk(host, rng.random_range(0..2000)),
            11 => Self::DiskError(host),
            12 => Self::Stop(host),
            13 => Self::Pause(host, timing.heartbeat_timeout.mul_f64(rng.random_range(0.05..0.9))),
            14 => Self::Pause(host, timing.heartbeat_timeout.mul_f64(rng.random_range(1.0..3.0))),
            15 | 16 => Self::Break(host, rng.random_range(0..hosts)),
            17..=19 => Self::Part(Split::draw(rng), timing.heartbeat_timeout.mul_f64(rng.random_range(0.05..4.0))),
            20 => Self::CutLink {
                from: host,
                to: rng.random_range(0..hosts),
                back: rng.random_bool(0.5),
                what: Traffic::draw(rng),
                length: timing.heartbeat_timeout.mul_f64(rng.random_range(0.05..4.0)),
            },
            21 | 22 => Self::Stall(host, timing.election_timeout.mul_f64(rng.random_range(0.05..1.5))),
            _ => Self::Burst(host, rng.random_range(1..3000)),
        }
    }
}
