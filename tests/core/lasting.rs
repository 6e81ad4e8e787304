//! What must not last: a wait for an answer after one that made no sense, a life that is over, a term that nobody else
//! believes.

use peer::protocol::{Admission, Alarm, Answer, ConnectionId, Effect, Event, Found, Input, Question, Standing, Time};
use peer::wire::{Belongs, Message, Token};

use crate::bench::{
    contact, frame, hello, here, id, join, leadership, leads, request, said_to, seat, term, told, view, view_of, Bench,
    LIFE,
};

/// The address of an unknown process.
const AWAY: &str = "10.0.0.9:1";

/// The answer of a process to some other question.
fn astray(name: &str, incarnation: u64, endpoint: &str) -> impl FnOnce(&Question) -> Answer {
    let contact = contact(name, incarnation, endpoint);
    move |question| {
        let nonce = Token(question.nonce.0 ^ 1);
        here(contact, Belongs::Nowhere)(&Question { nonce, ..question.clone() })
    }
}

#[test]
fn a_connection_whose_process_answers_with_another_number_does_not_wait_for_ever() {
    let mut peer = Bench::new();
    peer.greet(1, hello("x", 5, AWAY));
    let effects = peer.answered(AWAY, astray("x", 5, AWAY));
    assert!(matches!(effects[..], [Effect::Admit { admission: Admission::Refuse { .. }, .. }]), "{effects:?}");
}

#[test]
fn a_newcomer_whose_elder_answers_with_another_number_does_not_wait_for_ever() {
    let mut learner = Bench::learner();
    learner.hello(5, "x", 5, "10.0.0.1:8000");
    learner.hello(6, "x", 9, "10.0.0.2:8000");
    let mut effects = Vec::new();
    for _ in 0..10 {
        for to in learner.open() {
            effects.extend(learner.answered(&to, astray("x", 5, "10.0.0.1:8000")));
        }
        learner.after(2500).heartbeat();
        effects.extend(learner.alarm(Alarm::Discovery));
    }
    let admitted = Effect::Admit { connection: ConnectionId(6), admission: Admission::Accept };
    assert!(effects.contains(&admitted), "{effects:?}");
}

#[test]
fn a_leader_that_was_left_adds_nobody_before_it_is_asked_again() {
    let mut learner = Bench::learner();
    let split = |first, count| {
        let batch = frame(&term("1@z/5"), first, request("z/5", first, count));
        Message::Ordered { term: term("1@z/5"), frame: batch }
    };
    learner.said(1, split(1, 5));
    learner.said(1, split(3, 5));
    assert_eq!(learner.peer.standing(), Standing::Seeking);
    learner.said(1, Message::Added { view: view("1@z/5", vec![], 0), incarnation: LIFE });
    assert_eq!(learner.peer.standing(), Standing::Seeking);
}

#[test]
fn readings_of_an_earlier_life_that_began_later_tell_once_that_the_clock_went_back() {
    let mut learner = Bench::learner();
    let mut told_of = |first, origin: &str| {
        let frame = frame(&term("1@z/5"), first, request(origin, first, 1));
        let effects = learner.said(1, Message::Ordered { term: term("1@z/5"), frame });
        let events = told(&effects).into_iter();
        events
            .filter_map(|event| if let Event::ClockBehind { by } = event { Some(*by) } else { None })
            .collect::<Vec<_>>()
    };
    assert!(told_of(1, "x/900").is_empty(), "of another peer");
    assert!(told_of(2, "m/99").is_empty(), "before this life");
    assert_eq!(told_of(3, &format!("m/{}", LIFE + 7)), [Time::from_nanos(7)]);
    assert!(told_of(4, &format!("m/{}", LIFE + 8)).is_empty(), "said before");
}

#[test]
fn the_life_that_a_leader_named_last_counts_even_if_its_number_is_lower() {
    let mut peer = Bench::member(&["z"]);
    let mut names = |change, life, endpoint: &str| {
        let mut view = view("1@z/5", vec![], 0);
        view.change = change;
        view.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
        view.members.insert(id("x"), seat(life, endpoint));
        peer.said(1, Message::ViewChange(view));
        peer.peer.endpoint_of(&id("x")).expect("a member").to_string()
    };
    assert_eq!(names(3, 9, "10.0.0.1:8000"), "10.0.0.1:8000");
    assert_eq!(names(4, 5, "10.0.0.2:8000"), "10.0.0.2:8000");
}

