//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::input::{Found, Time};
use super::super::trial::{
    close, contact, endpoint, id, members, promised, proposing, say, stores, tell, term, view, Trial,
};
use super::super::{Effect, Effects, Standing};
use super::*;
use crate::wire::{RunList, Seat, Timing};
use std::net::SocketAddr;

/// A later view of the term `3@z/1`, or the first of another.
fn shown(text: &str, change: u64, names: &[&str]) -> ViewChange {
    ViewChange { change, ..view(text, names, vec![], 0) }
}

fn installed(text: &str, change: u64, names: &[&str]) -> Effect {
    let members = names.iter().map(|name| id(name)).collect();
    tell(Event::View { term: term(text), change, members, leader_here: false })
}

fn fetch(text: &str, from: Sequence) -> Effect {
    say(&term(text).leader.to_string(), Message::Fetch { term: term(text), from })
}

fn gone(names: &[&str]) -> Effect {
    tell(Event::Gone { peers: names.iter().map(|name| id(name)).collect() })
}

/// Changes the members of the view that `m` leads beside these.
fn changes(others: &[&str], quorum: Option<u32>, names: &[&str]) -> (Trial, Effects) {
    let mut trial = Trial::leader(others);
    trial.peer.settings.quorum = quorum;
    names.iter().filter(|name| **name != "m").for_each(|name| trial.knows(name));
    let mut effects = Effects::new();
    let turn = &mut Turn { now: Time::from_secs(7), out: &mut effects };
    trial.peer.change_view(members(names), turn);
    (trial, effects)
}

/// docs/protocol.md, 5.2.
#[test]
fn a_leader_tells_all_members_of_a_change() {
    let names = ["b", "c", "m"];
    let (trial, effects) = changes(&["b"], None, &names);
    let to_all = || Message::ViewChange(ViewChange { change: 2, ..view("3@m/1", &names, vec![], 0) });
    let list = names.iter().map(|name| id(name)).collect();
    let expected = [
        tell(Event::Joined { peer: id("c") }),
        tell(Event::View { term: term("3@m/1"), change: 2, members: list, leader_here: true }),
        say("b", to_all()),
        say("c", to_all()),
    ];
    assert_eq!(effects, expected);
    let leading = trial.peer.leading().unwrap();
    assert_eq!(leading.followers.keys().cloned().collect::<Vec<_>>(), [id("b"), id("c")]);
    assert_eq!(leading.followers[&id("c")].heard, Time::from_secs(7));
    assert_eq!(leading.followers[&id("b")].heard, Time::from_secs(1), "that it is in another view is no sign of life");
    assert!(names.iter().all(|name| leading.taken_in.contains_key(&id(name))), "all may order");
    assert_eq!(trial.peer.group.last_view, members(&names));
}

/// docs/protocol.md, 5.7.
#[test]
fn a_leader_notes_since_when_it_is_below_the_quorum() {
    let below = |trial: &Trial| trial.peer.leading().unwrap().below;
    let (mut trial, _) = changes(&["a", "b"], Some(3), &["b", "m"]);
    trial.peer.notices.suspended = true;
    assert_eq!(below(&trial), Some(Time::from_secs(7)));
    let change = |trial: &mut Trial, seconds, names: &[&str]| {
        let now = Time::from_secs(seconds);
        trial.peer.change_view(members(names), &mut Turn { now, out: &mut Effects::new() });
    };
    change(&mut trial, 9, &["m"]);
    assert_eq!((below(&trial), trial.peer.notices.suspended), (Some(Time::from_secs(7)), true));
    change(&mut trial, 10, &["a", "b", "m"]);
    assert_eq!((below(&trial), trial.peer.notices.suspended), (None, false));
}

#[test]
fn a_peer_that_comes_back_is_no_longer_looked_for() {
    let mut trial = Trial::leader(&["a"]);
    trial.peer.group.lost = [id("b"), id("c")].into();
    trial.peer.notices.won = true;
    let turn = &mut Turn { now: Time::from_secs(7), out: &mut Effects::new() };
    trial.peer.change_view(members(&["a", "b", "m"]), turn);
    assert_eq!(trial.peer.group.lost, [id("c")].into());
    assert!(!trial.peer.notices.won, "the next election is told of");
}

#[test]
fn a_peer_that_does_not_lead_has_no_view_to_say() {
    let mut trial = Trial::member(&["x"]);
    let mut effects = Effects::new();
    let turn = &mut Turn { now: Time::from_secs(7), out: &mut effects };
    trial.peer.change_view(members(&["m"]), turn);
    trial.peer.say_view(&id("x"), turn);
    assert_eq!((effects, trial.peer.view_change()), (vec![], None));
}

