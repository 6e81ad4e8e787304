//! What a peer resumes with, and what it keeps for that.

use peer::ids::NEEDS_ALL;
use peer::protocol::{Alarm, Done, Effect, Effects, Event, Found, Input, Standing, Store};
use peer::wire::{Message, RunList};

use crate::bench::{id, lines, range, recalled, request, seat, sent, term, told, view, Bench, LIFE};

fn kept(effects: &Effects) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Store(Store::Keep(_)))).count()
}

fn delivers(effects: &Effects, sequence: u64) -> bool {
    effects.contains(&Effect::Store(Store::Deliver { up_to: sequence }))
}

/// A log of nine readings of an earlier life, in batches of three; the first batch is delivered.
fn found() -> Found {
    Found {
        runs: vec![(term("1@m/5"), 1)],
        base: 0,
        last: 9,
        origins: vec![range("m/5", 1, 9)],
        delivered: 3,
        uncommitted: vec![(6, vec![range("m/5", 4, 3)]), (9, vec![range("m/5", 7, 3)])],
        pending: vec![range("m/5", 4, 8)],
        promised: Some(term("1@m/5")),
        synced: Some(term("1@m/5")),
        needs: 0,
        keeps: vec![],
    }
}

#[test]
fn what_is_taken_in_is_kept_unless_its_log_holds_it() {
    let mut leader = Bench::leader();
    assert_eq!(kept(&leader.step(Input::Readings(lines(3)))), 0);
    let mut member = Bench::member(&["z"]);
    assert_eq!(kept(&member.step(Input::Readings(lines(3)))), 1);
    let mut seeking = Bench::new();
    assert_eq!(kept(&seeking.step(Input::Readings(lines(3)))), 1);
}

#[test]
fn the_end_of_a_log_that_was_found_is_delivered_once_it_is_committed() {
    let (mut learner, _) = Bench::learner_with(&Found { uncommitted: vec![], ..Found::default() });
    assert!(!delivers(&learner.said(1, Message::Commit { term: term("1@z/5"), up_to: 6 }), 6));
    let mut peer = Bench::with(&found());
    peer.hello(1, "z", 5, "127.0.0.1:8000");
    let runs = vec![(term("1@m/5"), 1)];
    peer.added(1, "127.0.0.1:8000", view("2@z/5", runs, 9));
    assert!(delivers(&peer.said(1, Message::Commit { term: term("2@z/5"), up_to: 6 }), 6));
    assert!(delivers(&peer.said(1, Message::Commit { term: term("2@z/5"), up_to: 9 }), 9));
}

#[test]
fn pending_readings_of_an_earlier_life_are_ordered_unless_the_log_has_them() {
    let mut peer = Bench::with(&found());
    peer.hello(1, "z", 5, "127.0.0.1:8000");
    let runs = vec![(term("1@m/5"), 1)];
    let effects = peer.added(1, "127.0.0.1:8000", view("2@z/5", runs, 9));
    assert_eq!(recalled(&effects), [range("m/5", 10, 2)]);
    let effects = peer.stored(vec![Done::Recalled(request("m/5", 10, 2))]);
    assert_eq!(sent(&effects), [&request("m/5", 10, 2)]);
}

#[test]
fn a_log_shorter_than_synced_needs_counts_for_its_last_entry_only() {
    let peer = Bench::with(&Found { synced: Some(term("4@z/5")), needs: 12, ..found() });
    assert_eq!(peer.peer.synced(), Some(&term("1@m/5")));
    let peer = Bench::with(&Found { synced: Some(term("4@z/5")), needs: 9, ..found() });
    assert_eq!(peer.peer.synced(), Some(&term("4@z/5")));
}

#[test]
fn a_leader_with_a_log_from_before_delivers_its_end_when_a_majority_holds_it() {
    let mut leader = Bench::with(&found());
    assert_eq!(leader.peer.committed(), 3);
    leader.lead();
    // It is alone, and so the majority.
    assert_eq!(leader.peer.committed(), 9);
}

