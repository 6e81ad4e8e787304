//! Clean ends, and ends that say why.

use crate::harness::{assert_fed, assert_same_rows, Group};

#[test]
fn a_leader_that_stops_cleanly_is_replaced_without_a_timeout_and_exits_0() {
    let group = Group::new();
    let mut peers = group.start_all(&["c", "a", "b"]);
    peers[0].feed_numbered(0, 1000);
    peers[1].feed_numbered(0, 1000);
    peers[0].signal("-TERM");
    assert_eq!(peers[0].wait_for_exit().code(), Some(0));
    for peer in &peers[1..] {
        peer.wait_for_view(&["a", "b"]);
        assert!(!peer.said("Leader heartbeat timeout"));
    }
    assert!(peers[2].leads());
    peers[1].feed_numbered(1000, 1100);
    peers[1].end_input();
    peers[1].wait_for("End of input, 1100 readings delivered");
    let count = peers[1].rows().len();
    assert_same_rows(&[&peers[1], &peers[2]], count);
    assert_fed(&peers[2].rows(), "a", 0, 1100);
}

#[test]
fn a_member_that_stops_cleanly_is_said_to_have_left() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    peers[1].feed_numbered(0, 100);
    peers[0].wait_for_rows(100);
    peers[1].signal("-INT");
    assert_eq!(peers[1].wait_for_exit().code(), Some(0));
    peers[0].wait_for("Peer b left, updated group: [a]");
    assert_eq!(peers[1].rows(), peers[0].rows());
}

#[test]
fn a_second_peer_of_a_living_id_ends_and_the_first_goes_on() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let mut twin = group.start_with("b", &["--sensor", "none", "--data-dir", "elsewhere"]);
    assert_eq!(twin.wait_for_exit().code(), Some(1));
    twin.wait_for("peer id b is already in the group");
    peers[1].feed_numbered(0, 10);
    assert_same_rows(&[&peers[0], &peers[1]], 10);
}

#[test]
fn a_port_in_use_is_said_and_ends_with_1() {
    let group = Group::new();
    let first = group.start("a");
    let port = first.address().rsplit_once(':').expect("a port").1.to_owned();
    let mut second = group.start_with("b", &["--sensor", "none", "--port", &port]);
    assert_eq!(second.wait_for_exit().code(), Some(1));
    second.wait_for("is in use by another process");
}

#[test]
fn a_directory_in_use_or_with_foreign_files_is_refused() {
    let group = Group::new();
    let first = group.start("a");
    first.wait_for("Listening on ");
    let mut second = group.start("a");
    assert_eq!(second.wait_for_exit().code(), Some(1));
    second.wait_for("is in use by another live peer");

    let foreign = group.directory.join("data/b/thesis.txt");
    std::fs::create_dir_all(foreign.parent().expect("a parent")).expect("writable");
    std::fs::write(&foreign, "years of work").expect("writable");
    let mut third = group.start("b");
    assert_eq!(third.wait_for_exit().code(), Some(1));
    third.wait_for("thesis.txt");
    assert_eq!(std::fs::read_to_string(foreign).expect("still there"), "years of work");
}

#[cfg(unix)]
#[test]
fn a_hangup_is_a_clean_stop_unless_hangups_are_ignored() {
    use std::process::Command;

    use crate::harness::Peer;

    let group = Group::new();
    let mut peer = group.start("a");
    peer.wait_for_view(&["a"]);
    peer.signal("-HUP");
    assert_eq!(peer.wait_for_exit().code(), Some(0));
    assert!(peer.said("Stopped"), "{:?}", peer.log());
    // `nohup` starts it like that.
    let inner = group.command("b");
    let mut command = Command::new("sh");
    command.env_clear().args(["-c", r#"trap "" HUP; exec "$0" "$@""#]).arg(inner.get_program()).args(inner.get_args());
    command.args(["--sensor", "none"]).current_dir(&group.directory);
    let mut peer = Peer::start("b", command, group.data_of("b"));
    peer.wait_for_view(&["b"]);
    peer.signal("-HUP");
    peer.signal("-TERM");
    assert_eq!(peer.wait_for_exit().code(), Some(0));
    assert_eq!(peer.log().iter().filter(|line| line.contains("Asked to stop")).count(), 1);
}
