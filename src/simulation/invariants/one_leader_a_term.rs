//! Promise 1: each term has one leader.

use std::collections::BTreeMap;

use crate::ids::{Origin, Term};
use crate::protocol::Standing;
use crate::simulation::process::Process;

#[derive(Debug, Clone, Default)]
pub(super) struct Check {
    leaders: BTreeMap<Term, (Origin, usize)>,
}

impl Check {
    pub(super) fn check(&mut self, process: &Process) -> Result<(), String> {
        let (Standing::Leader, Some(term)) = (process.peer.standing(), process.peer.installed()) else {
            return Ok(());
        };
        let who = (process.origin.clone(), process.host);
        let known = self.leaders.entry(term.clone()).or_insert_with(|| who.clone());
        if *known == who {
            return Ok(());
        }
        Err(format!("promise 1: {term} is led by {} and by {}", known.0, who.0))
    }
}
