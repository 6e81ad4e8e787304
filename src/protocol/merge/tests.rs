//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::trial::{contact, endpoint, question, term, Trial};
use super::super::{Effects, Standing};
use crate::wire::Message;

fn yields(trial: &mut Trial, from: &str, text: &str, to: Option<&str>) -> Effects {
    trial.gets(from, Message::Yield { term: term(text), leader: to.map(contact) })
}

/// docs/protocol.md, 7: "all of them join the other group". What others say, or what was said in an earlier term, does not count.
#[test]
fn a_member_asks_the_leader_that_its_own_leader_yields_to() {
    let mut trial = Trial::member(&["x"]);
    for (from, text) in [("x", "3@z/1"), ("z", "2@z/1")] {
        yields(&mut trial, from, text, Some("y"));
        assert_eq!(trial.peer.standing(), Standing::Member);
    }
    let effects = yields(&mut trial, "z", "3@z/1", Some("y"));
    assert_eq!(question(&effects).0, endpoint("y"));
    assert_eq!(trial.peer.standing(), Standing::Seeking);
}

/// docs/protocol.md, 5.5: a peer whose proposer gives up seeks, and tells it so: it will be asked for its promise again.
#[test]
fn a_peer_whose_proposer_gives_up_lets_it_know_that_it_seeks() {
    let mut trial = Trial::member(&["x", "y"]);
    trial.gets("x", Message::Coordinator { term: term("4@x/1") });
    for (from, text) in [("y", "4@x/1"), ("x", "3@x/1")] {
        yields(&mut trial, from, text, None);
        assert_eq!(trial.peer.standing(), Standing::Promised);
    }
    let effects = yields(&mut trial, "x", "4@x/1", None);
    let (to, asked) = question(&effects);
    assert!(matches!(&asked.hint, Some(Message::NewPeerRequest(me)) if *me == contact("m")), "{effects:?}");
    assert_eq!((to, trial.peer.standing()), (endpoint("x"), Standing::Seeking));
}
