//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about, where one is written there. A
//! trial has a heartbeat interval of five seconds, a heartbeat timeout of ten; its peers speak from second one on.

use super::super::data::follower::Follower;
use super::super::data::leading::Mark;
use super::super::input::{Found, Input, Time};
use super::super::trial::{
    asked_to_join, close, connection, contact, endpoint, id, join, promised, proposing, redial, say, term, view, Trial,
};
use super::super::Standing;
use super::*;
use crate::wire::ViewChange;

fn refused(trial: &mut Trial, name: &str) -> Vec<Effect> {
    trial.step(Input::Refused { peer: id(name) })
}

fn ended(trial: &mut Trial, name: &str) -> Vec<Effect> {
    trial.step(Input::Ended { connection: connection(name) })
}

fn linked(trial: &mut Trial, name: &str) -> Vec<Effect> {
    trial.step(Input::LinkUp { peer: id(name) })
}

fn fetch() -> Effect {
    say("z", Message::Fetch { term: term("3@z/1"), from: 1 })
}

#[test]
fn nothing_counts_on_a_connection_that_belongs_to_nobody_or_after_goodbye() {
    let mut trial = Trial::member(&["x"]);
    let election = || Message::Election { term: Some(term("3@z/1")), from: id("x") };
    assert_eq!(trial.gets("a", election()), []);
    let drops = Effect::Drop { connection: connection("x") };
    assert_eq!(trial.gets("x", Message::Leave { term: Some(term("3@z/1")) }), [drops]);
    assert!(trial.peer.contacts.is_dead(&id("x")));
    assert_eq!(trial.gets("x", election()), []);
    assert!(trial.peer.contacts.is_dead(&id("x")));
}

/// It answered elsewhere lately, and speaks on the connection that it made from its own address.
#[test]
fn a_peer_that_speaks_gets_back_the_address_that_it_speaks_from() {
    let mut trial = Trial::member(&["x"]);
    let ok = || Message::Ok { term: Some(term("3@z/1")) };
    trial.peer.contacts.get_mut(&id("x")).unwrap().endpoint = endpoint("a");
    assert_eq!(trial.gets("x", ok()), [redial("x")]);
    assert_eq!(trial.peer.endpoint_of(&id("x")), Some(endpoint("x")));
    assert_eq!(trial.gets("x", ok()), []);
}

/// docs/protocol.md, 5.1.
#[test]
fn a_connection_that_breaks_is_a_reason_to_dial_unless_the_link_was_made_just_now() {
    for (linked_at, dials) in [(None, true), (Some(1901), false), (Some(1900), true)] {
        let mut trial = Trial::member(&["x"]);
        trial.peer.contacts.get_mut(&id("x")).unwrap().linked = linked_at.map(Time::from_millis);
        let expected = if dials { vec![redial("x")] } else { vec![] };
        assert_eq!(ended(trial.after(1), "x"), expected, "linked at {linked_at:?}");
        assert_eq!(ended(&mut trial, "x"), [], "it ended before");
    }
    assert_eq!(ended(&mut Trial::member(&[]), "a"), [], "of nobody");
}

/// docs/protocol.md, 5.1: what a connection still holds is read first.
#[test]
fn a_process_that_refuses_is_gone_once_its_connection_is_read() {
    let mut trial = Trial::member(&["x"]);
    assert_eq!(refused(&mut trial, "x"), []);
    assert!(!trial.peer.contacts.is_dead(&id("x")));
    assert_eq!(ended(&mut trial, "x"), [close("x")]);
    assert!(trial.peer.contacts.is_dead(&id("x")));

    let mut trial = Trial::member(&["x"]);
    ended(&mut trial, "x");
    assert_eq!(refused(&mut trial, "x"), [close("x")], "nothing is left to be read");
    assert_eq!(refused(&mut Trial::member(&[]), "a"), [], "it is not known");

    // A refusal may pass: after a heartbeat timeout it is forgotten.
    for (later, expected) in [(9, close("x")), (10, redial("x"))] {
        let mut trial = Trial::member(&["x"]);
        refused(&mut trial, "x");
        assert_eq!(ended(trial.after(later), "x"), [expected], "{later} seconds later");
    }
}

/// A host that lost power ends no connection.
#[test]
fn a_process_that_refuses_an_interval_later_again_is_gone() {
    let mut trial = Trial::member(&["x"]);
    refused(&mut trial, "x");
    assert_eq!(refused(trial.after_time(Time::from_millis(4999)), "x"), []);
    assert_eq!(refused(trial.after_time(Time::from_millis(1)), "x"), [close("x")]);
    let mut trial = Trial::member(&["x"]);
    refused(&mut trial, "x");
    assert_eq!(refused(trial.after(10), "x"), [], "the first one is forgotten");
    assert_eq!(refused(trial.after(5), "x"), [close("x")]);
}

