//! Connections and processes: whose word counts, who is gone, and what strangers cost.

use peer::protocol::{Admission, Alarm, Answer, ConnectionId, Effect, Event, Exit, Input, Question, Standing};
use peer::wire::{Belongs, Message, Refusal, Token};

use crate::bench::{
    asked, at, contact, hello, here, id, leadership, lines, request, said_to, sent, term, told, view, Bench, LIFE,
};

fn redials(effects: &[Effect], name: &str) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Redial { peer } if *peer == id(name))).count()
}

/// The connections that are accepted.
fn admitted(effects: &[Effect]) -> Vec<u64> {
    let of = |effect: &Effect| match effect {
        Effect::Admit { connection, admission: Admission::Accept } => Some(connection.0),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// Life 9 of `x` comes on connection 6 from another address than life 5, which speaks on connection 5.
fn with_a_newcomer() -> Bench {
    let mut learner = Bench::learner();
    learner.hello(5, "x", 5, "10.0.0.1:8000");
    assert!(admitted(&learner.hello(6, "x", 9, "10.0.0.2:8000")).is_empty());
    assert!(learner.waits_for("10.0.0.1:8000"), "the known life is asked");
    learner
}

#[test]
fn a_new_link_to_the_leader_starts_over_even_while_a_newcomer_claims_its_id() {
    let mut learner = Bench::learner();
    learner.step(Input::Readings(lines(1)));
    learner.after(10).hello(2, "z", 9, "127.0.0.1:8888");
    let effects = learner.after(10).step(Input::LinkUp { peer: id("z") });
    assert_eq!(sent(&effects).len(), 1, "{effects:?}");
}

#[test]
fn a_newcomer_that_comes_again_gives_the_earlier_life_no_more_time() {
    let mut learner = with_a_newcomer();
    for connection in 10..13 {
        learner.answered("10.0.0.1:8000", |_| Answer::Silent);
        learner.after(4000).heartbeat();
        learner.hello(connection, "x", 9, "10.0.0.2:8000");
    }
    learner.alarm(Alarm::Discovery);
    let mut effects = Vec::new();
    while learner.waits_for("10.0.0.1:8000") {
        effects.extend(learner.answered("10.0.0.1:8000", |_| Answer::Silent));
    }
    assert_eq!(admitted(&effects), [12], "the newest of its links: {effects:?}");
    assert!(effects.contains(&Effect::Close { peer: id("x") }), "{effects:?}");
}

#[test]
fn a_question_does_not_displace_the_link_of_a_newcomer_that_waits() {
    let mut learner = with_a_newcomer();
    let question = Question { nonce: Token(1), hint: None, dialled: None };
    let hello = hello("x", 9, "10.0.0.2:8000");
    let input = Input::Asked { connection: ConnectionId(7), from: hello.endpoint.ip(), hello, question };
    let effects = learner.step(input);
    assert!(matches!(effects[..], [Effect::Answer { connection: ConnectionId(7), .. }]), "{effects:?}");
    learner.answered("10.0.0.1:8000", |_| Answer::Refused);
    assert_eq!(admitted(&learner.step(Input::Ended { connection: ConnectionId(5) })), [6]);
}

#[test]
fn a_known_life_that_answers_keeps_its_id() {
    let mut learner = with_a_newcomer();
    let elder = here(contact("x", 5, "10.0.0.1:8000"), Belongs::Nowhere);
    // The question names the newcomer's connection, which it did not make.
    let effects = learner.answered("10.0.0.1:8000", |question| match elder(question) {
        Answer::Here(mut here) => {
            here.dialled = false;
            Answer::Here(here)
        }
        other => other,
    });
    let why = Refusal::IdInUse(Some("10.0.0.1:8000".parse().unwrap()));
    assert_eq!(effects, [Effect::Admit { connection: ConnectionId(6), admission: Admission::Refuse { why } }]);
}

#[test]
fn a_stranger_with_this_peers_id_that_is_gone_costs_a_leader_nothing() {
    let mut peer = Bench::new();
    peer.hears(Message::NewPeerRequest(contact("m", 50, "10.0.0.9:1")));
    peer.answered("10.0.0.9:1", |_| Answer::Refused);
    peer.lead();
    peer.step(Input::Refused { peer: id("m") });
    assert_eq!(peer.peer.members(), [id("m")]);
    assert_eq!(peer.peer.endpoint_of(&id("m")), None);
}

#[test]
fn two_leaders_with_one_id_both_go_on_and_say_so_once() {
    for life in [LIFE - 1, LIFE + 1] {
        let mut leader = Bench::leader();
        let other = contact("m", life, "10.0.0.9:1");
        let mut said = 0;
        for _ in 0..5 {
            let text = format!("2@m/{life}");
            leader.after(10_000).hears(Message::Leader(leadership(&text, other.clone(), 1, 0)));
            let shown = crate::bench::leads("10.0.0.9:1", crate::bench::view(&text, vec![], 0));
            let effects = leader.answered("10.0.0.9:1", shown);
            said += told(&effects).iter().filter(|event| matches!(event, Event::Refused { .. })).count();
        }
        assert_eq!((said, leader.peer.standing()), (1, Standing::Leader));
    }
}

/// The effects when a process in this life of `m` answers a starting peer `times` times.
fn proofs(life: u64, times: usize) -> Vec<Effect> {
    let mut peer = Bench::new();
    peer.hears(Message::NewPeerRequest(contact("m", life, "10.0.0.9:1")));
    let mut effects = Vec::new();
    for _ in 0..times {
        effects = peer.answered("10.0.0.9:1", here(contact("m", life, "10.0.0.9:1"), Belongs::Nowhere));
        peer.after(201).alarm(Alarm::Discovery);
    }
    effects
}

#[test]
fn the_younger_of_two_starting_peers_with_one_id_ends_after_two_answers() {
    let at = Some("10.0.0.9:1".parse().unwrap());
    assert_eq!(proofs(LIFE - 1, 1), []);
    assert_eq!(proofs(LIFE - 1, 2), [Effect::Exit(Exit::Duplicate { endpoint: at })]);
    assert_eq!(proofs(LIFE + 1, 1), []);
}

#[test]
fn a_peer_that_is_told_that_its_id_is_in_use_says_where() {
    let at = "10.0.0.9:1".parse().unwrap();
    let why = Refusal::IdInUse(Some(at));
    let mut peer = Bench::new();
    peer.hello(1, "z", 5, "127.0.0.1:8000");
    assert_eq!(asked(&peer.step(Input::Rejected { peer: id("z"), why }))[0].to, at);
    let serves = || crate::bench::leads("10.0.0.9:1", crate::bench::view(&format!("2@m/{}", LIFE + 1), vec![], 0));
    assert_eq!(peer.answered("10.0.0.9:1", serves()), []);
    peer.after(200).alarm(Alarm::Discovery);
    let effects = peer.answered("10.0.0.9:1", serves());
    assert_eq!(effects, [Effect::Exit(Exit::Duplicate { endpoint: Some(at) })]);
}

#[test]
fn a_newcomer_among_peers_of_its_quorum_stays_when_one_has_another() {
    let mut peer = Bench::new();
    peer.hears_seeker("a", "127.0.0.1:8001");
    let why = Refusal::WrongQuorum { group: Some(3), newcomer: None };
    let effects = peer.step(Input::OtherQuorum { why });
    assert!(matches!(effects[..], [Effect::Tell(Event::Refused { .. })]), "{effects:?}");
    assert_eq!(peer.peer.standing(), Standing::Seeking);
}

#[test]
fn a_stranger_with_another_quorum_ends_nobody() {
    let mut leader = Bench::leader();
    let why = Refusal::WrongQuorum { group: Some(3), newcomer: None };
    let other = || Input::OtherQuorum { why: why.clone() };
    for lines in [1, 0] {
        let effects = leader.step(other());
        assert_eq!(leader.peer.standing(), Standing::Leader);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Exit(_))));
        assert_eq!(told(&effects).iter().filter(|event| matches!(event, Event::Refused { .. })).count(), lines);
    }
    let effects = Bench::new().step(other());
    assert!(matches!(effects[..], [Effect::Tell(Event::Refused { .. })]), "who is new here stays outside: {effects:?}");
}

