//! What words alone must not do: end a peer, raise its term, lead it away, or keep it busy.

use std::collections::VecDeque;

use peer::protocol::{Alarm, Answer, Effect, Exit, Found, Input, Question, Standing};
use peer::wire::{Belongs, Contact, Leadership, Message, Refusal, Token};

use crate::bench::{
    asked, contact, ends, hello, here, id, join, leadership, leads, said_to, term, view, view_of, Bench, LIFE,
};

/// The address of an unknown process.
const AWAY: &str = "10.0.0.9:1";

/// The highest number of a life.
const LAST_LIFE: u64 = (1 << 62) - 1;

fn quorums() -> Refusal {
    Refusal::WrongQuorum { group: Some(3), newcomer: None }
}

fn other_quorum() -> Input {
    Input::OtherQuorum { why: quorums() }
}

/// For a while, a stranger says all that could end `m`, and answers all questions in the same way.
fn pesters(peer: &mut Bench, answer: impl Fn(&Question) -> Answer) -> Vec<Effect> {
    let mut effects = Vec::new();
    let whys = [Refusal::IdInUse(Some(AWAY.parse().unwrap())), Refusal::IdInUse(None), quorums()];
    let others = [Refusal::WrongAddressee, Refusal::Itself, Refusal::Other("superseded".to_owned())];
    for why in whys.into_iter().chain(others).cycle().take(40) {
        effects.extend(peer.step(Input::Rejected { peer: id("z"), why: why.clone() }));
        effects.extend(peer.step(other_quorum()));
        effects.extend(peer.greet(1000 + peer.now(), hello("m", LAST_LIFE, AWAY)));
        effects.extend(peer.hears(Message::NewPeerRequest(contact("m", 1, AWAY))));
        for to in peer.open() {
            effects.extend(peer.answered(&to, &answer));
        }
        effects.extend(peer.after(300).alarm(Alarm::Discovery));
    }
    effects
}

/// Peers that serve: a leader with a follower, a member, and a seeker that was a member.
fn serving() -> Vec<Bench> {
    let mut leader = Bench::leader();
    leader.hello(1, "z", 5, "127.0.0.1:8000");
    let member = Bench::member(&["z", "a"]);
    let mut dropped = Bench::member(&["z"]);
    let mut without = view_of(view("1@z/5", vec![], 0), "127.0.0.1:8000", 1);
    without.change = 3;
    dropped.said(1, Message::ViewChange(without));
    assert_eq!(dropped.peer.standing(), Standing::Seeking);
    vec![leader, member, dropped]
}

#[test]
fn no_error_no_hello_and_no_answer_ends_a_peer_that_serves() {
    let namesake = |question: &Question| leads(AWAY, view("9@m/1", vec![], 0))(question);
    for mut peer in serving() {
        let effects = pesters(&mut peer, |_| Answer::Error(quorums()));
        assert!(!ends(&effects), "{effects:?}");
        let effects = pesters(&mut peer, |_| Answer::Error(Refusal::IdInUse(Some(AWAY.parse().unwrap()))));
        assert!(!ends(&effects), "{effects:?}");
        let effects = pesters(&mut peer, namesake);
        assert!(!ends(&effects), "{effects:?}");
        assert!(Alarm::ALL.iter().any(|alarm| peer.peer.deadline(*alarm).is_some()), "it goes on");
    }
}

#[test]
fn nobody_ends_a_starting_peer_without_a_proof() {
    for answer in [Answer::Silent, Answer::Refused, Answer::Error(Refusal::IdInUse(None))] {
        let effects = pesters(&mut Bench::new(), |_| answer.clone());
        assert!(!ends(&effects), "{effects:?}");
    }
    let somebody = |question: &Question| here(contact("y", 1, AWAY), Belongs::Nowhere)(question);
    assert!(!ends(&pesters(&mut Bench::new(), somebody)), "another one lives there");
}

