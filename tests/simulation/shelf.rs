//! The storage of a simulated process, and the log as its core sees it.

use std::collections::{BTreeMap, BTreeSet};

use peer::ids::Sequence;
use peer::protocol::{Done, Store};
use peer::wire::{Frame, Range, Request};

use crate::sabotage::Sabotage;

/// A batch and the digest of the log up to its end.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub frame: Frame,
    pub digest: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// The log as the core has it.
    pub log: Vec<Entry>,
    /// How often the core cut it.
    pub cuts: u64,
    disk: Vec<Frame>,
    pending: Vec<Request>,
    pub delivered: Sequence,
    /// Rows lost by sabotage.
    unwritten: BTreeSet<Sequence>,
}

fn digest(before: u64, bytes: &[u8]) -> u64 {
    // FNV-1a, 64 bits: it only has to tell histories apart.
    bytes
        .iter()
        .fold(before ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Shelf {
    pub(crate) fn last(&self) -> Sequence {
        self.log.last().map_or(0, |entry| entry.frame.last())
    }

    /// The digest of the log up to a batch end; `None` where that is none.
    pub(crate) fn digest_at(&self, sequence: Sequence) -> Option<u64> {
        if sequence == 0 {
            return Some(0);
        }
        let at = self.log.partition_point(|entry| entry.frame.last() < sequence);
        self.log.get(at).filter(|entry| entry.frame.last() == sequence).map(|entry| entry.digest)
    }

    /// What the core handed over, at the moment it did.
    pub(crate) fn note(&mut self, store: &Store) {
        match store {
            Store::Append(frame) => {
                let before = self.log.last().map_or(0, |entry| entry.digest);
                self.log.push(Entry { frame: frame.clone(), digest: digest(before, frame.bytes()) });
            }
            Store::Cut { to, .. } => {
                self.log.retain(|entry| entry.frame.last() <= *to);
                self.cuts += 1;
            }
            _ => {}
        }
    }

    /// Batches behind `after` that begin at or below `up_to`; `None` where the log was cut since.
    pub(crate) fn read(&self, after: Sequence, up_to: Sequence, cuts: u64) -> Option<Vec<Frame>> {
        let from = self.log.partition_point(|entry| entry.frame.last() <= after);
        let frames = self.log[from..].iter().map(|entry| entry.frame.clone());
        (cuts == self.cuts).then(|| frames.take_while(|frame| frame.first() <= up_to).take(4).collect())
    }

    /// Does what was handed over; `Say` is the caller's.
    pub(crate) fn execute(&mut self, store: Store, sabotage: Sabotage) -> Option<Done> {
        match store {
            Store::Append(frame) => {
                let last = frame.last();
                self.disk.push(frame);
                Some(Done::Appended { last })
            }
            Store::Keep(request) => {
                self.pending.push(request);
                None
            }
            Store::Cut { to, .. } => {
                let at = self.disk.partition_point(|frame| frame.last() <= to);
                let cut: Vec<Request> = self.disk.split_off(at).iter().flat_map(Frame::requests).collect();
                let returned: Vec<Range> = cut.iter().map(Request::range).collect();
                self.pending.extend(cut);
                self.delivered = self.delivered.min(to);
                Some(Done::Cut { to, returned })
            }
            Store::Deliver { up_to } => {
                if sabotage == Sabotage::LostRows && up_to % 3 == 0 {
                    self.unwritten.insert(up_to);
                }
                self.delivered = up_to;
                Some(Done::Delivered { up_to })
            }
            Store::Recall(range) => Some(Done::Recalled(self.recall(&range))),
            Store::State(_) | Store::Say { .. } => None,
        }
    }

    fn recall(&self, range: &Range) -> Request {
        let holds = |kept: &&Request| {
            kept.origin == range.origin && kept.first <= range.first && range.first <= kept.range().last()
        };
        let kept = self.pending.iter().find(holds).expect("what is recalled was kept");
        let lines = kept.lines.slice(range.first - kept.first, range.count);
        Request { origin: range.origin.clone(), first: range.first, lines }
    }

    /// Sequence and payload of everything delivered, by sensor.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<String>> {
        let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for frame in self.disk.iter().filter(|frame| frame.last() <= self.delivered) {
            for (sequence, payload) in frame.entries() {
                if self.unwritten.contains(&sequence) {
                    continue;
                }
                let sensor = String::from_utf8_lossy(peer::reading::sensor_of(payload)).into_owned();
                let mut row = Vec::new();
                peer::reading::append_row(sequence, payload, &mut row);
                files.entry(sensor).or_default().push(String::from_utf8_lossy(&row).into_owned());
            }
        }
        files
    }
}
