//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::credibility::COUNTER_JOINED_MAX;
use super::super::trial::{
    contact, endpoint, id, join, members, promised, proposing, question, say, send, stores, tell, term, view, Trial,
};
use super::super::{Alarm, Effect, Event, Found, Standing};
use super::*;
use crate::wire::Token;

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
        let asks = vec![Effect::Broadcast(request("m"))];
        let won = tell(Event::ElectionWon { peer: id("m") });
        let coordinator = say(other, Message::Coordinator { term: term("1@m/1") });
        let expected = if proposes { [asks, vec![won, stores("1@m/1", None, 0), coordinator]].concat() } else { asks };
        assert_eq!(trial.after(4).alarm(Alarm::Discovery), expected);
    }
}

/// docs/protocol.md, 3.4: "On `ADDED TO NETWORK` the joiner promises and installs the term". A leader that does not answer
/// within an election timeout is given up, and not before.
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

/// Whom a peer asks, and with which hint, when it hears this seeker.
fn asks(mut trial: Trial, name: &str) -> Option<(std::net::SocketAddr, Option<Message>)> {
    let effects = trial.hears(request(name));
    let asked = |effect: &Effect| match effect {
        Effect::Call(call) => Some((call.to, call.question.hint.clone())),
        _ => None,
    };
    assert!(effects.len() <= 1, "{effects:?}");
    effects.iter().find_map(asked)
}

/// docs/protocol.md, 3.2: "a leader that hears of a seeker, asks the other at its address". 5.4: a winner "sends
/// `COORDINATOR` to the members of the last view and the seekers heard of": who may have to, asks a seeker, too.
#[test]
fn a_seeker_that_is_heard_is_asked_where_it_may_be_needed() {
    let plain = || Some((endpoint("a"), None));
    let in_role = |role: Role| {
        let mut trial = Trial::member(&["x"]);
        trial.peer.role = role;
        trial
    };
    assert_eq!(asks(seeker(), "a"), plain());
    assert_eq!(asks(in_role(Role::Promised(promised("x"))), "a"), plain());
    let mut electing = Trial::member(&["x"]);
    electing.after(10).alarm(Alarm::LeaderCheck);
    assert_eq!(electing.peer.standing(), Standing::Electing);
    assert_eq!(asks(electing, "a"), plain());
    // A member asks for promises only of its own view, or where a quorum is needed.
    assert_eq!(asks(Trial::member(&["x"]), "a"), None);
    assert_eq!(asks(Trial::member_with(Some(2), &Found::default(), &["x"]), "a"), plain());
    let mut silent = Trial::member(&["x"]);
    silent.after(11);
    assert_eq!(asks(silent, "x"), Some((endpoint("x"), None)));
    assert_eq!(asks(Trial::learner(), "a"), None);
    // Who leads, or is about to while its view lasts, says so.
    let hint = |size| Some((endpoint("a"), Some(leadership("3@m/1", "m", size))));
    assert_eq!(asks(Trial::leader(&["b"]), "a"), hint(2));
    let mut lifting = Trial::leader(&["b"]);
    lifting.peer.role = Role::Proposing(Proposing { lifting: Some(2), ..proposing(&["b"]) });
    assert_eq!(asks(lifting, "a"), hint(2));
    assert_eq!(asks(in_role(Role::Proposing(proposing(&["x"]))), "a"), None, "it has no group yet");
}

/// docs/protocol.md, 3.5: "ranks highest among the seekers heard of lately". One counts while it answers, or speaks.
#[test]
fn a_seeker_that_answered_lately_counts_and_is_not_asked_again() {
    for (seconds, counts) in [(9, true), (10, false)] {
        let mut trial = seeker();
        trial.knows("a");
        let effects = trial.after(seconds).hears(request("a"));
        assert_eq!(effects.is_empty(), counts, "{seconds} s after it spoke");
        assert_eq!(trial.peer.fresh_seekers().contains(&id("a")), counts);
    }
    // It was named, and never answered.
    let mut trial = seeker();
    trial.knows("a");
    trial.peer.contacts.get_mut(&id("a")).unwrap().proven = false;
    assert_eq!(trial.hears(request("a")).len(), 1);
    assert!(trial.peer.fresh_seekers().is_empty());
}

