//! To whom a peer promises a term, for how long it waits for the view, and what a proposer does. A trial has a heartbeat timeout
//! of ten seconds, an election timeout of five.

use crate::ids::NEEDS_ALL;
use crate::protocol::credibility::COUNTER_MAX;
use crate::protocol::data::role::{Promised, Proposing, Role, Seeking};
use crate::protocol::trial::{id, promised, proposing, tell, term, Trial};
use crate::protocol::{Alarm, Done, Event, Found, Input, Standing, Time};
use crate::wire::Message;

/// May `m`, in this role and under this quorum, promise to `x`, which is in its last view, and to `a`, which is not?
fn may_promise(quorum: Option<u32>, change: impl Fn(&mut Trial)) -> (bool, bool) {
    let mut trial = Trial::member(&["x"]);
    trial.knows("a");
    trial.peer.settings.quorum = quorum;
    change(&mut trial);
    (trial.peer.may_promise(&id("x")), trial.peer.may_promise(&id("a")))
}

/// docs/protocol.md, 5.4: to whom a peer promises depends on whom it follows.
#[test]
fn a_promise_goes_to_whom_the_role_allows() {
    let (member, all, nobody) = ((true, false), (true, true), (false, false));
    let role = |role: Role| move |trial: &mut Trial| trial.peer.role = role.clone();
    assert_eq!(may_promise(None, |_| ()), member, "it stays with its leader");
    assert_eq!([3, 4].map(|quorum| may_promise(Some(quorum), |_| ())), [member, all], "its leader commits nothing");
    assert_eq!(may_promise(None, role(Trial::learner().peer.role)), nobody);
    for (quorum, expected) in [(None, member), (Some(2), member), (Some(3), all)] {
        assert_eq!(may_promise(quorum, role(Trial::leader(&["x"]).peer.role)), expected, "{quorum:?}");
        let lifting = Proposing { lifting: Some(2), ..proposing(&["x"]) };
        assert_eq!(may_promise(quorum, role(Role::Proposing(lifting))), expected, "{quorum:?}");
    }
    let electing = |following: bool| {
        move |trial: &mut Trial| {
            trial.after(10).alarm(Alarm::LeaderCheck);
            let Role::Electing(electing) = &mut trial.peer.role else { panic!("it elects") };
            electing.following.take_if(|_| !following);
        }
    };
    assert_eq!((may_promise(None, electing(true)), may_promise(None, electing(false))), (member, all));
    assert_eq!(may_promise(None, role(Role::Promised(promised("x")))), all);
    assert_eq!(may_promise(None, role(Role::Promised(Promised { lifts: true, ..promised("z") }))), member);
    assert_eq!(may_promise(None, role(Role::Proposing(proposing(&["x"])))), all);
    // Whom it distrusts it follows only as a member of its last view; as a seeker not at all.
    let seeking = || Role::Seeking(Seeking::new(Time::from_secs(1), Time::from_secs(1)));
    for (new, expected) in [(Role::Promised(promised("y")), member), (seeking(), nobody)] {
        let distrusts = |trial: &mut Trial| {
            trial.peer.role = new.clone();
            for name in ["a", "x"] {
                trial.does(|peer, turn| peer.distrust(&id(name), 2, turn));
            }
        };
        assert_eq!(may_promise(None, distrusts), expected);
    }
    // A seeker that waited in vain too often makes a group of its own, and with a quorum nobody can.
    let waited = |trial: &mut Trial| {
        trial.peer.role = seeking();
        for _ in 0..3 {
            trial.does(|peer, turn| peer.distrust(&id("q"), 1, turn));
        }
    };
    assert_eq!((may_promise(None, role(seeking())), may_promise(None, waited)), (all, member));
    assert_eq!(may_promise(Some(2), waited), all);
}

