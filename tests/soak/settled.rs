//! Waits until all peers hold the same rows, by the sizes of their files: to read millions of rows again and again would
//! be a load of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::station::Station;
use crate::harness::PATIENCE;

/// How long the files do not grow once everything is delivered: the heartbeat timeout, after which readings that were
/// kept back are ordered.
const QUIET: Duration = Duration::from_secs(3);

/// Bytes of each CSV file.
fn sizes(directory: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(directory).expect("a peer's directory");
    let named = entries.map(|entry| entry.expect("readable")).map(|entry| {
        // A file that is being replaced has no size.
        let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
        (entry.file_name().to_string_lossy().into_owned(), bytes)
    });
    named.filter(|(name, _)| name.strip_suffix(".csv").is_some()).collect()
}

pub(crate) fn wait_until_equal(stations: &[Station]) {
    let until = Instant::now() + PATIENCE;
    let (mut before, mut since) = (Vec::new(), Instant::now());
    loop {
        let now: Vec<_> = stations.iter().map(|station| sizes(&station.peer().data)).collect();
        if now != before || now.iter().any(|sizes| *sizes != now[0]) {
            since = Instant::now();
        } else if since.elapsed() >= QUIET {
            return;
        }
        assert!(Instant::now() < until, "the files do not come to rest: {now:?} bytes");
        before = now;
        thread::park_timeout(Duration::from_millis(100));
    }
}
