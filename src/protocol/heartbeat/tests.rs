//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::trial::{close, contact, endpoint, id, question, say, send, tell, term, view, Trial};
use super::super::{Alarm, Effect, Event, Standing, Time};
use crate::wire::{Leadership, Message};

fn heartbeat(text: &str) -> Message {
    Message::Heartbeat { term: term(text), committed: 0 }
}

fn election() -> Message {
    Message::Election { term: Some(term("3@z/1")), from: id("m") }
}

/// docs/protocol.md, 5.1: "After silence for the heartbeat timeout […] a member starts an election".
#[test]
fn a_member_elects_after_the_silence_of_its_leader() {
    let mut trial = Trial::member(&["x"]);
    assert_eq!(trial.after(9).alarm(Alarm::LeaderCheck), []);
    let silent = tell(Event::LeaderTimeout { leader: id("z") });
    let expected = [close("z"), silent, send("z", election()), send("x", election())];
    assert_eq!(trial.after(1).alarm(Alarm::LeaderCheck), expected);
}

/// docs/protocol.md, 5.1: "After silence for the heartbeat timeout […] a learner seeks."
#[test]
fn a_learner_seeks_after_the_silence_of_its_leader() {
    let mut trial = Trial::learner();
    assert_eq!(trial.after(10).alarm(Alarm::LeaderCheck), [close("z")]);
    assert_eq!(trial.peer.standing(), Standing::Seeking);
}

/// docs/protocol.md, 5.1: "After silence for the heartbeat timeout the leader drops a member". 5.2: "The one dropped is
/// told."
#[test]
fn a_leader_drops_a_silent_member() {
    let mut trial = Trial::leader(&["a", "b"]);
    trial.after(9).gets("b", Message::HeartbeatAck { term: term("3@m/1"), stored: 0 });
    let (names, change) = (["b", "m"], 2);
    let dropped = || Message::ViewChange(crate::wire::ViewChange { change, ..view("3@m/1", &names, vec![], 0) });
    let members = vec![id("b"), id("m")];
    let leader = contact("m");
    let effects = trial.after(1).alarm(Alarm::Heartbeat);
    let (last, first) = effects.split_last().unwrap();
    assert_eq!(question(std::slice::from_ref(last)).0, endpoint("a"), "it may live, and not hear the broadcast");
    assert_eq!(
        first,
        [
            close("a"),
            tell(Event::MemberFailed { peer: id("a"), members: members.clone() }),
            tell(Event::View { term: term("3@m/1"), change, members, leader_here: true }),
            say("b", dropped()),
            say("a", dropped()),
            tell(Event::Split { away: vec![id("a")], of: 3, left: 2 }),
            send("b", heartbeat("3@m/1")),
            Effect::Broadcast(Message::Leader(Leadership { term: term("3@m/1"), leader, size: 2, last: 0 })),
        ]
    );
}

/// docs/protocol.md, 5.1: signs of life are "to others what their leader sends in the installed term".
#[test]
fn only_the_leader_in_the_installed_term_shows_that_it_lives() {
    let mut trial = Trial::member(&["x"]);
    let due = |trial: &Trial| trial.peer.deadline(Alarm::LeaderCheck).unwrap();
    let before = due(&trial);
    assert_eq!(trial.after(2).gets("x", heartbeat("3@z/1")), []);
    assert_eq!(due(&trial), before);
    let answer = send("z", Message::HeartbeatAck { term: term("3@z/1"), stored: 0 });
    assert_eq!(trial.gets("z", heartbeat("3@z/1")), [answer]);
    assert_eq!(due(&trial).as_secs(), before.as_secs() + 2);
}

/// docs/protocol.md, 5.1: a peer that promised waits as long as its proposer says in the promised term that it lives.
#[test]
fn a_promise_waits_for_a_proposer_that_lives() {
    let mut trial = Trial::member(&["x", "y"]);
    trial.gets("x", Message::Coordinator { term: term("4@x/1") });
    trial.after(9).gets("x", heartbeat("4@x/1"));
    trial.after(9).alarm(Alarm::Election);
    assert_eq!(trial.peer.standing(), Standing::Promised);
    // Its life in another term is no sign, and what another says is none.
    trial.gets("x", heartbeat("3@x/1"));
    trial.gets("y", heartbeat("4@x/1"));
    trial.after(1).alarm(Alarm::Election);
    assert_eq!(trial.peer.standing(), Standing::Electing);
}

/// docs/protocol.md, 5.3: "A sign of life of the leader ends the election." The link to it was closed, so the member
/// fetches what follows its log, as on a new link (4.5).
#[test]
fn a_leader_that_is_heard_again_ends_the_election() {
    let mut trial = Trial::member(&["x"]);
    trial.after(10).alarm(Alarm::LeaderCheck);
    assert_eq!(trial.peer.standing(), Standing::Electing);
    let fetch = say("z", Message::Fetch { term: term("3@z/1"), from: 1 });
    let answer = send("z", Message::HeartbeatAck { term: term("3@z/1"), stored: 0 });
    assert_eq!(trial.gets("z", heartbeat("3@z/1")), [fetch, answer]);
    assert_eq!(trial.peer.standing(), Standing::Member);
}

/// docs/protocol.md, 5.1: "A deadline found more than an interval late (the process was stopped) is put off by an interval
/// once: what waits is read first."
#[test]
fn a_deadline_that_is_found_far_too_late_is_put_off_once() {
    let mut trial = Trial::member(&["x"]);
    assert_eq!(trial.after(60).alarm(Alarm::LeaderCheck), []);
    assert_eq!(trial.after(4).alarm(Alarm::LeaderCheck), []);
    assert_eq!(trial.after(1).alarm(Alarm::LeaderCheck).len(), 4);
}

/// docs/protocol.md, 5.1: a leader that was stopped has patience with one follower while it drops another. Until it is
/// over there is nothing to do for that follower, so no alarm is due for it.
#[test]
fn a_leader_with_patience_is_not_called_in_vain() {
    let mut trial = Trial::leader(&["a", "b"]);
    trial.after(3).gets("b", Message::HeartbeatAck { term: term("3@m/1"), stored: 0 });
    // "a" is found silent 7 seconds late, "b" 4: more and less than an interval.
    let effects = trial.after(14).alarm(Alarm::Heartbeat);
    assert_eq!(effects[0], close("b"));
    assert!(!effects.contains(&close("a")));
    let patience = trial.peer.clock.now + Time::from_secs(5);
    assert_eq!(trial.peer.deadline(Alarm::Heartbeat), Some(patience));
    assert_eq!(trial.after(4).alarm(Alarm::Heartbeat), []);
    assert_eq!(trial.after(1).alarm(Alarm::Heartbeat)[0], close("a"));
}

/// docs/protocol.md, 5.2: many become silent at the same time where a network is cut.
#[test]
fn those_that_are_found_silent_within_a_moment_share_a_view() {
    let leads = |gathers_until: u64| {
        let mut trial = Trial::leader(&["a", "b"]);
        let leading = trial.leading();
        leading.gathers_until = Time::from_millis(gathers_until);
        trial.after(10);
        trial
    };
    let drops = |trial: &mut Trial| trial.alarm(Alarm::Heartbeat).contains(&close("a"));
    let mut trial = leads(11_001);
    assert!(!drops(&mut trial));
    assert!(drops(trial.after_time(Time::from_millis(1))));
    let mut trial = leads(11_000);
    assert!(drops(&mut trial));
    let moment = trial.peer.settings.moment();
    assert_eq!(trial.peer.leading().unwrap().gathers_until, Time::from_secs(11) + moment);
}
