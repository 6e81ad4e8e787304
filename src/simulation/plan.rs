//! What a seed draws: how many peers, their knobs and clocks, how bad the network and the disks are, and which faults come
//! when.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::config::{value, ELECTION_TIMEOUT, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT};
use crate::ids::PeerId;
use crate::protocol::Time;
use crate::simulation::clock::EXACT;
use crate::simulation::fault::{Fault, Kinds};
use crate::simulation::liar::{Habits, Level};
use crate::simulation::outsider;
use crate::storage::Layout;
use crate::wire::{Limits, Timing};

pub const HOSTS_MAX: usize = 9;

/// How many events a run of few hosts may have.
const EVENTS_MAX: u64 = 3_000_000;

/// How far the rate of a clock may be wrong, in thousandths: a hundred times more than with a bad crystal.
const DRIFT_MAX: u32 = 20;

/// Which options all peers of a run have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// None: a peer that starts again has an empty directory.
    Default,
    /// `--resume`: a process goes on with what its disk holds.
    Resume,
    /// `--quorum` of all hosts, and `--resume`.
    Quorum,
}

impl Mode {
    pub const ALL: [Self; 3] = [Self::Default, Self::Resume, Self::Quorum];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Resume => "resume",
            Self::Quorum => "quorum",
        }
    }
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, drawn by itself")]
pub struct Plan {
    pub mode: Mode,
    pub hosts: usize,
    /// Peers are called `a`, `b`, and so on; otherwise `p0`, `p1`.
    pub letters: bool,
    pub timing: Timing,
    /// `--quorum`, where it is not a majority of all that may be members.
    pub quorum_said: Option<usize>,
    /// `--priority` of each host.
    pub priorities: Vec<i64>,
    /// How fast the clock of each host runs, in thousandths.
    pub rates: Vec<u32>,
    /// Hosts that start together; the others start later, by a fault.
    pub starting: usize,
    /// `--join` addresses instead of broadcast.
    pub join_only: bool,
    /// A process that starts again listens where the last one did.
    pub same_port: bool,
    /// Peers listen at whatever address their host has, and others say which that is.
    pub any_address: bool,
    /// In the end all hosts that do not run are started.
    pub all_return: bool,
    /// `--fsync batch`: what is reported as stored survives a power cut.
    pub durable: bool,
    /// Readings are of several months, and each process has CSV files of sensors or of months, as its bit says.
    pub months: Option<u64>,
    /// The shortest delay of a message, and the longest in good times.
    pub delay: (Time, Time),
    /// One message in this many is late by up to a tenth of the election timeout; 0: none.
    pub late_one_in: u32,
    /// Datagrams only reach hosts of a higher number (`Some(true)`), or of a lower one.
    pub one_way: Option<bool>,
    /// One datagram in this many is lost; 0: none.
    pub datagram_loss_one_in: u32,
    /// The longest time of a group of writes, for each host.
    pub disk: Vec<Time>,
    /// The mean time between two readings of a host.
    pub reading_gap: Time,
    pub faults: Vec<(Time, Fault)>,
    pub faults_end: Time,
    /// Somebody on the network lies.
    pub liar: Option<Habits>,
    /// `--flush-interval`: rows wait this long before they are written.
    pub rows_wait: Option<Time>,
    /// `--keep-bytes`, and how long a segment of a journal gets.
    pub retention: Option<Retention>,
    /// The group is closed, and a host without its key does what it can.
    pub outsider: Option<outsider::Habits>,
}

/// How much is kept: so little that much goes in a short run.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    pub limits: Limits,
    pub segment_bytes: u64,
    /// How often a leader looks.
    pub survey_every: Time,
}

impl Retention {
    fn draw(rng: &mut SmallRng, interval: Time) -> Option<Self> {
        if rng.random_bool(0.7) {
            return None;
        }
        let segment_bytes = *pick(rng, &[400, 1000, 4000]);
        let bytes = segment_bytes * rng.random_range(3..12);
        let limits = Limits { age: None, bytes: Some(bytes) };
        Some(Self { limits, segment_bytes, survey_every: interval * *pick(rng, &[1, 3]) })
    }
}

impl Plan {
    pub fn draw(mode: Mode, rng: &mut SmallRng) -> Self {
        Self::draw_for(mode, rng, None, None)
    }

