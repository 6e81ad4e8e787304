//! Tests of whole groups of peers on the virtual network, clock and disk of `src/simulation`. Every run is drawn from a
//! seed, and the promises of the protocol are checked as it goes.
//!
//! `PEER_SIM_MODE` says which options the peers have: `default`, `resume` or `quorum` (unset: all of these, one after the
//! other). `PEER_SIM_SEEDS` says how many seeds to run (200 of each), `PEER_SIM_SPLITS` how many splits of each kind
//! have to heal in time (30), `PEER_SIM_REACH` how many networks there are of each kind in which not all reach all
//! (12), `PEER_SIM_PEERS` how many peers the groups of many have (9, 30 and 100), `PEER_SIM_FIRST` which seed is the
//! first (0). `PEER_SIM_TRACE=1` prints everything that happens. A run that fails prints the command that repeats it.
//! `exhaustive.rs` draws nothing, and has variables of its own.

mod drawings;
mod exhaustive;
mod many;
mod merging;
mod outsider;
mod reach;
mod sabotage;
#[cfg(test)]
mod scenarios;
mod stalling;
mod year;

use peer::simulation::plan::Mode;
use peer::simulation::run::{run, Outcome};
use peer::simulation::sabotage::Sabotage;
use peer::simulation::seeds;

/// After this many failed seeds a mode ends.
const FAILED_MAX: usize = 10;

/// How many seeds run before the failed ones are counted again.
const SEEDS_A_STEP: u64 = 500;

fn knob(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs the seeds of one mode, says how they went, and returns those that failed.
fn run_all(mode: Mode) -> Vec<(Mode, u64)> {
    let (first, seeds) = (knob("PEER_SIM_FIRST", 0), knob("PEER_SIM_SEEDS", 200));
    let tracing = knob("PEER_SIM_TRACE", 0) > 0;
    let (mut outcomes, mut failed): (Vec<Outcome>, _) = (Vec::new(), Vec::new());
    let mut next = first;
    while next < first + seeds && failed.len() < FAILED_MAX {
        let count = SEEDS_A_STEP.min(first + seeds - next);
        for (seed, outcome) in
            (next..).zip(seeds::in_order(next, count, |seed| run(mode, seed, Sabotage::None, tracing)))
        {
            print!("{}", outcome.trace);
            if let Some(why) = &outcome.broken {
                let name = mode.name();
                let company = if outcome.closed { "closed".to_owned() } else { format!("liar: {:?}", outcome.liar) };
                println!("{name} seed {seed} ({company}): {why}");
                println!("REPEAT WITH: PEER_SIM_MODE={name} PEER_SIM_FIRST={seed} PEER_SIM_SEEDS=1 PEER_SIM_TRACE=1 cargo test --test simulation groups_keep -- --nocapture");
                failed.push((mode, seed));
            }
            outcomes.push(outcome);
        }
        next += count;
    }
    let readings: u64 = outcomes.iter().map(|outcome| outcome.readings).sum();
    let mut percents: Vec<(u128, u64)> = outcomes.iter().map(|outcome| outcome.settled_percent).zip(first..).collect();
    percents.sort_unstable();
    let at = |permille: usize| percents[(percents.len() - 1) * permille / 1000].0;
    println!(
        "{}: {} seeds from {first}, {readings} readings: at rest after 50 %: {}, 90 %: {}, 99 %: {}, 99.9 %: {}, all: {} percent of the time allowed, seed {} last",
        mode.name(), percents.len(), at(500), at(900), at(990), at(999), at(1000), percents[percents.len() - 1].1,
    );
    failed
}

/// The modes that `PEER_SIM_MODE` asks for.
fn modes() -> Vec<Mode> {
    let wanted = std::env::var("PEER_SIM_MODE").ok();
    let chosen = |mode: &Mode| wanted.as_deref().is_none_or(|wanted| wanted == mode.name());
    let modes: Vec<Mode> = Mode::ALL.into_iter().filter(chosen).collect();
    assert!(!modes.is_empty(), "PEER_SIM_MODE is default, resume or quorum");
    modes
}

#[test]
fn groups_keep_their_promises() {
    let failed: Vec<_> = modes().into_iter().flat_map(run_all).collect();
    assert!(failed.is_empty(), "promises broken in seeds {failed:?}");
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    for mode in Mode::ALL {
        for seed in 0..10 {
            let once = || run(mode, seed, Sabotage::None, false);
            assert_eq!(once(), once(), "{} seed {seed}", mode.name());
        }
    }
}
