//! Peers that go on where they ended: killed, damaged, copied.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::harness::{assert_fed, assert_same_rows, flip_a_bit, Group, Peer};

const RESUME: [&str; 3] = ["--sensor", "stdin", "--resume"];

/// Starts these peers one after the other, with `--resume`, and waits until they are one group.
fn start_all(group: &Group, ids: &[&str]) -> Vec<Peer> {
    let peers: Vec<Peer> = ids.iter().map(|id| group.start_with(id, &RESUME)).collect();
    for peer in &peers {
        peer.wait_for_view(ids);
    }
    peers
}

#[test]
fn a_killed_peer_goes_on_where_it_ended_and_fetches_only_the_rest() {
    let group = Group::new();
    let mut peers = start_all(&group, &["a", "b", "c"]);
    peers[0].feed_numbered(0, 2000);
    for peer in &peers {
        peer.wait_for_rows(2000);
    }
    peers[1].kill();
    peers[0].wait_for_view(&["a", "c"]);
    peers[0].feed_numbered(2000, 3000);
    peers[0].wait_for_rows(3000);
    peers[1] = group.start_with("b", &RESUME);
    peers[1].wait_for("Resumed: 2000 entries");
    assert_same_rows(&[&peers[0], &peers[1], &peers[2]], 3000);
    assert_fed(&peers[1].rows(), "a", 0, 3000);
}

#[test]
fn a_group_that_was_killed_as_a_whole_comes_back_with_all_that_was_delivered() {
    let group = Group::new();
    let ids = ["a", "b", "c"];
    let mut peers = start_all(&group, &ids);
    for peer in &mut peers {
        peer.feed_numbered(0, 500);
    }
    for peer in &peers {
        peer.wait_for_rows(1500);
    }
    let before = peers[0].rows();
    for peer in &mut peers {
        peer.kill();
    }
    let mut peers = start_all(&group, &ids);
    peers[2].feed_numbered(500, 600);
    assert_same_rows(&[&peers[0], &peers[1], &peers[2]], 1600);
    let after = peers[0].rows();
    assert!(before.iter().all(|(sequence, row)| after.get(sequence) == Some(row)), "a row changed");
}

#[test]
fn readings_that_nobody_else_had_wait_on_the_disk_for_the_next_start() {
    let group = Group::new();
    // Alone it is no quorum, so none of its readings is delivered.
    let alone = ["--sensor", "stdin", "--resume", "--quorum", "2"];
    let mut first = group.start_with("a", &alone);
    first.feed_numbered(0, 100);
    first.wait_for("Suspended: 1 of 2 members, 100 readings waiting");
    first.kill();
    let first = group.start_with("a", &alone);
    first.wait_for("Resumed: 0 entries, 0 delivered, 100 readings waiting");
    let second = group.start_with("b", &alone);
    assert_same_rows(&[&first, &second], 100);
    assert_fed(&second.rows(), "a", 0, 100);
}

#[test]
fn a_damaged_log_is_set_aside_with_a_line_and_what_it_held_is_fetched() {
    let group = Group::new();
    let mut peers = start_all(&group, &["a", "b"]);
    for from in (0..2000).step_by(100) {
        peers[0].feed_numbered(from, from + 100);
        peers[1].wait_for_rows(usize::try_from(from).unwrap() + 100);
    }
    peers[0].wait_for_rows(2000);
    peers[0].kill();
    let journal = group.directory.join("data/a/journal");
    let segment = fs::read_dir(&journal).expect("a journal").next().expect("a segment").expect("readable").path();
    flip_a_bit(&segment, fs::metadata(&segment).expect("readable").len() / 2);
    peers[0] = group.start_with("a", &RESUME);
    peers[0].wait_for("damaged");
    let set_aside = |path: &Path| path.extension().is_some_and(|extension| extension == "damaged");
    let names = fs::read_dir(&journal).expect("a journal").map(|entry| entry.expect("readable").path());
    assert!(names.into_iter().any(|path| set_aside(&path)), "{}", peers[0].log().join("\n"));
    assert_same_rows(&[&peers[0], &peers[1]], 2000);
    assert_fed(&peers[0].rows(), "a", 0, 2000);
}

#[test]
fn a_copied_directory_is_noticed_as_a_second_peer_of_the_same_id() {
    let group = Group::new();
    let mut peers = start_all(&group, &["a", "b"]);
    peers[0].feed_numbered(0, 100);
    for peer in &peers {
        peer.wait_for_rows(100);
    }
    let copy = group.directory.join("copy/b");
    fs::create_dir_all(copy.join("journal")).expect("a directory");
    for name in ["state", "journal/00000000000000000001.log"] {
        fs::copy(group.directory.join("data/b").join(name), copy.join(name)).expect("copied");
    }
    let mut twin = group.start_with("b", &["--sensor", "none", "--resume", "--data-dir", "copy"]);
    assert_eq!(twin.wait_for_exit().code(), Some(1));
    twin.wait_for("peer id b is already in the group");
    peers[1].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1]], 200);
}

#[test]
fn a_clock_that_went_back_is_logged_once_and_the_peer_goes_on() {
    let group = Group::new();
    let mut peer = group.start_with("a", &RESUME);
    peer.feed_numbered(0, 100);
    peer.wait_for_rows(100);
    assert!(!peer.said("The clock of this host"), "{:?}", peer.log());
    peer.kill();
    // A file from ten days ahead looks the same as a clock that went back ten days.
    let state = fs::File::options().append(true).open(group.data_of("a").join("state")).expect("a peer's");
    state.set_modified(SystemTime::now() + Duration::from_secs(10 * 86_400 + 3600)).expect("the test's own");
    let mut peer = group.start_with("a", &RESUME);
    peer.wait_for("10 days before this peer last wrote a file: it went back");
    peer.feed_numbered(100, 200);
    peer.wait_for_rows(200);
    let said = peer.log().into_iter().filter(|line| line.contains("The clock of this host")).count();
    assert_eq!((said, peer.is_running()), (1, true));
    assert_fed(&peer.rows(), "a", 0, 200);
}

#[test]
fn a_clock_before_the_newest_reading_is_logged_once() {
    let group = Group::new();
    let mut peer = group.start_with("a", &RESUME);
    peer.feed_numbered(0, 100);
    peer.feed("DATA|cellar|2199-01-01T00:00:00Z|1|2|3\n");
    peer.wait_for_rows(101);
    peer.kill();
    let mut peer = group.start_with("a", &RESUME);
    peer.wait_for("before the newest reading in its files, of sensor cellar: it went back, or");
    peer.feed_numbered(100, 200);
    peer.wait_for_rows(201);
    let said = peer.log().into_iter().filter(|line| line.contains("The clock of this host")).count();
    assert_eq!((said, peer.is_running()), (1, true));
}
