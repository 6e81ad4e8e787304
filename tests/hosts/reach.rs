//! Hosts that do not all reach each other, for as long as their peers run, and one whose address changes.

use std::rc::Rc;

use rand::rngs::SmallRng;
use rand::SeedableRng;

use crate::harness::settle::{finish, wait_for_one_group};
use crate::harness::station::Station;
use crate::harness::{Group, TIMING_SHORT};
use crate::network::Network;

/// The one in the middle ranks lowest.
const IDS: [&str; 3] = ["a", "b", "c"];
const MIDDLE: usize = 0;
const ENDS: [usize; 2] = [1, 2];

/// Three peers that do not run yet, each on its own host.
fn three(options: &'static [&'static str]) -> Option<(Vec<Station>, Rc<Network>)> {
    let network = Network::new(IDS.len())?;
    let group = Rc::new(Group::timed(TIMING_SHORT));
    let stations = IDS.iter().enumerate().map(|(host, id)| network.station(&group, host, id, options)).collect();
    Some((stations, network))
}

/// Starts all, the two ends first, so that one of them leads. Returns that one.
fn start(stations: &mut [Station]) -> usize {
    let mut rng = SmallRng::seed_from_u64(0);
    for end in ENDS {
        stations[end].start(&mut rng);
    }
    for end in ENDS {
        stations[end].peer().wait_for_view(&["b", "c"]);
    }
    stations[MIDDLE].start(&mut rng);
    wait_for_one_group(stations);
    ENDS.into_iter().find(|end| stations[*end].peer().leads()).expect("an end leads")
}

/// Expects all to follow the one in the middle, although it ranks lowest.
fn expect_the_middle_to_lead(stations: &[Station]) {
    stations[MIDDLE].peer().wait_for("Is Group Leader: True");
    wait_for_one_group(stations);
    assert!(stations[MIDDLE].peer().leads());
}

#[test]
fn two_hosts_that_reach_only_a_third_are_one_group_with_it() {
    let Some((mut stations, network)) = three(&[]) else { return };
    network.keep_apart(&ENDS);
    let mut rng = SmallRng::seed_from_u64(0);
    for station in &mut stations {
        station.start(&mut rng);
    }
    wait_for_one_group(&stations);
    assert!(stations[MIDDLE].peer().leads());
    finish(&mut stations);
}

#[test]
fn a_leader_that_loses_sight_of_a_member_gives_way_to_one_that_sees_both() {
    let Some((mut stations, network)) = three(&[]) else { return };
    start(&mut stations);
    network.keep_apart(&ENDS);
    expect_the_middle_to_lead(&stations);
    finish(&mut stations);
}

#[test]
fn with_a_quorum_the_peer_that_sees_both_leads_too() {
    let Some((mut stations, network)) = three(&["--resume", "--quorum", "2"]) else { return };
    start(&mut stations);
    network.keep_apart(&ENDS);
    expect_the_middle_to_lead(&stations);
    finish(&mut stations);
}

/// The leader, or the member in the middle, gets another address. Its connections die silently, and the others know it
/// by an address that nobody has now.
fn renumber(leader: bool, options: &'static [&'static str]) {
    let Some((mut stations, network)) = three(options) else { return };
    let end = start(&mut stations);
    let host = if leader { end } else { MIDDLE };
    let before = stations[host].peer().rows().len();
    network.renumber(host);
    stations[host].peer().wait_for_rows(before + 50);
    finish(&mut stations);
}

#[test]
fn a_leader_with_a_new_address_returns_to_the_group() {
    renumber(true, &[]);
}

#[test]
fn a_member_with_a_new_address_returns_to_the_group() {
    renumber(false, &[]);
}

#[test]
fn with_a_quorum_a_leader_with_a_new_address_returns_to_the_group() {
    renumber(true, &["--resume", "--quorum", "2"]);
}
