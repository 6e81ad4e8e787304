//! `storage`: the sole owner of the disk. It takes what the core handed over, in order and as one group, does it, tells
//! the core, and only then releases the messages that report it.

use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log::Level;

use super::inbox::StorageItem;
use super::lock::lock;
use super::node::Node;
use super::reserve;
use crate::complaints::{Kind, Subject};
use crate::config::Fsync;
use crate::ids::{PeerId, Sequence};
use crate::protocol::{Done, Input, Store};
use crate::storage::{Packed, Read, RealDisk, Removed, Storage, StorageError, ROWS_WAITING_MAX};
use crate::wire::Message;

/// How many items are done before the core hears of them: this bounds how long the first one waits.
const GROUP_MAX: usize = 256;

/// How often the names of all files are compared with what was written: after a file is moved, rows go elsewhere for no
/// longer than this.
const NAMES_EVERY: Duration = Duration::from_secs(3);

/// The comparison takes at most one part in this many of the time. A file takes a microsecond or two, so with up to
/// some thousands of sensors it happens every 3 seconds.
const NAMES_SHARE: u32 = 400;

/// How long to wait before looking again for something to pack. A burst of readings is over by then.
const PACK_EVERY: Duration = Duration::from_secs(10);

/// Packing takes at most one part in this many of the time, and waits while there is anything else to do.
const PACK_SHARE: u32 = 16;

/// The shortest pause between two pieces.
const PACK_PAUSE: Duration = Duration::from_millis(20);

/// The outcome of a group of items.
#[derive(Default)]
struct Group {
    dones: Vec<Done>,
    says: Vec<(PeerId, Message)>,
    /// The core knows that the files hold the rows up to here.
    reported: Sequence,
    safe: Vec<Sender<()>>,
    finished: Vec<Sender<()>>,
}

/// What is left over from one group to the next.
struct Rest {
    /// The core knows that the files hold the rows up to here.
    reported: Sequence,
    /// Entries up to here are those of earlier lives: their rows have waited for long enough.
    found: Sequence,
    /// When rows that wait for others have to be written.
    flush_by: Option<Instant>,
    /// When what was handed to the operating system has to be on the disk.
    sync_by: Option<Instant>,
    /// When to compare the names of the files.
    names_at: Instant,
    /// When to look, at the earliest, how much room the disk has.
    room_at: Instant,
    /// When to pack a piece of the log.
    pack_at: Instant,
    /// When to look at a piece of it, or remove one, where that is wanted.
    retain_at: Option<Instant>,
}

impl Rest {
    fn new(storage: &Storage<RealDisk>) -> Self {
        let now = Instant::now();
        Self {
            reported: storage.written(),
            found: storage.last(),
            flush_by: None,
            sync_by: None,
            names_at: now + NAMES_EVERY,
            pack_at: now + PACK_EVERY,
            room_at: now,
            retain_at: None,
        }
    }

    /// When something is due, whatever else there is to do.
    fn due(&self) -> Instant {
        let due = self.names_at.min(self.pack_at);
        self.sync_by.into_iter().chain(self.retain_at).chain(self.flush_by).fold(due, Instant::min)
    }

    /// Whether the waiting rows are to be written now. Without an `interval` they wait only while there is more to do.
    fn is_time_to_write(&mut self, storage: &Storage<RealDisk>, interval: Option<Duration>, is_idle: bool) -> bool {
        let Some(interval) = interval.filter(|_| storage.written() >= self.found) else { return is_idle };
        let now = Instant::now();
        if storage.waiting() == 0 {
            self.flush_by = None;
        } else if self.flush_by.is_none() {
            self.flush_by = now.checked_add(interval);
        }
        storage.waiting() >= ROWS_WAITING_MAX || self.flush_by.is_some_and(|time| time <= now)
    }
}

/// Runs until the disk fails. Returns how it did.
pub(super) fn run(node: &Arc<Node>, storage: &mut Storage<RealDisk>, inbox: &Receiver<StorageItem>) -> StorageError {
    let mut rest = Rest::new(storage);
    loop {
        if let Err(error) = turn(node, storage, inbox, &mut rest) {
            return error;
        }
    }
}

