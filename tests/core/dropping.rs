//! What a leader forgets.

use peer::protocol::Alarm;
use peer::wire::Message;

use crate::bench::{id, Bench};

/// How many of these peers' readings it would take.
fn takes_readings_of(leader: &Bench, names: impl Iterator<Item = String>) -> usize {
    names.filter(|name| leader.peer.takes_readings_of(&id(name))).count()
}

#[test]
fn a_leader_forgets_strangers_that_joined_under_ever_new_names() {
    let mut leader = Bench::leader();
    let names = || (0..1000).map(|n| format!("s{n}"));
    for (connection, name) in (1..).zip(names()) {
        leader.after(100).joins(connection, &name);
    }
    assert!(leader.peer.takes_readings_of(&id("s999")), "it was taken in");
    leader.after(60_000);
    for _ in 0..3 {
        leader.after(5000).alarm(Alarm::Heartbeat);
    }
    assert_eq!(takes_readings_of(&leader, names()), 0);
}

#[test]
fn a_leader_forgets_what_a_peer_that_left_may_order_and_not_that_of_one_that_is_there() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.joins(2, "y");
    leader.said(1, Message::Leave { term: None });
    for _ in 0..7 {
        leader.after(5000).alarm(Alarm::Heartbeat);
        leader.said(2, Message::HeartbeatAck { term: leader.term(), stored: 0 });
    }
    assert_eq!(takes_readings_of(&leader, ["x".to_owned()].into_iter()), 0);
    assert_eq!(takes_readings_of(&leader, ["y".to_owned(), "m".to_owned()].into_iter()), 2);
}

#[test]
fn a_leader_looks_for_the_last_256_members_that_it_lost() {
    let mut leader = Bench::leader();
    let names = || (0..300).map(|n| format!("s{n}"));
    for (connection, name) in (1..).zip(names()) {
        leader.after(100).joins(connection, &name);
        leader.said(connection, Message::Fetch { term: leader.term(), from: 1 });
    }
    // The last one stays.
    for _ in 0..20 {
        leader.after(5000).alarm(Alarm::Heartbeat);
        leader.said(300, Message::HeartbeatAck { term: leader.term(), stored: 0 });
    }
    assert_eq!(leader.peer.members(), [id("m"), id("s299")]);
    assert_eq!(takes_readings_of(&leader, names()), 257);
    assert!(!leader.peer.takes_readings_of(&id("s0")), "the oldest are forgotten");
}
