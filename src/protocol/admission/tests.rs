//! Who may speak, one answer at a time. A trial has a heartbeat interval of five seconds, a heartbeat timeout of ten; its
//! peers speak from second one on.

use super::super::trial::{asked, close, connection, contact, endpoint, here, id, say, term, Trial};
use super::super::{Alarm, Input};
use super::*;
use crate::ids::Incarnation;
use crate::protocol::effect::Effects;
use crate::wire::{Belongs, Token, PROTOCOL_VERSION};
use std::net::Ipv4Addr;

/// The greeting of this life of a peer, which listens where another peer of a trial does.
fn hello(name: &str, incarnation: Incarnation, at: &str) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        group: "sensors".into(),
        quorum: None,
        peer: id(name),
        incarnation,
        endpoint: endpoint(at),
        addressee: Some(id("m")),
        token: Token(incarnation),
    }
}

/// Connection 1000 and later ones are new.
fn greets(trial: &mut Trial, connection: u64, hello: Hello) -> Effects {
    let from = hello.endpoint.ip();
    trial.step(Input::Hello { connection: ConnectionId(connection), from, at: endpoint("m"), hello })
}

fn life(name: &str, incarnation: Incarnation, at: &str) -> Contact {
    Contact { incarnation, endpoint: endpoint(at), ..contact(name) }
}

fn refused(connection: u64, why: Refusal) -> Effect {
    Effect::Admit { connection: ConnectionId(connection), admission: Admission::Refuse { why } }
}

fn admitted(connection: u64) -> Effect {
    Effect::Admit { connection: ConnectionId(connection), admission: Admission::Accept }
}

fn in_use(at: &str) -> Refusal {
    Refusal::IdInUse(Some(endpoint(at)))
}

#[test]
fn what_a_greeting_says_is_checked_before_anybody_is_asked() {
    let x = || hello("a", 1, "a");
    let wrong_group = "wrong group: this peer is of group sensors".to_owned();
    for (hello, why) in [
        (Hello { group: "others".into(), ..x() }, Refusal::Other(wrong_group)),
        (Hello { addressee: Some(id("x")), ..x() }, Refusal::WrongAddressee),
        (Hello { quorum: Some(2), ..x() }, Refusal::WrongQuorum { group: None, newcomer: Some(2) }),
        (hello("m", 1, "a"), Refusal::Itself),
        (hello("m", 2, "a"), in_use("m")),
    ] {
        assert_eq!(greets(&mut Trial::member(&[]), 1000, hello), [refused(1000, why)]);
    }
    let mut trial = Trial::member(&[]);
    let from = IpAddr::from(Ipv4Addr::new(127, 0, 0, 2));
    let effects = trial.step(Input::Hello { connection: ConnectionId(1000), from, at: endpoint("m"), hello: x() });
    let why = format!("it comes from 127.0.0.2 and names {}", endpoint("a"));
    assert_eq!(effects, [refused(1000, Refusal::Other(why))]);
    assert_eq!(asked(&greets(&mut trial, 1000, Hello { addressee: None, ..x() })), [endpoint("a")]);
}

#[test]
fn a_question_is_answered_with_what_a_greeting_of_its_asker_would_be_refused_for() {
    let answers = |hello: &Hello| {
        let mut trial = Trial::member(&[]);
        let question = Question { nonce: Token(7), hint: None, dialled: None };
        let (connection, from) = (ConnectionId(1000), hello.endpoint.ip());
        match &trial.step(Input::Asked { connection, from, hello: hello.clone(), question })[..] {
            [Effect::Answer { message: Message::Error { why }, .. }] => Some(why.clone()),
            [Effect::Answer { message: Message::Here(here), .. }] if here.nonce == Token(7) => None,
            other => panic!("{other:?}"),
        }
    };
    let asker = hello("a", 1, "a");
    assert_eq!(answers(&asker), None);
    assert_eq!(answers(&Hello { addressee: Some(id("x")), ..asker.clone() }), Some(Refusal::WrongAddressee));
    let why = Refusal::WrongQuorum { group: None, newcomer: Some(2) };
    assert_eq!(answers(&Hello { quorum: Some(2), ..asker }), Some(why));
}

