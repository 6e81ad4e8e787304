//! Promise 3: each `(origin, number)` stands in a log at most once, and an origin's numbers are 1, 2, 3 … there but for
//! what a leader gave up as lost, with a line that said so.

use std::collections::{BTreeMap, BTreeSet};

use peer::ids::Origin;
use peer::wire::Frame;

use crate::process::Process;

#[derive(Default)]
pub(super) struct Check {
    /// What stands in the log of each process.
    logs: BTreeMap<Origin, BTreeMap<Origin, BTreeSet<u64>>>,
    lost: BTreeMap<Origin, BTreeSet<u64>>,
}

impl Check {
    pub(super) fn lost(&mut self, origin: &Origin, first: u64, last: u64) {
        self.lost.entry(origin.clone()).or_default().extend(first..=last);
    }

    pub(super) fn appended(&mut self, process: &Process, frame: &Frame) -> Result<(), String> {
        let log = self.logs.entry(process.origin.clone()).or_default();
        for range in frame.ranges() {
            let numbers = log.entry(range.origin.clone()).or_default();
            for number in range.first..=range.last() {
                if !numbers.insert(number) {
                    return Err(format!("promise 3: {number} of {} twice at {}", range.origin, process.id()));
                }
                let gap = number > 1 && !numbers.contains(&(number - 1));
                let known = self.lost.get(&range.origin).is_some_and(|lost| lost.contains(&(number - 1)));
                if gap && !known {
                    return Err(format!("promise 3: {number} of {} leaves a gap at {}", range.origin, process.id()));
                }
            }
        }
        Ok(())
    }

    /// The log was cut: what is left of it stands in the shelf.
    pub(super) fn cut(&mut self, process: &Process) {
        let log = self.logs.entry(process.origin.clone()).or_default();
        log.clear();
        for entry in &process.shelf.log {
            for range in entry.frame.ranges() {
                log.entry(range.origin.clone()).or_default().extend(range.first..=range.last());
            }
        }
    }
}
