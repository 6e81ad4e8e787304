//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::data::role::Seeking;
use super::super::input::{Found, Time};
use super::super::trial::{
    asked_to_join, id, join, lines, promised, proposing, say, send, stale, tell, term, view, Trial,
};
use super::super::{Done, Effect, Event, Input, Standing};
use super::*;

/// `JOIN` of a peer that promised this.
fn joins(promised: &str) -> Message {
    Message::Join { promised: Some(term(promised)), priority: 0, runs: vec![], last: 0, limits: None }
}

fn added(change: u64, text: &str, names: &[&str]) -> Message {
    Message::Added { view: ViewChange { change, ..view(text, names, vec![], 0) }, incarnation: 1 }
}

/// It leads these, and serves them.
fn leader(others: &[&str]) -> Trial {
    let mut trial = Trial::leader(others);
    for name in others {
        trial.gets(name, Message::Fetch { term: term("3@m/1"), from: 1 });
    }
    trial
}

fn stored(last: Sequence) -> Message {
    Message::Stored { term: term("3@m/1"), last }
}

/// The learners of a leader: the mark of each, and how often it was reached.
fn marks(trial: &Trial) -> Vec<(String, Sequence, u8)> {
    let learners = &trial.peer.leading().unwrap().learners;
    learners.iter().map(|(id, mark)| (id.to_string(), mark.at, mark.times)).collect()
}

/// docs/protocol.md, 3.2.
#[test]
fn a_follower_that_is_asked_names_its_leader() {
    for mut trial in [Trial::member(&["x"]), Trial::learner()] {
        trial.knows("a");
        assert_eq!(trial.gets("a", join()), [send("a", stale("3@z/1", Some("z")))]);
    }
}

/// docs/protocol.md, 3.4.
#[test]
fn a_leader_makes_a_learner_of_a_peer_that_asks_and_takes_in_its_readings() {
    let mut trial = leader(&["a"]);
    trial.step(Input::Readings(lines(2)));
    trial.knows("b");
    assert_eq!(trial.gets("b", join()), [say("b", added(1, "3@m/1", &["a", "m"]))]);
    assert_eq!(marks(&trial), [("b".to_owned(), 2, 0)]);
    let leading = trial.peer.leading().unwrap();
    assert!(leading.followers.contains_key(&id("b")) && leading.taken_in.contains_key(&id("b")));
}

#[test]
fn a_peer_says_its_priority_with_join_and_seeks_no_more() {
    let mut trial = leader(&["a"]);
    trial.knows("b");
    trial.peer.contacts.get_mut(&id("b")).unwrap().sought = Some(Time::from_secs(1));
    trial.gets("b", Message::Join { promised: None, priority: 7, runs: vec![], last: 0, limits: None });
    let known = trial.peer.contacts.get(&id("b")).unwrap();
    assert_eq!((known.priority, known.sought), (7, None));
}

/// It went back to seeking, and does not count for commits before it holds the log again.
#[test]
fn a_member_that_asks_to_join_leaves_the_view_first() {
    let mut trial = leader(&["a", "b"]);
    let effects = trial.gets("b", join());
    let failed = tell(Event::MemberFailed { peer: id("b"), members: vec![id("a"), id("m")] });
    assert_eq!(effects[0], failed);
    assert_eq!(effects.last(), Some(&say("b", added(2, "3@m/1", &["a", "m"]))));
    assert_eq!(marks(&trial), [("b".to_owned(), 0, 0)]);
}

#[test]
fn a_peer_that_is_shut_out_is_not_taken_in_and_a_proposer_notes_who_asks() {
    let mut trial = leader(&["a"]);
    trial.knows("b");
    trial.peer.shut_out(&id("b"), &Turn { now: Time::from_secs(1), out: &mut vec![] });
    assert_eq!(trial.gets("b", join()), []);
    for (shut_out, asking) in [(false, vec![id("b")]), (true, vec![])] {
        let mut trial = leader(&["a"]);
        trial.knows("b");
        if shut_out {
            trial.peer.shut_out(&id("b"), &Turn { now: Time::from_secs(1), out: &mut vec![] });
        }
        trial.peer.role = Role::Proposing(proposing(&["a"]));
        assert_eq!(trial.gets("b", join()), []);
        assert_eq!(trial.peer.group.asking.iter().cloned().collect::<Vec<_>>(), asking);
    }
    let mut trial = Trial::member(&["a"]);
    trial.knows("b");
    trial.peer.role = Role::Promised(promised("z"));
    assert_eq!(trial.gets("b", join()), []);
    assert!(trial.peer.group.asking.is_empty());
}

