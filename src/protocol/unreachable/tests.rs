//! Which silences are told of, and when they end. A trial has a heartbeat timeout of ten seconds.

use super::super::input::Found;
use super::super::trial::{contact, endpoint, here, id, tell, Trial};
use super::super::{Effects, Input};
use super::*;
use crate::wire::Belongs;

fn seconds(at: u64) -> Time {
    Time::from_secs(at)
}

fn seeker() -> Trial {
    Trial::seeker(None, &Found::default())
}

fn answers() -> Answer {
    here(contact("x"), Belongs::Nowhere, false)
}

/// What is told where `x` said at `said` that it listens, and this is the outcome of a question at `at`.
fn outcome(trial: &mut Trial, said: u64, at: u64, answer: &Answer) -> Effects {
    let mut effects = Effects::new();
    trial.peer.note_heard(&id("x"), endpoint("x"), seconds(said));
    trial.peer.note_answer(endpoint("x"), answer, &mut Turn { now: seconds(at), out: &mut effects });
    effects
}

fn unreachable(why: &str) -> Effects {
    let (peer, endpoint, why) = (id("x"), endpoint("x"), why.to_owned());
    vec![tell(Event::Unreachable { peer, endpoint, heard: true, why })]
}

#[test]
fn a_peer_that_is_heard_and_does_not_answer_for_a_heartbeat_timeout_is_told_of() {
    for (answer, why) in [(Answer::Silent, "no answer"), (Answer::Refused, "nobody listens there")] {
        let mut trial = seeker();
        assert_eq!([1, 10].map(|at| outcome(&mut trial, at, at, &answer)), [vec![], vec![]]);
        assert_eq!(outcome(&mut trial, 10, 11, &answer), unreachable(why));
        let reachable = vec![tell(Event::Reachable { peer: id("x") })];
        assert_eq!([12, 13].map(|at| outcome(&mut trial, at, at, &answers())), [reachable, vec![]], "told once");
        assert_eq!([14, 23].map(|at| outcome(&mut trial, at, at, &answer)), [vec![], vec![]], "it begins again");
        assert_eq!(outcome(&mut trial, 24, 24, &answer), unreachable(why));
    }
}

#[test]
fn a_peer_that_is_not_heard_is_not_told_of() {
    let mut trial = seeker();
    outcome(&mut trial, 1, 1, &Answer::Silent);
    let mut later = |at| {
        let mut effects = Effects::new();
        trial.peer.note_answer(endpoint("x"), &Answer::Silent, &mut Turn { now: seconds(at), out: &mut effects });
        effects
    };
    assert_eq!(later(11), [], "it said so ten seconds ago, which is as long as it counts");
}

#[test]
fn an_error_is_an_answer() {
    let mut trial = seeker();
    outcome(&mut trial, 1, 1, &Answer::Silent);
    outcome(&mut trial, 11, 11, &Answer::Error(Refusal::NoAnswer));
    assert_eq!(outcome(&mut trial, 12, 12, &Answer::Silent), [], "it begins again");
}

#[test]
fn a_peer_that_gets_no_answer_here_is_told_of_after_a_heartbeat_timeout_until_it_asks() {
    let mut trial = seeker();
    let mut says = |why: Refusal, at| {
        let mut effects = Effects::new();
        trial.peer.note_rejection(&id("x"), &why, &mut Turn { now: seconds(at), out: &mut effects });
        effects
    };
    let not_reached = || vec![tell(Event::NotReached { peer: id("x"), endpoint: endpoint("m") })];
    assert_eq!([1, 10].map(|at| says(Refusal::NoAnswer, at)), [vec![], vec![]]);
    assert_eq!((says(Refusal::WrongAddressee, 11), says(Refusal::NobodyListens, 11)), (vec![], not_reached()));
    let mut reaches = |name: &str| {
        let mut effects = Effects::new();
        trial.peer.note_reached(&id(name), &mut Turn { now: seconds(12), out: &mut effects });
        effects
    };
    assert_eq!(reaches("y"), []);
    assert_eq!((reaches("x"), reaches("x")), (vec![tell(Event::Reached { peer: id("x") })], vec![]));
    // One that was not told of needs no end.
    let mut trial = seeker();
    let mut effects = Effects::new();
    let turn = &mut Turn { now: seconds(1), out: &mut effects };
    trial.peer.note_rejection(&id("x"), &Refusal::NoAnswer, turn);
    trial.peer.note_reached(&id("x"), turn);
    assert_eq!(effects, []);
}

#[test]
fn few_that_get_no_answer_are_remembered_and_those_that_fell_silent_give_room() {
    let mut trial = seeker();
    let mut says = |name: &str, at| {
        let mut effects = Effects::new();
        trial.peer.note_rejection(&id(name), &Refusal::NoAnswer, &mut Turn { now: seconds(at), out: &mut effects });
        (trial.peer.reach.deaf.len(), effects.len())
    };
    for n in 0..REMEMBERED_MAX {
        assert_eq!(says(&format!("p{n}"), 1), (n + 1, 0));
    }
    assert_eq!((says("x", 20), says("p3", 20)), ((REMEMBERED_MAX, 0), (REMEMBERED_MAX, 1)));
    assert_eq!((says("x", 21), says("x", 31)), ((2, 0), (2, 1)));
}

#[test]
fn the_receiver_of_a_link_says_that_it_got_no_answer() {
    let mut trial = Trial::member(&["x"]);
    trial.step(Input::Rejected { peer: id("x"), why: Refusal::NoAnswer });
    assert!(trial.peer.reach.deaf.contains_key(&id("x")));
}