#[test]
fn a_proof_counts_once_from_the_very_address_and_only_two_in_a_row_end_a_peer() {
    // With this quorum it founds nothing alone meanwhile.
    let mut peer = Bench::under(Some(2), &Found::default());
    let heard = || Message::NewPeerRequest(contact("m", 1, AWAY));
    let question = |effects: &[Effect]| asked(effects)[0].question.clone();
    let first = question(&peer.hears(heard()));
    let namesake = |question: &Question, from: &str| {
        let (nonce, from) = (question.nonce, from.parse().unwrap());
        Input::Answered { nonce, from, answer: here(contact("m", 1, AWAY), Belongs::Nowhere)(question) }
    };
    for from in ["10.0.0.9:2", "10.0.0.8:1", AWAY, AWAY, AWAY] {
        assert_eq!(peer.step(namesake(&first, from)), []);
    }
    // The second time nobody is there.
    let second = question(&peer.after(200).alarm(Alarm::Discovery));
    peer.answered(AWAY, |_| Answer::Refused);
    assert_eq!(peer.step(namesake(&second, AWAY)), []);
    // It begins again, with two proofs.
    let third = question(&peer.after(10_000).hears(heard()));
    assert_eq!(peer.step(namesake(&third, AWAY)), []);
    let last = question(&peer.after(200).alarm(Alarm::Discovery));
    let endpoint = Some(AWAY.parse().unwrap());
    assert_eq!(peer.step(namesake(&last, AWAY)), [Effect::Exit(Exit::Duplicate { endpoint })]);
}

#[test]
fn a_seeker_learns_no_counter_from_what_it_hears_and_is_told() {
    let high = term("1000000@x/5");
    let mut peer = Bench::new();
    let shown = view("1000000@x/5", vec![], 0);
    peer.finds(AWAY, shown);
    peer.hello(1, "s", 5, "10.0.0.8:1");
    let term = Some(high.clone());
    for message in [
        Message::Leader(leadership("1000000@x/5", contact("x", 5, AWAY), 9, 9)),
        Message::Stale { term: term.clone(), leader: None },
        Message::Election { term: term.clone(), from: id("s") },
        Message::Ok { term: term.clone() },
        join(term.clone()),
        Message::Heartbeat { term: high.clone(), committed: 0 },
        Message::Commit { term: high, up_to: 9 },
        Message::Leave { term },
    ] {
        peer.said(1, message);
    }
    peer.lead();
    assert_eq!(peer.term(), crate::bench::term(&format!("1@m/{LIFE}")));
}

#[test]
fn nobody_is_ranked_by_what_others_say_of_it() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    let raised = Contact { priority: 9, ..contact("x", 5, "127.0.0.1:8001") };
    leader.hears(Message::NewPeerRequest(raised));
    let effects = leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    let view = said_to(&effects, "x").into_iter().find_map(|message| match message {
        Message::ViewChange(view) => Some(view),
        _ => None,
    });
    assert_eq!(view.expect("it is a member now").members[&id("x")].priority, 0);
}

#[test]
fn a_leader_learns_no_counter_from_strangers() {
    let mut leader = Bench::leader();
    leader.hello(1, "s", 5, "10.0.0.8:1");
    let high = Some(term("1000000@s/5"));
    leader.said(1, Message::Stale { term: high.clone(), leader: None });
    leader.said(1, Message::Election { term: high.clone(), from: id("s") });
    leader.said(1, Message::Coordinator { term: term("1000000@s/5") });
    leader.hears(Message::Leader(leadership("1000000@x/5", contact("x", 5, AWAY), 1, 0)));
    leader.answered(AWAY, leads(AWAY, view("1000000@a/5", vec![], 0)));
    assert_eq!(leader.peer.standing(), Standing::Leader);
    leader.hello(2, "y", 5, "127.0.0.1:8002");
    leader.said(2, join(Some(term("7@y/5"))));
    assert_eq!(leader.peer.promised(), Some(&term(&format!("8@m/{LIFE}"))));
}

#[test]
fn a_joiner_raises_the_term_no_further_than_elections_can_have() {
    for (counter, raised) in [((1 << 20) + (1 << 10) - 1, true), ((1 << 20) + (1 << 10), false), (1 << 48, false)] {
        let mut leader = Bench::leader();
        leader.hello(1, "y", 5, "127.0.0.1:8001");
        let promised: Option<peer::ids::Term> = Some(term(&format!("{counter}@y/5")));
        let effects = leader.said(1, join(promised));
        assert!(matches!(said_to(&effects, "y")[..], [Message::Added { .. }]), "it is taken in: {effects:?}");
        let expected: u64 = if raised { counter + 1 } else { 1 };
        assert_eq!(leader.term().counter, expected);
    }
}

fn with_promise(counter: u64) -> Bench {
    let promised = Some(term(&format!("{counter}@x/1")));
    Bench::with(&Found { promised, ..Found::default() })
}

#[test]
fn a_promise_beyond_all_elections_is_dropped_at_the_start() {
    assert_eq!(with_promise((1 << 43) + 1).peer.promised(), None);
    assert!(with_promise(1 << 43).peer.promised().is_some());
}

