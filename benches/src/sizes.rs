//! What a group costs as it grows.

use std::fs;
use std::io::Write;
use std::process::ChildStdin;
use std::thread;
use std::time::{Duration, Instant};

use crate::figure::{Better, Figures};
use crate::latency::{latencies, line};
use crate::load::Load;
use crate::peers::{Group, Lab, Process};

/// Peers of a group.
pub(crate) const SIZES: [usize; 5] = [3, 10, 30, 60, 100];

/// How long peers without readings are looked at.
const QUIET: Duration = Duration::from_secs(10);

/// Readings that are fed at a time.
const READINGS: u64 = 100_000;

/// Readings whose messages are counted, and how many of them a second.
const COUNTED: (u64, u64) = (1000, 200);

/// Packets and bytes that went over the loopback device so far, from all processes.
fn loopback() -> [f64; 2] {
    ["tx_packets", "tx_bytes"].map(|name| {
        let text = fs::read_to_string(format!("/sys/class/net/lo/statistics/{name}")).unwrap_or_default();
        text.trim().parse().unwrap_or(0.0)
    })
}

fn since(before: [f64; 2]) -> [f64; 2] {
    let now = loopback();
    [now[0] - before[0], now[1] - before[1]]
}

/// What the figures of groups of a size are called.
pub(crate) fn name(size: usize, what: &str) -> String {
    format!("{size} peers, {what}")
}

pub(crate) const ONE_VIEW: &str = "until all have one view";
pub(crate) const THROUGHPUT: &str = "readings of one of them, until all have the rows";
pub(crate) const NEW_ROW: &str = "fail-over after kill -9 of the leader, until all survivors have a new row";
const NEW_VIEW: &str = "fail-over after kill -9 of the leader, until all survivors have one view";

/// Groups of each size.
pub(crate) fn all(lab: &Lab, figures: &mut Figures) {
    for size in SIZES {
        let mut group = start(lab, size, figures);
        let cpu: Vec<f64> = group.processes.iter().map(Process::cpu_seconds).collect();
        let before = loopback();
        thread::park_timeout(QUIET);
        let [packets, bytes] = since(before).map(|count| count / QUIET.as_secs_f64());
        let spent: f64 = group.processes.iter().zip(cpu).map(|(process, before)| process.cpu_seconds() - before).sum();
        let share = spent * 100.0 / QUIET.as_secs_f64();
        let mut add =
            |what: &str, value: f64, unit: &str, better| figures.add(&name(size, what), vec![value], unit, better);
        add("idle, processor for all", share, "% of a core", Better::Less);
        add("idle, packets", packets, "a second", Better::Less);
        let leader = &group.processes[group.leader()];
        add("memory of the leader", crate::float(leader.status_kib("VmRSS")) / 1024.0, "MiB", Better::Less);
        add("threads of the leader", crate::float(leader.status_kib("Threads")), "threads", Better::Less);
        let member = group.a_member();
        let input = group.processes[member].take_input();
        let (count, rate) = COUNTED;
        let (_, input) = latencies(&group, input, 0, 10, rate);
        let (before, begun) = (loopback(), Instant::now());
        let (_, mut input) = latencies(&group, input, 10, count, rate);
        let quiet = [packets, bytes].map(|a_second| a_second * begun.elapsed().as_secs_f64());
        let counted = since(before);
        let each = [0, 1].map(|at| (counted[at] - quiet[at]) / crate::float(count));
        add("packets", each[0], "a reading", Better::Less);
        add("bytes", each[1], "a reading", Better::Less);
        add(THROUGHPUT, feed(&group, &mut input), "readings/s", Better::More);
        fail_over(&mut group, u64::try_from(size - 2).expect("some").min(3), input, figures);
    }
}

fn start(lab: &Lab, size: usize, figures: &mut Figures) -> Group {
    let begun = Instant::now();
    let group = Group::start(lab, size, "stdin", &[]);
    figures.add(&name(size, ONE_VIEW), vec![begun.elapsed().as_secs_f64()], "s", Better::Less);
    group
}

/// Feeds one peer, and gives how many readings a second all had as rows.
fn feed(group: &Group, input: &mut ChildStdin) -> f64 {
    let text = Load { each: READINGS, sensors: 33, bytes: 50 }.text(0);
    let begun = Instant::now();
    input.write_all(&text).expect("it reads");
    input.write_all(line(READINGS).as_bytes()).expect("it reads");
    group.wait_for_row("s", READINGS);
    crate::float(READINGS) / begun.elapsed().as_secs_f64()
}

/// Kills one leader after the other. The peer that is fed has to be of the lowest rank, as the first one is.
fn fail_over(group: &mut Group, times: u64, mut input: ChildStdin, figures: &mut Figures) {
    let size = group.processes.len();
    let (mut views, mut rows) = (Vec::new(), Vec::new());
    for number in 1..=times {
        let seen = group.lines_so_far();
        let mut leader = group.processes.remove(group.leader());
        let begun = Instant::now();
        leader.kill();
        input.write_all(line(READINGS + number).as_bytes()).expect("it reads");
        group.wait_for_row("s", READINGS + number);
        rows.push(begun.elapsed().as_secs_f64() * 1e3);
        group.wait_for_all(&seen);
        views.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    figures.add(&name(size, NEW_ROW), rows, "ms", Better::Less);
    figures.add(&name(size, NEW_VIEW), views, "ms", Better::Less);
}

/// A hundred peers, and seven fail-overs.
pub(crate) fn hundred(lab: &Lab, figures: &mut Figures) {
    let mut group = start(lab, 100, figures);
    let input = group.processes[0].take_input();
    fail_over(&mut group, 7, input, figures);
}
