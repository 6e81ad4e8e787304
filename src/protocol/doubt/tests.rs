//! How long which doubt lasts. Times are those of a trial: an election timeout is five seconds, a heartbeat timeout ten.

use super::super::trial::{contact, endpoint, id, Trial, TIMING};
use super::*;
use crate::protocol::input::Found;

fn at(milliseconds: u64) -> Time {
    Time::from_millis(milliseconds)
}

/// For how many milliseconds it lasts from now on.
fn rest(distrusted: &Distrusted, place: &Place, now: Time) -> u128 {
    distrusted.0[place].until.saturating_sub(now).as_millis()
}

/// How long a peer is passed over after each of these strikes, which come in a moment.
fn lasts(strikes: &[u32]) -> Vec<u128> {
    let (place, now) = ((id("x"), None), at(100_000));
    let mut distrusted = Distrusted::default();
    let last = |strikes: &u32| {
        distrusted.add(place.clone(), *strikes, now, &TIMING);
        rest(&distrusted, &place, now)
    };
    strikes.iter().map(last).collect()
}

#[test]
fn one_strike_does_not_count_and_each_further_one_doubles_the_time() {
    assert_eq!(lasts(&[1, 1, 1, 1, 1, 1]), [0, 7500, 17_500, 37_500, 37_500, 37_500]);
    assert_eq!(lasts(&[2, 2]), [7500, 37_500]);
}

#[test]
fn strikes_count_until_eight_heartbeat_timeouts_after_the_end_of_the_last() {
    for (later, lasts) in [(87_499, 37_500), (87_500, 7500)] {
        let place = (id("x"), None);
        let mut distrusted = Distrusted::default();
        distrusted.add(place.clone(), 2, at(100_000), &TIMING);
        assert!(distrusted.has(&place, at(107_499)) && !distrusted.has(&place, at(107_500)));
        distrusted.add(place.clone(), 2, at(100_000 + later), &TIMING);
        assert_eq!(rest(&distrusted, &place, at(100_000 + later)), lasts, "{later} ms later");
    }
}

#[test]
fn few_are_doubted_at_a_time_and_the_end_of_a_doubt_makes_room() {
    let place = |n: usize| (id("x"), Some(SocketAddr::from(([10, 0, 0, 1], 1 + u16::try_from(n).unwrap()))));
    let mut distrusted = Distrusted::default();
    for n in 0..=DISTRUSTED_MAX {
        distrusted.add(place(n), 2, at(100_000), &TIMING);
    }
    let has = |distrusted: &Distrusted, n, now| distrusted.has(&place(n), at(now));
    assert!(has(&distrusted, DISTRUSTED_MAX - 1, 101_000) && !has(&distrusted, DISTRUSTED_MAX, 101_000));
    distrusted.add(place(DISTRUSTED_MAX), 2, at(107_500), &TIMING);
    assert!(has(&distrusted, DISTRUSTED_MAX, 108_000) && distrusted.0.len() == 1);
}

#[test]
fn a_seeker_waits_for_nobody_for_a_while_after_three_failures_and_for_longer_after_more() {
    for (failures, waits) in [(2, 0), (3, 10_000), (4, 20_000), (9, 20_000)] {
        let mut trial = Trial::seeker(None, &Found::default());
        let now = trial.peer.now();
        (0..failures).for_each(|_| trial.peer.doubts.fail(now));
        for (later, enough) in [(0, waits > 0), (waits.max(1) - 1, waits > 0), (waits, false)] {
            trial.peer.clock.now = now + at(later);
            assert_eq!(trial.peer.has_waited_enough(), enough, "{failures} failures, {later} ms");
        }
    }
}

#[test]
fn a_group_ends_the_doubts_about_its_leader_and_about_seekers() {
    let mut trial = Trial::member(&["x", "y"]);
    let now = trial.peer.now();
    for (name, there) in [("z", true), ("x", true), ("x", false)] {
        let place = (id(name), there.then(|| endpoint(name)));
        trial.peer.doubts.distrusted.add(place.clone(), 2, now, &TIMING);
        trial.peer.doubts.shut_out.add(place, 2, now, &TIMING);
    }
    trial.peer.doubts.passed_over.insert(id("y"));
    (trial.peer.doubts.failed, trial.peer.doubts.waited) = (3, 2);
    let believed = |trial: &Trial| {
        let of = |name: &str| {
            (trial.peer.trusts(&id(name)), trial.peer.may_yield_to(&contact(name)), trial.peer.takes_in(&id(name)))
        };
        [of("z"), of("x"), of("y")]
    };
    assert_eq!(believed(&trial), [(false, false, false), (false, false, false), (true, true, true)]);
    trial.peer.note_group(Some(&id("z")));
    assert_eq!(believed(&trial), [(true, true, true), (false, false, false), (true, true, true)]);
    assert!(!trial.peer.is_passed_over(&id("y")) && !trial.peer.has_waited_enough());
    assert_eq!(trial.peer.doubts.waited, 0);
}

#[test]
fn a_proposer_outbids_eight_promises_and_again_once_it_had_a_group() {
    let mut trial = Trial::seeker(None, &Found::default());
    let mut outbids = || (0..10).filter(|_| trial.peer.may_outbid()).count();
    assert_eq!((outbids(), outbids()), (8, 0));
    trial.peer.note_group(None);
    assert_eq!((0..10).filter(|_| trial.peer.may_outbid()).count(), 8);
}
