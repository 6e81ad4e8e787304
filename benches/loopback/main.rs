//! What three peers do on this machine, on loopback, as a table: throughput, latency, fail-over and idle cost with default
//! options, the first two again where every reading waits for the disk, how long a peer takes to go on where it ended, and
//! latency beside readers of `--http` who do not read.
//! Run by `scripts/bench.sh`; `PEER_BENCH=throughput,latency,failover,idle,fsync,resume,readers` picks some, and
//! `PEER_BENCH=hundred` measures how a hundred peers find one view. `PEER_BENCH_READINGS` sets how many readings each peer is
//! fed (300,000).

mod peers;

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use peers::{Group, Process};

const SENSORS: u64 = 33;

/// Every reading waits for the disk.
const SYNCED: [&str; 3] = ["--resume", "--fsync", "batch"];

fn main() {
    let all = "throughput,latency,failover,idle,fsync,resume,readers";
    let picked = std::env::var("PEER_BENCH").unwrap_or_else(|_| all.to_owned());
    println!("| what | figure |\n| --- | --- |");
    for what in picked.split(',') {
        match what {
            "throughput" => throughput(&[]),
            "latency" => latency(&[]),
            "failover" => failover(),
            "idle" => idle(),
            "fsync" => {
                throughput(&SYNCED);
                latency(&SYNCED);
            }
            "resume" => resume(),
            "readers" => readers(),
            "hundred" => hundred(),
            other => panic!("PEER_BENCH: {other} is none of {all},hundred"),
        }
    }
}

