//! The four loops `discovery`, `heartbeat`, `leader-check` and `election`: each waits for the one deadline that the core
//! names for it, and for nothing else.

use std::sync::Arc;

use super::node::Node;
use crate::protocol::{Alarm, Input};

/// The name of an alarm's thread.
pub(super) fn name(alarm: Alarm) -> &'static str {
    match alarm {
        Alarm::Discovery => "discovery",
        Alarm::Heartbeat => "heartbeat",
        Alarm::LeaderCheck => "leader-check",
        Alarm::Election => "election",
    }
}

/// The loop of one alarm.
pub(super) fn run(node: &Arc<Node>, alarm: Alarm) {
    loop {
        node.bell(alarm).wait(|| node.now());
        node.step(Input::Alarm(alarm));
    }
}
