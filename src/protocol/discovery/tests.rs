//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::trial::{contact, endpoint, id, join, question, say, stores, tell, term, view, Trial};
use super::super::{Alarm, Effect, Event, Found, Standing};
use crate::wire::{Belongs, Leadership, Message};

fn seeker() -> Trial {
    Trial::seeker(None, &Found::default())
}

fn request(name: &str) -> Message {
    Message::NewPeerRequest(contact(name))
}

fn leadership(text: &str, name: &str, size: u64) -> Message {
    Message::Leader(Leadership { term: term(text), leader: contact(name), size, last: 0 })
}

/// docs/protocol.md, 3.1: "A seeking peer broadcasts `NEW_PEER_REQUEST` at its start and then ever more slowly".
#[test]
fn a_seeker_broadcasts_ever_more_slowly() {
    let mut trial = seeker();
    assert_eq!(trial.alarm(Alarm::Discovery), [Effect::Broadcast(request("m"))]);
    assert_eq!(trial.alarm(Alarm::Discovery), [], "not twice");
    assert_eq!(trial.after(2).alarm(Alarm::Discovery), [Effect::Broadcast(request("m"))]);
    assert_eq!(trial.after(2).alarm(Alarm::Discovery), [], "the gap has doubled");
}

/// docs/protocol.md, 3.2: "A peer that hears of a leader […] asks the other at its address". What was heard is a claim.
#[test]
fn a_seeker_asks_the_leader_that_it_hears_of() {
    let effects = seeker().hears(leadership("3@z/1", "z", 1));
    let (to, asked) = question(&effects);
    assert_eq!((to, asked.hint.clone(), asked.dialled), (endpoint("z"), None, None));
}

/// docs/protocol.md, 3.2: "a leader that hears of a seeker, asks the other at its address", with `LEADER` as a hint.
#[test]
fn a_leader_asks_the_seeker_that_it_hears_of() {
    let effects = Trial::leader(&[]).hears(request("a"));
    let (to, asked) = question(&effects);
    assert_eq!((to, asked.hint.clone()), (endpoint("a"), Some(leadership("3@m/1", "m", 1))));
}

/// docs/protocol.md, 3.2: "The answer shows view and log; the seeker sends `JOIN`."
#[test]
fn a_seeker_joins_the_leader_that_answers() {
    let mut trial = seeker();
    let effects = trial.hears(leadership("3@z/1", "z", 1));
    let (_, asked) = question(&effects);
    let effects = trial.answers(asked, "z", Belongs::Leads(view("3@z/1", &["z"], vec![], 0)));
    assert_eq!(effects, [say("z", join())]);
}

/// docs/protocol.md, 3.5: "A peer that is alone founds a group of one." 2.5: its promise is stored.
#[test]
fn a_peer_that_is_alone_founds_a_group_of_one() {
    let mut trial = seeker();
    trial.alarm(Alarm::Discovery);
    let effects = trial.after(5).alarm(Alarm::Discovery);
    let installed = Event::View { term: term("1@m/1"), change: 1, members: vec![id("m")], leader_here: true };
    assert_eq!(
        effects,
        [
            Effect::Broadcast(request("m")),
            tell(Event::Alone),
            stores("1@m/1", None, 0),
            stores("1@m/1", Some("1@m/1"), 0),
            tell(installed),
        ]
    );
}

/// docs/protocol.md, 3.5: "A seeker that found no leader for an election timeout, and ranks highest […] proposes to all of
/// them […]. The others wait once more."
#[test]
fn the_highest_seeker_proposes_and_the_others_wait() {
    for (other, proposes) in [("a", true), ("z", false)] {
        let mut trial = seeker();
        trial.alarm(Alarm::Discovery);
        let effects = trial.after(1).hears(request(other));
        let (_, asked) = question(&effects);
        assert_eq!(trial.answers(asked, other, Belongs::Nowhere), []);
        let effects = trial.after(4).alarm(Alarm::Discovery);
        let coordinator = say(other, Message::Coordinator { term: term("1@m/1") });
        assert_eq!(effects.contains(&coordinator), proposes, "{effects:?}");
        assert_eq!(trial.peer.standing() == Standing::Proposing, proposes);
    }
}

/// docs/protocol.md, 3.5: a leader that does not answer within an election timeout is given up, and not before: it is followed
/// if it answers in time.
#[test]
fn a_leader_that_was_asked_has_an_election_timeout_to_answer() {
    for (seconds, standing) in [(4, Standing::Learner), (5, Standing::Seeking)] {
        let mut trial = seeker();
        trial.alarm(Alarm::Discovery);
        let effects = trial.hears(leadership("3@z/1", "z", 1));
        let (_, asked) = question(&effects);
        let view = view("3@z/1", &["z"], vec![], 0);
        trial.answers(asked, "z", Belongs::Leads(view.clone()));
        trial.knows("z");
        trial.after(seconds).alarm(Alarm::Discovery);
        trial.gets("z", Message::Added { view, incarnation: 1 });
        assert_eq!(trial.peer.standing(), standing, "after {seconds} s");
    }
}
