//! What a leader orders to be removed, and when. One input, the exact effects.

use super::super::input::{Found, Time};
use super::super::trial::{id, lines, say, tell, term, Trial};
use super::super::{Done, Effects, Input, Standing};
use super::*;
use crate::wire::{Frame, Range, Request};

const LIMITS: Option<Limits> = Some(Limits { age: None, bytes: Some(1 << 30) });

/// It leads `a`, which has the same limits. Both have stored nine readings, of which the log begins after two; all are
/// committed, and delivered up to there. Its storage says that its limits do not keep the first six.
fn leader(delivered: Sequence) -> Trial {
    let mut trial = Trial::leader(&["a"]);
    trial.peer.settings.limits = LIMITS;
    trial.peer.note_limits(&id("a"), LIMITS);
    trial.gets("a", Message::Fetch { term: term("3@m/1"), from: 1 });
    for count in [2, 7] {
        trial.step(Input::Readings(lines(count)));
    }
    trial.step(Input::Stored(vec![Done::Appended { last: 9 }]));
    trial.gets("a", Message::Stored { term: term("3@m/1"), last: 9 });
    trial.peer.log.remove(2);
    trial.peer.delivery.up_to = delivered;
    trial.peer.on_surveyed(6);
    trial
}

fn follower(trial: &mut Trial) -> &mut super::super::data::follower::Follower {
    trial.leading().followers.get_mut(&id("a")).unwrap()
}

#[test]
fn what_is_to_go_is_delivered_here_and_stored_everywhere() {
    assert_eq!(leader(9).peer.keep_to_order(), Some(7));
    assert_eq!([5, 6].map(|delivered| leader(delivered).peer.keep_to_order()), [None, Some(7)]);
    for (stored, first) in [(5, None), (6, Some(7))] {
        let mut trial = leader(9);
        follower(&mut trial).stored = stored;
        assert_eq!(trial.peer.keep_to_order(), first, "a has stored {stored}");
    }
    let mut trial = leader(9);
    follower(&mut trial).halt();
    assert_eq!(trial.peer.keep_to_order(), None, "its link is new");
    let mut trial = leader(9);
    trial.peer.note_limits(&id("a"), None);
    assert_eq!(trial.peer.keep_to_order(), None, "it has no limits");
    assert_eq!(Trial::member(&["x"]).peer.keep_to_order(), None);
}

#[test]
fn what_went_already_is_not_ordered_to_go() {
    for (to, first) in [(1, None), (2, None), (3, Some(4)), (6, Some(7))] {
        let mut trial = leader(9);
        trial.peer.on_surveyed(to);
        assert_eq!(trial.peer.keep_to_order(), first, "up to {to}");
    }
    let mut trial = leader(9);
    for (base, first) in [(5, Some(7)), (6, None), (7, None)] {
        trial.peer.log.remove(base);
        assert_eq!(trial.peer.keep_to_order(), first, "after {base}");
    }
    // Rows may be reported from before a cut: what is not committed does not go.
    let mut trial = Trial::leader(&[]);
    trial.peer.delivery.up_to = 9;
    trial.peer.on_surveyed(6);
    assert_eq!(trial.peer.keep_to_order(), None);
}

/// docs/protocol.md, 10.2.
#[test]
fn a_leader_with_limits_looks_for_what_is_old_from_time_to_time() {
    let mut trial = leader(9);
    let looks = |trial: &mut Trial, seconds| {
        let mut effects = Effects::new();
        trial.peer.look_for_old(&mut Turn { now: Time::from_secs(seconds), out: &mut effects });
        effects
    };
    let survey = || vec![Effect::Store(Store::Survey)];
    assert_eq!([1, 2, 3600, 3601, 3602].map(|at| looks(&mut trial, at)), [survey(), vec![], vec![], survey(), vec![]]);
    trial.peer.settings.limits = None;
    assert_eq!(looks(&mut trial, 9000), []);
    let mut member = Trial::member(&["x"]);
    member.peer.settings.limits = LIMITS;
    assert_eq!(looks(&mut member, 9000), []);
}

/// docs/protocol.md, 10.1.
#[test]
fn other_limits_are_said_once_for_each_set_of_peers() {
    let mut trial = Trial::leader(&["a", "b"]);
    trial.peer.settings.limits = LIMITS;
    trial.peer.note_limits(&id("a"), LIMITS);
    let compares = |trial: &mut Trial| {
        let ((), effects) = trial.does(Peer::compare_limits);
        effects
    };
    let others = |peers: &[(&str, Option<Limits>)]| {
        let peers = peers.iter().map(|(name, limits)| (id(name), *limits)).collect();
        vec![tell(Event::OtherLimits { own: LIMITS, peers })]
    };
    assert_eq!(compares(&mut trial), others(&[("b", None)]));
    assert_eq!(compares(&mut trial), []);
    trial.peer.note_limits(&id("a"), None);
    assert_eq!(compares(&mut trial), others(&[("a", None), ("b", None)]));
    trial.peer.note_limits(&id("a"), LIMITS);
    trial.peer.note_limits(&id("b"), LIMITS);
    assert_eq!(compares(&mut trial), []);
    trial.peer.note_limits(&id("b"), None);
    assert_eq!(compares(&mut trial), others(&[("b", None)]), "it was well meanwhile");
}

