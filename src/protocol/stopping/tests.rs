//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::trial::{lines, send, term, Trial};
use super::super::{Alarm, Effect, Exit, Found, Input, Time};
use crate::wire::{Frame, Message, Request};

fn leaves(to: &str, text: &str) -> Effect {
    send(to, Message::Leave { term: Some(term(text)) })
}

/// docs/protocol.md, 5.8: a peer that has nothing left to be committed says `LEAVE` to its leader, or as the leader to all,
/// and to those that wait for it, and ends.
#[test]
fn a_peer_that_has_nothing_pending_leaves() {
    let ends = |mut trial: Trial| trial.step(Input::Stop);
    assert_eq!(ends(Trial::seeker(None, &Found::default())), [Effect::Exit(Exit::Stopped)]);
    assert_eq!(ends(Trial::member(&["x"])), [leaves("z", "3@z/1"), Effect::Exit(Exit::Stopped)]);
    assert_eq!(ends(Trial::learner()), [leaves("z", "3@z/1"), Effect::Exit(Exit::Stopped)]);
    let all = [leaves("a", "3@m/1"), leaves("x", "3@m/1"), Effect::Exit(Exit::Stopped)];
    assert_eq!(ends(Trial::leader(&["a", "x"])), all);
    let mut promised = Trial::member(&["x"]);
    promised.gets("x", Message::Coordinator { term: term("4@x/1") });
    assert_eq!(ends(promised), [leaves("x", "4@x/1"), Effect::Exit(Exit::Stopped)]);
    let mut proposing = Trial::member(&["a", "b"]);
    proposing.gets("z", Message::Leave { term: Some(term("3@z/1")) });
    let state = Message::LogState { term: term("4@m/1"), synced: None, runs: vec![], last: 0, limits: None };
    proposing.gets("a", state);
    assert_eq!(ends(proposing), [leaves("a", "4@m/1"), Effect::Exit(Exit::Stopped)]);
}

/// docs/protocol.md, 5.8: it waits half a second for what it took in, takes nothing more, and then says how much is left.
#[test]
fn a_peer_waits_for_what_it_took_in() {
    let stops = || {
        let mut trial = Trial::member(&["x"]);
        trial.step(Input::Readings(lines(2)));
        assert_eq!((trial.step(Input::Stop), trial.peer.room()), (vec![], 0));
        assert_eq!(trial.step(Input::Readings(lines(2))), [], "that was not taken in");
        assert_eq!(trial.peer.deadline(Alarm::Heartbeat), Some(trial.peer.clock.now + Time::from_millis(500)));
        trial
    };
    let mut trial = stops();
    assert_eq!(trial.after_time(Time::from_millis(499)).alarm(Alarm::Heartbeat), []);
    // To be asked again gives it no more time.
    assert_eq!(trial.step(Input::Stop), []);
    let left = Effect::Exit(Exit::StoppedWith { uncommitted: 2 });
    assert_eq!(trial.after_time(Time::from_millis(1)).alarm(Alarm::Heartbeat), [leaves("z", "3@z/1"), left]);
    assert_eq!((trial.peer.deadline(Alarm::Heartbeat), trial.peer.room()), (None, 0));

    let mut trial = stops();
    let request = Request { origin: "m/1".parse().unwrap(), first: 1, lines: lines(2) };
    let frame = Frame::build(term("3@z/1"), 1, &[request]);
    trial.gets("z", Message::Ordered { term: term("3@z/1"), frame });
    let effects = trial.gets("z", Message::Commit { term: term("3@z/1"), up_to: 2 });
    assert_eq!(effects.last(), Some(&Effect::Exit(Exit::Stopped)), "{effects:?}");
}

/// docs/protocol.md, 5.8: a peer that can store nothing can promise nothing.
#[test]
fn a_peer_whose_disk_fails_leaves_at_that_moment() {
    let mut trial = Trial::member(&["x"]);
    trial.step(Input::Readings(lines(2)));
    assert_eq!(trial.step(Input::DiskFailed), [leaves("z", "3@z/1"), Effect::Exit(Exit::Disk)]);
}
