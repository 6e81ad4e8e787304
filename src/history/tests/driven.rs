//! A peer whose storage is driven by hand, and what its files hold.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ids::{PeerId, Sequence};
use crate::reading::{row_sequence, HEADER_LINE};
use crate::storage::{claim, directory_of, Options, RealDisk, Storage};
use crate::wire::{Frame, Lines, Request};

/// A peer whose storage is driven by hand.
pub(crate) struct Driven {
    pub(super) storage: Storage<RealDisk>,
    pub(crate) root: PathBuf,
    term: u64,
    /// Readings made so far: no two are equal.
    made: u64,
    ends: Vec<Sequence>,
}

impl Driven {
    pub(crate) fn new(data: &Path) -> Self {
        let peer: PeerId = "p".parse().unwrap();
        let disk = Arc::new(claim(data, &peer).unwrap());
        let (storage, _) = Storage::open(disk, &peer, 5, Options::default()).unwrap();
        Self { storage, root: directory_of(data, &peer), term: 1, made: 0, ends: vec![0] }
    }

    /// With eighteen rows of three sensors in turn, in three batches.
    pub(crate) fn with_rows(data: &Path) -> Self {
        let mut peer = Self::new(data);
        (0..3).for_each(|_| peer.append(6));
        peer.deliver(18);
        peer
    }

    pub(crate) fn append(&mut self, count: u64) {
        let line = |number| format!("DATA|s{}|2013-01-01T06:00:00Z|{number}||\n", number % 3);
        let text: String = (self.made..self.made + count).map(line).collect();
        let lines = Lines::new(text.into_bytes(), count);
        let request = Request { origin: "o/1".parse().unwrap(), first: self.made + 1, lines };
        let term = format!("{}@l/1", self.term).parse().unwrap();
        let frame = Frame::build(term, self.storage.last() + 1, &[request]);
        self.storage.append(&frame).unwrap();
        self.made += count;
        self.ends.push(self.storage.last());
    }

    /// Turns a bit in the middle of the journal, which has one segment.
    pub(crate) fn rot(&self) {
        let segment = self.root.join("journal/00000000000000000001.log");
        let mut bytes = std::fs::read(&segment).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(segment, bytes).unwrap();
    }

    pub(crate) fn deliver(&mut self, count: u64) {
        let to = (self.storage.delivered() + count).min(self.storage.last());
        self.storage.deliver(to).unwrap();
        self.storage.flush().unwrap();
    }

    pub(crate) fn cut(&mut self, keep: u64) {
        let to = *self.ends.iter().rev().find(|end| **end <= keep).unwrap();
        let is_below = to < self.storage.base();
        self.storage.cut(to, None, None, 0).unwrap();
        self.ends.retain(|end| *end <= if is_below { 0 } else { to });
        self.term += 1;
    }

    pub(crate) fn remove(&mut self, up_to: Sequence) {
        self.storage.remove(up_to);
        self.storage.finish_removals().unwrap();
    }

    /// All rows of its files, by sequence.
    pub(crate) fn rows(&self) -> BTreeMap<Sequence, String> {
        let mut rows = BTreeMap::new();
        for sensor in ["s0", "s1", "s2"] {
            let text = std::fs::read_to_string(self.root.join(format!("{sensor}.csv"))).unwrap_or_default();
            let lines = text.strip_prefix(HEADER_LINE).unwrap_or("").lines();
            rows.extend(lines.map(|line| (row_sequence(line.as_bytes()).unwrap(), line.to_owned())));
        }
        rows
    }
}
