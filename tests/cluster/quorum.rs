//! `--quorum`: what is delivered stays, and too few peers wait.

use crate::harness::{assert_fed, assert_same_rows, flip_a_bit, Group, Peer};

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
fn the_peer_that_is_left_takes_readings_in_and_delivers_them_when_another_comes_back() {
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
fn a_peer_with_another_quorum_stays_outside_and_says_why() {
    let group = Group::new();
    let peers = start_three(&group);
    let other = group.start_with("d", &["--sensor", "none", "--resume", "--quorum", "3"]);
    other.wait_for("wrong quorum: 2 in the group, 3 at the newcomer; give every peer the same --quorum");
    let other = group.start("e");
    other.wait_for("wrong quorum: 2 in the group, none at the newcomer");
    other.wait_for_view(&["e"]);
    assert!(peers.iter().any(Peer::leads));
}

#[test]
fn a_peer_whose_log_was_damaged_counts_for_no_quorum_until_it_is_whole() {
    let group = Group::new();
    let mut peers = start_three(&group);
    let all = |peers: &[Peer], count| assert_same_rows(&[&peers[0], &peers[1], &peers[2]], count);
    peers[0].feed_numbered(0, 1000);
    all(&peers, 1000);
    let leader = peers.iter().position(Peer::leads).expect("one leads");
    let (damaged, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let id = peers[damaged].id.clone();
    // A start vouches for the log that it finds.
    peers[damaged].kill();
    peers[damaged] = group.start_with(&id, &OF_THREE);
    peers[damaged].wait_for("Resumed: 1000 entries");
    peers[other].feed_numbered(1000, 2000);
    all(&peers, 2000);
    let before = peers[other].rows();
    peers[damaged].kill();
    peers[leader].kill();
    peers[other].wait_for("Suspended: 1 of 2 members");
    flip_a_bit(&group.data_of(&id).join("journal/00000000000000000001.log"), 20_000);
    peers[damaged] = group.start_with(&id, &OF_THREE);
    peers[damaged].wait_for("it takes part in no quorum until it has fetched what the group holds");
    // Of these two, only one can vouch for what was delivered.
    peers[damaged].wait_for("Suspended: 1 of 2 members");
    peers[leader] = group.start_with(&peers[leader].id.clone(), &OF_THREE);
    for peer in &peers {
        peer.wait_for_view(&["a", "b", "c"]);
    }
    peers[damaged].feed_numbered(0, 100);
    all(&peers, 2100);
    let after = peers[damaged].rows();
    assert!(before.iter().all(|(sequence, row)| after.get(sequence) == Some(row)), "a row changed");
}
