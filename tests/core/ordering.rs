//! Readings on their way into the order: what is kept back, sent, and sent again.

use peer::ids::{Number, NUMBER_MAX};
use peer::protocol::AHEAD_READINGS;
use peer::protocol::WINDOW_READINGS;
use peer::protocol::{Alarm, Done, Effect, Event, Found, Input, Standing, Store};
use peer::wire::{Lines, Message, Range, Request};

use crate::bench::{frame, id, lines, range, recalled, request, seat, sent, term, told, view, Bench, LIFE};

#[test]
fn a_longer_piece_is_kept_back_beside_a_shorter_one_with_the_same_first_number() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.joins(2, "y");
    leader.requests(1, request("o/1", 2, 1));
    leader.requests(2, request("o/1", 2, 9));
    leader.requests(1, request("o/1", 1, 1));
    assert_eq!(leader.peer.last(), 10);
}

#[test]
fn where_too_much_is_kept_back_the_lowest_numbers_stay() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    for piece in (0..12).rev() {
        leader.requests(1, request("o/1", 2 + piece * 1000, 1000));
    }
    leader.requests(1, request("o/1", 1, 1));
    assert_eq!(leader.peer.last(), 1 + 8000);
}

#[test]
fn a_gap_is_given_up_by_the_time_of_the_piece_that_follows_it() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.requests(1, request("o/1", 10, 2));
    leader.after(9000).requests(1, request("o/1", 5, 2));
    let effects = leader.after(1001).alarm(Alarm::Heartbeat);
    assert!(!told(&effects).iter().any(|event| matches!(event, Event::Lost { .. })), "{effects:?}");
    let due = leader.peer.deadline(Alarm::Heartbeat).expect("it beats");
    assert!(due > crate::bench::at(leader.now()), "the next look comes later");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    let effects = leader.after(9000).alarm(Alarm::Heartbeat);
    let lost: Vec<_> = told(&effects).into_iter().filter(|event| matches!(event, Event::Lost { .. })).collect();
    assert_eq!(lost.len(), 2, "{effects:?}");
    assert_eq!(leader.peer.last(), 4);
}

#[test]
fn readings_that_do_not_come_back_in_the_log_are_sent_again() {
    let mut learner = Bench::learner();
    assert_eq!(sent(&learner.step(peer::protocol::Input::Readings(crate::bench::lines(3)))).len(), 1);
    for _ in 0..2 {
        assert_eq!(sent(&learner.heartbeat()).len(), 0);
        learner.after(5000);
    }
    assert_eq!(sent(&learner.heartbeat()).len(), 1);
    // A leader with a hung disk must not be sent the same without end.
    for _ in 0..3 {
        assert_eq!(sent(&learner.after(5000).heartbeat()).len(), 0, "each time it waits twice as long");
    }
    assert_eq!(sent(&learner.after(5000).heartbeat()).len(), 1);
}

#[test]
fn a_member_far_behind_its_leader_sends_nothing_again() {
    let mut learner = Bench::learner();
    learner.step(peer::protocol::Input::Readings(crate::bench::lines(3)));
    for _ in 0..6 {
        let beat = Message::Heartbeat { term: crate::bench::term("1@z/5"), committed: 1_000_000 };
        assert_eq!(sent(&learner.after(5000).said(1, beat)).len(), 0);
    }
}

#[test]
fn readings_whose_numbers_others_took_get_new_ones_and_the_rest_keep_theirs() {
    let mut learner = Bench::learner();
    learner.step(Input::Readings(lines(6)));
    let own = format!("m/{LIFE}");
    let theirs = Lines::new(b"DATA|x|2013-01-01T06:00:00Z|2||\n".repeat(2), 2);
    let forged = Request { lines: theirs, ..request(&own, 3, 2) };
    let leaders = term("1@z/5");
    let effects = learner.said(1, Message::Ordered { term: leaders.clone(), frame: frame(&leaders, 1, forged) });
    let expected = Event::Forged { origin: own.parse().unwrap(), first: 3, last: 4 };
    assert!(told(&effects).contains(&&expected), "{effects:?}");
    assert_eq!(learner.peer.pending(), [range(&own, 1, 2), range(&own, 5, 4)]);
}

