//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::data::role::Role;
use super::super::trial::{close, connection, contact, id, say, send, stale, stores, tell, term, view, Trial};
use super::super::{Alarm, Effect, Event, Standing, Time};
use crate::wire::Message;

mod promises;

fn election(text: &str) -> Message {
    Message::Election { term: Some(term(text)), from: id("m") }
}

fn from_a(text: &str) -> Message {
    Message::Election { term: Some(term(text)), from: id("a") }
}

/// Its leader stops.
fn loses_its_leader(trial: &mut Trial) -> Vec<Effect> {
    let effects = trial.gets("z", Message::Leave { term: Some(term("3@z/1")) });
    let connection = connection("z");
    let [first, .., last] = &effects[..] else { panic!("{effects:?} is too little") };
    assert_eq!(*first, tell(Event::LeaderFailed { leader: id("z") }));
    assert_eq!(*last, Effect::Drop { connection });
    effects[1..effects.len() - 1].to_vec()
}

/// Nobody listens at the address of this peer.
fn finds_gone(trial: &mut Trial, name: &str) -> Vec<Effect> {
    trial.peer.contacts.get_mut(&id(name)).unwrap().connection = None;
    trial.step(super::super::Input::Refused { peer: id(name) })
}

/// Runs to this many moments after the start of an election, each 125 milliseconds, and takes what happens at the end.
fn after_moments(trial: &mut Trial, moments: u32) -> Vec<Effect> {
    trial.after_time(Time::from_millis(125) * moments).alarm(Alarm::Election)
}

/// It promises this term itself, and proposes it to these.
fn proposes(text: &str, names: &[&str]) -> Vec<Effect> {
    let asks = |name: &&str| say(name, Message::Coordinator { term: term(text) });
    [stores(text, Some("3@z/1"), 0)].into_iter().chain(names.iter().map(asks)).collect()
}

/// It won an election, and proposes.
fn wins(text: &str, names: &[&str]) -> Vec<Effect> {
    [vec![tell(Event::ElectionWon { peer: id("m") })], proposes(text, names)].concat()
}

/// docs/protocol.md, 5.3: "A member whose leader failed sends `ELECTION` to every member of higher rank".
#[test]
fn a_member_asks_those_of_higher_rank() {
    let mut trial = Trial::member(&["a", "y"]);
    assert_eq!(loses_its_leader(&mut trial), [send("y", election("3@z/1"))]);
}

/// docs/protocol.md, 5.3: "The highest has nobody to ask, and wins."
#[test]
fn the_highest_wins_without_delay() {
    assert_eq!(loses_its_leader(&mut Trial::member(&["a", "b"])), wins("4@m/1", &["a", "b"]));
}

/// docs/protocol.md, 5.3: "Any other first waits a moment for each doubling of the number of those above it".
#[test]
fn a_member_of_lower_rank_waits_before_it_asks() {
    let mut trial = Trial::member(&["a", "r", "s", "t", "u"]);
    assert_eq!(loses_its_leader(&mut trial), []);
    assert_eq!(after_moments(&mut trial, 1), []);
    assert_eq!(after_moments(&mut trial, 1), [send("r", election("3@z/1"))]);
    assert_eq!(after_moments(&mut trial, 1), [send("s", election("3@z/1"))]);
    let two = [send("u", election("3@z/1")), send("t", election("3@z/1"))];
    assert_eq!(after_moments(&mut trial, 1), two);
    assert_eq!(trial.after(4).alarm(Alarm::Election), []);
    let won = wins("4@m/1", &["a", "r", "s", "t", "u"]);
    assert_eq!(trial.after(1).alarm(Alarm::Election), won, "an election timeout after the last was asked");
}

/// docs/protocol.md, 5.3: "Where all that were asked are gone, it asks the next immediately."
#[test]
fn nobody_waits_for_peers_that_are_gone() {
    let mut trial = Trial::member(&["a", "w", "x", "y"]);
    loses_its_leader(&mut trial);
    assert_eq!(finds_gone(&mut trial, "y"), [close("y")], "its turn has not come");
    assert_eq!(after_moments(&mut trial, 1), [send("w", election("3@z/1"))]);
    assert_eq!(finds_gone(&mut trial, "w"), [close("w"), send("x", election("3@z/1"))]);
    assert_eq!(finds_gone(&mut trial, "x"), [vec![close("x")], wins("4@m/1", &["a"])].concat());
}

/// docs/protocol.md, 5.3: "An `OK` ends the asking."
#[test]
fn a_member_that_was_told_ok_asks_nobody_else() {
    let mut trial = Trial::member(&["a", "w", "x", "y"]);
    loses_its_leader(&mut trial);
    assert_eq!(after_moments(&mut trial, 1), [send("w", election("3@z/1"))]);
    trial.gets("w", Message::Ok { term: Some(term("3@z/1")) });
    assert_eq!(after_moments(&mut trial, 8), []);
    assert_eq!(finds_gone(&mut trial, "w"), [close("w")]);
    assert_eq!(trial.peer.standing(), Standing::Electing);
}

