//! Whom a leader drops, and what it says. A trial has a heartbeat interval of five seconds and a heartbeat timeout of ten, so
//! a wait of four heartbeats is judged.

use super::super::data::leading::{Leading, Mark};
use super::super::trial::{close, endpoint, id, lines, say, tell, term, view, Trial};
use super::super::{Done, Effect, Effects, Input};
use super::*;
use crate::ids::Sequence;
use crate::wire::{Message, ViewChange};

/// What this does.
fn effects(trial: &mut Trial, act: impl FnOnce(&mut Peer, &mut Turn)) -> Effects {
    trial.does(act).1
}

/// The view of this change, as it is told.
fn shown(change: u64, names: &[&str]) -> Message {
    Message::ViewChange(ViewChange { change, ..view("3@m/1", names, vec![], 0) })
}

fn installed(change: u64, names: &[&str]) -> Effect {
    let members = names.iter().map(|name| id(name)).collect();
    tell(Event::View { term: term("3@m/1"), change, members, leader_here: true })
}

#[test]
fn the_others_get_one_view_without_all_that_are_dropped() {
    let mut trial = Trial::leader(&["a", "b", "c"]);
    let dropped = effects(&mut trial, |peer, turn| peer.drop_silent(&[id("a"), id("b"), id("q")], turn));
    let left = |peer: &str, names: &[&str]| {
        let members = names.iter().map(|name| id(name)).collect();
        tell(Event::MemberFailed { peer: id(peer), members })
    };
    let names = ["c", "m"];
    let expected = [
        close("a"),
        close("b"),
        close("q"),
        left("a", &["b", "c", "m"]),
        left("b", &names),
        installed(2, &names),
        say("c", shown(2, &names)),
        say("a", shown(2, &names)),
        say("b", shown(2, &names)),
    ];
    assert_eq!(dropped, expected);
    assert_eq!(trial.peer.group.lost, [id("a"), id("b")].into(), "they may live");
    assert_eq!(trial.leading().followers.keys().cloned().collect::<Vec<_>>(), [id("c")]);
}

#[test]
fn a_learner_goes_without_a_view_and_one_that_is_dead_is_not_looked_for() {
    let mut trial = Trial::leader(&["a", "b"]);
    trial.leading().learners.insert(id("l"), Mark { at: 0, times: 0 });
    assert_eq!(effects(&mut trial, |peer, turn| peer.remove_follower(&id("l"), Loss::Failed, turn)), []);
    assert!(trial.leading().learners.is_empty());
    trial.peer.contacts.get_mut(&id("a")).unwrap().dead = true;
    let names = ["b", "m"];
    let members = names.iter().map(|name| id(name)).collect();
    let left = tell(Event::MemberLeft { peer: id("a"), members });
    let dropped = effects(&mut trial, |peer, turn| peer.remove_follower(&id("a"), Loss::Left, turn));
    assert_eq!(dropped, [left, installed(2, &names), say("b", shown(2, &names))]);
    assert!(trial.peer.group.lost.is_empty());
    assert_eq!(effects(&mut Trial::member(&["a"]), |peer, turn| peer.drop_silent(&[id("a")], turn)), [close("a")]);
}

/// With this quorum, it leads these, which stored so much of the five readings that it ordered and has on its disk.
fn waits_for(quorum: Option<u32>, others: &[(&str, Sequence)]) -> Trial {
    let names: Vec<&str> = others.iter().map(|(name, _)| *name).collect();
    let mut trial = Trial::leader(&names);
    trial.peer.settings.quorum = quorum;
    for name in &names {
        trial.gets(name, Message::Fetch { term: term("3@m/1"), from: 1 });
    }
    trial.step(Input::Readings(lines(5)));
    trial.step(Input::Stored(vec![Done::Appended { last: 5 }]));
    for (name, stored) in others.iter().filter(|(_, stored)| *stored > 0) {
        trial.gets(name, Message::Stored { term: term("3@m/1"), last: *stored });
    }
    trial
}

/// At which heartbeats of ten it says what of members that store nothing, and who is left after them.
fn beats(trial: &mut Trial, mut each: impl FnMut(&mut Leading)) -> (Vec<(u32, Event)>, Vec<PeerId>) {
    let mut told = Vec::new();
    for beat in 1..=10 {
        each(trial.leading());
        let event = |effect| match effect {
            Effect::Tell(event @ Event::NotStoring { .. }) => Some((beat, event)),
            _ => None,
        };
        told.extend(effects(trial, Peer::drop_idle).into_iter().filter_map(event));
    }
    (told, trial.peer.members())
}

fn not_storing(peers: &[&str], waits: bool) -> Event {
    Event::NotStoring { peers: peers.iter().map(|name| id(name)).collect(), waits }
}

