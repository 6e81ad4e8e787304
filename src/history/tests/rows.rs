//! `Rows` against a storage that appends, delivers and cuts: what was given, with each rewind applied, is what the files hold.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::driven::Driven;
use super::id;
use crate::history::{Page, Position, Rows, Sensors, Step, Wanted};
use crate::ids::Sequence;
use crate::reading::row_sequence;
use crate::storage::TempDir;

/// What a peer does.
#[derive(Debug, Clone)]
enum Act {
    /// Appends a batch of this many readings.
    Append(u64),
    /// Delivers this many more entries, and writes their rows.
    Deliver(u64),
    /// Goes over to the log of another leader, which shares this many entries.
    Cut(u64),
    /// Removes this many entries from the beginning of what is delivered, or fewer.
    Remove(u64),
    /// A consumer looks, and takes at most this many rows at a time.
    Look(usize),
    /// The consumer ends, and another goes on from its position.
    Resume,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => (1..60u64).prop_map(Act::Append),
        3 => (1..80u64).prop_map(Act::Deliver),
        1 => (0..2000u64).prop_map(Act::Cut),
        1 => (1..400u64).prop_map(Act::Remove),
        4 => (1..100usize).prop_map(Act::Look),
        1 => Just(Act::Resume),
    ];
    prop::collection::vec(act, 1..60)
}

/// A consumer of rows, which follows rewinds.
struct Consumer {
    rows: Rows,
    had: BTreeMap<Sequence, String>,
    /// What it was told about rows that were removed.
    gone: Vec<Sequence>,
}

impl Consumer {
    fn new(root: &Path, wanted: &Wanted, after: Sequence) -> Self {
        Self { rows: Rows::new(root.to_owned(), wanted, after), had: BTreeMap::new(), gone: Vec::new() }
    }

    /// Takes rows up to a sequence that is there.
    fn take(&mut self, up_to: Sequence) {
        while self.rows.after() < up_to {
            let left = usize::try_from(up_to - self.rows.after()).unwrap();
            let Step::Rows(page) = self.rows.step(left).unwrap() else { panic!("rows are there") };
            self.keep(&page, left);
        }
    }

    /// Takes all that is there; returns the rewinds.
    fn look(&mut self, limit: usize) -> Vec<Sequence> {
        let mut rewinds = Vec::new();
        loop {
            match self.rows.step(limit).unwrap() {
                Step::Nothing => return rewinds,
                Step::Gone { up_to } => {
                    self.had = self.had.split_off(&(up_to + 1));
                    self.gone.push(up_to);
                }
                Step::Rewind { after } => {
                    self.had.split_off(&(after + 1));
                    rewinds.push(after);
                }
                Step::Rows(page) => self.keep(&page, limit),
            }
        }
    }

    fn keep(&mut self, page: &Page, limit: usize) {
        assert!(page.len() <= limit && page.after == self.rows.after());
        for line in std::str::from_utf8(page.csv()).unwrap().lines() {
            let sequence = row_sequence(line.as_bytes()).unwrap();
            let last = self.had.last_key_value().map_or(0, |(last, _)| *last);
            assert!(last < sequence, "{sequence} after {last}");
            self.had.insert(sequence, line.to_owned());
        }
    }
}

/// The rows of the next page.
fn next_page(rows: &mut Rows, limit: usize) -> usize {
    match rows.step(limit).unwrap() {
        Step::Rows(page) => page.len(),
        step => panic!("{step:?}"),
    }
}

