//! `--when leader`: a bridge beside each peer, of which that of the leader works.

use crate::bridge;
use crate::harness::feeder::Feeder;
use crate::harness::{Group, Peer};
use crate::nats::{assert_once_and_in_order, Nats};
use crate::storm::wait_for;

#[test]
fn the_next_leaders_bridge_goes_on_where_that_of_a_killed_leader_ended() {
    let Some(mut nats) = Nats::start("sensors") else { return };
    nats.make("sensors", &["sensors.*".to_owned()]);
    let group = Group::timed(crate::harness::TIMING_SHORT);
    let mut peers = group.start_all(&["a", "b", "c"]);
    let url = nats.url();
    let bridges: Vec<Peer> =
        ["a", "b", "c"].map(|id| bridge::start(id, &group.directory, &["--when", "leader", &url, id])).into();
    // Readings come at the two that stay, so that none of them dies with its peer.
    let leader = peers.iter().position(Peer::leads).expect("one leads");
    bridges[leader].wait_for("rows go there");
    let feeders: Vec<Feeder> = (0..3)
        .filter(|at| *at != leader)
        .map(|at| Feeder::start_paced(peers[at].take_input(), &format!("s{at}"), 0, (7, 5)))
        .collect();
    wait_for(&mut nats, &bridges[leader], 2000);
    peers[leader].kill();
    bridges[leader].wait_for("does not lead any more");
    let before = nats.count("sensors");
    wait_for(&mut nats, &bridges[leader], before + 2000);
    let fed: u64 = feeders.into_iter().map(Feeder::finish).sum();
    wait_for(&mut nats, &bridges[leader], fed);
    let messages = nats.messages("sensors");
    assert!(messages.iter().map(|message| message.sequence).eq(1..=fed), "the order of the group");
    assert_once_and_in_order(&messages, fed);
    let others = (0..3).filter(|at| *at != leader);
    assert_eq!(others.filter(|at| bridges[*at].said("rows go there")).count(), 1, "only the next leader's works");
}