#[test]
fn a_recall_that_brings_too_little_is_repeated() {
    let found = Found { pending: vec![range("o/1", 1, 1000)], ..Found::default() };
    let (mut learner, effects) = Bench::learner_with(&found);
    assert_eq!(recalled(&effects), [range("o/1", 1, 1000)]);
    assert_eq!(recalled(&learner.stored(vec![Done::Recalled(request("o/1", 1, 400))])), []);
    learner.heartbeat();
    assert_eq!(recalled(&learner.after(5000).heartbeat()), []);
    assert_eq!(recalled(&learner.after(5000).heartbeat()), [range("o/1", 401, 600)]);
}

#[test]
fn a_recall_that_comes_in_pieces_is_not_repeated() {
    let found = Found { pending: vec![range("o/1", 1, 4000)], ..Found::default() };
    let (mut learner, effects) = Bench::learner_with(&found);
    let asked = recalled(&effects);
    assert_eq!(asked, [range("o/1", 1, 1024)]);
    let pieces = (1..=1024).map(|number| Done::Recalled(request("o/1", number, 1))).collect();
    assert_eq!(recalled(&learner.stored(pieces)), [range("o/1", 1025, 1024)]);
}

#[test]
fn readings_of_few_origins_are_under_way_together_the_lowest_first() {
    let origin = |n: u64| format!("o{n:03}/1");
    let found = Found { pending: (0..200).map(|n| range(&origin(n), 1, 9000)).collect(), ..Found::default() };
    let (mut learner, mut effects) = Bench::learner_with(&found);
    let mut readings = 0;
    loop {
        readings += sent(&effects).iter().map(|request| request.lines.count()).sum::<u64>();
        assert!(sent(&effects).iter().all(|request| request.origin < origin(15).parse().unwrap()));
        let again: Vec<_> = recalled(&effects)
            .into_iter()
            .map(|range| Done::Recalled(request(&range.origin.to_string(), range.first, range.count)))
            .collect();
        if again.is_empty() {
            break;
        }
        effects = learner.stored(again);
    }
    assert_eq!(readings, 15 * 8192);
}

#[test]
fn what_is_under_way_of_one_origin_is_bounded_over_its_gaps() {
    let pending = vec![range("o/1", 1, 5000), range("o/1", 5002, 5000)];
    let (mut learner, mut effects) = Bench::learner_with(&Found { pending, ..Found::default() });
    let mut under_way = Vec::new();
    loop {
        let asked = recalled(&effects);
        if asked.is_empty() {
            break;
        }
        let brought = asked.iter().map(|range| Done::Recalled(request("o/1", range.first, range.count)));
        effects = learner.stored(brought.collect());
        under_way.extend(sent(&effects).iter().map(|request| (request.first, request.lines.count())));
    }
    assert_eq!(under_way.iter().map(|(_, count)| count).sum::<u64>(), 8192);
    assert!(under_way.is_sorted() && under_way.iter().all(|(first, count)| first + count <= 5001 || *first > 5001));
}

#[test]
fn sources_wait_where_the_disk_falls_back() {
    let mut learner = Bench::learner();
    let leader = term("1@z/5");
    while learner.peer.keeps_up() {
        let first = learner.peer.last() + 1;
        assert!(learner.peer.room() > 0 && first <= AHEAD_READINGS, "nothing is stored of {first}");
        let frame = frame(&leader, first, request("z/5", first, 1024));
        learner.said(1, Message::Ordered { term: leader.clone(), frame });
    }
    assert_eq!((learner.peer.last(), learner.peer.room()), (AHEAD_READINGS, 0));
    learner.stored(vec![Done::Appended { last: 1024 }]);
    assert!(learner.peer.keeps_up() && learner.peer.room() > 0);
}

#[test]
fn a_leader_orders_pending_readings_of_any_number_of_origins_as_they_are_committed() {
    let origin = |n: u64| format!("o{n:03}/1");
    let found = Found { pending: (0..40).map(|n| range(&origin(n), 1, 2000)).collect(), ..Found::default() };
    let mut leader = Bench::with(&found);
    let mut effects = peer::protocol::Effects::new();
    while leader.peer.standing() != peer::protocol::Standing::Leader {
        leader.after(1000);
        effects = leader.alarm(Alarm::Discovery);
    }
    loop {
        let brought = |range: Range| Done::Recalled(request(&range.origin.to_string(), range.first, range.count));
        let again: Vec<_> = recalled(&effects).into_iter().map(brought).collect();
        let uncommitted = leader.peer.last() - leader.peer.committed();
        assert!(uncommitted <= AHEAD_READINGS + 40 * 1024, "{uncommitted} readings in memory");
        if again.is_empty() && uncommitted == 0 {
            break;
        }
        effects = if again.is_empty() {
            // The storage has done them.
            let last = leader.peer.last();
            leader.stored(vec![Done::Appended { last }])
        } else {
            leader.stored(again)
        };
    }
    assert_eq!(leader.peer.last(), 40 * 2000);
}

