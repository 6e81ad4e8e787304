//! What the CSV files of peers hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::process::{Peer, PATIENCE};

/// Sequence and the rest of each row of a peer's.
pub(crate) type Rows = BTreeMap<u64, String>;

impl Peer {
    /// Its CSV files by name, each checked to be one.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let Ok(entries) = fs::read_dir(&self.data) else { return BTreeMap::new() };
        let mut files = BTreeMap::new();
        for path in entries.map(|entry| entry.expect("readable").path()).filter(|path| is_csv(path)) {
            let text = fs::read_to_string(&path).expect("text");
            if text.is_empty() {
                // Made, and not yet written.
                continue;
            }
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            assert!(text.starts_with(peer::reading::CSV_HEADER), "{name} begins with {:?}", text.lines().next());
            files.insert(name, text);
        }
        files
    }

    /// Sequence and the rest of each row over all files, in order.
    pub(crate) fn rows(&self) -> Rows {
        let mut rows = BTreeMap::new();
        for (name, text) in self.files() {
            // A row that is just being written has no LF.
            for line in text.lines().skip(1).take(text.matches('\n').count().saturating_sub(1)) {
                let (sequence, rest) = line.split_once(',').expect("a row");
                let sequence = sequence.parse().expect("a sequence");
                assert!(rows.insert(sequence, rest.to_owned()).is_none(), "{}: #{sequence} twice in {name}", self.id);
            }
        }
        rows
    }

    /// Waits until rows up to this sequence are in its files. It reads them again and again, since files do not
    /// announce that they grew.
    pub(crate) fn wait_for_rows(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.rows().len() < count {
            assert!(
                Instant::now() < until,
                "{} has {} of {count} rows; log:\n{}",
                self.id,
                self.rows().len(),
                self.log().join("\n")
            );
            thread::park_timeout(Duration::from_millis(20));
        }
    }
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}

/// Damages a byte of a file.
pub(crate) fn flip_a_bit(path: &Path, at: u64) {
    let mut bytes = fs::read(path).expect("readable");
    bytes[usize::try_from(at).expect("a small file")] ^= 4;
    fs::write(path, bytes).expect("writable");
}

/// Asserts that all hold the same `count` rows: 1, 2, 3 …
pub(crate) fn assert_same_rows(peers: &[&Peer], count: usize) {
    for peer in peers {
        peer.wait_for_rows(count);
    }
    let first = peers[0].rows();
    assert!(first.keys().copied().eq(1..=count as u64), "{} holds {} rows", peers[0].id, first.len());
    for peer in &peers[1..] {
        assert_eq!(peer.files(), peers[0].files(), "{} and {} differ", peer.id, peers[0].id);
    }
}

/// Asserts that every reading `from..to` that was fed to this peer is in the rows once.
pub(crate) fn assert_fed(rows: &Rows, id: &str, from: u64, to: u64) {
    let prefix = format!("2013-01-01T06:00:00Z,{id},");
    let mut numbers: Vec<u64> = rows
        .values()
        .filter_map(|row| row.strip_prefix(&prefix)?.split(',').next()?.parse().ok())
        .filter(|number| (from..to).contains(number))
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(from..to), "readings of {id}: {} of {}", numbers.len(), to - from);
}
