//! What no limit keeps: when a leader orders that it goes, who removes it, and what is said to those who ask for it.

use peer::protocol::{Alarm, Done, Effect, Effects, Event, Found, Input, Serve, Standing, Store};
use peer::wire::{Base, Frame, Limits, Message, Range};

use crate::bench::{id, lines, range, request, said_to, sent, term, told, view, Bench, LIFE};

const LIMITS: Limits = Limits { age: None, bytes: Some(1 << 30) };

fn origin() -> String {
    format!("m/{LIFE}")
}

fn keeping(found: &Found) -> Bench {
    Bench::given(None, Some(LIMITS), found)
}

/// Readings are taken in by a leader, stored and delivered; returns what the last batch removes.
fn ordered(leader: &mut Bench, count: u64) -> (Option<u64>, Effects) {
    let effects = leader.step(Input::Readings(lines(count)));
    let frame = effects.iter().find_map(|effect| match effect {
        Effect::Store(Store::Append(frame)) => Some(frame.clone()),
        _ => None,
    });
    let frame: Frame = frame.expect("it leads");
    let mut effects = leader.stored(vec![Done::Appended { last: frame.last() }]);
    effects.extend(leader.stored(vec![Done::Delivered { up_to: leader.peer.committed() }]));
    (frame.keep(), effects)
}

fn removes(effects: &Effects, to: u64) -> bool {
    effects.contains(&Effect::Store(Store::Remove { to }))
}

/// It leads alone, with five readings that are delivered, of which its limits do not keep three.
fn leader() -> Bench {
    let mut leader = keeping(&Found::default());
    leader.lead();
    assert_eq!(ordered(&mut leader, 3).0, None);
    ordered(&mut leader, 2);
    leader
}

fn surveyed(leader: &mut Bench, to: u64) {
    assert_eq!(leader.stored(vec![Done::Surveyed { to }]), []);
}

/// A peer with these limits joins on this connection.
fn joins(leader: &mut Bench, connection: u64, name: &str, limits: Option<Limits>) -> Effects {
    leader.hello(connection, name, 5, &format!("127.0.0.1:{}", 8000 + connection));
    leader.said(connection, Message::Join { promised: None, priority: 0, runs: vec![], last: 0, limits })
}

#[test]
fn a_leader_looks_for_what_is_old_and_the_next_batch_removes_it_once_delivered() {
    let mut leader = leader();
    let looks = |effects: &Effects| effects.contains(&Effect::Store(Store::Survey));
    assert!(looks(&leader.after(5001).alarm(Alarm::Heartbeat)));
    assert!(!looks(&leader.after(5001).alarm(Alarm::Heartbeat)), "once an hour is enough");
    surveyed(&mut leader, 3);
    let (keep, effects) = ordered(&mut leader, 1);
    assert_eq!((keep, removes(&effects, 3), leader.peer.base()), (Some(4), true, 3));
    let done = Done::Removed { asked: 3, base: 3, readings: 3, bytes: 300, newest: None, too_much: false };
    let effects = leader.stored(vec![done]);
    assert!(matches!(told(&effects)[..], [Event::Removed { first: 4, readings: 3, .. }]), "{effects:?}");
    assert_eq!(ordered(&mut leader, 1).0, None, "it is said once");
    surveyed(&mut leader, 3);
    assert_eq!(ordered(&mut leader, 1).0, None, "nothing goes twice");
}

#[test]
fn nothing_is_removed_while_a_peer_of_the_group_has_other_limits() {
    for limits in [None, Some(Limits { bytes: Some(1 << 20), ..LIMITS })] {
        let mut leader = leader();
        joins(&mut leader, 1, "a", limits);
        let (term, from) = (leader.term(), 6);
        let effects = leader.said(1, Message::Fetch { term: term.clone(), from });
        let warnings = told(&effects).into_iter().filter(|event| matches!(event, Event::OtherLimits { .. })).count();
        assert_eq!((warnings, leader.peer.members().len()), (1, 2), "{effects:?}");
        surveyed(&mut leader, 3);
        assert_eq!(ordered(&mut leader, 1).0, None);
        // It comes back with the same.
        joins(&mut leader, 1, "a", Some(LIMITS));
        leader.said(1, Message::Fetch { term: term.clone(), from: 7 });
        assert_eq!(ordered(&mut leader, 1).0, Some(4));
    }
}

