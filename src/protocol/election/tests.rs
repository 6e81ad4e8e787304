//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::data::role::Role;
use super::super::trial::{contact, id, say, send, stale, stores, tell, term, view, Trial};
use super::super::{Alarm, Effect, Event, Standing};
use crate::wire::Message;

fn election(text: &str) -> Message {
    Message::Election { term: Some(term(text)), from: id("m") }
}

fn from_a(text: &str) -> Message {
    Message::Election { term: Some(term(text)), from: id("a") }
}

/// docs/protocol.md, 5.3: "A member whose leader failed sends `ELECTION` to every member of higher rank."
#[test]
fn a_member_asks_those_of_higher_rank() {
    let mut trial = Trial::member(&["a", "x", "y"]);
    let effects = trial.gets("z", Message::Leave { term: Some(term("3@z/1")) });
    let lost = Event::LeaderFailed { leader: id("z") };
    let connection = super::super::ConnectionId(u64::from(b'z'));
    let asks = [send("x", election("3@z/1")), send("y", election("3@z/1"))];
    assert_eq!(effects, [&[tell(lost)][..], &asks, &[Effect::Drop { connection }]].concat());
}

/// docs/protocol.md, 5.3: "A member that gets it says `OK` and starts its own".
#[test]
fn a_member_that_is_asked_says_ok_and_starts_its_own() {
    let effects = Trial::member(&["a"]).gets("a", from_a("3@z/1"));
    assert_eq!(effects, [send("a", Message::Ok { term: Some(term("3@z/1")) }), send("z", election("3@z/1"))]);
}

/// docs/protocol.md, 5.3: "It says `STALE` […] where the election is about an earlier term than its own."
#[test]
fn an_election_about_an_earlier_term_is_stale() {
    assert_eq!(Trial::member(&["a"]).gets("a", from_a("2@y/1")), [send("a", stale("3@z/1", Some("z")))]);
}

/// docs/protocol.md, 5.3: "It says `STALE` where it follows a living leader whose view lacks the sender".
#[test]
fn an_election_of_a_stranger_is_stale() {
    let mut trial = Trial::member(&[]);
    trial.knows("a");
    assert_eq!(trial.gets("a", from_a("3@z/1")), [send("a", stale("3@z/1", Some("z")))]);
}

/// docs/protocol.md, 5.3: "It says `STALE` […] where it is a learner".
#[test]
fn a_learner_elects_nobody() {
    let mut trial = Trial::learner();
    trial.knows("a");
    assert_eq!(trial.gets("a", from_a("3@z/1")), [send("a", stale("3@z/1", Some("z")))]);
}

/// docs/protocol.md, 5.3: "Where it leads the sender, it sends its view".
#[test]
fn a_leader_shows_its_view_to_a_member_that_elects() {
    let view = view("3@m/1", &["a", "m"], vec![], 0);
    assert_eq!(Trial::leader(&["a"]).gets("a", from_a("3@m/1")), [say("a", Message::ViewChange(view))]);
}

/// docs/protocol.md, 5.3: "where it promised or proposes, it says `OK` only".
#[test]
fn a_peer_that_promised_says_ok_only() {
    let mut trial = Trial::member(&["a"]);
    trial.gets("z", Message::Coordinator { term: term("4@z/1") });
    assert_eq!(trial.peer.standing(), Standing::Promised);
    assert_eq!(trial.gets("a", from_a("3@z/1")), [send("a", Message::Ok { term: Some(term("4@z/1")) })]);
}

/// docs/protocol.md, 5.3: "where it seeks, it says nothing".
#[test]
fn a_seeker_says_nothing_to_an_election() {
    let mut trial = Trial::seeker(None, &super::super::Found::default());
    trial.knows("a");
    assert_eq!(trial.gets("a", from_a("3@z/1")), []);
}

/// docs/protocol.md, 5.3: "Without an `OK` within the election timeout […] the member wins." 5.4: "The winner promises a
/// term with a counter above every one that it may believe, and sends `COORDINATOR`". 2.5: the promise is stored first.
#[test]
fn a_member_that_nobody_answers_wins() {
    let mut trial = Trial::member(&["a", "x"]);
    trial.gets("z", Message::Leave { term: Some(term("3@z/1")) });
    let effects = trial.after(5).alarm(Alarm::Election);
    let coordinator = || Message::Coordinator { term: term("4@m/1") };
    let won = Event::ElectionWon { peer: id("m") };
    let asks = [say("a", coordinator()), say("x", coordinator())];
    assert_eq!(effects, [&[tell(won), stores("4@m/1", Some("3@z/1"), 0)][..], &asks].concat());
}

/// docs/protocol.md, 5.3: "After an `OK` and no `COORDINATOR` for two election timeouts it starts again."
#[test]
fn a_member_that_was_told_ok_waits_for_two_election_timeouts() {
    let mut trial = Trial::member(&["a", "x"]);
    trial.gets("z", Message::Leave { term: Some(term("3@z/1")) });
    assert_eq!(trial.gets("x", Message::Ok { term: Some(term("3@z/1")) }), []);
    assert_eq!(trial.after(9).alarm(Alarm::Election), []);
    assert_eq!(trial.after(1).alarm(Alarm::Election), [send("x", election("3@z/1"))]);
}

/// docs/protocol.md, 5.4: "A receiver with a lower promise promises, takes no more entries of older terms, and answers
/// `LOG_STATE`".
#[test]
fn a_lower_promise_gives_way() {
    let mut trial = Trial::member(&["x"]);
    let effects = trial.gets("x", Message::Coordinator { term: term("4@x/1") });
    let (promise, synced) = (term("4@x/1"), Some(term("3@z/1")));
    let heard = Event::CoordinatorHeard { peer: id("x") };
    let state = Message::LogState { term: promise, synced, runs: vec![], last: 0 };
    assert_eq!(effects, [tell(heard), stores("4@x/1", Some("3@z/1"), 0), say("x", state)]);
    assert!(matches!(&trial.peer.role, Role::Promised(promised) if promised.proposer == contact("x").id));
}

/// docs/protocol.md, 5.4: "one with a higher promise answers `STALE`".
#[test]
fn a_higher_promise_is_kept() {
    let effects = Trial::member(&["x"]).gets("x", Message::Coordinator { term: term("2@x/1") });
    assert_eq!(effects, [send("x", stale("3@z/1", Some("z")))]);
}
