//! What counts from whom: links that prove where they come from, leaders that were asked, members in their own name.

use peer::ids::Term;
use peer::protocol::{Admission, Alarm, Answer, ConnectionId, Effect, Event, Found, Input, Question, Standing};
use peer::wire::{Belongs, Hello, Message, Refusal, Request, RunList, Token};

use crate::bench::{
    asked, contact, hello, here, id, join, range, request, said_to, seat, term, told, view, view_of, Bench, LIFE,
};

fn refused(effects: &[Effect]) -> bool {
    matches!(effects, [Effect::Admit { admission: Admission::Refuse { .. }, .. }])
}

fn dropped(effects: &[Effect]) -> Vec<u64> {
    let of = |effect: &Effect| match effect {
        Effect::Drop { connection } => Some(connection.0),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn a_connection_that_does_not_come_from_where_it_says_is_refused_without_a_question() {
    let mut peer = Bench::new();
    let (from, at) = ("10.0.0.8".parse().unwrap(), "127.0.0.1:7000".parse().unwrap());
    let hello = hello("x", 5, "10.0.0.9:1");
    let effects = peer.step(Input::Hello { connection: ConnectionId(1), from, at, hello });
    assert!(refused(&effects), "{effects:?}");
}

#[test]
fn a_connection_counts_only_once_its_process_says_that_it_made_it() {
    let at = "127.0.0.1:7000".parse().unwrap();
    let own = || contact("x", 5, "10.0.0.9:1");
    let answers = [
        here(own(), Belongs::Nowhere)(&Question { nonce: Token(0), hint: None, dialled: None }),
        Answer::Silent,
        Answer::Refused,
        Answer::Error(Refusal::Other("not me".to_owned())),
    ];
    for answer in answers {
        let mut peer = Bench::new();
        let effects = peer.greet(1, hello("x", 5, "10.0.0.9:1"));
        let (token, shown) = asked(&effects)[0].question.dialled.expect("it asks back");
        assert_eq!(shown, at);
        assert_ne!(token, hello("x", 5, "10.0.0.9:1").token, "the token itself is told to nobody");
        let effects = peer.answered("10.0.0.9:1", |question| match answer {
            Answer::Here(mut here) => {
                here.nonce = question.nonce;
                Answer::Here(here)
            }
            answer => answer,
        });
        assert!(refused(&effects), "{effects:?}");
        assert_eq!(peer.said(1, Message::Coordinator { term: term("1@x/5") }), []);
    }
    for other in [contact("y", 5, "10.0.0.9:1"), contact("x", 6, "10.0.0.9:1")] {
        let mut peer = Bench::new();
        peer.greet(1, hello("x", 5, "10.0.0.9:1"));
        assert!(refused(&peer.answered("10.0.0.9:1", here(other, Belongs::Nowhere))), "another process");
    }
}

#[test]
fn waiting_connections_are_few_and_the_oldest_of_a_stranger_is_closed() {
    let mut learner = Bench::learner();
    learner.hello(5, "x", 5, "10.0.0.1:8000");
    // The leader's connection is older than all of them.
    assert_eq!(learner.greet(50, hello("z", 5, "127.0.0.1:8000")).len(), 1);
    let mut gone = Vec::new();
    for n in 0..70 {
        gone.extend(dropped(&learner.after(100).greet(100 + n, hello("x", 9, "10.0.0.2:8000"))));
        learner.answered("10.0.0.2:8000", here(contact("x", 9, "10.0.0.2:8000"), Belongs::Nowhere));
    }
    assert_eq!(gone, (100..107).collect::<Vec<_>>());
}

#[test]
fn strangers_that_greet_make_few_questions() {
    let mut leader = Bench::leader();
    let (mut questions, mut turned_away) = (0, 0);
    for n in 0..1000 {
        let effects = leader.greet(n, hello(&format!("s{n}"), 1, &format!("10.1.0.{}:1", n % 250)));
        questions += asked(&effects).len();
        turned_away += usize::from(refused(&effects));
    }
    assert_eq!((questions, turned_away), (16, 984));
}

#[test]
fn a_leader_that_was_not_asked_adds_nobody() {
    let mut seeker = Bench::new();
    seeker.hello(1, "z", 5, "127.0.0.1:8000");
    let added = |from: &str| Message::Added { view: view(&format!("1@{from}/5"), vec![], 0), incarnation: LIFE };
    assert_eq!(seeker.said(1, added("z")), []);
    seeker.finds("127.0.0.1:8001", view("1@y/5", vec![], 0));
    assert_eq!(seeker.said(1, added("z")), [], "another one was asked");
    seeker.hello(2, "y", 5, "127.0.0.1:8001");
    assert_eq!(seeker.said(2, added("z")), [], "nobody adds in another's name");
    assert_ne!(seeker.said(2, added("y")), []);
    assert_eq!(seeker.peer.standing(), Standing::Learner);
}

/// A log of nine readings under `--quorum 2`, of which six are committed. `z` speaks on connection 1.
fn six_of_nine() -> Bench {
    let found = Found {
        runs: vec![(term("1@m/5"), 1)],
        last: 9,
        origins: vec![range("m/5", 1, 9)],
        delivered: 6,
        uncommitted: vec![(9, vec![range("m/5", 7, 3)])],
        promised: Some(term("1@m/5")),
        synced: Some(term("1@m/5")),
        ..Found::default()
    };
    let mut peer = Bench::under(Some(2), &found);
    peer.hello_under(Some(2), 1, "z");
    peer
}

/// Logs that agree up to here.
const AGREED: [u64; 3] = [0, 5, 6];

fn log_to(last: u64) -> RunList {
    if last == 0 {
        vec![]
    } else {
        vec![(term("1@m/5"), 1)]
    }
}

fn misbehaves(effects: &[Effect]) -> bool {
    told(&effects.to_vec()).iter().any(|event| matches!(event, Event::Misbehaved { .. }))
}

#[test]
fn with_a_quorum_a_leader_without_what_is_committed_adds_nobody() {
    for last in AGREED {
        let mut peer = six_of_nine();
        let shown = view_of(view("2@z/5", log_to(last), last), "127.0.0.1:8001", 2);
        let effects = peer.added(1, "127.0.0.1:8001", shown);
        let lacks = last < 6;
        assert_eq!((misbehaves(&effects), peer.peer.last()), (lacks, if lacks { 9 } else { 6 }), "{effects:?}");
        assert_eq!(peer.peer.standing() == Standing::Seeking, lacks);
    }
}

#[test]
fn with_a_quorum_the_view_of_a_leader_without_what_is_committed_is_not_installed() {
    for last in AGREED {
        let mut peer = six_of_nine();
        peer.said(1, Message::Coordinator { term: term("2@z/5") });
        let mut shown = view_of(view("2@z/5", log_to(last), last), "127.0.0.1:8001", 1);
        shown.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
        let effects = peer.said(1, Message::ViewChange(shown));
        let lacks = last < 6;
        assert_eq!((misbehaves(&effects), peer.peer.last()), (lacks, if lacks { 9 } else { 6 }), "{effects:?}");
        assert_eq!(peer.peer.standing() == Standing::Seeking, lacks);
    }
}

/// It proposes to `a`, which speaks on connection 2, and to nobody else. Returns its term.
fn proposes(peer: &mut Bench) -> Term {
    peer.hello_under(Some(2), 2, "a");
    for _ in 0..20 {
        if peer.peer.standing() == Standing::Proposing {
            return peer.peer.promised().expect("its own").clone();
        }
        peer.hears_seeker("a", "127.0.0.1:8002");
        peer.after(1000).alarm(Alarm::Discovery);
    }
    panic!("it does not propose");
}

fn log_state(term: &Term, runs: RunList, last: u64) -> Message {
    Message::LogState { term: term.clone(), synced: Some(crate::bench::term("1@x/9")), runs, last, limits: None }
}

#[test]
fn with_a_quorum_a_log_without_what_is_committed_is_not_fetched() {
    let mut peer = six_of_nine();
    let own = proposes(&mut peer);
    // It says that it is synced to a later term, and longer.
    let effects = peer.said(2, log_state(&own, vec![(term("1@x/9"), 1)], 90));
    let fetches = |message: &&&Message| matches!(message, Message::Fetch { .. });
    assert_eq!(said_to(&effects, "a").iter().filter(fetches).count(), 0, "{effects:?}");
    assert_eq!((peer.peer.last(), peer.peer.standing()), (9, Standing::Leader));
}

#[test]
fn the_log_of_a_peer_that_was_not_asked_counts_for_nothing() {
    let mut peer = six_of_nine();
    let own = proposes(&mut peer);
    // `z` speaks too, and was not asked.
    assert_eq!(peer.said(1, log_state(&own, vec![(term("1@m/5"), 1)], 90)), []);
    assert_eq!(peer.peer.standing(), Standing::Proposing);
    peer.said(2, log_state(&own, vec![(term("1@m/5"), 1)], 9));
    assert_eq!(peer.peer.members(), [id("a"), id("m")]);
}

#[test]
fn an_ok_of_a_stranger_ends_no_election() {
    let mut member = Bench::member(&["z", "y"]);
    member.hello(3, "s", 5, "127.0.0.1:8009");
    member.after(10_001).alarm(Alarm::LeaderCheck);
    let due = member.peer.deadline(Alarm::Election);
    assert_eq!(member.said(3, Message::Ok { term: Some(term("1@z/5")) }), []);
    assert_eq!(member.peer.deadline(Alarm::Election), due);
    member.said(2, Message::Ok { term: Some(term("1@z/5")) });
    assert!(member.peer.deadline(Alarm::Election) > due, "of a member it does");
}

#[test]
fn a_peer_that_joins_in_a_loop_is_served_eight_times_a_heartbeat_timeout() {
    let mut leader = Bench::leader();
    leader.hello(1, "x", 5, "127.0.0.1:8001");
    let join = join(None);
    let served = |leader: &mut Bench, times| {
        let added = |_| said_to(&leader.said(1, join.clone()), "x").len();
        (0..times).map(added).sum::<usize>()
    };
    assert_eq!(served(&mut leader, 1000), 8);
    assert_eq!(served(leader.after(10_000), 1000), 8);
}

#[test]
fn a_peer_that_joins_with_a_higher_promise_each_time_raises_the_term_eight_times_a_heartbeat_timeout() {
    let mut leader = Bench::leader();
    for (connection, name) in [(1, "x"), (2, "y"), (3, "z")] {
        leader.hello(connection, name, 5, &format!("127.0.0.1:{}", 8000 + connection));
        for _ in 0..8 {
            let counter = leader.term().counter + 1;
            let promised = Some(term(&format!("{counter}@{name}/5")));
            leader.said(connection, join(promised));
        }
    }
    assert!(leader.term().counter <= 1 + 2 * 8, "{}", leader.term());
}

/// How much of such a request the leader orders: `x` and `y` are members, on connections 1 and 2, and 3 is a
/// stranger's.
fn ordered(connection: u64, request: Request) -> u64 {
    let mut leader = Bench::leader();
    for (number, name) in [(1, "x"), (2, "y")] {
        leader.joins(number, name);
        leader.said(number, Message::Fetch { term: leader.term(), from: 1 });
    }
    leader.hello(3, "s", 5, "127.0.0.1:8003");
    leader.requests(connection, request);
    leader.peer.last()
}

#[test]
fn nobody_orders_in_the_name_of_a_process_that_lives_in_the_view() {
    for (origin, by_x) in [
        ("x/5".to_owned(), 1),
        ("x/4".to_owned(), 1),
        // An earlier life, from when the clock was ahead.
        ("x/6".to_owned(), 1),
        ("y/5".to_owned(), 0),
        ("y/4".to_owned(), 1),
        ("gone/1".to_owned(), 1),
        (format!("m/{LIFE}"), 0),
        ("m/4".to_owned(), 1),
    ] {
        assert_eq!(ordered(1, request(&origin, 1, 1)), by_x, "a member, as {origin}");
        assert_eq!(ordered(3, request(&origin, 1, 1)), 0, "a stranger, as {origin}");
    }
    assert_eq!(ordered(3, request("s/5", 1, 1)), 0, "a stranger, as itself");
}

#[test]
fn others_hand_in_the_readings_of_a_process_once_it_is_gone() {
    let mut leader = Bench::leader();
    for (number, name) in [(1, "x"), (2, "y")] {
        leader.joins(number, name);
        leader.said(number, Message::Fetch { term: leader.term(), from: 1 });
    }
    leader.requests(1, request("y/5", 1, 1));
    assert_eq!(leader.peer.last(), 0);
    leader.said(2, Message::Leave { term: Some(leader.term()) });
    leader.requests(1, request("y/5", 1, 1));
    assert_eq!(leader.peer.last(), 1);
}

#[test]
fn requests_after_one_that_was_turned_away_make_no_gap() {
    let mut leader = Bench::leader();
    for (number, name) in [(1, "x"), (2, "y")] {
        leader.joins(number, name);
        leader.said(number, Message::Fetch { term: leader.term(), from: 1 });
    }
    // `y` goes between two requests that `x` hands in for it.
    leader.requests(1, request("y/5", 1, 1));
    leader.said(2, Message::Leave { term: Some(leader.term()) });
    leader.requests(1, request("y/5", 2, 3));
    leader.after(10_001).alarm(Alarm::Heartbeat);
    assert_eq!(leader.peer.last(), 0, "the first is not lost: `x` has it, and sends it again");
    leader.requests(1, request("y/5", 1, 4));
    assert_eq!(leader.peer.last(), 4);
    // Readings that nobody has are given up later all the same.
    leader.requests(1, request("x/4", 3, 1));
    leader.after(10_001).alarm(Alarm::Heartbeat);
    assert_eq!(leader.peer.last(), 5);
}

#[test]
fn a_later_life_of_this_very_peer_that_greets_ends_nobody() {
    for mut peer in [Bench::new(), Bench::leader(), Bench::member(&["z"])] {
        let last = (1 << 62) - 1;
        let standing = peer.peer.standing();
        for other in [Hello { addressee: None, ..hello("m", last, "10.0.0.9:1") }, hello("m", last, "10.0.0.9:1")] {
            let effects = peer.greet(7, other);
            assert!(refused(&effects), "{effects:?}");
        }
        assert_eq!(peer.peer.standing(), standing);
    }
}