#[test]
fn strangers_are_forgotten_by_a_follower_too() {
    let mut learner = Bench::learner();
    for stranger in 0..100 {
        learner.after(1000).hello(10 + stranger, &format!("s{stranger}"), 1, "127.0.0.1:9");
        learner.heartbeat();
    }
    assert_eq!(learner.peer.endpoint_of(&id("s0")), None);
    assert!(learner.peer.endpoint_of(&id("s99")).is_some());
    assert!(learner.peer.endpoint_of(&id("z")).is_some());
}

#[test]
fn a_known_life_is_asked_again_twice_an_interval_and_no_longer_than_the_heartbeat_timeout() {
    let mut learner = with_a_newcomer();
    let (since, mut asked_at) = (learner.now(), Vec::new());
    while admitted(&learner.answered("10.0.0.1:8000", |_| Answer::Silent)).is_empty() {
        let due = learner.peer.deadline(Alarm::Discovery).expect("it is asked again");
        assert_eq!(learner.after(2499).alarm(Alarm::Discovery), []);
        learner.after(1).heartbeat();
        assert_eq!(due, at(learner.now()));
        learner.alarm(Alarm::Discovery);
        asked_at.push(learner.now() - since);
    }
    assert_eq!(asked_at, [2500, 5000, 7500, 10_000]);
    assert_eq!(learner.peer.deadline(Alarm::Discovery), None);
    assert_eq!(learner.peer.installed(), Some(&term("1@z/5")));
}

