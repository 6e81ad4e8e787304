//! What the tests of this layer share: readings, frames, and a directory that is removed at the end.

use std::path::Path;

use crate::ids::Sequence;
use crate::storage::directory;
use crate::storage::disk::real::RealDisk;
use crate::wire::{Frame, Lines, Request};

/// A directory of its own, removed when dropped.
#[derive(Debug)]
pub(crate) struct TempDir(tempfile::TempDir);

impl TempDir {
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("peer-").tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The claimed directory of a peer, in a directory of its own.
    pub(in crate::storage) fn disk(id: &str) -> (Self, RealDisk) {
        let temp = Self::new();
        let disk = directory::claim(temp.path(), &id.parse().unwrap()).unwrap();
        (temp, disk)
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
