//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::data::role::Proposing;
use super::super::trial::{
    asked, asked_to_join, contact, endpoint, id, lines, members, promised, proposing, question, say, send, stale, term,
    view, Trial,
};
use super::super::{Done, Effect, Effects, Input, Standing, Time};
use super::*;
use crate::wire::{Belongs, RunList};

fn yields(trial: &mut Trial, from: &str, text: &str, to: Option<&str>) -> Effects {
    trial.gets(from, Message::Yield { term: term(text), leader: to.map(contact) })
}

/// docs/protocol.md, 7.2: "all of them join the other group". What others say, or what was said in an earlier term, does not count.
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

/// `m` leads `x` too, with an empty log. The leader of another group is heard of, and shows this view.
fn meets(name: &str, others: &[&str], last: u64) -> (Trial, Effects) {
    let mut trial = Trial::leader(&["x"]);
    let text = format!("9@{name}/1");
    let names: Vec<&str> = others.iter().copied().chain([name]).collect();
    let size = names.len() as u64;
    let heard = trial.hears(Message::Leader(Leadership { term: term(&text), leader: contact(name), size, last }));
    let (_, asked) = question(&heard);
    let runs = if last == 0 { vec![] } else { vec![(term(&text), 1)] };
    let effects = trial.answers(asked, name, Belongs::Leads(view(&text, &names, runs, last)));
    (trial, effects)
}

/// docs/protocol.md, 7.2: "The one of lower rank `(members, last sequence, rank)` yields: it sends `YIELD` to its members".
#[test]
fn the_leader_of_fewer_members_then_of_the_shorter_log_then_of_lower_rank_yields() {
    let yields = [("z", &["p", "q"][..], 0), ("a", &["p", "q"], 0), ("a", &["p"], 1), ("z", &["p"], 0)];
    for (name, others, last) in yields {
        let (trial, effects) = meets(name, others, last);
        let yields = send("x", Message::Yield { term: term("3@m/1"), leader: Some(contact(name)) });
        assert_eq!(effects[0], yields, "{name} {others:?} {last}");
        assert_eq!((question(&effects[1..]).0, trial.peer.standing()), (endpoint(name), Standing::Seeking));
    }
    for (name, others, last) in [("z", &[][..], 9), ("a", &["p"], 0)] {
        let (trial, effects) = meets(name, others, last);
        assert_eq!((effects, trial.peer.standing()), (vec![], Standing::Leader), "{name} {others:?} {last}");
    }
}

/// docs/protocol.md, 7.2: "Leaders hear each other's `LEADER` and ask." The other may not hear of this group, so it is told,
/// if it is the one to yield.
#[test]
fn a_leader_asks_another_and_tells_it_of_its_own_group_if_that_wins() {
    for (name, told) in [("z", false), ("a", true)] {
        let other = Leadership { term: term("9@y/1"), leader: contact(name), size: 2, last: 0 };
        let effects = Trial::leader(&["x"]).hears(Message::Leader(other));
        let (to, asked) = question(&effects);
        assert_eq!((to, asked.hint.is_some()), (endpoint(name), told));
    }
    // What a member says of a leadership is over.
    let over = Leadership { term: term("2@x/1"), leader: contact("x"), size: 9, last: 9 };
    assert_eq!(Trial::leader(&["x"]).hears(Message::Leader(over)), []);
}

/// docs/protocol.md, 2.4: a member leaves its leader for a higher promise of that leader only, and asks who is named.
#[test]
fn a_member_heeds_a_higher_promise_of_its_leader() {
    for (from, text, leaves) in [("z", "4@y/1", true), ("z", "3@z/1", false), ("q", "4@y/1", false)] {
        let mut trial = Trial::member(&["x"]);
        trial.knows("q");
        let effects = trial.gets(from, stale(text, Some("y")));
        assert_eq!(trial.peer.standing() == Standing::Seeking, leaves, "{from} {text}: {effects:?}");
        if leaves {
            assert_eq!(question(&effects).0, endpoint("y"));
        } else {
            assert_eq!(effects, []);
        }
    }
}

/// docs/protocol.md, 2.4: without a quorum a member that promised to another follows another. Its leader goes on, and asks
/// the leader that it named. A stranger's promise is nothing to it.
#[test]
fn a_leader_lets_a_member_go_that_promised_to_another() {
    let mut trial = Trial::leader(&["a", "x"]);
    trial.knows("q");
    assert_eq!(trial.gets("q", stale("4@y/1", Some("y"))), []);
    let effects = trial.gets("x", stale("4@y/1", Some("y")));
    assert_eq!((trial.peer.standing(), trial.peer.members()), (Standing::Leader, vec![id("a"), id("m")]));
    let asks = |effect: &Effect| matches!(effect, Effect::Call(call) if call.to == endpoint("y"));
    assert!(effects.iter().any(asks), "{effects:?}");
}