    /// The same, of this many hosts, with faults for this long, where that is said.
    pub(crate) fn draw_for(mode: Mode, rng: &mut SmallRng, hosts: Option<usize>, said_length: Option<Time>) -> Self {
        let drawn = rng.random_range(1..=HOSTS_MAX);
        let hosts = hosts.unwrap_or(drawn);
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
        let changes = *pick(rng, &[0, 2, 5, 10, 25, 60]);
        // There are many changes in a short time, or groups have time to form between them.
        let length =
            timing.election_timeout * rng.random_range(6..=20) * if changes > 25 { *pick(rng, &[1, 4]) } else { 1 };
        let length = said_length.unwrap_or(length);
        // Each hand-in costs a round through the group, and a run must not take longer than a moment.
        let load = *pick(rng, &[100, 1000, 10000]);
        let hosts_factor = u32::try_from(hosts * hosts).expect("few hosts");
        let reading_gap = (length + timing.heartbeat_timeout) * hosts_factor / load;
        let drifts = rng.random_bool(0.5);
        let mut faults = Fault::draw_all(rng, Kinds::ALL, mode, hosts, &timing, changes, length);
        // It is drawn aside, so that it changes nothing else.
        let mut of_swarm = aside(rng, 7);
        if of_swarm.random_bool(0.5) {
            let kinds = Kinds::some(&mut of_swarm);
            faults = Fault::draw_all(&mut of_swarm, kinds, mode, hosts, &timing, changes, length);
        }
        let liar = Habits::draw(&mut rng.clone()).filter(|liar| hosts > 1 || liar.level == Level::Stranger);
        let outsider = outsider::Habits::draw(&mut aside(rng, 17)).filter(|_| liar.is_none());
        let mut of_months = aside(rng, 29);
        let months = of_months.random_bool(0.3).then(|| of_months.random());
        let retention = Retention::draw(&mut aside(rng, 41), interval);
        let mut of_rows = aside(rng, 53);
        let rows_wait = of_rows.random_bool(0.3).then(|| interval * *pick(&mut of_rows, &[1, 4]));
        let is_inside = liar.is_some_and(|liar| liar.level != Level::Stranger);
        if is_inside && mode == Mode::Quorum {
            // A damaged peer has no part in elections, which need the whole quorum.
            faults.retain(|(_, fault)| !matches!(fault, Fault::RotWithin(_)));
        }
        let rots = faults.iter().any(|(_, fault)| matches!(fault, Fault::RotWithin(_)));
        Self {
            mode,
            hosts,
            letters: false,
            timing,
            quorum_said: None,
            priorities: (0..hosts).map(|_| if rng.random_bool(0.2) { rng.random_range(-1..=1) } else { 0 }).collect(),
            rates: (0..hosts).map(|_| if drifts { draw_rate(rng) } else { EXACT }).collect(),
            starting: rng.random_range(1..=hosts),
            join_only: rng.random_bool(0.15),
            same_port: rng.random_bool(0.4),
            any_address: false,
            // A peer with a damaged log does not count for the quorum that it needs.
            all_return: rng.random_bool(0.5) || rots,
            durable: mode == Mode::Quorum || (mode == Mode::Resume && rng.random_bool(0.5)),
            months,
            delay: (Duration::from_micros(100), ms(*pick(rng, &[1, 1, 5, 20]))),
            late_one_in: *pick(rng, &[0, 0, 20, 200]),
            datagram_loss_one_in: *pick(rng, &[0, 0, 3, 10]),
            one_way: *pick(rng, &[None, None, None, None, None, None, None, None, Some(true), Some(false)]),
            disk,
            reading_gap,
            faults,
            faults_end: length,
            liar,
            rows_wait,
            retention,
            outsider,
        }
    }

    /// Peers that all start together, on a good network with good disks and exact clocks; without faults.
    pub(crate) fn calm(mode: Mode, hosts: usize, length: Time, reading_gap: Time) -> Self {
        let default = |text| value::duration(text).expect("a default");
        Self {
            mode,
            hosts,
            letters: true,
            timing: Timing {
                heartbeat_interval: default(HEARTBEAT_INTERVAL),
                heartbeat_timeout: default(HEARTBEAT_TIMEOUT),
                election_timeout: default(ELECTION_TIMEOUT),
            },
            quorum_said: None,
            priorities: vec![0; hosts],
            rates: vec![EXACT; hosts],
            starting: hosts,
            join_only: false,
            same_port: true,
            any_address: false,
            all_return: false,
            durable: mode == Mode::Quorum,
            months: None,
            delay: (Duration::from_micros(100), ms(5)),
            late_one_in: 0,
            one_way: None,
            datagram_loss_one_in: 0,
            disk: vec![ms(2); hosts],
            reading_gap,
            faults: Vec::new(),
            faults_end: length,
            liar: None,
            rows_wait: None,
            retention: None,
            outsider: None,
        }
    }