/// What a peer with that log logs when it promises and installs `z`'s term. `z`'s log is `runs` up to `last`.
fn told_by_the_view_of_another(runs: RunList, last: u64) -> Vec<Event> {
    let mut peer = Bench::with(&found());
    peer.hello(1, "z", 5, "127.0.0.1:8000");
    peer.said(1, Message::Coordinator { term: term("2@z/5") });
    let mut view = view("2@z/5", runs, last);
    view.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
    view.members.insert(id("z"), seat(5, "127.0.0.1:8000"));
    let effects = peer.said(1, Message::ViewChange(view));
    told(&effects).into_iter().filter(|event| matches!(event, Event::Merging { .. })).cloned().collect()
}

#[test]
fn rows_that_another_history_takes_back_are_logged_even_without_a_join() {
    let merging = Event::Merging { leader: id("z"), readings: 9 };
    assert_eq!(told_by_the_view_of_another(vec![(term("1@z/5"), 1)], 4), [merging]);
    // The end of a log that was never delivered may be cut with every new leader.
    assert_eq!(told_by_the_view_of_another(vec![(term("1@m/5"), 1)], 6), []);
}

/// A peer with `--quorum 2` and a damaged log, which ends at 9 and reached 12 before.
fn damaged() -> Bench {
    let mut peer = Bench::under(Some(2), &Found { needs: 12, ..found() });
    for (connection, name) in [(1, "a"), (2, "z")] {
        let hello = peer.hello_under(Some(2), connection, name);
        assert!(matches!(hello[..], [Effect::Admit { .. }]), "{hello:?}");
    }
    peer
}

fn says(effects: &Effects, passes: impl Fn(&Message) -> bool) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Store(Store::Say { message, .. }) if passes(message)))
}

#[test]
fn a_damaged_log_answers_no_proposer_and_counts_for_no_quorum() {
    let mut peer = damaged();
    assert_eq!(peer.said(2, Message::Coordinator { term: term("2@z/5") }), []);
    assert_eq!(peer.peer.promised(), Some(&term("1@m/5")));
    // With one other peer it would be two.
    let mut told_of = Vec::new();
    for _ in 0..20 {
        peer.hears_seeker("a", "127.0.0.1:8001");
        told_of.extend(told(&peer.after(1000).alarm(Alarm::Discovery)).into_iter().cloned());
    }
    assert_eq!(told_of, [Event::Suspended { have: 1, need: 2, waiting: 8 }]);
    assert_eq!(peer.peer.standing(), Standing::Seeking);
}

#[test]
fn a_peer_whose_log_was_damaged_leads_with_the_best_log_of_a_quorum_of_others() {
    let mut peer = damaged();
    for _ in 0..20 {
        peer.hears_seeker("a", "127.0.0.1:8001");
        peer.hears_seeker("b", "127.0.0.1:8003");
        peer.after(1000).alarm(Alarm::Discovery);
    }
    assert_eq!(peer.peer.standing(), Standing::Proposing);
    let proposed = peer.peer.promised().expect("its own term").clone();
    peer.hello_under(Some(2), 3, "b");
    // Both logs are shorter than its own. They count, and its own does not.
    let runs = vec![(term("1@m/5"), 1)];
    let state =
        |last| Message::LogState { term: proposed.clone(), synced: None, runs: runs.clone(), last, limits: None };
    peer.said(1, state(3));
    let effects = peer.said(3, state(6));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Store(Store::Cut { to: 6, .. }))), "{effects:?}");
    peer.stored(vec![Done::Cut { to: 6, returned: vec![range("m/5", 7, 3)] }]);
    assert_eq!((peer.peer.standing(), peer.peer.needs()), (Standing::Leader, 6));
}

#[test]
fn a_peer_whose_log_was_damaged_is_whole_when_it_becomes_a_member() {
    let mut peer = damaged();
    let runs = vec![(term("1@m/5"), 1)];
    let mut view = view("2@z/5", runs, 9);
    let effects = peer.added(2, "127.0.0.1:8002", view.clone());
    assert!(says(&effects, |message| matches!(message, Message::Fetch { from: 10, .. })));
    assert_eq!((peer.peer.standing(), peer.peer.needs()), (Standing::Learner, NEEDS_ALL));
    view.change = 2;
    view.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
    let effects = peer.said(2, Message::ViewChange(view));
    let saved = |effect: &Effect| matches!(effect, Effect::Store(Store::State(state)) if state.needs == 9);
    assert!(effects.iter().any(saved), "{effects:?}");
    assert_eq!((peer.peer.standing(), peer.peer.needs()), (Standing::Member, 9));
}