/// The maker of connection 1000 answers, where `at` listens, that it made it, and that it is this life.
fn proves(trial: &mut Trial, at: &str, life: Contact) -> Effects {
    let answer = here(life, Belongs::Nowhere, true);
    trial.does(|peer, turn| peer.on_visitor_answer(ConnectionId(1000), endpoint(at), answer, turn)).1
}

/// The known life of `x` was asked about connection 1000, and answers this.
fn elder_says(trial: &mut Trial, answer: Answer) -> Effects {
    trial.does(|peer, turn| peer.on_elder_answer(&id("x"), ConnectionId(1000), answer, turn)).1
}

/// `x` is a member that speaks; its life 2 comes from `a` on connection 1000, and is proven. `x` is asked, and answers this
/// after this many seconds.
fn elder_answers(after: u64, answer: Answer) -> (Trial, Effects) {
    let mut trial = Trial::member(&["x"]);
    greets(&mut trial, 1000, hello("x", 2, "a"));
    let effects = proves(&mut trial, "a", life("x", 2, "a"));
    assert_eq!(asked(&effects), [endpoint("x")], "the known life is asked");
    let effects = elder_says(trial.after(after), answer);
    (trial, effects)
}

/// When the known life is to be asked again, in milliseconds.
fn ask_at(trial: &Trial) -> Option<u128> {
    trial.peer.visitors.due().map(|due| due.as_millis())
}

/// docs/protocol.md, 3.7.
#[test]
fn the_known_life_stays_while_it_answers() {
    for dialled in [false, true] {
        // It cannot have made the connection, which names another life.
        let (_, effects) = elder_answers(0, here(life("x", 1, "x"), Belongs::Nowhere, dialled));
        assert_eq!(effects, [refused(1000, in_use("x"))]);
    }
    for other in [life("x", 3, "x"), life("y", 1, "x")] {
        let (trial, effects) = elder_answers(0, here(other, Belongs::Nowhere, false));
        assert!(effects.contains(&admitted(1000)), "another process has its address: {effects:?}");
        assert_eq!(trial.peer.incarnation_of(&id("x")), 2);
    }
}

/// One address cannot have two owners, so the earlier life is gone.
#[test]
fn a_later_life_at_the_address_of_the_known_one_is_admitted_without_a_question() {
    let mut trial = Trial::member(&["x"]);
    greets(&mut trial, 1000, hello("x", 2, "x"));
    let effects = proves(&mut trial, "x", life("x", 2, "x"));
    assert_eq!(asked(&effects), []);
    assert!(effects.contains(&admitted(1000)), "{effects:?}");
    assert_eq!(trial.peer.incarnation_of(&id("x")), 2);
}

/// A process with several addresses says at the known one that it made the connection from another.
#[test]
fn one_process_may_come_from_another_of_its_addresses() {
    for (dialled, at) in [(true, "a"), (false, "x")] {
        let mut trial = Trial::member(&["x"]);
        greets(&mut trial, 1000, hello("x", 1, "a"));
        proves(&mut trial, "a", life("x", 1, "a"));
        let effects = elder_says(&mut trial, here(life("x", 1, "x"), Belongs::Nowhere, dialled));
        assert_eq!(effects.contains(&admitted(1000)), dialled);
        assert_eq!(trial.peer.endpoint_of(&id("x")), Some(endpoint(at)));
    }
}

