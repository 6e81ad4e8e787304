//! Checks that every reading is there that must be. A peer that ended while it was fed may have left readings in its
//! pipe, so of what such a life was given, some at the end may be missing, and none before one that is there. Of a life
//! that lasted until its input had ended, none may.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::harness::station::{Given, Station};

/// What is on its way at most, in bytes: a pipe, and the block that a peer reads from it. And the bytes of the shortest
/// reading.
const WAY_BYTES: u64 = 2 * 64 * 1024;
const READING_BYTES: u64 = 36;

/// What a feeder may have handed out, or counted, when the pipe was closed.
const HEAP_READINGS: u64 = 64;

/// Checks the rows of a station's sensor in a peer's directory; returns what they hold, in words.
pub(crate) fn check(station: &Station, directory: &Path) -> String {
    let lives: Vec<Given> = station.given().collect();
    let mut next: Vec<u64> = lives.iter().map(|life| life.numbers.start).collect();
    let path = directory.join(format!("{}.csv", station.id));
    let file = BufReader::new(File::open(&path).expect("a sensor's file"));
    for line in file.lines().skip(1).map(|line| line.expect("text")) {
        let number: u64 = line.split(',').nth(3).and_then(|field| field.parse().ok()).expect("a number");
        let at = lives.partition_point(|life| life.numbers.end <= number);
        assert!(at < lives.len(), "{}: reading {number} was never given", station.id);
        assert_eq!(number, next[at], "{}: in life {at}, {:?}, this reading comes next", station.id, lives[at].numbers);
        next[at] += 1;
    }
    let (mut held, mut missing, mut most) = (0, 0, 0);
    for (life, next) in lives.iter().zip(next) {
        let left = life.numbers.end - next;
        assert!(!life.certain || left == 0, "{}: {left} readings of the last life are missing", station.id);
        assert!(
            left <= WAY_BYTES / READING_BYTES + HEAP_READINGS,
            "{}: {left} of {:?} are missing, more than were on their way",
            station.id,
            life.numbers
        );
        (held, missing, most) = (held + next - life.numbers.start, missing + left, most.max(left));
    }
    format!(
        "{}: {held} readings of {} lives, each once and in order; {missing} were on their way into a peer that ended, at most \
         {most} at a time",
        station.id,
        lives.len()
    )
}