/// docs/protocol.md, 10.3: a batch that says where the log begins is committed.
#[test]
fn what_a_committed_batch_does_not_keep_goes_at_a_peer_with_limits() {
    let removes = |limits, keep: &[Sequence]| {
        let mut trial = leader(9);
        trial.peer.settings.limits = limits;
        for keep in keep {
            let first = trial.peer.log.last() + 1;
            let request = Request { origin: "z/1".parse().unwrap(), first, lines: lines(1) };
            trial.peer.log.append(&Frame::build_with(term("3@m/1"), first, &[request], Some(*keep)));
        }
        trial.peer.log.commit(99);
        let ((), mut effects) = trial.does(Peer::remove_old);
        effects.retain(|effect| matches!(effect, Effect::Store(_)));
        (effects, trial.peer.log.base())
    };
    assert_eq!(removes(LIMITS, &[7]), (vec![Effect::Store(Store::Remove { to: 6 })], 6));
    assert_eq!(removes(LIMITS, &[5, 7, 6]), (vec![Effect::Store(Store::Remove { to: 6 })], 6));
    assert_eq!(removes(LIMITS, &[4]), (vec![Effect::Store(Store::Remove { to: 3 })], 3));
    assert_eq!(removes(LIMITS, &[3]), (vec![], 2), "it begins there");
    assert_eq!(removes(None, &[7]), (vec![], 2));
    assert_eq!(removes(LIMITS, &[]), (vec![], 2));
}

#[test]
fn a_follower_that_is_served_from_what_goes_is_told_where_the_log_begins() {
    for (stored, is_told) in [(5, true), (6, false)] {
        let mut trial = leader(9);
        follower(&mut trial).stored = stored;
        let request = Request { origin: "z/1".parse().unwrap(), first: 1, lines: lines(1) };
        trial.peer.log.append(&Frame::build_with(term("3@m/1"), 10, &[request], Some(7)));
        trial.peer.log.commit(99);
        let ((), effects) = trial.does(Peer::remove_old);
        let base = Effect::Store(Store::SayBase { to: id("a"), term: term("3@m/1") });
        assert_eq!(effects.contains(&base), is_told, "a has stored {stored}: {effects:?}");
        // If less went, it is served from where it is.
        let ((), effects) = trial.does(|peer, turn| peer.on_removed(6, stored, turn));
        let serves = effects.iter().filter(|effect| matches!(effect, Effect::Serve { .. })).count();
        assert_eq!(serves, usize::from(is_told), "{effects:?}");
        assert_eq!(trial.peer.log.base(), stored);
    }
}

#[test]
fn what_was_removed_before_a_cut_says_nothing_of_the_log_after_it() {
    let mut trial = leader(9);
    let ((), effects) = trial.does(|peer, turn| peer.on_removed(1, 0, turn));
    assert_eq!((effects, trial.peer.log.base()), (vec![], 2));
}

/// docs/protocol.md, 10.5.
#[test]
fn a_log_that_is_a_part_of_what_went_begins_after_it() {
    let base = |last, text: &str| Base {
        last,
        runs: vec![(term(text), 1)],
        origins: vec![Range { origin: "z/1".parse().unwrap(), first: 1, count: last }],
    };
    let fetch = |from| say("z", Message::Fetch { term: term("3@z/1"), from });
    let found = Found { runs: vec![(term("2@z/1"), 1)], last: 4, delivered: 4, ..Found::default() };
    let gets = |base: Base| {
        let mut trial = Trial::member_with(None, &found, &["x"]);
        let effects = trial.gets("z", Message::Base { term: term("3@z/1"), base });
        (effects, trial.peer.last(), trial.peer.base(), trial.peer.standing())
    };
    let begins = |base: Base| Effect::Store(Store::Begin(base));
    assert_eq!(gets(base(4, "2@z/1")), (vec![fetch(5)], 4, 0, Standing::Member), "it came before that was removed");
    let taken = (vec![begins(base(5, "2@z/1")), fetch(6)], 5, 5, Standing::Member);
    assert_eq!(gets(base(5, "2@z/1")), taken);
    // Another log, and one that a later term than the leader's has a part in.
    let later = Base { runs: vec![(term("2@z/1"), 1), (term("4@z/1"), 6)], ..base(9, "2@z/1") };
    for (base, why) in [(base(9, "1@z/1"), "another log"), (later, "a later term")] {
        let (effects, last, begin, standing) = gets(base);
        let what = "sent the beginning of another log";
        assert_eq!(effects[0], tell(Event::Misbehaved { peer: id("z"), what, at: 9 }), "{why}");
        assert_eq!((last, begin, standing), (4, 0, Standing::Seeking), "{why}");
    }
}