#[test]
fn a_later_life_at_the_same_address_is_joined_immediately() {
    let mut seeker = Bench::new();
    seeker.hears_seeker("x", "10.0.0.1:8000");
    let effects = seeker.after(1000).finds("10.0.0.1:8000", view("2@x/6", vec![], 0));
    assert!(matches!(said_to(&effects, "x")[..], [Message::Join { .. }]), "{effects:?}");
}

#[test]
fn a_later_life_elsewhere_is_yielded_to_when_the_earlier_one_is_silent() {
    let mut peer = Bench::member(&["z"]);
    peer.after(10_001).alarm(Alarm::LeaderCheck);
    assert_eq!(peer.peer.standing(), Standing::Leader);
    let larger = || view_of(view("9@z/6", vec![], 0), "10.0.0.2:8000", 5);
    for _ in 0..120 {
        peer.after(5000).alarm(Alarm::Heartbeat);
        if peer.peer.standing() != Standing::Leader {
            return;
        }
        while peer.waits_for("127.0.0.1:8000") {
            peer.answered("127.0.0.1:8000", |_| Answer::Silent);
        }
        peer.hears(Message::Leader(leadership("9@z/6", contact("z", 6, "10.0.0.2:8000"), 5, 0)));
        assert!(peer.waits_for("10.0.0.2:8000"), "it is asked");
        while peer.waits_for("10.0.0.2:8000") {
            peer.answered("10.0.0.2:8000", leads("10.0.0.2:8000", larger()));
        }
    }
    assert_eq!(peer.peer.standing(), Standing::Seeking, "after ten minutes");
}

#[test]
fn a_peer_that_the_budget_left_out_is_asked_later() {
    let mut leader = Bench::leader();
    let say = |name: &str, endpoint: &str| {
        Message::Leader(leadership(&format!("9@{name}/1"), contact(name, 1, endpoint), 1, 0))
    };
    for n in 0..16 {
        leader.hears(say(&format!("s{n}"), &format!("10.1.0.{n}:1")));
    }
    assert_eq!(leader.hears(say("b", AWAY)), [], "sixteen are being asked");
    for to in leader.open() {
        leader.answered(&to, |_| Answer::Silent);
    }
    leader.after(1000).hears(say("b", AWAY));
    assert!(leader.waits_for(AWAY));
}

#[test]
fn a_higher_seeker_that_makes_no_group_is_waited_for_twice_and_once_more() {
    let mut peer = Bench::new();
    let since = peer.now();
    while peer.peer.standing() == Standing::Seeking {
        peer.hears_seeker("z", "127.0.0.1:8000");
        peer.after(500).alarm(Alarm::Discovery);
    }
    let waited = peer.now() - since;
    assert!((4 * 5000..=4 * 5000 + 1000).contains(&waited), "after {waited} ms");
}

#[test]
fn members_believe_the_term_that_a_joiner_raises_their_leader_to() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.said(1, Message::Fetch { term: leader.term(), from: 1 });
    leader.hello(2, "s", 5, "10.0.0.8:1");
    let highest = Some(term(&format!("{}@s/5", (1u64 << 20) + 1)));
    let effects = leader.said(2, join(highest));
    let Some(Message::Coordinator { term: raised }) = said_to(&effects, "x").pop() else { panic!("{effects:?}") };
    // What its member does then.
    let mut member = Bench::member(&["z", "a"]);
    let raised = term(&format!("{}@z/5", raised.counter));
    member.said(1, Message::Coordinator { term: raised.clone() });
    assert_eq!(member.peer.promised(), Some(&raised));
}

