//! What is committed, cut and removed, and what of that the storage has done.

use super::*;
use crate::protocol::trial::lines;
use crate::wire::Request;

fn term() -> Term {
    "1@m/1".parse().unwrap()
}

fn range(first: u64, count: u64) -> Range {
    Range { origin: "a/1".parse().unwrap(), first, count }
}

/// Batches of this many readings of one origin; each may say where the log begins.
fn log(batches: &[(u64, Option<Sequence>)]) -> Log {
    let mut log = Log::new(&Found::default());
    for (count, keep) in batches {
        let Range { origin, first, .. } = range(log.last() + 1, *count);
        let request = Request { origin, first, lines: lines(*count) };
        log.enter(&request.range());
        let frame = Frame::build_with(term(), first, std::slice::from_ref(&request), *keep);
        log.append(&frame);
    }
    log.appended(log.last());
    log
}

#[test]
fn whole_batches_are_committed_as_far_as_the_log_goes() {
    let mut log = log(&[(3, None), (2, None), (4, None)]);
    assert_eq!((log.commit(2), log.committed()), (None, 0));
    assert_eq!((log.commit(4), log.committed()), (Some(vec![range(1, 3)]), 3));
    assert_eq!((log.commit(4), log.committed()), (None, 3));
    assert_eq!((log.commit(99), log.committed()), (Some(vec![range(4, 2), range(6, 4)]), 9));
}

#[test]
fn the_log_begins_where_the_last_committed_batch_says() {
    let mut log = log(&[(3, None), (2, Some(2)), (4, Some(3)), (1, Some(4))]);
    assert_eq!(log.take_keep(), None);
    log.commit(9);
    assert_eq!((log.take_keep(), log.take_keep()), (Some(3), None));
    log.commit(10);
    assert_eq!(log.take_keep(), Some(4));
    log.remove(3);
    assert_eq!(log.base(), 3);
}

#[test]
fn what_is_cut_counts_until_the_storage_has_cut_it() {
    let mut log = log(&[(3, None), (2, Some(2)), (4, None)]);
    log.commit(5);
    log.cut(4);
    assert_eq!((log.last(), log.committed(), log.stable(), log.cuts()), (4, 4, 4, 1));
    assert_eq!((log.is_cutting(), log.taken_back()), (true, 1));
    assert!(log.missing(&range(1, 1).origin, 1, 9).into_iter().next().is_none(), "the readings are not pending yet");
    // The storage reached its end before it makes the cut.
    log.appended(9);
    assert_eq!(log.stable(), 4);
    // It cuts whole batches.
    assert!(log.cut_done(3, &[range(4, 6)]));
    assert_eq!((log.last(), log.committed(), log.is_cutting(), log.taken_back()), (3, 3, false, 0));
    assert_eq!(log.missing(&range(1, 1).origin, 1, 9).into_iter().collect::<Vec<_>>(), [(4, 9)]);
    assert_eq!((log.commit(9), log.take_keep()), (None, None), "nothing is left of what was above");
    log.cut(3);
    assert!(!log.cut_done(3, &[]));
    log.cut(0);
    assert_eq!((log.runs().len(), log.last_term(), log.taken_back()), (0, None, 3));
}

#[test]
fn a_cut_to_nothing_forgets_what_was_removed() {
    let mut log = log(&[(3, None), (2, None), (4, None)]);
    log.commit(9);
    log.remove(5);
    log.cut(0);
    assert_eq!((log.base(), log.last(), log.taken_back()), (0, 0, 4), "what was removed is not taken back");
    assert!(!log.cut_done(0, &[range(6, 4)]));
    assert_eq!(log.missing(&range(1, 1).origin, 1, 9).into_iter().collect::<Vec<_>>(), [(1, 9)]);
}

#[test]
fn the_storage_counts_up_to_the_lowest_cut_that_it_has_not_made() {
    let mut log = log(&[(3, None), (2, None), (4, None)]);
    log.cut(5);
    log.cut(3);
    log.appended(9);
    assert_eq!(log.stable(), 3);
    assert!(!log.cut_done(5, &[range(6, 4)]));
    log.appended(5);
    assert_eq!((log.stable(), log.is_cutting()), (3, true));
    log.appended(1);
    assert_eq!(log.stable(), 1);
    assert!(!log.cut_done(3, &[range(4, 2)]));
    log.appended(3);
    assert_eq!((log.stable(), log.is_cutting()), (3, false));
}

#[test]
fn the_beginning_of_a_longer_log_takes_the_place_of_this_one() {
    let mut log = log(&[(3, Some(1))]);
    let base = Base { last: 9, runs: vec![(term(), 1)], origins: vec![range(1, 7)] };
    log.begin_after(&base);
    assert_eq!((log.base(), log.last(), log.committed()), (9, 9, 9));
    assert_eq!(log.missing(&range(1, 1).origin, 1, 9).into_iter().collect::<Vec<_>>(), [(8, 9)]);
    assert_eq!((log.commit(99), log.take_keep()), (None, None));
}

/// One batch in each of three terms.
#[test]
fn a_cut_forgets_the_terms_and_the_words_of_batches_above_it() {
    let runs = |cut: Sequence| {
        let mut log = Log::new(&Found::default());
        for (text, first) in [("1@a/1", 1), ("2@b/1", 4), ("3@c/1", 7)] {
            let request = Request { origin: range(1, 1).origin, first, lines: lines(3) };
            log.append(&Frame::build_with(text.parse().unwrap(), first, &[request], Some(1)));
        }
        log.cut(cut);
        (log.runs().len(), log.keeps.len(), log.uncommitted.len())
    };
    assert_eq!(
        [9, 8, 7, 6, 4, 3, 2, 1, 0].map(runs),
        [(3, 3, 3), (3, 2, 2), (3, 2, 2), (2, 2, 2), (2, 1, 1), (1, 1, 1), (1, 0, 0), (1, 0, 0), (0, 0, 0)]
    );
}
