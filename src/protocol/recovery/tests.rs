//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::trial::{
    close, connection, contact, id, join, lines, say, send, stale, stores, tell, term, view, Trial, TIMING,
};
use super::super::{Alarm, Effect, Event, Found, Input, Serve, Standing, State, Store, AHEAD_READINGS};
use crate::ids::Sequence;
use crate::wire::{Base, Frame, Message, Request, RunList};

fn runs(items: &[(&str, Sequence)]) -> RunList {
    items.iter().map(|(text, first)| (term(text), *first)).collect()
}

/// A log that was stored before.
fn found(synced: &str, runs: RunList, last: Sequence) -> Found {
    Found { promised: Some(term(synced)), synced: Some(term(synced)), needs: last, runs, last, ..Found::default() }
}

/// Proposes `4@m/1` to these, after `z` left.
fn proposer(quorum: Option<u32>, found: &Found, others: &[&str]) -> Trial {
    let mut trial = Trial::member_with(quorum, found, others);
    trial.gets("z", Message::Leave { term: Some(term("3@z/1")) });
    assert_eq!(trial.peer.standing(), Standing::Proposing);
    trial
}

fn log_state(synced: &str, runs: RunList, last: Sequence) -> Message {
    Message::LogState { term: term("4@m/1"), synced: Some(term(synced)), runs, last, limits: None }
}

/// The promise of a peer without a log, to this term.
fn promise_to(text: &str) -> Message {
    Message::LogState { term: term(text), synced: None, runs: vec![], last: 0, limits: None }
}

fn coordinator(text: &str) -> Message {
    Message::Coordinator { term: term(text) }
}

/// It leads `a`, with this log.
fn leads(runs: RunList, last: Sequence) -> Vec<Effect> {
    let members = vec![id("a"), id("m")];
    let installed = Event::View { term: term("4@m/1"), change: 1, members, leader_here: true };
    let view = Message::ViewChange(view("4@m/1", &["a", "m"], runs, last));
    vec![stores("4@m/1", Some("4@m/1"), last), tell(installed), say("a", view)]
}

/// docs/protocol.md, 5.5: "When all have answered or failed". 5.6: "The proposer leads, and its term is its `synced`.
/// `VIEW_CHANGE` goes to those who answered."
#[test]
fn a_proposer_whose_log_is_the_best_leads_those_who_answered() {
    let mut trial = proposer(None, &Found::default(), &["a"]);
    assert_eq!(trial.gets("a", log_state("3@z/1", vec![], 0)), leads(vec![], 0));
}

/// docs/protocol.md, 5.5: "with fewer answers than `--quorum`, the proposer seeks, and says `YIELD` to those who answered."
#[test]
fn a_proposer_with_too_few_answers_lets_go_of_them() {
    let mut trial = proposer(Some(3), &Found::default(), &["a", "b"]);
    assert_eq!(trial.gets("a", log_state("3@z/1", vec![], 0)), []);
    let effects = trial.after(5).step(Input::Stored(vec![super::super::Done::Proposed { term: term("4@m/1") }]));
    assert_eq!(effects, []);
    let yields = send("a", Message::Yield { term: term("4@m/1"), leader: None });
    let suspended = Event::Suspended { have: 2, need: 3, waiting: 0 };
    assert_eq!(trial.alarm(Alarm::Election), [tell(suspended), yields]);
    assert_eq!(trial.peer.standing(), Standing::Seeking);
}

/// docs/protocol.md, 5.5: "A proposer that goes back to seeking, or promises to another, says `YIELD` to those who answered,
/// with the leader that it goes to, if it knows one. It says so to a later `LOG_STATE`, too, unless it elects, proposes or leads by then."
#[test]
fn a_proposer_that_hears_of_a_leader_lets_go_of_those_who_answered_whenever_they_did() {
    let mut trial = proposer(None, &Found::default(), &["a", "b", "c"]);
    trial.gets("a", log_state("3@z/1", vec![], 0));
    let other = Some(contact("x"));
    let effects = trial.gets("b", Message::Stale { term: Some(term("5@x/1")), leader: other.clone() });
    let yields = Message::Yield { term: term("4@m/1"), leader: other };
    assert_eq!(effects.first(), Some(&send("a", yields)), "{effects:?}");
    assert_eq!(trial.peer.standing(), Standing::Seeking);
    let late = send("c", Message::Yield { term: term("4@m/1"), leader: None });
    assert_eq!(trial.gets("c", log_state("3@z/1", vec![], 0)), [late]);
}

