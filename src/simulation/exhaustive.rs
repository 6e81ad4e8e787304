//! All that can happen to a small group within bounds, explored to rest. A seed draws one order of deliveries and alarms;
//! this tries them all, meets equal states once, and checks the same promises at each.
//!
//! `moves.rs` says what may come next, `trouble.rs` what goes wrong, and `digest.rs` which states are equal. The order
//! that is tried first depends on the state alone. A *deviation* leaves it: something else comes first, or what is next
//! takes longer than all else. Within `Bounds` every schedule of so many deviations and faults is explored, or an equal
//! one. docs/laboratory.md says what that covers, and what it does not.

mod copying;
mod digest;
mod moves;
mod node;
mod telling;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::simulation::exhaustive::digest::digest;
use crate::simulation::exhaustive::moves::Move;
use crate::simulation::exhaustive::node::Node;
use crate::simulation::plan::Mode;
use crate::simulation::sabotage::Sabotage;

/// What is searched, and how far.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub mode: Mode,
    pub hosts: usize,
    /// Readings, two at a host each in turn: the first comes at the beginning, the others when a group that was cut apart
    /// has become two.
    pub readings: usize,
    /// How often a schedule may leave the order that is tried first.
    pub deviations: u8,
    /// All orders of what is under way are tried, at no cost; only alarms that come before that cost a deviation.
    pub all_orders: bool,
    pub faults: u8,
    /// The search begins with processes that start, and not with a group at rest.
    pub forming: bool,
    pub sabotage: Sabotage,
    /// After this many states, or this time, the search is given up.
    pub states_max: u64,
    pub time_max: Duration,
}

/// What a search came to.
#[derive(Debug)]
pub struct Report {
    /// States that were reached, and how many of them were new.
    pub reached: u64,
    pub states: u64,
    /// States in which a group had come to rest with all readings delivered.
    pub rests: u64,
    /// The most moves in a row.
    pub deepest: usize,
    pub took: Duration,
    /// All within the bounds was explored.
    pub complete: bool,
    pub breach: Option<Breach>,
}

/// A promise that was found broken.
#[derive(Debug)]
pub struct Breach {
    pub why: String,
    /// How it came to that, for people.
    pub history: String,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { mode, hosts, readings, deviations, all_orders, faults, forming, sabotage, .. } = self;
        write!(f, "{}, {hosts} peers", mode.name())?;
        write!(f, "{}, {readings} readings, ", if *forming { " that start" } else { "" })?;
        write!(f, "{}{deviations} deviations, {faults} faults", if *all_orders { "all orders, " } else { "" })?;
        if *sabotage == Sabotage::None {
            return Ok(());
        }
        write!(f, ", {}", sabotage.name())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { reached, states, rests, deepest, took, complete, breach } = self;
        write!(f, "{states} states in {reached} moves, {rests} at rest, {deepest} deep, {took:.1?}")?;
        match breach {
            Some(breach) => write!(f, ", BROKEN: {}", breach.why),
            None if *complete => write!(f, ", complete"),
            None => write!(f, ", given up"),
        }
    }
}

/// A node, and which of its moves is next.
struct Frame {
    /// The last move takes it.
    node: Option<Node>,
    moves: Vec<Move>,
    next: usize,
    digest: u64,
    rested: bool,
}

struct Search<'a> {
    bounds: &'a Bounds,
    /// What was left of the bounds when a state was reached: the most deviations, for each number of faults.
    met: HashMap<(u64, u8), u8>,
    stack: Vec<Frame>,
    report: Report,
}

/// Explores all that the bounds allow, until a promise is broken.
#[must_use]
pub fn explore(bounds: &Bounds) -> Report {
    let report =
        Report { reached: 0, states: 0, rests: 0, deepest: 0, took: Duration::ZERO, complete: true, breach: None };
    let mut search = Search { bounds, met: HashMap::new(), stack: Vec::new(), report };
    let begun = Instant::now();
    let broken = search.run(begun);
    search.report.breach = broken.map(|why| {
        let path: Vec<Move> = search.stack.iter().map(|frame| frame.moves[frame.next - 1].clone()).collect();
        Breach { history: telling::history(bounds, &path, &why), why }
    });
    search.report.took = begun.elapsed();
    search.report
}

impl Search<'_> {
    /// Returns what was found broken, with the way there on the stack.
    fn run(&mut self, begun: Instant) -> Option<String> {
        let root = Node::root(self.bounds);
        if let Some(why) = self.arrive(root) {
            return Some(why);
        }
        while let Some(frame) = self.stack.last_mut() {
            if frame.next == frame.moves.len() {
                self.stack.pop();
                continue;
            }
            let a_move = frame.moves[frame.next].clone();
            frame.next += 1;
            let is_last = frame.next == frame.moves.len();
            let node = if is_last { frame.node.take() } else { frame.node.as_ref().map(Node::copy) };
            let mut node = node.expect("only the last move takes it");
            node.make(&a_move);
            if let Some(why) = self.arrive(node) {
                return Some(why);
            }
            let is_over = self.report.reached % 256 == 0 && begun.elapsed() > self.bounds.time_max;
            if is_over || self.report.states >= self.bounds.states_max {
                self.report.complete = false;
                return None;
            }
        }
        None
    }

    /// A state is reached. Returns what is broken there.
    fn arrive(&mut self, mut node: Node) -> Option<String> {
        self.report.reached += 1;
        if let Some(why) = node.world.checks.broken.clone() {
            return Some(why);
        }
        let digest = digest(&node.world, &node.held, &mut node.cores);
        if !self.is_new(digest, &node) {
            let is_loop = !node.rested && self.goes_round(digest);
            return is_loop.then(|| "promise 9: it comes back to where it was, and never to rest".to_owned());
        }
        self.report.states += 1;
        let is_at_rest = !node.rested && node.is_at_rest();
        if is_at_rest {
            self.report.rests += 1;
            node.rested = true;
            if let Some(why) = node.check_rest() {
                return Some(why);
            }
        }
        if let Some(why) = node.overdue() {
            return Some(why);
        }
        if node.rested && node.deviations == 0 && node.faults == 0 {
            return None;
        }
        let moves = node.moves(self.bounds);
        let rested = node.rested;
        self.stack.push(Frame { node: Some(node), moves, next: 0, digest, rested });
        self.report.deepest = self.report.deepest.max(self.stack.len());
        None
    }

    fn is_new(&mut self, digest: u64, node: &Node) -> bool {
        let had = |faults: u8| self.met.get(&(digest, faults)).copied();
        let covered = (node.faults..=self.bounds.faults).any(|faults| had(faults) >= Some(node.deviations));
        if !covered {
            self.met.insert((digest, node.faults), node.deviations);
        }
        !covered
    }

    /// Whether the moves since the last trouble lead from this state to itself.
    fn goes_round(&self, digest: u64) -> bool {
        for frame in self.stack.iter().rev() {
            let a_move = &frame.moves[frame.next - 1];
            if a_move.deviations + a_move.faults > 0 || frame.rested {
                return false;
            }
            if frame.digest == digest {
                return true;
            }
        }
        false
    }
}
