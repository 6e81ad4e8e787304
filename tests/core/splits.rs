//! Splits, merges and suspension, as one peer sees them.

use peer::protocol::{Alarm, Effect, Effects, Event, Found, Input, Standing};
use peer::wire::Message;

use crate::bench::{contact, id, leadership, lines, sent, told, Bench};

fn of_another_group(asked: bool) -> Message {
    let mut said = leadership("9@b/1", contact("b", 1, "127.0.0.1:9"), 1, 0);
    said.asked = asked;
    Message::Leader(said)
}

fn said_to(effects: &Effects, name: &str) -> Vec<Message> {
    let of = |effect: &Effect| match effect {
        Effect::Send { to, message } if *to == id(name) => Some(message.clone()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn a_leader_tells_a_lower_one_of_its_group_once_an_interval() {
    let mut leader = Bench::leader();
    let effects = leader.step(Input::Datagram(of_another_group(false)));
    assert!(matches!(said_to(&effects, "b")[..], [Message::Leader(_)]), "{effects:?}");
    assert_eq!(leader.after(100).step(Input::Datagram(of_another_group(false))), []);
    let effects = leader.after(5000).step(Input::Datagram(of_another_group(false)));
    assert_eq!(said_to(&effects, "b").len(), 1);
}

#[test]
fn silent_members_are_told_of_in_one_line_that_counts_them() {
    let mut leader = Bench::leader();
    for (connection, name) in [(1, "x"), (2, "y"), (3, "z")] {
        leader.joins(connection, name);
        leader.said(connection, Message::Fetch { term: leader.term(), from: 1 });
    }
    let term = leader.term();
    leader.after(9000).said(3, Message::HeartbeatAck { term, stored: 0 });
    let effects = leader.after(1001).alarm(Alarm::Heartbeat);
    let splits: Vec<String> = told(&effects)
        .into_iter()
        .filter(|event| matches!(event, Event::Split { .. }))
        .map(ToString::to_string)
        .collect();
    assert_eq!(splits, ["Split: 2 of 4 members out of reach, [x, y]; going on with 2"]);
}

#[test]
fn what_is_sent_to_a_silent_leader_begins_anew_with_the_new_link() {
    let mut member = Bench::member(&["z", "y"]);
    member.step(Input::Readings(lines(2)));
    member.after(10_001).alarm(Alarm::LeaderCheck);
    assert_eq!(member.peer.standing(), Standing::Electing);
    let effects = member.step(Input::Readings(lines(1)));
    assert_eq!(sent(&effects).iter().map(|request| request.first).collect::<Vec<_>>(), [1, 3]);
}

/// What a peer with `--quorum 2` says until so many milliseconds have passed.
fn says_within(peer: &mut Bench, milliseconds: u64) -> Vec<String> {
    let until = peer.now() + milliseconds;
    let mut said = Vec::new();
    while peer.now() < until {
        for alarm in [Alarm::Discovery, Alarm::Heartbeat] {
            said.extend(told(&peer.after(250).alarm(alarm)).into_iter().map(ToString::to_string));
        }
    }
    said
}

#[test]
fn who_is_alone_below_the_quorum_takes_readings_in_and_says_so_once() {
    let mut peer = Bench::under(Some(2), &Found::default());
    peer.step(Input::Readings(lines(3)));
    assert_eq!(says_within(&mut peer, 60_000), ["Suspended: 1 of 2 members, 3 readings waiting"]);
    assert_eq!(peer.peer.standing(), Standing::Seeking);
    assert!(peer.peer.room() > 0);
}

#[test]
fn a_leader_that_lifts_its_term_for_a_joiner_is_not_led_away_by_what_comes_late() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    leader.hello(2, "y", 5, "127.0.0.1:8002");
    let promised = Some(crate::bench::term("7@y/5"));
    leader.said(2, Message::Join { promised: promised.clone(), priority: 0, runs: vec![], last: 0 });
    assert_eq!(leader.peer.standing(), Standing::Proposing);
    leader.said(2, Message::Stale { term: promised, leader: Some(contact("y", 5, "127.0.0.1:8002")) });
    assert_eq!(leader.peer.standing(), Standing::Proposing);
}