/// docs/protocol.md, 3.5: "the seekers heard of lately". That is within two election timeouts.
#[test]
fn a_seeker_counts_for_two_election_timeouts() {
    let asks = || vec![Effect::Broadcast(request("m"))];
    let founds = [tell(Event::Alone), stores("1@m/1", None, 0), stores("1@m/1", Some("1@m/1"), 0)];
    let view = Event::View { term: term("1@m/1"), change: 1, members: vec![id("m")], leader_here: true };
    let alone = [asks(), founds.to_vec(), vec![tell(view)]].concat();
    for (seconds, expected) in [(10, asks()), (11, alone)] {
        let mut trial = seeker();
        trial.knows("z");
        trial.hears(request("z"));
        assert_eq!(trial.after(5).alarm(Alarm::Discovery), asks());
        assert_eq!(trial.after(seconds - 5).alarm(Alarm::Discovery), expected, "{seconds} s after it was heard");
    }
}

/// docs/protocol.md, 3.2: "anybody can send one. It is a reason to ask, never to believe."
#[test]
fn words_count_from_the_address_that_they_name() {
    let mut trial = seeker();
    let mut elsewhere = contact("a");
    elsewhere.endpoint.set_ip([10, 0, 0, 1].into());
    assert_eq!(trial.hears(Message::NewPeerRequest(elsewhere)), []);
    assert_eq!(trial.hears(request("m")), [], "that is this peer");
    let other = Contact { incarnation: 2, endpoint: endpoint("a"), ..contact("m") };
    assert_eq!(trial.hears(Message::NewPeerRequest(other)).len(), 1, "it asks its namesake");
}

/// docs/protocol.md, 7.2: "A follower that hears one of another group tells its own leader."
#[test]
fn a_follower_tells_its_leader_of_another_group() {
    let other = leadership("1@a/1", "a", 4);
    let passes = |mut trial: Trial, word: &Message| trial.hears(word.clone());
    for trial in [Trial::member(&["x"]), Trial::learner()] {
        assert_eq!(passes(trial, &other), [send("z", other.clone())]);
    }
    for own in ["x", "z"] {
        assert_eq!(passes(Trial::member(&["x"]), &leadership("3@z/1", own, 3)), [], "{own} is in the view");
    }
    assert_eq!(passes(Trial::leader(&["x"]), &leadership("1@x/1", "x", 1)), []);
}

/// docs/protocol.md, 3.2: "A peer that hears of a leader […] asks the other at its address": also where a follower's answer
/// names it.
#[test]
fn a_seeker_asks_the_leader_that_a_follower_names() {
    let names = |trial: &mut Trial, leader: Contact| {
        let effects = trial.hears(leadership("3@z/1", "y", 1));
        trial.answers(question(&effects).1, "y", Belongs::Follows(leader))
    };
    assert_eq!(question(&names(&mut seeker(), contact("z"))).0, endpoint("z"));
    let itself = Contact { endpoint: endpoint("z"), ..contact("m") };
    assert_eq!(names(&mut seeker(), itself), [], "it does not lead itself");
    let mut distrusts = seeker();
    distrusts.knows("z");
    distrusts.peer.distrust(&id("z"), 2, &Turn { now: Time::from_secs(1), out: &mut vec![] });
    assert_eq!(names(&mut distrusts, contact("z")), []);
    // Only a seeker looks for a leader.
    let mut leader = Trial::leader(&[]);
    let effects = leader.hears(request("y"));
    assert_eq!(leader.answers(question(&effects).1, "y", Belongs::Follows(contact("z"))), []);
}

