//! Networks in which reach is not transitive, for a whole run; and hosts that get another address. Views come to rest
//! all the same, with the largest possible group.

use std::collections::BTreeMap;

use peer::ids::{PeerId, Term};
use peer::protocol::{Standing, Time};
use peer::simulation::event::Event;
use peer::simulation::fault::{Fault, Traffic};
use peer::simulation::plan::{pick, Mode, Plan, HOSTS_MAX};
use peer::simulation::seeds::in_order;
use peer::simulation::world::World;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::knob;

/// How many networks there are of each kind and mode, unless `PEER_SIM_REACH` says so.
const NETWORKS: u64 = 12;

/// How many hosts a network has at most.
const HOSTS: usize = 6;

/// How many addresses change at most.
const MOVES: u32 = 3;

/// Longer than any run.
const FOR_EVER: Time = Time::from_secs(1_000_000);

/// Views come to rest within this many times what a healed network is allowed, and rest for as long again.
const REST: u32 = 10;

/// How many views each peer may have until then.
const VIEWS: u64 = 12;

/// Which hosts reach which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Three hosts: one reaches both others, which do not reach each other.
    Line,
    /// One host reaches all; the others may or may not reach each other.
    Centre,
    /// The same, and broadcasts get through everywhere.
    Heard,
    /// One way between one pair is closed.
    OneWay,
    /// Any pair may reach each other: there may be several groups.
    Any,
    /// All reach all, and some of them, perhaps the leader, get other addresses.
    Moves,
}

/// When the network becomes like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before the first peer starts.
    First,
    /// When all are one group.
    Later,
}

/// Whether anything gets from the first to the second.
type Ways = [[bool; HOSTS_MAX]; HOSTS_MAX];

fn draw(kind: Kind, hosts: usize, rng: &mut SmallRng) -> Ways {
    let mut ways = [[true; HOSTS_MAX]; HOSTS_MAX];
    let centre = rng.random_range(0..hosts);
    let (from, to) = (centre, (centre + rng.random_range(1..hosts)) % hosts);
    let share = *pick(rng, &[0.2, 0.5, 0.8]);
    for (a, b) in (0..hosts).flat_map(|a| (0..a).map(move |b| (a, b))) {
        let open = match kind {
            Kind::Line => a == centre || b == centre,
            Kind::Centre | Kind::Heard => a == centre || b == centre || rng.random_bool(share),
            Kind::OneWay | Kind::Moves => true,
            Kind::Any => rng.random_bool(share),
        };
        (ways[a][b], ways[b][a]) = (open, open);
    }
    if kind == Kind::OneWay {
        ways[from][to] = false;
    }
    ways
}

/// How many hosts the best connected one reaches and is reached by, itself included.
fn most(ways: &Ways, hosts: usize) -> usize {
    let reach = |host: usize| (0..hosts).filter(|other| ways[host][*other] && ways[*other][host]).count();
    (0..hosts).map(reach).max().unwrap_or_default()
}

/// The state of a process: its standing, its promise, its term and its view.
type Stand = (Standing, Option<Term>, Option<Term>, Vec<PeerId>);

fn stands(world: &World) -> Vec<Stand> {
    let of = |peer: &peer::protocol::Peer| {
        (peer.standing(), peer.promised().cloned(), peer.installed().cloned(), peer.members())
    };
    world.alive().map(|process| of(&process.peer)).collect()
}

/// The members of each term.
fn groups(world: &World) -> BTreeMap<Term, usize> {
    let mut groups = BTreeMap::new();
    for (standing, _, installed, _) in stands(world) {
        if let (Standing::Leader | Standing::Member, Some(term)) = (standing, installed) {
            *groups.entry(term).or_default() += 1;
        }
    }
    groups
}

fn disturb(world: &mut World, kind: Kind, ways: &Ways) {
    let hosts = world.plan.hosts;
    let what = if kind == Kind::Heard { Traffic::Tcp } else { Traffic::All };
    for (from, to) in (0..hosts).flat_map(|from| (0..hosts).map(move |to| (from, to))) {
        if !ways[from][to] {
            world.fault(Fault::CutLink { from, to, back: false, what, length: FOR_EVER });
        }
    }
    if kind == Kind::Moves {
        let leads = world.alive().find(|process| process.peer.standing() == Standing::Leader);
        let leader = leads.map_or(0, |process| process.host);
        let any = world.rng.random_range(0..hosts);
        let mut host = *pick(&mut world.rng, &[leader, any]);
        for _ in 0..world.rng.random_range(1..=MOVES) {
            let at = world.plan.settled().mul_f64(world.rng.random_range(0.0..0.5));
            world.after(at, Event::Fault(Fault::Move(host)));
            host = world.rng.random_range(0..hosts);
        }
    }
}

/// How a network came to rest.
#[derive(Debug)]
struct Rest {
    /// How many views a peer had, on average.
    views: u64,
    /// How many members the largest group has, and could have.
    largest: usize,
    possible: usize,
    /// When the last view came, in hundredths of the time that a healed network is allowed.
    percent: u128,
}

