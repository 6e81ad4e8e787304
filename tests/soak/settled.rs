//! Waits until all peers hold the same rows, by the sizes of their files: to read millions of rows again and again would
//! be a load of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::harness::settle::wait_for_quiet;
use crate::harness::station::Station;

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
    wait_for_quiet(stations, QUIET, |peer| sizes(&peer.data));
}
