//! What a storage costs in steady work: what is synced, and how long the file `pending` gets.

use std::sync::Arc;

use crate::storage::disk::recording::Recording;
use crate::storage::pending::Limits;
use crate::storage::tests::resume::RESUME;
use crate::storage::tests::support::{frame, request};
use crate::storage::*;

fn open(options: Options) -> Storage<Recording> {
    Storage::open(Arc::default(), &"p".parse().unwrap(), 1, options).unwrap().0
}

fn changes(storage: &Storage<Recording>) -> Vec<String> {
    std::mem::take(&mut *storage.disk.changes.lock().unwrap())
}

/// Takes a reading in, orders it, and delivers it.
fn pass<D: Disk>(storage: &mut Storage<D>, first: u64, count: u64) {
    storage.keep(&request("some-origin/1", first, count)).unwrap();
    let frame = frame(1, first, "some-origin/1", first, count);
    storage.tail().lock().unwrap().push(frame.clone());
    storage.append(&frame).unwrap();
    storage.deliver(frame.last()).unwrap();
}

#[test]
fn a_sync_costs_nothing_without_changes_and_otherwise_one_for_each_file() {
    let mut storage = open(RESUME);
    let begun = changes(&storage);
    assert!(begun.iter().all(|change| change != "sync pending"), "there is none: {begun:?}");
    storage.sync().unwrap();
    assert_eq!(changes(&storage), Vec::<String>::new());
    pass(&mut storage, 1, 3);
    pass(&mut storage, 4, 3);
    let passed = changes(&storage);
    assert!(passed.iter().all(|change| change.starts_with("append")), "{passed:?}");
    storage.sync().unwrap();
    assert_eq!(changes(&storage), ["sync pending", "sync journal/00000000000000000001.log"]);
    storage.sync().unwrap();
    assert_eq!(changes(&storage), Vec::<String>::new());
}

#[test]
fn without_fsync_batch_nothing_waits_for_a_sync() {
    for options in [Options::default(), Options { durable: false, ..RESUME }] {
        let mut storage = open(options);
        storage.pending.limits = Limits { at_once: 20_000, ..Limits::default() };
        let begun = changes(&storage);
        assert!(options.resume || begun == ["replace state true"], "{begun:?}");
        (0..100).for_each(|at| pass(&mut storage, at * 100 + 1, 100));
        storage.flush().unwrap();
        let changes = changes(&storage);
        assert!(changes.iter().all(|change| !change.starts_with("sync")), "{changes:?}");
        assert!(changes.iter().any(|change| change == "truncate pending"), "{changes:?}");
    }
}

#[test]
fn without_any_option_a_promise_changes_no_file_and_nothing_delivered_stays_pending() {
    let mut storage = open(Options::PLAIN);
    changes(&storage);
    storage.save_state(Some(&"3@l/1".parse().unwrap()), None, 0).unwrap();
    assert_eq!(changes(&storage), Vec::<String>::new());
    pass(&mut storage, 1, 3);
    assert_eq!(storage.disk.len("pending").unwrap(), 0);
}

#[test]
fn what_is_kept_until_it_is_delivered_does_not_make_the_file_grow_for_ever() {
    for (durable, limit) in [(true, 128 * 1024), (false, 8 * 1024 * 1024 + 64 * 1024)] {
        let mut storage = open(Options { durable, ..RESUME });
        let (mut longest, mut kept) = (0, 0);
        for at in 0..300 {
            pass(&mut storage, at * 1000 + 1, 1000);
            if durable {
                storage.sync().unwrap();
            }
            let bytes = storage.disk.len("pending").unwrap();
            longest = longest.max(bytes);
            kept += 1000 * 50;
        }
        assert!(longest > 0 && longest < limit && limit < kept, "{longest} bytes");
    }
}

#[test]
fn a_batch_that_is_always_under_way_does_not_make_the_file_grow_either() {
    let mut storage = open(RESUME);
    let mut longest = 0;
    for at in 0..400 {
        storage.keep(&request("some-origin/1", at * 1000 + 1, 1000)).unwrap();
        let frame = frame(1, at * 1000 + 1, "some-origin/1", at * 1000 + 1, 1000);
        storage.tail().lock().unwrap().push(frame.clone());
        storage.append(&frame).unwrap();
        // One batch is always under way.
        storage.deliver(at * 1000).unwrap();
        storage.sync().unwrap();
        longest = longest.max(storage.disk.len("pending").unwrap());
    }
    assert!(longest < 9 * 1024 * 1024, "{longest} bytes");
}
