//! A state of the search: where it begins, what it costs to go on from it, and what must hold once it is at rest.

use std::panic::{catch_unwind, AssertUnwindSafe};

use rand::rngs::SmallRng;
use rand::SeedableRng;

use crate::protocol::Time;
use crate::simulation::clock::{Clock, EXACT};
use crate::simulation::event::Event;
use crate::simulation::exhaustive::digest::{Cores, EPOCH, LONG_AGO};
use crate::simulation::exhaustive::moves::{moves, Choice, Held, Move, What};
use crate::simulation::exhaustive::Bounds;
use crate::simulation::fault::Fault;
use crate::simulation::invariants;
use crate::simulation::plan::Plan;
use crate::simulation::run::all_delivered;
use crate::simulation::world::World;

/// More moves than this until a group is at rest are a loop.
const MOVES_MAX: usize = 20_000;

/// A world, and what the search remembers of its past.
pub(super) struct Node {
    pub world: World,
    pub held: Held,
    pub cores: Cores,
    /// What is left of the bounds.
    pub deviations: u8,
    pub faults: u8,
    /// When the last trouble came.
    troubled: Time,
    /// It came to rest since.
    pub rested: bool,
}

impl Node {
    pub(super) fn copy(&self) -> Self {
        Self { world: self.world.copy(), held: self.held.clone(), cores: self.cores.clone(), ..*self }
    }

    pub(super) fn root(bounds: &Bounds) -> Self {
        let plan = Plan::calm(bounds.mode, bounds.hosts, Time::ZERO, Time::from_secs(1));
        let plan = Plan { delay: (Time::ZERO, Time::ZERO), disk: vec![Time::ZERO; bounds.hosts], ..plan };
        let mut world = World::with_plan(plan, SmallRng::seed_from_u64(1), false);
        world.clocks = vec![Clock::new(EPOCH, EXACT); bounds.hosts];
        (world.feeding, world.said, world.events_max) = (false, Some(true), u64::MAX);
        let (deviations, faults) = (bounds.deviations, bounds.faults);
        let mut root = Self {
            troubled: world.now,
            world,
            held: Held::new(),
            cores: Cores::new(),
            deviations,
            faults,
            rested: false,
        };
        if bounds.forming {
            let starts = std::mem::take(&mut root.world.queue);
            for (_, event) in starts {
                root.world.after(Time::ZERO, event);
            }
        } else {
            root.form();
        }
        root.world.sabotage = bounds.sabotage;
        let later = root.world.plan.timing.heartbeat_timeout * 17 / 10;
        for reading in 0..bounds.readings {
            let delay = if reading == 0 { Time::ZERO } else { later };
            root.world.after(delay, Event::Fault(Fault::Burst((reading / 2 + 1) % bounds.hosts, 1)));
        }
        root.troubled = root.world.now + later;
        root
    }

    /// The group forms, in the order that is tried first.
    fn form(&mut self) {
        let none = Choice { all_orders: false, deviations: 0, faults: 0 };
        // Then it is as if it had always been there.
        let old = self.world.now + self.world.plan.timing.heartbeat_timeout * (LONG_AGO + 2);
        for _ in 0..MOVES_MAX {
            let [first, ..] = &moves(&self.world, &self.held, none)[..] else { return };
            let is_quiet = matches!(&first.what, What::Happen(key) if key.0 > self.world.now);
            if is_quiet && self.world.now > old && self.is_at_rest() {
                return;
            }
            self.world.make(&first.clone(), &mut self.held);
        }
        panic!("a group forms");
    }

    pub(super) fn moves(&self, bounds: &Bounds) -> Vec<Move> {
        let choice = Choice { all_orders: bounds.all_orders, deviations: self.deviations, faults: self.faults };
        moves(&self.world, &self.held, choice)
    }

    pub(super) fn make(&mut self, a_move: &Move) {
        self.deviations -= a_move.deviations;
        self.faults -= a_move.faults;
        if a_move.deviations + a_move.faults > 0 {
            (self.troubled, self.rested) = (self.troubled.max(self.world.now), false);
        }
        let Self { world, held, .. } = self;
        let result = catch_unwind(AssertUnwindSafe(|| world.make(a_move, held)));
        if let Err(panic) = result {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            self.world.checks.broken = Some(format!("a peer panics: {}", text.unwrap_or("?")));
        }
    }

    /// Whether everybody is in one term, with all readings, and nothing is to come but alarms.
    pub(super) fn is_at_rest(&self) -> bool {
        let world = &self.world;
        let is_over = |event: &Event| matches!(event, Event::Alarm { .. });
        world.queue.values().all(is_over)
            && world.cuts.shut(world.now).next().is_none()
            && invariants::at_rest(world.alive()).is_ok()
            && all_delivered(world).is_ok()
    }

    /// Checks what must hold at rest.
    pub(super) fn check_rest(&self) -> Option<String> {
        let mut end = self.copy();
        end.world.end_of_input();
        let none = Choice { all_orders: false, deviations: 0, faults: 0 };
        for _ in 0..MOVES_MAX {
            end.world.forget_what_is_over();
            let moves = moves(&end.world, &end.held, none);
            let Some(first) = moves.first() else { break };
            if matches!(&first.what, What::Happen(key) if key.0 > end.world.now) {
                break;
            }
            end.make(first);
        }
        let world = &mut end.world;
        let kept = world.checks.check_nothing_is_lost(&world.alive());
        world.fail(kept);
        let files = world.processes.iter_mut().filter(|process| process.alive).try_for_each(invariants::check_whole);
        world.fail(files);
        end.world.checks.broken
    }

    /// It should be at rest by now. Why is it not?
    pub(super) fn overdue(&self) -> Option<String> {
        let timing = self.world.plan.timing;
        let patience = self.world.plan.settled() + timing.heartbeat_timeout * 6 + timing.election_timeout * 4;
        if self.rested || self.world.now < self.troubled + patience {
            return None;
        }
        let why = invariants::at_rest(self.world.alive()).err().or_else(|| all_delivered(&self.world).err());
        Some(why.unwrap_or_else(|| "promise 9: it goes on without end".to_owned()))
    }
}