/// docs/protocol.md, 5.5: "the best log is the one with the highest `(synced, last)`. What the proposer lacks is fetched
/// from its owner".
#[test]
fn what_the_proposer_lacks_is_fetched() {
    let own = found("3@z/1", runs(&[("3@z/1", 1)]), 4);
    let mut trial = proposer(None, &own, &["a", "b"]);
    assert_eq!(trial.gets("a", log_state("3@z/1", runs(&[("3@z/1", 1)]), 9)), []);
    let effects = trial.gets("b", log_state("3@z/1", runs(&[("3@z/1", 1)]), 6));
    assert_eq!(effects, [say("a", Message::Fetch { term: term("4@m/1"), from: 5 })]);
}

/// docs/protocol.md, 5.4: "Each says on a new link again what the other waits for." The owner of the log waits for `FETCH`,
/// nobody else does.
#[test]
fn a_log_that_is_fetched_is_asked_for_again_on_a_new_link_to_its_owner() {
    let mut trial = proposer(None, &Found::default(), &["a", "b"]);
    trial.gets("b", log_state("3@z/1", vec![], 0));
    let fetches = [say("a", Message::Fetch { term: term("4@m/1"), from: 1 })];
    assert_eq!(trial.gets("a", log_state("3@z/1", runs(&[("3@z/1", 1)]), 9)), fetches);
    assert_eq!(trial.step(Input::LinkUp { peer: id("b") }), []);
    assert_eq!(trial.step(Input::LinkUp { peer: id("a") }), fetches);
}

/// docs/protocol.md, 5.5: "What the proposer lacks is fetched from its owner". 10.5: "So it takes the beginning as told: the
/// log ends at `base`, all of it is committed and delivered […]. Then it says `FETCH` again." Then the proposer leads.
#[test]
fn a_proposer_takes_the_log_that_it_fetches_and_leads_with_it() {
    let mut trial = proposer(None, &Found::default(), &["a"]);
    let history = runs(&[("3@z/1", 1)]);
    let fetch = |from| say("a", Message::Fetch { term: term("4@m/1"), from });
    assert_eq!(trial.gets("a", log_state("3@z/1", history.clone(), 9)), [fetch(1)]);
    let base = Base { last: 5, runs: history, origins: vec![] };
    let effects = trial.gets("a", Message::Base { term: term("4@m/1"), base: base.clone() });
    assert_eq!(effects, [Effect::Store(Store::Begin(base)), fetch(6)]);
    let request = Request { origin: "z/1".parse().unwrap(), first: 6, lines: lines(4) };
    let frame = Frame::build(term("3@z/1"), 6, &[request]);
    let ordered = |text| Message::Ordered { term: term(text), frame: frame.clone() };
    for (from, text) in [("z", "4@m/1"), ("a", "3@z/1")] {
        trial.gets(from, ordered(text));
        assert_eq!(trial.peer.last(), 5, "{from}, {text}");
    }
    let effects = trial.gets("a", ordered("4@m/1"));
    let stored = say("a", Message::Stored { term: term("4@m/1"), last: 9 });
    let takes = vec![Effect::Store(Store::Append(frame.clone())), stored];
    assert_eq!(effects, [takes, leads(runs(&[("3@z/1", 1)]), 9)].concat());
}

/// docs/protocol.md, 5.5: a promise that comes late is not lost: its sender is taken in as a learner. A promise of another
/// term is none, and a member is in already.
#[test]
fn a_peer_that_promised_too_late_is_taken_in() {
    let added = Message::Added { view: view("3@m/1", &["m", "x"], vec![], 0), incarnation: 1 };
    let old = send("y", stale("3@m/1", Some("m")));
    for (name, text, effects) in
        [("y", "2@m/1", vec![old]), ("x", "3@m/1", vec![]), ("y", "3@m/1", vec![say("y", added)])]
    {
        let mut trial = Trial::leader(&["x"]);
        trial.knows("y");
        assert_eq!(trial.gets(name, promise_to(text)), effects, "{name}, {text}");
    }
}

/// docs/protocol.md, 3.3: a proposer cannot take anybody in yet. It does once it leads.
#[test]
fn a_peer_that_asks_a_proposer_is_taken_in_once_it_leads() {
    let mut trial = proposer(None, &Found::default(), &["a"]);
    trial.knows("y");
    assert_eq!(trial.gets("y", join()), []);
    let effects = trial.gets("a", log_state("3@z/1", vec![], 0));
    let view = view("4@m/1", &["a", "m"], vec![], 0);
    let added = say("y", Message::Added { view, incarnation: 1 });
    assert_eq!(effects, [leads(vec![], 0), vec![added]].concat());
}

