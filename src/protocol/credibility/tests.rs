//! How far a counter goes. A trial has a heartbeat interval of five seconds; each brings a great step, and a small one is 2^10.

use super::super::input::{Found, Time};
use super::super::trial::{term, view, Trial};
use super::*;

const GREAT: u64 = COUNTER_STEP_MAX;
const SMALL: u64 = COUNTER_STEP;

/// A peer with this quorum that promised a term of this counter, some intervals after it was made.
fn after(quorum: Option<u32>, counter: u64, intervals: u32) -> Trial {
    let promised = Some(term(&format!("{counter}@z/1")));
    let mut trial = Trial::seeker(quorum, &Found { promised, ..Found::default() });
    trial.peer.clock.now += trial.peer.settings.timing.heartbeat_interval * intervals;
    trial
}

/// The highest counter that is believed, and the highest that all followers believe.
fn highest(trial: &Trial) -> (u64, u64) {
    (trial.peer.highest_credible(1), trial.peer.highest_credible(2))
}

#[test]
fn a_peer_believes_two_great_steps_at_first_and_another_after_each_interval() {
    for (intervals, own, all) in [(0, 2, 1), (1, 3, 1), (2, 4, 2), (10, 12, 6)] {
        let trial = after(None, 0, intervals);
        assert_eq!(highest(&trial), (own * GREAT + SMALL, all * GREAT + SMALL), "{intervals} intervals");
        let (own, all) = highest(&trial);
        assert!(trial.peer.is_credible(own) && !trial.peer.is_credible(own + 1));
        assert!(trial.peer.is_credible_to_all(all) && !trial.peer.is_credible_to_all(all + 1));
    }
}

#[test]
fn after_a_great_step_the_next_waits_for_an_interval() {
    let mut trial = after(None, 0, 4);
    trial.peer.note_step(&term("1024@z/1"));
    assert_eq!((trial.peer.promises.stepped, trial.peer.promises.stepped_to), (None, 0), "that is a small one");
    trial.peer.note_step(&term("1025@z/1"));
    assert_eq!((trial.peer.promises.stepped, trial.peer.promises.stepped_to), (Some(trial.peer.now()), 1025));
    assert_eq!(highest(&trial), (1025 + SMALL, 1025 + SMALL));
    trial.peer.clock.now += Time::from_secs(5);
    assert_eq!(highest(&trial), (1025 + GREAT + SMALL, 1025 + SMALL));
    trial.peer.clock.now += Time::from_secs(5);
    assert_eq!(highest(&trial), (1025 + 2 * GREAT + SMALL, 1025 + GREAT + SMALL));
    // A promise that was won by lies is dropped for a lower one.
    trial.peer.note_step(&term("7@z/1"));
    assert_eq!((trial.peer.promises.stepped, trial.peer.promises.stepped_to), (Some(Time::from_secs(21)), 7));
}

#[test]
fn the_next_election_is_believed_however_many_there_were() {
    let mut trial = after(None, 5000, 0);
    (trial.peer.promises.stepped, trial.peer.promises.stepped_to) = (Some(trial.peer.now()), 100);
    assert_eq!(trial.peer.promises.own_counter(), 5000);
    assert_eq!(highest(&trial), (5002, 5002));
}

#[test]
fn no_counter_beyond_the_last_is_believed_and_the_last_is_left_for_others() {
    let mut trial = after(None, 0, 0);
    trial.peer.promises.stepped_to = COUNTER_MAX - 5;
    let believed = |counter| (trial.peer.is_credible(counter), trial.peer.is_credible_to_all(counter));
    let around = [COUNTER_MAX - 1, COUNTER_MAX, COUNTER_MAX + 1].map(believed);
    assert_eq!(around, [(true, true), (true, false), (false, false)]);
}