#[test]
fn a_peer_whose_promise_no_election_can_have_reached_comes_back_to_its_group() {
    for (above, comes_back) in [(1u64, false), (1 << 20, false), ((1 << 20) + 1, true), (1 << 40, true)] {
        let mut peer = with_promise(above + 4);
        peer.hello(1, "z", 5, "127.0.0.1:8000");
        peer.added(1, "127.0.0.1:8000", view_of(view("4@z/5", vec![], 0), "127.0.0.1:8000", 1));
        assert_eq!(peer.peer.standing() == Standing::Learner, comes_back, "{above}");
    }
}

#[test]
fn a_leader_that_anybody_names_makes_nobody_yield_or_join() {
    let larger = || Message::Leader(leadership("9@x/1", contact("x", 1, AWAY), 50, 900));
    let mut leader = Bench::leader();
    leader.joins(1, "y");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    leader.hello(2, "s", 5, "10.0.0.8:1");
    for _ in 0..5 {
        leader.after(1000).hears(larger());
        leader.said(1, larger());
        leader.said(2, larger());
    }
    assert_eq!((leader.peer.standing(), leader.peer.members().len()), (Standing::Leader, 2));
    let mut seeker = Bench::new();
    seeker.hello(2, "s", 5, "10.0.0.8:1");
    let effects = seeker.hears(larger());
    assert!(said_to(&effects, "x").is_empty(), "{effects:?}");
    assert_eq!(seeker.said(2, larger()), []);
    assert_eq!(Bench::member(&["z"]).hears(larger()).len(), 1, "it tells its leader");
}

#[test]
fn an_answer_to_no_question_makes_nobody_yield_or_join() {
    let larger = || view_of(view("9@x/1", vec![], 900), AWAY, 50);
    let answer = |nonce| leads(AWAY, larger())(&Question { nonce, hint: None, dialled: None });
    for mut peer in [Bench::leader(), Bench::new()] {
        let standing = peer.peer.standing();
        let Answer::Here(shown) = answer(Token(5)) else { unreachable!("it leads") };
        peer.hello(2, "s", 5, "10.0.0.8:1");
        assert_eq!(peer.said(2, Message::Here(shown)), []);
        let effects = peer.hears(Message::Leader(leadership("9@x/1", contact("x", 1, AWAY), 50, 900)));
        let nonce = asked(&effects)[0].question.nonce;
        for (number, from, repeated) in
            [(Token(5), AWAY, Token(5)), (nonce, "10.0.0.9:2", nonce), (nonce, AWAY, Token(5))]
        {
            let answer = answer(repeated);
            assert_eq!(peer.step(Input::Answered { nonce: number, from: from.parse().unwrap(), answer }), []);
        }
        assert_eq!(peer.peer.standing(), standing);
    }
}

#[test]
fn a_view_that_another_leads_is_not_what_a_leader_shows() {
    let mut seeker = Bench::new();
    seeker.hears(Message::Leader(leadership("9@x/1", contact("x", 1, AWAY), 50, 900)));
    let others = view_of(view("9@y/1", vec![], 0), AWAY, 5);
    assert_eq!(seeker.answered(AWAY, here(contact("x", 1, AWAY), Belongs::Leads(others))), []);
}

/// 10,000 made-up seekers and leaders speak within ten seconds, and none of them is there. Returns the most questions
/// at a time, and how many there were in all.
fn flood(peer: &mut Bench) -> (usize, usize) {
    let (mut under_way, mut most, mut all) = (VecDeque::new(), 0, 0);
    for n in 0..10_000 {
        let endpoint = format!("10.1.{}.{}:1", n / 250, n % 250);
        let who = contact(&format!("s{n}"), 1, &endpoint);
        let leadership = Leadership { term: term(&format!("9@{}/1", who.id)), leader: who.clone(), size: 50, last: 9 };
        let message = if n % 2 == 0 { Message::NewPeerRequest(who) } else { Message::Leader(leadership) };
        let effects = peer.after(1).hears(message);
        under_way.extend(asked(&effects).iter().map(|call| (peer.now() + 1000, call.to.to_string())));
        (most, all) = (most.max(under_way.len()), all + asked(&effects).len());
        while under_way.front().is_some_and(|(due, _)| *due <= peer.now()) {
            let (_, to) = under_way.pop_front().expect("looked at");
            peer.answered(&to, |_| Answer::Silent);
        }
    }
    (most, all)
}