#[test]
fn silence_of_the_known_life_counts_after_a_heartbeat_timeout_in_which_it_was_not_heard() {
    for answer in [Answer::Silent, Answer::Error(Refusal::NoAnswer)] {
        for (after, ask) in [(0, 3500), (7, 10_500), (8, 11_000), (9, 11_000)] {
            let (trial, effects) = elder_answers(after, answer.clone());
            assert_eq!((effects, ask_at(&trial)), (vec![], Some(ask)), "after {after} s");
        }
        let (trial, effects) = elder_answers(10, answer);
        assert_eq!(effects[0], close("x"));
        assert!(effects.contains(&admitted(1000)), "{effects:?}");
        assert_eq!(trial.peer.incarnation_of(&id("x")), 2);
    }
    // A busy host must not lose its name.
    let mut trial = Trial::member(&["x"]);
    greets(&mut trial, 1000, hello("x", 2, "a"));
    proves(&mut trial, "a", life("x", 2, "a"));
    trial.after(5).gets("x", Message::Ok { term: Some(term("3@z/1")) });
    for (seconds, heard) in [(5, true), (9, true), (10, false)] {
        let mut peer = trial.peer.clone();
        let now = Time::from_secs(6 + seconds);
        peer.clock.now = now;
        let mut effects = Effects::new();
        let turn = &mut Turn { now, out: &mut effects };
        peer.on_elder_answer(&id("x"), ConnectionId(1000), Answer::Silent, turn);
        assert_eq!(effects == [refused(1000, in_use("x"))], heard, "{seconds} s after it spoke: {effects:?}");
    }
}

#[test]
fn a_known_life_whose_address_refuses_is_read_to_its_end_first() {
    let (mut trial, effects) = elder_answers(0, Answer::Refused);
    assert_eq!((effects, ask_at(&trial)), (vec![], Some(3500)));
    // Its connection ends.
    let effects = trial.step(Input::Ended { connection: connection("x") });
    assert!(effects.contains(&admitted(1000)), "{effects:?}");
}

#[test]
fn a_known_life_that_did_not_answer_is_asked_again() {
    let (mut trial, _) = elder_answers(0, Answer::Silent);
    assert_eq!(asked(&trial.after_time(Time::from_millis(2499)).alarm(Alarm::Discovery)), []);
    assert_eq!(asked(&trial.after_time(Time::from_millis(1)).alarm(Alarm::Discovery)), [endpoint("x")]);
    assert_eq!(ask_at(&trial), None, "until it answers");
    // It is forgotten meanwhile.
    let (mut trial, _) = elder_answers(0, Answer::Silent);
    trial.peer.contacts.remove(&id("x"));
    let effects = trial.after(3).alarm(Alarm::Discovery);
    assert!(effects.contains(&admitted(1000)), "{effects:?}");
}

/// The leader names another life of a peer than the known one.
#[test]
fn the_life_before_is_gone_unless_it_answers_or_was_heard_lately() {
    let gone = |answer: &Answer, seconds: u64| {
        let mut trial = Trial::member(&["x"]);
        let now = Time::from_secs(1 + seconds);
        trial.peer.clock.now = now;
        let mut effects = Effects::new();
        trial.peer.on_predecessor_answer(&id("x"), answer, &mut Turn { now, out: &mut effects });
        assert_eq!(effects.contains(&close("x")), trial.peer.contacts.is_dead(&id("x")));
        trial.peer.contacts.is_dead(&id("x"))
    };
    assert!(!gone(&here(life("x", 1, "x"), Belongs::Nowhere, false), 99));
    assert!(
        gone(&here(life("x", 2, "x"), Belongs::Nowhere, false), 0)
            && gone(&here(life("y", 1, "x"), Belongs::Nowhere, false), 0)
    );
    assert!(gone(&Answer::Refused, 0));
    for answer in [Answer::Silent, Answer::Error(Refusal::NoAnswer)] {
        assert_eq!([9, 10].map(|seconds| gone(&answer, seconds)), [false, true]);
    }
    let mut trial = Trial::member(&[]);
    let mut effects = Effects::new();
    let turn = &mut Turn { now: Time::from_secs(1), out: &mut effects };
    trial.peer.on_predecessor_answer(&id("x"), &Answer::Refused, turn);
    assert_eq!(effects, [], "it is not known");
}