#[test]
fn members_that_store_nothing_while_others_wait_are_dropped_and_shut_out() {
    let mut trial = waits_for(None, &[("a", 0), ("b", 0)]);
    let (told, left) = beats(&mut trial, |_| ());
    // The wait begins with the first heartbeat, and four more are two timeouts.
    assert_eq!((told, left), (vec![(5, not_storing(&["a", "b"], false))], vec![id("m")]));
    assert!(!trial.peer.takes_in(&id("a")) && !trial.peer.takes_in(&id("b")));
}

#[test]
fn nobody_is_dropped_where_nothing_waits_for_others() {
    // Two of three have it.
    assert_eq!(beats(&mut waits_for(None, &[("a", 5), ("b", 0)]), |_| ()).0, []);
    // This peer's own disk does nothing.
    let mut trial = waits_for(None, &[("a", 0), ("b", 0)]);
    trial.peer.log.appended(0);
    assert_eq!(beats(&mut trial, |_| ()).0, []);
    // Nothing was ordered.
    let mut trial = Trial::leader(&["a", "b"]);
    assert_eq!(beats(&mut trial, |_| ()).0, []);
}

/// `a` and `b` had stored all; then `a` has nothing again, as it says. One more reading waits.
fn waits_for_a_backlog(quorum: Option<u32>, was_behind: bool) -> Trial {
    let mut trial = waits_for(quorum, &[("a", 5), ("b", 5)]);
    trial.gets("a", Message::Fetch { term: term("3@m/1"), from: 1 });
    trial.step(Input::Readings(lines(1)));
    trial.step(Input::Stored(vec![Done::Appended { last: 6 }]));
    trial.leading().take_in(&id("a"), 1, endpoint("a"));
    trial.leading().taken_in.get_mut(&id("a")).unwrap().was_behind = was_behind;
    trial
}

/// It has five readings to fetch.
fn fetches(leading: &mut Leading) {
    if let Some(follower) = leading.followers.get_mut(&id("a")).filter(|follower| follower.stored < 5) {
        follower.stored += 1;
    }
}

#[test]
fn a_member_that_fetches_its_backlog_is_dropped_and_may_come_back_once() {
    for was_behind in [false, true] {
        let mut trial = waits_for_a_backlog(None, was_behind);
        let (told, left) = beats(&mut trial, fetches);
        assert_eq!((told, left), (vec![(5, not_storing(&["b"], false))], vec![id("m")]));
        assert_eq!((trial.peer.takes_in(&id("a")), trial.peer.takes_in(&id("b"))), (!was_behind, false));
    }
}

/// It is waited for where too few would be left; one that stores nothing is dropped all the same.
#[test]
fn a_member_with_a_backlog_stays_where_the_quorum_needs_it() {
    // At the ninth heartbeat it has all of its backlog, and stores nothing more.
    let stays = not_storing(&["a"], true);
    for (quorum, left, later) in [(1, 1, None), (2, 2, Some((9, stays)))] {
        let mut trial = waits_for_a_backlog(Some(quorum), false);
        let (told, members) = beats(&mut trial, fetches);
        let expected: Vec<_> = [(5, not_storing(&["b"], false))].into_iter().chain(later).collect();
        assert_eq!((told, members.len()), (expected, left), "quorum {quorum}");
    }
}

#[test]
fn members_that_the_quorum_needs_are_named_once_and_waited_for() {
    for quorum in [2, 3] {
        let mut trial = waits_for(Some(quorum), &[("a", 0), ("b", 0)]);
        let (events, left) = beats(&mut trial, |_| ());
        // They are judged at the ninth heartbeat again.
        assert_eq!((events, left.len()), (vec![(5, not_storing(&["a", "b"], true))], 3));
        assert!(trial.peer.takes_in(&id("a")));
    }
    let mut trial = waits_for(Some(1), &[("a", 0), ("b", 0)]);
    assert_eq!(beats(&mut trial, |_| ()).1, [id("m")], "it is enough by itself");
}

/// docs/trust.md says why, under `STALE`.
#[test]
fn a_follower_of_another_leader_is_dropped_where_no_quorum_needs_it() {
    for (quorum, name, goes) in
        [(None, "a", true), (Some(2), "a", false), (Some(2), "l", true), (None, "l", true), (None, "q", false)]
    {
        let mut trial = Trial::leader(&["a"]);
        trial.peer.settings.quorum = quorum;
        trial.leading().learners.insert(id("l"), Mark { at: 0, times: 0 });
        let mut went = None;
        effects(&mut trial, |peer, turn| went = Some(peer.follows_another(&id(name), turn)));
        assert_eq!((went, trial.leading().has(&id(name))), (Some(goes), !goes && name != "q"), "{quorum:?} {name}");
    }
    let mut member = Trial::member(&["a"]);
    effects(&mut member, |peer, turn| assert!(!peer.follows_another(&id("a"), turn)));
}
