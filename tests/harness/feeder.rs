//! A thread that writes numbered readings to the standard input of a peer, in small heaps with pauses, until it is told
//! to stop or nobody reads any more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::recorder::Input;

/// How many readings are written together at most: a few requests, and no more than a pipe holds.
const HEAP_READINGS_MAX: u64 = 40;

/// Longest pause between two heaps of most tests, in milliseconds: about 300 readings a second on average.
pub(crate) const PAUSE_MILLIS_MAX: u64 = 130;

pub(crate) struct Feeder {
    /// The first number that was not handed to the pipe.
    next: Arc<AtomicU64>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// A reading of this sensor that contains its number.
pub(crate) fn line(sensor: &str, number: u64) -> String {
    format!("DATA|{sensor}|2013-01-01T06:00:00Z|{number}|50.5|\n")
}

impl Feeder {
    /// Feeds readings of this sensor from number `first` on.
    pub(crate) fn start(input: impl Into<Input>, sensor: &str, first: u64, seed: u64) -> Self {
        Self::start_paced(input, sensor, first, (seed, PAUSE_MILLIS_MAX))
    }

    /// The same; `pace` is the seed, and how many milliseconds the longest pause takes.
    pub(crate) fn start_paced(input: impl Into<Input>, sensor: &str, first: u64, pace: (u64, u64)) -> Self {
        let next = Arc::new(AtomicU64::new(first));
        let (stop, stopped) = channel();
        let (input, sensor, shared) = (input.into(), sensor.to_owned(), Arc::clone(&next));
        let thread = thread::spawn(move || feed(input, &sensor, &shared, &stopped, pace));
        Self { next, stop, thread }
    }

    /// Ends the input; returns the first number that was not written. The peer must run, or be gone.
    pub(crate) fn finish(self) -> u64 {
        drop(self.stop);
        self.thread.join().expect("it only writes");
        self.next.load(Ordering::Relaxed)
    }
}

fn feed(mut input: Input, sensor: &str, next: &AtomicU64, stopped: &Receiver<()>, (seed, pause_max): (u64, u64)) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut number = next.load(Ordering::Relaxed);
    loop {
        let pause = Duration::from_millis(rng.random_range(1..=pause_max));
        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        let first = number;
        number += rng.random_range(1..=HEAP_READINGS_MAX);
        // This comes before they are written: if the peer dies meanwhile, nobody knows how many it read.
        next.store(number, Ordering::Relaxed);
        let heap: Vec<String> = (first..number).map(|number| line(sensor, number)).collect();
        if input.feed(&heap.concat()).is_err() {
            break;
        }
    }
    input.close();
}
