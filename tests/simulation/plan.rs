//! What a seed draws: how many peers, their knobs, how bad the network and the disks are, and which faults come when.

use std::time::Duration;

use peer::protocol::Time;
use peer::wire::Timing;
use rand::rngs::SmallRng;
use rand::RngExt;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub hosts: usize,
    pub timing: Timing,
    /// `--priority` of each host.
    pub priorities: Vec<i64>,
    /// Hosts that start at once; the others start later, by a fault.
    pub starting: usize,
    /// `--join` addresses instead of broadcast.
    pub join_only: bool,
    /// A process that starts again listens where the one before it did.
    pub same_port: bool,
    /// Delay of a message: shortest, and longest in good times.
    pub delay: (Time, Time),
    /// One message in so many is late by up to a tenth of the election timeout; 0: none.
    pub late_one_in: u32,
    /// One datagram in so many is lost; 0: none.
    pub datagram_loss_one_in: u32,
    /// Longest time that a group of writes takes on each host.
    pub disk: Vec<Time>,
    /// Time between two readings of a host, at the mean.
    pub reading_gap: Time,
    pub faults: Vec<(Time, Fault)>,
    pub faults_end: Time,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// `kill -9`.
    Crash(usize),
    /// A new process, with an empty directory; does nothing where one runs.
    Start(usize),
    /// SIGTERM.
    Stop(usize),
    /// SIGSTOP and SIGCONT.
    Pause(usize, Time),
    /// Connections between two hosts break, with what is under way.
    Break(usize, usize),
    /// Nothing gets from the hosts of this set to the others; `back`: nor from those to them.
    Part { side: u32, back: bool, length: Time },
    /// So many bytes are left on the disk of a host.
    FillDisk(usize, usize),
    /// The storage of a host does nothing for a while.
    Stall(usize, Time),
    /// A burst of readings.
    Burst(usize, u64),
}

impl Plan {
    pub(crate) fn draw(rng: &mut SmallRng) -> Self {
        let hosts = rng.random_range(1..=9);
        let interval = Duration::from_millis(*pick(rng, &[400, 1000, 5000]));
        let timing = Timing {
            heartbeat_interval: interval,
            heartbeat_timeout: interval * rng.random_range(2..=4),
            election_timeout: interval * rng.random_range(1..=3),
        };
        let slow_disks = rng.random_bool(0.3);
        let disk = (0..hosts)
            .map(|_| {
                let longest = if slow_disks && rng.random_bool(0.5) { timing.election_timeout / 20 } else { ms(2) };
                longest.max(Duration::from_micros(100))
            })
            .collect();
        let changes = *pick(rng, &[0, 2, 5, 10, 25]);
        let length = timing.election_timeout * rng.random_range(6..=20);
        // Each hand-in costs a round through the group: a run shall not take longer than a moment.
        let load = *pick(rng, &[100, 1000, 10000]);
        let hosts_factor = u32::try_from(hosts * hosts).expect("few hosts");
        let reading_gap = (length + timing.heartbeat_timeout) * hosts_factor / load;
        let mut faults: Vec<(Time, Fault)> = (0..changes)
            .map(|_| (length.mul_f64(rng.random_range(0.0..1.0)), Fault::draw(rng, hosts, &timing)))
            .collect();
        faults.sort_by_key(|(at, _)| *at);
        Self {
            hosts,
            timing,
            priorities: (0..hosts).map(|_| if rng.random_bool(0.2) { rng.random_range(-1..=1) } else { 0 }).collect(),
            starting: rng.random_range(1..=hosts),
            join_only: rng.random_bool(0.15),
            same_port: rng.random_bool(0.4),
            delay: (Duration::from_micros(100), ms(*pick(rng, &[1, 1, 5, 20]))),
            late_one_in: *pick(rng, &[0, 0, 20, 200]),
            datagram_loss_one_in: *pick(rng, &[0, 0, 3, 10]),
            disk,
            reading_gap,
            faults,
            faults_end: length,
        }
    }

    /// From the end of all faults until everyone is a member or a learner of one term, at most.
    pub(crate) fn settled(&self) -> Time {
        self.timing.heartbeat_timeout + self.timing.election_timeout * 4
    }
}

impl Fault {
    fn draw(rng: &mut SmallRng, hosts: usize, timing: &Timing) -> Self {
        let host = rng.random_range(0..hosts);
        match rng.random_range(0..15) {
            0 | 1 => Self::Crash(host),
            2 | 3 => Self::Start(host),
            4 => Self::Stop(host),
            5 => Self::Pause(host, timing.heartbeat_timeout.mul_f64(rng.random_range(0.05..0.9))),
            6 => Self::Pause(host, timing.heartbeat_timeout.mul_f64(rng.random_range(1.0..3.0))),
            7 | 8 => Self::Break(host, rng.random_range(0..hosts)),
            9 | 10 => Self::Part {
                side: rng.random_range(0..1 << hosts),
                back: rng.random_bool(0.7),
                length: timing.heartbeat_timeout.mul_f64(rng.random_range(0.05..4.0)),
            },
            11 => Self::FillDisk(host, rng.random_range(0..2000)),
            12 | 13 => Self::Stall(host, timing.election_timeout.mul_f64(rng.random_range(0.05..1.5))),
            _ => Self::Burst(host, rng.random_range(1..3000)),
        }
    }
}

pub(crate) fn ms(millis: u64) -> Time {
    Duration::from_millis(millis)
}

pub(crate) fn pick<'a, T>(rng: &mut SmallRng, of: &'a [T]) -> &'a T {
    &of[rng.random_range(0..of.len())]
}
