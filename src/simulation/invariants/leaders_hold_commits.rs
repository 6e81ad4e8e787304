//! Promise 6: with a quorum, what was committed in a term is in the log of every leader of a later term.

use std::collections::BTreeMap;

use crate::ids::{Sequence, Term};
use crate::protocol::Standing;
use crate::simulation::process::Process;

#[derive(Debug, Clone, Default)]
pub(super) struct Check {
    /// How far the leader of each term committed, and the digest of the log up to there.
    commits: BTreeMap<Term, (Sequence, u64)>,
    /// The log of each term's leader when the term began: the end of each batch, and the digest up to it.
    logs: BTreeMap<Term, Vec<(Sequence, u64)>>,
    /// The same for terms that their leaders have not stored. A power cut ends such a term as if it had never been:
    /// nothing was committed in it, and nobody who heard of it acts on it. The next leader may have a lower term.
    unstored: BTreeMap<Term, Vec<(Sequence, u64)>>,
}

impl Check {
    pub(super) fn check(&mut self, process: &Process) -> Result<(), String> {
        let (Standing::Leader, Some(term)) = (process.peer.standing(), process.peer.installed()) else {
            return Ok(());
        };
        if !self.logs.contains_key(term) {
            let now = || process.shelf.log.iter().map(|entry| (entry.frame.last(), entry.digest)).collect();
            let log = self.unstored.entry(term.clone()).or_insert_with(now);
            if process.shelf.state.promised.as_ref() >= Some(term) {
                for (before, commit) in self.commits.range(..term.clone()) {
                    hold(term, log, before, *commit)?;
                }
                let log = self.unstored.remove(term).expect("just put in");
                self.logs.insert(term.clone(), log);
            }
        }
        let committed = process.peer.committed();
        let known = self.commits.get(term).map_or(0, |(known, _)| *known);
        let Some(digest) = process.shelf.digest_at(committed).filter(|_| committed > known) else { return Ok(()) };
        self.commits.insert(term.clone(), (committed, digest));
        for (later, log) in self.logs.range(term.clone()..).filter(|(later, _)| *later != term) {
            hold(later, log, term, (committed, digest))?;
        }
        Ok(())
    }
}

/// Checks that the log of the leader of `later` holds what was committed in `before`.
fn hold(later: &Term, log: &[(Sequence, u64)], before: &Term, commit: (Sequence, u64)) -> Result<(), String> {
    let (committed, digest) = commit;
    let at = log.partition_point(|(end, _)| *end < committed);
    if log.get(at) == Some(&(committed, digest)) {
        return Ok(());
    }
    Err(format!("promise 6: the leader of {later} lacks what was committed up to #{committed} in {before}"))
}
