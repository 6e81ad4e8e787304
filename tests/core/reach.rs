//! A member that reaches more peers than its leader does.

use peer::protocol::{Alarm, Answer, Effects, Event, Question, Standing};
use peer::wire::{Belongs, Message};

use crate::bench::{contact, here, id, leadership, leads, said_to, seat, told, view, view_of, Bench};

/// Longer than two groups take to become one.
const MERGE: u64 = 26_000;

/// The addresses of the members of [`Bench::member`]'s view, and of a leader outside of it.
const LEADER: &str = "127.0.0.1:8000";
const MEMBER: &str = "127.0.0.1:8001";
const OUTSIDE: &str = "127.0.0.1:9001";

fn hears_outsider(bench: &mut Bench) {
    let outsider = contact("x", 5, OUTSIDE);
    bench.hears(Message::Leader(leadership("1@x/5", outsider, 1, 0)));
}

/// It follows `z` beside `a`, and hears of `x` for long enough to ask everybody.
fn looks_around() -> Bench {
    let mut bench = Bench::member(&["z", "a"]);
    for _ in 0..=MERGE / 5000 {
        hears_outsider(&mut bench);
        bench.heartbeat();
        bench.after(5000);
    }
    bench.alarm(Alarm::Discovery);
    assert!([LEADER, MEMBER, OUTSIDE].into_iter().all(|at| bench.waits_for(at)), "{:?}", bench.open());
    bench
}

fn leader_answers(bench: &mut Bench) -> Effects {
    let mut own = view_of(view("1@z/5", vec![], 0), LEADER, 1);
    own.members.extend([(id("a"), seat(5, MEMBER)), (id("m"), seat(100, "127.0.0.1:7000"))]);
    bench.answered(LEADER, leads(LEADER, own))
}

fn member_answers(bench: &mut Bench) -> Effects {
    bench.answered(MEMBER, here(contact("a", 5, MEMBER), Belongs::Follows(contact("z", 5, LEADER))))
}

fn outsider_answers(bench: &mut Bench, size: u64) -> Effects {
    bench.answered(OUTSIDE, leads(OUTSIDE, view_of(view("1@x/5", vec![], 0), OUTSIDE, size)))
}

fn nobody(_: &Question) -> Answer {
    Answer::Silent
}

fn takes_over(effects: &Effects) -> bool {
    told(effects).iter().any(|event| matches!(event, Event::TakesOver { reached: 4, size: 3, .. }))
}

#[test]
fn a_member_that_reaches_its_view_and_another_leader_takes_over() {
    let mut bench = looks_around();
    leader_answers(&mut bench);
    outsider_answers(&mut bench, 1);
    let effects = member_answers(&mut bench);
    assert!(takes_over(&effects), "{effects:?}");
    assert_eq!(bench.peer.standing(), Standing::Proposing);
    for asked in ["z", "a"] {
        assert!(matches!(said_to(&effects, asked)[..], [Message::Coordinator { .. }]), "{effects:?}");
    }
    assert!(said_to(&effects, "x").is_empty(), "it yields by itself: {effects:?}");
}

#[test]
fn a_member_that_reaches_no_more_than_its_view_stays() {
    let mut bench = looks_around();
    leader_answers(&mut bench);
    outsider_answers(&mut bench, 1);
    bench.answered(MEMBER, nobody);
    assert_eq!(bench.peer.standing(), Standing::Member);
    // It asks again only after twice the time.
    for _ in 0..=MERGE / 5000 {
        hears_outsider(&mut bench);
        bench.heartbeat();
        bench.after(5000).alarm(Alarm::Discovery);
    }
    assert_eq!(bench.open(), [""; 0]);
}

#[test]
fn a_member_that_reaches_the_leader_of_a_larger_group_goes_over_to_it() {
    let mut bench = looks_around();
    leader_answers(&mut bench);
    member_answers(&mut bench);
    outsider_answers(&mut bench, 5);
    assert_eq!(bench.peer.standing(), Standing::Seeking);
    assert!(bench.waits_for(OUTSIDE), "it asks before it joins");
}