/// docs/protocol.md, 5.3: "A leader of higher rank is asked immediately, beside them".
#[test]
fn the_leader_is_asked_first_where_others_say_that_it_failed() {
    let mut trial = Trial::member(&["a", "w", "x", "y"]);
    assert_eq!(trial.gets("a", from_a("3@z/1"))[1..], [send("z", election("3@z/1"))]);
    assert_eq!(after_moments(&mut trial, 1), [send("w", election("3@z/1"))]);
}

/// docs/protocol.md, 5.4: "Each says on a new link again what the other waits for".
#[test]
fn a_promise_is_told_again_on_a_new_link() {
    let mut trial = Trial::member(&["x"]);
    trial.gets("x", Message::Coordinator { term: term("4@x/1") });
    let (promise, synced) = (term("4@x/1"), Some(term("3@z/1")));
    let state = Message::LogState { term: promise, synced, runs: vec![], last: 0, limits: None };
    let up = |name: &str| super::super::Input::LinkUp { peer: id(name) };
    assert_eq!(trial.step(up("x")), [say("x", state)]);
    assert_eq!(trial.step(up("z")), []);

    let mut trial = Trial::member(&["a", "b"]);
    loses_its_leader(&mut trial);
    assert_eq!(trial.step(up("a")), [say("a", Message::Coordinator { term: term("4@m/1") })]);
    assert_eq!(trial.step(up("z")), []);
}

/// docs/protocol.md, 5.3: "A member that gets `ELECTION` says `OK` and starts its own".
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
    assert_eq!(trial.after(5).alarm(Alarm::Election), wins("4@m/1", &["a", "x"]));
}

/// docs/protocol.md, 5.4: "a term with a counter above every one that it may believe", whatever message it came with.
#[test]
fn a_winner_goes_above_each_counter_that_it_heard_of() {
    let mut trial = Trial::member(&["a", "x"]);
    assert_eq!(trial.gets("x", Message::HeartbeatAck { term: term("9@x/1"), stored: 0 }), []);
    trial.gets("z", Message::Leave { term: Some(term("3@z/1")) });
    assert_eq!(trial.after(5).alarm(Alarm::Election), wins("10@m/1", &["a", "x"]));
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
    let state = Message::LogState { term: promise, synced, runs: vec![], last: 0, limits: None };
    assert_eq!(effects, [tell(heard), stores("4@x/1", Some("3@z/1"), 0), say("x", state)]);
    assert!(matches!(&trial.peer.role, Role::Promised(promised) if promised.proposer == contact("x").id));
}

/// docs/protocol.md, 5.4: "one with a higher promise answers `STALE`".
#[test]
fn a_higher_promise_is_kept() {
    let effects = Trial::member(&["x"]).gets("x", Message::Coordinator { term: term("2@x/1") });
    assert_eq!(effects, [send("x", stale("3@z/1", Some("z")))]);
}

/// docs/protocol.md, 5.3: "After an `OK` and no `COORDINATOR` for two election timeouts it starts again." That of a stranger
/// is none, and a second one gives no more time.
#[test]
fn the_first_ok_of_a_member_counts() {
    let mut trial = Trial::member(&["a", "x"]);
    trial.knows("q");
    loses_its_leader(&mut trial);
    let ok = |trial: &mut Trial, name: &str| {
        assert_eq!(trial.gets(name, Message::Ok { term: None }), []);
        trial.peer.deadline(Alarm::Election).unwrap().as_secs()
    };
    assert_eq!((ok(&mut trial, "q"), ok(&mut trial, "x"), ok(trial.after(1), "x")), (6, 11, 11));
}

/// docs/protocol.md, 1: "electing; seeking if it never had a view".
#[test]
fn a_peer_without_a_view_has_nobody_to_elect_with() {
    let mut trial = Trial::seeker(None, &super::super::Found::default());
    trial.knows("x");
    trial.gets("x", Message::Coordinator { term: term("4@x/1") });
    assert_eq!(trial.peer.standing(), Standing::Promised);
    let connection = connection("x");
    assert_eq!(trial.gets("x", Message::Leave { term: Some(term("4@x/1")) }), [Effect::Drop { connection }]);
    assert_eq!(trial.peer.standing(), Standing::Seeking);
}

/// docs/protocol.md, 5.3: "The rank is what the view says, for all alike."
#[test]
fn ranks_are_those_of_the_view_whatever_the_settings_say() {
    let elects = |own: i64| {
        let mut trial = Trial::member(&["a", "b", "x", "y"]);
        trial.peer.settings.priority = 9;
        for (name, priority) in [("a", 7), ("x", -1), ("m", own)] {
            trial.peer.group.last_view.get_mut(&id(name)).unwrap().priority = priority;
        }
        trial.peer.contacts.get_mut(&id("y")).unwrap().dead = true;
        loses_its_leader(&mut trial)
    };
    assert_eq!(elects(0), [send("a", election("3@z/1"))]);
    assert_eq!(elects(7), wins("4@m/1", &["a", "b", "x"]));
}