#[test]
fn nothing_counts_on_a_connection_after_goodbye() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    assert_eq!(leader.peer.members().len(), 2);
    leader.said(1, Message::Leave { term: Some(leader.term()) });
    leader.requests(1, request("x/5", 1, 1));
    let effects = leader.after(1).hello(2, "x", 6, "127.0.0.1:9999");
    assert!(
        matches!(effects[..], [Effect::Close { .. }, Effect::Admit { admission: Admission::Accept, .. }]),
        "the earlier life is gone, and the link to it: {effects:?}"
    );
}

#[test]
fn two_links_that_break_together_are_not_dialled_back_and_forth() {
    let mut learner = Bench::learner();
    assert_eq!(redials(&learner.step(Input::Ended { connection: ConnectionId(1) }), "z"), 1);
    learner.hello(2, "z", 5, "127.0.0.1:8000");
    learner.step(Input::LinkUp { peer: id("z") });
    let ended = Input::Ended { connection: ConnectionId(2) };
    assert_eq!(redials(&learner.after(50).step(ended), "z"), 0);
    learner.hello(3, "z", 5, "127.0.0.1:8000");
    let ended = Input::Ended { connection: ConnectionId(3) };
    assert_eq!(redials(&learner.after(100).step(ended), "z"), 1);
}

#[test]
fn a_process_that_refuses_again_later_is_gone_even_if_its_connection_never_ended() {
    let mut peer = Bench::new();
    peer.hello(1, "x", 5, "127.0.0.1:8001");
    peer.step(Input::Refused { peer: id("x") });
    peer.after(100).step(Input::Refused { peer: id("x") });
    assert!(admitted(&peer.hello(2, "x", 9, "127.0.0.1:8002")).is_empty(), "what came may still be read");
    peer.after(5000).step(Input::Refused { peer: id("x") });
    assert_eq!(admitted(&peer.hello(3, "x", 9, "127.0.0.1:8002")), [3]);
}

#[test]
fn a_connection_that_no_longer_counts_is_closed() {
    let dropped =
        |effects: &[Effect], connection: u64| effects.contains(&Effect::Drop { connection: ConnectionId(connection) });
    let mut leader = Bench::leader();
    leader.hello(5, "x", 5, "10.0.0.1:8000");
    // The process seems to be gone, and another life answers in its name before it connects.
    leader.step(Input::Refused { peer: id("x") });
    leader.after(5000).step(Input::Refused { peer: id("x") });
    let other = contact("x", 9, "10.0.0.2:8000");
    leader.hears(Message::NewPeerRequest(other.clone()));
    let effects = leader.answered("10.0.0.2:8000", here(other, Belongs::Nowhere));
    assert!(dropped(&effects, 5), "its maker has to hear of it, and dial again: {effects:?}");
    leader.hello(6, "x", 9, "10.0.0.2:8000");
    let effects = leader.said(6, Message::Leave { term: None });
    assert!(dropped(&effects, 6), "{effects:?}");
}

