//! What a peer begins with when it goes on where it ended, and what it keeps for that.

use peer::protocol::{Done, Effect, Effects, Event, Found, Input, Store};
use peer::wire::{Message, RunList};

use crate::bench::{id, lines, range, recalled, request, seat, sent, term, told, view, Bench, LIFE};

fn kept(effects: &Effects) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Store(Store::Keep(_)))).count()
}

fn delivers(effects: &Effects, sequence: u64) -> bool {
    effects.contains(&Effect::Store(Store::Deliver { up_to: sequence }))
}

/// A log of nine readings of an earlier life, in batches of three; the first of them is delivered.
fn found() -> Found {
    Found {
        runs: vec![(term("1@m/5"), 1)],
        last: 9,
        origins: vec![range("m/5", 1, 9)],
        delivered: 3,
        uncommitted: vec![(6, vec![range("m/5", 4, 3)]), (9, vec![range("m/5", 7, 3)])],
        pending: vec![range("m/5", 4, 8)],
        promised: Some(term("1@m/5")),
        synced: Some(term("1@m/5")),
        needs: 0,
    }
}

#[test]
fn what_is_taken_in_is_kept_unless_the_own_log_holds_it() {
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
    peer.said(1, Message::Added { view: view("2@z/5", runs, 9), incarnation: LIFE });
    assert!(delivers(&peer.said(1, Message::Commit { term: term("2@z/5"), up_to: 6 }), 6));
    assert!(delivers(&peer.said(1, Message::Commit { term: term("2@z/5"), up_to: 9 }), 9));
}

#[test]
fn what_was_pending_in_an_earlier_life_is_ordered_but_for_what_stands_in_the_log() {
    let mut peer = Bench::with(&found());
    peer.hello(1, "z", 5, "127.0.0.1:8000");
    let runs = vec![(term("1@m/5"), 1)];
    let effects = peer.said(1, Message::Added { view: view("2@z/5", runs, 9), incarnation: LIFE });
    assert_eq!(recalled(&effects), [range("m/5", 10, 2)]);
    let effects = peer.stored(vec![Done::Recalled(request("m/5", 10, 2))]);
    assert_eq!(sent(&effects), [&request("m/5", 10, 2)]);
}

#[test]
fn a_log_shorter_than_what_it_was_synced_with_counts_for_its_last_entry_only() {
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
    // Alone it is the majority.
    assert_eq!(leader.peer.committed(), 9);
}

/// What a peer with that log is told when it promises `z`'s term and installs it, `z`'s log being `runs` up to `last`.
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
fn rows_that_another_history_takes_back_are_told_of_also_where_nobody_asked_to_join() {
    let merging = Event::Merging { leader: id("z"), readings: 9 };
    assert_eq!(told_by_the_view_of_another(vec![(term("1@z/5"), 1)], 4), [merging]);
    // The end of a log that was never delivered goes with every other leader.
    assert_eq!(told_by_the_view_of_another(vec![(term("1@m/5"), 1)], 6), []);
}
