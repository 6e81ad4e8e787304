//! Whole groups of peers on a virtual network, clock and disk: every run is drawn from a seed, and the promises of the
//! protocol are checked as it goes.
//!
//! `PEER_SIM_SEEDS` says how many seeds to run (200), `PEER_SIM_FIRST` which is the first (0), `PEER_SIM_TRACE=1` prints
//! everything that happens. A run that fails prints the command that repeats it.

mod hosts;
mod invariants;
mod network;
mod plan;
mod process;
mod rows;
mod sabotage;
#[cfg(test)]
mod scenarios;
mod shelf;
mod storing;
mod traffic;
mod world;

use std::panic::{catch_unwind, AssertUnwindSafe};

use peer::protocol::Time;
use sabotage::Sabotage;
use world::World;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub broken: Option<String>,
    /// From the end of all faults until everyone was a member or a learner of one term.
    pub settled: Time,
    /// How much of the allowed time that is, in percent.
    pub settled_percent: u128,
    pub fingerprint: u64,
    pub readings: u64,
}

/// First faults, then none: the group must come to rest in bounded time, and everything must be everywhere.
#[must_use]
pub fn run(seed: u64, sabotage: Sabotage, tracing: bool) -> Outcome {
    let mut world = World::new(seed, tracing);
    world.sabotage = sabotage;
    let mut settled = Time::ZERO;
    let result = catch_unwind(AssertUnwindSafe(|| settled = live(&mut world)));
    if tracing {
        println!("{}", world.take_trace());
    }
    let panicked = result.err().map(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        format!("a peer panics: {}", text.unwrap_or("?"))
    });
    Outcome {
        broken: panicked.or(world.checks.broken.clone()),
        settled,
        settled_percent: settled.as_micros() * 100 / world.plan.settled().as_micros(),
        fingerprint: world.fingerprint,
        readings: world.processes.iter().map(|process| process.taken).sum(),
    }
}

fn live(world: &mut World) -> Time {
    let plan = world.plan.clone();
    let start = world.now;
    world.run_until(start + plan.faults_end);
    world.end_of_faults();
    let calm = world.now;
    let (mut settled, step) = (None, plan.settled() / 50);
    while world.now < calm + plan.settled() && world.checks.broken.is_none() {
        world.run_until(world.now + step);
        match invariants::at_rest(world.alive()) {
            Ok(()) => settled = settled.or(Some(world.now.checked_sub(calm).unwrap())),
            Err(_) => settled = None,
        }
    }
    if settled.is_none() {
        world.fail(invariants::at_rest(world.alive()));
    }
    // What is on its way arrives; then nothing may be missing anywhere.
    world.end_of_input();
    world.run_until(world.now + plan.timing.heartbeat_timeout * 2 + plan.timing.election_timeout * 4);
    world.fail(invariants::at_rest(world.alive()));
    let kept = invariants::check_nothing_is_lost(&world.alive());
    world.fail(kept);
    let files = world.processes.iter_mut().filter(|process| process.alive).try_for_each(invariants::check_whole);
    world.fail(files);
    world.fail(all_delivered(world));
    settled.unwrap_or_default()
}

/// In the end everyone is a member, and has delivered the whole of one log.
fn all_delivered(world: &World) -> Result<(), String> {
    let logs: Vec<_> = world.alive().map(|p| (p.shelf.last(), p.shelf.log.last().map(|entry| entry.digest))).collect();
    for process in world.alive() {
        let standing = process.peer.standing();
        let (delivered, last) = (process.shelf.delivered, process.shelf.last());
        if standing == peer::protocol::Standing::Learner || delivered != last {
            return Err(format!("promise 9: {} is a {standing:?} with {delivered} of {last} delivered", process.id()));
        }
    }
    match logs.iter().find(|log| **log != logs[0]) {
        Some(other) => Err(format!("promise 9: logs differ in the end: {:?} and {other:?}", logs[0])),
        None => Ok(()),
    }
}

fn knob(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn groups_keep_their_promises() {
    let (first, seeds) = (knob("PEER_SIM_FIRST", 0), knob("PEER_SIM_SEEDS", 200));
    let tracing = knob("PEER_SIM_TRACE", 0) > 0;
    let (mut percents, mut readings, mut failed) = (Vec::new(), 0, Vec::new());
    for seed in first..first + seeds {
        let outcome = run(seed, Sabotage::None, tracing);
        percents.push((outcome.settled_percent, seed));
        readings += outcome.readings;
        if let Some(why) = outcome.broken {
            println!("seed {seed}: {why}");
            println!("REPEAT WITH: PEER_SIM_FIRST={seed} PEER_SIM_SEEDS=1 PEER_SIM_TRACE=1 cargo test --test simulation groups_keep -- --nocapture");
            failed.push(seed);
            if failed.len() >= 10 {
                break;
            }
        }
    }
    percents.sort_unstable();
    let at = |permille: usize| percents[(percents.len() - 1) * permille / 1000].0;
    println!(
        "{seeds} seeds from {first}, {readings} readings: at rest after 50 %: {}, 90 %: {}, 99 %: {}, 99.9 %: {}, all: {} percent of the time allowed, seed {} last",
        at(500), at(900), at(990), at(999), at(1000), percents[percents.len() - 1].1,
    );
    assert!(failed.is_empty(), "promises broken in seeds {failed:?}");
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    for seed in 0..10 {
        assert_eq!(run(seed, Sabotage::None, false), run(seed, Sabotage::None, false), "seed {seed}");
    }
}