#[test]
fn a_newcomer_is_admitted_where_the_known_life_is_forgotten_meanwhile() {
    let mut leader = Bench::leader();
    leader.hello(5, "x", 5, "10.0.0.1:8000");
    leader.step(Input::Ended { connection: ConnectionId(5) });
    // It is asked just before it would be forgotten.
    leader.after(29_900).hello(6, "x", 9, "10.0.0.2:8000");
    leader.answered("10.0.0.1:8000", |_| Answer::Silent);
    leader.after(200).alarm(Alarm::Heartbeat);
    assert_eq!(leader.peer.endpoint_of(&id("x")), None);
    assert_eq!(admitted(&leader.after(2300).alarm(Alarm::Discovery)), [6]);
}

/// Its link is refused since a question of the other side was lost, and the next one is up. Returns what is said on it.
fn refused_and_up(peer: &mut Bench, name: &str) -> Vec<Message> {
    let refused = |peer: &mut Bench| peer.step(Input::Rejected { peer: id(name), why: Refusal::NoAnswer });
    assert_eq!(redials(&refused(peer), name), 1, "what was under way is lost");
    let effects = peer.step(Input::LinkUp { peer: id(name) });
    assert_eq!(redials(&refused(peer.after(50)), name), 0, "one refusal after another");
    said_to(&effects, name).into_iter().cloned().collect()
}

#[test]
fn what_a_refused_link_lost_is_said_on_the_next() {
    let mut member = Bench::member(&["z"]);
    member.step(Input::Readings(lines(3)));
    let said = refused_and_up(&mut member, "z");
    let requests = [request(&format!("m/{LIFE}"), 1, 3)];
    let requests = requests.map(|request| Message::SequencerRequest { term: term("1@z/5"), request });
    assert_eq!(said[0], Message::Fetch { term: term("1@z/5"), from: 1 });
    assert_eq!(said[1..], requests);

    let mut leader = Bench::leader();
    leader.joins(1, "y");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    assert!(matches!(refused_and_up(&mut leader, "y")[..], [Message::ViewChange(_)]));

    let mut seeker = Bench::new();
    seeker.finds("127.0.0.1:8000", view("1@z/5", vec![], 0));
    assert!(matches!(refused_and_up(&mut seeker, "z")[..], [Message::Join { .. }]));

    let mut proposer = Bench::new();
    proposer.hello(1, "a", 5, "127.0.0.1:8001");
    while proposer.peer.standing() != Standing::Proposing {
        proposer.hears_seeker("a", "127.0.0.1:8001");
        proposer.after(1000).alarm(Alarm::Discovery);
        assert!(proposer.now() < 60_000);
    }
    assert!(matches!(refused_and_up(&mut proposer, "a")[..], [Message::Coordinator { .. }]));
}

#[test]
fn a_refusal_that_passed_is_forgotten() {
    let mut member = Bench::member(&["z"]);
    member.step(Input::Refused { peer: id("z") });
    let effects = member.after(10_000).step(Input::Ended { connection: ConnectionId(1) });
    assert_eq!((redials(&effects, "z"), member.peer.standing()), (1, Standing::Member));
}

#[test]
fn links_of_strangers_are_few_and_the_one_that_was_silent_longest_goes() {
    let mut learner = Bench::learner();
    let mut closed = Vec::new();
    for stranger in 0..50 {
        let (name, endpoint) = (format!("s{stranger}"), format!("10.0.0.{stranger}:8000"));
        closed.extend(learner.after(300).hello(10 + stranger, &name, 1, &endpoint).into_iter().filter_map(|effect| {
            match effect {
                Effect::Close { peer } => Some(peer),
                _ => None,
            }
        }));
    }
    // The leader was silent for longer than any of them, and is no stranger.
    assert_eq!(closed, [id("s0"), id("s1")]);
}