    /// The same plan without faults, on a good network with good disks, with at least this many hosts, which all start
    /// together and find each other by broadcast.
    #[must_use]
    pub fn undisturbed(self, hosts_min: usize) -> Self {
        let hosts = self.hosts.max(hosts_min);
        let Self { mode, letters, timing, quorum_said, rates, same_port, all_return, durable, reading_gap, .. } = self;
        let rates = rates.into_iter().cycle().take(hosts).collect();
        let calm = Self::calm(mode, hosts, Time::ZERO, reading_gap);
        Self { letters, timing, quorum_said, rates, same_port, all_return, durable, ..calm }
    }

    /// The id of the peer on a host.
    #[must_use]
    pub fn id_of(&self, host: usize) -> PeerId {
        host_name(host, self.letters).parse().expect("a name")
    }

    /// How the process of this number divides rows into files.
    #[must_use]
    pub fn layout(&self, process: usize) -> Layout {
        match self.months {
            Some(bits) if bits >> (process % 64) & 1 == 1 => Layout::Month,
            _ => Layout::Sensor,
        }
    }

    /// `--quorum`: a majority of all that may be members. An insider may be one, too: if two majorities shared only a
    /// liar, each could commit what the other does not know.
    #[must_use]
    pub fn quorum(&self) -> Option<usize> {
        let is_inside = self.liar.is_some_and(|liar| liar.level != Level::Stranger);
        let said = self.quorum_said.unwrap_or(quorum_of(self.hosts + usize::from(is_inside)));
        (self.mode == Mode::Quorum).then_some(said)
    }

    /// The longest time from the end of all faults until everyone is a member or a learner of one term. Seekers find
    /// each other by datagrams: if one in three is lost, or all in one direction, chance has a say, and twice as long
    /// is allowed; three times as long if one in two is lost. If a host lied, it takes time to find out which peers
    /// live: others wait for a borrowed name, and pass it over for up to eight election timeouts if it does not answer.
    #[must_use]
    pub fn settled(&self) -> Time {
        let bound = self.slowest(self.timing.heartbeat_timeout + self.timing.election_timeout * 4);
        let by_chance = match self.datagram_loss_one_in {
            2 => 3,
            3 => 2,
            _ if self.one_way.is_some() => 2,
            _ => 1,
        };
        let doubts = self.slowest(self.timing.heartbeat_timeout * 4 + self.timing.election_timeout * 16);
        let bound = if self.liar.is_some() { bound + doubts } else { bound };
        bound * by_chance
    }

    /// How long a peer waits for what it dials, as the threads of a process do.
    pub(crate) fn answer_patience(&self) -> Time {
        self.timing.heartbeat_interval.min(Time::from_secs(1))
    }

    /// More events than this in a run are a loop. Each broadcast reaches every host.
    #[must_use]
    pub fn events_max(&self) -> u64 {
        EVENTS_MAX.max(100 * (self.hosts * self.hosts) as u64)
    }

    /// How long this takes by the slowest clock.
    #[must_use]
    pub fn slowest(&self, time: Time) -> Time {
        time * EXACT / self.rates.iter().copied().min().unwrap_or(EXACT)
    }
}

/// Another stream for each `turn`: what is drawn from it changes nothing else.
fn aside(rng: &SmallRng, turn: u32) -> SmallRng {
    SmallRng::seed_from_u64(rng.clone().random::<u64>().rotate_left(turn))
}

/// What the peer on a host is called: `a`, `b`, and so on, or `p0`, `p1`.
pub(crate) fn host_name(host: usize, letters: bool) -> String {
    let letter = u8::try_from(host).ok().filter(|host| letters && *host < 26).map(|host| char::from(b'a' + host));
    letter.map_or_else(|| format!("p{host}"), String::from)
}

/// A majority of this many hosts.
#[must_use]
pub fn quorum_of(hosts: usize) -> usize {
    hosts / 2 + 1
}

fn draw_rate(rng: &mut SmallRng) -> u32 {
    rng.random_range(EXACT - DRIFT_MAX..=EXACT + DRIFT_MAX)
}

#[must_use]
pub fn ms(millis: u64) -> Time {
    Duration::from_millis(millis)
}

pub fn pick<'a, T>(rng: &mut SmallRng, of: &'a [T]) -> &'a T {
    &of[rng.random_range(0..of.len())]
}
