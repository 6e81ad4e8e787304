//! What others see of a peer in each role.

use super::super::input::{Found, Input, Time};
use super::super::trial::{contact, endpoint, id, lines, promised, proposing, term, Trial};
use super::super::PENDING_READINGS_MAX;
use super::*;

/// Who leads, in which installed term, and who is in the view.
fn shown(trial: &Trial) -> (Standing, Option<&PeerId>, Option<&Term>, Vec<PeerId>) {
    let peer = &trial.peer;
    (peer.standing(), peer.leader(), peer.installed(), peer.members())
}

#[test]
fn each_role_has_a_standing_and_some_a_leader_and_a_view() {
    let (m, z, of_m, of_z) = (id("m"), id("z"), term("3@m/1"), term("3@z/1"));
    let ids = |names: &[&str]| -> Vec<PeerId> { names.iter().map(|name| id(name)).collect() };
    let seeker = Trial::seeker(None, &Found::default());
    assert_eq!(shown(&seeker), (Standing::Seeking, None, None, vec![]));
    assert_eq!(shown(&Trial::leader(&["a"])), (Standing::Leader, Some(&m), Some(&of_m), ids(&["a", "m"])));
    assert_eq!(shown(&Trial::member(&["x"])), (Standing::Member, Some(&z), Some(&of_z), ids(&["m", "x", "z"])));
    assert_eq!(shown(&Trial::learner()), (Standing::Learner, Some(&z), Some(&of_z), vec![]));
    let mut trial = Trial::member(&["x"]);
    trial.after(10).alarm(super::super::Alarm::LeaderCheck);
    // The term stays installed until a promise.
    assert_eq!(shown(&trial), (Standing::Electing, Some(&z), Some(&of_z), ids(&["m", "x", "z"])));
    trial.peer.role = Role::Promised(promised("x"));
    assert_eq!(shown(&trial), (Standing::Promised, None, None, vec![]));
    trial.peer.role = Role::Proposing(proposing(&["x"]));
    assert_eq!(shown(&trial), (Standing::Proposing, None, None, vec![]));
}

#[test]
fn members_are_listed_from_the_lowest_priority_to_the_highest() {
    let mut trial = Trial::leader(&["a", "z"]);
    let leading = trial.leading();
    leading.members.get_mut(&id("a")).unwrap().priority = 5;
    let order: Vec<String> = trial.peer.members().iter().map(ToString::to_string).collect();
    assert_eq!(order, ["m", "z", "a"]);
}

#[test]
fn sources_have_room_for_what_may_be_pending() {
    let mut trial = Trial::member(&["x"]);
    assert_eq!(trial.peer.room(), PENDING_READINGS_MAX);
    trial.step(Input::Readings(lines(3)));
    assert_eq!((trial.peer.room(), trial.peer.taken()), (PENDING_READINGS_MAX - 3, 3));
    assert_eq!(trial.peer.first_pending(), Some(1));
    trial.peer.ending.until = Some(Time::from_secs(9));
    assert_eq!(trial.peer.room(), 0, "it stops");
    trial.peer.ending.until = None;
    trial.peer.ending.over = true;
    assert_eq!(trial.peer.room(), 0);
}

#[test]
fn a_storage_that_is_slow_leaves_no_room() {
    for (stored, keeps_up) in [(1, true), (0, false)] {
        let found = Found { runs: vec![(term("1@m/1"), 1)], last: AHEAD_READINGS, ..Found::default() };
        let mut trial = Trial::seeker(None, &found);
        trial.peer.log.appended(stored);
        assert_eq!((trial.peer.keeps_up(), trial.peer.room() > 0), (keeps_up, keeps_up));
    }
}

#[test]
fn a_link_begins_with_what_its_receiver_has_to_know() {
    let trial = Trial::member(&["x"]);
    let hello = trial.peer.hello(Some(&id("x")));
    let own = contact("m");
    assert_eq!((&hello.peer, hello.incarnation, hello.endpoint), (&own.id, own.incarnation, own.endpoint));
    assert_eq!((hello.addressee, hello.quorum, hello.group.as_str()), (Some(id("x")), None, "sensors"));
    assert_eq!(hello.token, trial.peer.settings.secret.token_for(&id("x"), endpoint("x")));
    assert_ne!(hello.token, Token(0));
    let strangers = [trial.peer.hello(None), trial.peer.hello(Some(&id("q")))];
    assert_eq!(strangers.map(|hello| (hello.addressee, hello.token)), [(None, Token(0)), (Some(id("q")), Token(0))]);
    assert_eq!((trial.peer.endpoint_of(&id("x")), trial.peer.endpoint_of(&id("q"))), (Some(endpoint("x")), None));
    assert_eq!((trial.peer.incarnation_of(&id("x")), trial.peer.incarnation_of(&id("q"))), (1, 0));
}

#[test]
fn readings_are_taken_of_those_that_this_peer_leads() {
    let mut trial = Trial::leader(&["a"]);
    let leading = trial.leading();
    leading.take_in(&id("a"), 1, endpoint("a"));
    assert!(trial.peer.takes_readings_of(&id("a")) && !trial.peer.takes_readings_of(&id("q")));
    assert!(!Trial::member(&["a"]).peer.takes_readings_of(&id("a")));
}

#[test]
fn the_log_and_the_promise_are_shown_as_they_are() {
    let found = Found {
        promised: Some(term("5@x/1")),
        synced: Some(term("2@z/1")),
        needs: 4,
        runs: vec![(term("1@z/1"), 1), (term("2@z/1"), 5)],
        base: 2,
        last: 9,
        delivered: 6,
        pending: vec![Range { origin: "m/0".parse().unwrap(), first: 3, count: 2 }],
        ..Found::default()
    };
    let peer = Trial::seeker(None, &found).peer;
    assert_eq!((peer.promised(), peer.synced(), peer.needs()), (Some(&term("5@x/1")), Some(&term("2@z/1")), 4));
    assert_eq!((peer.base(), peer.last(), peer.committed(), peer.runs()), (2, 9, 6, found.runs));
    assert_eq!((peer.pending(), peer.first_pending(), peer.taken()), (found.pending, None, 0));
}