#[test]
fn a_page_has_rows_of_many_batches_and_of_one_term() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    (0..20).for_each(|_| peer.append(5));
    let mut rows = Rows::new(peer.root.clone(), &Wanted::all(), 0);
    peer.deliver(93);
    assert_eq!([70, 1000].map(|limit| next_page(&mut rows, limit)), [70, 23]);
    peer.deliver(7);
    // A cut between two reads may leave a batch from before the cut in front of one from after it.
    peer.cut(95);
    (0..20).for_each(|_| peer.append(5));
    peer.deliver(200);
    let mut rows = Rows::new(peer.root.clone(), &Wanted::all(), 0);
    assert_eq!([1000, 1000].map(|limit| next_page(&mut rows, limit)), [95, 100]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_given_with_rewinds_applied_is_what_the_files_hold(acts in acts(), start in 0..100u64) {
        let temp = TempDir::new();
        let mut peer = Driven::new(temp.path());
        let all = || Wanted::all();
        let one = || Wanted { sensors: vec![id("s1")], ..Wanted::all() };
        let mut consumers = [
            Consumer::new(&peer.root, &all(), 0),
            Consumer::new(&peer.root, &all(), start),
            Consumer::new(&peer.root, &one(), start),
        ];
        for act in acts {
            match act {
                Act::Append(count) => peer.append(count),
                Act::Deliver(count) => peer.deliver(count),
                Act::Cut(keep) => peer.cut(keep),
                Act::Remove(count) => peer.remove(peer.storage.base() + count),
                Act::Look(limit) => consumers.iter_mut().for_each(|consumer| {
                    consumer.look(limit);
                }),
                Act::Resume => {
                    for (consumer, wanted) in consumers.iter_mut().zip([all(), all(), one()]) {
                        let position: Position = consumer.rows.position().to_string().parse().unwrap();
                        consumer.rows = Rows::resume(peer.root.clone(), &wanted, position);
                    }
                }
            }
        }
        peer.deliver(u64::MAX / 2);
        let expected = peer.rows();
        for consumer in &mut consumers {
            consumer.look(50);
            // What it had before it was removed is its own.
            consumer.had = consumer.had.split_off(&(peer.storage.base() + 1));
        }
        prop_assert_eq!(&consumers[0].had, &expected);
        let after: BTreeMap<_, _> = expected.into_iter().filter(|(sequence, _)| *sequence > start).collect();
        prop_assert_eq!(&consumers[1].had, &after);
        let of_one = after.into_iter().filter(|(_, row)| row.contains(",s1,"));
        prop_assert_eq!(&consumers[2].had, &of_one.collect::<BTreeMap<_, _>>());
    }
}

#[test]
fn a_rewind_goes_to_where_the_logs_part_and_no_farther() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    let mut consumer = Consumer::new(&peer.root, &Wanted::all(), 0);
    for _ in 0..4 {
        peer.append(10);
    }
    peer.deliver(40);
    assert!(consumer.look(100).is_empty());
    peer.cut(20);
    peer.append(50);
    peer.deliver(100);
    assert_eq!(consumer.look(100), [20]);
    // The other term from its first entry on.
    peer.cut(20);
    assert_eq!(consumer.look(100), [20]);
    assert!(consumer.look(100).is_empty());
    peer.cut(0);
    peer.append(3);
    peer.deliver(3);
    assert_eq!(consumer.look(100), [0]);
    assert_eq!(consumer.had, peer.rows());
}

#[test]
fn a_row_comes_once_its_file_holds_it() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    let mut consumer = Consumer::new(&peer.root, &Wanted::all(), 0);
    peer.append(6);
    consumer.look(100);
    assert!(consumer.had.is_empty(), "nothing is delivered");
    peer.deliver(6);
    // As if the second row were not in its sensor's file yet.
    let (file, aside) = (peer.root.join("s1.csv"), temp.path().join("s1.csv"));
    std::fs::rename(&file, &aside).unwrap();
    consumer.look(100);
    assert_eq!(consumer.had.keys().copied().collect::<Vec<_>>(), [1]);
    std::fs::rename(&aside, &file).unwrap();
    consumer.look(100);
    assert_eq!(consumer.had, peer.rows());
}

#[test]
fn a_rewind_goes_back_over_many_segments() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    let mut consumer = Consumer::new(&peer.root, &Wanted::all(), 0);
    // A segment has 8 MiB, and a batch of these some 38 KiB.
    for _ in 0..700 {
        peer.append(1000);
    }
    peer.deliver(700_000);
    assert!(consumer.look(10_000).is_empty());
    assert_eq!(consumer.had.len(), 700_000);
    for kept in [650_000, 431_000, 5000] {
        peer.cut(kept);
        peer.append(7);
        peer.deliver(7);
        assert_eq!(consumer.look(10_000), [kept]);
        assert_eq!(consumer.had, peer.rows());
    }
    let mut sensors = Sensors::new(peer.root.clone());
    sensors.refresh().unwrap();
    assert_eq!(sensors.last(), 5007);
}

