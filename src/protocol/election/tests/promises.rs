//! To whom a peer promises a term, for how long it waits for the view, and what a proposer does. A trial has a heartbeat timeout
//! of ten seconds, an election timeout of five.

use super::{proposes, wins};
use crate::ids::{Sequence, NEEDS_ALL};
use crate::protocol::credibility::COUNTER_MAX;
use crate::protocol::data::role::{Promised, Proposing, Role, Seeking};
use crate::protocol::trial::{close, id, promised, proposing, say, send, stores, tell, term, Trial};
use crate::protocol::{Alarm, Done, Effect, Event, Found, Input, Standing, Time};
use crate::wire::Message;

fn coordinator(text: &str) -> Message {
    Message::Coordinator { term: term(text) }
}

/// What a peer says that promised this.
fn log_state(text: &str) -> Message {
    Message::LogState { term: term(text), synced: Some(term("3@z/1")), runs: vec![], last: 0, limits: None }
}

/// `m` promises this to its proposer, and its log has to reach `needs`.
fn promises(proposer: &str, text: &str, needs: Sequence) -> Vec<Effect> {
    vec![stores(text, Some("3@z/1"), needs), say(proposer, log_state(text))]
}

fn told_of(proposer: &str) -> Vec<Effect> {
    vec![tell(Event::CoordinatorHeard { peer: id(proposer) })]
}

/// Whether `m`, in this role and under this quorum, promises to `x`, which is in its last view, and to `a`, which is not.
/// Otherwise it says `STALE`, and nothing else.
fn may_promise(quorum: Option<u32>, change: impl Fn(&mut Trial)) -> (bool, bool) {
    let asks = |name: &str, text: &str| {
        let mut trial = Trial::member(&["x"]);
        trial.knows("a");
        trial.peer.settings.quorum = quorum;
        change(&mut trial);
        let effects = trial.gets(name, coordinator(text));
        let is_stale = |effect: &Effect| matches!(effect, Effect::Send { message: Message::Stale { .. }, .. });
        let promised = effects.ends_with(&[say(name, log_state(text))]);
        assert!(
            promised && !effects.iter().any(is_stale) || effects.len() == 1 && is_stale(&effects[0]),
            "{effects:?}"
        );
        promised
    };
    (asks("x", "4@x/1"), asks("a", "4@a/1"))
}

/// docs/protocol.md, 5.4: "A member promises to the members of its view alone while its leader lives, while it elects for
/// that leader's silence, and while that leader lifts its term, as that leader itself does then. A view below `--quorum`
/// holds nobody back", and "A learner promises to nobody, and answers `STALE`."
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
    let gets = |trial: &mut Trial, text: &str| trial.gets("x", coordinator(text));
    assert_eq!(gets(&mut Trial::member(&["x"]), "4@z/1"), []);
    assert_eq!(gets(&mut Trial::member(&["x"]), &format!("{}@x/1", 1_u64 << 47)), []);
    let mut installed = Trial::member(&["x"]);
    installed.peer.following_mut().unwrap().term = term("4@x/1");
    assert_eq!(gets(&mut installed, "4@x/1"), [], "it has acted on that");
}

/// docs/protocol.md, 5.4: "With `--quorum` a peer whose log was damaged (8) promises to nobody, and says nothing."
#[test]
fn a_peer_whose_log_was_damaged_has_no_vote_in_a_quorum() {
    let promised = [told_of("x"), promises("x", "4@x/1", NEEDS_ALL)].concat();
    for (quorum, expected) in [(None, promised), (Some(2), vec![])] {
        let mut trial = Trial::member(&["x"]);
        (trial.peer.settings.quorum, trial.peer.promises.needs) = (quorum, NEEDS_ALL);
        assert_eq!(trial.gets("x", coordinator("4@x/1")), expected);
    }
}

/// docs/protocol.md, 5.4: "A receiver with a lower promise promises, takes no more entries of older terms, and answers
/// `LOG_STATE`". That a living leader lifts its term is no news, nor is a proposal that comes again.
#[test]
fn a_proposal_is_told_of_once() {
    let mut trial = Trial::member(&["x", "y"]);
    let mut gets = |from: &str, text: &str| trial.gets(from, coordinator(text));
    assert_eq!(gets("z", "4@z/1"), promises("z", "4@z/1", 0));
    assert_eq!(gets("z", "5@z/1"), promises("z", "5@z/1", 0));
    assert_eq!(gets("x", "6@x/1"), [told_of("x"), promises("x", "6@x/1", 0)].concat());
    assert_eq!(gets("x", "6@x/1"), [say("x", log_state("6@x/1"))]);
    assert_eq!(gets("x", "7@x/1"), [told_of("x"), promises("x", "7@x/1", 0)].concat());
    assert_eq!(gets("z", "8@z/1"), [told_of("z"), promises("z", "8@z/1", 0)].concat(), "it does not lead any more");
}

