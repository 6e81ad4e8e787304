//! What is asked for, ordered and let go of.

use super::*;

fn origin() -> Origin {
    "a/1".parse().unwrap()
}

fn request(first: Number, count: u64) -> Request {
    let text = "DATA|s|2013-01-01T06:00:00Z|1||\n".repeat(usize::try_from(count).unwrap());
    Request { origin: origin(), first, lines: Lines::new(text.into_bytes(), count) }
}

#[test]
fn what_comes_back_in_pieces_is_asked_for_once() {
    let (log, found) = (Log::new(&Found::default()), Found::default());
    let mut pending = Pending::new("b/1".parse().unwrap(), &found);
    pending.add(&Range { origin: origin(), first: 1, count: 9 });
    assert_eq!(pending.next(&log), [Next::Recall(Range { origin: origin(), first: 1, count: 9 })]);
    for first in [1, 4, 7] {
        pending.on_recalled(request(first, 3));
        assert_eq!(pending.next(&log), [Next::Order(request(first, 3))]);
    }
    pending.restart();
    assert_eq!(pending.next(&log).len(), 3, "all of it is in memory now");
}

#[test]
fn texts_go_once_all_of_them_is_committed() {
    let mut pending = Pending::new(origin(), &Found::default());
    for _ in 0..3 {
        pending.take(request(1, 2).lines);
    }
    let texts = |pending: &Pending| pending.queues[&origin()].lines.keys().copied().collect::<Vec<_>>();
    pending.committed(&Range { origin: origin(), first: 1, count: 3 });
    assert_eq!((texts(&pending), pending.len(), pending.first_own()), (vec![3, 5], 3, Some(4)));
    pending.committed(&Range { origin: origin(), first: 4, count: 1 });
    assert_eq!(texts(&pending), [5]);
    pending.committed(&Range { origin: origin(), first: 5, count: 2 });
    assert!(pending.is_empty() && texts(&pending).is_empty());
    assert_eq!(pending.take(request(1, 1).lines).first, 7);
}

#[test]
fn what_is_committed_while_it_is_read_back_is_not_kept() {
    let (log, found) = (Log::new(&Found::default()), Found::default());
    let mut pending = Pending::new("b/1".parse().unwrap(), &found);
    pending.add(&Range { origin: origin(), first: 1, count: 6 });
    assert_eq!(pending.next(&log).len(), 1);
    pending.committed(&Range { origin: origin(), first: 1, count: 3 });
    pending.on_recalled(request(1, 3));
    assert_eq!(pending.next(&log), []);
    pending.on_recalled(request(4, 3));
    assert_eq!(pending.next(&log), [Next::Order(request(4, 3))]);
}

#[test]
fn what_is_pending_with_gaps_is_asked_for_together() {
    let (log, found) = (Log::new(&Found::default()), Found::default());
    let mut pending = Pending::new("b/1".parse().unwrap(), &found);
    let range = |first, count| Range { origin: origin(), first, count };
    for (first, count) in [(1, 3), (5, 2), (9, READINGS_MAX)] {
        pending.add(&range(first, count));
    }
    let asked = [range(1, 3), range(5, 2), range(9, READINGS_MAX - 5)];
    assert_eq!(pending.next(&log), asked.clone().map(Next::Recall));
    for Range { first, count, .. } in &asked[..2] {
        pending.on_recalled(request(*first, *count));
        assert_eq!(pending.next(&log), [Next::Order(request(*first, *count))], "the rest is on its way");
    }
    pending.on_recalled(request(9, READINGS_MAX - 5));
    let next = pending.next(&log);
    assert_eq!(next[1..], [Next::Recall(range(READINGS_MAX + 4, 5))], "and then what was too much");
}
