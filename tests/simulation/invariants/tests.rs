//! Each promise is broken on purpose, and the check of it must say so.

use crate::plan::Mode;
use crate::run::run;
use crate::sabotage::Sabotage;
use crate::seeds::find;

/// Seeds in which a breach has to be noticed.
const SEEDS_MAX: u64 = 2000;

/// Runs seeds until this sabotage is noticed as a breach of this promise. It may break other things as well, and in some
/// runs these are noticed before.
fn assert_noticed(mode: Mode, sabotage: Sabotage, promise: &str) {
    let notice = |seed| run(mode, seed, sabotage, false).broken.filter(|why| why.starts_with(promise));
    let found = find(0, SEEDS_MAX, notice);
    let (seed, why) = found.unwrap_or_else(|| panic!("{sabotage:?} is not noticed as a breach of {promise}"));
    println!("{} seed {seed} notices {sabotage:?}: {why}", mode.name());
}

#[test]
fn two_processes_of_one_life_break_promise_1() {
    assert_noticed(Mode::Default, Sabotage::TwoLivesAsOne, "promise 1");
}

#[test]
fn a_batch_changed_on_its_way_breaks_promise_2() {
    assert_noticed(Mode::Default, Sabotage::ChangedBatch, "promise 2");
}

#[test]
fn a_reading_ordered_again_breaks_promise_3() {
    assert_noticed(Mode::Default, Sabotage::OrderedAgain, "promise 3");
}

#[test]
fn a_number_left_out_breaks_promise_3() {
    assert_noticed(Mode::Default, Sabotage::LeftOut, "promise 3");
}

#[test]
fn storing_reported_before_it_is_done_breaks_promise_4() {
    assert_noticed(Mode::Default, Sabotage::StoredTooEarly, "promise 4");
}

#[test]
fn a_commit_of_more_than_the_leader_committed_breaks_promise_4() {
    assert_noticed(Mode::Default, Sabotage::CommitTooHigh, "promise 4");
}

#[test]
fn a_log_that_is_not_cut_breaks_promise_5() {
    assert_noticed(Mode::Default, Sabotage::UncutLogs, "promise 5");
}

#[test]
fn requests_that_vanish_break_promise_7() {
    assert_noticed(Mode::Default, Sabotage::LostRequests, "promise 7");
}

#[test]
fn rows_that_are_not_written_break_promise_8() {
    assert_noticed(Mode::Default, Sabotage::LostRows, "promise 8");
}

#[test]
fn elections_without_coordinator_break_promise_9() {
    assert_noticed(Mode::Default, Sabotage::NoCoordinator, "promise 9");
}

#[test]
fn a_request_that_never_arrives_breaks_promise_3() {
    assert_noticed(Mode::Default, Sabotage::LostRequest, "promise 3");
}

#[test]
fn x() {
    let n = std::env::var("N").map_or(300, |n| n.parse().unwrap());
    use Sabotage as S;
    for s in [S::NoStale, S::RankedByLength, S::QuorumTooLow, S::SaidBeforeStored, S::FetchedBeforeStored, S::CountedBeforeStored, S::NoFetchOnNewLink, S::LostCut, S::NothingKept, S::StateNotSaved, S::NotSynced, S::NeedsNotLowered, S::ForgottenPromise, S::ForgottenSynced, S::SameLife, S::LostRequest] {
        for mode in Mode::ALL {
            let mut all = std::collections::BTreeMap::<String, Vec<u64>>::new();
            for (seed, why) in (0..).zip(crate::seeds::in_order(0, n, |seed| run(mode, seed, s, false).broken)) {
                if let Some(why) = why {
                    all.entry(why.chars().take(12).collect()).or_default().push(seed);
                }
            }
            println!("{s:?} {}: {:?}", mode.name(), all.iter().map(|(k, v)| (k, v.len(), v[0])).collect::<Vec<_>>());
        }
    }
}
