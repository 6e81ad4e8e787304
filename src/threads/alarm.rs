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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::trial::{Trial, LOOPBACK, PATIENCE};
    use super::*;
    use crate::net::Receiver;

    #[test]
    fn each_loop_has_a_name_and_steps_the_core_when_its_deadline_comes() {
        let names = Alarm::ALL.map(name);
        assert_eq!(names, ["discovery", "heartbeat", "leader-check", "election"]);
        let trial = Trial::new();
        let receiver = Receiver::bind(LOOPBACK, None, trial.node.config.broadcast_port).unwrap();
        let node = Arc::clone(&trial.node);
        node.bell(Alarm::Discovery).set(Some(Duration::ZERO));
        std::thread::spawn(move || run(&node, Alarm::Discovery));
        // It broadcasts again and again, as the core says when.
        for _ in 0..2 {
            assert!(receiver.recv_within(&mut [0; 2048], PATIENCE).unwrap().is_some());
        }
    }
}
