//! Connections and processes: whose word counts, who is gone, and what strangers cost.

use peer::protocol::{Alarm, Effect, Event, Exit, Input, Standing, Verdict};
use peer::wire::{refusal, Message};

use crate::bench::{at, contact, id, leadership, lines, request, sent, term, told, Bench, LIFE};

fn redials(effects: &[Effect], name: &str) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Redial { peer } if *peer == id(name))).count()
}

#[test]
fn a_new_link_to_the_leader_begins_anew_also_while_a_newcomer_claims_its_id() {
    let mut learner = Bench::learner();
    learner.step(Input::Readings(lines(1)));
    learner.after(10).hello(2, "z", 9, "127.0.0.1:8888");
    let effects = learner.after(10).step(Input::LinkUp { peer: id("z") });
    assert_eq!(sent(&effects).len(), 1, "{effects:?}");
}

#[test]
fn a_newcomer_that_asks_again_gives_the_earlier_life_no_more_time() {
    let mut learner = Bench::learner();
    learner.hello(5, "x", 5, "10.0.0.1:8000");
    let mut dials = 0;
    for question in 10..13 {
        dials += redials(&learner.greet(question, "x", 9, "10.0.0.2:8000", None), "x");
        learner.after(4000).heartbeat();
    }
    assert_eq!(dials, 1);
    let effects = learner.alarm(Alarm::Discovery);
    assert!(
        matches!(effects[..], [Effect::Close { .. }, Effect::Admit { verdict: Verdict::Accept, .. }]),
        "{effects:?}"
    );
    assert_eq!(learner.peer.deadline(Alarm::Discovery), None);
}

#[test]
fn a_question_does_not_displace_the_link_of_a_newcomer_that_waits() {
    let mut learner = Bench::learner();
    learner.hello(5, "x", 5, "10.0.0.1:8000");
    learner.hello(6, "x", 9, "10.0.0.2:8000");
    let effects = learner.greet(7, "x", 9, "10.0.0.2:8000", None);
    assert!(matches!(effects[..], [Effect::Drop { connection }] if connection.0 == 7), "{effects:?}");
}

#[test]
fn a_stranger_with_this_peers_id_that_is_gone_costs_a_leader_nothing() {
    let mut peer = Bench::new();
    peer.step(Input::Datagram(Message::NewPeerRequest(contact("m", 50, "10.0.0.9:1"))));
    peer.lead();
    peer.step(Input::Refused { peer: id("m") });
    assert_eq!(peer.peer.members(), [id("m")]);
    assert_eq!(peer.peer.endpoint_of(&id("m")), None);
}

#[test]
fn of_two_that_lead_with_one_id_the_older_one_asks_the_newer_and_goes() {
    let heard = |life| {
        let leader = contact("m", life, "10.0.0.9:1");
        Input::Datagram(Message::Leader(leadership(&format!("2@m/{life}"), leader, 1, 0)))
    };
    let mut older = Bench::leader();
    let effects = older.step(heard(LIFE + 1));
    assert!(matches!(&effects[..], [Effect::Send { to, .. }] if *to == id("m")), "{effects:?}");
    let effects = older.step(Input::Rejected { peer: Some(id("m")), why: refusal::SUPERSEDED.to_owned() });
    assert_eq!(effects.last(), Some(&Effect::Exit(Exit::Superseded)));
    let mut newer = Bench::leader();
    assert_eq!(newer.step(heard(LIFE - 1)), []);
    let effects = newer.greet(1, "m", LIFE - 1, "10.0.0.9:1", Some("m"));
    let superseded = Verdict::Refuse { why: refusal::SUPERSEDED.to_owned() };
    assert!(matches!(&effects[..], [Effect::Admit { verdict, .. }] if *verdict == superseded), "{effects:?}");
}

#[test]
fn who_is_told_that_its_id_is_in_use_says_where() {
    let at = "10.0.0.9:1".parse().unwrap();
    let why = refusal::id_in_use(Some(at));
    let effects = Bench::new().step(Input::Rejected { peer: Some(id("z")), why });
    assert_eq!(effects.last(), Some(&Effect::Exit(Exit::Duplicate { endpoint: Some(at) })));
}

#[test]
fn a_newcomer_with_others_of_its_quorum_does_not_go_because_of_one_with_another() {
    let mut peer = Bench::new();
    peer.step(Input::Datagram(Message::NewPeerRequest(contact("a", 5, "127.0.0.1:8001"))));
    let effects = peer.step(Input::Rejected { peer: None, why: refusal::wrong_quorum(Some(3), None) });
    assert!(matches!(told(&effects)[..], [Event::Refused { .. }]), "{effects:?}");
    assert_eq!(peer.peer.standing(), Standing::Seeking);
}

