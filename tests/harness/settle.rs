//! What must hold when the faults are over: one group, equal files, each reading once.

use std::fmt::Debug;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::process::PATIENCE;
use super::rows::{assert_same_rows, Rows};
use super::station::Station;
use super::Peer;

/// How long nothing is delivered once everything is. It is longer than the timeouts of all tests, after which readings
/// that were kept back are ordered.
const QUIET: Duration = Duration::from_secs(2);

/// How long nobody looks at the files of a running peer.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

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

/// Looks at the files of all until then.
pub(crate) fn look_until(stations: &mut [Station], until: Instant) {
    loop {
        stations.iter_mut().for_each(Station::look);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left.min(LOOK_PERIOD));
    }
}

/// Ends a run in which all stations are up and faults are over: waits for one group, ends the inputs, waits until all is
/// delivered, stops all, and has decided whether the run kept its promises. Returns the rows.
pub(crate) fn finish(stations: &mut [Station]) -> Rows {
    wait_for_one_group(stations);
    stations.iter_mut().for_each(Station::look);
    for station in &mut *stations {
        station.end_input();
    }
    for station in &*stations {
        station.wait_for_end_of_input();
    }
    stations.iter_mut().for_each(Station::look);
    wait_for_quiet(stations, QUIET, |peer| peer.rows().len());
    for station in &*stations {
        station.ask_to_stop();
    }
    for station in &mut *stations {
        station.wait_for_stop();
    }
    let peers: Vec<&Peer> = stations.iter().map(Station::peer).collect();
    if let Some(recorder) = &stations[0].recorder {
        let verdict = recorder.check(&peers);
        assert!(verdict.counts.seen > 0, "nobody looked at a file");
    }
    let rows = peers[0].rows();
    assert_same_rows(&peers, rows.len());
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