/// Waits for something to do, and does it.
fn turn(
    node: &Arc<Node>,
    storage: &mut Storage<RealDisk>,
    inbox: &Receiver<StorageItem>,
    rest: &mut Rest,
) -> Result<(), StorageError> {
    let done = match next(inbox, rest.due()) {
        None => do_what_is_due(node, storage, inbox, rest),
        Some(StorageItem::Probe) if storage.waiting() == 0 || rest.flush_by.is_some() => Ok(()),
        Some(first) => do_group(node, storage, inbox, first, rest),
    };
    for restored in storage.take_restored() {
        node.complaints.complain(Subject::Own(restored.first.join(" ")), "rows_restored", &restored.to_string());
    }
    done?;
    look_for_room(node, rest, Instant::now());
    node.turns.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Does what is due from time to time, however much other work there is.
fn do_what_is_due(
    node: &Arc<Node>,
    storage: &mut Storage<RealDisk>,
    inbox: &Receiver<StorageItem>,
    rest: &mut Rest,
) -> Result<(), StorageError> {
    let begun = Instant::now();
    if rest.sync_by.is_some_and(|time| time <= begun) {
        sync(node, storage, rest)?;
    }
    if rest.flush_by.is_some_and(|time| time <= begun) {
        rest.flush_by = None;
        storage.flush()?;
    }
    if rest.names_at <= begun {
        storage.check_names()?;
        rest.names_at = Instant::now() + pause_after(begun.elapsed(), NAMES_SHARE, NAMES_EVERY);
    }
    if rest.pack_at <= begun {
        let pause = if inbox.is_empty() { pack(node, storage)? } else { PACK_PAUSE };
        rest.pack_at = Instant::now() + pause;
    }
    if rest.retain_at.is_some_and(|time| time <= begun) {
        retain(node, storage)?;
        let is_wanted = storage.is_removing() || storage.is_surveying();
        rest.retain_at = is_wanted.then(|| Instant::now() + PACK_PAUSE.max(begun.elapsed()));
    }
    tell_of_written(node, storage, rest);
    Ok(())
}

/// Looks at a piece of the log for what is kept no longer, or removes one.
fn retain(node: &Arc<Node>, storage: &mut Storage<RealDisk>) -> Result<(), StorageError> {
    storage.removal_step()?;
    let mut dones: Vec<Done> = storage.take_removed().into_iter().map(Done::from).collect();
    dones.extend(storage.survey_step()?.map(|to| Done::Surveyed { to }));
    if !dones.is_empty() {
        node.step(Input::Stored(dones));
    }
    Ok(())
}

/// The core hears everything that the storage says about a removal.
impl From<Removed> for Done {
    fn from(Removed { asked, base, readings, bytes, newest, too_much }: Removed) -> Self {
        Self::Removed { asked, base, readings, bytes, newest, too_much }
    }
}

/// Looks how much room the disk has, if that was not done just now.
fn look_for_room(node: &Node, rest: &mut Rest, now: Instant) {
    if rest.room_at > now {
        return;
    }
    rest.room_at = now + reserve::LOOK_EVERY;
    if node.reserve.look(&node.complaints) {
        // A source that has just seen that it has to wait holds the lock until it waits.
        drop(lock(&node.core));
        node.room.notify_all();
    }
}

/// Packs a piece of the log; returns how long to wait before the next one. A segment that cannot be packed is reported,
/// and nothing else is done: the log is whole without that.
fn pack(node: &Node, storage: &mut Storage<RealDisk>) -> Result<Duration, StorageError> {
    let begun = Instant::now();
    Ok(match storage.pack()? {
        Packed::Piece => pause_after(begun.elapsed(), PACK_SHARE, PACK_PAUSE),
        Packed::Nothing => PACK_EVERY,
        Packed::Left(error) => {
            let text =
                format!("A full segment of the journal cannot be packed, and stays as it is: {}", error.to_reader());
            node.complaints.complain(Subject::Own("journal".to_owned()), Kind::from("not_packed").once(), &text);
            PACK_EVERY
        }
    })
}

/// How long to pause after work that took `took`, so that it takes one part in `share` of the time; at least `least`.
fn pause_after(took: Duration, share: u32, least: Duration) -> Duration {
    least.max(took * share)
}

/// Waits for an item; `None` if none came until this time.
fn next(inbox: &Receiver<StorageItem>, until: Instant) -> Option<StorageItem> {
    if until <= Instant::now() {
        return None;
    }
    match inbox.recv_deadline(until) {
        Ok(item) => Some(item),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => unreachable!("the threads share the other end until the process ends"),
    }
}

/// Does what waits as one group.
fn do_group(
    node: &Arc<Node>,
    storage: &mut Storage<RealDisk>,
    inbox: &Receiver<StorageItem>,
    first: StorageItem,
    rest: &mut Rest,
) -> Result<(), StorageError> {
    let mut group = Group { reported: rest.reported, ..Group::default() };
    let mut next = Some(first);
    for _ in 0..GROUP_MAX {
        match next.take() {
            Some(item) => group.take(item, node, storage)?,
            None => break,
        }
        next = inbox.try_recv().ok();
    }
    if let Some(item) = next {
        group.take(item, node, storage)?;
    }
    if storage.is_removing() || storage.is_surveying() {
        rest.retain_at = rest.retain_at.or_else(|| Some(Instant::now()));
    }
    // What a position covers is on the disk before the position.
    let fsync = if group.safe.is_empty() { node.config.fsync } else { Fsync::Batch };
    match fsync {
        // One sync for all that waited.
        Fsync::Batch => sync(node, storage, rest)?,
        Fsync::Every(time) => rest.sync_by = rest.sync_by.or_else(|| Instant::now().checked_add(time)),
        Fsync::Never => {}
    }
    if !group.dones.is_empty() {
        node.step(Input::Stored(group.dones));
    }
    for (to, message) in group.says {
        node.send(&to, message);
    }
    rest.reported = group.reported;
    rest.found = rest.found.min(storage.last());
    let (finishes, is_idle) = (!group.finished.is_empty(), inbox.is_empty());
    if finishes || rest.is_time_to_write(storage, node.config.flush_interval, is_idle) {
        rest.flush_by = None;
        storage.flush()?;
    } else if storage.written() > rest.reported {
        // Rows were written for others, and a file may have been found displaced then: it is whole before the core hears of them.
        storage.restore()?;
    }
    if finishes {
        // There is no later time to do it.
        storage.check_names()?;
    }
    tell_of_written(node, storage, rest);
    for answer in group.safe.into_iter().chain(group.finished) {
        // The thread that asked may have lost patience.
        let _ = answer.send(());
    }
    Ok(())
}

/// Syncs all that was handed to the operating system.
fn sync(node: &Node, storage: &mut Storage<RealDisk>, rest: &mut Rest) -> Result<(), StorageError> {
    rest.sync_by = None;
    node.counts.sync(|| storage.sync())
}

/// Tells the core how far the files are.
fn tell_of_written(node: &Arc<Node>, storage: &Storage<RealDisk>, rest: &mut Rest) {
    let up_to = storage.written();
    if up_to > rest.reported {
        rest.reported = up_to;
        node.step(Input::Stored(vec![Done::Delivered { up_to }]));
    }
}

impl Group {
    fn take(&mut self, item: StorageItem, node: &Node, storage: &mut Storage<RealDisk>) -> Result<(), StorageError> {
        let store = match item {
            StorageItem::Store(store) => store,
            StorageItem::Safe(answer) => {
                self.safe.push(answer);
                return Ok(());
            }
            StorageItem::Finish(answer) => {
                self.finished.push(answer);
                return Ok(());
            }
            StorageItem::Probe => return Ok(()),
        };
        match store {
            Store::State(state) => {
                storage.save_state(state.promised.as_ref(), state.synced.as_ref(), state.needs)?;
            }
            Store::Append(frame) => {
                storage.append(&frame)?;
                self.dones.push(Done::Appended { last: frame.last() });
            }
            Store::Keep(request) => storage.keep(&request)?,
            Store::Cut { to, state } => {
                let returned = storage.cut(to, state.promised.as_ref(), state.synced.as_ref(), state.needs)?;
                // If `to` is not the end of a batch, less is left.
                let to = storage.last();
                self.reported = self.reported.min(to);
                self.dones.push(Done::Cut { to, returned });
            }
            Store::Deliver { up_to } => {
                let before = storage.delivered();
                storage.deliver(up_to)?;
                log_delivered(node, before, up_to);
            }
            Store::Recall(range) => self.dones.extend(storage.recall(&range)?.into_iter().map(Done::Recalled)),
            Store::Say { to, message } => self.say(to, message),
            Store::Survey => {
                if let Some(limits) = node.config.limits() {
                    storage.survey(limits, node.clock.now_if_set(&node.complaints));
                }
            }
            Store::Remove { to } => storage.remove(to),
            Store::Begin(base) => {
                storage.begin_after(&base)?;
                self.reported = base.last;
                self.dones.extend([Done::Appended { last: base.last }, Done::Delivered { up_to: base.last }]);
            }
            Store::SayBase { to, term } => {
                let base = storage.told_base()?;
                // If that came to nothing, the core serves the peer from the log again.
                self.dones.extend(storage.take_removed().into_iter().map(Done::from));
                if let Some(base) = base {
                    self.say(to, Message::Base { term, base });
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, to: PeerId, message: Message) {
        self.dones.extend(Done::said(&message));
        self.says.push((to, message));
    }
}

/// Logs each delivered reading, for operators who want that.
fn log_delivered(node: &Node, before: Sequence, up_to: Sequence) {
    if !log::log_enabled!(Level::Debug) {
        return;
    }
    let (mut after, cuts) = (before, lock(&node.tail).cuts());
    while let Ok(Read::Frames(frames)) = node.log.read(after, up_to, cuts, 256 * 1024) {
        for frame in &frames {
            for (sequence, payload) in frame.entries().filter(|(sequence, _)| (before + 1..=up_to).contains(sequence)) {
                let reading = String::from_utf8_lossy(payload);
                log::debug!(event = "delivered", sequence = sequence; "Delivered #{sequence}: {reading}");
            }
            after = frame.last();
        }
    }
}

#[cfg(test)]
mod tests;
