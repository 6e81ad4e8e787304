//! How a promise came to be broken, for people: what differed from the order that is tried first, and what peers said.

use crate::simulation::exhaustive::moves::Move;
use crate::simulation::exhaustive::node::Node;
use crate::simulation::exhaustive::Bounds;
use crate::simulation::telling::{clock, Detail, Story};
use crate::simulation::world::World;

/// Plays these moves once more, and describes them.
pub(super) fn history(bounds: &Bounds, path: &[Move], why: &str) -> String {
    let mut node = Node::root(bounds);
    node.world.record();
    let mut turns = Vec::new();
    for a_move in path {
        if a_move.deviations + a_move.faults > 0 {
            let moments = node.world.record.as_ref().map_or(0, |record| record.moments.len());
            let at = clock(node.world.now.saturating_sub(World::BEGIN));
            turns.push((moments, format!("{at} ** {}", node.world.describe(a_move))));
        }
        node.make(a_move);
    }
    let record = node.world.record.take().unwrap_or_default();
    let names = (0..bounds.hosts).map(|host| node.world.id_of(host).to_string()).collect();
    let (mut turns, mut lines) = (turns.into_iter().peekable(), Vec::new());
    for (at, line) in Story::new(&record, names).lines(Detail::Talk) {
        while let Some((_, turn)) = turns.next_if(|(before, _)| *before <= at) {
            lines.push(turn);
        }
        lines.push(line);
    }
    lines.extend(turns.map(|(_, turn)| turn));
    lines.push(format!("BROKEN after {} moves: {why}", path.len()));
    lines.join("\n")
}
