//! Which connections are admitted, which are refused and why, and how long they wait for that.

use peer::protocol::{Admission, Alarm, Answer, ConnectionId, Effect, Effects, Question};
use peer::wire::{Belongs, Hello, Refusal};

use crate::bench::{asked, at, contact, hello, here, id, Bench, LIFE};

const NEW: &str = "10.0.0.2:8000";
const KNOWN: &str = "10.0.0.1:8000";

/// Why these connections are refused; `None` for one that is admitted.
fn decided(effects: &Effects) -> Vec<(u64, Option<Refusal>)> {
    let of = |effect: &Effect| match effect {
        Effect::Admit { connection, admission: Admission::Accept } => Some((connection.0, None)),
        Effect::Admit { connection, admission: Admission::Refuse { why } } => Some((connection.0, Some(why.clone()))),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn other(why: &str) -> Refusal {
    Refusal::Other(why.to_owned())
}

/// `x` answers in this life, and says whether it made the connection.
fn says(incarnation: u64, endpoint: &str, dialled: bool) -> impl FnOnce(&Question) -> Answer {
    let answer = here(contact("x", incarnation, endpoint), Belongs::Nowhere);
    move |question| match answer(question) {
        Answer::Here(mut here) => {
            here.dialled = dialled;
            Answer::Here(here)
        }
        other => other,
    }
}

#[test]
fn what_hello_says_is_checked_before_anybody_is_asked() {
    let x = || hello("x", 5, NEW);
    let wrong_quorum = Refusal::WrongQuorum { group: None, newcomer: Some(3) };
    let own = Some("127.0.0.1:7000".parse().unwrap());
    for (hello, why) in [
        (Hello { group: "others".into(), ..x() }, other("wrong group: this peer is of group sensors")),
        (Hello { addressee: Some(id("y")), ..x() }, Refusal::WrongAddressee),
        (Hello { quorum: Some(3), ..x() }, wrong_quorum),
        (hello("m", LIFE, NEW), Refusal::Itself),
        (hello("m", LIFE - 1, NEW), Refusal::IdInUse(own)),
    ] {
        let mut leader = Bench::leader();
        assert_eq!(decided(&leader.greet(1, hello)), [(1, Some(why))]);
        assert!(!leader.waits_for(NEW));
    }
    let mut leader = Bench::leader();
    leader.greet(1, Hello { addressee: None, ..x() });
    assert!(leader.waits_for(NEW), "anybody may be meant");
}

#[test]
fn only_a_yes_of_the_very_process_admits_its_connection() {
    let no = other("its process did not make it");
    let another = other("another process listens where it says it does");
    let decides = |answer: Answer| {
        let mut leader = Bench::leader();
        leader.greet(1, hello("x", 5, NEW));
        decided(&leader.answered(NEW, |question| match answer {
            Answer::Here(mut here) => {
                here.nonce = question.nonce;
                Answer::Here(here)
            }
            answer => answer,
        }))
    };
    let question = Question { nonce: peer::wire::Token(0), hint: None, dialled: None };
    assert_eq!(decides(says(5, NEW, true)(&question)), [(1, None)]);
    assert_eq!(decides(says(5, NEW, false)(&question)), [(1, Some(no))]);
    assert_eq!(decides(says(6, NEW, true)(&question)), [(1, Some(another.clone()))]);
    let mut named = here(contact("y", 5, NEW), Belongs::Nowhere)(&question);
    if let Answer::Here(here) = &mut named {
        here.dialled = true;
    }
    assert_eq!(decides(named), [(1, Some(another))]);
    assert_eq!(decides(Answer::Silent), [(1, Some(Refusal::NoAnswer))]);
    assert_eq!(decides(Answer::Error(other("no"))), [(1, Some(Refusal::NoAnswer))]);
    assert_eq!(decides(Answer::Refused), [(1, Some(Refusal::NobodyListens))]);
}

#[test]
fn a_connection_whose_question_is_never_answered_is_refused_after_a_heartbeat_timeout() {
    let mut leader = Bench::leader();
    leader.greet(1, hello("x", 5, NEW));
    assert_eq!(leader.peer.deadline(Alarm::Discovery), Some(at(leader.now() + 10_000)));
    assert_eq!(decided(&leader.after(9999).alarm(Alarm::Discovery)), []);
    assert_eq!(decided(&leader.after(1).alarm(Alarm::Discovery)), [(1, Some(Refusal::NoAnswer))]);
    assert_eq!(leader.peer.deadline(Alarm::Discovery), None);
}

#[test]
fn the_later_of_two_connections_of_a_life_counts_whichever_was_greeted_first() {
    let mut leader = Bench::leader();
    for connection in [1, 2] {
        leader.greet(connection, hello("x", 5, NEW));
    }
    // The last question is that of connection 2.
    assert_eq!(decided(&leader.answered(NEW, says(5, NEW, true))), [(2, None)]);
    let effects = leader.answered(NEW, says(5, NEW, true));
    assert_eq!(effects, [Effect::Drop { connection: ConnectionId(1) }]);
}

/// Life 9 of `x` comes on connection 2 from another address than life 5, which speaks on connection 1. The known life is
/// asked, and answers this.
fn elder_answers(answer: impl FnOnce(&Question) -> Answer) -> Effects {
    let mut leader = Bench::leader();
    leader.hello(1, "x", 5, KNOWN);
    let effects = leader.hello(2, "x", 9, NEW);
    assert_eq!(asked(&effects).iter().map(|call| call.to.to_string()).collect::<Vec<_>>(), [KNOWN]);
    leader.answered(KNOWN, answer)
}

#[test]
fn the_known_life_of_a_peer_keeps_its_name_while_it_answers() {
    let in_use = Refusal::IdInUse(Some(KNOWN.parse().unwrap()));
    assert_eq!(decided(&elder_answers(says(5, KNOWN, false))), [(2, Some(in_use.clone()))]);
    // It says that it made the connection, which names another life.
    assert_eq!(decided(&elder_answers(says(5, KNOWN, true))), [(2, Some(in_use))]);
    // Another process has its address now.
    assert_eq!(decided(&elder_answers(says(7, KNOWN, false))), [(2, None)]);
    assert_eq!(decided(&elder_answers(|_| Answer::Silent)), []);
}

#[test]
fn a_process_that_comes_from_another_of_its_addresses_is_admitted() {
    let mut leader = Bench::leader();
    leader.hello(1, "x", 5, KNOWN);
    leader.hello(2, "x", 5, NEW);
    assert_eq!(decided(&leader.answered(KNOWN, says(5, KNOWN, true))), [(2, None)]);
    assert_eq!(leader.peer.endpoint_of(&id("x")), Some(NEW.parse().unwrap()));
}
