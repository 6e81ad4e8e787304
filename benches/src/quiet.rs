//! What peers take when nothing happens, and when one starts again.

use std::thread;
use std::time::{Duration, Instant};

use crate::figure::{Better, Figures};
use crate::load::Load;
use crate::peers::{Group, Lab, Process};
use crate::throughput::feed_all;

/// Seconds of processor that the hungriest of these takes in a second.
pub(crate) fn highest_share(processes: &[Process], time: Duration) -> f64 {
    let before: Vec<f64> = processes.iter().map(Process::cpu_seconds).collect();
    let begun = Instant::now();
    while begun.elapsed() < time {
        thread::park_timeout(time.saturating_sub(begun.elapsed()));
    }
    let share = |(process, before): (&Process, &f64)| (process.cpu_seconds() - before) / begun.elapsed().as_secs_f64();
    processes.iter().zip(&before).map(share).fold(0.0, f64::max)
}

/// Three peers without readings: the hungriest.
pub(crate) fn idle(lab: &Lab, figures: &mut Figures) {
    let group = Group::start(lab, 3, "none", &[]);
    let cpu = highest_share(&group.processes, Duration::from_secs(30));
    let highest = |key: &str| group.processes.iter().map(|process| process.status_kib(key)).max().unwrap_or(0);
    figures.add("idle, processor", vec![cpu * 100.0], "% of a core", Better::Less);
    figures.add("idle, memory", vec![crate::float(highest("VmRSS")) / 1024.0], "MiB", Better::Less);
    figures.add("idle, threads", vec![crate::float(highest("Threads"))], "threads", Better::Less);
}

/// All three are killed after a load, and one of them is started again, until it has read back what it had.
pub(crate) fn resume(lab: &Lab, readings: u64, figures: &mut Figures) {
    let load = Load { each: readings, sensors: 33, bytes: 50 };
    let mut group = Group::start(lab, 3, "stdin", &["--resume"]);
    feed_all(&mut group, load);
    for process in &mut group.processes {
        process.kill();
    }
    let begun = Instant::now();
    let process = group.start_peer(1, &["--resume"]);
    process.wait_for("Resumed: ");
    let name = format!("start with --resume at {} readings, after kill -9", load.total());
    figures.add(&name, vec![begun.elapsed().as_secs_f64()], "s", Better::Less);
    let memory = crate::float(process.status_kib("VmHWM")) / 1024.0;
    figures.add(&format!("{name}, memory"), vec![memory], "MiB", Better::Less);
}
