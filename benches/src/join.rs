//! A peer that joins late, while readings flow.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crate::figure::{Better, Figures};
use crate::latency::{latencies, line, percentile};
use crate::load::Load;
use crate::peers::{Group, Lab};

/// What the late one has to fetch.
const READINGS: u64 = 1_000_000;

/// Readings a second meanwhile, and how many of them are measured.
const FLOW: (u64, u64) = (10_000, 100_000);

/// Two peers have a million readings, and take in more; a third one joins. How long that takes, until its files have all
/// that theirs had when it became a member, and what it costs the others.
pub(crate) fn late(lab: &Lab, figures: &mut Figures) {
    let mut group = Group::start(lab, 2, "stdin", &[]);
    let (leader, member) = (group.leader(), group.a_member());
    let mut input = group.processes[leader].take_input();
    let load = Load { each: READINGS, sensors: 33, bytes: 50 };
    input.write_all(&load.text(0)).expect("it reads");
    input.write_all(line(0).as_bytes()).expect("it reads");
    group.wait_for_row("s", 0);
    let input = group.processes[member].take_input();
    let (rate, count) = FLOW;
    let (mut alone, input) = latencies(&group, input, 1, count, rate);
    let (took, mut beside) = thread::scope(|scope| {
        let flow = scope.spawn(|| latencies(&group, input, 1 + count, count, rate).0);
        let begun = Instant::now();
        let joiner = group.start_peer(3, &[]);
        joiner.wait_for_view(3, 0);
        let all = group.processes[leader].csv_bytes();
        while joiner.csv_bytes() < all {
            thread::park_timeout(Duration::from_millis(2));
        }
        let took = begun.elapsed();
        (took, flow.join().expect("measured"))
    });
    let name = format!("late join, {} readings behind, while {rate} a second flow", crate::figure::short(1e6));
    figures.add(&name, vec![took.as_secs_f64()], "s", Better::Less);
    for (what, times) in [("before it", &mut alone), ("meanwhile", &mut beside)] {
        let name = format!("{name}, p99 of the others {what}");
        figures.add(&name, vec![percentile(times, 99)], "ms", Better::Less);
    }
}
