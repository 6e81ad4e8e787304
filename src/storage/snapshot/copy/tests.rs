//! Copies of peers that go on meanwhile, and copies that are interrupted, against the model of `tests/crash.rs`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Mutex;

use rand::RngExt;

use super::*;
use crate::storage::tests::crash::{check_contents, entries, read_all, readings, run_all, Reading, Run};
use crate::storage::tests::rows::{rows_of, rows_on};
use crate::storage::tests::support::{frame, request};
use crate::storage::{MemoryDisk, Opened};
use crate::wire::{Lines, Request};

/// The disk of a peer that takes another step at each look.
struct Living {
    disk: MemoryDisk,
    peer: Mutex<Peer>,
}

struct Peer {
    run: Run,
    storage: Storage<MemoryDisk>,
    /// How many steps are still to come.
    left: u32,
    /// The log after each of them.
    logs: Vec<Vec<Frame>>,
}

impl Living {
    /// The peer after some steps; `left` more are to come.
    fn new(mut run: Run, left: u32) -> Self {
        let mut storage = run.open().unwrap().0;
        for _ in 0..run.rng.random_range(0..60) {
            run.step(&mut storage).unwrap();
        }
        let (disk, logs) = (run.disk.clone(), vec![run.model.log.clone()]);
        Self { disk, peer: Mutex::new(Peer { run, storage, left, logs }) }
    }

    fn goes_on(&self) {
        let mut peer = self.peer.lock().unwrap();
        let Peer { run, storage, left, logs } = &mut *peer;
        while *left > 0 && run.rng.random_bool(0.5) {
            *left -= 1;
            run.step(storage).unwrap();
            logs.push(run.model.log.clone());
        }
    }

    /// All readings that it has.
    fn held(&self) -> BTreeSet<Reading> {
        let model = &self.peer.lock().unwrap().run.model;
        entries(&model.log).union(&model.pending).copied().collect()
    }
}

impl ReadDisk for Living {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.goes_on();
        self.disk.list(dir)
    }
    fn len(&self, path: &str) -> io::Result<u64> {
        self.goes_on();
        self.disk.len(path)
    }
    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.goes_on();
        self.disk.read(path, offset, len)
    }
    fn full_path(&self, path: &str) -> PathBuf {
        self.disk.full_path(path)
    }
}

fn opened(copy: &MemoryDisk, options: Options) -> (Storage<MemoryDisk>, Opened) {
    let (storage, opened) = Storage::open(Arc::new(copy.clone()), &"p".parse().unwrap(), 5, options).unwrap();
    assert_eq!(opened.repairs, []);
    (storage, opened)
}

/// A peer that starts from the copy finds a log that the original had, the rows of it, and every reading that the original had.
fn check(copy: &MemoryDisk, copied: &Copied, peer: &Peer, held: &BTreeSet<Reading>) {
    let (storage, opened) = opened(copy, peer.run.options);
    let (log, kept): (_, BTreeSet<Reading>) = (read_all(&storage), readings(&opened.pending).collect());
    check_contents(&opened, &log, &kept);
    assert!(peer.logs.iter().any(|of| of.starts_with(&log)), "no moment had this log: {log:?}");
    assert_eq!((opened.delivered, opened.last), (copied.delivered, copied.last));
    assert_eq!(rows_on(copy), rows_of(&log, copied.delivered));
    let found: BTreeSet<Reading> = entries(&log).union(&kept).copied().collect();
    assert!(found.is_superset(held), "lost {:?}", held.difference(&found).collect::<Vec<_>>());
    assert!(opened.incarnation > state::read(&peer.run.disk).unwrap().incarnation + 1, "a life of the original");
}

