//! What the processes take, every few seconds, and whether that grows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use peer::storage::TAIL_BYTES_MAX;

use crate::harness::Peer;

/// What is looked at before this does not count, or in the first quarter of a run that is longer: the end of the log that is
/// kept in memory has to fill first.
const WARM_SECONDS: u64 = 240;

/// How much more the last quarter may take than the first: some blocks of an allocator, and the places of batches that are
/// kept for the growing journal, 16 bytes for 64 KiB. A life that begins has all of the end of the log yet to fill.
const MEMORY_MORE_KIB: u64 = 4 * 1024;
const MEMORY_PERCENT: u64 = 110;
const FILLING_KIB: u64 = TAIL_BYTES_MAX as u64 / 1024;

/// A connection that is being made, and a thread for it.
const DESCRIPTORS_MORE: u64 = 4;
const THREADS_MORE: u64 = 4;

/// A peer keeps at most this many files open: those that it appends to, with full segments of its journal among them,
/// and some more for a moment.
const FILES_MAX: u64 = 64 + 8;

/// Resident memory in KiB, descriptors but for those of its files, threads, files.
type Sample = [u64; 4];

const NAMES: [&str; 4] = ["memory (KiB)", "descriptors", "threads", "files"];

pub(crate) struct Samples {
    begun: Instant,
    /// Seconds from the beginning that do not count.
    warm: u64,
    file: BufWriter<File>,
    taken: BTreeMap<String, Vec<Sample>>,
    /// Processes of each peer that were looked at.
    lives: BTreeMap<String, BTreeSet<u32>>,
}

impl Samples {
    pub(crate) fn new(csv: &Path, seconds: u64) -> Self {
        let mut file = BufWriter::new(File::create(csv).expect("a file for the samples"));
        writeln!(file, "seconds,peer,process,memory_kib,descriptors,threads,files").expect("room");
        Self {
            begun: Instant::now(),
            warm: WARM_SECONDS.max(seconds / 4),
            file,
            taken: BTreeMap::new(),
            lives: BTreeMap::new(),
        }
    }

    pub(crate) fn take<'a>(&mut self, peers: impl Iterator<Item = &'a Peer>) {
        for peer in peers {
            // One that has just begun has not opened what it needs.
            let Some(sample) = look_at(peer).filter(|_| peer.said("Is Group Leader")) else { continue };
            let [memory, descriptors, threads, files] = sample;
            let (seconds, process) = (self.begun.elapsed().as_secs(), peer.process_id());
            let row = format!("{seconds},{},{process},{memory},{descriptors},{threads},{files}", peer.id);
            writeln!(self.file, "{row}").expect("room");
            if seconds >= self.warm {
                self.taken.entry(peer.id.clone()).or_default().push(sample);
                self.lives.entry(peer.id.clone()).or_default().insert(process);
            }
        }
    }

    /// Prints the medians of the first and the last quarter; returns what is not flat.
    pub(crate) fn report(&mut self) -> Vec<String> {
        self.file.flush().expect("room");
        println!(
            "Flat: after {} s, the median of the last quarter is at most that of the first and {} % and {} MiB of \
             memory, {DESCRIPTORS_MORE} descriptors and {THREADS_MORE} threads; {} MiB more where a peer began again. \
             At most {FILES_MAX} files are open.",
            self.warm,
            MEMORY_PERCENT - 100,
            MEMORY_MORE_KIB / 1024,
            FILLING_KIB / 1024
        );
        let mut grown = Vec::new();
        for (peer, taken) in &self.taken {
            let (quarter, lives) = (taken.len() / 4, self.lives[peer].len() as u64);
            let filling = if lives > 1 { FILLING_KIB } else { 0 };
            let mut line = format!("{peer}: {} samples of {lives} lives", taken.len());
            for (at, name) in NAMES.into_iter().enumerate() {
                let (first, last) = (median(&taken[..quarter], at), median(&taken[taken.len() - quarter..], at));
                write!(line, "; {name} {first} -> {last}").expect("a string takes all");
                let most = match at {
                    0 => first * MEMORY_PERCENT / 100 + MEMORY_MORE_KIB + filling,
                    1 => first + DESCRIPTORS_MORE,
                    2 => first + THREADS_MORE,
                    _ => FILES_MAX,
                };
                if last > most {
                    grown.push(format!("{peer} {name} {first} -> {last}"));
                }
            }
            println!("{line}");
        }
        grown
    }
}

fn median(samples: &[Sample], at: usize) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(|sample| sample[at]).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().expect("a run is long enough for samples in each quarter")
}

/// What a peer takes now; `None` where it has just ended.
fn look_at(peer: &Peer) -> Option<Sample> {
    let proc = Path::new("/proc").join(peer.process_id().to_string());
    let status = fs::read_to_string(proc.join("status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let data = fs::canonicalize(&peer.data).ok()?;
    let (mut files, mut others) = (0, 0);
    for entry in fs::read_dir(proc.join("fd")).ok()?.map_while(Result::ok) {
        // One that was closed meanwhile has no target.
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        *(if target.starts_with(&data) { &mut files } else { &mut others }) += 1;
    }
    Some([field("VmRSS:")?, others, field("Threads:")?, files])
}
