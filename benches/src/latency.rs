//! How long it takes from the line that is written until its row is in the files of all three peers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::ChildStdin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::figure::{Better, Figures};
use crate::peers::{Group, Lab, Process};
use crate::throughput::SYNCED;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// The sensor whose rows are waited for.
const SENSOR: &str = "s";

/// Readings are fed in at most this many steps a second.
const STEPS: u64 = 1000;

/// A line whose temperature is its number, and how its row ends.
pub(crate) fn line(number: u64) -> String {
    format!("DATA|{SENSOR}|2013-01-01T06:00:00Z|{number}|59.37|1012.0\n")
}

/// The time that this many per cent of the times do not exceed, in milliseconds.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

/// The number in the last whole row of a file. It grows while it is read.
struct LastRow {
    path: std::path::PathBuf,
    file: Option<File>,
    end: [u8; 160],
}

impl LastRow {
    fn of(process: &Process) -> Self {
        Self { path: process.csv(SENSOR), file: None, end: [0; 160] }
    }

    fn number(&mut self) -> Option<u64> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let file = self.file.as_mut()?;
        let length = file.metadata().ok()?.len();
        let take = length.min(self.end.len() as u64);
        file.seek(SeekFrom::Start(length - take)).ok()?;
        let end = &mut self.end[..usize::try_from(take).ok()?];
        file.read_exact(end).ok()?;
        let text = std::str::from_utf8(end).ok()?;
        let whole = &text[..text.rfind('\n')?];
        let last = &whole[whole.rfind('\n')? + 1..];
        last.split(',').nth(3)?.parse().ok()
    }
}

/// Feeds `count` readings from `first` on, `rate` a second whatever becomes of them, and gives how long each took until
/// its row was in all files.
pub(crate) fn latencies(
    group: &Group,
    input: ChildStdin,
    first: u64,
    count: u64,
    rate: u64,
) -> (Vec<Duration>, ChildStdin) {
    let begun = Instant::now();
    let written: Arc<Vec<AtomicU64>> = Arc::new((0..count).map(|_| AtomicU64::new(0)).collect());
    let times = Arc::clone(&written);
    let feeder = thread::spawn(move || feed(input, (first, count, rate), begun, &times));
    let mut files: Vec<LastRow> = group.processes.iter().map(LastRow::of).collect();
    let (mut seen, mut latencies) = (0, Vec::new());
    while seen < count {
        assert!(begun.elapsed() < PATIENCE + Duration::from_secs(count / rate), "rows are missing");
        let numbers = files.iter_mut().map(|file| file.number().map_or(0, |number| (number + 1).saturating_sub(first)));
        let whole = numbers.min().unwrap_or(0).min(count);
        let now = begun.elapsed();
        for number in seen..whole {
            let at = written[usize::try_from(number).expect("it is in memory")].load(Ordering::Acquire);
            latencies.push(now.saturating_sub(Duration::from_nanos(at)));
        }
        seen = whole;
        thread::park_timeout(Duration::from_micros(20));
    }
    (latencies, feeder.join().expect("fed"))
}

/// Writes lines at their times, and notes when.
fn feed(
    mut input: ChildStdin,
    (first, count, rate): (u64, u64, u64),
    begun: Instant,
    times: &[AtomicU64],
) -> ChildStdin {
    let at_a_time = rate.div_ceil(STEPS);
    let pause = Duration::from_secs(1).mul_f64(crate::float(at_a_time) / crate::float(rate));
    let (mut next, mut text) = (Instant::now(), String::new());
    for number in 0..count {
        if number % at_a_time == 0 {
            next += pause;
            while let Some(left) = next.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                thread::park_timeout(left);
            }
        }
        text += &line(first + number);
        let now = u64::try_from(begun.elapsed().as_nanos()).expect("some minutes");
        times[usize::try_from(number).expect("it is in memory")].store(now, Ordering::Release);
        if (number + 1) % at_a_time == 0 || number + 1 == count {
            input.write_all(text.as_bytes()).expect("it reads");
            text.clear();
        }
    }
    input
}

/// Readings a second at a member, and how many of them are measured.
pub(crate) const RATES: [(u64, u64); 3] = [(1, 20), (200, 2000), (10_000, 50_000)];

/// At a member of three, at each rate; and how often threads of all three were woken for a reading.
pub(crate) fn rates(lab: &Lab, options: &[&str], figures: &mut Figures) {
    for (rate, count) in RATES {
        at_rate(lab, options, (rate, count), figures);
    }
}

/// With every reading on the disk.
pub(crate) fn synced(lab: &Lab, figures: &mut Figures) {
    at_rate(lab, &SYNCED, RATES[1], figures);
}

/// The name of the figures at a rate.
pub(crate) fn name(rate: u64) -> String {
    format!("latency at {rate} readings/s, line written until the row is in all three files")
}

fn at_rate(lab: &Lab, options: &[&str], (rate, count): (u64, u64), figures: &mut Figures) {
    let mut group = Group::start(lab, 3, "stdin", options);
    let member = group.a_member();
    let input = group.processes[member].take_input();
    // The first readings make the files.
    let (_, input) = latencies(&group, input, 0, 10, 200);
    let before: u64 = group.processes.iter().map(Process::wakeups).sum();
    let (mut times, _input) = latencies(&group, input, 10, count, rate);
    let wakeups = group.processes.iter().map(Process::wakeups).sum::<u64>() - before;
    let with = if options.is_empty() { String::new() } else { format!(" with `{}`", options.join(" ")) };
    let name = name(rate) + &with;
    for percent in [50, 99, 100] {
        let part = if percent == 100 { "max".to_owned() } else { format!("p{percent}") };
        figures.add(&format!("{name}, {part}"), vec![percentile(&mut times, percent)], "ms", Better::Less);
    }
    let each = crate::float(wakeups) / crate::float(count);
    figures.add(&format!("{name}, wake-ups"), vec![each], "a reading", Better::Less);
}

/// The same with `--http`, in blocks: nobody follows a peer, then eight at each do, and read nothing of what they asked for.
pub(crate) fn readers(lab: &Lab, figures: &mut Figures) {
    let mut group = Group::start(lab, 3, "stdin", &["--http", "0"]);
    let member = group.a_member();
    let mut input = group.processes[member].take_input();
    let [mut p50, mut p99] = [Vec::new(), Vec::new()];
    for block in 0..12 {
        let (mut alone, back) = latencies(&group, input, block * 2000, 1000, 200);
        let deaf: Vec<_> = group.processes.iter().flat_map(|process| process.deaf_streams(8)).collect();
        let (mut followed, back) = latencies(&group, back, block * 2000 + 1000, 1000, 200);
        drop(deaf);
        input = back;
        p50.push(percentile(&mut followed, 50) / percentile(&mut alone, 50));
        p99.push(percentile(&mut followed, 99) / percentile(&mut alone, 99));
    }
    let name = "latency beside 8 streams at each peer that nobody reads";
    figures.add(&format!("{name}, p50"), p50, "of that without", Better::Less);
    figures.add(&format!("{name}, p99"), p99, "of that without", Better::Less);
}