#[test]
fn a_copy_of_a_peer_that_goes_on_is_of_one_moment_and_holds_all_that_it_had() {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let run: fn(u64) = |seed| {
        let mut run = Run::new(seed);
        let left = run.rng.random_range(0..30);
        let living = Living::new(run, left);
        let copy = Arc::new(MemoryDisk::new());
        let held = living.held();
        let done = super::copy(&living, &copy, false);
        let mut peer = living.peer.lock().unwrap();
        match done {
            Ok(copied) => {
                MADE.fetch_add(u32::from(peer.left < left), Ordering::Relaxed);
                check(&copy, &copied, &peer, &held);
            }
            // It looks like that while files are being cut.
            Err(StorageError::Unsteady { .. } | StorageError::Damaged { .. }) => assert!(peer.left < left),
            Err(error) => panic!("{error}"),
        }
        peer.left = 0;
        peer.logs = vec![peer.run.model.log.clone()];
        drop(peer);
        let held = living.held();
        let copied = super::copy(&living, &copy, false).unwrap();
        assert_eq!(copied.last, living.peer.lock().unwrap().storage.last());
        check(&copy, &copied, &living.peer.lock().unwrap(), &held);
    };
    run_all(run);
    // In this history pending readings are cut, ordered again and delivered between two looks: few others do that.
    run(2414);
    assert!(MADE.load(Ordering::Relaxed) > 100, "hardly any copy of a peer that went on");
}

#[test]
fn after_an_interrupted_copy_the_next_is_whole_and_the_original_untouched() {
    let living = Living::new(Run::new(7), 0);
    let before = living.disk.files();
    let but_state = |disk: &MemoryDisk| {
        let mut files = disk.files();
        files.remove(state::PATH).expect("it was copied");
        files.retain(|_, bytes| !bytes.is_empty());
        files
    };
    let clean = Arc::new(MemoryDisk::new());
    super::copy(&living, &clean, false).unwrap();
    let mut whole = false;
    let mut changes = 0;
    while !whole {
        let copy = Arc::new(MemoryDisk::new());
        copy.crash_after(changes);
        whole = super::copy(&living, &copy, false).is_ok();
        copy.revive();
        copy.power_cut(changes);
        super::copy(&living, &copy, false).unwrap();
        assert_eq!(but_state(&copy), but_state(&clean), "after {changes} changes");
        changes += 1;
    }
    assert!(changes > 10, "{changes} changes");
    assert_eq!(living.disk.files(), before);
}

/// A peer under these options with ten entries, eight of them delivered, and two readings pending.
fn stopped(options: Options) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (mut storage, _) = Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 5, options).unwrap();
    storage.append(&frame(3, 1, "a/1", 1, 5)).unwrap();
    storage.append(&frame(4, 6, "a/1", 6, 5)).unwrap();
    storage.keep(&request("p/5", 1, 2)).unwrap();
    storage.deliver(8).unwrap();
    storage.flush().unwrap();
    storage.save_state(Some(&term("9@z/1")), Some(&term("9@z/1")), 10).unwrap();
    disk
}

fn term(text: &str) -> Term {
    text.parse().unwrap()
}

fn copied(disk: &MemoryDisk, takes_over: bool) -> Result<(MemoryDisk, StateFile), StorageError> {
    let copy = Arc::new(MemoryDisk::new());
    let told = super::copy(disk, &copy, takes_over)?;
    assert_eq!(told, Copied { delivered: 8, last: 10, waiting: 2 });
    let state = state::read(&*copy)?;
    Ok(((*copy).clone(), state))
}

#[test]
fn under_a_quorum_a_copy_does_not_vouch_for_what_the_original_stored_since() {
    let resume = Options { resume: true, durable: true, ..Options::PLAIN };
    let (_, state) = copied(&stopped(resume), false).unwrap();
    assert_eq!((state.needs, state.synced, state.promised), (10, Some(term("9@z/1")), Some(term("9@z/1"))));
    let original = stopped(Options { quorum: Some(2), ..resume });
    let (copy, state) = copied(&original, false).unwrap();
    assert_eq!((state.needs, &state.synced, state.quorum), (NEEDS_ALL, &Some(term("4@l/1")), Some(2)));
    assert_eq!(state.promised, Some(term("9@z/1")), "what was promised still binds");
    let (_, moved) = copied(&original, true).unwrap();
    assert_eq!((moved.needs, moved.synced), (10, Some(term("9@z/1"))));
    // A group that starts from copies: each is copied once more.
    let (_, again) = copied(&copy, false).unwrap();
    assert_eq!(again.needs, NEEDS_ALL);
    let (_, restored) = copied(&copy, true).unwrap();
    assert_eq!((restored.needs, restored.synced), (10, Some(term("4@l/1"))));
}

