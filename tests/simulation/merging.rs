//! How long a split network takes to be one group again. The network is good, is cut into sides for long enough that
//! every side goes on by itself, and has no other fault.

use peer::protocol::{Standing, Time};
use peer::simulation::fault::{Fault, Split, Traffic, Ways};
use peer::simulation::plan::{Mode, Plan, HOSTS_MAX};
use peer::simulation::seeds::in_order;
use peer::simulation::world::World;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::knob;

/// How many splits there are in each mode, on each network, unless `PEER_SIM_SPLITS` says so.
const SPLITS: u64 = 30;

/// What kind of network it is, and how it is cut.
#[derive(Debug, Clone, Copy)]
struct Network {
    /// One datagram in this many is lost; 0: none.
    loss: u32,
    join_only: bool,
    ways: Ways,
    what: Traffic,
}

/// A good network that is cut into sides that cannot reach each other.
const PLAIN: Network = Network { loss: 0, join_only: false, ways: Ways::All, what: Traffic::All };

/// Whether everyone is a member of one view.
pub(crate) fn one_view(world: &World) -> bool {
    let hosts = world.plan.hosts;
    let leaders: Vec<_> = world.alive().filter_map(|process| process.peer.installed()).collect();
    let member = |standing| matches!(standing, Standing::Leader | Standing::Member);
    leaders.len() == hosts
        && leaders.iter().all(|term| *term == leaders[0])
        && world.alive().all(|process| member(process.peer.standing()) && process.peer.members().len() == hosts)
}

/// How many readings a host takes in during a cut, at most: few enough to be fetched in an instant.
const READINGS_A_CUT: u32 = 10_000;

/// How long the network is cut.
#[derive(Debug, Clone, Copy)]
enum Length {
    /// Long enough for each side to be a group.
    Enough,
    /// From a second to ten minutes: many short splits and few long ones.
    Any,
}

/// From the end of a split to one view, in hundredths of the time allowed.
fn merge(mode: Mode, network: Network, length: Length, seed: u64) -> Result<u128, String> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let plan = Plan::draw(mode, &mut rng).undisturbed(2);
    let mut plan = Plan { join_only: network.join_only, datagram_loss_one_in: network.loss, ..plan };
    let timing = plan.timing;
    let begin = plan.settled() * 2;
    let length = match length {
        Length::Enough => plan.settled() + timing.heartbeat_timeout.mul_f64(rng.random_range(1.0..3.0)),
        Length::Any => Time::from_secs_f64(600_f64.powf(rng.random_range(0.0..1.0))),
    };
    // The bound is the protocol's. To fetch what another side took in during minutes takes time of its own.
    plan.reading_gap = plan.reading_gap.max(length / READINGS_A_CUT);
    let mut sides = [0; HOSTS_MAX];
    sides.fill_with(|| rng.random_range(0..3));
    let allowed = plan.slowest(timing.heartbeat_interval * 3 + timing.election_timeout * 2);
    let mut world = World::with_plan(plan, rng, knob("PEER_SIM_TRACE", 0) > 0);
    world.run_until(world.now + begin);
    world.fault(Fault::Part(Split { sides, ways: network.ways, what: network.what }, length));
    world.run_until(world.now + length);
    let healed = world.now;
    while !one_view(&world) && world.checks.broken.is_none() {
        if world.now > healed + allowed * 20 {
            return Err(format!("seed {seed}: no view of all"));
        }
        world.run_until(world.now + allowed / 100);
    }
    print!("{}", world.take_trace());
    match &world.checks.broken {
        Some(why) => Err(format!("seed {seed}: {why}")),
        None => Ok(world.now.checked_sub(healed).unwrap().as_micros() * 100 / allowed.as_micros()),
    }
}

/// Runs the splits of each mode. None may take longer than this, in hundredths of the time allowed.
fn assert_merged(network: Network, percent: u128) {
    assert_merged_after(network, Length::Enough, percent);
}

fn assert_merged_after(network: Network, length: Length, percent: u128) {
    for mode in Mode::ALL {
        let (first, splits) = (knob("PEER_SIM_FIRST", 0), knob("PEER_SIM_SPLITS", SPLITS));
        // Ten minutes of a group are as much work as thirty of the other splits.
        let splits = if matches!(length, Length::Any) { splits / 3 } else { splits };
        let merges = in_order(first, splits, |seed| merge(mode, network, length, seed));
        let mut percents: Vec<u128> = merges.into_iter().map(|merge| merge.expect("a view of all")).collect();
        percents.sort_unstable();
        let at = |permille: usize| percents[(percents.len() - 1) * permille / 1000];
        let (half, most, all) = (at(500), at(900), at(1000));
        let mode = mode.name();
        println!(
            "{network:?}, {length:?}, {mode}: one view after 50 %: {half}, 90 %: {most}, all: {all} percent of the time allowed"
        );
        assert!(all <= percent, "{mode}: {percents:?}");
    }
}

#[test]
fn a_healed_network_has_one_view_within_three_heartbeats_and_two_election_timeouts() {
    assert_merged(PLAIN, 100);
}

#[test]
fn cuts_of_a_second_or_of_ten_minutes_heal_in_that_time() {
    assert_merged_after(PLAIN, Length::Any, 100);
}

#[test]
fn one_way_cuts_heal_in_that_time() {
    assert_merged(Network { ways: Ways::Up, ..PLAIN }, 100);
}

#[test]
fn cuts_between_two_sides_that_reach_a_third_heal_in_that_time() {
    assert_merged(Network { ways: Ways::Neighbours, ..PLAIN }, 100);
}

#[test]
fn cuts_that_let_only_broadcasts_through_heal_in_that_time() {
    assert_merged(Network { what: Traffic::Tcp, ..PLAIN }, 100);
}

#[test]
fn cuts_of_broadcasts_alone_heal_in_that_time() {
    assert_merged(Network { what: Traffic::Datagrams, ..PLAIN }, 100);
}

#[test]
fn cuts_of_a_network_without_broadcast_heal_in_that_time() {
    assert_merged(Network { join_only: true, ..PLAIN }, 100);
}

/// What is lost is said again, an interval later at most. Two of three arrive, so twice the time is enough.
#[test]
fn a_merge_takes_at_most_twice_the_time_where_one_datagram_in_three_is_lost() {
    assert_merged(Network { loss: 3, ..PLAIN }, 200);
}
