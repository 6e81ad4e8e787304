//! What must hold when the faults are over: one group, equal files, each reading once.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::process::PATIENCE;
use super::rows::{assert_same_rows, number_of, Rows};
use super::station::Station;
use super::Peer;

/// How long nothing is delivered once everything is. It is longer than the timeouts of all tests, after which readings
/// that were kept back are ordered.
const QUIET: Duration = Duration::from_secs(2);

/// Do disks keep what is on them from life to life?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disks {
    Cleared,
    Kept,
}

/// Waits until all of them are one group.
pub(crate) fn wait_for_one_group(stations: &[Station]) {
    let mut ids: Vec<&str> = stations.iter().map(|station| station.id.as_str()).collect();
    ids.sort_unstable();
    let list = format!(": [{}]", ids.join(", "));
    let until = Instant::now() + PATIENCE;
    loop {
        let views: Vec<Option<String>> = stations.iter().map(|station| station.peer().last_view()).collect();
        let one = views.iter().all(|view| view == &views[0] && view.as_ref().is_some_and(|view| view.ends_with(&list)));
        if one && stations.iter().filter(|station| station.peer().leads()).count() == 1 {
            return;
        }
        assert!(Instant::now() < until, "no group of all: {views:?}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Ends a run in which all stations are up and faults are over: waits for one group, ends the inputs, waits until all is
/// delivered, stops all, and checks the files. Returns the rows.
pub(crate) fn finish(stations: &mut [Station], disks: Disks) -> Rows {
    wait_for_one_group(stations);
    for station in &mut *stations {
        station.end_input();
    }
    for station in &*stations {
        station.wait_for_end_of_input();
    }
    wait_for_quiet(stations, QUIET, |peer| peer.rows().len());
    for station in &*stations {
        station.ask_to_stop();
    }
    for station in &mut *stations {
        station.wait_for_stop();
    }
    let peers: Vec<&Peer> = stations.iter().map(Station::peer).collect();
    let rows = peers[0].rows();
    assert_same_rows(&peers, rows.len());
    check_given(stations, &rows, disks);
    verify(&peers);
    rows
}

/// Asserts that `peer verify` agrees, too.
pub(crate) fn verify(peers: &[&Peer]) {
    let directories = peers.iter().map(|peer| &peer.data);
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let output = command.env_clear().arg("verify").args(directories).output().expect("the binary was built");
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "peer verify: {said}{why}");
}

/// Waits until the files of all are equal, by what `measure` says of those of each, and stay so for the time `quiet`.
pub(crate) fn wait_for_quiet<T: PartialEq + Debug>(
    stations: &[Station],
    quiet: Duration,
    measure: impl Fn(&Peer) -> T,
) {
    let until = Instant::now() + PATIENCE;
    let (mut before, mut since) = (Vec::new(), Instant::now());
    loop {
        let now: Vec<T> = stations.iter().map(|station| measure(station.peer())).collect();
        if now != before || now.iter().any(|one| *one != now[0]) {
            since = Instant::now();
        } else if since.elapsed() >= quiet {
            return;
        }
        assert!(Instant::now() < until, "the files do not come to rest: {now:?}");
        before = now;
        thread::park_timeout(Duration::from_millis(100));
    }
}

/// Asserts that each given reading is there once, or at most once where its life ended early.
fn check_given(stations: &[Station], rows: &Rows, disks: Disks) {
    let mut readings: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in rows.values() {
        let (sensor, number) = number_of(row);
        readings.entry(sensor).or_default().push(number);
    }
    for station in stations {
        let found = readings.remove(station.id.as_str()).unwrap_or_default();
        let mut known = 0;
        for given in station.given() {
            let of_life: Vec<u64> = found.iter().copied().filter(|number| given.numbers.contains(number)).collect();
            known += of_life.len();
            check_life(&station.id, &given, &of_life, disks);
        }
        assert_eq!(known, found.len(), "{}: readings that nobody gave", station.id);
    }
    assert!(readings.is_empty(), "sensors that nobody fed: {:?}", readings.keys());
}

fn check_life(id: &str, given: &super::station::Given, found: &[u64], disks: Disks) {
    let numbers = &given.numbers;
    if given.certain {
        assert!(
            found.iter().copied().eq(numbers.clone()),
            "{id}: of {numbers:?} {}",
            differences(numbers.clone(), found)
        );
    } else if disks == Disks::Kept {
        // Readings are taken in one after the other: if one is there, all that were taken in before it were kept, too.
        let first = numbers.start..numbers.start + found.len() as u64;
        assert!(found.iter().copied().eq(first.clone()), "{id}: of {numbers:?} {}", differences(first, found));
    } else {
        let mut once = found.to_vec();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), found.len(), "{id}: some of {numbers:?} are there twice");
    }
}

/// How the found numbers differ from these.
fn differences(expected: std::ops::Range<u64>, found: &[u64]) -> String {
    let missing: Vec<u64> = expected.clone().filter(|number| !found.contains(number)).take(10).collect();
    let at = expected.clone().zip(found).position(|(expected, found)| expected != *found);
    let length = expected.end - expected.start;
    format!("{} are there of {length}; first missing: {missing:?}; first out of order: {at:?}", found.len())
}
