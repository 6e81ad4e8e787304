//! Splits, merges and suspension, as one peer sees them.

use peer::protocol::{Alarm, Call, Effects, Event, Found, Input, Standing};
use peer::wire::Message;

use crate::bench::{asked, contact, join, leadership, leads, lines, sent, told, view, Bench};

/// The `LEADER` of another group, at 127.0.0.1:9.
fn of_another_group(name: &str) -> Message {
    let leader = contact(name, 1, "127.0.0.1:9");
    Message::Leader(leadership(&format!("9@{name}/1"), leader, 1, 0))
}

/// The addresses that it asks, and whether the question names its own group.
fn asks(effects: &Effects) -> Vec<(String, bool)> {
    let tells = |call: &Call| matches!(call.question.hint, Some(Message::Leader(_)));
    asked(effects).into_iter().map(|call| (call.to.to_string(), tells(call))).collect()
}

#[test]
fn a_leader_asks_a_lower_one_once_an_interval_and_tells_it_of_its_group() {
    let mut leader = Bench::leader();
    let lower = || of_another_group("b");
    assert_eq!(asks(&leader.hears(lower())), [("127.0.0.1:9".to_owned(), true)]);
    assert_eq!(leader.after(100).hears(lower()), []);
    assert_eq!(asks(&leader.after(5000).hears(lower())).len(), 1);
}

#[test]
fn a_leader_asks_a_higher_one_before_it_yields() {
    let mut leader = Bench::leader();
    let effects = leader.hears(of_another_group("x"));
    assert_eq!(asks(&effects), [("127.0.0.1:9".to_owned(), false)]);
    assert_eq!(leader.peer.standing(), Standing::Leader);
    leader.answered("127.0.0.1:9", leads("127.0.0.1:9", view("9@x/1", vec![], 0)));
    assert_eq!(leader.peer.standing(), Standing::Seeking);
}

#[test]
fn one_line_counts_the_silent_members() {
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
fn what_is_sent_to_a_silent_leader_starts_over_with_the_new_link() {
    let mut member = Bench::member(&["z", "y"]);
    member.step(Input::Readings(lines(2)));
    member.after(10_001).alarm(Alarm::LeaderCheck);
    assert_eq!(member.peer.standing(), Standing::Electing);
    let effects = member.step(Input::Readings(lines(1)));
    assert_eq!(sent(&effects).iter().map(|request| request.first).collect::<Vec<_>>(), [1, 3]);
}

/// What a peer with `--quorum 2` logs until this many milliseconds have passed.
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
fn a_peer_alone_below_the_quorum_takes_readings_in_and_says_so_once() {
    let mut peer = Bench::under(Some(2), &Found::default());
    peer.step(Input::Readings(lines(3)));
    assert_eq!(says_within(&mut peer, 60_000), ["Suspended: 1 of 2 members, 3 readings waiting"]);
    assert_eq!(peer.peer.standing(), Standing::Seeking);
    assert!(peer.peer.room() > 0);
}

#[test]
fn late_messages_do_not_lead_away_a_leader_that_lifts_its_term_for_a_joiner() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    leader.hello(2, "y", 5, "127.0.0.1:8002");
    let promised = Some(crate::bench::term("7@y/5"));
    leader.said(2, join(promised.clone()));
    assert_eq!(leader.peer.standing(), Standing::Proposing);
    leader.said(2, Message::Stale { term: promised, leader: Some(contact("y", 5, "127.0.0.1:8002")) });
    assert_eq!(leader.peer.standing(), Standing::Proposing);
}