/// docs/protocol.md, 5.5: a proposer goes above a promise that it hears of, unless the other proposer may live and has the
/// higher rank: of two the higher one goes on. It goes to a leader that is named.
#[test]
fn a_proposer_outbids_a_promise_to_a_lower_one_and_to_one_that_is_gone() {
    for (promised, leader, outbids) in
        [("7@c/1", None, true), ("7@z/1", None, true), ("7@y/1", None, false), ("7@c/1", Some("c"), false)]
    {
        let mut trial = Trial::member(&["a", "b"]);
        trial.gets("z", Message::Leave { term: Some(term("3@z/1")) });
        assert_eq!(trial.peer.standing(), Standing::Proposing);
        let effects = trial.gets("a", stale(promised, leader));
        let standing = if outbids { Standing::Proposing } else { Standing::Seeking };
        assert_eq!(trial.peer.standing(), standing, "{promised}: {effects:?}");
        for to in ["a", "b"] {
            let above = say(to, Message::Coordinator { term: term("8@m/1") });
            assert_eq!(effects.contains(&above), outbids, "{promised}: {effects:?}");
        }
    }
}

/// docs/protocol.md, 7: with a quorum the higher term alone decides, and only a group that can take others in, and has what is
/// committed, is joined.
#[test]
fn with_a_quorum_the_leader_of_the_lower_term_yields_to_a_group_that_has_what_is_committed() {
    let runs = |text: &str| vec![(term(text), 1)];
    let yields = |text: &str, others: &[&str], shown: RunList, last| {
        let mut trial = Trial::leader(&["x"]);
        trial.peer.settings.quorum = Some(2);
        trial.gets("x", Message::Fetch { term: term("3@m/1"), from: 1 });
        trial.step(Input::Readings(lines(5)));
        trial.step(Input::Stored(vec![Done::Appended { last: 5 }]));
        trial.gets("x", Message::Stored { term: term("3@m/1"), last: 5 });
        assert_eq!(trial.peer.committed(), 5);
        let names: Vec<&str> = others.iter().copied().chain(["a"]).collect();
        let mut effects = vec![];
        let now = trial.peer.now();
        let turn = &mut Turn { now, out: &mut effects };
        trial.peer.compare_groups(&contact("a"), &view(text, &names, shown, last), turn);
        trial.peer.standing() == Standing::Seeking
    };
    assert!(yields("4@a/1", &["p"], runs("3@m/1"), 5));
    assert!(!yields("2@a/1", &["p", "q", "r"], runs("3@m/1"), 9), "its term is lower");
    assert!(!yields("4@a/1", &["p"], runs("3@m/1"), 4), "it lacks what is committed");
    assert!(!yields("4@a/1", &["p"], runs("2@p/1"), 9), "it has another log");
    assert!(yields("4@a/1", &["p"], runs("3@m/1"), 9));
    assert!(!yields("4@a/1", &[], runs("3@m/1"), 5), "it cannot take anybody in");
}

#[test]
fn a_leader_yields_to_nobody_that_it_distrusts_shut_out_or_leads() {
    let yields = |change: fn(&mut Trial)| {
        let mut trial = Trial::leader(&["x"]);
        change(&mut trial);
        let now = trial.peer.now();
        let shown = view("4@z/1", &["p", "q", "z"], vec![], 0);
        trial.peer.compare_groups(&contact("z"), &shown, &mut Turn { now, out: &mut vec![] });
        trial.peer.standing() == Standing::Seeking
    };
    assert!(yields(|_| ()));
    assert!(!yields(|trial| {
        trial.knows("z");
        trial.peer.distrust(&id("z"), 2, &Turn { now: Time::from_secs(1), out: &mut vec![] });
    }));
    assert!(!yields(|trial| {
        trial.knows("z");
        trial.peer.shut_out(&id("z"), &Turn { now: Time::from_secs(1), out: &mut vec![] });
    }));
    assert!(!yields(|trial| {
        for _ in 0..3 {
            trial.peer.distrust(&id("q"), 1, &Turn { now: Time::from_secs(1), out: &mut vec![] });
        }
    }));
    assert!(!yields(|trial| {
        let leading = trial.leading();
        leading.members.extend(members(&["z"]));
    }));
}