#[test]
fn datagrams_alone_move_nobody() {
    let mut bench = looks_around();
    leader_answers(&mut bench);
    member_answers(&mut bench);
    bench.answered(OUTSIDE, nobody);
    assert_eq!(bench.peer.standing(), Standing::Member);
}

#[test]
fn a_peer_that_comes_in_meanwhile_is_no_reason_to_look() {
    let mut bench = Bench::member(&["z", "a"]);
    hears_outsider(&mut bench);
    let mut change = view("1@z/5", vec![], 0);
    change.change = 3;
    for (name, life, at) in [("z", 5, LEADER), ("a", 5, MEMBER), ("m", 100, "127.0.0.1:7000"), ("x", 5, OUTSIDE)] {
        change.members.insert(id(name), seat(life, at));
    }
    bench.said(1, Message::ViewChange(change));
    bench.after(MERGE).alarm(Alarm::Discovery);
    assert!(!bench.waits_for(MEMBER), "{:?}", bench.open());
}

#[test]
fn a_member_that_comes_and_goes_does_not_put_off_the_look_around() {
    let mut bench = Bench::member(&["z", "a"]);
    let mut change = view("1@z/5", vec![], 0);
    change.change = 2;
    for (name, life, at) in [("z", 5, LEADER), ("a", 5, MEMBER), ("m", 100, "127.0.0.1:7000")] {
        change.members.insert(id(name), seat(life, at));
    }
    for n in 0..12 {
        hears_outsider(&mut bench);
        bench.heartbeat();
        match n % 4 {
            // `b` goes, seeks, and comes in again.
            2 => drop(change.members.remove(&id("b"))),
            3 => drop(change.members.insert(id("b"), seat(5, "127.0.0.1:9002"))),
            _ => {}
        }
        if n % 4 > 1 {
            change.change += 1;
            bench.said(1, Message::ViewChange(change.clone()));
            bench.hears_seeker("b", "127.0.0.1:9002");
        }
        bench.after(5000).alarm(Alarm::Discovery);
        if bench.waits_for(OUTSIDE) && bench.waits_for(LEADER) {
            return;
        }
    }
    panic!("it does not look around: {:?}", bench.open());
}

#[test]
fn outsiders_that_are_silent_leave_room_for_one_that_is_heard() {
    let mut bench = Bench::member(&["z", "a"]);
    for n in 0..16 {
        let at = format!("127.0.0.1:{}", 9100 + n);
        bench.hears(Message::Leader(leadership("1@x/5", contact(&format!("s{n}"), 5, &at), 1, 0)));
    }
    // They are silent for longer than two heartbeat timeouts, and then for as long as a merge takes `x` is heard.
    for _ in 0..4 {
        bench.after(5000).heartbeat();
    }
    bench.after(1000);
    for _ in 0..=MERGE / 5000 {
        hears_outsider(&mut bench);
        bench.after(4500).heartbeat();
    }
    bench.alarm(Alarm::Discovery);
    assert!(bench.waits_for(OUTSIDE), "{:?}", bench.open());
}

#[test]
fn the_leader_of_a_larger_group_is_asked_where_it_answered() {
    let mut bench = looks_around();
    leader_answers(&mut bench);
    member_answers(&mut bench);
    let claims = "10.0.0.7:7";
    bench.answered(OUTSIDE, |question| {
        let view = view_of(view("1@x/5", vec![], 0), OUTSIDE, 5);
        here(contact("x", 5, claims), Belongs::Leads(view))(question)
    });
    assert_eq!(bench.peer.standing(), Standing::Seeking);
    assert!(bench.waits_for(OUTSIDE) && !bench.waits_for(claims), "{:?}", bench.open());
}
