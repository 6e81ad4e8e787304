//! Promise 2: logs with the same sequence and term are equal up to it.

use std::collections::BTreeMap;

use crate::ids::{Sequence, Term};
use crate::simulation::process::Process;

#[derive(Debug, Clone, Default)]
pub(super) struct Check {
    /// Digest of the log up to the end of a batch of this term.
    seen: BTreeMap<(Sequence, Term), u64>,
}

impl Check {
    pub(super) fn appended(&mut self, process: &Process) -> Result<(), String> {
        let entry = process.shelf.log.last().expect("just appended");
        let key = (entry.frame.last(), entry.frame.term().clone());
        let known = *self.seen.entry(key.clone()).or_insert(entry.digest);
        if known == entry.digest {
            return Ok(());
        }
        Err(format!("promise 2: the log of {} differs below #{} of {}", process.id(), key.0, key.1))
    }
}