#[test]
fn nobody_is_gone_by_what_comes_of_this_peers_own_name() {
    let mut trial = Trial::member(&["x"]);
    trial.peer.contacts.connect(&Contact { incarnation: 2, ..contact("m") }, connection("m"), Time::from_secs(1));
    assert_eq!(refused(&mut trial, "m"), []);
    assert!(trial.peer.contacts.get(&id("m")).is_none(), "it is forgotten");
    let mut effects = vec![];
    trial.peer.gone(&id("m"), Loss::Failed, &mut Turn { now: Time::from_secs(1), out: &mut effects });
    assert_eq!((effects, trial.peer.standing()), (vec![], Standing::Member));
}

#[test]
fn only_the_known_life_at_its_known_address_is_gone_where_nobody_listens() {
    for (life, at, gone) in [(1, "x", true), (2, "x", false), (1, "a", false)] {
        let mut trial = Trial::member(&["x"]);
        trial.peer.contacts.get_mut(&id("x")).unwrap().connection = None;
        let mut effects = vec![];
        let turn = &mut Turn { now: Time::from_secs(1), out: &mut effects };
        trial.peer.on_gone_at(&id("x"), life, endpoint(at), turn);
        assert_eq!(trial.peer.contacts.is_dead(&id("x")), gone, "life {life} at {at}");
    }
}

/// The words of the receiver of a link end nothing here; what was lost on the link is said again on the next.
#[test]
fn a_link_to_a_peer_of_this_group_that_got_no_answer_is_dialled_again() {
    let rejected = |name: &str, why: Refusal, linked: Option<u64>| {
        let mut trial = Trial::member(&["x"]);
        if let Some(known) = trial.peer.contacts.get_mut(&id(name)) {
            known.linked = linked.map(Time::from_millis);
        }
        trial.after(1).step(Input::Rejected { peer: id(name), why })
    };
    assert_eq!(rejected("z", Refusal::NoAnswer, None), [redial("z")]);
    assert_eq!(rejected("z", Refusal::NoAnswer, Some(1900)), [redial("z")]);
    assert_eq!(rejected("z", Refusal::NoAnswer, Some(1901)), [], "it was dialled just now");
    assert_eq!(rejected("x", Refusal::NoAnswer, None), [], "a member waits for its leader only");
    assert_eq!(rejected("a", Refusal::NoAnswer, None), [], "it is not known");
    assert_eq!(rejected("z", Refusal::NobodyListens, None), []);
    let mut trial = Trial::member(&["x"]);
    ended(&mut trial, "x");
    let effects = trial.step(Input::Rejected { peer: id("x"), why: Refusal::WrongAddressee });
    assert_eq!(effects, [close("x")], "another process listens there");
}

/// docs/protocol.md, 5.1 to 5.5: no role waits for a process that is gone.
#[test]
fn each_role_goes_on_without_a_process_that_is_gone() {
    let after = |trial: &mut Trial, name: &str| {
        trial.knows(name);
        let effects = trial.gets(name, Message::Leave { term: Some(term("3@z/1")) });
        (trial.peer.standing(), effects)
    };
    let told = |effects: Vec<Effect>| -> Vec<Event> {
        let event = |effect| if let Effect::Tell(event) = effect { Some(event) } else { None };
        effects.into_iter().filter_map(event).collect()
    };
    let (standing, effects) = after(&mut Trial::leader(&["a", "b"]), "a");
    let members = vec![id("b"), id("m")];
    let left = Event::MemberLeft { peer: id("a"), members: members.clone() };
    let view = Event::View { term: term("3@m/1"), change: 2, members, leader_here: true };
    assert_eq!((standing, told(effects)), (Standing::Leader, vec![left, view]));

    let (standing, effects) = after(&mut Trial::member(&["x"]), "z");
    assert_eq!((standing, told(effects)), (Standing::Electing, vec![Event::LeaderFailed { leader: id("z") }]));
    let (standing, effects) = after(&mut Trial::member(&["x"]), "x");
    assert_eq!((standing, told(effects)), (Standing::Member, vec![]));
    assert_eq!(after(&mut Trial::learner(), "z").0, Standing::Seeking);
    assert_eq!(after(&mut Trial::learner(), "x").0, Standing::Learner);

    for (name, standing) in [("x", Standing::Electing), ("y", Standing::Promised)] {
        let mut trial = Trial::member(&["x", "y"]);
        trial.peer.role = Role::Promised(promised("x"));
        assert_eq!(after(&mut trial, name).0, standing, "{name} is gone");
    }
    for (name, asked) in [("x", 0), ("y", 1)] {
        let mut trial = Trial::member(&["x", "y"]);
        let mut proposing = proposing(&["x", "w"]);
        proposing.asked = [id("x"), id("w")].into();
        trial.peer.role = Role::Proposing(proposing);
        after(&mut trial, name);
        let Role::Proposing(proposing) = &trial.peer.role else { panic!("it proposes") };
        assert_eq!(proposing.asked.len(), 1 + asked, "{name} is gone");
    }
}

