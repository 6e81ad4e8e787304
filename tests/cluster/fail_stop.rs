//! Peers that are killed, or stopped and woken.

use crate::harness::{assert_fed, assert_same_rows, Group, Peer};

#[test]
fn a_killed_member_is_dropped_immediately_and_the_others_go_on() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b", "c"]);
    peers[0].feed_numbered(0, 100);
    for peer in &peers {
        peer.wait_for_rows(100);
    }
    peers[2].kill();
    peers[0].wait_for("Peer c failed, updated group: [a, b]");
    for peer in &peers[..2] {
        peer.wait_for_view(&["a", "b"]);
    }
    peers[1].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1]], 200);
    assert_fed(&peers[0].rows(), "b", 0, 100);
}

#[test]
fn a_killed_leader_is_noticed_by_its_connection_and_the_highest_id_leads() {
    let group = Group::new();
    let mut peers = group.start_all(&["b", "a", "c"]);
    assert!(peers[0].leads());
    peers[1].feed_numbered(0, 50);
    for peer in &peers {
        peer.wait_for_rows(50);
    }
    peers[0].kill();
    for peer in &peers[1..] {
        peer.wait_for_view(&["a", "c"]);
        assert!(!peer.said("Leader heartbeat timeout"), "{}", peer.log().join("\n"));
    }
    // The other one may have been drawn into the election before it noticed by itself.
    let noticed = |peer: &Peer| peer.said("Leader failure detected, initiating bully election.");
    assert!(peers[1..].iter().any(noticed));
    assert!(peers[2].leads() && !peers[1].leads());
    assert!(peers[2].said("No OK received. c becomes leader."));
    assert!(peers[2].said("Peer c became the Group Leader via election."));
    peers[1].wait_for("Received COORDINATOR announcement: c");
    peers[1].feed_numbered(50, 100);
    assert_same_rows(&[&peers[1], &peers[2]], 100);
    assert_fed(&peers[2].rows(), "a", 0, 100);
}

#[test]
fn leader_and_next_in_line_killed_together_leave_a_group_that_works() {
    let group = Group::new();
    let mut peers = group.start_all(&["d", "a", "b", "c"]);
    peers[1].feed_numbered(0, 300);
    for peer in &peers {
        peer.wait_for_rows(300);
    }
    let (leader, others) = peers.split_first_mut().expect("four");
    leader.signal("-KILL");
    others[2].signal("-KILL");
    for peer in &others[..2] {
        peer.wait_for_view(&["a", "b"]);
    }
    assert!(others[1].leads());
    others[0].feed_numbered(300, 400);
    others[1].feed_numbered(0, 100);
    assert_same_rows(&[&others[0], &others[1]], 500);
    assert_fed(&others[0].rows(), "a", 0, 400);
    assert_fed(&others[0].rows(), "b", 0, 100);
}

#[test]
fn a_leader_stopped_under_load_comes_back_and_none_of_its_readings_is_missing() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b", "c"]);
    peers[0].feed_numbered(0, 2000);
    peers[1].feed_numbered(0, 2000);
    peers[0].wait_for_rows(100);
    peers[0].signal("-STOP");
    for peer in &peers[1..] {
        peer.wait_for_view(&["b", "c"]);
    }
    // The other one may have been drawn into the election just before it noticed by itself.
    assert!(peers[1..].iter().any(|peer| peer.said("Leader heartbeat timeout, starting bully election")));
    assert!(peers[2].leads());
    peers[1].feed_numbered(2000, 3000);
    peers[2].feed_numbered(0, 1000);
    peers[0].signal("-CONT");
    // Which of the two leads then is up to what the one that was stopped hears first: its own members, or the others' leader.
    for peer in &peers {
        peer.wait_for_view(&["a", "b", "c"]);
    }
    let all: Vec<_> = peers.iter().collect();
    assert_same_rows(&all, 6000);
    let rows = peers[0].rows();
    assert_fed(&rows, "a", 0, 2000);
    assert_fed(&rows, "b", 0, 3000);
    assert_fed(&rows, "c", 0, 1000);
}
