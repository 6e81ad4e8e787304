//! A run as plain lines that a person writes: which peers there are, and what happens to them when.
//!
//! `docs/laboratory.md` has the lines. What a seed draws can be written as a scenario, too, and comes out as the same run.

mod error;
mod lines;
mod steps;
#[cfg(test)]
mod tests;
mod times;

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::SeedableRng;

use crate::protocol::Time;
use crate::simulation::event::Event;
use crate::simulation::fault::Fault;
use crate::simulation::plan::{host_name, ms, Mode, Plan};
use crate::simulation::run::{outcome, spare, Outcome};
use crate::simulation::sabotage::Sabotage;
use crate::simulation::world::World;
use crate::wire::Timing;

pub use error::ScenarioError;
pub(crate) use steps::text as step_text;
pub(crate) use times::parse as read_time;

/// Readings a second at each peer, unless it is said.
const RATE: f64 = 2.0;

/// How long a scenario goes on, unless it is said or its last step is later.
const LENGTH: Time = Duration::from_secs(30);

/// More events than this are a loop: a hundred for each reading that a run may have.
const EVENTS_MAX: u64 = 10_000_000;

/// From the last step to the end, where the end is not said.
const AFTERWARDS: Time = Duration::from_secs(15);

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub at: Time,
    /// If a host of it is the one that leads at that time, and none does, nothing happens.
    pub fault: Fault,
}

/// What a drawn run is spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spared {
    /// Nobody lies, with a key or without.
    Liars,
    /// All clocks are exact.
    Drift,
    Priorities,
    /// Messages are neither lost nor late, and datagrams go both ways.
    Loss,
    /// Disks are fast.
    SlowDisks,
    /// Nothing is removed from the log.
    Removal,
    /// Rows are written as they come.
    LateRows,
}

impl Spared {
    pub const ALL: [Self; 7] =
        [Self::Liars, Self::Drift, Self::Priorities, Self::Loss, Self::SlowDisks, Self::Removal, Self::LateRows];
}

#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub mode: Mode,
    /// Everything that is not said is drawn from this number, as in the runs of the tests. Without it the network, the
    /// disks and the clocks are good.
    pub draw: Option<u64>,
    /// Delays and races are drawn from this number, where nothing else is.
    pub seed: u64,
    pub peers: Option<usize>,
    /// How many of them start at the beginning.
    pub starting: Option<usize>,
    pub quorum: Option<usize>,
    pub timing: Option<Timing>,
    /// Readings a second at each peer.
    pub rate: Option<f64>,
    /// The longest time of a message.
    pub delay: Option<Time>,
    /// One datagram in this many is lost.
    pub loss: Option<u32>,
    pub spared: Vec<Spared>,
    pub sabotage: Sabotage,
    /// When faults end, and the group has to come to rest.
    pub length: Option<Time>,
    /// What happens; `None`: what is drawn.
    pub steps: Option<Vec<Step>>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            mode: Mode::Default,
            draw: None,
            seed: 1,
            peers: None,
            starting: None,
            quorum: None,
            timing: None,
            rate: None,
            delay: None,
            loss: None,
            spared: Vec::new(),
            sabotage: Sabotage::None,
            length: None,
            steps: None,
        }
    }
}

impl Scenario {
    /// The run that a seed draws.
    #[must_use]
    pub fn drawn(mode: Mode, seed: u64) -> Self {
        Self { mode, draw: Some(seed), ..Self::default() }
    }