/// docs/protocol.md, 3.2: "The answer shows view and log; the seeker sends `JOIN`." 5.4: "Without a quorum a seeker may
/// follow a leader of any counter up to 2^44".
#[test]
fn only_a_leader_in_its_own_view_and_of_a_believed_term_is_joined() {
    let joins = |trial: &mut Trial, shown: ViewChange| {
        let effects = trial.hears(leadership("3@z/1", "z", 1));
        trial.answers(question(&effects).1, "z", Belongs::Leads(shown))
    };
    let of_z = || view("3@z/1", &["y", "z"], vec![], 0);
    assert_eq!(joins(&mut seeker(), of_z()), [say("z", join())]);
    let mut other_life = of_z();
    other_life.members.get_mut(&id("z")).unwrap().incarnation = 2;
    for shown in [
        view("3@y/1", &["y", "z"], vec![], 0),
        view("3@z/2", &["y", "z"], vec![], 0),
        view("3@z/1", &["y"], vec![], 0),
        other_life,
        view(&format!("{}@z/1", COUNTER_JOINED_MAX + 1), &["z"], vec![], 0),
    ] {
        assert_eq!(joins(&mut seeker(), shown.clone()), [], "{shown:?}");
    }
    assert_eq!(COUNTER_JOINED_MAX, 1 << 44);
    let highest = view(&format!("{COUNTER_JOINED_MAX}@z/1"), &["z"], vec![], 0);
    assert_eq!(joins(&mut seeker(), highest), [say("z", join())]);
    // It asked another.
    let mut asked = seeker();
    let effects = asked.hears(leadership("3@z/1", "z", 1));
    let Role::Seeking(seeking) = &mut asked.peer.role else { unreachable!("it seeks") };
    seeking.asked = Some((id("y"), Time::from_secs(1)));
    assert_eq!(asked.answers(question(&effects).1, "z", Belongs::Leads(of_z())), []);
}

/// docs/protocol.md, 3.2: "The answer shows view and log".
#[test]
fn a_peer_shows_what_it_has_to_do_with_a_group() {
    let shows = |trial: &Trial| {
        let hello = trial.peer.hello(None);
        let question = Question { nonce: Token(7), hint: None, dialled: None };
        let here = trial.peer.here(&hello, &question);
        assert_eq!((here.nonce, here.contact, here.dialled), (Token(7), contact("m"), false));
        (here.seeking, here.belongs)
    };
    assert_eq!(shows(&seeker()), (true, Belongs::Nowhere));
    let mut stuck = seeker();
    stuck.peer.promises.stuck = true;
    assert_eq!(shows(&stuck), (false, Belongs::Nowhere), "it cannot promise anything");
    assert_eq!(shows(&Trial::member(&["x"])), (false, Belongs::Follows(contact("z"))));
    assert_eq!(shows(&Trial::learner()), (false, Belongs::Follows(contact("z"))));
    let of_m = || Belongs::Leads(view("3@m/1", &["a", "m"], vec![], 0));
    let mut leader = Trial::leader(&["a"]);
    assert_eq!(shows(&leader), (false, of_m()));
    leader.peer.role = Role::Proposing(Proposing { lifting: Some(2), ..proposing(&["a"]) });
    let Belongs::Leads(lives) = shows(&leader).1 else { panic!("its group lives") };
    assert_eq!((lives.term, lives.change, lives.members), (term("3@m/1"), 0, members(&["a", "m"])));
    leader.peer.role = Role::Proposing(proposing(&["a"]));
    assert_eq!(shows(&leader), (false, Belongs::Nowhere));
    leader.peer.role = Role::Promised(promised("a"));
    assert_eq!(shows(&leader), (false, Belongs::Nowhere));
}

/// docs/protocol.md, 2.2: "Nothing on a connection counts before its maker is proven". A token is for one peer at one
/// address, and no other one can say it.
#[test]
fn a_peer_confirms_only_the_connection_that_it_made_to_its_asker() {
    let trial = Trial::member(&["x"]);
    let confirms = |asker: &str, token: Token, at: &str| {
        let hello = Hello { peer: id(asker), ..trial.peer.hello(None) };
        let dialled = Some((proof_of(token, Token(7)), endpoint(at)));
        trial.peer.here(&hello, &Question { nonce: Token(7), hint: None, dialled }).dialled
    };
    let token = trial.peer.settings.secret.token_for(&id("x"), endpoint("x"));
    assert!(confirms("x", token, "x"));
    assert!(!confirms("y", token, "x") && !confirms("x", token, "y") && !confirms("x", Token(1), "x"));
}