#[test]
fn a_peer_may_ask_eight_times_in_a_heartbeat_timeout() {
    let mut trial = leader(&["a"]);
    trial.knows("b");
    let answers = (0..10).map(|_| trial.gets("b", join()).len()).collect::<Vec<_>>();
    assert_eq!(answers, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
}

/// docs/protocol.md, 3.3.
#[test]
fn a_leader_lifts_its_term_above_the_promise_of_a_joiner() {
    for (promise, lifted) in [("3@m/1", None), ("2@x/9", None), ("3@z/1", Some("4@m/1")), ("9@a/1", Some("10@m/1"))] {
        let mut trial = leader(&["a"]);
        trial.knows("b");
        trial.knows("c");
        trial.gets("c", join());
        trial.gets("b", joins(promise));
        let proposes = (trial.peer.standing() == Standing::Proposing).then(|| trial.peer.promises.promised.clone());
        assert_eq!(proposes.flatten(), lifted.map(term), "above {promise}");
        let asking: Vec<PeerId> = trial.peer.group.asking.iter().cloned().collect();
        // Learners are taken in again in the new term.
        assert_eq!(asking, if lifted.is_some() { vec![id("b"), id("c")] } else { vec![] });
        if let Role::Proposing(proposing) = &trial.peer.role {
            assert_eq!((proposing.lifting, &proposing.asked), (Some(2), &[id("a")].into()));
        }
    }
}

#[test]
fn a_leader_lifts_its_term_eight_times_in_a_heartbeat_timeout() {
    let mut trial = leader(&["a"]);
    trial.knows("b");
    let leads = trial.peer.role.clone();
    let mut lifts = 0;
    for n in 0..8 {
        trial.peer.role = leads.clone();
        trial.peer.serve_joiner(&id("b"), Some(term("9@z/1")), &mut Turn { now: Time::from_secs(1), out: &mut vec![] });
        lifts += u32::from(trial.peer.standing() == Standing::Proposing);
        assert_eq!(lifts, n + 1);
    }
    trial.peer.role = leads;
    trial.peer.serve_joiner(&id("b"), Some(term("9@z/1")), &mut Turn { now: Time::from_secs(1), out: &mut vec![] });
    assert_eq!((trial.peer.standing(), marks(&trial)), (Standing::Leader, vec![]));
}

/// docs/protocol.md, 3.4.
#[test]
fn a_learner_that_reached_its_mark_three_times_becomes_a_member() {
    let mut trial = leader(&["a"]);
    trial.step(Input::Readings(lines(2)));
    trial.step(Input::Stored(vec![Done::Appended { last: 2 }]));
    trial.knows("b");
    trial.gets("b", join());
    trial.gets("b", Message::Fetch { term: term("3@m/1"), from: 1 });
    let mark = |at, times| vec![("b".to_owned(), at, times)];
    for (grows, says, expected) in [(0, 1, mark(2, 0)), (3, 2, mark(5, 1)), (4, 4, mark(5, 1)), (0, 5, mark(9, 2))] {
        if grows > 0 {
            trial.step(Input::Readings(lines(grows)));
        }
        trial.gets("b", stored(says));
        assert_eq!(marks(&trial), expected, "it stored {says}");
    }
    let effects = trial.gets("b", stored(9));
    assert_eq!(effects[0], tell(Event::Joined { peer: id("b") }));
    assert_eq!((trial.peer.members(), marks(&trial)), (vec![id("a"), id("b"), id("m")], vec![]));
}

/// It reaches the mark more than once by one word where nothing was ordered meanwhile.
#[test]
fn a_learner_that_has_everything_becomes_a_member_at_once() {
    let mut trial = leader(&["a"]);
    trial.knows("b");
    trial.gets("b", join());
    trial.gets("b", Message::Fetch { term: term("3@m/1"), from: 1 });
    assert_eq!(trial.peer.members(), [id("a"), id("b"), id("m")]);
}

/// docs/protocol.md, 5.2: learners that are ready within a moment share a view, and those that hold everything share it, too.
#[test]
fn learners_that_are_ready_share_a_view() {
    let mut trial = leader(&["a"]);
    trial.step(Input::Readings(lines(2)));
    for name in ["b", "c", "d"] {
        trial.knows(name);
        trial.gets(name, join());
        trial.gets(name, Message::Fetch { term: term("3@m/1"), from: 1 });
    }
    let now = Time::from_secs(1);
    let mut effects = vec![];
    let mut admits = |trial: &mut Trial, now| {
        trial.peer.admit_learners(&mut Turn { now, out: &mut effects });
        trial.peer.members().len()
    };
    let times = |trial: &mut Trial, name: &str, times| {
        let leading = trial.leading();
        leading.learners.get_mut(&id(name)).unwrap().times = times;
    };
    times(&mut trial, "b", 2);
    assert_eq!(admits(&mut trial, now), 2, "nobody is ready");
    times(&mut trial, "b", 3);
    let leading = trial.leading();
    leading.gathers_until = now + Time::from_millis(1);
    leading.followers.get_mut(&id("c")).unwrap().stored = 2;
    assert_eq!(admits(&mut trial, now), 2, "others may be ready in a moment");
    assert_eq!(admits(&mut trial, now + Time::from_millis(1)), 4, "c holds everything");
    assert_eq!(marks(&trial), [("d".to_owned(), 2, 0)]);
    let gathers = trial.peer.leading().unwrap().gathers_until;
    assert_eq!(gathers, now + Time::from_millis(1) + trial.peer.settings.moment());
}

/// docs/protocol.md, 3.4: only the answer to its own question counts, or of a term that was promised.
#[test]
fn a_peer_becomes_a_learner_where_it_asked_or_promised() {
    let now = Time::from_secs(1);
    let seeks = |asked: Option<&str>| {
        let mut trial = Trial::seeker(None, &Found::default());
        trial.knows("z");
        let asked = asked.map(|name| (id(name), now));
        trial.peer.role = Role::Seeking(Seeking { asked, ..Seeking::new(now, now) });
        trial
    };
    let learns = |mut trial: Trial, from: &str, message: Message| {
        trial.gets(from, message);
        (trial.peer.standing(), trial.peer.leader().cloned())
    };
    let z = || added(1, "3@z/1", &["z"]);
    let learner = || (Standing::Learner, Some(id("z")));
    assert_eq!(learns(seeks(Some("z")), "z", z()), learner());
    assert_eq!(learns(seeks(Some("a")), "z", z()), (Standing::Seeking, None));
    assert_eq!(learns(seeks(None), "z", z()), (Standing::Seeking, None));
    let other_life = Message::Added { view: view("3@z/1", &["z"], vec![], 0), incarnation: 2 };
    assert_eq!(learns(seeks(Some("z")), "z", other_life), (Standing::Seeking, None));
    assert_eq!(learns(seeks(Some("z")), "z", added(1, "3@a/1", &["a"])), (Standing::Seeking, None), "z is not a");
    let far = added(1, &format!("{}@z/1", 1u64 << 45), &["z"]);
    assert_eq!(learns(seeks(Some("z")), "z", far), (Standing::Seeking, None));
    // It promised that term, and its proposer leads without having heard that.
    for (text, standing) in [("3@z/1", Standing::Learner), ("4@z/1", Standing::Promised)] {
        let mut trial = seeks(None);
        trial.peer.promises.promised = Some(term("3@z/1"));
        trial.peer.role = Role::Promised(promised("z"));
        assert_eq!(learns(trial, "z", added(1, text, &["z"])).0, standing, "{text}");
    }
    // An election in which nothing was promised goes on with what is installed.
    for (following, standing) in [(true, Standing::Electing), (false, Standing::Learner)] {
        let mut trial = Trial::member(&["x"]);
        trial.after(10).alarm(super::super::Alarm::LeaderCheck);
        let Role::Electing(electing) = &mut trial.peer.role else { panic!("it elects") };
        if !following {
            electing.following = None;
        }
        trial.peer.promises.promised = Some(term("4@x/1"));
        assert_eq!(learns(trial, "x", added(1, "4@x/1", &["x"])).0, standing);
    }
}

/// docs/protocol.md, 3.3: its leader lifts the term.
#[test]
fn a_learner_goes_on_in_a_later_term_of_its_leader() {
    for (from, text, in_term) in
        [("z", "4@z/1", "4@z/1"), ("z", "3@z/1", "3@z/1"), ("x", "4@x/1", "3@z/1"), ("z", "2@z/1", "3@z/1")]
    {
        let mut trial = Trial::learner();
        trial.knows("x");
        trial.gets(from, added(1, text, &[from]));
        assert_eq!(trial.peer.installed(), Some(&term(in_term)), "{text}");
        assert_eq!(trial.peer.standing(), Standing::Learner);
    }
}

/// The answer to a `JOIN` that was still under way: the leader begins again, as on a new link.
#[test]
fn added_again_to_the_same_term_starts_over() {
    for mut trial in [Trial::member(&["x"]), Trial::learner()] {
        let before = trial.peer.standing();
        let fetch = say("z", Message::Fetch { term: term("3@z/1"), from: 1 });
        assert_eq!(trial.gets("z", added(1, "3@z/1", &["z"])), [fetch]);
        assert_eq!(trial.peer.standing(), before);
    }
}

#[test]
fn with_a_quorum_a_peer_is_not_added_where_what_it_committed_is_missing() {
    let found = Found { runs: vec![(term("2@z/1"), 1)], last: 5, delivered: 5, ..Found::default() };
    for (quorum, standing) in [(Some(2), Standing::Seeking), (None, Standing::Learner)] {
        let mut trial = Trial::seeker(quorum, &found);
        trial.knows("z");
        trial.peer.role = asked_to_join("z");
        trial.gets("z", added(1, "3@z/1", &["y", "z"]));
        assert_eq!(trial.peer.standing(), standing);
    }
}

/// What a member stored moves no mark, and nobody is told of a peer that is not known.
#[test]
fn only_a_learner_has_a_mark() {
    let mut trial = leader(&["a"]);
    assert_eq!(trial.gets("a", stored(0)), []);
    let mut effects = vec![];
    trial.peer.on_learner_stored(&id("a"), 9, &mut Turn { now: Time::from_secs(1), out: &mut effects });
    trial.peer.say_added(&id("q"), &mut Turn { now: Time::from_secs(1), out: &mut effects });
    assert_eq!(effects, [] as [Effect; 0]);
}