#[test]
fn made_up_seekers_and_leaders_make_few_questions() {
    for mut peer in [Bench::new(), Bench::leader()] {
        let (most, all) = flood(&mut peer);
        assert_eq!(most, 16, "at a time");
        assert!((100..=64 + 16 * 10).contains(&all), "{all} in ten seconds");
    }
}

#[test]
fn nobody_is_asked_where_nobody_can_be() {
    for (endpoint, asked) in
        [("0.0.0.0:8000", false), ("10.0.0.8:0", false), ("127.0.0.1:7000", false), ("10.0.0.8:1", true)]
    {
        let mut seeker = Bench::new();
        seeker.hears(Message::NewPeerRequest(contact("x", 1, endpoint)));
        assert_eq!(seeker.waits_for(endpoint), asked, "{endpoint}");
    }
}

#[test]
fn a_process_is_known_at_the_address_where_it_answered() {
    let mut seeker = Bench::new();
    seeker.hears(Message::NewPeerRequest(contact("x", 1, AWAY)));
    seeker.answered(AWAY, here(contact("x", 1, "10.0.0.7:7"), Belongs::Nowhere));
    assert_eq!(seeker.peer.endpoint_of(&id("x")), Some(AWAY.parse().unwrap()));
}

#[test]
fn a_process_that_answers_with_this_peers_id_is_asked_for_a_proof_unless_it_is_this_peer() {
    for (life, asked) in [(LIFE - 1, true), (LIFE, false)] {
        let mut seeker = Bench::new();
        seeker.hears(Message::NewPeerRequest(contact("x", 1, AWAY)));
        seeker.answered(AWAY, here(contact("m", life, AWAY), Belongs::Nowhere));
        assert_eq!(seeker.waits_for(AWAY), asked, "life {life}");
    }
}

#[test]
fn a_peer_that_neither_leads_nor_seeks_is_not_waited_for() {
    for (seeking, standing) in [(true, Standing::Proposing), (false, Standing::Leader)] {
        let mut seeker = Bench::new();
        while seeker.peer.standing() == Standing::Seeking {
            let other = contact("a", 5, AWAY);
            seeker.hears(Message::Leader(leadership("1@a/5", other.clone(), 1, 0)));
            if seeker.waits_for(AWAY) {
                seeker.answered(AWAY, |question| match here(other, Belongs::Nowhere)(question) {
                    Answer::Here(mut here) => {
                        here.seeking = seeking;
                        Answer::Here(here)
                    }
                    other => other,
                });
            }
            seeker.after(500).alarm(Alarm::Discovery);
            assert!(seeker.now() < 60_000, "it waits for ever");
        }
        assert_eq!(seeker.peer.standing(), standing);
    }
}

#[test]
fn a_leader_is_joined_up_to_the_highest_counter_that_is_left_for_leaders() {
    for (counter, joined) in [(1u64 << 44, true), ((1 << 44) + 1, false)] {
        let mut seeker = Bench::new();
        let effects = seeker.finds(AWAY, view_of(view(&format!("{counter}@x/1"), vec![], 0), AWAY, 1));
        assert_eq!(said_to(&effects, "x").len(), usize::from(joined), "{counter}: {effects:?}");
    }
}

#[test]
fn a_seeker_asks_one_leader_at_a_time() {
    let mut seeker = Bench::new();
    let other = "10.0.0.8:1";
    let leader = |name: &str, endpoint| contact(name, 1, endpoint);
    for (name, endpoint) in [("x", AWAY), ("y", other)] {
        seeker.hears(Message::Leader(leadership(&format!("1@{name}/1"), leader(name, endpoint), 1, 0)));
    }
    for (name, endpoint, joins) in [("x", AWAY, 1), ("y", other, 0)] {
        let effects = seeker.answered(endpoint, leads(endpoint, view(&format!("1@{name}/1"), vec![], 0)));
        assert_eq!(said_to(&effects, name).len(), joins, "{name}: {effects:?}");
    }
}

#[test]
fn only_a_seeker_asks_the_leader_that_another_follows() {
    let other = "10.0.0.8:1";
    for (mut peer, leader, asks) in [
        (Bench::new(), "z", true),
        (Bench::new(), "m", false),
        (Bench::leader(), "z", false),
        (Bench::learner(), "z", false),
    ] {
        peer.hears(Message::NewPeerRequest(contact("x", 1, AWAY)));
        if peer.waits_for(AWAY) {
            peer.answered(AWAY, here(contact("x", 1, AWAY), Belongs::Follows(contact(leader, 1, other))));
        }
        assert_eq!(peer.waits_for(other), asks, "{:?}, {leader}", peer.peer.standing());
    }
}
