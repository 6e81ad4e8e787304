//! The length of a random run, its seed, and how it is repeated.

use std::env;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::SeedableRng;

/// The value of an environment variable, if it is set.
pub(crate) fn knob<T: FromStr>(name: &str, default: T) -> T {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number"))
}

/// A run drawn from a seed. The draws are the same each time; the timing of the processes is not.
pub(crate) struct Run {
    pub(crate) rng: SmallRng,
    /// In seconds, or rounds.
    pub(crate) length: u64,
    /// When that many seconds are over.
    pub(crate) until: Instant,
    repeat: String,
}

impl Run {
    /// `test`: the test as cargo names it; `length`: the environment variable that says how long it takes.
    pub(crate) fn new(test: &str, length: &str, default_length: u64) -> Self {
        let seed = knob("PEER_SEED", RandomState::new().hash_one(test));
        let (variable, length) = (length, knob(length, default_length));
        let repeat = format!("PEER_SEED={seed} {variable}={length} cargo test --test {test} -- --nocapture");
        println!("Repeat with: {repeat}");
        Self { rng: SmallRng::seed_from_u64(seed), length, until: Instant::now() + Duration::from_secs(length), repeat }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("FAILED; repeat with: {}", self.repeat);
        }
    }
}