#[test]
fn a_log_that_lost_something_is_not_made_to_look_whole() {
    let disk = stopped(Options { resume: true, durable: true, ..Options::PLAIN });
    let whole = state::read(&disk).unwrap();
    start::save(&disk, &StateFile { needs: 12, ..whole.clone() }, true).unwrap();
    let (_, state) = copied(&disk, false).unwrap();
    assert_eq!((state.needs, state.synced), (NEEDS_ALL, Some(term("4@l/1"))));
    let error = copied(&disk, true).unwrap_err();
    assert!(error.to_string().contains("it ends with entry 10, but was written up to 12"), "{error}");
    start::save(&disk, &whole, true).unwrap();
    // A torn end is what a crash leaves; a whole batch after what is damaged, or a row without one, is a loss.
    let path = journal::names::plain_path(1);
    disk.append(&path, b"BATCH:").unwrap();
    copied(&disk, false).unwrap();
    let lines = disk.files()[&path].iter().position(|byte| *byte == b'\n').unwrap();
    disk.flip(&path, lines + 8, 1);
    let error = copied(&disk, false).unwrap_err();
    assert!(error.to_string().contains(&format!("{path} is damaged: ")), "{error}");
    disk.remove(&path).unwrap();
    let error = copied(&disk, false).unwrap_err();
    assert!(error.to_string().contains("it ends with entry 0, but there is a row 8"), "{error}");
    disk.remove(state::PATH).unwrap();
    let error = copied(&disk, false).unwrap_err();
    assert!(error.to_string().contains("state is damaged: it is missing"), "{error}");
}

#[test]
fn rows_count_as_delivered_whatever_their_file_is_called() {
    for name in ["Up+1.csv", "Up.csv"] {
        let disk = MemoryDisk::new();
        let (mut storage, _) =
            Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 5, Options::default()).unwrap();
        let text = "DATA|up|2013-01-01T06:00:00Z|1||\nDATA|Up|2013-01-01T06:00:00Z|1||\n".to_owned();
        let lines = Lines::new(text.into_bytes(), 2);
        let request = Request { origin: "a/1".parse().unwrap(), first: 1, lines };
        storage.append(&Frame::build(term("3@l/1"), 1, &[request])).unwrap();
        storage.deliver(2).unwrap();
        storage.flush().unwrap();
        disk.rename("Up+1.csv", name).unwrap();
        let copied = super::copy(&disk, &Arc::new(MemoryDisk::new()), false).unwrap();
        assert_eq!(copied, Copied { delivered: 2, last: 2, waiting: 0 }, "{name}");
    }
}

#[test]
fn what_is_whole_between_damaged_readings_is_copied() {
    let disk = MemoryDisk::new();
    let (mut storage, _) = Storage::open(Arc::new(disk.clone()), &"p".parse().unwrap(), 5, Options::default()).unwrap();
    let mut ends = vec![];
    for first in [1, 3, 5] {
        storage.keep(&request("p/5", first, 2)).unwrap();
        ends.push(usize::try_from(disk.len(pending::PATH).unwrap()).unwrap());
    }
    // A bit of the last line of the first record, and one of the head of the second.
    disk.flip(pending::PATH, ends[0] - 2, 0);
    disk.flip(pending::PATH, ends[0] + 9, 0);
    let copied = super::copy(&disk, &Arc::new(MemoryDisk::new()), false).unwrap();
    assert_eq!(copied, Copied { delivered: 0, last: 0, waiting: 2 });
}

#[test]
fn the_life_of_a_copy_is_a_later_one_as_far_as_it_can_be_told() {
    for of in [0, 1, start::TOLD_MAX / 2] {
        let next = skip_lives(of);
        assert!(next > of && next - of <= 1 << 32, "{next} after {of}");
    }
    // What is beyond could not be said in a message.
    assert_eq!(skip_lives(start::TOLD_MAX), start::TOLD_MAX);
}
