//! Many peers: how much they say when a leader is killed, and when the network is cut in two and healed. It must grow
//! with their number, and not with its square.

use peer::ids::PeerId;
use peer::protocol::{Standing, Time};
use peer::simulation::counts::Counts;
use peer::simulation::fault::{Fault, Traffic};
use peer::simulation::plan::{ms, Mode, Plan};
use peer::simulation::process::Process;
use peer::simulation::world::World;
use peer::wire::Timing;
use rand::rngs::SmallRng;
use rand::SeedableRng;

use crate::knob;
use crate::merging::one_view;

/// Asserts that each of this many peers said no more than this, on average.
fn assert_at_most(counts: &Counts, each: u64, hosts: usize, what: &str) {
    let said = counts.said();
    println!("{hosts} peers, {what}: {said} messages, {counts:?}");
    assert!(said <= each * hosts as u64, "{said} messages of {hosts} peers, {what}: {counts:?}");
}

/// How many peers there are, unless `PEER_SIM_PEERS` says so.
fn sizes() -> Vec<usize> {
    match usize::try_from(knob("PEER_SIM_PEERS", 0)).expect("a small number") {
        0 => vec![9, 30, 100],
        hosts => vec![hosts],
    }
}

/// A group of this many peers with the default knobs, which started together and rests.
fn group(mode: Mode, hosts: usize) -> World {
    let mut rng = SmallRng::seed_from_u64(1);
    let plan = Plan::draw(mode, &mut rng).undisturbed(hosts);
    let (heartbeat_interval, heartbeat_timeout, election_timeout) = (ms(5000), ms(10_000), ms(5000));
    let timing = Timing { heartbeat_interval, heartbeat_timeout, election_timeout };
    let mut world = World::with_plan(Plan { timing, ..plan }, rng, false);
    world.feeding = false;
    world.counts = Some(Counts::default());
    let took = until(&mut world, election_timeout * 8, one_view);
    let started = world.counts.take().expect("they are counted");
    println!(
        "{hosts} peers, {}, started, one view after {took:?}: {} messages, {started:?}",
        mode.name(),
        started.said()
    );
    world.run_until(world.now + heartbeat_timeout);
    world
}

/// Runs until this holds, and says how long that took.
fn until(world: &mut World, most: Time, holds: impl Fn(&World) -> bool) -> Time {
    let begin = world.now;
    while !holds(world) {
        assert_eq!(world.checks.broken, None);
        assert!(world.now < begin + most, "it never comes to that");
        world.run_until(world.now + ms(1));
    }
    world.now.checked_sub(begin).expect("time goes on")
}

/// The living hosts, the highest rank first.
fn ranked(world: &World) -> Vec<usize> {
    let mut hosts: Vec<(&PeerId, usize)> = world.alive().map(|process| (process.id(), process.host)).collect();
    hosts.sort_unstable_by(|a, b| b.cmp(a));
    hosts.into_iter().map(|(_, host)| host).collect()
}

/// Kills the leader and as many of those next in rank that all these are gone, and counts what is said until a reading
/// of a survivor is in all files, and for two heartbeats after that.
fn fail_over(world: &mut World, gone: usize) -> (Time, Counts) {
    let begin = world.now;
    world.counts = Some(Counts::default());
    let leads = |process: &&Process| process.peer.standing() == Standing::Leader;
    let leader = world.alive().find(leads).expect("one leads").host;
    let next: Vec<usize> = ranked(world).into_iter().filter(|host| *host != leader).take(gone - 1).collect();
    for host in next.into_iter().chain([leader]) {
        world.fault(Fault::Crash(host));
    }
    let survivor = *ranked(world).last().expect("some survive");
    let number = world.hosts[survivor].expect("it lives");
    let before = world.processes[number].shelf.delivered;
    world.give(number, 1);
    until(world, ms(10_000), |world| world.alive().all(|process| process.shelf.delivered > before));
    let took = world.now.checked_sub(begin).expect("time goes on");
    world.run_until(world.now + world.plan.timing.heartbeat_interval * 2);
    (took, world.counts.take().expect("they are counted"))
}

/// With each asking all above it, a hundred peers said 10,397 messages, on 9,842 connections, and as many questions.
#[test]
fn a_fail_over_takes_messages_in_proportion_to_the_number_of_peers() {
    for (mode, hosts) in Mode::ALL.into_iter().flat_map(|mode| sizes().into_iter().map(move |hosts| (mode, hosts))) {
        let mut world = group(mode, hosts);
        for _ in 0..2 {
            let (took, counts) = fail_over(&mut world, 1);
            assert_at_most(&counts, 8, hosts, &format!("{}, the leader killed, {took:?}", mode.name()));
            let (dials, questions) = (counts.dials, counts.questions);
            assert!(dials <= 4 * hosts as u64, "{dials} dials");
            assert!(questions <= 2 * hosts as u64, "{questions} questions");
            assert!(took < ms(150), "a message takes 5 ms at most");
        }
    }
}

/// Each asks those next above it first, and finds out soon that they are gone.
#[test]
fn a_fail_over_takes_moments_where_the_next_in_rank_are_killed_too() {
    for (hosts, gone) in [(9, 2), (9, 4), (100, 2), (100, 10), (100, 50)] {
        let mut world = group(Mode::Default, hosts);
        let (took, counts) = fail_over(&mut world, gone);
        assert_at_most(&counts, 10, hosts, &format!("{gone} killed, {took:?}"));
        let moments = (gone - 1).ilog2();
        assert!(took < ms(300) + ms(125) * moments, "{took:?}");
    }
}

/// Cuts the network between these hosts and the others for so long that both sides go on, and counts what is said until
/// it heals; and then what is said until there is one view again, and how long that takes.
fn cut_and_heal(world: &mut World, on_this_side: impl Fn(usize) -> bool) -> (Counts, Time, Counts) {
    let timing = world.plan.timing;
    let length = timing.heartbeat_timeout * 2 + timing.election_timeout * 4;
    let hosts = world.plan.hosts;
    world.counts = Some(Counts::default());
    for (from, to) in (0..hosts).flat_map(|from| (0..hosts).map(move |to| (from, to))) {
        if on_this_side(from) && !on_this_side(to) {
            world.fault(Fault::CutLink { from, to, back: true, what: Traffic::All, length });
        }
    }
    world.run_until(world.now + length);
    let cut = world.counts.replace(Counts::default()).expect("they are counted");
    let took = until(world, timing.heartbeat_interval * 3 + timing.election_timeout * 2, one_view);
    world.run_until(world.now + timing.heartbeat_timeout);
    (cut, took, world.counts.take().expect("they are counted"))
}

/// A switch fails between two halves of a group: every other peer in rank, or all of the higher ones.
#[test]
fn a_cut_and_its_healing_take_messages_in_proportion_to_the_number_of_peers() {
    for (hosts, by_rank) in sizes().into_iter().flat_map(|hosts| [(hosts, false), (hosts, true)]) {
        let mut world = group(Mode::Default, hosts);
        let ranked = ranked(&world);
        let place = |host| ranked.iter().position(|other| *other == host).expect("it lives");
        let half = |host| if by_rank { place(host) < hosts / 2 } else { place(host) % 2 == 0 };
        let (cut, took, healed) = cut_and_heal(&mut world, half);
        assert_at_most(&cut, 10, hosts, "cut in two");
        assert_at_most(&healed, 10, hosts, &format!("healed, one view after {took:?}"));
    }
}
