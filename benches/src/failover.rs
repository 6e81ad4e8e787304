//! How long a group of three has no leader.

use std::io::Write;
use std::time::Instant;

use crate::figure::{Better, Figures};
use crate::latency::line;
use crate::peers::{Group, Lab};

/// From the end of the leader until a reading that a survivor takes in then is in both survivors' files.
pub(crate) fn three(lab: &Lab, figures: &mut Figures) {
    for (what, times, is_killed) in [("kill -9", 10, true), ("kill -STOP", 3, false)] {
        let mut took = Vec::new();
        for _ in 0..times {
            let mut group = Group::start(lab, 3, "stdin", &[]);
            let leader = group.leader();
            let survivor = (leader + 1) % 3;
            let mut input = group.processes[survivor].take_input();
            for number in 0..50 {
                input.write_all(line(number).as_bytes()).expect("it reads");
                group.wait_for_row("s", number);
            }
            let begun = Instant::now();
            let mut leader = group.processes.remove(leader);
            if is_killed {
                leader.kill();
            } else {
                leader.stop();
            }
            input.write_all(line(50).as_bytes()).expect("it reads");
            group.wait_for_row("s", 50);
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let name = format!("fail-over after {what} of the leader, until the next delivered reading");
        figures.add(&name, took, "ms", Better::Less);
    }
}