/// docs/protocol.md, 5.4: what is no proposal of its sender, or of a counter that nobody believes, has no effect.
#[test]
fn only_a_credible_proposal_in_the_own_name_counts() {
    let gets = |trial: &mut Trial, text: &str| trial.gets("x", Message::Coordinator { term: term(text) });
    assert_eq!(gets(&mut Trial::member(&["x"]), "4@z/1"), []);
    assert_eq!(gets(&mut Trial::member(&["x"]), &format!("{}@x/1", 1_u64 << 47)), []);
    let mut installed = Trial::member(&["x"]);
    installed.peer.following_mut().unwrap().term = term("4@x/1");
    assert_eq!(gets(&mut installed, "4@x/1"), [], "it has acted on that");
    // A peer whose log was damaged has no vote.
    for (quorum, promises) in [(None, true), (Some(2), false)] {
        let mut trial = Trial::member(&["x"]);
        (trial.peer.settings.quorum, trial.peer.promises.needs) = (quorum, NEEDS_ALL);
        assert_eq!(!gets(&mut trial, "4@x/1").is_empty(), promises);
    }
}

/// A living leader that lifts its term is no news, nor is a proposal that comes again.
#[test]
fn a_proposal_is_told_of_once() {
    let news = |trial: &mut Trial, from: &str, text: &str| {
        let effects = trial.gets(from, Message::Coordinator { term: term(text) });
        assert_eq!(trial.peer.standing(), Standing::Promised);
        effects.contains(&tell(Event::CoordinatorHeard { peer: id(from) }))
    };
    let mut trial = Trial::member(&["x", "y"]);
    assert!(!news(&mut trial, "z", "4@z/1") && !news(&mut trial, "z", "5@z/1"));
    assert!(news(&mut trial, "x", "6@x/1") && !news(&mut trial, "x", "6@x/1") && news(&mut trial, "x", "7@x/1"));
    assert!(news(&mut trial, "z", "8@z/1"), "it does not lead any more");
}

/// docs/protocol.md, 2.5: without its own promise on disk a proposer can take nobody in.
#[test]
fn a_proposer_whose_promise_is_not_stored_leaves_it_to_others() {
    let mut trial = Trial::member(&["a", "b"]);
    for stuck_before in [false, true] {
        let deadline = trial.peer.now() + Time::from_secs(5);
        trial.peer.role = Role::Proposing(Proposing { announced: false, deadline, ..proposing(&["a"]) });
        let effects = trial.after(5).alarm(Alarm::Election);
        assert_eq!(effects.contains(&tell(Event::Stuck)), !stuck_before);
        assert_eq!((trial.peer.standing(), trial.peer.promises.stuck), (Standing::Seeking, true));
    }
    let done = Done::Proposed { term: term("2@m/1") };
    trial.step(Input::Stored(vec![done]));
    assert!(!trial.peer.promises.stuck, "its disk is back");
    for (text, announced) in [("3@z/1", true), ("2@m/1", false)] {
        trial.peer.role = Role::Proposing(Proposing { announced: false, ..proposing(&["a"]) });
        trial.peer.on_proposed(&term(text));
        assert!(matches!(&trial.peer.role, Role::Proposing(proposing) if proposing.announced == announced), "{text}");
    }
}

/// docs/protocol.md, 5.4: a stranger that took all of its time is distrusted; another may have lost a message.
#[test]
fn a_proposer_that_sends_no_view_is_passed_over() {
    for (proposer, until, trusted) in [("a", 1, false), ("a", 2, true), ("x", 1, true)] {
        let mut trial = Trial::member(&["x"]);
        trial.knows("a");
        trial.peer.role = Role::Promised(Promised { until: Time::from_secs(until), ..promised(proposer) });
        trial.alarm(Alarm::Election);
        assert_eq!((trial.peer.standing(), trial.peer.trusts(&id(proposer))), (Standing::Electing, trusted));
    }
}

