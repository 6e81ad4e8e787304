//! How many questions the words of strangers cost, and which answer belongs to which question.

use super::*;

fn at(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], port))
}

fn seconds(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

/// Opens questions with this purpose.
fn open(calls: &mut Calls, count: u64, purpose: &Purpose, urgent: bool) {
    for n in 0..count {
        let open = Open { to: Some(at(1, 1)), purpose: purpose.clone(), urgent, since: Time::ZERO };
        calls.open.insert(Token(1000 * u64::from(urgent) + calls.open.len() as u64 + n), open);
    }
}

#[test]
fn a_host_uses_up_its_own_share_and_all_together_the_whole() {
    let mut calls = Calls::default();
    let spent = |calls: &mut Calls, host, now| (0..100).filter(|port| calls.spend(at(host, 1 + port), now)).count();
    assert_eq!([1, 2, 3].map(|host| spent(&mut calls, host, Time::ZERO)), [16, 16, 16]);
    // Processes of this host have no share of their own.
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!((1..100).filter(|port| calls.spend(local(*port), Time::ZERO)).count(), 16);
    assert_eq!(spent(&mut calls, 4, Time::ZERO), 0);
    // As many in four seconds as in a row: sixteen a second, four of them for one host.
    assert_eq!((spent(&mut calls, 1, seconds(1)), spent(&mut calls, 2, seconds(1))), (4, 4));
    assert_eq!((1..100).filter(|port| calls.spend(local(*port), seconds(1))).count(), 8);
}

#[test]
fn few_questions_to_strangers_are_under_way_at_a_time() {
    let visitor = Purpose::Visitor(ConnectionId(1));
    for (purpose, urgent, spends, looks) in [
        (&Purpose::Group, false, false, false),
        (&Purpose::Proof, false, false, false),
        (&Purpose::Group, true, true, false),
        (&Purpose::Look, false, true, false),
        (&visitor, false, true, true),
        (&visitor, true, true, false),
    ] {
        let mut calls = Calls::default();
        open(&mut calls, UNDER_WAY_MAX as u64 - 1, purpose, urgent);
        assert!(calls.spend(at(2, 1), Time::ZERO) && !calls.looks_into_enough(), "{purpose:?}");
        open(&mut calls, 1, purpose, urgent);
        assert_eq!((calls.spend(at(2, 1), Time::ZERO), calls.looks_into_enough()), (spends, looks), "{purpose:?}");
    }
}

#[test]
fn an_address_is_asked_once_in_a_pause_and_few_are_remembered() {
    let (mut calls, pause) = (Calls::default(), seconds(5));
    for port in 1..=RECENT_MAX + 1 {
        calls.note_asked(at(1, u16::try_from(port).unwrap()), Time::ZERO, pause);
    }
    let asked = |calls: &Calls, port: usize, now| calls.was_asked(at(1, u16::try_from(port).unwrap()), now, pause);
    assert!(asked(&calls, 1, Time::from_millis(4999)) && !asked(&calls, 1, pause));
    assert!(asked(&calls, RECENT_MAX, Time::ZERO) && !asked(&calls, RECENT_MAX + 1, Time::ZERO), "there is no room");
    calls.note_asked(at(2, 1), pause, pause);
    assert!(calls.was_asked(at(2, 1), pause, pause) && calls.recent.len() == 1, "what is over makes room");
}

#[test]
fn an_answer_counts_once_and_from_the_address_that_was_asked() {
    let mut calls = Calls::default();
    let open = |to| Open { to, purpose: Purpose::Group, urgent: false, since: Time::ZERO };
    calls.open.insert(Token(1), open(Some(at(1, 1))));
    calls.open.insert(Token(2), open(None));
    assert_eq!(calls.take(Token(3), at(1, 1)), None);
    assert_eq!(calls.take(Token(1), at(1, 2)), None, "from somewhere else");
    assert_eq!((calls.take(Token(1), at(1, 1)), calls.take(Token(1), at(1, 1))), (Some(Purpose::Group), None));
    // Any address of `--join` may answer, and each.
    assert_eq!(
        (calls.take(Token(2), at(1, 1)), calls.take(Token(2), at(1, 2))),
        (Some(Purpose::Group), Some(Purpose::Group))
    );
}