#[test]
fn a_stranger_with_another_quorum_ends_no_group() {
    let mut leader = Bench::leader();
    let why = refusal::wrong_quorum(Some(3), None);
    for lines in [1, 0] {
        let effects = leader.step(Input::Rejected { peer: None, why: why.clone() });
        assert_eq!(leader.peer.standing(), Standing::Leader);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Exit(_))));
        assert_eq!(told(&effects).iter().filter(|event| matches!(event, Event::Refused { .. })).count(), lines);
    }
    let effects = Bench::new().step(Input::Rejected { peer: None, why });
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Exit(_))), "who is new here has to go");
}

#[test]
fn strangers_are_forgotten_by_a_follower_too() {
    let mut learner = Bench::learner();
    for stranger in 0..100 {
        let request = Message::NewPeerRequest(contact(&format!("s{stranger}"), 1, "127.0.0.1:9"));
        learner.after(1000).step(Input::Datagram(request));
        learner.heartbeat();
    }
    assert_eq!(learner.peer.endpoint_of(&id("s0")), None);
    assert!(learner.peer.endpoint_of(&id("s99")).is_some());
    assert!(learner.peer.endpoint_of(&id("z")).is_some());
}

#[test]
fn however_many_claim_a_later_life_one_dial_an_interval_tells() {
    let mut learner = Bench::learner();
    learner.hello(2, "x", 5, "10.0.0.1:8000");
    let later = |incarnation| Input::Datagram(Message::NewPeerRequest(contact("x", incarnation, "10.0.0.2:8000")));
    assert_eq!(redials(&learner.step(later(6)), "x"), 1);
    assert_eq!(redials(&learner.after(4999).step(later(7)), "x"), 0);
    assert_eq!(redials(&learner.after(1).step(later(8)), "x"), 1);
}

#[test]
fn after_goodbye_nothing_that_comes_on_the_connection_counts() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    assert_eq!(leader.peer.members().len(), 2);
    leader.said(1, Message::Leave { term: Some(leader.term()) });
    leader.requests(1, request("x/5", 1, 1));
    let effects = leader.after(1).hello(2, "x", 6, "127.0.0.1:9999");
    assert!(
        matches!(effects[..], [Effect::Admit { verdict: Verdict::Accept, .. }]),
        "the earlier life is gone: {effects:?}"
    );
}

#[test]
fn two_links_that_break_together_are_not_dialled_back_and_forth() {
    let mut learner = Bench::learner();
    assert_eq!(redials(&learner.step(Input::Ended { connection: peer::protocol::ConnectionId(1) }), "z"), 1);
    learner.hello(2, "z", 5, "127.0.0.1:8000");
    learner.step(Input::LinkUp { peer: id("z") });
    let ended = Input::Ended { connection: peer::protocol::ConnectionId(2) };
    assert_eq!(redials(&learner.after(50).step(ended), "z"), 0);
    learner.hello(3, "z", 5, "127.0.0.1:8000");
    let ended = Input::Ended { connection: peer::protocol::ConnectionId(3) };
    assert_eq!(redials(&learner.after(100).step(ended), "z"), 1);
}

#[test]
fn a_deadline_of_a_newcomer_is_the_heartbeat_timeout_after_it_came() {
    let mut learner = Bench::learner();
    learner.hello(5, "x", 5, "10.0.0.1:8000");
    learner.hello(6, "x", 9, "10.0.0.2:8000");
    assert_eq!(learner.peer.deadline(Alarm::Discovery), Some(at(learner.now() + 10_000)));
    assert_eq!(learner.peer.installed(), Some(&term("1@z/5")));
}

#[test]
fn a_process_whose_address_is_refused_again_later_is_gone_though_its_connection_never_ended() {
    let admitted = |effects: &[Effect]| {
        effects.iter().any(|effect| matches!(effect, Effect::Admit { verdict: Verdict::Accept, .. }))
    };
    let mut peer = Bench::new();
    peer.hello(1, "x", 5, "127.0.0.1:8001");
    peer.step(Input::Refused { peer: id("x") });
    peer.after(100).step(Input::Refused { peer: id("x") });
    assert!(!admitted(&peer.greet(2, "x", 9, "127.0.0.1:8002", Some("m"))), "what came may still be read");
    let effects = peer.after(5000).step(Input::Refused { peer: id("x") });
    assert!(admitted(&effects), "{effects:?}");
}
