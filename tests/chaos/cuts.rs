//! All processes are killed together, again and again, as when the power fails.

use std::rc::Rc;
use std::time::{Duration, Instant};

use rand::RngExt;

use crate::harness::run::Run;
use crate::harness::settle::{finish, look_until, wait_for_one_group};
use crate::harness::station::Station;
use crate::harness::witness::{Promise, Witness};
use crate::harness::{Group, TIMING_SHORT};

const CUTS: u64 = 10;

/// Longest time that all are up and fed before they are killed.
const UP_MILLIS_MAX: u64 = 500;

fn cut_again_and_again(test: &str, options: &'static [&'static str], promise: Promise) {
    let mut run = Run::new(test, "PEER_CUTS", CUTS);
    let group = Rc::new(Group::timed(TIMING_SHORT));
    let mut stations: Vec<Station> = ["a", "b", "c"].iter().map(|id| group.station(id, options)).collect();
    let mut witness = Witness::new(promise);
    for _ in 0..run.length {
        for station in &mut stations {
            station.start(&mut run.rng);
        }
        wait_for_one_group(&stations);
        for station in &stations {
            station.peer().wait_for_rows(witness.count());
            witness.check(&station.peer().rows(), &station.id);
        }
        let until = Instant::now() + Duration::from_millis(run.rng.random_range(0..UP_MILLIS_MAX));
        look_until(&mut stations, until);
        // All are killed together: none waits for another's end.
        for station in &mut stations {
            station.strike();
        }
        for station in &mut stations {
            witness.see(station.bury().rows(), &station.id);
        }
    }
    for station in &mut stations {
        station.start(&mut run.rng);
    }
    let rows = finish(&mut stations);
    witness.check(&rows, "every peer");
    let stored = stations[0].recorder.as_ref().map_or(0, |recorder| recorder.stored());
    assert!(stored > 0, "nobody looked at what was on a disk");
    println!("{} cuts, {} rows were in a file before a cut, {} in the end", run.length, witness.count(), rows.len());
}

#[test]
fn killing_all_together_loses_no_row() {
    cut_again_and_again("chaos killing_all_together_loses", &["--resume", "--fsync", "batch"], Promise::Stays);
}

#[test]
fn killing_all_together_under_a_quorum_changes_no_row() {
    let options = &["--resume", "--quorum", "2"];
    cut_again_and_again("chaos killing_all_together_under", options, Promise::Fixed);
}
