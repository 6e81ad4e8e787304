//! What a picture shows of a leader, a member, and a seeker.

use super::super::trial::{endpoint, id, join, lines, term, Trial};
use super::*;
use crate::protocol::input::Found;
use crate::protocol::{Alarm, Done, Input};
use crate::wire::{Frame, Message, Request};

fn seen(picture: &Picture) -> Vec<(&str, Option<u64>, Option<u64>)> {
    let seconds = |member: &Member| member.silent.map(|silent| silent.as_secs());
    picture.members.iter().map(|member| (member.id.as_str(), seconds(member), member.lag)).collect()
}

#[test]
fn a_leader_knows_how_far_everybody_is_and_when_it_was_heard() {
    let mut trial = Trial::leader(&["x", "a"]);
    trial.step(Input::Readings(lines(1)));
    let picture = trial.after(3).picture();
    assert_eq!(seen(&picture), [("a", Some(3), Some(1)), ("m", None, Some(1)), ("x", Some(3), Some(1))]);
    assert_eq!((picture.standing, picture.leader.as_ref()), (Standing::Leader, Some(&id("m"))));
    assert_eq!((picture.last, picture.stored, picture.committed, picture.waiting), (1, 0, 0, 1));
    assert_eq!(picture.members[1].endpoint, endpoint("m"));
}

#[test]
fn a_leader_shows_those_that_fetch_its_log_as_learners() {
    let mut trial = Trial::leader(&["x"]);
    trial.knows("y");
    trial.gets("y", join());
    let learners = |picture: &Picture| -> Vec<(String, bool)> {
        picture.members.iter().map(|member| (member.id.to_string(), member.learner)).collect()
    };
    let shown = [("m", false), ("x", false), ("y", true)].map(|(id, learner)| (id.to_owned(), learner));
    assert_eq!(learners(&trial.picture()), shown);
}

#[test]
fn a_member_knows_its_leader_and_itself() {
    let mut trial = Trial::member(&["x"]);
    let picture = trial.after(2).picture();
    assert_eq!(seen(&picture), [("m", None, Some(0)), ("x", None, None), ("z", Some(2), None)]);
    assert_eq!((picture.change, picture.suspended), (1, None));
}

#[test]
fn a_seeker_lacks_what_its_quorum_needs() {
    let mut trial = Trial::seeker(Some(2), &Found::default());
    trial.alarm(Alarm::Discovery);
    let picture = trial.picture();
    assert_eq!((picture.standing, picture.suspended), (Standing::Seeking, Some((1, 2))));
    assert!(picture.members.is_empty() && picture.term.is_none());
    let found = Found { runs: vec![("1@m/1".parse().unwrap(), 1)], base: 4, last: 6, delivered: 6, ..Found::default() };
    let picture = Trial::seeker(None, &found).picture();
    assert_eq!((picture.base, picture.delivered, picture.last), (4, 6, 6));
    assert_eq!(Trial::seeker(None, &Found::default()).picture().suspended, None);
}

/// How far each is behind, in readings: a leader knows of all, another of itself.
#[test]
fn the_lag_is_what_is_not_stored_yet() {
    let mut leader = Trial::leader(&["x"]);
    leader.gets("x", Message::Fetch { term: term("3@m/1"), from: 1 });
    for count in [3, 2] {
        leader.step(Input::Readings(lines(count)));
    }
    leader.step(Input::Stored(vec![Done::Appended { last: 3 }]));
    leader.gets("x", Message::Stored { term: term("3@m/1"), last: 3 });
    let picture = leader.picture();
    assert_eq!(seen(&picture), [("m", None, Some(2)), ("x", Some(0), Some(2))]);
    assert_eq!((picture.last, picture.stored, picture.committed, picture.leader_committed), (5, 3, 3, 3));
    // A member counts up to what its leader committed, or to the end of its log where that is more.
    for (commit, lag) in [(3, 5), (5, 5), (8, 8)] {
        let mut member = Trial::member(&["x"]);
        let request = Request { origin: "z/1".parse().unwrap(), first: 1, lines: lines(5) };
        let frame = Frame::build(term("3@z/1"), 1, &[request]);
        member.gets("z", Message::Ordered { term: term("3@z/1"), frame });
        member.gets("z", Message::Commit { term: term("3@z/1"), up_to: commit });
        let picture = member.picture();
        assert_eq!(seen(&picture)[0], ("m", None, Some(lag)), "{commit}");
        assert_eq!(picture.leader_committed, commit);
    }
}

#[test]
fn a_group_below_its_quorum_is_suspended_and_learners_do_not_count() {
    for (quorum, suspended) in [(2, None), (3, Some((2, 3)))] {
        let mut trial = Trial::leader(&["x"]);
        trial.peer.settings.quorum = Some(quorum);
        trial.knows("y");
        trial.gets("y", join());
        assert_eq!((trial.picture().members.len(), trial.picture().suspended), (3, suspended));
    }
}
