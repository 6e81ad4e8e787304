//! What a cut does to the log, and what is done once the storage has made it.

use super::super::credibility::COUNTER_FOUND_MAX;
use super::super::input::{Found, Time};
use super::super::trial::{close, id, lines, say, tell, term, view, Trial};
use super::super::{Done, Effect, Effects, Input, Standing, State};
use super::*;
use crate::ids::NEEDS_ALL;
use crate::wire::{Frame, Message, Request};

fn run(text: &str) -> RunList {
    vec![(term(text), 1)]
}

/// What it holds of its log of nine entries, of which it delivered six, and which begins after two.
fn found() -> Found {
    Found { runs: run("2@z/1"), base: 2, last: 9, delivered: 6, needs: 8, ..Found::default() }
}

fn cuts(trial: &mut Trial, to: Sequence) -> Effects {
    let mut effects = Effects::new();
    trial.peer.cut(to, &id("z"), &mut Turn { now: Time::from_secs(1), out: &mut effects });
    effects
}

#[test]
fn a_cut_lowers_what_the_log_can_vouch_for() {
    for (to, reached, needs, delivered) in [(7, 7, 7, 6), (5, 5, 5, 5), (2, 2, 2, 2), (1, 0, 0, 0)] {
        let mut trial = Trial::member_with(None, &found(), &["x"]);
        trial.peer.promises.needs = 8;
        let effects = cuts(&mut trial, to);
        let state = State { promised: Some(term("3@z/1")), synced: Some(term("3@z/1")), needs };
        assert!(effects.contains(&Effect::Store(Store::Cut { to: reached, state })), "{to}: {effects:?}");
        assert_eq!((trial.peer.last(), trial.peer.delivery.up_to), (reached, delivered), "{to}");
    }
    // A log that was damaged stays so.
    let mut trial = Trial::member_with(None, &found(), &["x"]);
    trial.peer.promises.needs = NEEDS_ALL;
    cuts(&mut trial, 7);
    assert_eq!(trial.peer.promises.needs, NEEDS_ALL);
}

#[test]
fn nothing_is_cut_at_or_above_the_end() {
    for to in [9, 10] {
        let mut trial = Trial::member_with(None, &found(), &["x"]);
        assert_eq!((cuts(&mut trial, to), trial.peer.last()), (vec![], 9));
    }
}

/// The operator hears of it where a view was left for that, or where rows go.
#[test]
fn a_cut_of_rows_is_told_of_and_so_is_a_merge() {
    let merging = |readings| tell(Event::Merging { leader: id("z"), readings });
    for (merges, to, told) in [
        (false, 7, None),
        (false, 6, None),
        (false, 5, Some(4)),
        (true, 7, Some(2)),
        (true, 9, Some(0)),
        (true, 1, Some(7)),
    ] {
        let mut trial = Trial::member_with(None, &found(), &["x"]);
        trial.peer.group.merging = merges;
        let effects = cuts(&mut trial, to);
        let events: Vec<&Effect> = effects.iter().filter(|effect| matches!(effect, Effect::Tell(_))).collect();
        assert_eq!(events, told.map(merging).iter().collect::<Vec<_>>(), "to {to}");
        assert!(!trial.peer.group.merging);
    }
}

#[test]
fn with_a_quorum_a_leader_that_lacks_what_is_committed_is_left() {
    for (runs, last, lacks) in [("2@z/1", 9, false), ("2@z/1", 6, false), ("2@z/1", 5, true), ("1@z/1", 9, true)] {
        for quorum in [None, Some(2)] {
            let lacks = lacks && quorum.is_some();
            let mut trial = Trial::member_with(quorum, &found(), &["x"]);
            assert_eq!(trial.peer.would_cut_committed(&run(runs), last), lacks, "{runs} up to {last}, {quorum:?}");
            let mut effects = Effects::new();
            let view = view("4@x/1", &["m", "x"], run(runs), last);
            let refuses =
                trial.peer.refuses_cut(&id("x"), &view, &mut Turn { now: Time::from_secs(1), out: &mut effects });
            let what = "lacks what is committed, from the end of its log on";
            let expected = [tell(Event::Misbehaved { peer: id("x"), what, at: last }), close("x")];
            assert_eq!((refuses, effects), (lacks, if lacks { expected.to_vec() } else { vec![] }));
            let standing = if lacks { Standing::Seeking } else { Standing::Member };
            assert_eq!((trial.peer.standing(), trial.peer.trusts(&id("x"))), (standing, !lacks));
        }
    }
}