/// docs/protocol.md, 5.6: a later view of the installed term changes its members only.
#[test]
fn a_member_takes_each_later_view_of_its_term() {
    let mut trial = Trial::member(&["x", "y"]);
    let names = ["m", "x", "z"];
    let effects = trial.gets("z", Message::ViewChange(shown("3@z/1", 3, &names)));
    assert_eq!(effects, [gone(&["y"]), installed("3@z/1", 3, &names)]);
    assert_eq!(trial.peer.members(), names.map(id));
    for (change, later) in [(2, false), (3, false), (4, true)] {
        let effects = trial.gets("z", Message::ViewChange(shown("3@z/1", change, &names)));
        let expected = if later { vec![installed("3@z/1", change, &names)] } else { vec![] };
        assert_eq!(effects, expected, "change {change}");
    }
    // Nobody else says so.
    assert_eq!(trial.gets("x", Message::ViewChange(shown("3@z/1", 9, &["m", "x"]))), []);
}

/// docs/protocol.md, 3.4: the view that lists a learner makes it a member.
#[test]
fn a_view_that_lists_a_learner_makes_it_a_member() {
    let mut trial = Trial::learner();
    let effects = trial.gets("z", Message::ViewChange(shown("3@z/1", 2, &["m", "z"])));
    let joined = tell(Event::Joined { peer: id("m") });
    assert_eq!(effects, [joined, installed("3@z/1", 2, &["m", "z"])]);
    assert_eq!(trial.peer.standing(), Standing::Member);
    // Only the present life is meant.
    let mut trial = Trial::learner();
    let mut other = shown("3@z/1", 2, &["m", "z"]);
    other.members.get_mut(&id("m")).unwrap().incarnation = 2;
    trial.gets("z", Message::ViewChange(other));
    assert_eq!(trial.peer.standing(), Standing::Seeking);
}

/// docs/protocol.md, 5.6: "One that does not list the receiver sends it back to seeking."
#[test]
fn a_view_without_this_peer_sends_it_back_to_seeking() {
    let mut trial = Trial::member(&["x"]);
    trial.gets("z", Message::ViewChange(shown("3@z/1", 2, &["x", "z"])));
    assert_eq!(trial.peer.standing(), Standing::Seeking);
    // An old one does not.
    let mut trial = Trial::member(&["x"]);
    trial.gets("z", Message::ViewChange(shown("3@z/1", 1, &["x", "z"])));
    assert_eq!(trial.peer.standing(), Standing::Member);
    // Nor does one that comes before the first view, except to a peer that waits for nothing else.
    for (role, standing) in [(true, Standing::Seeking), (false, Standing::Member)] {
        let mut trial = Trial::member(&["x"]);
        trial.peer.promises.promised = Some(term("4@x/1"));
        if role {
            trial.peer.role = Role::Promised(promised("x"));
        }
        trial.gets("x", Message::ViewChange(shown("4@x/1", 1, &["x", "z"])));
        assert_eq!(trial.peer.standing(), standing);
    }
}

/// docs/protocol.md, 5.6: the first view of the promised term is installed.
#[test]
fn the_first_view_of_the_promised_term_is_installed() {
    let mut trial = Trial::member(&["x"]);
    trial.peer.promises.promised = Some(term("4@x/1"));
    trial.peer.role = Role::Promised(promised("x"));
    trial.peer.notices.won = true;
    let effects = trial.gets("x", Message::ViewChange(shown("4@x/1", 1, &["m", "x"])));
    let state = stores("4@x/1", Some("4@x/1"), 0);
    // Its leader was in the view before, and so was z.
    assert_eq!(effects, [gone(&["z"]), state, fetch("4@x/1", 1), installed("4@x/1", 1, &["m", "x"])]);
    assert!(!trial.peer.notices.won, "the next election is told of");
}

#[test]
fn no_other_term_is_installed_and_none_by_a_peer_that_leads() {
    let first = |text: &str| Message::ViewChange(shown(text, 1, &["m", "x"]));
    let mut trial = Trial::member(&["x"]);
    trial.peer.promises.promised = Some(term("4@x/1"));
    trial.peer.role = Role::Promised(promised("x"));
    assert_eq!(trial.gets("x", first("5@x/1")), []);
    assert_eq!(trial.peer.standing(), Standing::Promised);
    for role in [Role::Proposing(proposing(&["x"])), Trial::leader(&["x"]).peer.role.clone()] {
        let mut trial = Trial::member(&["x"]);
        trial.peer.role = role;
        trial.peer.promises.promised = Some(term("4@x/1"));
        let before = trial.peer.standing();
        assert_eq!((trial.gets("x", first("4@x/1")), trial.peer.standing()), (vec![], before));
    }
    // A seeker that promised it waits for it, too.
    let mut trial = Trial::seeker(None, &Found { promised: Some(term("4@x/1")), ..Found::default() });
    trial.knows("x");
    trial.gets("x", first("4@x/1"));
    assert_eq!(trial.peer.standing(), Standing::Member);
}

