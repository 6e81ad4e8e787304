//! Which states are equal, and that what one copy does is not seen in another.

use std::time::Duration;

use super::digest::digest;
use super::node::Node;
use super::{explore, Bounds};
use crate::protocol::Time;
use crate::simulation::plan::Mode;
use crate::simulation::sabotage::Sabotage;

fn bounds(mode: Mode, readings: usize) -> Bounds {
    Bounds {
        mode,
        hosts: 3,
        readings,
        deviations: 1,
        all_orders: false,
        faults: 1,
        forming: false,
        sabotage: Sabotage::None,
        states_max: u64::MAX,
        time_max: Duration::MAX,
    }
}

fn digest_of(node: &Node) -> u64 {
    digest(&node.world, &node.held, &mut Vec::new())
}

/// Makes the first of all moves until time goes on.
fn go_on(node: &mut Node, bounds: &Bounds) {
    let now = node.world.now;
    while node.world.now == now {
        let first = node.moves(bounds).swap_remove(0);
        node.make(&first);
    }
}

#[test]
fn a_group_without_readings_is_the_same_after_each_heartbeat() {
    let bounds = bounds(Mode::Resume, 0);
    let mut node = Node::root(&bounds);
    go_on(&mut node, &bounds);
    let before = (digest_of(&node), node.world.now);
    go_on(&mut node, &bounds);
    assert!(node.world.now > before.1);
    assert_eq!(digest_of(&node), before.0);
}

#[test]
fn a_reading_makes_another_state_that_stays_as_it_is_once_it_is_long_ago() {
    let after = |readings: usize, beats: usize| {
        let bounds = bounds(Mode::Resume, readings);
        let mut node = Node::root(&bounds);
        (0..beats).for_each(|_| go_on(&mut node, &bounds));
        digest_of(&node)
    };
    assert_ne!(after(1, 8), after(0, 8));
    assert_eq!(after(1, 8), after(1, 9));
}

#[test]
fn what_a_copy_does_is_not_seen_in_the_first() {
    for mode in Mode::ALL {
        let bounds = bounds(mode, 2);
        let mut node = Node::root(&bounds);
        for _ in 0..60 {
            let before = digest_of(&node);
            for a_move in node.moves(&bounds) {
                let mut copy = node.copy();
                assert_eq!(digest_of(&copy), before, "a copy is equal");
                copy.make(&a_move);
                for _ in 0..20 {
                    let next = copy.moves(&bounds).swap_remove(0);
                    copy.make(&next);
                }
                assert_eq!(digest_of(&node), before, "{} {a_move:?}", mode.name());
            }
            let first = node.moves(&bounds).swap_remove(0);
            node.make(&first);
        }
    }
}

#[test]
fn the_known_digest_of_a_core_is_the_one_of_what_it_keeps() {
    let bounds = bounds(Mode::Quorum, 3);
    let mut node = Node::root(&bounds);
    let mut known = Vec::new();
    for _ in 0..100 {
        assert_eq!(digest(&node.world, &node.held, &mut known), digest_of(&node));
        let first = node.moves(&bounds).swap_remove(0);
        node.make(&first);
    }
}

#[test]
fn a_search_that_may_not_take_long_says_that_it_is_not_complete() {
    let report = explore(&Bounds { states_max: 10, ..bounds(Mode::Default, 1) });
    assert!(!report.complete && report.states <= 11 && report.breach.is_none());
    let report = explore(&Bounds { time_max: Time::ZERO, ..bounds(Mode::Default, 1) });
    assert!(!report.complete);
}