/// docs/protocol.md, 5.4: "A proposer whose own promise is not stored within the election timeout goes back to seeking and
/// says so in its log; it founds no group before the promise is stored."
#[test]
fn a_proposer_whose_promise_is_not_stored_leaves_it_to_others() {
    let mut trial = Trial::member(&["a", "b"]);
    for stuck_before in [false, true] {
        let deadline = trial.peer.now() + Time::from_secs(5);
        trial.peer.role = Role::Proposing(Proposing { announced: false, deadline, ..proposing(&["a"]) });
        let told = if stuck_before { vec![] } else { vec![tell(Event::Stuck)] };
        assert_eq!(trial.after(5).alarm(Alarm::Election), told);
        assert_eq!((trial.peer.standing(), trial.peer.promises.stuck), (Standing::Seeking, true));
    }
    assert_eq!(trial.after(5).alarm(Alarm::Discovery), [], "it founds no group, and nobody is to wait for it");
    let stored = |text: &str| Input::Stored(vec![Done::Proposed { term: term(text) }]);
    assert_eq!(trial.step(stored("2@m/1")), []);
    assert!(!trial.peer.promises.stuck, "its disk is back");
    for (text, announced) in [("3@z/1", true), ("2@m/1", false)] {
        trial.peer.role = Role::Proposing(Proposing { announced: false, ..proposing(&["a"]) });
        assert_eq!(trial.step(stored(text)), []);
        assert!(matches!(&trial.peer.role, Role::Proposing(proposing) if proposing.announced == announced), "{text}");
    }
}

/// docs/protocol.md, 5.4: "A promiser that hears nothing of its proposer for the heartbeat timeout starts an election. So it
/// does where proposers that were not in its last view send no view for six such timeouts in a row". A stranger that took
/// all of its time is distrusted; another may have lost a message.
#[test]
fn a_proposer_that_sends_no_view_is_passed_over() {
    for (proposer, until, trusted) in [("a", 1, false), ("a", 2, true), ("x", 1, true)] {
        let mut trial = Trial::member(&["x"]);
        trial.knows("a");
        trial.peer.role = Role::Promised(Promised { until: Time::from_secs(until), ..promised(proposer) });
        assert_eq!(trial.alarm(Alarm::Election), [], "whom it asks has a moment");
        assert_eq!((trial.peer.standing(), trial.peer.trusts(&id(proposer))), (Standing::Electing, trusted));
    }
}

/// docs/protocol.md, 5.4: "where proposers that were not in its last view send no view for six such timeouts in a row": all
/// of them together have that time, and a member has as long as it takes.
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

/// docs/protocol.md, 5.4: "The winner promises a term with a counter above every one that it may believe, and sends
/// `COORDINATOR` to the members of the last view".
#[test]
fn a_proposal_is_above_all_counters_and_goes_to_those_who_live() {
    let mut trial = Trial::member(&["a", "x"]);
    trial.peer.contacts.get_mut(&id("a")).unwrap().dead = true;
    let mut proposes_above = |floor| {
        let asked = ["a", "m", "x"].map(id).into();
        trial.does(|peer, turn| peer.propose(asked, floor, None, turn)).1
    };
    assert_eq!(proposes_above(0), proposes("4@m/1", &["x"]));
    assert_eq!(proposes_above(9), proposes("10@m/1", &["x"]));
    assert_eq!(proposes_above(COUNTER_MAX), [], "nobody would believe more");
    assert_eq!(trial.peer.standing(), Standing::Seeking);
}

/// docs/protocol.md, 5.3: "where it is silent, nobody waits for it." It is told of the proposal, and of each later one.
#[test]
fn a_silent_leader_is_told_and_not_waited_for_until_it_answers() {
    let mut trial = Trial::member(&["a"]);
    let election = Message::Election { term: Some(term("3@z/1")), from: id("m") };
    let silent = [close("z"), tell(Event::LeaderTimeout { leader: id("z") }), send("z", election)];
    let effects = trial.after(10).alarm(Alarm::LeaderCheck);
    assert_eq!(effects, [&silent[..], &wins("4@m/1", &["a", "z"])].concat());
    let ((), effects) = trial.after(5).does(|peer, turn| peer.propose(["a", "z"].map(id).into(), 0, None, turn));
    assert_eq!(effects, proposes("5@m/1", &["a", "z"]));
    trial.gets("a", log_state("5@m/1"));
    assert_eq!(trial.peer.standing(), Standing::Leader);
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
