//! Splits, one-way losses and deaf hosts at random, under load. Then the network is whole, and every reading must be
//! everywhere, once.

use std::rc::Rc;
use std::time::{Duration, Instant};

use rand::RngExt;

use crate::harness::run::Run;
use crate::harness::settle::{finish, look_until};
use crate::harness::station::Station;
use crate::harness::{Group, TIMING_SHORT};
use crate::network::{Network, SIDES};

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

pub(crate) const SECONDS: u64 = 20;

/// How long one state of the network lasts, in milliseconds: from shorter than a heartbeat timeout to several.
const STATE_MILLIS: std::ops::Range<u64> = 200..3000;

/// The state of the network for a while.
#[derive(Debug, Default)]
struct Conditions {
    /// The side that each host is on.
    sides: [usize; IDS.len()],
    /// What the first host sends to the second alone is lost.
    losses: Vec<(usize, usize)>,
    deaf: Option<usize>,
}

struct Weather {
    run: Run,
    stations: Vec<Station>,
    network: Rc<Network>,
    state: Conditions,
    states: u32,
}

impl Weather {
    fn new(test: &str, options: &'static [&'static str]) -> Option<Self> {
        let network = Network::new(IDS.len())?;
        let mut run = Run::new(test, "PEER_HOSTS_SECONDS", SECONDS);
        let group = Rc::new(Group::timed(TIMING_SHORT));
        let mut stations: Vec<Station> =
            IDS.iter().enumerate().map(|(host, id)| network.station(&group, host, id, options)).collect();
        for station in &mut stations {
            station.start(&mut run.rng);
        }
        Some(Self { run, stations, network, state: Conditions::default(), states: 0 })
    }

    /// Draws the next state of the network.
    fn draw(&mut self) -> Conditions {
        let rng = &mut self.run.rng;
        let mut state = Conditions::default();
        match rng.random_range(0..10) {
            // A whole network, so that groups merge again.
            0..3 => {}
            3..6 => state.sides = std::array::from_fn(|_| rng.random_range(0..2)),
            6 => state.sides = std::array::from_fn(|_| rng.random_range(0..SIDES)),
            7 => state.sides[rng.random_range(0..IDS.len())] = 1,
            8 => {
                let from = rng.random_range(0..IDS.len());
                let many = rng.random_range(1..IDS.len());
                state.losses = (1..=many).map(|step| (from, (from + step) % IDS.len())).collect();
            }
            _ => state.deaf = Some(rng.random_range(0..IDS.len())),
        }
        state
    }

    fn become_like(&mut self, state: Conditions) {
        for (host, side) in state.sides.iter().enumerate() {
            if self.state.sides[host] != *side {
                self.network.plug(host, *side);
            }
        }
        for (from, to) in &self.state.losses {
            self.network.find(*from, *to);
        }
        for (from, to) in &state.losses {
            self.network.lose(*from, *to);
        }
        if let Some(host) = self.state.deaf {
            self.network.hear(host, true);
        }
        if let Some(host) = state.deaf {
            self.network.hear(host, false);
        }
        self.state = state;
        self.states += 1;
    }

    fn blow(&mut self) {
        while Instant::now() < self.run.until {
            let state = self.draw();
            self.become_like(state);
            let until = Instant::now() + Duration::from_millis(self.run.rng.random_range(STATE_MILLIS));
            look_until(&mut self.stations, until);
            for station in &mut self.stations {
                station.assert_runs();
            }
        }
        self.become_like(Conditions::default());
    }

    fn end(mut self) {
        let rows = finish(&mut self.stations);
        println!("{} states of the network, {} readings", self.states, rows.len());
    }
}

#[test]
fn every_reading_is_there_once_after_hosts_were_cut_apart_at_random() {
    let Some(mut weather) = Weather::new("hosts hosts_that_are_cut_apart", &[]) else { return };
    weather.blow();
    weather.end();
}

#[test]
fn with_a_quorum_no_row_ever_changes_whatever_the_network_does() {
    let options = &["--resume", "--quorum", "3"];
    let Some(mut weather) = Weather::new("hosts with_a_quorum_no_row_ever", options) else { return };
    weather.blow();
    weather.end();
}