#[test]
fn a_leader_lifts_its_term_to_the_promise_of_a_joiner_as_far_as_its_followers_believe() {
    let lifts =
        |quorum, intervals, counter: u64| after(quorum, 3, intervals).peer.lift_for(&term(&format!("{counter}@x/1")));
    // The term is one above what it lifts to.
    let most = 3 + GREAT + SMALL - 1;
    assert_eq!([10, most, most + 1].map(|to| lifts(None, 0, to)), [Some(10), Some(most), None]);
    let most = COUNTER_LIFT_MAX + 3;
    for (intervals, to, lift) in [
        (100, most, Some(most)),
        (100, most + 1, Some(most)),
        (100, 3 + COUNTER_FAR, Some(most)),
        (100, 3 + COUNTER_FAR + 1, None),
        // Eight great steps are as many as all believe after fourteen intervals, with the two of the beginning.
        (14, most, Some(most)),
        (13, most, None),
    ] {
        assert_eq!(lifts(Some(2), intervals, to), lift, "{intervals} intervals, {to}");
    }
}

#[test]
fn what_a_proposal_is_to_be_above_is_what_all_believe() {
    let mut trial = after(None, 3, 0);
    let (_, all) = highest(&trial);
    for (counter, noted) in [(9, 9), (7, 9), (all + 1, 9), (all, all)] {
        trial.peer.note_counter(counter);
        assert_eq!(trial.peer.promises.counter, noted, "{counter}");
    }
}

#[test]
fn a_promise_that_lies_won_is_given_up_for_the_term_of_a_group() {
    let three = &["x", "y", "z"][..];
    for (quorum, promised_counter, counter, names, installs) in [
        (None, 5, 6, three, true),
        (None, 5, 5, three, true),
        (None, 6, 5, three, false),
        (None, 5 + GREAT, 5, three, false),
        (None, 6 + GREAT, 5, three, true),
        // With a quorum it takes more, and as many members.
        (Some(3), 6 + GREAT, 5, three, false),
        (Some(3), 5 + COUNTER_FAR, 5, three, false),
        (Some(3), 6 + COUNTER_FAR, 5, three, true),
        (Some(3), 6 + COUNTER_FAR, 5, &three[..2], false),
        (Some(3), 5, 6, &three[..1], true),
        // With one, a term is believed no further than a promise; without one, any that a group has.
        (Some(3), 5, 5 + 2 * GREAT + SMALL, three, true),
        (Some(3), 5, 6 + 2 * GREAT + SMALL, three, false),
        (None, 5, 6 + 2 * GREAT + SMALL, three, true),
        (None, 5, COUNTER_JOINED_MAX, three, true),
        (None, 5, COUNTER_JOINED_MAX + 1, three, false),
    ] {
        let trial = after(quorum, promised_counter, 0);
        let view = view(&format!("{counter}@z/1"), names, vec![], 0);
        let case = format!("quorum {quorum:?}, promised {promised_counter}, {counter} of {}", names.len());
        assert_eq!(trial.peer.may_install(&view), installs, "{case}");
    }
}

/// docs/protocol.md, 5.4: "there a lie raises a counter by small steps, for years, and a promise is never taken back."
#[test]
fn with_a_quorum_nothing_on_the_disk_is_too_high_and_what_is_credible_is_joined() {
    assert_eq!((found_max(None), found_max(Some(2))), (COUNTER_FOUND_MAX, COUNTER_MAX));
    let beyond = |quorum, counter| after(quorum, 5, 0).peer.is_beyond_joining(counter);
    assert_eq!([COUNTER_JOINED_MAX, COUNTER_JOINED_MAX + 1].map(|counter| beyond(None, counter)), [false, true]);
    assert_eq!([COUNTER_MAX, COUNTER_MAX + 1].map(|counter| beyond(Some(2), counter)), [false, true]);
}

#[test]
fn a_peer_without_a_promise_follows_any_leader_that_it_asked() {
    let trial = Trial::seeker(None, &Found::default());
    assert!(trial.peer.may_install(&view("1@z/1", &["z"], vec![], 0)));
}
