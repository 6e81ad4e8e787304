//! Each promise is broken on purpose, and the check of it must say so.

use crate::sabotage::Sabotage;
use crate::{run, Outcome};

/// Runs seeds until this sabotage is noticed. Returns what was said.
fn noticed(sabotage: Sabotage) -> String {
    for seed in 0..400 {
        if let Outcome { broken: Some(why), .. } = run(seed, sabotage, false) {
            return why;
        }
    }
    panic!("{sabotage:?} is not noticed");
}

#[test]
fn two_processes_of_one_life_break_promise_1() {
    assert!(noticed(Sabotage::TwoLivesAsOne).contains("promise 1"));
}

#[test]
fn a_batch_changed_on_its_way_breaks_promise_2() {
    assert!(noticed(Sabotage::ChangedBatch).contains("promise 2"));
}

#[test]
fn a_reading_ordered_again_breaks_promise_3() {
    assert!(noticed(Sabotage::ForgottenRanges).contains("promise 3"));
}

#[test]
fn storing_reported_before_it_is_done_breaks_promise_4() {
    assert!(noticed(Sabotage::StoredTooEarly).contains("promise 4"));
}

#[test]
fn a_commit_of_more_than_is_stored_breaks_promise_5_or_4() {
    let why = noticed(Sabotage::CommitTooHigh);
    assert!(why.contains("promise 5") || why.contains("promise 4"), "{why}");
}

#[test]
fn requests_that_vanish_break_promise_7() {
    assert!(noticed(Sabotage::LostRequests).contains("promise 7"));
}

#[test]
fn rows_that_are_not_written_break_promise_8() {
    assert!(noticed(Sabotage::LostRows).contains("promise 8"));
}

#[test]
fn elections_without_coordinator_break_promise_9() {
    assert!(noticed(Sabotage::NoCoordinator).contains("promise 9"));
}
