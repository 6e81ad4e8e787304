//! The storage of a peer as its threads use it: work that waits, the tail of the log that hears of it first, and reports.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use peer::ids::{Incarnation, PeerId};
use peer::protocol::{Done, Found, Serve, Store};
use peer::storage::{LogReader, MemoryDisk, Opened, Options, Read, Storage, StorageError, Tail};
use peer::wire::{Base, Limits};

/// How much of the log a link reads in one step, in bytes.
const SERVE_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Shelf {
    storage: Storage<MemoryDisk>,
    tail: Arc<Mutex<Tail>>,
    reader: LogReader<MemoryDisk>,
    work: VecDeque<Store>,
    limits: Option<Limits>,
    pub opened: Opened,
}

impl Shelf {
    pub(crate) fn open(
        disk: &MemoryDisk,
        id: &PeerId,
        now: Incarnation,
        options: Options,
    ) -> Result<Self, StorageError> {
        let (storage, opened) = Storage::open(Arc::new(disk.clone()), id, now, options)?;
        let (tail, reader) = (storage.tail(), storage.log_reader());
        Ok(Self { storage, tail, reader, work: VecDeque::new(), opened, limits: options.limits })
    }

    /// What a core is told about what was found.
    pub(crate) fn found(&self) -> Found {
        let Opened {
            promised, synced, needs, runs, base, last, origins, uncommitted, keeps, delivered, pending, ..
        } = self.opened.clone();
        Found { promised, synced, needs, runs, base, last, origins, delivered, uncommitted, keeps, pending }
    }

    /// The core hands work over.
    pub(crate) fn put(&mut self, store: Store) {
        let mut tail = self.tail.lock().expect("no holder of the lock panics");
        match &store {
            Store::Append(frame) => tail.push(frame.clone()),
            Store::Cut { to, .. } => tail.cut(*to),
            Store::Begin(base) => tail.begin_after(base.last),
            _ => {}
        }
        drop(tail);
        self.work.push_back(store);
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.work.is_empty()
    }

    /// A link may send this, and finds it.
    pub(crate) fn check_served(&self, serve: &Serve) {
        let Some(after) = serve.restart.filter(|after| *after < serve.up_to) else { return };
        let read = self.reader.read(after, serve.up_to, serve.cuts, SERVE_BYTES).expect("a disk in memory can be read");
        assert_ne!(read, Read::Nothing, "{serve:?} of a log that is not so long");
    }

    /// Does this much of what waits, and reports it.
    pub(crate) fn work(&mut self, most: usize) -> Result<Vec<Done>, StorageError> {
        let mut done = Vec::new();
        for _ in 0..most {
            let Some(store) = self.work.pop_front() else { break };
            done.extend(self.execute(store)?);
        }
        self.storage.flush()?;
        Ok(done)
    }

    fn execute(&mut self, store: Store) -> Result<Vec<Done>, StorageError> {
        Ok(match store {
            Store::State(state) => {
                self.storage.save_state(state.promised.as_ref(), state.synced.as_ref(), state.needs)?;
                Vec::new()
            }
            Store::Append(frame) => {
                self.storage.append(&frame)?;
                vec![Done::Appended { last: frame.last() }]
            }
            Store::Keep(request) => {
                self.storage.keep(&request)?;
                Vec::new()
            }
            Store::Cut { to, state } => {
                let returned = self.storage.cut(to, state.promised.as_ref(), state.synced.as_ref(), state.needs)?;
                vec![Done::Cut { to: self.storage.last(), returned }]
            }
            Store::Deliver { up_to } => {
                self.storage.deliver(up_to)?;
                vec![Done::Delivered { up_to }]
            }
            Store::Recall(range) => self.storage.recall(&range)?.into_iter().map(Done::Recalled).collect(),
            Store::Survey => {
                self.storage.survey(self.limits.expect("it has some"), None);
                let mut done = Vec::new();
                while self.storage.is_surveying() {
                    done.extend(self.storage.survey_step()?.map(|to| Done::Surveyed { to }));
                }
                done
            }
            Store::Remove { to } => {
                self.storage.remove(to);
                self.storage.finish_removals()?;
                self.storage.take_removed().into_iter().map(Done::from).collect()
            }
            Store::Begin(base) => {
                self.storage.begin_after(&base)?;
                vec![Done::Appended { last: base.last }, Done::Delivered { up_to: base.last }]
            }
            Store::SayBase { .. } => {
                // A leader may have said that the log begins within its first batch.
                if let Some(base) = self.storage.told_base()? {
                    assert_eq!(Base::parse(base.last, &base.block(), "BASE"), Ok(base));
                }
                Vec::new()
            }
            Store::Say { message, .. } => Done::said(&message).into_iter().collect(),
        })
    }
}
