//! A peer that is heard and cannot be reached is logged, and so is the end of that.

use peer::protocol::{Answer, Effects, Input, Question, Standing};
use peer::wire::{Belongs, Message, Refusal, Token};

use crate::bench::{contact, hello, here, id, told, Bench};

const AWAY: &str = "10.0.0.9:1";

fn events(effects: &Effects) -> Vec<String> {
    told(effects).into_iter().map(ToString::to_string).collect()
}

/// A peer seeks, and says so once a second for this many seconds. Each question to it gets this answer.
fn seeks_for(leader: &mut Bench, seconds: u64, answer: impl Fn(&Question) -> Answer) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..seconds {
        leader.after(1000).hears(Message::NewPeerRequest(contact("x", 5, AWAY)));
        if leader.waits_for(AWAY) {
            lines.extend(events(&leader.answered(AWAY, &answer)));
        }
    }
    lines
}

#[test]
fn a_peer_that_is_heard_and_does_not_answer_is_logged_after_a_heartbeat_timeout() {
    for (answer, how) in [(Answer::Silent, "no answer"), (Answer::Refused, "nobody listens there")] {
        let mut leader = Bench::leader();
        assert_eq!(seeks_for(&mut leader, 10, |_| answer.clone()), Vec::<String>::new());
        let lines = seeks_for(&mut leader, 5, |_| answer.clone());
        let expected = format!("Peer x is heard and cannot be reached at {AWAY} over TCP ({how})");
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with(&expected)), "{lines:?}");
        let seeker = contact("x", 5, AWAY);
        let lines = seeks_for(&mut leader, 5, |question| here(seeker.clone(), Belongs::Nowhere)(question));
        assert_eq!(lines, ["Peer x can be reached"]);
        assert_eq!(leader.peer.standing(), Standing::Leader);
    }
}

#[test]
fn a_peer_that_was_heard_before_it_died_is_not_logged() {
    let mut leader = Bench::leader();
    seeks_for(&mut leader, 3, |_| Answer::Refused);
    leader.after(60_000);
    assert_eq!(seeks_for(&mut leader, 3, |_| Answer::Refused), Vec::<String>::new());
}

#[test]
fn a_peer_that_gets_no_answer_here_is_logged_until_it_asks_here() {
    let mut member = Bench::member(&["z", "y"]);
    let mut rejected = |after| {
        let why = Refusal::NoAnswer;
        events(&member.after(after).step(Input::Rejected { peer: id("y"), why }))
    };
    assert_eq!((rejected(0), rejected(9000)), (vec![], vec![]));
    let lines = rejected(1000);
    assert!(lines[0].starts_with("Peer y cannot reach this one at 127.0.0.1:7000 over TCP"), "{lines:?}");
    let question = Question { nonce: Token(7), hint: None, dialled: None };
    let asks = Input::Asked {
        connection: peer::protocol::ConnectionId(9),
        from: "127.0.0.1".parse().unwrap(),
        hello: hello("y", 5, "127.0.0.1:8001"),
        question,
    };
    assert_eq!(events(&member.step(asks)), ["Peer y reached this one"]);
}
