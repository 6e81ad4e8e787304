//! Each promise is broken on purpose, and its check must notice.

use peer::simulation::plan::Mode;
use peer::simulation::run::run;
use peer::simulation::sabotage::Sabotage;
use peer::simulation::seeds::find;

/// How many seeds a breach may take to be noticed.
const SEEDS_MAX: u64 = 2000;

/// Runs seeds until this sabotage is noticed as a breach of this promise. It may break other promises as well, and in
/// some runs those are noticed first.
fn assert_noticed(mode: Mode, sabotage: Sabotage, promise: &str) {
    assert_noticed_from(0, mode, sabotage, promise);
}

/// The same, from this seed on, where seeds that show the breach are rare.
fn assert_noticed_from(first: u64, mode: Mode, sabotage: Sabotage, promise: &str) {
    let notice = |seed| run(mode, seed, sabotage, false).broken.filter(|why| why.starts_with(promise));
    let found = find(first, SEEDS_MAX, notice);
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
fn stale_that_never_arrives_breaks_promise_9() {
    assert_noticed_from(1500, Mode::Quorum, Sabotage::NoStale, "promise 9");
}

#[test]
fn a_quorum_counted_one_too_low_breaks_promise_4() {
    assert_noticed(Mode::Quorum, Sabotage::QuorumTooLow, "promise 4");
}

#[test]
fn words_that_leave_before_what_they_tell_is_stored_break_promise_4() {
    assert_noticed(Mode::Quorum, Sabotage::SaidBeforeStored, "promise 4");
}

#[test]
fn a_fetch_that_leaves_before_the_log_is_stored_breaks_promise_4() {
    assert_noticed_from(290, Mode::Quorum, Sabotage::FetchedBeforeStored, "promise 4");
}

#[test]
fn a_leader_that_counts_itself_before_it_stored_breaks_promise_4() {
    assert_noticed(Mode::Quorum, Sabotage::CountedBeforeStored, "promise 4");
}

#[test]
fn learners_that_count_for_commits_break_promise_4() {
    assert_noticed(Mode::Quorum, Sabotage::LearnersCounted, "promise 4");
}

#[test]
fn a_damaged_log_that_counts_breaks_promise_6() {
    assert_noticed_from(2120, Mode::Quorum, Sabotage::DamageIgnored, "promise 6");
}

#[test]
fn rows_taken_back_without_a_word_break_promise_5() {
    assert_noticed(Mode::Default, Sabotage::SilentMerge, "promise 5");
}

#[test]
fn no_fetch_on_a_new_link_breaks_promise_7() {
    assert_noticed_from(150, Mode::Resume, Sabotage::NoFetchOnNewLink, "promise 7");
}

#[test]
fn what_is_cut_and_not_pending_breaks_promise_7() {
    assert_noticed(Mode::Resume, Sabotage::LostCut, "promise 7");
}

#[test]
fn readings_not_kept_on_disk_break_promise_7() {
    assert_noticed(Mode::Resume, Sabotage::NothingKept, "promise 7");
}

#[test]
fn a_state_that_is_not_saved_breaks_promise_1() {
    assert_noticed(Mode::Quorum, Sabotage::StateNotSaved, "promise 1");
}

#[test]
fn a_sync_that_does_nothing_breaks_promise_7() {
    assert_noticed(Mode::Quorum, Sabotage::NotSynced, "promise 7");
}

#[test]
fn a_promise_forgotten_at_a_restart_breaks_promise_6() {
    assert_noticed(Mode::Quorum, Sabotage::ForgottenPromise, "promise 6");
}

#[test]
fn a_life_that_begins_with_the_incarnation_of_the_one_before_breaks_promise_1() {
    assert_noticed(Mode::Default, Sabotage::SameLife, "promise 1");
}

#[test]
fn a_liar_that_is_believed_to_be_anybody_breaks_promise_2() {
    assert_noticed_from(1850, Mode::Default, Sabotage::ProvenByAnybody, "promise 2");
}

#[test]
fn plain_text_that_is_heard_breaks_a_closed_group() {
    assert_noticed(Mode::Default, Sabotage::PlainTextHeard, "closed group");
}

#[test]
fn replays_that_count_break_a_closed_group() {
    assert_noticed(Mode::Default, Sabotage::ReplaysCount, "closed group");
}

#[test]
fn what_is_removed_before_all_have_it_breaks_promise_7() {
    assert_noticed(Mode::Resume, Sabotage::RemovedTooEarly, "promise 7");
}

#[test]
fn rows_kept_from_before_the_beginning_of_the_log_break_promise_8() {
    assert_noticed(Mode::Resume, Sabotage::RowsKept, "promise 8");
}

#[test]
fn a_beginning_of_the_log_that_is_not_saved_breaks_promise_7() {
    assert_noticed(Mode::Resume, Sabotage::BaseNotSaved, "promise 7");
}

#[test]
fn rows_that_a_stopped_peer_does_not_write_break_promise_8() {
    assert_noticed(Mode::Resume, Sabotage::RowsNotWritten, "promise 8");
}