/// docs/protocol.md, 5.4: "A promiser that hears nothing of its proposer for the heartbeat timeout starts an election." So a
/// proposer at work shows that it lives, to those that answered it, twice in an interval. Nothing is decided before its time
/// is up.
#[test]
fn a_proposer_shows_that_it_lives_while_it_waits() {
    let mut trial = proposer(None, &Found::default(), &["a", "b"]);
    trial.gets("b", log_state("3@z/1", vec![], 0));
    let beats = [send("b", Message::Heartbeat { term: term("4@m/1"), committed: 0 })];
    assert_eq!(trial.alarm(Alarm::Election), []);
    assert_eq!(trial.alarm(Alarm::Heartbeat), beats);
    let quarter = TIMING.heartbeat_interval / 4;
    for _ in 0..3 {
        assert_eq!(trial.peer.deadline(Alarm::Heartbeat), Some(trial.peer.clock.now + quarter * 2));
        assert_eq!(trial.after_time(quarter).alarm(Alarm::Heartbeat), [], "before it is due");
        assert_eq!(trial.after_time(quarter).alarm(Alarm::Heartbeat), beats);
    }
}

/// docs/protocol.md, 5.5: "after the proposer cut its own log to the common prefix". The longer log of an earlier `synced`
/// is not the best: what it holds beyond may never have been committed.
#[test]
fn the_newest_synced_is_better_than_the_longest_log() {
    let own = found("2@y/1", runs(&[("1@x/1", 1), ("2@y/1", 4)]), 9);
    let mut trial = proposer(None, &own, &["a"]);
    trial.peer.promises.synced = Some(term("2@y/1"));
    let effects = trial.gets("a", log_state("3@z/1", runs(&[("1@x/1", 1), ("3@z/1", 4)]), 5));
    let state = State { promised: Some(term("4@m/1")), synced: Some(term("2@y/1")), needs: 3 };
    let cut = Effect::Store(Store::Cut { to: 3, state });
    assert_eq!(effects, [cut, say("a", Message::Fetch { term: term("4@m/1"), from: 4 })]);
}

/// docs/protocol.md, 5.5: "If the owner fails, 5.4 again."
#[test]
fn a_proposer_starts_again_when_the_owner_of_the_best_log_fails() {
    let mut trial = proposer(None, &Found::default(), &["a", "b"]);
    trial.gets("b", log_state("3@z/1", vec![], 0));
    trial.gets("a", log_state("3@z/1", runs(&[("3@z/1", 1)]), 9));
    let effects = trial.step(Input::Refused { peer: id("a") });
    assert_eq!(effects, [], "what its connection still holds is read first");
    let connection = connection("a");
    let effects = trial.step(Input::Ended { connection });
    assert_eq!(effects, [close("a"), stores("5@m/1", Some("3@z/1"), 0), say("b", coordinator("5@m/1"))]);
}

/// docs/protocol.md, 4.5: "A leader serves no further than 32 batches ahead of what its follower said it has stored": so
/// does a peer that promised and serves its proposer, and `STORED` in the promised term makes room.
#[test]
fn what_the_proposer_has_stored_makes_room_for_more() {
    let long = found("3@z/1", runs(&[("3@z/1", 1)]), AHEAD_READINGS + 5);
    let mut trial = Trial::member_with(None, &long, &["x"]);
    trial.gets("x", coordinator("4@x/1"));
    let serve = |restart, up_to| {
        let serve = Serve { term: term("4@x/1"), cuts: 0, restart, up_to };
        Effect::Serve { to: id("x"), serve }
    };
    let fetch = Message::Fetch { term: term("4@x/1"), from: 1 };
    assert_eq!(trial.gets("x", fetch), [serve(Some(0), AHEAD_READINGS)]);
    let stored = |text| Message::Stored { term: term(text), last: 5 };
    assert_eq!(trial.gets("x", stored("3@z/1")), [send("x", stale("4@x/1", None))]);
    assert_eq!(trial.gets("z", stored("4@x/1")), []);
    assert_eq!(trial.gets("x", stored("4@x/1")), [serve(None, AHEAD_READINGS + 5)]);
}
