//! A group at the pace of a real one: default timeouts, a reading every 15 seconds, of each peer in turn, a fault every
//! other day, and clocks that jump. What a core keeps may grow with elections and with the lives of peers, which are in its
//! log for ever, and with nothing else.
//!
//! `PEER_YEAR_DAYS` says how many days that is (5; a year needs some 8 GiB, since all disks are in memory);
//! `PEER_YEAR_SEED` draws other ones.

use peer::protocol::{Peer, Time};
use peer::simulation::clock::EXACT;
use peer::simulation::event::Event;
use peer::simulation::fault::{Fault, Split, Traffic, Ways};
use peer::simulation::invariants;
use peer::simulation::network::Connection;
use peer::simulation::plan::{ms, Mode, Plan, HOSTS_MAX};
use peer::simulation::world::World;
use peer::wire::Timing;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::knob;

const HOSTS: usize = 3;

/// It is never ended: what grows, grows in a core that lives long.
const SPARED: usize = 0;

const READING_GAP: Time = Time::from_secs(15);
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// In the first hours of a day there may be a fault, and in the others none: all is at rest when the day ends.
const FAULTS_UNTIL: u64 = 20 * HOUR;
const FAULTS_A_DAY: f64 = 0.5;

/// Bytes of text about one election, or one life, in all that a core keeps: an entry of the runs, or of the numbers.
const EACH_BYTES: usize = 120;

fn plan() -> Plan {
    let timing = Timing {
        heartbeat_interval: Time::from_secs(5),
        heartbeat_timeout: Time::from_secs(10),
        election_timeout: Time::from_secs(5),
    };
    let drawn = Plan::draw(Mode::Resume, &mut SmallRng::seed_from_u64(0));
    Plan {
        hosts: HOSTS,
        timing,
        priorities: vec![0; HOSTS],
        rates: vec![EXACT - 1, EXACT, EXACT + 1],
        starting: HOSTS,
        disk: vec![ms(2); HOSTS],
        durable: false,
        any_address: false,
        ..drawn.undisturbed(HOSTS)
    }
}

/// Half a minute in which one host is apart from the others.
fn apart(host: usize) -> Fault {
    let mut sides = [0; HOSTS_MAX];
    sides[host] = 1;
    Fault::Part(Split { sides, ways: Ways::All, what: Traffic::All }, Time::from_secs(30))
}

struct Year {
    world: World,
    /// Faults of the day, by the second in which they come.
    faults: Vec<(u64, Fault)>,
    /// Clocks that jump: when, whose, and by how much.
    jumps: Vec<(u64, usize, Time)>,
}

impl Year {
    fn new(seed: u64) -> Self {
        let mut world = World::with_plan(plan(), SmallRng::seed_from_u64(seed), false);
        world.events_max = u64::MAX;
        // Readings come from here, in step.
        world.feeding = false;
        Self { world, faults: Vec::new(), jumps: Vec::new() }
    }

    fn draw_day(&mut self) {
        let rng = &mut self.world.rng;
        (self.faults, self.jumps) = (Vec::new(), Vec::new());
        if rng.random_bool(FAULTS_A_DAY) {
            let at = rng.random_range(0..FAULTS_UNTIL);
            let (host, other) = (rng.random_range(0..HOSTS), rng.random_range(SPARED + 1..HOSTS));
            let back = at + rng.random_range(1..HOUR);
            let start = (back, Fault::Start { host: other, cleared: rng.random_bool(0.1) });
            match rng.random_range(0..8) {
                0 => self.faults.extend([(at, Fault::Crash(other)), start]),
                1 => self.faults.extend([(at, Fault::Stop(other)), start]),
                2 => self.faults.extend([(at, Fault::PowerCut(other)), start]),
                3 => self.faults.push((at, Fault::Pause(host, Time::from_secs(rng.random_range(1..60))))),
                4 => self.faults.push((at, Fault::Pause(host, Time::from_secs(rng.random_range(HOUR..3 * HOUR))))),
                5 => self.faults.push((at, Fault::Break(host, other))),
                6 => self.faults.push((at, apart(host))),
                // A host that slept, or whose clock was set where the system has no other.
                _ => self.jumps.push((at, host, Time::from_secs(rng.random_range(1..30 * DAY)))),
            }
        }
        self.faults.sort_by_key(|(at, _)| *at);
    }

    fn live_a_day(&mut self) {
        self.draw_day();
        let begun = self.world.now;
        for second in (0..DAY).step_by(usize::try_from(READING_GAP.as_secs()).expect("few seconds")) {
            let due = second..second + READING_GAP.as_secs();
            for (at, fault) in self.faults.iter().filter(|(at, _)| due.contains(at)) {
                self.world.at(begun + Time::from_secs(*at), Event::Fault(*fault));
            }
            for (_, host, by) in self.jumps.iter().filter(|(at, ..)| due.contains(at)) {
                self.world.jump(*host, *by);
            }
            let alive: Vec<usize> = self.world.hosts.iter().copied().flatten().collect();
            let turn = second / READING_GAP.as_secs() % alive.len() as u64;
            self.world.give(alive[usize::try_from(turn).expect("few hosts")], 1);
            self.world.run_until(begun + Time::from_secs(second) + READING_GAP);
        }
        for host in 0..HOSTS {
            assert!(self.world.hosts[host].is_some(), "all are back by the end of the day");
        }
        // Each has a successor, and nothing is compared with it any more.
        for process in self.world.processes.iter_mut().filter(|process| !process.alive) {
            process.shelf.forget();
        }
        let rest = invariants::at_rest(self.world.alive());
        self.world.fail(rest);
        assert_eq!(self.world.checks.broken, None);
    }

    /// The core that lives through all of it.
    fn core(&self) -> &Peer {
        &self.world.processes[self.world.hosts[SPARED].expect("it is spared")].peer
    }

    /// How much text it takes to write down all that this core keeps.
    fn size(&self) -> usize {
        format!("{:?}", self.core()).len()
    }

    /// Elections and lives of peers so far.
    fn for_ever(&self) -> usize {
        self.core().runs().len() + self.world.processes.len()
    }

    /// Connections between peers that live.
    fn open(&self) -> usize {
        let lives = |number: usize| self.world.processes[number].alive;
        let open = |connection: &&Connection| connection.writable && lives(connection.from) && lives(connection.to);
        self.world.connections.values().filter(open).count()
    }
}

#[test]
fn what_a_core_keeps_does_not_grow_with_time() {
    let (days, seed) = (knob("PEER_YEAR_DAYS", 5), knob("PEER_YEAR_SEED", 1));
    let mut year = Year::new(seed);
    year.world.run_until(Time::from_secs(HOUR));
    let (first, before) = (year.size(), year.for_ever());
    for day in 1..=days {
        year.live_a_day();
        let (size, since, open) = (year.size(), year.for_ever() - before, year.open());
        let readings = year.core().last();
        println!("day {day}: {size} bytes, {since} elections and lives, {open} connections, {readings} readings");
        let most = 2 * first + since * EACH_BYTES;
        assert!(size <= most, "seed {seed}, day {day}: {size} bytes, {first} in the first hour: {:?}", year.core());
        assert!(open <= 2 * HOSTS * (HOSTS - 1), "seed {seed}, day {day}: {open} connections");
    }
}
