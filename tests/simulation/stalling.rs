//! A disk that hangs for many heartbeat timeouts. Meanwhile nothing is stored there and sources wait, but nobody is
//! taken for gone and nobody elects.

use peer::ids::Term;
use peer::protocol::Standing;
use peer::protocol::PENDING_READINGS_MAX;
use peer::simulation::fault::Fault;
use peer::simulation::invariants::at_rest;
use peer::simulation::plan::{Mode, Plan};
use peer::simulation::seeds::in_order;
use peer::simulation::world::World;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// How many stalls there are in each mode, of a leader's disk and of a member's.
const STALLS: u64 = 4;

/// How many heartbeat timeouts a disk hangs.
const TIMEOUTS: u32 = 6;

/// How many readings each peer is given: more than may wait there, and together more than a leader's storage may lag.
const READINGS: u64 = 3 * PENDING_READINGS_MAX;

/// They come in this many heaps.
const HEAPS: u32 = TIMEOUTS * 10;

/// The term that all have installed, and the number of its members.
fn view(world: &World) -> (Term, usize) {
    at_rest(world.alive()).expect("everyone in one term");
    let leader = world.alive().find(|process| process.peer.standing() == Standing::Leader).expect("one leads");
    (leader.peer.installed().expect("it leads").clone(), leader.peer.members().len())
}

fn stall(mode: Mode, of_leader: bool, seed: u64) -> Result<(), String> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let plan = Plan::draw(mode, &mut rng).undisturbed(3);
    let (timing, hosts) = (plan.timing, plan.hosts);
    let settled = plan.settled() * 2;
    let mut world = World::with_plan(plan, rng, false);
    world.run_until(world.now + settled);
    let before = view(&world);
    assert_eq!(before.1, hosts);
    let whose = |standing| of_leader == (standing == Standing::Leader);
    let stalled = world.alive().find(|process| whose(process.peer.standing())).expect("all stand somewhere").host;
    world.fault(Fault::Stall(stalled, timing.heartbeat_timeout * TIMEOUTS));
    for _ in 0..HEAPS {
        for host in 0..hosts {
            let number = world.hosts[host].expect("nobody ends");
            // Some readings come one by one.
            (0..world.rng.random_range(0..5)).for_each(|_| world.give(number, 1));
            world.give(number, READINGS / u64::from(HEAPS));
        }
        world.run_until(world.now + timing.heartbeat_timeout / 10);
    }
    let waiting = world.processes[world.hosts[stalled].expect("nobody ends")].peer.room();
    world.run_until(world.now + timing.heartbeat_timeout * 2);
    if let Some(broken) = world.checks.broken {
        return Err(format!("seed {seed}: {broken}"));
    }
    if view(&world) != before {
        return Err(format!("seed {seed}: {before:?} became {:?}", view(&world)));
    }
    if waiting > 1000 {
        return Err(format!("seed {seed}: room for {waiting} readings where nothing is stored"));
    }
    Ok(())
}

fn assert_patient(of_leader: bool) {
    for mode in Mode::ALL {
        let stalls: Result<Vec<()>, String> =
            in_order(0, STALLS, |seed| stall(mode, of_leader, seed)).into_iter().collect();
        assert_eq!(stalls.map(|_| ()), Ok(()), "{}", mode.name());
    }
}

#[test]
fn a_leader_with_a_hung_disk_goes_on_leading() {
    assert_patient(true);
}

#[test]
fn a_member_with_a_hung_disk_stays_a_member() {
    assert_patient(false);
}

/// The leader is killed while the disk of the next in line hangs.
fn succeed(mode: Mode, seed: u64) -> Result<(), String> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let plan = Plan::draw(mode, &mut rng).undisturbed(3);
    let (timing, hosts) = (plan.timing, plan.hosts);
    let (settled, bound) = (plan.settled() * 2, plan.slowest(timing.heartbeat_timeout + timing.election_timeout * 8));
    let mut world = World::with_plan(plan, rng, false);
    world.feeding = false;
    world.run_until(world.now + settled);
    let leader = world.alive().find(|process| process.peer.standing() == Standing::Leader).expect("one leads").host;
    let next = (0..hosts).rev().find(|host| *host != leader).expect("there are three");
    world.fault(Fault::Stall(next, bound * 2));
    world.fault(Fault::Crash(leader));
    let other = (0..hosts).find(|host| ![leader, next].contains(host)).expect("there are three");
    world.run_until(world.now + bound);
    world.give(world.hosts[other].expect("it lives"), 1);
    world.run_until(world.now + timing.heartbeat_interval);
    let process = &world.processes[world.hosts[other].expect("it lives")];
    if process.shelf.delivered == 0 {
        return Err(format!(
            "seed {seed}: {:?} has not delivered while the disk of p{next} hangs",
            process.peer.standing()
        ));
    }
    world.run_until(world.now + bound * 3);
    match &world.checks.broken {
        None => at_rest(world.alive()).map_err(|why| format!("seed {seed}: {why}")),
        Some(broken) => Err(format!("seed {seed}: {broken}")),
    }
}

#[test]
fn others_elect_while_the_disk_of_the_next_in_line_hangs() {
    for mode in [Mode::Default, Mode::Resume] {
        let all: Result<Vec<()>, String> = in_order(0, 20, |seed| succeed(mode, seed)).into_iter().collect();
        assert_eq!(all.map(|_| ()), Ok(()), "{}", mode.name());
    }
}
