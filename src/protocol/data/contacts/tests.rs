//! Whose word about a process counts, and which of its connections.

use super::*;

const ZERO: Time = Time::ZERO;

/// `x` in this life, at this port.
fn x(incarnation: Incarnation, port: u16) -> Contact {
    named("x", incarnation, port)
}

fn named(name: &str, incarnation: Incarnation, port: u16) -> Contact {
    let endpoint = SocketAddr::from(([127, 0, 0, 1], port));
    Contact { id: name.parse().unwrap(), priority: 0, incarnation, endpoint }
}

/// The life, the port and the priority that count for `x`, and whether it proved itself.
fn known(contacts: &Contacts) -> (Incarnation, u16, i64, bool) {
    let known = contacts.get(&x(1, 1).id).expect("it is known");
    (known.incarnation, known.endpoint.port(), known.priority, known.proven)
}

#[test]
fn only_the_process_that_answered_there_and_lives_is_proven() {
    let mut contacts = Contacts::default();
    assert!(contacts.learn(&named("named", 1, 1), false, ZERO));
    assert!(contacts.learn(&x(1, 2), true, ZERO));
    assert!(!contacts.is_proven(&named("named", 1, 1)));
    for (other, proven) in [(x(1, 2), true), (x(2, 2), false), (x(1, 3), false)] {
        assert_eq!(contacts.is_proven(&other), proven, "{other:?}");
    }
    contacts.get_mut(&x(1, 2).id).expect("known").dead = true;
    assert!(!contacts.is_proven(&x(1, 2)) && contacts.is_dead(&x(1, 2).id));
}

#[test]
fn the_later_word_of_leaders_counts_and_the_word_of_the_process_more() {
    let mut contacts = Contacts::default();
    assert!(contacts.learn(&x(5, 1), false, ZERO) && contacts.learn(&Contact { priority: 7, ..x(4, 2) }, false, ZERO));
    assert_eq!(known(&contacts), (4, 2, 7, false));
    assert!(contacts.learn(&Contact { priority: 8, ..x(4, 2) }, true, ZERO));
    assert_eq!(known(&contacts), (4, 2, 8, true));
    for other in [x(5, 2), x(4, 1)] {
        assert!(!contacts.learn(&other, false, ZERO) && !contacts.learn(&other, true, ZERO), "{other:?}");
    }
    assert!(contacts.learn(&Contact { priority: 9, ..x(4, 2) }, false, ZERO));
    assert_eq!(known(&contacts), (4, 2, 8, true), "its own word about its priority stays");
}

#[test]
fn a_process_that_seemed_gone_is_back_once_it_says_so_itself() {
    for (proven, dead) in [(false, true), (true, false)] {
        let mut contacts = Contacts::default();
        contacts.learn(&x(1, 1), true, ZERO);
        contacts.get_mut(&x(1, 1).id).expect("known").dead = true;
        assert_eq!(contacts.claim(&x(2, 9)), Claim::Current, "its name is free");
        assert!(contacts.learn(&x(1, 9), proven, ZERO));
        assert_eq!((known(&contacts).1, contacts.is_dead(&x(1, 1).id)), (9, dead));
    }
}

#[test]
fn a_later_life_silences_the_connection_of_the_earlier_one() {
    let mut contacts = Contacts::default();
    contacts.connect(&x(1, 1), ConnectionId(1), ZERO);
    contacts.get_mut(&x(1, 1).id).expect("known").dead = true;
    assert!(contacts.learn(&x(2, 1), true, ZERO));
    assert_eq!((contacts.take_unheard(), contacts.take_unheard()), (vec![ConnectionId(1)], vec![]));
    assert_eq!(contacts.hear(ConnectionId(1), ZERO), None);
    assert_eq!(known(&contacts).0, 2);
}

#[test]
fn one_connection_of_a_process_counts_and_brings_back_its_address() {
    let (mut contacts, id) = (Contacts::default(), x(1, 1).id);
    contacts.connect(&x(1, 1), ConnectionId(1), ZERO);
    assert_eq!(contacts.hear(ConnectionId(1), ZERO), Some((&id, false)));
    // It answers at another of its addresses, and goes on speaking from the first.
    contacts.settle(&x(1, 2), ZERO);
    assert_eq!(known(&contacts).1, 2);
    assert_eq!(contacts.hear(ConnectionId(1), Time::from_secs(3)), Some((&id, true)));
    assert_eq!((known(&contacts).1, contacts.get(&id).map(|known| known.vouched)), (1, Some(Time::from_secs(3))));
    contacts.connect(&x(1, 1), ConnectionId(2), ZERO);
    assert_eq!(contacts.take_unheard(), [ConnectionId(1)]);
    assert_eq!((contacts.ended(ConnectionId(1)), contacts.connected().count()), (None, 1));
    assert_eq!((contacts.ended(ConnectionId(2)), contacts.connected().count()), (Some(id), 0));
    contacts.connect(&x(1, 1), ConnectionId(3), ZERO);
    contacts.silence(ConnectionId(3));
    assert_eq!((contacts.ended(ConnectionId(3)), contacts.connected().count()), (None, 0));
}

#[test]
fn seekers_count_while_they_were_heard_lately_and_live() {
    let mut contacts = Contacts::default();
    for (name, sought, dead) in [("a", Some(5), false), ("b", Some(4), false), ("c", None, false), ("d", Some(6), true)]
    {
        contacts.learn(&named(name, 1, 1), true, ZERO);
        let known = contacts.get_mut(&name.parse().unwrap()).expect("known");
        (known.sought, known.dead) = (sought.map(Time::from_secs), dead);
    }
    assert_eq!(contacts.seekers(Time::from_secs(5)).map(PeerId::as_str).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_process_that_was_not_heard_of_is_forgotten_unless_it_is_needed() {
    let mut contacts = Contacts::default();
    for (name, at) in [("a", 1), ("b", 2), ("c", 3)] {
        contacts.connect(&named(name, 1, 1), ConnectionId(at), Time::from_secs(at));
    }
    let gone = contacts.forget(Time::from_secs(3), |id| id.as_str() == "b");
    assert_eq!(gone.iter().map(PeerId::as_str).collect::<Vec<_>>(), ["a"]);
    assert_eq!(
        contacts.connected().map(|(id, at, _)| (id.as_str(), at.as_secs())).collect::<Vec<_>>(),
        [("b", 2), ("c", 3)]
    );
    assert_eq!(contacts.hear(ConnectionId(1), ZERO), None);
}

#[test]
fn a_peer_may_ask_to_join_eight_times_in_a_period() {
    let (mut contacts, period, id) = (Contacts::default(), Time::from_secs(8), x(1, 1).id);
    assert!(!contacts.may_join(&id, ZERO, period), "it is not known");
    contacts.learn(&x(1, 1), true, ZERO);
    assert_eq!((0..20).filter(|_| contacts.may_join(&id, ZERO, period)).count(), 8);
    assert_eq!((0..20).filter(|_| contacts.may_join(&id, Time::from_secs(1), period)).count(), 1);
}