#[test]
fn of_several_visitors_under_a_name_the_newest_takes_the_place_of_the_life_before() {
    let mut trial = Trial::member(&["x"]);
    for (connection, life_of_it) in [(1000, 2), (1001, 3), (1002, 4)] {
        greets(&mut trial, connection, hello("x", life_of_it, "a"));
    }
    greets(&mut trial, 1003, hello("y", 4, "b"));
    for visitor in trial.peer.visitors.waiting.values_mut() {
        // The last of `x` is not proven yet.
        visitor.proven = visitor.hello.incarnation != 4 || visitor.hello.peer == id("y");
    }
    let mut effects = Effects::new();
    let turn = &mut Turn { now: Time::from_secs(1), out: &mut effects };
    trial.peer.gone(&id("x"), Loss::Failed, turn);
    assert!(effects.contains(&admitted(1001)) && !effects.contains(&admitted(1000)), "{effects:?}");
    assert_eq!(trial.peer.incarnation_of(&id("x")), 3);
}

#[test]
fn a_visitor_that_waits_is_looked_after_when_the_time_has_come() {
    let mut trial = Trial::member(&["x"]);
    greets(&mut trial, 1000, hello("b", 1, "b"));
    assert_eq!(ask_at(&trial), Some(11_000), "its address has a heartbeat timeout to answer");
    assert_eq!(trial.after_time(Time::from_millis(9999)).alarm(Alarm::Discovery), []);
    let effects = trial.after_time(Time::from_millis(1)).alarm(Alarm::Discovery);
    assert_eq!(effects, [refused(1000, Refusal::NoAnswer)]);
    assert!(!trial.peer.forget_visitor(ConnectionId(1000)));
}

#[test]
fn a_connection_of_the_leader_is_a_new_link_from_which_it_is_fetched_again() {
    for (name, fetches) in [("z", true), ("x", false)] {
        let mut trial = Trial::member(&["x"]);
        greets(&mut trial, 1000, hello(name, 1, name));
        let effects = proves(&mut trial, name, life(name, 1, name));
        let fetch = say("z", Message::Fetch { term: term("3@z/1"), from: 1 });
        assert_eq!((effects.contains(&fetch), effects.contains(&admitted(1000))), (fetches, true), "{effects:?}");
    }
}

#[test]
fn a_familiar_address_is_asked_before_strangers_and_once_at_a_time() {
    let familiar = |change: fn(&mut Peer), name: &str, at: &str| {
        let mut trial = Trial::member(&["x"]);
        trial.knows("a");
        change(&mut trial.peer);
        trial.peer.is_familiar(&id(name), endpoint(at))
    };
    assert!(familiar(|_| (), "z", "z") && familiar(|_| (), "x", "x"));
    assert!(!familiar(|_| (), "x", "a") && !familiar(|_| (), "a", "a") && !familiar(|_| (), "q", "q"));
    let seeks = |peer: &mut Peer| peer.contacts.get_mut(&id("a")).unwrap().sought = Some(Time::from_secs(1));
    assert!(familiar(seeks, "a", "a"));
    let only_named = |peer: &mut Peer| {
        let known = peer.contacts.get_mut(&id("a")).unwrap();
        (known.sought, known.proven) = (Some(Time::from_secs(1)), false);
    };
    assert!(!familiar(only_named, "a", "a"));
    // Strangers spend what is there for them; the familiar one is asked all the same.
    let mut trial = Trial::member(&["x"]);
    (0..BURST).for_each(|_| assert!(trial.peer.visitors.budget.spend(Time::from_secs(1), REFILL)));
    let why = other("too many strangers at the same time; try again");
    assert_eq!(greets(&mut trial, 1000, hello("q", 1, "q")), [refused(1000, why.clone())]);
    assert_eq!(asked(&greets(&mut trial, 1001, hello("x", 1, "x"))), [endpoint("x")]);
    assert_eq!(greets(&mut trial, 1002, hello("x", 1, "x")), [refused(1002, why)], "its address is being asked");
}