#[test]
fn a_leader_goes_on_with_all_its_own_readings_after_a_gap_that_it_gave_up() {
    let found = Found { pending: vec![range("o/1", 5, 3 * WINDOW_READINGS)], ..Found::default() };
    let mut leader = Bench::with(&found);
    leader.lead();
    let mut given_up = 0;
    for _ in 0..100 {
        let effects = leader.after(1000).alarm(Alarm::Heartbeat);
        given_up +=
            told(&effects).iter().filter(|event| matches!(event, Event::Lost { first: 1, last: 4, .. })).count();
        let mut wanted = recalled(&effects);
        while let Some(range) = wanted.pop() {
            let brought = request("o/1", range.first, range.count);
            wanted.extend(recalled(&leader.stored(vec![Done::Recalled(brought)])));
        }
        let last = leader.peer.last();
        leader.stored(vec![Done::Appended { last }]);
    }
    assert_eq!((given_up, leader.peer.committed()), (1, 3 * WINDOW_READINGS));
}

/// The first number of a learner's next ten readings, after a leader put two readings under its name from each of these
/// numbers on.
fn first_after(forged: &[Number]) -> Number {
    let (mut learner, term) = (Bench::learner(), term("1@z/5"));
    for (sequence, first) in (1..).step_by(2).zip(forged) {
        let frame = frame(&term, sequence, request("m/100", *first, 2));
        let effects = learner.said(1, Message::Ordered { term: term.clone(), frame });
        assert!(told(&effects).iter().any(|event| matches!(event, Event::Forged { .. })), "{effects:?}");
    }
    let effects = learner.step(Input::Readings(lines(10)));
    sent(&effects)[0].first
}

#[test]
fn a_peer_has_numbers_left_whatever_numbers_are_forged_under_its_name() {
    let far = 1 << 32;
    assert_eq!(first_after(&[1]), 3);
    assert_eq!(first_after(&[far - 1]), far + 1);
    assert_eq!(first_after(&[NUMBER_MAX - 1]), 1, "no honest leader let these in");
    assert_eq!(first_after(&[far + 5, far - 1]), far + 7, "those of them that it comes to are left out");
}

#[test]
fn what_was_turned_away_while_its_origin_lived_is_sent_once_that_is_gone() {
    let found = Found { pending: vec![range("y/5", 1, 1)], ..Found::default() };
    let mut member = Bench::member_with(&found, &["z", "y"]);
    assert_eq!(sent(&member.stored(vec![Done::Recalled(request("y/5", 1, 1))])), [&request("y/5", 1, 1)]);
    let mut times = 0;
    for _ in 0..24 * 720 {
        times += sent(&member.after(5000).heartbeat()).len();
    }
    assert!((1..20).contains(&times), "ever more rarely, since the leader turns it away: {times}");
    let mut change = view("1@z/5", vec![], 0);
    change.change = 3;
    change.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
    change.members.insert(id("z"), seat(5, "127.0.0.1:8000"));
    assert_eq!(sent(&member.said(1, Message::ViewChange(change))), [&request("y/5", 1, 1)]);
}

#[test]
fn a_leader_that_sends_more_than_was_asked_for_is_turned_away_before_it_fills_the_memory() {
    let mut learner = Bench::learner();
    let leaders = term("1@z/5");
    let sends = |learner: &mut Bench, batch: u64| {
        let frame = frame(&leaders, 1 + batch * 1024, request("o/1", 1 + batch * 1024, 1024));
        learner.said(1, Message::Ordered { term: leaders.clone(), frame })
    };
    for batch in 0..32 {
        assert!(sends(&mut learner, batch).iter().any(|effect| matches!(effect, Effect::Store(Store::Append(_)))));
    }
    let mut other = learner.clone();
    let effects = sends(&mut learner, 32);
    assert!(matches!(told(&effects)[..], [Event::Misbehaved { at: 32_769, .. }]), "{effects:?}");
    assert_eq!((learner.peer.standing(), learner.peer.last()), (Standing::Seeking, AHEAD_READINGS));
    // What it has stored makes room.
    other.stored(vec![Done::Appended { last: 1024 }]);
    sends(&mut other, 32);
    assert_eq!((other.peer.standing(), other.peer.last()), (Standing::Learner, AHEAD_READINGS + 1024));
}