#[test]
fn a_peer_whose_promise_was_won_by_a_lie_proposes_what_its_group_believes() {
    let mut peer = Bench::with(&Found { promised: Some(term("1099511627776@x/1")), ..Found::default() });
    peer.hello(1, "z", 5, "127.0.0.1:8000");
    let mut view = view_of(view("4@z/5", vec![], 0), "127.0.0.1:8000", 1);
    peer.added(1, "127.0.0.1:8000", view.clone());
    view.change = 2;
    view.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
    view.members.insert(id("a"), seat(5, "127.0.0.1:8001"));
    peer.said(1, Message::ViewChange(view));
    let mut effects = peer.said(1, Message::Leave { term: Some(term("4@z/5")) });
    effects.extend(peer.step(Input::Refused { peer: id("z") }));
    let proposed = Message::Coordinator { term: term(&format!("5@m/{LIFE}")) };
    assert_eq!(said_to(&effects, "a"), [&proposed], "{effects:?}");
}

#[test]
fn a_made_up_leader_of_a_high_term_silences_nobody_once_it_is_gone() {
    for counter in [1u64 << 47, 1 << 48] {
        let mut peer = Bench::new();
        peer.hello(1, "x", 1, AWAY);
        peer.added(1, AWAY, view_of(view(&format!("{counter}@x/1"), vec![], 0), AWAY, 1));
        peer.said(1, Message::Leave { term: None });
        peer.step(Input::Ended { connection: ConnectionId(1) });
        assert_eq!(peer.peer.standing(), Standing::Seeking);
        for _ in 0..20 {
            peer.after(1000).alarm(Alarm::Discovery);
        }
        assert_eq!(peer.peer.standing(), Standing::Leader, "{counter}");
    }
}

#[test]
fn a_seeker_that_a_stranger_raised_proposes_what_others_believe() {
    let mut raised = Bench::under(Some(2), &Found::default());
    raised.hello_under(Some(2), 1, "s");
    for times in 1..=3 {
        raised.said(1, Message::Coordinator { term: term(&format!("{}@s/5", times * (1u64 << 20))) });
    }
    raised.said(1, Message::Leave { term: None });
    raised.hello_under(Some(2), 2, "a");
    while raised.peer.standing() == Standing::Seeking {
        raised.hears_seeker("a", "127.0.0.1:8002");
        raised.after(1000).alarm(Alarm::Discovery);
    }
    let proposed = raised.peer.promised().expect("its own").counter;
    // What a peer does that was not raised.
    let mut other = Bench::under(Some(2), &Found::default());
    other.hello_under(Some(2), 1, "z");
    let proposed = term(&format!("{proposed}@z/5"));
    other.said(1, Message::Coordinator { term: proposed.clone() });
    assert_eq!(other.peer.promised(), Some(&proposed));
}

#[test]
fn what_the_earlier_life_said_is_read_before_the_later_one_counts() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    leader.hello(2, "x", 9, "10.0.0.2:8000");
    let effects = leader.answered("127.0.0.1:8001", |_| Answer::Refused);
    assert!(!effects.contains(&Effect::Drop { connection: ConnectionId(1) }), "{effects:?}");
    leader.requests(1, request("x/5", 1, 1));
    assert_eq!(leader.peer.last(), 1);
    let effects = leader.step(Input::Ended { connection: ConnectionId(1) });
    let admission = Admission::Accept;
    assert!(effects.contains(&Effect::Admit { connection: ConnectionId(2), admission }), "{effects:?}");
}

#[test]
fn a_later_life_at_the_same_address_is_admitted_once_and_not_dropped() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    let effects = leader.hello(2, "x", 9, "127.0.0.1:8001");
    let admitted =
        effects.iter().filter(|effect| matches!(effect, Effect::Admit { connection, .. } if connection.0 == 2));
    assert_eq!(admitted.count(), 1, "{effects:?}");
    assert!(!effects.contains(&Effect::Drop { connection: ConnectionId(2) }), "{effects:?}");
}

#[test]
fn however_many_higher_seekers_come_in_turn_a_peer_leads() {
    let mut peer = Bench::new();
    for n in 0..30 {
        let (name, endpoint) = (format!("z{n}"), format!("127.0.0.1:{}", 8000 + n));
        for _ in 0..5 {
            peer.hears_seeker(&name, &endpoint);
            peer.after(1000).alarm(Alarm::Discovery);
        }
        if peer.peer.standing() != Standing::Seeking {
            return;
        }
    }
    assert_eq!(peer.peer.standing(), Standing::Leader, "after 150 seconds");
}
