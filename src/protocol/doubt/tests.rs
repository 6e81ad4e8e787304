//! How long which doubt lasts. Times are those of a trial: an election timeout is five seconds, a heartbeat timeout ten.

use super::super::trial::{contact, endpoint, here, id, Trial, TIMING};
use super::*;
use crate::protocol::effect::{Effect, Effects};
use crate::protocol::event::Event;
use crate::protocol::input::Found;
use crate::wire::Belongs;

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

#[test]
fn a_higher_seeker_is_passed_over_after_two_waits_in_which_it_could_have_made_a_group() {
    let mut trial = Trial::seeker(None, &Found::default());
    let now = trial.peer.now();
    let mut waits = |higher: &str, could_found| {
        trial.peer.wait_for_higher(&id(higher), could_found, &mut Turn { now, out: &mut vec![] });
        ["y", "z"].map(|name| trial.peer.is_passed_over(&id(name)))
    };
    assert_eq!((waits("z", true), waits("z", false), waits("y", true)), ([false; 2], [false; 2], [false; 2]));
    assert_eq!(waits("z", true), [false, true], "the present highest");
    assert_eq!((waits("y", true), waits("y", true), waits("y", true)), ([false, true], [false, true], [true, true]));
}

#[test]
fn a_leader_does_not_yield_to_one_that_it_shut_out_and_follows_it() {
    let mut leader = Trial::leader(&["x"]);
    let now = leader.peer.now();
    leader.peer.shut_out(&id("x"), &Turn { now, out: &mut vec![] });
    assert!(
        !leader.peer.may_yield_to(&contact("x")) && !leader.peer.takes_in(&id("x")) && leader.peer.trusts(&id("x"))
    );
    // Who does not lead has nobody to shut out: it turns away from a leader.
    let mut member = Trial::member(&["x"]);
    member.peer.shut_out(&id("x"), &Turn { now, out: &mut vec![] });
    assert!(member.peer.takes_in(&id("x")) && !member.peer.trusts(&id("x")));
}

/// An answer of a process of this peer's name, from `a`.
fn namesake(incarnation: u64, serves: bool) -> Answer {
    let contact = Contact { incarnation, endpoint: endpoint("a"), ..contact("m") };
    match here(contact, Belongs::Nowhere, false) {
        Answer::Here(here) => Answer::Here(Box::new(Here { serves, ..*here })),
        other => other,
    }
}

/// What a peer of life 5 does at second one and later when this answer comes from `a`, which it suspects.
fn proves(served: bool, answers: &[Answer]) -> Effects {
    let mut trial = Trial::seeker(None, &Found::default());
    (trial.peer.settings.incarnation, trial.peer.group.served) = (5, served);
    let now = trial.peer.now();
    let mut effects = vec![];
    trial.peer.on_namesake(endpoint("a"), &mut Turn { now, out: &mut effects });
    assert_eq!(effects.len(), 1, "it asks there");
    effects.clear();
    for answer in answers {
        trial.peer.on_proof(endpoint("a"), answer.clone(), &mut Turn { now, out: &mut effects });
        if let Some(due) = trial.peer.doubts.due() {
            let mut asks = vec![];
            let early = due.saturating_sub(at(1));
            trial.peer.ask_for_second_proof(&mut Turn { now: early, out: &mut asks });
            assert_eq!(asks, []);
            trial.peer.ask_for_second_proof(&mut Turn { now: due, out: &mut asks });
            assert_eq!((asks.len(), trial.peer.doubts.due()), (1, None));
        }
    }
    effects
}

/// docs/protocol.md, 3.7.
#[test]
fn a_starting_peer_ends_where_an_older_or_serving_one_answers_twice_under_its_id() {
    let ends = |effects: &Effects| effects.iter().any(|effect| matches!(effect, Effect::Exit(Exit::Duplicate { .. })));
    let twice = |answer: Answer| [answer.clone(), answer];
    assert!(ends(&proves(false, &twice(namesake(4, false)))), "it is older");
    assert!(ends(&proves(false, &twice(namesake(6, true)))), "it serves");
    assert!(!ends(&proves(false, &twice(namesake(6, false)))), "that one ends");
    assert!(!ends(&proves(false, &twice(namesake(5, true)))), "that is this very process");
    assert!(!ends(&proves(false, &[namesake(4, false)])));
    let refuted = [namesake(4, false), Answer::Silent, namesake(4, false)];
    assert!(!ends(&proves(false, &refuted)), "it was not there meanwhile");
    let warned = proves(true, &[namesake(6, false)]);
    assert!(matches!(&warned[..], [Effect::Tell(Event::Refused { .. })]), "{warned:?}");
}

#[test]
fn a_namesake_is_looked_for_once_in_a_heartbeat_timeout_and_not_at_the_own_address() {
    let mut trial = Trial::seeker(None, &Found::default());
    let mut asks = |at: std::net::SocketAddr, seconds| {
        let mut effects = vec![];
        trial.peer.on_namesake(at, &mut Turn { now: Time::from_secs(seconds), out: &mut effects });
        effects.len()
    };
    assert_eq!(asks(endpoint("m"), 1), 0);
    assert_eq!((asks(endpoint("a"), 1), asks(endpoint("b"), 10), asks(endpoint("b"), 11)), (1, 0, 1));
}

#[test]
fn proof_counts_from_the_address_that_was_asked() {
    let mut trial = Trial::seeker(None, &Found::default());
    trial.peer.settings.incarnation = 5;
    let now = trial.peer.now();
    let mut effects = vec![];
    trial.peer.on_namesake(endpoint("a"), &mut Turn { now, out: &mut effects });
    trial.peer.on_proof(endpoint("b"), namesake(4, true), &mut Turn { now, out: &mut effects });
    assert_eq!(trial.peer.doubts.due(), None);
    trial.peer.on_proof(endpoint("a"), namesake(4, true), &mut Turn { now, out: &mut effects });
    assert_eq!(trial.peer.doubts.due(), Some(now + PROOF_PAUSE));
}

#[test]
fn an_error_tells_of_a_namesake_or_of_another_configuration() {
    let does = |why: Refusal| {
        let mut trial = Trial::seeker(None, &Found::default());
        let mut effects = vec![];
        trial.peer.on_question_refused(&why, &mut Turn { now: Time::from_secs(1), out: &mut effects });
        effects
    };
    assert!(
        matches!(&does(Refusal::IdInUse(Some(endpoint("a"))))[..], [Effect::Call(call)] if call.to == endpoint("a"))
    );
    assert_eq!(does(Refusal::IdInUse(None)), []);
    assert_eq!(does(Refusal::NoAnswer), []);
    let quorum = Refusal::WrongQuorum { group: Some(2), newcomer: None };
    assert!(matches!(&does(quorum)[..], [Effect::Tell(Event::Refused { .. })]));
}
