//! Promise 3: each `(origin, number)` stands in a log at most once, and an origin's numbers are 1, 2, 3 … there but for
//! what a leader gave up as lost, with a line that said so. And that it may only where a disk was cleared, or lost what was
//! not synced.

use std::collections::BTreeMap;

use peer::ids::Origin;
use peer::wire::{Frame, Range};

use crate::numbers::Numbers;
use crate::process::Process;

#[derive(Default)]
pub(super) struct Check {
    /// What stands in the log of each process.
    logs: BTreeMap<Origin, Numbers>,
    /// What leaders gave up.
    lost: Numbers,
    /// What a host had, and had no more when its next process began.
    gone: Numbers,
}

impl Check {
    /// A process begins with what is `found` on the disk of a host, on which the one before it `held` this.
    pub(super) fn started(&mut self, process: &Process, held: &Numbers, found: &Numbers) {
        self.gone.extend(&held.minus(found).ranges().collect::<Vec<_>>());
        let log = self.logs.entry(process.origin.clone()).or_default();
        log.extend(process.shelf.ranges());
    }

    pub(super) fn lost(&mut self, range: &Range) -> Result<(), String> {
        let mut said = Numbers::default();
        said.insert(range);
        self.lost.insert(range);
        match said.missing_in(&self.gone) {
            None => Ok(()),
            Some(Range { origin, first, count }) => {
                Err(format!("promise 3: {count} from {first} of {origin} given up, which no disk lost"))
            }
        }
    }

    pub(super) fn appended(&mut self, process: &Process, frame: &Frame) -> Result<(), String> {
        let log = self.logs.entry(process.origin.clone()).or_default();
        for range in frame.ranges() {
            let (origin, first) = (&range.origin, range.first);
            if !log.is_clear_of(range) {
                return Err(format!("promise 3: {first} of {origin} twice at {}", process.id()));
            }
            let follows = first == 1 || log.contains(origin, first - 1) || self.lost.contains(origin, first - 1);
            if !follows {
                return Err(format!("promise 3: {first} of {origin} leaves a gap at {}", process.id()));
            }
            log.insert(range);
        }
        Ok(())
    }

    /// The log was cut: what is left of it stands in the shelf.
    pub(super) fn cut(&mut self, process: &Process) {
        let log = self.logs.entry(process.origin.clone()).or_default();
        *log = Numbers::default();
        log.extend(process.shelf.ranges());
    }
}