#[test]
fn nothing_is_removed_that_a_follower_has_not_stored() {
    let mut leader = leader();
    joins(&mut leader, 1, "a", Some(LIMITS));
    let term = leader.term();
    surveyed(&mut leader, 3);
    assert_eq!(ordered(&mut leader, 1).0, None, "nobody knows what it has");
    leader.said(1, Message::Fetch { term: term.clone(), from: 1 });
    assert_eq!(ordered(&mut leader, 1).0, None);
    leader.said(1, Message::Stored { term: term.clone(), last: 2 });
    assert_eq!(ordered(&mut leader, 1).0, None);
    leader.said(1, Message::Stored { term, last: 3 });
    assert_eq!(ordered(&mut leader, 1).0, Some(4));
}

/// A new link makes a follower ask again for what is under way. If what it has stored by then goes, its place in the log is
/// gone, too: it would be sent nothing more.
#[test]
fn a_follower_that_asked_again_for_what_goes_is_served_after_what_it_has_stored() {
    let mut leader = leader();
    joins(&mut leader, 1, "a", Some(LIMITS));
    let term = leader.term();
    for from in [1, 2] {
        leader.said(1, Message::Fetch { term: term.clone(), from });
    }
    leader.said(1, Message::Stored { term: term.clone(), last: 5 });
    surveyed(&mut leader, 3);
    ordered(&mut leader, 1);
    let effects = leader.said(1, Message::Stored { term: term.clone(), last: 6 });
    let delivered = leader.stored(vec![Done::Delivered { up_to: 6 }]);
    assert!(removes(&effects, 3) || removes(&delivered, 3), "{effects:?} {delivered:?}");
    let serve = Serve { term, cuts: 0, restart: Some(6), up_to: 6 };
    assert!(effects.contains(&Effect::Serve { to: id("a"), serve }), "{effects:?}");
}

#[test]
fn a_peer_without_limits_removes_nothing() {
    let (mut learner, _) = Bench::new().learns();
    let leader = term("1@z/5");
    let first = Frame::build(leader.clone(), 1, &[request("z/5", 1, 3)]);
    let second = Frame::build_with(leader.clone(), 4, &[request("z/5", 4, 1)], Some(4));
    learner.said(1, Message::Ordered { term: leader.clone(), frame: first });
    learner.said(1, Message::Ordered { term: leader.clone(), frame: second });
    let effects = learner.said(1, Message::Commit { term: leader, up_to: 4 });
    assert!(effects.contains(&Effect::Store(Store::Deliver { up_to: 4 })), "{effects:?}");
    assert!(!removes(&effects, 3) && learner.peer.base() == 0);
}

#[test]
fn a_peer_that_asks_for_what_was_removed_is_told_where_the_log_begins() {
    let found = Found { runs: vec![(term("1@m/9"), 1)], base: 4, last: 6, delivered: 6, ..Found::default() };
    let mut leader = keeping(&found);
    leader.lead();
    joins(&mut leader, 1, "a", Some(LIMITS));
    let term = leader.term();
    for from in [1, 4] {
        let effects = leader.said(1, Message::Fetch { term: term.clone(), from });
        assert_eq!(effects, [Effect::Store(Store::SayBase { to: id("a"), term: term.clone() })]);
    }
    let effects = leader.said(1, Message::Fetch { term: term.clone(), from: 5 });
    let serve = Serve { term: term.clone(), cuts: 0, restart: Some(4), up_to: 6 };
    assert!(effects.contains(&Effect::Serve { to: id("a"), serve }), "{effects:?}");
    let mut told = 0;
    while leader.peer.members().len() > 1 && told < 100 {
        leader.said(1, Message::Fetch { term: term.clone(), from: 1 });
        told += 1;
    }
    assert!(told <= 16, "to tell it costs too much to be asked for without end");
}

fn told_base() -> Base {
    let origins: Vec<Range> = vec![range(&origin(), 1, 2), range("z/5", 1, 3)];
    Base { last: 5, runs: vec![(term("1@z/5"), 1)], origins }
}

/// A learner with four readings of its own that the leader does not answer.
fn learner() -> Bench {
    let (mut learner, _) = keeping(&Found::default()).learns();
    learner.step(Input::Readings(lines(4)));
    learner
}

