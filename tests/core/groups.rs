//! Elections, views and merges as one peer sees them.

use peer::protocol::{ConnectionId, Event, Input, Standing};
use peer::wire::Message;

use crate::bench::{contact, id, leadership, told, Bench};

#[test]
fn who_was_drawn_into_an_election_says_that_the_leader_failed_when_it_finds_out() {
    let mut member = Bench::member(&["z", "a"]);
    let mut effects = member.said(2, Message::Election { term: Some(member.term()), from: id("a") });
    effects.extend(member.step(Input::Ended { connection: ConnectionId(1) }));
    effects.extend(member.step(Input::Refused { peer: id("z") }));
    effects.extend(member.step(Input::Refused { peer: id("z") }));
    assert_eq!(told(&effects).iter().filter(|event| ***event == Event::LeaderFailed).count(), 1, "{effects:?}");
}

#[test]
fn a_member_says_once_that_the_leader_failed() {
    let mut member = Bench::member(&["z", "y"]);
    let mut effects = member.said(1, Message::Leave { term: Some(member.term()) });
    effects.extend(member.step(Input::Refused { peer: id("z") }));
    assert_eq!(told(&effects).iter().filter(|event| ***event == Event::LeaderFailed).count(), 1, "{effects:?}");
}

#[test]
fn a_datagram_makes_no_leader_yield() {
    let mut leader = Bench::leader();
    let said = leadership("9@x/1", contact("x", 1, "127.0.0.1:9"), 5, 9);
    leader.step(Input::Datagram(Message::Leader(said)));
    assert_eq!(leader.peer.standing(), Standing::Leader);
}

#[test]
fn a_learner_that_said_nothing_becomes_no_member_even_where_there_is_nothing_to_store() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.joins(2, "y");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    assert_eq!(leader.peer.members(), [id("m"), id("x")]);
}

#[test]
fn a_member_whose_leader_was_only_silent_sends_everything_again() {
    let mut member = Bench::member(&["z", "y"]);
    member.after(4000).step(Input::Readings(crate::bench::lines(1)));
    member.after(6100).alarm(peer::protocol::Alarm::LeaderCheck);
    assert_eq!(member.peer.standing(), Standing::Electing);
    let effects = member.after(900).heartbeat();
    assert_eq!(member.peer.standing(), Standing::Member);
    assert_eq!(crate::bench::sent(&effects).len(), 1);
}
