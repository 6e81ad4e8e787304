//! The gate of each message.

use super::super::data::leading::Mark;
use super::super::input::{Found, Time};
use super::super::trial::{asked_to_join, id, join, lines, promised, proposing, stale, term, view, Trial};
use super::super::Effect;
use super::*;
use crate::wire::{Base, Frame, Request};

/// One of each message that has a term, of this one.
fn with_a_term(text: &str) -> Vec<Message> {
    let term = || term(text);
    let request = Request { origin: "x/1".parse().unwrap(), first: 1, lines: lines(1) };
    let frame = Frame::build(term(), 1, std::slice::from_ref(&request));
    let base = Base { runs: vec![], last: 0, origins: vec![] };
    vec![
        Message::Heartbeat { term: term(), committed: 0 },
        Message::HeartbeatAck { term: term(), stored: 0 },
        Message::Stored { term: term(), last: 0 },
        Message::Coordinator { term: term() },
        Message::LogState { term: term(), synced: None, runs: vec![], last: 0, limits: None },
        Message::Fetch { term: term(), from: 1 },
        Message::SequencerRequest { term: term(), request },
        Message::Base { term: term(), base },
        Message::Ordered { term: term(), frame },
        Message::Commit { term: term(), up_to: 0 },
        Message::Yield { term: term(), leader: None },
        Message::ViewChange(view(text, &["m", "x"], vec![], 0)),
    ]
}

/// docs/protocol.md, 2.4.
#[test]
fn a_message_of_a_term_below_the_promise_has_no_effect_but_stale() {
    for message in with_a_term("2@x/1") {
        let mut trial = Trial::member(&["x"]);
        let shown = format!("{message:?}");
        let expected = [Effect::Send { to: id("x"), message: stale("3@z/1", Some("z")) }];
        assert_eq!(trial.gets("x", message), expected, "{shown}");
    }
}

#[test]
fn a_message_of_the_promised_term_is_not_stale() {
    for message in with_a_term("3@z/1") {
        let mut trial = Trial::member(&["x"]);
        let shown = format!("{message:?}");
        let effects = trial.gets("z", message);
        let says_stale = |effect: &Effect| matches!(effect, Effect::Send { message: Message::Stale { .. }, .. });
        assert!(!effects.iter().any(says_stale), "{shown}: {effects:?}");
    }
}

#[test]
fn those_who_ask_or_say_goodbye_may_know_less() {
    let low = || Some(term("2@x/1"));
    for message in [
        join(),
        Message::Election { term: low(), from: id("x") },
        Message::Ok { term: low() },
        Message::Stale { term: low(), leader: None },
        Message::Leave { term: low() },
    ] {
        assert!(counts_whatever_was_promised(&message), "{message:?}");
    }
    for message in with_a_term("2@x/1") {
        assert!(!counts_whatever_was_promised(&message), "{message:?}");
    }
}

/// The view of a lower term that a leader, which was asked, adds this peer to: where lies raised the promise.
#[test]
fn added_to_a_lower_term_counts_where_the_promise_was_won_by_a_lie() {
    for (promised, installs) in [("4000000@x/1", true), ("4@x/1", false)] {
        let promised = Some(term(promised));
        let mut trial = Trial::seeker(None, &Found { promised: promised.clone(), ..Found::default() });
        trial.knows("z");
        let Role::Seeking(seeking) = &mut trial.peer.role else { unreachable!("it seeks") };
        seeking.asked = Some((id("z"), Time::from_secs(1)));
        let view = view("3@z/1", &["z"], vec![], 0);
        trial.gets("z", Message::Added { view, incarnation: 1 });
        let expected = if installs { Some(term("3@z/1")) } else { promised };
        assert_eq!(trial.peer.promises.promised, expected);
    }
}

#[test]
fn terms_are_learnt_from_peers_that_have_a_part_here() {
    for (from, counter) in [("z", 9), ("x", 9), ("a", 3)] {
        let mut trial = Trial::member(&["x"]);
        trial.knows("a");
        trial.gets(from, Message::Election { term: Some(term("9@x/1")), from: id(from) });
        assert_eq!(trial.peer.promises.counter, counter, "of {from}");
    }
}

#[test]
fn that_a_message_comes_shows_that_its_process_lives() {
    let mut trial = Trial::member(&["x"]);
    trial.peer.contacts.get_mut(&id("x")).unwrap().dead = true;
    trial.gets("x", Message::Ok { term: None });
    assert!(!trial.peer.contacts.is_dead(&id("x")));
}

#[test]
fn the_peers_that_have_a_part_depend_on_the_role() {
    let heeds = |trial: &Trial| ["a", "x", "z"].map(|name| trial.peer.heeds(&id(name)));
    assert_eq!(heeds(&Trial::member(&["x"])), [false, true, true]);
    assert_eq!(heeds(&Trial::learner()), [false, false, true]);
    let mut leader = Trial::leader(&["x"]);
    assert_eq!(heeds(&leader), [false, true, false]);
    let leading = leader.leading();
    leading.learners.insert(id("a"), Mark { at: 0, times: 0 });
    assert_eq!(heeds(&leader), [true, true, false]);

    let mut trial = Trial::seeker(None, &Found::default());
    assert_eq!(heeds(&trial), [false; 3]);
    trial.peer.role = asked_to_join("a");
    assert_eq!(heeds(&trial), [true, false, false]);
    trial.peer.role = Role::Promised(promised("x"));
    assert_eq!(heeds(&trial), [false, true, false]);
    trial.peer.role = Role::Proposing(proposing(&["z"]));
    assert_eq!(heeds(&trial), [false, false, true]);
}