#[test]
fn a_log_that_lacks_what_was_removed_begins_after_it() {
    let mut learner = learner();
    let leader = term("1@z/5");
    let effects = learner.said(1, Message::Base { term: leader.clone(), base: told_base() });
    assert!(effects.contains(&Effect::Store(Store::Begin(told_base()))), "{effects:?}");
    assert_eq!(said_to(&effects, "z"), [&Message::Fetch { term: leader.clone(), from: 6 }]);
    let peer = &learner.peer;
    assert_eq!((peer.base(), peer.last(), peer.committed(), peer.first_pending()), (5, 5, 5, Some(3)));
    let effects = learner.said(1, Message::Base { term: leader.clone(), base: told_base() });
    assert_eq!(said_to(&effects, "z"), [&Message::Fetch { term: leader, from: 6 }], "it is asked for what follows");
    assert!(!effects.contains(&Effect::Store(Store::Begin(told_base()))));
}

#[test]
fn the_beginning_of_another_log_or_from_another_peer_does_not_count() {
    let mut learner = learner();
    learner.hello(2, "y", 5, "127.0.0.1:8001");
    let leader = term("1@z/5");
    assert_eq!(learner.said(2, Message::Base { term: leader.clone(), base: told_base() }), []);
    let first = Frame::build(leader.clone(), 1, &[request("z/5", 1, 3)]);
    learner.said(1, Message::Ordered { term: leader.clone(), frame: first });
    let other = Base { runs: vec![(term("1@a/5"), 1), (term("1@z/5"), 3)], ..told_base() };
    let effects = learner.said(1, Message::Base { term: leader, base: other });
    assert!(told(&effects).iter().any(|event| matches!(event, Event::Misbehaved { .. })), "{effects:?}");
    assert_eq!((learner.peer.base(), learner.peer.standing()), (0, Standing::Seeking));
}

#[test]
fn a_cut_below_what_was_removed_leaves_nothing_and_forgets_whose_it_was() {
    let found = Found {
        runs: vec![(term("1@m/9"), 1)],
        base: 4,
        last: 6,
        delivered: 6,
        origins: vec![range("a/1", 1, 6)],
        ..Found::default()
    };
    let mut peer = keeping(&found);
    peer.hello(1, "z", 5, "127.0.0.1:8000");
    let effects = peer.added(1, "127.0.0.1:8000", view("3@z/5", vec![(term("1@m/9"), 1), (term("2@z/5"), 3)], 9));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Store(Store::Cut { to: 0, .. }))), "{effects:?}");
    let merging = |event: &&Event| matches!(event, Event::Merging { readings: 2, .. });
    assert!(told(&effects).iter().any(merging), "what was removed is not ordered again: {effects:?}");
    let effects = peer.stored(vec![Done::Cut { to: 0, returned: vec![range("a/1", 5, 2)] }]);
    assert_eq!((peer.peer.base(), peer.peer.last(), peer.peer.pending()), (0, 0, vec![range("a/1", 5, 2)]));
    assert_eq!(sent(&effects), Vec::<&peer::wire::Request>::new(), "it is on disk first");
}

/// What has to be remembered of the removed entries can be too much: very many elections, or lives that somebody made
/// up.
#[test]
fn where_nothing_goes_that_is_said_once_and_a_follower_that_asked_for_it_is_served() {
    let nothing = Done::Removed { asked: 3, base: 0, readings: 0, bytes: 0, newest: None, too_much: true };
    let mut leader = leader();
    for told_before in [false, true] {
        surveyed(&mut leader, 3);
        let (keep, effects) = ordered(&mut leader, 1);
        assert_eq!((keep, removes(&effects, 3), leader.peer.base()), (Some(4), true, 3));
        joins(&mut leader, 1, "a", Some(LIMITS));
        let term = leader.term();
        let effects = leader.said(1, Message::Fetch { term: term.clone(), from: 2 });
        let base = Effect::Store(Store::SayBase { to: id("a"), term: term.clone() });
        assert!(effects.contains(&base) && !effects.iter().any(|effect| matches!(effect, Effect::Serve { .. })));
        let effects = leader.stored(vec![nothing.clone()]);
        let serve = Serve { term: term.clone(), cuts: 0, restart: Some(1), up_to: leader.peer.last() };
        assert!(effects.contains(&Effect::Serve { to: id("a"), serve }), "{effects:?}");
        assert_eq!((told(&effects).contains(&&Event::NotShortened), leader.peer.base()), (!told_before, 0));
        leader.said(1, Message::Leave { term: Some(term) });
    }
}
