//! Everything that peer reads, fed with random bytes. A target is one function here. libFuzzer runs each in its own
//! program (`fuzz_targets/`), and `tests/fuzz.rs` of the package beside this one runs all of them on what libFuzzer
//! found worth keeping (`corpus/`). That test compiles these files itself, so they name nothing that only this package
//! has.
//!
//! A target checks more than that nothing panics: what is written is read back unchanged, pieces give the same as the
//! whole, and what is kept is found again. `work` also bounds what a target allocates by the bytes of its input. That
//! bounds memory, and most ways in which time could grow faster than the input.

mod config;
mod core;
mod damage;
mod datagrams;
mod directory;
mod draw;
mod files;
mod frames;
mod key_files;
mod lines;
mod log_lines;
mod messages;
mod scratch;
mod sessions;
mod shelf;
mod stdin;
mod verify;
mod wire;
mod work;

use work::Work;

/// A target.
#[derive(Debug)]
pub struct Target {
    /// The name of its program, and of the directory of its corpus.
    pub name: &'static str,
    run: fn(&[u8]),
    /// What it may allocate.
    work: Work,
}

impl Target {
    const fn new(name: &'static str, run: fn(&[u8]), work: Work) -> Self {
        Self { name, run, work }
    }
}

/// All targets.
pub const TARGETS: [Target; 19] = [
    Target::new("wire", wire::lines, Work::new(256, 64)),
    Target::new("messages", wire::messages, Work::new(16_384, 64)),
    Target::new("frames", frames::frames, Work::new(2048, 64)),
    Target::new("datagrams", datagrams::open, Work::new(128, 16)),
    Target::new("sealed_datagrams", datagrams::sealed, Work::new(128, 64)),
    Target::new("sessions", sessions::sessions, Work::new(98_304, 64)),
    Target::new("core", core::core, Work::new(65_536, 65_536)),
    Target::new("journal", files::journal, Work::new(2048, 1024)),
    Target::new("packed", files::packed, Work::new(2048, 1024)),
    Target::new("pending", files::pending, Work::new(2048, 1024)),
    Target::new("state", files::state, Work::new(2048, 1024)),
    Target::new("base", files::base, Work::new(2048, 1024)),
    Target::new("csv", files::csv, Work::new(2048, 1024)),
    Target::new("verify", verify::verify, Work::new(4096, 1024)),
    Target::new("config", config::config, Work::new(2048, 1024)),
    Target::new("readings", lines::readings, Work::new(64, 1024)),
    Target::new("stdin", stdin::stdin, Work::new(98_304, 1024)),
    Target::new("key_files", key_files::key_files, Work::new(128, 64)),
    Target::new("log_lines", log_lines::log_lines, Work::new(128, 256)),
];

/// Runs the target of this name on an input.
///
/// # Panics
/// If something does not hold, or there is no such target.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target has an entry in TARGETS");
    target.work.measure(name, input.len(), || (target.run)(input));
}
