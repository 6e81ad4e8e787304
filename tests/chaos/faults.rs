//! Chaos: anything may happen to any process at any time. Then nothing happens any more, and every reading must be
//! everywhere.

use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom;
use rand::RngExt;

use crate::harness::fault::Fault;
use crate::harness::run::Run;
use crate::harness::settle::finish;
use crate::harness::station::Station;
use crate::harness::{Group, TIMING_SHORT};

const SECONDS: u64 = 20;

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Longest time between two faults.
const PAUSE_MILLIS_MAX: u64 = 600;

/// A short stop is shorter than the heartbeat timeout, a long one longer.
const STOP_SHORT_MILLIS: std::ops::Range<u64> = 20..400;
const STOP_LONG_MILLIS: std::ops::Range<u64> = 600..2500;

struct Chaos {
    run: Run,
    stations: Vec<Station>,
    /// Peers that are neither killed nor told to leave.
    spared: Vec<String>,
    faults: u32,
}

impl Chaos {
    fn new(test: &str, options: &'static [&'static str], spared: usize) -> Self {
        let mut run = Run::new(test, "PEER_CHAOS_SECONDS", SECONDS);
        let group = Rc::new(Group::timed(TIMING_SHORT));
        let stations = IDS.iter().map(|id| group.station(id, options)).collect();
        let spared = IDS.sample(&mut run.rng, spared).map(|id| (*id).to_owned()).collect();
        Self { run, stations, spared, faults: 0 }
    }

    /// Three run at first, the spared among them; the others join when chance says so.
    fn live(&mut self) {
        for at in self.first() {
            self.stations[at].start(&mut self.run.rng);
        }
        while Instant::now() < self.run.until {
            self.pause();
            if self.run.rng.random_bool(0.45) {
                self.begin_one();
            } else {
                self.hurt_one();
            }
        }
    }

    fn first(&self) -> Vec<usize> {
        let is_spared = |at: &usize| self.spared.contains(&self.stations[*at].id);
        let mut order: Vec<usize> = (0..IDS.len()).filter(is_spared).collect();
        order.extend((0..IDS.len()).filter(|at| !is_spared(at)));
        order.truncate(3);
        order
    }

    /// Waits for the next fault, looks at all files, and wakes stopped peers when their time has come.
    fn pause(&mut self) {
        let until = Instant::now() + Duration::from_millis(self.run.rng.random_range(0..PAUSE_MILLIS_MAX));
        loop {
            for station in &mut self.stations {
                station.wake_if_due();
                station.assert_runs();
                station.look();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left.min(Duration::from_millis(20)));
        }
    }

    fn begin_one(&mut self) {
        let down: Vec<usize> = (0..self.stations.len()).filter(|at| !self.stations[*at].is_up()).collect();
        if let Some(at) = down.choose(&mut self.run.rng) {
            self.stations[*at].start(&mut self.run.rng);
        }
    }

    fn hurt_one(&mut self) {
        let fault = Fault::draw(&mut self.run.rng);
        let may = |station: &Station| {
            // A stopped process reacts to SIGKILL only.
            let hears = matches!(fault, Fault::Kill) || !station.is_stopped();
            station.is_up() && hears && !(fault.ends() && self.spared.contains(&station.id))
        };
        let those: Vec<usize> = (0..self.stations.len()).filter(|at| may(&self.stations[*at])).collect();
        let Some(at) = those.choose(&mut self.run.rng).copied() else { return };
        self.faults += 1;
        let station = &mut self.stations[at];
        match fault {
            Fault::Kill => station.kill(),
            Fault::Leave => station.leave(),
            Fault::StopShort => station.stop_for(Duration::from_millis(self.run.rng.random_range(STOP_SHORT_MILLIS))),
            Fault::StopLong => station.stop_for(Duration::from_millis(self.run.rng.random_range(STOP_LONG_MILLIS))),
        }
    }

    fn end(mut self) {
        for station in &mut self.stations {
            station.wake();
            if !station.is_up() {
                station.start(&mut self.run.rng);
            }
        }
        let rows = finish(&mut self.stations);
        for station in &self.stations {
            assert!(!(station.has_died() && self.spared.contains(&station.id)), "{} was to be spared", station.id);
        }
        println!("{} faults, {} readings", self.faults, rows.len());
    }
}

/// Two peers live through all of it. What they were given must be there, whatever happens to the others.
#[test]
fn chaos_with_cleared_disks_loses_nothing_of_peers_that_live_through() {
    let mut chaos = Chaos::new("chaos chaos_with_disks_that_are_cleared", &[], 2);
    chaos.live();
    chaos.end();
}

#[test]
fn chaos_with_kept_disks_loses_nothing_that_was_in_a_file() {
    let mut chaos = Chaos::new("chaos chaos_with_disks_that_are_kept", &["--resume"], 0);
    chaos.live();
    chaos.end();
}

#[test]
fn chaos_with_a_quorum_never_changes_a_row() {
    let mut chaos = Chaos::new("chaos chaos_with_a_quorum", &["--resume", "--quorum", "3"], 0);
    chaos.live();
    chaos.end();
}
