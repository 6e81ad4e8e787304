//! One split, and how it heals, step by step.

use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::SeedableRng;

use crate::harness::run::knob;
use crate::harness::settle::{finish, wait_for_one_group};
use crate::harness::station::Station;
use crate::harness::{skipped, Group, TIMING_SHORT};
use crate::network::Network;
use crate::weather::SECONDS;

const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Five peers on five hosts, in one group, under load.
fn five(options: &'static [&'static str]) -> Option<(Vec<Station>, Rc<Network>)> {
    let network = Network::new(IDS.len())?;
    let group = Rc::new(Group::timed(TIMING_SHORT));
    let mut rng = SmallRng::seed_from_u64(0);
    let mut stations: Vec<Station> =
        IDS.iter().enumerate().map(|(host, id)| network.station(&group, host, id, options)).collect();
    for station in &mut stations {
        station.start(&mut rng);
    }
    wait_for_one_group(&stations);
    Some((stations, network))
}

/// Expects every peer on a side to see that side and to go on delivering. Looks at its files.
fn expect_working(side: &mut [Station]) {
    let ids: Vec<&str> = side.iter().map(|station| station.id.as_str()).collect();
    for station in &*side {
        station.peer().wait_for_view(&ids);
        let count = station.peer().rows().len();
        station.peer().wait_for_rows(count + 50);
    }
    side.iter_mut().for_each(Station::look);
}

#[test]
fn both_sides_of_a_split_work_on_and_become_one_when_it_heals() {
    let Some((mut stations, network)) = five(&[]) else { return };
    for host in [0, 1] {
        network.plug(host, 1);
    }
    expect_working(&mut stations[..2]);
    expect_working(&mut stations[2..]);
    for host in [0, 1] {
        network.plug(host, 0);
    }
    wait_for_one_group(&stations);
    // The smaller side yields: its leader asks, its member is told.
    for station in &stations[..2] {
        assert!(station.peer().said("Merging with the group of "), "{}", station.id);
    }
    for station in &stations[2..] {
        assert!(!station.peer().said("Merging with the group of "), "{}", station.id);
    }
    finish(&mut stations);
}

#[test]
fn a_host_that_is_cut_off_works_alone_and_joins_again() {
    let Some((mut stations, network)) = five(&[]) else { return };
    let leader = stations.iter().position(|station| station.peer().leads()).expect("one group");
    network.plug(leader, 1);
    let alone = &stations[leader].id;
    stations[leader].peer().wait_for_view(&[alone]);
    let others: Vec<&str> = IDS.iter().copied().filter(|id| id != alone).collect();
    for station in stations.iter().filter(|station| station.id != *alone) {
        station.peer().wait_for_view(&others);
    }
    // Others may have been drawn into the election before they noticed by themselves.
    let noticed = |station: &Station| station.peer().said("Leader heartbeat timeout, starting bully election");
    assert!(stations.iter().any(|station| station.id != *alone && noticed(station)));
    network.plug(leader, 0);
    wait_for_one_group(&stations);
    assert!(stations[leader].peer().said("Merging with the group of "));
    finish(&mut stations);
}

#[test]
fn with_a_quorum_the_smaller_side_waits_and_no_row_changes() {
    let Some((mut stations, network)) = five(&["--resume", "--quorum", "3"]) else { return };
    for host in [0, 1] {
        network.plug(host, 1);
    }
    for station in &stations[..2] {
        station.peer().wait_for(" of 3 members");
        assert!(station.peer().said("Suspended: "), "{}", station.id);
    }
    expect_working(&mut stations[2..]);
    stations.iter_mut().for_each(Station::look);
    for host in [0, 1] {
        network.plug(host, 0);
    }
    finish(&mut stations);
}

/// Splits under load, one after the other. What is under way on connections waits for the kernel to try again, which
/// takes longer after a longer split. Prints how long each merge took.
fn split_for(seconds: u64, rounds: u32) {
    if seconds > knob("PEER_HOSTS_SECONDS", SECONDS) * 3 / 2 {
        return skipped(&format!("splits of {seconds} s"), "PEER_HOSTS_SECONDS is too short for them");
    }
    let Some((mut stations, network)) = five(&[]) else { return };
    for round in 1..=rounds {
        for host in [0, 1] {
            network.plug(host, 1);
        }
        expect_working(&mut stations[..2]);
        expect_working(&mut stations[2..]);
        // This waits for nothing: it is the length of the split.
        thread::sleep(Duration::from_secs(seconds));
        for host in [0, 1] {
            network.plug(host, 0);
        }
        let healed = Instant::now();
        wait_for_one_group(&stations);
        println!("split for {seconds} s, round {round}: one view after {:.1} s", healed.elapsed().as_secs_f64());
    }
    finish(&mut stations);
}

#[test]
fn splits_of_two_seconds_heal() {
    split_for(2, 4);
}

#[test]
fn splits_of_half_a_minute_heal() {
    split_for(30, 1);
}

#[test]
fn a_split_of_a_minute_and_a_half_heals() {
    split_for(90, 1);
}
