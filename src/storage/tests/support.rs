//! What the tests of this layer share: readings, frames, and a directory that is removed at the end.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::Sequence;
use crate::storage::directory;
use crate::storage::disk::real::RealDisk;
use crate::wire::{Frame, Lines, Request};

/// A directory of its own, removed when dropped.
#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("peer-storage-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The claimed directory of a peer, in a directory of its own.
    pub(in crate::storage) fn disk(id: &str) -> (Self, RealDisk) {
        let temp = Self::new();
        let disk = directory::claim(temp.path(), &id.parse().unwrap()).unwrap();
        (temp, disk)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The text of a reading that tells its origin and number.
pub(in crate::storage) fn payload(origin: &str, number: u64) -> String {
    let sensor = origin.split('/').next().unwrap();
    format!("DATA|{sensor}{}|2013-01-01T06:00:00Z|{number}|-0.5|", number % 3)
}

/// Readings `first .. first + count` of an origin.
pub(in crate::storage) fn request(origin: &str, first: u64, count: u64) -> Request {
    let text: String = (first..first + count).map(|number| payload(origin, number) + "\n").collect();
    Request { origin: origin.parse().unwrap(), first, lines: Lines::new(text.into_bytes(), count) }
}

/// The text of a reading of the middle of a month.
pub(in crate::storage) fn dated(sensor: &str, month: &str, number: u64) -> String {
    format!("DATA|{sensor}|{month}-{:02}T06:00:00Z|{number}|-0.5|", 10 + number % 9)
}

/// These readings of an origin.
pub(in crate::storage) fn request_of(origin: &str, first: u64, payloads: impl Iterator<Item = String>) -> Request {
    let lines: Vec<String> = payloads.map(|payload| payload + "\n").collect();
    let count = lines.len() as u64;
    Request { origin: origin.parse().unwrap(), first, lines: Lines::new(lines.concat().into_bytes(), count) }
}

/// A batch of them.
pub(in crate::storage) fn frame_of(
    term: u64,
    sequence: Sequence,
    origin: &str,
    payloads: impl Iterator<Item = String>,
) -> Frame {
    Frame::build(format!("{term}@l/1").parse().unwrap(), sequence, &[request_of(origin, 1, payloads)])
}

/// A batch with readings of one origin.
pub(in crate::storage) fn frame(term: u64, sequence: Sequence, origin: &str, first: u64, count: u64) -> Frame {
    Frame::build(format!("{term}@l/1").parse().unwrap(), sequence, &[request(origin, first, count)])
}