/// docs/protocol.md, 2.4: what each role makes of a higher promise of a peer that has a part in what it does.
#[test]
fn a_higher_promise_ends_what_cannot_succeed() {
    let after = |role: Role, from: &str, promise: Message| {
        let mut trial = Trial::member(&["x"]);
        trial.knows("a");
        trial.knows("q");
        trial.peer.role = role;
        let effects = trial.gets(from, promise);
        let asked = asked(&effects).first().copied();
        (trial, asked)
    };
    let seeking = || asked_to_join("a");
    // A seeker that asked goes to whom it is pointed, and asks nobody twice.
    let (trial, asked) = after(seeking(), "a", stale("4@y/1", Some("y")));
    assert!(matches!(&trial.peer.role, Role::Seeking(seeking) if seeking.asked.is_none()));
    assert_eq!(asked, Some(endpoint("y")));
    let (trial, asked) = after(seeking(), "a", stale("4@y/1", Some("m")));
    assert!(matches!(&trial.peer.role, Role::Seeking(seeking) if seeking.asked.is_none()));
    assert_eq!(asked, None, "that is this very peer");
    let (trial, _) = after(seeking(), "q", stale("4@y/1", Some("y")));
    assert!(matches!(&trial.peer.role, Role::Seeking(seeking) if seeking.asked.is_some()), "it has no part here");
    // A learner goes, and comes from another group then.
    let (trial, asked) = after(Trial::learner().peer.role, "z", stale("4@y/1", Some("y")));
    assert_eq!(
        (trial.peer.standing(), trial.peer.group.merging, asked),
        (Standing::Seeking, true, Some(endpoint("y")))
    );
    let (trial, asked) = after(Trial::learner().peer.role, "z", stale("4@y/1", None));
    assert_eq!((trial.peer.standing(), trial.peer.group.merging, asked), (Standing::Seeking, false, None));
    // One that promised leaves no group.
    let (trial, asked) = after(Role::Promised(promised("x")), "x", stale("4@y/1", Some("y")));
    assert_eq!(
        (trial.peer.standing(), trial.peer.group.merging, asked),
        (Standing::Seeking, false, Some(endpoint("y")))
    );
}

/// A leader that lifts its term for a joiner lives.
#[test]
fn a_leader_that_lifts_its_term_goes_on_unless_one_of_its_own_knows_better() {
    let after = |quorum, from: &str, text: &str| {
        let mut trial = Trial::leader(&["x"]);
        trial.knows("a");
        trial.peer.settings.quorum = quorum;
        trial.peer.promises.promised = Some(term("4@m/1"));
        trial.peer.role = Role::Proposing(Proposing { lifting: Some(2), ..proposing(&["a", "x"]) });
        trial.gets(from, stale(text, Some("y")));
        trial.peer.standing()
    };
    assert_eq!(after(None, "x", "4@m/1"), Standing::Proposing, "it promised as much");
    assert_eq!(after(None, "x", "5@y/1"), Standing::Seeking);
    assert_eq!(after(None, "a", "5@y/1"), Standing::Proposing, "of two groups the rank decides");
    assert_eq!(after(Some(2), "a", "5@y/1"), Standing::Seeking, "with a quorum the term does");
}

/// docs/protocol.md, 2.4: nobody goes back to a leader that is gone, or was silent, because another one names it.
#[test]
fn a_proposer_does_not_go_back_to_the_leader_that_it_gave_up() {
    let given_up = |change: fn(&mut Trial, &mut Proposing)| {
        let mut trial = Trial::member(&["x"]);
        let mut proposing = proposing(&["x"]);
        change(&mut trial, &mut proposing);
        trial.peer.role = Role::Proposing(proposing);
        trial.peer.was_given_up(&contact("z"))
    };
    assert!(!given_up(|_, _| ()));
    assert!(given_up(|trial, _| trial.peer.contacts.get_mut(&id("z")).unwrap().dead = true));
    assert!(given_up(|_, proposing| proposing.silent = Some(id("z"))));
    assert!(!given_up(|_, proposing| proposing.silent = Some(id("x"))));
    assert!(!given_up(|trial, proposing| {
        proposing.silent = Some(id("z"));
        trial.peer.contacts.get_mut(&id("z")).unwrap().incarnation = 2;
    }));
    assert!(!given_up(|trial, _| trial.peer.contacts.remove(&id("z"))), "it is not known");
    let mut member = Trial::member(&["x"]);
    member.peer.contacts.get_mut(&id("z")).unwrap().dead = true;
    assert!(!member.peer.was_given_up(&contact("z")), "it does not propose");
}