#[test]
fn rows_that_were_removed_are_passed_over_and_told_of_once() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    (0..20).for_each(|_| peer.append(10));
    peer.deliver(200);
    let mut slow = Consumer::new(&peer.root, &Wanted::all(), 0);
    slow.take(30);
    peer.remove(100);
    let mut fresh = Consumer::new(&peer.root, &Wanted::all(), 0);
    assert_eq!((slow.look(30), fresh.look(30)), (vec![], vec![]));
    assert_eq!((&slow.gone, &fresh.gone), (&vec![100], &vec![]), "a reader that was given nothing lacks nothing");
    peer.append(5);
    peer.deliver(5);
    for consumer in [&mut slow, &mut fresh] {
        consumer.look(30);
        assert_eq!((consumer.had.len(), &consumer.had), (105, &peer.rows()));
    }
    // Another log has other rows from the beginning on.
    peer.cut(0);
    peer.append(7);
    peer.deliver(7);
    for consumer in [&mut slow, &mut fresh] {
        assert_eq!(consumer.look(30), [0]);
        assert_eq!((consumer.had.len(), &consumer.had), (7, &peer.rows()));
    }
    assert_eq!(slow.gone, [100]);
}

#[test]
fn a_position_at_the_base_lacks_nothing() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    (0..20).for_each(|_| peer.append(10));
    peer.deliver(200);
    let mut given = Consumer::new(&peer.root, &Wanted::all(), 0);
    given.take(100);
    let position = given.rows.position();
    peer.remove(100);
    let at = |position| Rows::resume(peer.root.clone(), &Wanted::all(), position);
    for rows in [given.rows, at(position), at(Position::new(100))] {
        let mut consumer = Consumer { rows, had: BTreeMap::new(), gone: Vec::new() };
        assert_eq!((consumer.look(30), &consumer.gone), (vec![], &vec![]));
        assert_eq!(consumer.had, peer.rows());
    }
}

#[test]
fn a_reader_goes_on_where_no_file_holds_the_rest_of_its_batch() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    peer.append(59);
    peer.append(1);
    peer.deliver(60);
    let mut consumer = Consumer::new(&peer.root, &Wanted::all(), 0);
    consumer.take(30);
    peer.remove(59);
    assert_eq!((consumer.look(30), &consumer.gone), (vec![], &vec![59]));
    assert_eq!(consumer.had, peer.rows());
}

#[test]
fn rows_that_were_replaced_before_they_were_removed_are_taken_back() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    (0..4).for_each(|_| peer.append(10));
    peer.deliver(40);
    let mut consumer = Consumer::new(&peer.root, &Wanted::all(), 0);
    consumer.look(100);
    peer.cut(20);
    (0..8).for_each(|_| peer.append(10));
    peer.deliver(80);
    peer.remove(60);
    assert_eq!((consumer.look(100), &consumer.gone), (vec![20], &vec![60]));
    assert_eq!(consumer.had, peer.rows());
}

#[test]
fn a_log_that_began_with_nothing_again_is_read_from_its_first_row() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    (0..4).for_each(|_| peer.append(10));
    peer.deliver(40);
    let mut consumer = Consumer::new(&peer.root, &Wanted::all(), 0);
    consumer.take(10);
    peer.remove(40);
    consumer.look(100);
    assert_eq!((consumer.had.len(), &consumer.gone), (0, &vec![40]));
    peer.cut(0);
    peer.append(50);
    peer.deliver(50);
    assert_eq!(consumer.look(100), [0]);
    assert_eq!(consumer.had, peer.rows());
}

#[test]
fn a_damaged_journal_is_an_error_and_half_a_batch_at_its_end_is_none() {
    let temp = TempDir::new();
    let mut peer = Driven::new(temp.path());
    for _ in 0..3 {
        peer.append(10);
    }
    peer.deliver(30);
    let segment = peer.root.join("journal/00000000000000000001.log");
    let whole = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &whole[..whole.len() - 20]).unwrap();
    let mut consumer = Consumer::new(&peer.root, &Wanted::all(), 0);
    consumer.look(100);
    assert_eq!(consumer.had.len(), 20);
    std::fs::write(&segment, &whole).unwrap();
    peer.rot();
    let rows = || Rows::new(peer.root.clone(), &Wanted::all(), 10);
    // The peer may be writing there just now. A reader that comes again has nothing so far, and one that does not waits.
    assert_eq!(rows().step(100).unwrap(), Step::Nothing);
    let error = rows().step_patiently(100).unwrap_err().to_string();
    assert!(error.contains(" is damaged: "), "{error}");
    drop(peer.storage);
    assert_eq!(rows().step(100).unwrap_err().to_string(), error);
}