/// What the leader sends before the cut is made is dropped, and asked for once it is.
#[test]
fn after_a_cut_what_was_dropped_meanwhile_is_fetched_and_what_is_pending_is_sent() {
    let fetch = |from| say("z", Message::Fetch { term: term("3@z/1"), from });
    for dropped in [false, true] {
        let mut trial = Trial::member_with(None, &found(), &["x"]);
        trial.peer.following_mut().unwrap().fetched_from = 8;
        cuts(&mut trial, 7);
        if dropped {
            let request = Request { origin: "z/1".parse().unwrap(), first: 1, lines: lines(2) };
            let frame = Frame::build(term("3@z/1"), 8, &[request]);
            assert_eq!(trial.gets("z", Message::Ordered { term: term("3@z/1"), frame }), []);
        }
        let range = Range { origin: "o/1".parse().unwrap(), first: 3, count: 2 };
        let effects = trial.step(Input::Stored(vec![Done::Cut { to: 7, returned: vec![range.clone()] }]));
        let recall = Effect::Store(Store::Recall(range));
        let expected = if dropped { vec![fetch(8), recall] } else { vec![recall] };
        assert_eq!(effects, expected, "dropped: {dropped}");
    }
}

/// A leader said that the logs agree up to the middle of a batch.
#[test]
fn where_the_storage_cuts_more_what_follows_is_fetched_from_there() {
    let mut trial = Trial::member_with(None, &found(), &["x"]);
    (trial.peer.promises.needs, trial.peer.following_mut().unwrap().fetched_from) = (7, 8);
    cuts(&mut trial, 7);
    let effects = trial.step(Input::Stored(vec![Done::Cut { to: 5, returned: vec![] }]));
    let state = State { promised: Some(term("3@z/1")), synced: Some(term("3@z/1")), needs: 5 };
    let fetch = say("z", Message::Fetch { term: term("3@z/1"), from: 6 });
    assert_eq!(effects, [Effect::Store(Store::State(state)), fetch]);
    assert_eq!((trial.peer.last(), trial.peer.delivery.up_to), (5, 5));
}

/// Of two cuts under way the last one counts.
#[test]
fn nothing_is_fetched_before_the_last_cut_is_made() {
    let mut trial = Trial::member_with(None, &found(), &["x"]);
    cuts(&mut trial, 7);
    cuts(&mut trial, 4);
    trial.peer.following_mut().unwrap().fetched_from = 0;
    let done = |trial: &mut Trial, to| trial.step(Input::Stored(vec![Done::Cut { to, returned: vec![] }]));
    assert_eq!(done(&mut trial, 7), []);
    assert_eq!(done(&mut trial, 4), [say("z", Message::Fetch { term: term("3@z/1"), from: 5 })]);
}

/// docs/protocol.md, 5.4: "What its log holds of higher terms it cuts (6), and says so."
#[test]
fn what_a_term_beyond_all_elections_ordered_is_cut_at_the_start() {
    let (last, beyond) = (format!("{COUNTER_FOUND_MAX}@x/1"), format!("{}@z/1", COUNTER_FOUND_MAX + 1));
    let runs = vec![(term("2@a/1"), 1), (term(&last), 4), (term(&beyond), 6)];
    let found = |base, runs: &RunList| {
        let (promised, synced) = (Some(term(&beyond)), Some(term(&beyond)));
        Found { runs: runs.clone(), promised, synced, base, last: 9, delivered: 8, needs: 9, ..Found::default() }
    };
    let stay = || Input::Alarm(super::super::Alarm::Heartbeat);
    for (base, counts, to, readings) in [(0, 2, 5, 4), (5, 2, 5, 4), (7, 2, 0, 2), (0, 0, 0, 9)] {
        // Of the last one nothing is believed.
        let runs: RunList = if counts == 0 { vec![(term(&beyond), 1)] } else { runs.clone() };
        let mut trial = Trial::seeker(None, &found(base, &runs));
        let believed = (counts > 0).then(|| term(&last));
        let state = State { promised: believed.clone(), synced: believed, needs: to };
        let told = tell(Event::Disbelieved { term: term(&beyond), readings });
        let effects = trial.step(stay());
        assert_eq!(effects[..2], [told, Effect::Store(Store::Cut { to, state })], "above {base}");
        assert_eq!((trial.peer.last(), trial.peer.committed(), trial.peer.delivery.up_to), (to, to, to));
        assert_eq!(trial.peer.log.runs()[..], runs[..if to == 0 { 0 } else { counts }]);
        assert_eq!(trial.step(stay()), [], "once");
    }
    // It promised that, and with a quorum nothing is taken back.
    let mut trial = Trial::seeker(Some(2), &found(0, &runs));
    assert_eq!(trial.step(stay()), []);
    assert_eq!((trial.peer.last(), trial.peer.promises.promised.clone()), (9, Some(term(&beyond))));
    let mut trial = Trial::seeker(None, &Found { runs: runs[..2].to_vec(), ..found(0, &runs) });
    trial.step(stay());
    assert_eq!(trial.peer.last(), 9, "what elections reach stays");
}

#[test]
fn a_log_has_no_term_at_or_above_that_of_its_leader_whatever_a_view_says() {
    let runs = vec![(term("2@a/1"), 1), (term("4@z/1"), 4), (term("9@x/1"), 6)];
    for (of, kept) in [("4@z/1", 1), ("5@b/1", 2), ("10@b/1", 3)] {
        let expected = [&runs[..kept], &[(term(of), 10)]].concat();
        assert_eq!(start_runs(&view(of, &["z"], runs.clone(), 9)), expected);
    }
}