    /// Reads lines.
    ///
    /// # Errors
    ///
    /// The first line that is none, and its word.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        lines::parse(text)
    }

    /// The id that a peer has in lines.
    #[must_use]
    pub fn name(&self, host: usize) -> String {
        host_name(host, self.draw.is_none())
    }

    /// The time at which faults end.
    fn end(&self) -> Time {
        self.said_end().unwrap_or_else(|| self.last().map_or(LENGTH, |last| LENGTH.max(last + AFTERWARDS)))
    }

    /// The same, if it does not depend on the steps.
    fn said_end(&self) -> Option<Time> {
        self.length.or_else(|| self.draw.map(|_| self.plan().0.faults_end))
    }

    /// When the last step is over.
    fn last(&self) -> Option<Time> {
        self.steps.iter().flatten().map(|step| step.at + lasts(&step.fault)).max()
    }

    /// Faults end after `length`. What would happen later is left out.
    pub(crate) fn shorten(&mut self, length: Time) {
        self.length = Some(length);
        self.steps.iter_mut().for_each(|steps| steps.retain(|step| step.at < length));
    }

    /// The same with every step that is drawn written out.
    #[must_use]
    pub fn written_out(&self) -> Self {
        if self.steps.is_some() {
            return self.clone();
        }
        let (plan, _) = self.plan();
        let steps = plan.faults.iter().map(|(at, fault)| Step { at: *at, fault: *fault }).collect();
        let length = if self.draw.is_some() { self.length } else { Some(plan.faults_end) };
        Self { steps: Some(steps), length, ..self.clone() }
    }

    /// How many peers there are.
    #[must_use]
    pub fn hosts(&self) -> usize {
        self.plan().0.hosts
    }

    fn plan(&self) -> (Plan, SmallRng) {
        let mut rng = SmallRng::seed_from_u64(self.draw.unwrap_or(self.seed));
        let mut plan = if self.draw.is_some() {
            Plan::draw_for(self.mode, &mut rng, self.peers, self.length)
        } else {
            let gap = Duration::from_secs(2).div_f64(RATE);
            Plan::calm(self.mode, self.peers.unwrap_or(3), self.end(), gap)
        };
        plan.letters = self.draw.is_none();
        plan.quorum_said = self.quorum;
        plan.starting = self.starting.unwrap_or(plan.starting);
        plan.timing = self.timing.unwrap_or(plan.timing);
        // Readings come one to three at a time.
        plan.reading_gap = self.rate.map_or(plan.reading_gap, |rate| Duration::from_secs(2).div_f64(rate));
        plan.delay.1 = self.delay.map_or(plan.delay.1, |longest| longest.max(plan.delay.0));
        plan.datagram_loss_one_in = self.loss.unwrap_or(plan.datagram_loss_one_in);
        self.spared.iter().for_each(|spared| spared.spare(&mut plan));
        if let Some(steps) = &self.steps {
            let known = steps.iter().filter(|step| !step.fault.is_of_leader());
            plan.faults = known.map(|step| (step.at, step.fault)).collect();
            // A peer that listens at one address says that one also where its host has another.
            plan.any_address |= steps.iter().any(|step| matches!(step.fault, Fault::Move(_)));
            // As in drawn runs: a peer with a damaged log does not count for the quorum that it needs.
            plan.all_return |= self.mode == Mode::Quorum && steps.iter().any(|step| step.fault.rots());
        }
        (plan, rng)
    }

    /// The world of this scenario, before anything happens.
    #[must_use]
    pub fn world(&self, recording: bool) -> World {
        let (plan, rng) = self.plan();
        let mut world = World::with_plan(plan, rng, false);
        world.sabotage = self.sabotage;
        world.events_max = world.events_max.max(EVENTS_MAX);
        if self.draw.is_some() {
            spare(&mut world);
        }
        if recording {
            world.record();
        }
        for step in self.steps.iter().flatten().filter(|step| step.fault.is_of_leader()) {
            world.after(step.at, Event::OnLeader(step.fault));
        }
        world
    }

    /// Runs it to its end, or until a promise is broken: of all, or only this one.
    #[must_use]
    pub fn play(&self, recording: bool, only: Option<u8>) -> Outcome {
        let mut world = self.world(recording);
        world.checks.only = only;
        outcome(world)
    }
}

impl Spared {
    fn spare(self, plan: &mut Plan) {
        match self {
            Self::Liars => (plan.liar, plan.outsider) = (None, None),
            Self::Drift => plan.rates.fill(crate::simulation::clock::EXACT),
            Self::Priorities => plan.priorities.fill(0),
            Self::Loss => {
                (plan.datagram_loss_one_in, plan.late_one_in, plan.one_way) = (0, 0, None);
            }
            Self::SlowDisks => plan.disk.fill(ms(2)),
            Self::Removal => plan.retention = None,
            Self::LateRows => plan.rows_wait = None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Liars => "liars",
            Self::Drift => "drift",
            Self::Priorities => "priorities",
            Self::Loss => "loss",
            Self::SlowDisks => "slow-disks",
            Self::Removal => "removal",
            Self::LateRows => "late-rows",
        }
    }
}

/// For how long a fault goes on.
pub(crate) fn lasts(fault: &Fault) -> Time {
    match *fault {
        Fault::Part(_, length) | Fault::CutLink { length, .. } | Fault::Pause(_, length) | Fault::Stall(_, length) => {
            length
        }
        _ => Time::ZERO,
    }
}
