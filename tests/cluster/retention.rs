//! `--keep-bytes` with real processes: files stay bounded while readings flow, and a peer that comes late begins where the
//! others do.

use std::fs;
use std::path::Path;

use crate::harness::{Group, Peer};

/// It makes a leader look at its start, which is why the leader ends in these tests: it looks again once an hour only.
const KEEPS: [&str; 5] = ["--sensor", "stdin", "--resume", "--keep-bytes", "64M"];

/// Readings that take more than that.
const READINGS: u64 = 1_000_000;

/// How many of them are handed in together.
const HEAP: u64 = 50_000;

fn bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("readable"));
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
        metadata => metadata.map_or(0, |metadata| metadata.len()),
    };
    entries.map(of).sum()
}

/// The last sequence of the rows of a sensor.
fn last(peer: &Peer, sensor: &str) -> u64 {
    let rows = fs::read(peer.data.join(format!("{sensor}.csv"))).unwrap_or_default();
    let text = String::from_utf8_lossy(&rows[rows.len().saturating_sub(200)..]).into_owned();
    text.lines().next_back().and_then(|row| row.split(',').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn files_stay_bounded_and_a_late_peer_begins_where_the_others_do() {
    let group = Group::new();
    let (mut leader, mut member) = (group.start_with("b", &KEEPS), group.start_with("a", &KEEPS));
    leader.wait_for_view(&["a", "b"]);
    member.wait_for_view(&["a", "b"]);
    for first in (0..READINGS).step_by(usize::try_from(HEAP).expect("few")) {
        member.feed_numbered(first, first + HEAP);
    }
    member.poll("all rows", |peer| last(peer, "a") == READINGS);
    let before = bytes(&member.data);
    assert!(before > 64 << 20, "{before} bytes");
    leader.kill();
    member.wait_for_view(&["a"]);
    // It looks now, and the next batch says what goes.
    member.poll("a removal", |peer| {
        peer.feed_numbered(READINGS, READINGS + 1);
        peer.said("readings that are kept no longer")
    });
    let after = bytes(&member.data);
    assert!(after < 64 << 20, "{after} of {before} bytes");
    let late = group.start_with("c", &KEEPS);
    late.wait_for_view(&["a", "c"]);
    let end = last(&member, "a");
    member.poll("its rows", |_| last(&late, "a") >= end);
    let mut again = group.start_with("b", &KEEPS);
    again.wait_for_view(&["a", "b", "c"]);
    again.poll("its rows", |peer| last(peer, "a") >= end);
    member.end_input();
    let mut peers = [member, again, late];
    for peer in &mut peers {
        peer.signal("-TERM");
        peer.wait_for_exit();
    }
    let peers: Vec<&Peer> = peers.iter().collect();
    crate::harness::settle::verify(&peers);
}