#[test]
fn a_process_that_is_gone_asks_for_nothing_and_its_successor_in_the_view_counts() {
    let mut trial = Trial::member(&["x"]);
    let now = Time::from_secs(1);
    trial.peer.group.asking.insert(id("x"));
    trial.peer.group.lost.insert(id("x"));
    trial.peer.group.last_view.get_mut(&id("x")).unwrap().incarnation = 2;
    let mut effects = vec![];
    trial.peer.gone(&id("x"), Loss::Failed, &mut Turn { now, out: &mut effects });
    assert!(trial.peer.group.asking.is_empty() && trial.peer.group.lost.is_empty());
    assert_eq!(trial.peer.incarnation_of(&id("x")), 2);
    assert_eq!(effects, [close("x")], "a link to the life before");

    // The view names no other life.
    let mut trial = Trial::member(&["x"]);
    let known = trial.peer.contacts.get_mut(&id("x")).unwrap();
    (known.refused, known.sought) = (Some(now), Some(now));
    trial.peer.gone(&id("x"), Loss::Failed, &mut Turn { now, out: &mut effects });
    let known = trial.peer.contacts.get(&id("x")).unwrap();
    assert_eq!((known.dead, known.refused, known.sought), (true, None, None));
}

/// docs/protocol.md, 4.5.
#[test]
fn what_a_new_link_is_told_depends_on_the_role() {
    let mut leader = Trial::leader(&["a"]);
    let leading = leader.leading();
    leading.learners.insert(id("b"), Mark { at: 0, times: 0 });
    leading.followers.insert(id("b"), Follower::new(Time::from_secs(1)));
    leader.knows("b");
    let names = ["a", "m"];
    let shown = || ViewChange { change: 1, ..view("3@m/1", &names, vec![], 0) };
    assert_eq!(linked(&mut leader, "a"), [say("a", Message::ViewChange(shown()))]);
    assert_eq!(linked(&mut leader, "b"), [say("b", Message::Added { view: shown(), incarnation: 1 })]);
    assert_eq!(linked(&mut leader, "c"), [], "it is no follower");

    for mut trial in [Trial::member(&["x"]), Trial::learner()] {
        assert_eq!(linked(trial.after(1), "z"), [fetch()]);
        assert_eq!(trial.peer.contacts.get(&id("z")).unwrap().linked, Some(Time::from_secs(2)));
        assert_eq!(linked(&mut trial, "x"), []);
    }
    let mut seeker = Trial::seeker(None, &Found::default());
    seeker.peer.role = asked_to_join("z");
    assert_eq!(linked(&mut seeker, "z"), [say("z", join())]);
    assert_eq!(linked(&mut seeker, "x"), []);
}

#[test]
fn a_follower_with_a_new_link_has_to_say_again_how_far_it_is() {
    let mut leader = Trial::leader(&["a"]);
    leader.gets("a", Message::Fetch { term: term("3@m/1"), from: 1 });
    let serves = |leader: &Trial| leader.peer.leading().unwrap().followers[&id("a")].has_stored(0);
    assert!(serves(&leader));
    linked(&mut leader, "a");
    assert!(!serves(&leader));
}

/// On a new link `STALE` is said again.
#[test]
fn a_link_that_is_closed_or_new_forgets_what_was_said_on_it() {
    let says = |trial: &mut Trial| trial.gets("x", Message::Commit { term: term("2@x/1"), up_to: 0 }).len();
    let mut trial = Trial::member(&["x"]);
    assert_eq!((says(&mut trial), says(&mut trial)), (1, 0));
    linked(&mut trial, "x");
    assert_eq!((says(&mut trial), says(&mut trial)), (1, 0));
    trial.peer.close(&id("x"), &mut Turn { now: Time::from_secs(1), out: &mut vec![] });
    assert_eq!(says(&mut trial), 1);
}
