//! Files that another program changed: what is whole in them is found, even if starts die while they mend.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;

use crate::storage::tests::crash::{check_contents, entries, read_all, readings, run_all, Reading, Run};
use crate::storage::tests::rows::{all_rows_on, check_no_row_is_lost, rows_of, rows_on};
use crate::storage::*;

/// Offset, bytes and readings of each record of a journal's segment or of `pending`.
fn records(path: &str, bytes: &[u8]) -> Vec<(usize, usize, Vec<Reading>)> {
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let (ranges, length) = if path == "pending" {
            let (request, length) = pending::parse_record(&bytes[at..]).unwrap();
            (vec![request.range()], length)
        } else if path.strip_suffix(".pack").is_some() {
            let Some((plain, length)) = journal::packed::parse_block(&bytes[at..]) else {
                // A head or the index.
                at += 1;
                continue;
            };
            let batches = records(".log", &plain).into_iter().flat_map(|(_, _, readings)| readings);
            found.push((at, length, batches.collect()));
            at += length;
            continue;
        } else {
            let (frame, length) = opening::salvage::parse(&bytes[at..]).unwrap();
            (frame.ranges().to_vec(), length)
        };
        found.push((at, length, readings(&ranges).collect()));
        at += length;
    }
    found
}

/// Whether a file of this name holds readings that are nowhere else.
fn is_kept(path: &str) -> bool {
    path == "pending" || [".log", ".pack"].iter().any(|end| path.strip_suffix(end).is_some())
}

/// The readings of records that are the same before and after.
fn untouched(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> BTreeSet<Reading> {
    let mut all = BTreeSet::new();
    for (path, bytes) in before.iter().filter(|(path, _)| is_kept(path)) {
        let Some(now) = after.get(path) else { continue };
        for (at, length, readings) in records(path, bytes) {
            if now.get(at..at + length) == Some(&bytes[at..at + length]) {
                all.extend(readings);
            }
        }
    }
    all
}

/// A peer that stopped, its files all on the platter.
fn stopped(seed: u64) -> Run {
    let mut run = Run::new(seed);
    let mut storage = run.open().unwrap().0;
    for _ in 0..run.rng.random_range(5..60) {
        run.step(&mut storage).unwrap();
    }
    if run.rng.random_bool(0.8) {
        storage.flush().unwrap();
    }
    storage.sync().unwrap();
    // Otherwise a power cut could draw from files as they were before the damage.
    for path in run.disk.files().into_keys() {
        run.disk.sync(&path).unwrap();
    }
    run
}

fn run(seed: u64) {
    let mut run = stopped(seed);
    let before = run.disk.files();
    let damage = run.disk.corrupt(run.rng.random()).unwrap();
    let damaged = run.disk.files();
    let (whole, rows) = (untouched(&before, &damaged), all_rows_on(&run.disk));
    let flipped = damage.contains("flipped");
    // Some starts are interrupted: what they mend, the last one need not.
    let mut begun = false;
    while run.rng.random_bool(0.5) {
        run.disk.crash_after(run.rng.random_range(0..25));
        begun |= run.open().is_ok();
        run.disk.revive();
        if run.rng.random_bool(0.5) {
            run.disk.power_cut(run.rng.random());
        }
        begun |= run.disk.files() != damaged;
    }
    let (storage, opened) = run.open().unwrap();
    let log = read_all(&storage);
    assert!(run.model.log.starts_with(&log), "{damage}: {log:?} is no beginning of {:?}", run.model.log);
    let kept: BTreeSet<Reading> = readings(&opened.pending).collect();
    let held: BTreeSet<Reading> = entries(&log).union(&kept).copied().collect();
    let lost: Vec<_> = whole.difference(&held).collect();
    assert!(lost.is_empty(), "{damage}: lost {lost:?}; {:?}", opened.repairs);
    check_no_row_is_lost(&rows, &log, &run.disk);
    check_contents(&opened, &log, &kept);
    assert_eq!(rows_on(&run.disk), rows_of(&log, opened.delivered), "{damage}");
    let told = !opened.repairs.is_empty() || begun;
    assert!(!flipped || damage.contains(".damaged") || damage.contains(".tmp") || told, "{damage}: nobody was told");
    let again = run.open().unwrap().1;
    assert_eq!(again.repairs, [], "{damage}, after {:?}", opened.repairs);
    assert_eq!((again.last, again.delivered, &again.pending), (opened.last, opened.delivered, &opened.pending));
    assert!(again.incarnation > opened.incarnation);
}

#[test]
fn what_is_whole_is_found_after_any_damage() {
    run_all(run);
}
