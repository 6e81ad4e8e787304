//! `--quorum`: what is delivered stays, and who is too few waits.

use crate::harness::{assert_fed, assert_same_rows, Group, Peer};

const OF_THREE: [&str; 5] = ["--sensor", "stdin", "--resume", "--quorum", "2"];

fn start_three(group: &Group) -> Vec<Peer> {
    let ids = ["a", "b", "c"];
    let peers: Vec<Peer> = ids.iter().map(|id| group.start_with(id, &OF_THREE)).collect();
    for peer in &peers {
        peer.wait_for_view(&ids);
    }
    peers
}

#[test]
fn the_one_who_is_left_takes_readings_in_and_delivers_them_when_another_comes_back() {
    let group = Group::new();
    let mut peers = start_three(&group);
    peers[0].feed_numbered(0, 100);
    for peer in &peers {
        peer.wait_for_rows(100);
    }
    let before = peers[0].rows();
    peers[1].kill();
    peers[2].kill();
    peers[0].wait_for("Suspended: 1 of 2 members");
    peers[0].feed_numbered(100, 200);
    peers[1] = group.start_with("b", &OF_THREE);
    assert_same_rows(&[&peers[0], &peers[1]], 200);
    let after = peers[1].rows();
    assert_fed(&after, "a", 0, 200);
    assert!(before.iter().all(|(sequence, row)| after.get(sequence) == Some(row)), "a row changed");
}

#[test]
fn a_peer_with_another_quorum_is_refused_and_says_why() {
    let group = Group::new();
    let peers = start_three(&group);
    let mut other = group.start_with("d", &["--sensor", "none", "--resume", "--quorum", "3"]);
    assert_eq!(other.wait_for_exit().code(), Some(1));
    other.wait_for("wrong quorum: 2 in the group, 3 at the newcomer; give every peer the same --quorum");
    let mut other = group.start("e");
    assert_eq!(other.wait_for_exit().code(), Some(1));
    other.wait_for("wrong quorum: 2 in the group, none at the newcomer");
    assert!(peers.iter().any(Peer::leads));
}
