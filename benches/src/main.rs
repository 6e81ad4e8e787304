//! What peers do on this machine, on loopback, as a table: of throughput also the share of a yardstick that does the same
//! work without a protocol, in the same run. Run by `scripts/bench.sh`.

mod failover;
mod figure;
mod join;
mod latency;
mod load;
mod peers;
mod plot;
mod quiet;
mod sizes;
mod throughput;
mod yardstick;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use figure::Figures;
use peers::Lab;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Readings a second at three peers, and the memory that takes
    Throughput,
    /// The same with 3, 99 and 9,999 sensors, and lines of 50 and 90 bytes
    Sensors,
    /// Until a row is in all files, at 1, 200 and 10,000 readings a second, and the wake-ups it takes
    Latency,
    /// Until the next row after the leader was killed, and after it was stopped
    Failover,
    /// What peers without readings take
    Idle,
    /// Throughput and latency where each reading waits for the disk
    Fsync,
    /// A start with --resume
    Resume,
    /// Latency beside followers over HTTP that read nothing
    Readers,
    /// A peer that joins late, under load
    Join,
    /// Groups of 3, 10, 30, 60 and 100 peers
    Sizes,
    /// A hundred peers: one view, and fail-overs
    Hundred,
}

use Measurement::{Failover, Fsync, Hundred, Idle, Join, Latency, Readers, Resume, Sensors, Sizes, Throughput};

/// What is measured unless something else is named.
const USUAL: [Measurement; 7] = [Throughput, Latency, Failover, Idle, Fsync, Resume, Readers];

/// Measures peers on this machine. Medians, with the lowest and the highest.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench.sh")]
struct Options {
    /// What to measure; otherwise throughput, latency, failover, idle, fsync, resume and readers
    #[arg(value_enum)]
    measurements: Vec<Measurement>,
    /// The program
    #[arg(long, default_value = "target/release/peer", hide = true)]
    peer: PathBuf,
    /// How many readings each peer is fed
    #[arg(long, default_value_t = 300_000)]
    readings: u64,
    /// How often throughputs are measured
    #[arg(long, default_value_t = 5)]
    times: usize,
    /// Peers have a key
    #[arg(long)]
    closed: bool,
    /// Writes the figures
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Compares them with those that were saved
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Takes those that were saved, and measures nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["measurements", "save"])]
    saved: Option<PathBuf>,
    /// Draws them, as SVG
    #[arg(long, value_name = "DIRECTORY")]
    plot: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = if arguments.first().is_some_and(|first| first == yardstick::ARGUMENT) {
        yardstick::process(&arguments[1..]).map_err(|error| error.to_string())
    } else {
        run(&Options::parse())
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let named = |path: &PathBuf, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let load = |path: &PathBuf| Figures::load(path).map_err(|why| named(path, &why));
    let earlier = options.against.as_ref().map(load).transpose()?;
    let figures = match &options.saved {
        Some(path) => load(path)?,
        None => measure(options, options.peer.canonicalize().map_err(|why| named(&options.peer, &why))?),
    };
    if let Some(path) = &options.save {
        figures.save(path).map_err(|why| named(path, &why))?;
    }
    if let Some(earlier) = &earlier {
        figures.print_against(earlier);
    }
    if let Some(path) = &options.plot {
        plot::all(&figures, path).map_err(|why| named(path, &why))?;
    }
    Ok(())
}

fn measure(options: &Options, peer: PathBuf) -> Figures {
    let directory = std::env::temp_dir().join(format!("peer-bench-{}", std::process::id()));
    let lab = Lab { peer, is_closed: options.closed, directory };
    let mut figures = Figures::begin();
    let picked = if options.measurements.is_empty() { &USUAL[..] } else { &options.measurements };
    for measurement in picked {
        let (readings, times) = (options.readings, options.times);
        match measurement {
            Throughput => throughput::usual(&lab, readings, times, &mut figures),
            Sensors => throughput::sensors(&lab, readings, times, &mut figures),
            Latency => latency::rates(&lab, &[], &mut figures),
            Failover => failover::three(&lab, &mut figures),
            Idle => quiet::idle(&lab, &mut figures),
            Fsync => {
                throughput::synced(&lab, readings, times, &mut figures);
                latency::synced(&lab, &mut figures);
            }
            Resume => quiet::resume(&lab, readings, &mut figures),
            Readers => latency::readers(&lab, &mut figures),
            Join => join::late(&lab, &mut figures),
            Sizes => sizes::all(&lab, &mut figures),
            Hundred => sizes::hundred(&lab, &mut figures),
        }
    }
    figures
}

/// A number for figures: counts and sizes here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn float(number: u64) -> f64 {
    number as f64
}