/// A number for printing: counts and sizes here are far below 2^52.
fn float(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

fn row(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

/// The options that a figure is for, where they are not the defaults.
fn with(options: &[&str]) -> String {
    if options.is_empty() {
        String::new()
    } else {
        format!(" with `{}`", options.join(" "))
    }
}

fn readings_each() -> u64 {
    std::env::var("PEER_BENCH_READINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(300_000)
}

fn payload(peer: u64, number: u64) -> String {
    let sensor = number % SENSORS;
    let (minute, second) = (number / 60 % 60, number % 60);
    format!("s{peer}-{sensor}|2013-01-01T06:{minute:02}:{second:02}Z|{}.{}|59.37|1012.0", number % 30, number % 10)
}

/// Feeds each peer `each` readings, and returns once the last row is in the last peer's files.
fn feed_all(group: &mut Group, each: u64) -> Duration {
    let mut rows_bytes = (1..=3 * each).map(|sequence| sequence.to_string().len() as u64).sum::<u64>();
    let mut inputs = Vec::new();
    for peer in 0..3 {
        let mut text = String::new();
        for number in 0..each {
            let payload = payload(peer, number);
            // A row has a comma and an LF beside the sequence and the fields.
            rows_bytes += payload.len() as u64 + 2;
            text.push_str("DATA|");
            text.push_str(&payload);
            text.push('\n');
        }
        inputs.push(text);
    }
    let header = peer::reading::CSV_HEADER.len() as u64 + 1;
    let expected = rows_bytes + 3 * SENSORS * header;
    let begun = Instant::now();
    let feeders: Vec<_> = group
        .processes
        .iter_mut()
        .zip(inputs)
        .map(|(process, text)| {
            let mut input = process.take_input();
            thread::spawn(move || input.write_all(text.as_bytes()).expect("it reads"))
        })
        .collect();
    while group.processes.iter().any(|process| process.csv_bytes() < expected) {
        assert!(begun.elapsed() < Duration::from_secs(120), "readings are missing: see {}", group.directory.display());
        thread::park_timeout(Duration::from_millis(2));
    }
    let time = begun.elapsed();
    for feeder in feeders {
        feeder.join().expect("fed");
    }
    time
}

/// Each peer is fed a block of readings. Measures until the last row is in the last peer's files.
fn throughput(options: &[&str]) {
    let mut group = Group::start(3, "stdin", options);
    let total = 3 * readings_each();
    let cpu_before: f64 = group.processes.iter().map(Process::cpu_seconds).sum();
    let seconds = feed_all(&mut group, readings_each()).as_secs_f64();
    let cpu: f64 = group.processes.iter().map(Process::cpu_seconds).sum::<f64>() - cpu_before;
    row(
        &format!("throughput: {total} readings of {} sensors into three peers{}", 3 * SENSORS, with(options)),
        &format!(
            "{:.0} readings/s ({seconds:.2} s, {:.2} µs of CPU a reading and peer)",
            float(total) / seconds,
            cpu * 1e6 / float(3 * total)
        ),
    );
    let highest = group.processes.iter().map(|process| process.status_kib("VmHWM")).max().unwrap_or(0);
    row("memory under that load (highest RSS of a peer)", &format!("{:.1} MiB", float(highest) / 1024.0));
}

/// All three are killed after a load, and one of them is started again. Measures until it has read back what it had.
fn resume() {
    let mut group = Group::start(3, "stdin", &["--resume"]);
    feed_all(&mut group, readings_each());
    for process in &mut group.processes {
        process.kill();
    }
    let begun = Instant::now();
    let process = group.start_again(1, &["--resume"]);
    process.wait_for("Resumed: ");
    row(
        &format!("start with `--resume` at {} readings, after kill -9", 3 * readings_each()),
        &format!("{:.2} s, {:.1} MiB", begun.elapsed().as_secs_f64(), float(process.status_kib("VmHWM")) / 1024.0),
    );
}

/// Feeds one peer 200 readings a second, from `first` on, and gives how long each takes until its row is in all three files.
fn latencies(group: &Group, input: &mut impl Write, first: u64, count: u64) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let mut next = Instant::now();
    for number in first..first + count {
        next += Duration::from_millis(5);
        while Instant::now() < next {
            thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
        let line = reading(number);
        let begun = Instant::now();
        input.write_all(line.as_bytes()).expect("it reads");
        group.wait_for_row("s", number);
        latencies.push(begun.elapsed());
    }
    latencies
}

/// So many per cent of the times are at most this, in milliseconds.
fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

/// 200 readings a second at one member; each until its row is in all three files.
fn latency(options: &[&str]) {
    let mut group = Group::start(3, "stdin", options);
    let member = group.processes.iter().position(|process| !process.leads()).expect("two are members");
    let mut input = group.processes[member].take_input();
    let mut times = latencies(&group, &mut input, 0, 2000);
    let mut at = |percent| percentile(&mut times, percent);
    row(
        &format!("latency at 200 readings/s, line written until the row is in all three files{}", with(options)),
        &format!("p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", at(50), at(99), at(100)),
    );
}

/// The same with `--http`, in blocks: nobody follows a peer, then eight at each do, and read nothing of what they asked for.
fn readers() {
    let mut group = Group::start(3, "stdin", &["--http", "0"]);
    let member = group.processes.iter().position(|process| !process.leads()).expect("two are members");
    let mut input = group.processes[member].take_input();
    // Of each block its p50 and p99, alone and followed.
    let mut blocks = Vec::new();
    for block in 0..12 {
        let mut alone = latencies(&group, &mut input, block * 2000, 1000);
        let deaf: Vec<_> = group.processes.iter().flat_map(|process| process.deaf_streams(8)).collect();
        let mut followed = latencies(&group, &mut input, block * 2000 + 1000, 1000);
        drop(deaf);
        blocks.push([50, 99].map(|percent| (percentile(&mut alone, percent), percentile(&mut followed, percent))));
    }
    let figures = |at: usize| {
        let median = |of: fn((f64, f64)) -> f64| {
            let mut figures: Vec<f64> = blocks.iter().map(|block| of(block[at])).collect();
            figures.sort_unstable_by(f64::total_cmp);
            f64::midpoint(figures[figures.len() / 2 - 1], figures[figures.len() / 2])
        };
        let (alone, followed, ratio) = (median(|of| of.0), median(|of| of.1), median(|of| of.1 / of.0));
        format!("{alone:.2} and {followed:.2} ms ({ratio:.2} of it)")
    };
    row(
        "latency with `--http`, and beside 8 streams at each peer that nobody reads, medians of 12 pairs of blocks",
        &format!("p50 {}, p99 {}", figures(0), figures(1)),
    );
}

/// `kill -9` of the leader, until a reading that a survivor takes in after that is in both survivors' files.
fn failover() {
    let mut times = Vec::new();
    for _ in 0..10 {
        let mut group = Group::start(3, "stdin", &[]);
        let leader = group.processes.iter().position(Process::leads).expect("one leads");
        let survivor = (leader + 1) % 3;
        let mut input = group.processes[survivor].take_input();
        for number in 0..50 {
            input.write_all(reading(number).as_bytes()).expect("it reads");
            group.wait_for_row("s", number);
        }
        let begun = Instant::now();
        let mut killed = group.processes.remove(leader);
        killed.kill();
        input.write_all(reading(50).as_bytes()).expect("it reads");
        group.wait_for_row("s", 50);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let ms = |at: usize| times[at].as_secs_f64() * 1e3;
    row(
        "fail-over after kill -9 of the leader, until the next delivered reading",
        &format!("median of 10: {:.1} ms (min {:.1}, max {:.1})", ms(5), ms(0), ms(9)),
    );
}

/// A hundred peers: from their start until all have one view, and from the `kill -9` of the leader until all survivors do,
/// and have the row of a reading that one of them takes in then.
fn hundred() {
    let begun = Instant::now();
    let mut group = Group::start(100, "stdin", &[]);
    row("a hundred peers, until all have one view", &format!("{:.1} s", begun.elapsed().as_secs_f64()));
    let mut input = group.processes[0].take_input();
    let (mut views, mut rows) = (Vec::new(), Vec::new());
    for number in 0..7 {
        let seen = group.lines_so_far();
        let leader = group.processes.iter().position(Process::leads).expect("one leads");
        let mut leader = group.processes.remove(leader);
        let begun = Instant::now();
        leader.kill();
        input.write_all(reading(number).as_bytes()).expect("it reads");
        group.wait_for_all(&seen);
        views.push(begun.elapsed());
        group.wait_for_row("s", number);
        rows.push(begun.elapsed());
    }
    for (what, mut times) in [("have one view", views), ("have a new row", rows)] {
        times.sort_unstable();
        let ms = |at: usize| times[at].as_secs_f64() * 1e3;
        row(
            &format!("a hundred peers, fail-over after kill -9 of the leader, until all survivors {what}"),
            &format!("median of 7: {:.0} ms (min {:.0}, max {:.0})", ms(3), ms(0), ms(6)),
        );
    }
}

/// A line of standard input, as [`Group::wait_for_row`] expects it.
fn reading(number: u64) -> String {
    format!("DATA|s|2013-01-01T06:00:00Z|{number}|59.37|1012.0\n")
}

/// Three peers without readings.
fn idle() {
    let group = Group::start(3, "none", &[]);
    let seconds = 30.0;
    let before: Vec<f64> = group.processes.iter().map(Process::cpu_seconds).collect();
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < seconds {
        thread::park_timeout(Duration::from_secs(1));
    }
    let share = |(process, before): (&Process, &f64)| (process.cpu_seconds() - before) / begun.elapsed().as_secs_f64();
    let cpu = group.processes.iter().zip(&before).map(share).fold(0.0, f64::max);
    let highest = |key: &str| group.processes.iter().map(|process| process.status_kib(key)).max().unwrap_or(0);
    row("idle: CPU of a peer (highest of three, 30 s)", &format!("{:.2} % of a core", cpu * 100.0));
    row(
        "idle: memory and threads of a peer (highest of three)",
        &format!("{:.1} MiB, {} threads", float(highest("VmRSS")) / 1024.0, highest("Threads")),
    );
}