/// docs/protocol.md, 5.6: what the leader's log did not have when the term started is cut, and the rest is fetched.
#[test]
fn the_first_view_cuts_what_the_leader_did_not_have() {
    let runs = |items: &[(&str, Sequence)]| -> RunList { items.iter().map(|(text, at)| (term(text), *at)).collect() };
    let found = Found { runs: runs(&[("3@z/1", 1)]), last: 9, ..Found::default() };
    let mut trial = Trial::member_with(None, &found, &["x"]);
    trial.peer.promises.promised = Some(term("4@x/1"));
    trial.peer.role = Role::Promised(promised("x"));
    let view = view("4@x/1", &["m", "x"], runs(&[("3@z/1", 1)]), 7);
    let effects = trial.gets("x", Message::ViewChange(view));
    let cut = |effect: &Effect| matches!(effect, Effect::Store(super::super::Store::Cut { to: 7, .. }));
    assert!(effects.iter().any(cut), "{effects:?}");
    assert!(effects.contains(&fetch("4@x/1", 8)), "{effects:?}");
}

#[test]
fn a_peer_from_another_group_is_told_of_nobody_who_is_gone() {
    let mut trial = Trial::seeker(None, &Found { promised: Some(term("4@x/1")), ..Found::default() });
    trial.knows("x");
    trial.peer.group.last_view = members(&["a", "b", "m"]);
    let effects = trial.gets("x", Message::ViewChange(shown("4@x/1", 1, &["m", "x"])));
    let tells_gone = |effect: &Effect| matches!(effect, Effect::Tell(Event::Gone { .. }));
    assert!(!effects.iter().any(tells_gone), "{effects:?}");
    assert!(effects.contains(&installed("4@x/1", 1, &["m", "x"])));
    let joined = |effect: &Effect| matches!(effect, Effect::Tell(Event::Joined { .. }));
    assert!(!effects.iter().any(joined), "it was in a view before");
}

/// When the leader is gone, its members have to find each other.
#[test]
fn members_are_known_where_the_view_says_unless_it_does_not_know() {
    let mut trial = Trial::member(&["x"]);
    let mut later = shown("3@z/1", 2, &["a", "b", "m", "x", "z"]);
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 7));
    let seat = |name: &str, priority, at| (id(name), Seat { priority, incarnation: 1, endpoint: at });
    later.members.extend([seat("a", 4, endpoint("a")), seat("b", 0, nowhere), seat("x", 0, nowhere)]);
    trial.gets("z", Message::ViewChange(later));
    let at = |name: &str| trial.peer.endpoint_of(&id(name)).unwrap();
    assert_eq!((at("a"), at("b"), at("x")), (endpoint("a"), nowhere, endpoint("x")));
    assert_eq!((trial.peer.priority_of(&id("a")), trial.peer.priority_of(&id("x"))), (4, 0));
    assert_eq!((trial.peer.priority_of(&id("nobody")), trial.peer.contact(&id("m"))), (0, Some(contact("m"))));
    assert_eq!(trial.peer.contacts.get(&id("m")).map(|known| known.incarnation), None, "it is not its own contact");
}

#[test]
fn the_timing_of_a_leader_is_compared_with_the_own() {
    let mut trial = Trial::member(&["x"]);
    trial.peer.promises.promised = Some(term("4@x/1"));
    trial.peer.role = Role::Promised(promised("x"));
    let mut view = shown("4@x/1", 1, &["m", "x"]);
    view.timing = Timing { heartbeat_interval: Time::from_secs(2), ..view.timing };
    let effects = trial.gets("x", Message::ViewChange(view));
    let (name, leader, own) = ("--heartbeat-interval", "2s".to_owned(), "5s".to_owned());
    assert!(effects.contains(&tell(Event::OtherKnob { name, leader, own })), "{effects:?}");
}

/// docs/protocol.md, 7: with a quorum nothing that is committed is cut.
#[test]
fn a_view_that_would_cut_what_is_committed_is_refused() {
    let runs = vec![(term("3@z/1"), 1)];
    let found = Found { runs, last: 5, delivered: 5, ..Found::default() };
    let mut trial = Trial::member_with(Some(2), &found, &["x"]);
    trial.peer.promises.promised = Some(term("4@x/1"));
    trial.peer.role = Role::Promised(promised("x"));
    let effects = trial.gets("x", Message::ViewChange(shown("4@x/1", 1, &["m", "x"])));
    let what = "lacks what is committed, from the end of its log on";
    assert_eq!(effects, [tell(Event::Misbehaved { peer: id("x"), what, at: 0 }), close("x")]);
    assert_eq!((trial.peer.standing(), trial.peer.trusts(&id("x"))), (Standing::Seeking, false));
}
