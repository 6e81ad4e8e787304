//! How many readings a second three peers order, store and write, and which share of the yardstick that is.

use std::fs;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crate::figure::{Better, Figures};
use crate::load::Load;
use crate::peers::{Group, Lab, Process};
use crate::yardstick;

/// Every reading waits for the disk.
pub(crate) const SYNCED: [&str; 3] = ["--resume", "--fsync", "batch"];

/// Feeds each of three peers its part of the load, and returns how long it took until the last row was in the last
/// peer's files.
pub(crate) fn feed_all(group: &mut Group, load: Load) -> Duration {
    let inputs: Vec<Vec<u8>> = (0..3).map(|peer| load.text(peer)).collect();
    let expected = load.csv_bytes();
    let begun = Instant::now();
    let feeders: Vec<_> = group
        .processes
        .iter_mut()
        .zip(inputs)
        .map(|(process, text)| {
            let mut input = process.take_input();
            thread::spawn(move || input.write_all(&text).expect("it reads"))
        })
        .collect();
    while group.processes.iter().take(3).any(|process| process.csv_bytes() < expected) {
        assert!(begun.elapsed() < Duration::from_secs(300), "readings are missing");
        thread::park_timeout(Duration::from_millis(2));
    }
    let time = begun.elapsed();
    for feeder in feeders {
        feeder.join().expect("fed");
    }
    time
}

/// Peers and yardstick in turn, so that what the machine does to one it does to the other.
fn in_turn(lab: &Lab, load: Load, (times, options): (usize, &[&str]), what: &str, figures: &mut Figures) {
    let total = crate::float(load.total());
    let (mut rates, mut shares, mut costs, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..times {
        let yardstick = yardstick::run(load, &lab.directory).as_secs_f64();
        let mut group = Group::start(lab, 3, "stdin", options);
        let before: f64 = group.processes.iter().map(Process::cpu_seconds).sum();
        let seconds = feed_all(&mut group, load).as_secs_f64();
        let cpu: f64 = group.processes.iter().map(Process::cpu_seconds).sum::<f64>() - before;
        rates.push(total / seconds);
        shares.push(yardstick / seconds);
        costs.push(cpu * 1e6 / (3.0 * total));
        let highest = group.processes.iter().map(|process| process.status_kib("VmHWM")).max().unwrap_or(0);
        memory.push(crate::float(highest) / 1024.0);
    }
    figures.add(what, rates, "readings/s", Better::More);
    figures.add(&format!("{what}, share of the yardstick"), shares, "of it", Better::More);
    figures.add(&format!("{what}, processor"), costs, "µs a reading and peer", Better::Less);
    figures.add(&format!("{what}, memory (highest of a peer)"), memory, "MiB", Better::Less);
}

/// The name of the figure for these.
pub(crate) fn name(load: Load) -> String {
    format!("throughput at {} sensors, lines of {} bytes", load.sensors(), load.bytes)
}

/// Default options.
pub(crate) fn usual(lab: &Lab, readings: u64, times: usize, figures: &mut Figures) {
    let load = Load { each: readings, sensors: 33, bytes: 50 };
    in_turn(lab, load, (times, &[]), &name(load), figures);
}

/// With every reading on the disk.
pub(crate) fn synced(lab: &Lab, readings: u64, times: usize, figures: &mut Figures) {
    let load = Load { each: readings, sensors: 33, bytes: 50 };
    in_turn(lab, load, (times, &SYNCED), &format!("{} with `{}`", name(load), SYNCED.join(" ")), figures);
}

/// Few and many sensors, short and long lines.
pub(crate) fn sensors(lab: &Lab, readings: u64, times: usize, figures: &mut Figures) {
    for (sensors, bytes) in CASES {
        let load = Load { each: readings, sensors, bytes };
        in_turn(lab, load, (times, &[]), &name(load), figures);
    }
    // What a run left does not help the next measurement.
    let _ = fs::remove_dir_all(&lab.directory);
}

/// Sensors of each peer, and bytes of a line.
pub(crate) const CASES: [(u64, usize); 6] = [(1, 50), (1, 90), (33, 50), (33, 90), (3333, 50), (3333, 90)];
