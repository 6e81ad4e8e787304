//! What others do wrong is said once: a neighbour that goes on cannot fill the log.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::node::lock;

/// Different complaints that are remembered, and so said; more than that and something is wrong with the network, which
/// has been said often enough.
const DIFFERENT_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<BTreeSet<String>>);

impl Complaints {
    /// Warns of this, if it is the first time.
    pub(super) fn warn(&self, text: String) {
        let mut said = lock(&self.0);
        if said.len() >= DIFFERENT_MAX || said.contains(&text) {
            drop(said);
            return log::debug!("{text}");
        }
        log::warn!("{text}");
        said.insert(text);
    }
}
