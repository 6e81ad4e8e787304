//! The run: faults drawn from a seed, until the time is over.

use std::path::Path;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt;

use crate::given;
use crate::harness::fault::Fault;
use crate::harness::run::Run;
use crate::harness::settle::{verify, wait_for_one_group};
use crate::harness::station::Station;
use crate::harness::{skipped, Group, Peer};
use crate::samples::Samples;
use crate::settled::wait_until_equal;

const IDS: [&str; 3] = ["a", "b", "c"];

/// It is never killed or told to leave, only stopped: what leaks, leaks in a life that lasts.
const SPARED: usize = 0;

/// Heaps of some 20 readings, and pauses of half of this on average, in milliseconds: some 2,000 readings a second of all
/// three.
const PAUSE_MAX: u64 = 60;

const FAULT_PERIOD: Duration = Duration::from_secs(10);
const SAMPLE_PERIOD: Duration = Duration::from_secs(2);

/// How often this thread looks whether anything is due.
const GLANCE: Duration = Duration::from_millis(20);

/// A short stop is shorter than the heartbeat timeout (2 s), a long one longer. All are over before the next fault.
const STOP_SHORT_MILLIS: std::ops::Range<u64> = 100..1500;
const STOP_LONG_MILLIS: std::ops::Range<u64> = 2500..8000;

/// How long a peer that ended is away.
const AWAY_MILLIS: std::ops::Range<u64> = 500..6000;

struct Soak {
    run: Run,
    stations: Vec<Station>,
    samples: Samples,
    /// When the peer of each station begins its next life.
    back_at: [Option<Instant>; IDS.len()],
    faults: u32,
}

impl Soak {
    fn new(group: &Rc<Group>, csv: &Path) -> Self {
        let mut run = Run::new("soak", "PEER_SOAK_SECONDS", 300);
        let length = run.length;
        let mut stations: Vec<Station> = IDS.iter().map(|id| group.station(id, &["--resume"])).collect();
        for station in &mut stations {
            station.pause_max = PAUSE_MAX;
            // Millions of readings: `given.rs` checks them as it reads.
            station.recorder = None;
            station.start(&mut run.rng);
        }
        wait_for_one_group(&stations);
        Self { run, stations, samples: Samples::new(csv, length), back_at: [None; IDS.len()], faults: 0 }
    }

    fn live(&mut self) {
        let (mut fault_at, mut sample_at) = (Instant::now() + FAULT_PERIOD, Instant::now());
        while Instant::now() < self.run.until {
            self.bring_back();
            if Instant::now() >= sample_at {
                sample_at += SAMPLE_PERIOD;
                let up = self.stations.iter().filter(|station| station.is_up()).map(Station::peer);
                self.samples.take(up);
            }
            if Instant::now() >= fault_at {
                fault_at += FAULT_PERIOD;
                self.hurt_one();
            }
            thread::park_timeout(GLANCE);
        }
        for station in &mut self.stations {
            station.wake();
        }
        self.back_at.iter_mut().flatten().for_each(|at| *at = Instant::now());
        self.bring_back();
    }

    fn bring_back(&mut self) {
        for (station, back_at) in self.stations.iter_mut().zip(&mut self.back_at) {
            station.wake_if_due();
            station.assert_runs();
            if back_at.is_some_and(|at| at <= Instant::now()) {
                *back_at = None;
                station.start(&mut self.run.rng);
            }
        }
    }

    fn hurt_one(&mut self) {
        let rng = &mut self.run.rng;
        let fault = Fault::draw(rng);
        let at = rng.random_range(if fault.ends() { SPARED + 1 } else { 0 }..IDS.len());
        let station = &mut self.stations[at];
        self.faults += 1;
        match fault {
            Fault::Kill => station.kill(),
            Fault::Leave => station.leave(),
            Fault::StopShort => station.stop_for(Duration::from_millis(rng.random_range(STOP_SHORT_MILLIS))),
            Fault::StopLong => station.stop_for(Duration::from_millis(rng.random_range(STOP_LONG_MILLIS))),
        }
        if fault.ends() {
            self.back_at[at] = Some(Instant::now() + Duration::from_millis(rng.random_range(AWAY_MILLIS)));
        }
    }

    /// Ends the input, and waits until all peers hold the same and have stopped.
    fn end(&mut self) {
        wait_for_one_group(&self.stations);
        for station in &mut self.stations {
            station.end_input();
        }
        for station in &self.stations {
            station.wait_for_end_of_input();
        }
        wait_until_equal(&self.stations);
        for station in &self.stations {
            station.ask_to_stop();
        }
        for station in &mut self.stations {
            station.wait_for_stop();
        }
    }
}

#[test]
fn a_group_under_load_and_faults_takes_no_more_after_hours_than_after_minutes() {
    if std::env::var_os("PEER_SOAK_SECONDS").is_none() {
        return skipped("a soak", "PEER_SOAK_SECONDS is not set; scripts/soak.sh sets it");
    }
    let csv = std::env::var("PEER_SOAK_CSV").unwrap_or_else(|_| "soak.csv".to_owned());
    let group = Rc::new(Group::new());
    let mut soak = Soak::new(&group, Path::new(&csv));
    soak.live();
    soak.end();
    let peers: Vec<&Peer> = soak.stations.iter().map(Station::peer).collect();
    verify(&peers);
    println!("{} faults; peer verify: OK", soak.faults);
    for station in &soak.stations {
        println!("{}", given::check(station, &peers[0].data));
    }
    let grown = soak.samples.report();
    println!("Samples: {csv}");
    assert!(grown.is_empty(), "not flat: {}", grown.join("; "));
}