/// Checks that every member of the largest group holds all readings that were given to any of them.
fn all_delivered(world: &World) -> Result<(), String> {
    let groups = groups(world);
    let largest = groups.iter().max_by_key(|(_, size)| **size).map(|(term, _)| term);
    let mut ends = BTreeMap::new();
    for process in world.alive().filter(|process| largest.is_some() && process.peer.installed() == largest) {
        let (delivered, last, pending) = (process.shelf.delivered, process.shelf.last(), process.peer.pending());
        if delivered != last || !pending.is_empty() {
            return Err(format!("{} delivered {delivered} of {last}, {pending:?} wait", process.id()));
        }
        ends.insert(last, process.id().clone());
    }
    if ends.len() > 1 {
        return Err(format!("logs differ: {ends:?}"));
    }
    Ok(())
}

fn live(mode: Mode, kind: Kind, when: When, seed: u64) -> Result<Rest, String> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let plan = Plan::draw(mode, &mut rng).undisturbed(3);
    let hosts = if kind == Kind::Line { 3 } else { plan.hosts.min(HOSTS) };
    let reading_gap = plan.settled() / 8;
    let plan = Plan { hosts, starting: hosts, reading_gap, any_address: kind == Kind::Moves, ..plan };
    let ways = draw(kind, hosts, &mut rng);
    let (allowed, quorum) = (plan.settled(), plan.quorum().unwrap_or(1));
    let mut world = World::with_plan(plan, rng, knob("PEER_SIM_TRACE", 0) > 0);
    if when == When::Later {
        world.run_until(world.now + allowed * 2);
    }
    let (begin, before) = (world.now, world.views);
    disturb(&mut world, kind, &ways);
    let mut last = (begin, stands(&world));
    while world.now < begin + allowed * REST * 2 && world.checks.broken.is_none() {
        world.run_until(world.now + allowed / 10);
        let now = stands(&world);
        if now != last.1 {
            last = (world.now, now);
        }
    }
    let views = (world.views - before) / hosts as u64;
    let percent = last.0.saturating_sub(begin).as_micros() * 100 / allowed.as_micros();
    let largest = groups(&world).into_values().max().unwrap_or_default();
    let possible = Some(most(&ways, hosts)).filter(|most| *most >= quorum).unwrap_or_default();
    world.end_of_input();
    world.run_until(world.now + allowed * 2);
    let delivered = all_delivered(&world);
    world.fail(delivered);
    print!("{}", world.take_trace());
    match &world.checks.broken {
        Some(why) => Err(format!("seed {seed}: {why}")),
        None => Ok(Rest { views, largest, possible, percent }),
    }
}

/// Asserts that networks of this kind come to rest. `whole`: with the largest possible group.
fn assert_rest(kind: Kind, when: When, whole: bool) {
    for mode in [Mode::Default, Mode::Resume, Mode::Quorum] {
        let first = knob("PEER_SIM_FIRST", 0);
        let rests = in_order(first, knob("PEER_SIM_REACH", NETWORKS), |seed| live(mode, kind, when, seed));
        let rests: Vec<Rest> = rests.into_iter().map(|rest| rest.expect("all promises kept")).collect();
        let slowest = (first..).zip(&rests).map(|(seed, rest)| (rest.percent, seed)).max();
        let (percent, seed) = slowest.expect("one network at least");
        let views = rests.iter().map(|rest| rest.views).max().unwrap_or_default();
        let small: Vec<_> = (first..).zip(&rests).filter(|(_, rest)| rest.largest < rest.possible).collect();
        println!(
            "{kind:?}, {when:?}, {}: {} networks, at rest after {percent} percent of the time allowed to a healed one (seed {seed}), {views} views a peer at most, {} with a smaller group than there could be",
            mode.name(), rests.len(), small.len(),
        );
        for (seed, rest) in (first..).zip(&rests) {
            assert!(rest.percent <= u128::from(REST) * 100 && rest.views <= VIEWS, "{} {seed}: {rest:?}", mode.name());
        }
        assert!(!whole || small.is_empty(), "{}: {small:?}", mode.name());
    }
}

#[test]
fn the_middle_one_of_three_hosts_in_a_line_leads_all_three() {
    assert_rest(Kind::Line, When::First, true);
    assert_rest(Kind::Line, When::Later, true);
}

#[test]
fn there_is_one_group_where_one_host_reaches_all() {
    assert_rest(Kind::Centre, When::First, true);
    assert_rest(Kind::Centre, When::Later, true);
}

#[test]
fn there_is_one_group_where_only_broadcasts_reach_everybody() {
    assert_rest(Kind::Heard, When::First, true);
    assert_rest(Kind::Heard, When::Later, true);
}

#[test]
fn one_closed_way_between_two_hosts_leaves_one_group() {
    assert_rest(Kind::OneWay, When::First, true);
    assert_rest(Kind::OneWay, When::Later, true);
}

#[test]
fn views_come_to_rest_whichever_hosts_reach_each_other() {
    assert_rest(Kind::Any, When::First, false);
    assert_rest(Kind::Any, When::Later, false);
}

#[test]
fn a_host_with_a_new_address_returns_to_its_group() {
    assert_rest(Kind::Moves, When::Later, true);
}
