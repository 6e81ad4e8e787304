//! What the files hold.

use peer::storage::TAIL_BYTES_MAX;

use crate::harness::{assert_fed, assert_same_rows, Group};

#[test]
fn every_peer_writes_the_same_rows_in_the_same_order() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b", "c"]);
    for peer in &mut peers {
        peer.feed_numbered(0, 5000);
        peer.end_input();
    }
    for peer in &peers {
        peer.wait_for("End of input, 5000 readings delivered");
    }
    let all: Vec<_> = peers.iter().collect();
    assert_same_rows(&all, 15_000);
    for id in ["a", "b", "c"] {
        assert_fed(&peers[0].rows(), id, 0, 5000);
    }
    assert_eq!(peers[0].files().into_keys().collect::<Vec<_>>(), ["a.csv", "b.csv", "c.csv"]);
}

/// More than the part of its log that a leader keeps in memory, at some 45 bytes a reading.
const READINGS: u64 = 4 * TAIL_BYTES_MAX as u64 / 3 / 45;

#[test]
fn a_late_joiner_is_served_from_disk_while_readings_flow() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    peers[0].feed_numbered(0, READINGS);
    peers[1].feed_numbered(0, 1000);
    peers[1].end_input();
    peers[1].wait_for("End of input, 1000 readings delivered");
    peers[0].feed_numbered(READINGS, READINGS + 1000);
    let late = group.start("c");
    peers[0].feed_numbered(READINGS + 1000, READINGS + 20_000);
    late.wait_for_view(&["a", "b", "c"]);
    peers[0].end_input();
    peers[0].wait_for(&format!("End of input, {} readings delivered", READINGS + 20_000));
    let journal = group.data_of("a").join("journal");
    assert!(std::fs::read_dir(journal).expect("a journal").count() > 1, "it has several segments");
    assert_same_rows(&[&peers[0], &peers[1], &late], usize::try_from(READINGS).expect("not so many") + 21_000);
}

#[test]
fn the_directory_is_cleared_at_start() {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed_numbered(0, 10);
    peer.wait_for_rows(10);
    peer.kill();
    let mut peer = group.start_fed("a");
    peer.wait_for_view(&["a"]);
    assert!(peer.files().is_empty());
    peer.feed_numbered(0, 5);
    assert_same_rows(&[&peer], 5);
}

#[test]
fn values_that_were_not_measured_stay_empty_and_text_stays_as_given() {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed("DATA|roof|2013-01-01T06:00:00+01:00|-3.90|59.370|\r\nDATA|roof|2013-01-01T07:00:00Z|||1.012e3\n");
    peer.end_input();
    peer.wait_for("End of input, 2 readings delivered");
    let expected = format!(
        "{}\n1,2013-01-01T06:00:00+01:00,roof,-3.90,59.370,\n2,2013-01-01T07:00:00Z,roof,,,1.012e3\n",
        peer::reading::CSV_HEADER
    );
    assert_eq!(peer.files()["roof.csv"], expected);
}
