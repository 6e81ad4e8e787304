//! One run: first faults, then none. The group must come to rest in bounded time, and every reading must be everywhere.

use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::protocol::{Standing, Time};
use crate::simulation::invariants;
use crate::simulation::liar::Level;
use crate::simulation::plan::Mode;
use crate::simulation::record::{Record, What};
use crate::simulation::sabotage::Sabotage;
use crate::simulation::world::World;

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
    /// What the liar was, if there was one.
    pub liar: Option<Level>,
    pub closed: bool,
    /// Everything that happened, where it was asked for.
    pub trace: String,
    pub record: Option<Record>,
    /// When the run ended, from its beginning on.
    pub ended: Time,
}

#[must_use]
pub fn run(mode: Mode, seed: u64, sabotage: Sabotage, tracing: bool) -> Outcome {
    let mut world = World::new(mode, seed, tracing);
    world.sabotage = sabotage;
    spare(&mut world);
    outcome(world)
}

/// If a fault is planted, there is no other trouble than it needs.
pub(crate) fn spare(world: &mut World) {
    let sabotage = world.sabotage;
    if !matches!(sabotage, Sabotage::None | Sabotage::ProvenByAnybody) {
        // One trouble at a time.
        world.liar = None;
    }
    if sabotage != Sabotage::None && !sabotage.is_of_retention() {
        world.plan.retention = None;
    }
    if !matches!(sabotage, Sabotage::None | Sabotage::RowsNotWritten) {
        world.plan.rows_wait = None;
    }
    if !matches!(sabotage, Sabotage::None | Sabotage::PlainTextHeard | Sabotage::ReplaysCount) {
        (world.closed, world.outsider) = (None, None);
    }
}

/// Runs a world to its end.
#[must_use]
pub fn outcome(mut world: World) -> Outcome {
    let mut settled = Time::ZERO;
    let result = catch_unwind(AssertUnwindSafe(|| settled = live(&mut world)));
    let panicked = result.err().map(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        format!("a peer panics: {}", text.unwrap_or("?"))
    });
    let broken = panicked.or(world.checks.broken.clone());
    if let Some(why) = broken.clone() {
        world.note(|| What::Broken(why));
    }
    Outcome {
        broken,
        record: world.record.take(),
        ended: world.now.saturating_sub(World::BEGIN),
        settled,
        settled_percent: settled.as_micros() * 100 / world.plan.settled().as_micros(),
        fingerprint: world.fingerprint,
        trace: world.take_trace(),
        liar: world.liar.as_ref().map(|liar| liar.habits.level),
        closed: world.closed.is_some(),
        readings: world.processes.iter().map(|process| process.taken).sum(),
    }
}

fn live(world: &mut World) -> Time {
    let plan = world.plan.clone();
    let start = world.now;
    world.run_until(start + plan.faults_end);
    world.end_of_faults();
    if plan.liar.is_some_and(|liar| liar.goes_on) {
        world.run_until(world.now + plan.settled());
    }
    world.hush_the_liar();
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
    // What is under way arrives; then nothing may be missing anywhere.
    world.end_of_input();
    world.run_until(world.now + plan.timing.heartbeat_timeout * 2 + plan.timing.election_timeout * 4);
    world.fail(invariants::at_rest(world.alive()));
    let kept = world.checks.check_nothing_is_lost(&world.alive());
    world.fail(kept);
    let files = world.processes.iter_mut().filter(|process| process.alive).try_for_each(invariants::check_whole);
    world.fail(files);
    world.fail(all_delivered(world));
    settled.unwrap_or_default()
}

/// In the end everyone is a member, and has delivered the whole of one log.
pub(crate) fn all_delivered(world: &World) -> Result<(), String> {
    let logs: Vec<_> = world.alive().map(|p| (p.shelf.last(), p.shelf.log.last().map(|entry| entry.digest))).collect();
    for process in world.alive() {
        let standing = process.peer.standing();
        let (delivered, last) = (process.shelf.written, process.shelf.last());
        if standing == Standing::Learner || delivered != last {
            return Err(format!("promise 9: {} is a {standing:?} with {delivered} of {last} delivered", process.id()));
        }
    }
    match logs.iter().find(|log| **log != logs[0]) {
        Some(other) => Err(format!("promise 9: logs differ in the end: {:?} and {other:?}", logs[0])),
        None => Ok(()),
    }
}
