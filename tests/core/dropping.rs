//! What a leader forgets, and members that hold up the group: which it drops, which it names, and which it takes back.

use peer::protocol::{Alarm, Done, Effects, Event, Found, Input, Standing};
use peer::wire::Message;

use crate::bench::{id, lines, range, said_to, term, told, Bench};

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

/// It holds a log of 100,000 readings, and leads `y`, which has none of them, on connection 1.
fn leads_one_without_a_log(quorum: Option<u32>) -> Bench {
    let last = 100_000;
    let found = Found {
        promised: Some(term("1@z/5")),
        synced: Some(term("1@z/5")),
        runs: vec![(term("1@z/5"), 1)],
        last,
        delivered: last,
        origins: vec![range("o/1", 1, last)],
        ..Found::default()
    };
    let mut peer = Bench::under(quorum, &found);
    peer.hello_under(quorum, 1, "y");
    for _ in 0..20 {
        if peer.peer.standing() == Standing::Proposing {
            break;
        }
        peer.hears_seeker("y", "127.0.0.1:8001");
        peer.after(1000).alarm(Alarm::Discovery);
    }
    let term = peer.peer.promised().expect("its own").clone();
    peer.said(1, Message::LogState { term: term.clone(), synced: None, runs: vec![], last: 0, limits: None });
    assert_eq!((peer.peer.standing(), peer.peer.members()), (Standing::Leader, vec![id("m"), id("y")]));
    peer.said(1, Message::Fetch { term, from: 1 });
    peer.step(Input::Readings(lines(1)));
    peer.stored(vec![Done::Appended { last: last + 1 }]);
    peer
}

/// So many heartbeats, after each of which `y` says how much it has stored.
fn beats(leader: &mut Bench, times: u64, stored: impl Fn(u64) -> u64) -> Effects {
    let mut effects = Effects::new();
    for time in 1..=times {
        effects.extend(leader.after(5000).alarm(Alarm::Heartbeat));
        effects.extend(leader.said(1, Message::HeartbeatAck { term: leader.term(), stored: stored(time) }));
    }
    effects
}

/// The members that were said to store nothing, each time, and whether they were waited for.
fn named(effects: &Effects) -> Vec<(Vec<peer::ids::PeerId>, bool)> {
    let of = |event: &&Event| match event {
        Event::NotStoring { peers, waits } => Some((peers.clone(), *waits)),
        _ => None,
    };
    told(effects).iter().filter_map(of).collect()
}

#[test]
fn a_member_that_stores_nothing_is_named_once_where_the_quorum_needs_it() {
    let mut leader = leads_one_without_a_log(Some(2));
    let effects = beats(&mut leader, 60, |_| 7);
    assert_eq!(named(&effects), [(vec![id("y")], true)]);
    assert_eq!(leader.peer.members(), [id("m"), id("y")]);
    // It stores again, and then no more.
    leader.said(1, Message::Stored { term: leader.term(), last: 100_001 });
    assert_eq!(leader.peer.committed(), 100_001);
    leader.step(Input::Readings(lines(1)));
    leader.stored(vec![Done::Appended { last: 100_002 }]);
    assert_eq!(named(&beats(&mut leader, 6, |_| 100_001)), [(vec![id("y")], true)]);
}

#[test]
fn a_member_that_fetches_its_backlog_is_not_said_to_store_nothing_and_may_join() {
    let mut leader = leads_one_without_a_log(None);
    let effects = beats(&mut leader, 6, |time| time * 1000);
    assert_eq!(named(&effects), []);
    assert_eq!((leader.peer.members(), leader.peer.committed()), (vec![id("m")], 100_001), "nothing waits for it");
    let effects = leader.joins(1, "y");
    assert!(matches!(said_to(&effects, "y")[..], [.., Message::Added { .. }]), "{effects:?}");
    // It has no backlog any more. To begin again is to hold up the group.
    leader.said(1, Message::Fetch { term: leader.term(), from: 100_002 });
    assert_eq!(leader.peer.members(), [id("m"), id("y")]);
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    leader.step(Input::Readings(lines(1)));
    leader.stored(vec![Done::Appended { last: 100_002 }]);
    beats(&mut leader, 6, |time| time * 1000);
    assert_eq!((leader.peer.members(), leader.peer.committed()), (vec![id("m")], 100_002));
    assert_eq!(said_to(&leader.joins(1, "y"), "y"), Vec::<&Message>::new());

    let mut leader = leads_one_without_a_log(Some(2));
    let effects = beats(&mut leader, 60, |time| time * 1000);
    assert_eq!((named(&effects), leader.peer.members()), (vec![], vec![id("m"), id("y")]), "it is waited for");
}
