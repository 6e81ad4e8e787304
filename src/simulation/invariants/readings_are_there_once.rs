//! Promise 3: each origin and number is in a log at most once, and the numbers of an origin are 1, 2, 3 … except what a
//! leader gave up as lost, with a line that said so. A leader may give numbers up only where a disk lost what was not
//! synced, or was damaged: a peer that ends, or is cleared, loses the last of its readings, and leaves no gap.

use std::collections::BTreeMap;

use crate::ids::Origin;
use crate::simulation::fault::Damage;
use crate::simulation::numbers::Numbers;
use crate::simulation::process::Process;
use crate::wire::{Frame, Range};

#[derive(Debug, Clone, Default)]
pub(super) struct Check {
    /// What is in the log of each process.
    logs: BTreeMap<Origin, Numbers>,
    /// What leaders gave up.
    lost: Numbers,
    /// What a host had before damage, and lacked when its next process began.
    gone: Numbers,
}

impl Check {
    /// A process begins.
    pub(super) fn started(&mut self, process: &Process) {
        self.logs.entry(process.origin.clone()).or_default().extend(process.shelf.ranges());
    }

    /// A host lost these readings. A process that only ended lost the last of what it had.
    pub(super) fn lose(&mut self, numbers: &Numbers, damage: Damage) {
        if matches!(damage, Damage::PowerCut | Damage::Unsynced | Damage::Rot) {
            self.gone.extend(&numbers.ranges().collect::<Vec<_>>());
        }
    }

    pub(super) fn lost(&mut self, range: &Range, expired: &Numbers) -> Result<(), String> {
        let mut said = Numbers::default();
        said.insert(range);
        self.lost.insert(range);
        match said.minus(expired).missing_in(&self.gone) {
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

    /// The log was cut: what is left of it is in the shelf.
    pub(super) fn cut(&mut self, process: &Process) {
        let log = self.logs.entry(process.origin.clone()).or_default();
        *log = Numbers::default();
        log.extend(process.shelf.ranges());
    }
}
