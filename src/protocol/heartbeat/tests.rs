//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about, where one is written there.

use super::super::trial::{
    asked, close, connection, contact, endpoint, id, lines, question, say, send, stale, tell, term, view, Trial,
};
use super::super::{Alarm, Done, Effect, Effects, Event, Input, Question, Serve, Standing, Store, Time};
use super::{LOST_KEPT_MAX, LOST_MAX, LOST_TIME_MAX};
use crate::ids::Sequence;
use crate::wire::{Contact, Frame, Leadership, Message, Request};

fn heartbeat(text: &str) -> Message {
    Message::Heartbeat { term: term(text), committed: 0 }
}

/// It says to all that it leads this many, with a log up to here.
fn leads(size: u64, last: Sequence) -> Effect {
    let (term, leader) = (term("3@m/1"), contact("m"));
    Effect::Broadcast(Message::Leader(Leadership { term, leader, size, last }))
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
            leads(2, 0),
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

/// docs/protocol.md, 5.4: "A promiser that hears nothing of its proposer for the heartbeat timeout starts an election." It
/// waits as long as its proposer says in the promised term that it lives.
#[test]
fn a_promise_waits_for_a_proposer_that_lives() {
    let mut trial = Trial::member(&["x", "y"]);
    trial.gets("x", Message::Coordinator { term: term("4@x/1") });
    assert_eq!(trial.after(9).gets("x", heartbeat("4@x/1")), []);
    assert_eq!(trial.after(9).alarm(Alarm::Election), []);
    assert_eq!(trial.peer.standing(), Standing::Promised);
    // Its life in another term is no sign, and what another says is none.
    assert_eq!(trial.gets("x", heartbeat("3@x/1")), [send("x", stale("4@x/1", None))]);
    assert_eq!(trial.gets("y", heartbeat("4@x/1")), []);
    assert_eq!(trial.after(1).alarm(Alarm::Election), [], "whom it asks has a moment");
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

/// docs/protocol.md, 5.1: "A deadline found more than an interval late (the process was stopped) is put off by an interval
/// once". So a leader has patience with one follower while it drops another. Until it is over there is nothing to do for
/// that follower, and no alarm is due for it.
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

/// docs/protocol.md, 5.2: "After a view that dropped silent members, or took learners in, others gather for a moment (5.3)
/// and share the next one."
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

/// A batch of three readings that this peer took in.
fn batch() -> Frame {
    let request = Request { origin: "m/1".parse().unwrap(), first: 1, lines: lines(3) };
    Frame::build(term("3@m/1"), 1, &[request])
}

/// docs/protocol.md, 5.7: "A leader below `--quorum` goes on ordering for a heartbeat timeout, without committing, and then
/// yields and seeks."
#[test]
fn a_leader_below_its_quorum_yields_after_a_heartbeat_timeout() {
    let mut trial = Trial::leader(&["a", "b"]);
    trial.peer.settings.quorum = Some(3);
    trial.gets("b", Message::Leave { term: Some(term("3@m/1")) });
    let beats = [send("a", heartbeat("3@m/1")), leads(2, 0)];
    assert_eq!(trial.alarm(Alarm::Heartbeat), beats);
    assert_eq!(trial.after(6).alarm(Alarm::Heartbeat), beats);
    trial.after(3).gets("a", Message::Fetch { term: term("3@m/1"), from: 1 });
    let serve = Serve { term: term("3@m/1"), cuts: 0, restart: None, up_to: 3 };
    let orders = [Effect::Store(Store::Append(batch())), Effect::Serve { to: id("a"), serve }];
    assert_eq!(trial.step(Input::Readings(lines(3))), orders);
    assert_eq!(trial.step(Input::Stored(vec![Done::Appended { last: 3 }])), []);
    assert_eq!(trial.gets("a", Message::Stored { term: term("3@m/1"), last: 3 }), []);
    assert_eq!(trial.alarm(Alarm::Heartbeat), []);
    assert_eq!(trial.peer.deadline(Alarm::Heartbeat), Some(Time::from_secs(11)), "before the next beat");
    let suspended = tell(Event::Suspended { have: 2, need: 3, waiting: 3 });
    let yields = send("a", Message::Yield { term: term("3@m/1"), leader: None });
    assert_eq!(trial.after(1).alarm(Alarm::Heartbeat), [suspended, yields]);
    assert_eq!(trial.peer.standing(), Standing::Seeking);
}

/// docs/protocol.md, 3.1: "Each time it asks at its `--join` addresses, too (3.2), and so does a leader at each heartbeat."
#[test]
fn a_leader_asks_at_its_join_addresses_at_each_beat() {
    let mut trial = Trial::leader(&[]);
    trial.peer.settings.joins = true;
    for _ in 0..2 {
        let effects = trial.alarm(Alarm::Heartbeat);
        let Some(Effect::Ask(Question { nonce, .. })) = effects.last() else { panic!("{effects:?} asks nobody") };
        let Effect::Broadcast(leads) = leads(1, 0) else { unreachable!("it is one") };
        let question = Question { nonce: *nonce, hint: Some(leads.clone()), dialled: None };
        assert_eq!(effects, [Effect::Broadcast(leads), Effect::Ask(question)]);
        assert_eq!(trial.after(4).alarm(Alarm::Heartbeat), [], "before the next");
        trial.after(1);
    }
}

/// docs/protocol.md, 4.6: "The leader says `COMMIT`, and each peer delivers in order." Where that is lost with a link, the
/// heartbeat says it again.
#[test]
fn a_heartbeat_repeats_what_is_committed() {
    let mut trial = Trial::leader(&["a"]);
    trial.step(Input::Readings(lines(3)));
    trial.step(Input::Stored(vec![Done::Appended { last: 3 }]));
    trial.gets("a", Message::Stored { term: term("3@m/1"), last: 3 });
    let beat = |text: &str| Message::Heartbeat { term: term(text), committed: 3 };
    assert_eq!(trial.alarm(Alarm::Heartbeat), [send("a", beat("3@m/1")), leads(2, 3)]);

    let mut trial = Trial::member(&["x"]);
    let request = Request { origin: "x/1".parse().unwrap(), first: 1, lines: lines(3) };
    let frame = Frame::build(term("3@z/1"), 1, &[request]);
    trial.gets("z", Message::Ordered { term: term("3@z/1"), frame });
    let answer = send("z", Message::HeartbeatAck { term: term("3@z/1"), stored: 0 });
    let deliver = Effect::Store(Store::Deliver { up_to: 3 });
    assert_eq!(trial.gets("x", beat("3@z/1")), [], "it does not lead");
    assert_eq!(trial.gets("z", beat("3@z/1")), [deliver, answer.clone()]);
    assert_eq!(trial.gets("z", beat("3@z/1")), [answer], "once");
}

/// Number `n` of peers that fell out of its view, last heard of at second `at`.
fn lose(trial: &mut Trial, n: usize, at: u64) -> Contact {
    let lost = Contact { id: id(&format!("lost{n:03}")), ..contact("a") };
    let lost = Contact { endpoint: ([127, 0, 0, 1], 9000 + u16::try_from(n).unwrap()).into(), ..lost };
    trial.peer.contacts.learn(&lost, true, Time::from_secs(at));
    trial.peer.group.lost.insert(lost.id.clone());
    lost
}

/// What it does at the beat of this second, but for telling all that it leads.
fn beat(trial: &mut Trial, second: u64) -> Effects {
    let effects = trial.at(Time::from_secs(second)).alarm(Alarm::Heartbeat);
    assert_eq!(effects[0], leads(1, 0));
    effects[1..].to_vec()
}

/// A leader looks for peers that it lost: some at a beat, all of them in turn, and none that is gone.
#[test]
fn peers_that_were_lost_are_told_of_the_group_in_turn() {
    let mut trial = Trial::leader(&[]);
    let lost: Vec<Contact> = (0..LOST_MAX + 2).map(|n| lose(&mut trial, n, 1)).collect();
    trial.peer.contacts.get_mut(&lost[1].id).unwrap().dead = true;
    let addresses: Vec<_> = lost.iter().filter(|lost| lost.id != id("lost001")).map(|lost| lost.endpoint).collect();
    for (second, expected) in [(5, &addresses[LOST_MAX..]), (10, &addresses[..LOST_MAX]), (15, &addresses[LOST_MAX..])]
    {
        let effects = beat(&mut trial, second);
        assert_eq!((asked(&effects), effects.len()), (expected.to_vec(), expected.len()), "at second {second}");
    }
    let effects = beat(&mut trial, 20);
    let Effect::Broadcast(hint) = leads(1, 0) else { unreachable!("it is one") };
    assert_eq!(question(&effects[..1]).1.hint, Some(hint));
}

/// docs/trust.md: "256 members that fell silent are looked for, for a day". The one that was silent longest gives way.
#[test]
fn lost_peers_are_looked_for_for_a_day_and_not_too_many() {
    let (mut trial, day) = (Trial::leader(&[]), LOST_TIME_MAX.as_secs());
    let lost = lose(&mut trial, 0, 10);
    for second in [5, day + 10, day + 15] {
        let effects = beat(&mut trial, second);
        assert_eq!(asked(&effects[..1]), [lost.endpoint]);
        assert_eq!(effects[1..], if second > day + 10 { vec![close("lost000")] } else { vec![] }, "at second {second}");
    }
    assert_eq!(beat(&mut trial, day + 20), []);

    let mut trial = Trial::leader(&[]);
    for n in 0..=LOST_KEPT_MAX {
        lose(&mut trial, n, if n == 7 { 1 } else { 2 });
    }
    let effects = beat(&mut trial, 35);
    assert_eq!(effects[LOST_MAX..], [close("lost007")]);
}

/// A peer that belongs to nothing is forgotten, and its connection closed, when it was not heard of for twice both timeouts.
#[test]
fn strangers_are_forgotten_after_twice_both_timeouts() {
    let mut trial = Trial::leader(&[]);
    trial.knows("q");
    assert_eq!(beat(&mut trial, 31), []);
    assert_eq!(beat(&mut trial, 36), [close("q"), Effect::Drop { connection: connection("q") }]);
    assert_eq!(beat(&mut trial, 41), []);

    // So does a member at a heartbeat of its leader; those of its last view stay.
    let mut trial = Trial::member(&["x"]);
    trial.knows("q");
    let answer = send("z", Message::HeartbeatAck { term: term("3@z/1"), stored: 0 });
    assert_eq!(trial.after(30).gets("z", heartbeat("3@z/1")), std::slice::from_ref(&answer));
    let forgets = [answer, close("q"), Effect::Drop { connection: connection("q") }];
    assert_eq!(trial.after(1).gets("z", heartbeat("3@z/1")), forgets);
}