/// docs/protocol.md, 5.4: six heartbeat timeouts for all strangers in a row, and as long as it takes for a member.
#[test]
fn strangers_in_turn_get_no_more_time_than_one() {
    let waits = |trial: &mut Trial, name: &str, seconds| {
        trial.peer.wait_for_view(&id(name), false, Time::from_secs(seconds));
        let Role::Promised(promised) = &trial.peer.role else { panic!("it promised") };
        (promised.deadline.as_secs(), promised.until.as_secs())
    };
    let mut trial = Trial::member(&["x"]);
    assert_eq!(waits(&mut trial, "a", 1), (11, 61));
    assert_eq!(waits(&mut trial, "b", 55), (61, 61));
    assert_eq!(waits(&mut trial, "x", 60), (70, 61));
    assert_eq!(waits(&mut trial, "b", 65), (75, 125), "a member was waited for meanwhile");
}

#[test]
fn a_proposal_is_above_all_counters_and_goes_to_those_who_live() {
    let proposes = |trial: &mut Trial, floor| {
        let asked = ["a", "m", "x"].map(id).into();
        trial.does(|peer, turn| peer.propose(asked, floor, None, turn));
        trial.peer.promises.promised.clone()
    };
    let mut trial = Trial::member(&["a", "x"]);
    trial.peer.contacts.get_mut(&id("a")).unwrap().dead = true;
    assert_eq!(proposes(&mut trial, 0), Some(term("4@m/1")));
    let Role::Proposing(proposing) = &trial.peer.role else { panic!("it proposes") };
    assert_eq!(
        (&proposing.asked, &proposing.invited, proposing.announced),
        (&[id("x")].into(), &[id("x")].into(), false)
    );
    assert_eq!(proposes(&mut trial, 9), Some(term("10@m/1")));
    // Nobody would believe more.
    assert_eq!(proposes(&mut trial, COUNTER_MAX), Some(term("10@m/1")));
    assert_eq!(trial.peer.standing(), Standing::Seeking);
}

#[test]
fn a_silent_leader_is_told_and_not_waited_for_until_it_answers() {
    let mut trial = Trial::member(&["a"]);
    trial.after(10).alarm(Alarm::LeaderCheck);
    let silent = |trial: &Trial| match &trial.peer.role {
        Role::Proposing(proposing) => (proposing.silent.clone(), proposing.asked.len(), proposing.invited.len()),
        role => panic!("{role:?}"),
    };
    assert_eq!(silent(&trial), (Some(id("z")), 1, 2));
    trial.after(5).does(|peer, turn| peer.propose(["a", "z"].map(id).into(), 0, None, turn));
    assert_eq!(silent(&trial), (Some(id("z")), 1, 2));
}

/// docs/protocol.md, 5.4: a promise that lies won is dropped for a lower one, and what was synced goes with it.
#[test]
fn a_peer_is_synced_to_no_term_above_its_promise() {
    let runs = vec![(term("2@a/1"), 1), (term("9@x/1"), 6)];
    for (promise, synced) in
        [("8@z/1", Some("2@a/1")), ("9@x/1", Some("9@x/1")), ("12@z/1", Some("9@x/1")), ("1@z/1", None)]
    {
        let (promised, log) = (Some(term("11@x/1")), Some(term("9@x/1")));
        let mut trial =
            Trial::seeker(None, &Found { promised, synced: log, runs: runs.clone(), last: 9, ..Found::default() });
        trial.does(|peer, turn| peer.promise(&term(promise), turn));
        assert_eq!(trial.peer.promises.synced, synced.map(term), "{promise}");
    }
}

/// A promise won by lies is dropped for the term of a group, and so is its counter.
#[test]
fn a_much_lower_promise_lowers_the_counter() {
    for (before, promised, counter) in [(9, 5, 9), (5 + (1 << 20), 5, 5 + (1 << 20)), (6 + (1 << 20), 5, 5), (3, 5, 5)]
    {
        let mut trial = Trial::member(&["x"]);
        trial.peer.promises.counter = before;
        trial.does(|peer, turn| peer.promise(&term(&format!("{promised}@x/1")), turn));
        assert_eq!(trial.peer.promises.counter, counter, "{before}, then {promised}");
    }
    let mut trial = Trial::member(&["x"]);
    let ((), effects) = trial.does(|peer, turn| peer.promise(&term("3@z/1"), turn));
    assert_eq!(effects, [], "it is stored");
}
