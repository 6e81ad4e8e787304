//! The shortest scenario that still breaks a promise: what it does not need is left out, as long as the promise still
//! breaks.

use crate::simulation::plan::Mode;
use crate::simulation::run::Outcome;
use crate::simulation::scenario::{Scenario, Spared};
use crate::simulation::seeds::find;

/// More runs than this are not tried.
const RUNS_MAX: usize = 2000;

/// What came out of it.
#[derive(Debug)]
pub struct Shrunk {
    pub scenario: Scenario,
    /// How it ends.
    pub outcome: Outcome,
    /// How many were tried.
    pub runs: usize,
}

struct Shrinker {
    promise: String,
    only: Option<u8>,
    best: Scenario,
    outcome: Outcome,
    runs: usize,
}

/// The part of a finding that stays while a scenario shrinks: which promise it is.
fn promise(why: &str) -> String {
    why.split(':').next().unwrap_or(why).to_owned()
}

/// Shrinks a scenario that broke this promise.
///
/// Steps are left out in halves, quarters, and so on (delta debugging, Zeller and Hildebrandt 2002), then trouble of other
/// kinds, then peers that are last in the list.
#[must_use]
pub fn shrink(scenario: &Scenario, outcome: Outcome, only: Option<u8>) -> Shrunk {
    let promise = promise(outcome.broken.as_deref().unwrap_or_default());
    let mut shrinker = Shrinker { promise, only, best: scenario.written_out(), outcome, runs: 0 };
    loop {
        let before = shrinker.best.clone();
        shrinker.drop_steps();
        shrinker.spare();
        shrinker.drop_peers();
        if shrinker.best == before || shrinker.runs >= RUNS_MAX {
            break;
        }
    }
    let Shrinker { best: scenario, outcome, runs, .. } = shrinker;
    Shrunk { scenario, outcome, runs }
}

impl Shrinker {
    /// Takes the first of these that still breaks the promise.
    fn take(&mut self, candidates: &[Scenario]) -> bool {
        let left = RUNS_MAX.saturating_sub(self.runs);
        let candidates = &candidates[..candidates.len().min(left)];
        let try_one = |number: u64| {
            let outcome = candidates[usize::try_from(number).expect("few")].play(false, self.only);
            let same = outcome.broken.as_deref().is_some_and(|why| promise(why) == self.promise);
            same.then_some(outcome)
        };
        let found = find(0, candidates.len() as u64, try_one);
        self.runs += candidates.len();
        let Some((number, outcome)) = found else { return false };
        self.best = candidates[usize::try_from(number).expect("few")].clone();
        self.outcome = outcome;
        true
    }

    fn drop_steps(&mut self) {
        let mut parts = 1;
        loop {
            let steps = self.best.steps.clone().unwrap_or_default();
            if steps.is_empty() || parts > steps.len() {
                return;
            }
            let length = steps.len().div_ceil(parts);
            let without = |at: usize| {
                let (from, to) = (at * length, ((at + 1) * length).min(steps.len()));
                let rest = steps[..from].iter().chain(&steps[to..]).copied().collect();
                Scenario { steps: Some(rest), ..self.best.clone() }
            };
            let candidates: Vec<Scenario> = (0..parts).filter(|at| at * length < steps.len()).map(without).collect();
            if self.take(&candidates) {
                parts = (parts - 1).max(1);
            } else if parts == steps.len() {
                return;
            } else {
                parts = (parts * 2).min(steps.len());
            }
            if self.runs >= RUNS_MAX {
                return;
            }
        }
    }

    fn spare(&mut self) {
        if self.best.draw.is_none() {
            return;
        }
        for spared in Spared::ALL {
            if self.best.spared.contains(&spared) {
                continue;
            }
            let mut candidate = self.best.clone();
            candidate.spared.push(spared);
            self.take(&[candidate]);
        }
    }

    /// Peers to which nothing happens, from the last on. A drawn run of fewer peers is another run: its steps may not fit.
    fn drop_peers(&mut self) {
        if self.best.draw.is_some() || self.best.mode == Mode::Quorum {
            return;
        }
        while let Some(fewer) = self.best.hosts().checked_sub(1).filter(|fewer| *fewer > 0) {
            let candidate = Scenario { peers: Some(fewer), ..self.best.clone() };
            // What is written has to be readable: no step may name the peer that is gone.
            if Scenario::parse(&candidate.to_string()).is_err() || !self.take(&[candidate]) {
                return;
            }
        }
    }
}
