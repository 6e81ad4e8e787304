//! What this peer says to one other peer: what waits, and the connection on which it goes out. `writer.rs` is the
//! thread of a link, `dial.rs` makes its connections, `ends.rs` notices their ends.
//!
//! The thread that puts something in also writes it, as far as the connection takes it without waiting. The rest is
//! left to the link's thread, which dials and waits for the receiver. So a message needs no change of threads on its
//! way out, and only the link's thread ever waits for a slow peer. It is there while there is something to do for it.

use std::convert::Infallible;
use std::net::TcpStream;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, Receiver, Sender};

use super::lock::{lock, try_lock};
use super::outbox::{Outbox, Parcel, Serving};
use super::talk::{self, Way};
use crate::ids::PeerId;
use crate::net::{self, Outgoing};
use crate::protocol::Serve;
use crate::storage::{LogReader, Read, ReadDisk};
use crate::wire::{Frame, Message};

/// How many bytes of the log are written together: enough for few system calls, little enough to let control messages
/// in between.
pub(super) const SERVE_BYTES: usize = 256 * 1024;

pub(super) struct Link {
    pub(super) peer: PeerId,
    pub(super) state: Mutex<LinkState>,
    /// The thread has something to do.
    pub(super) wake: Condvar,
    /// Held for as long as a thread writes.
    pub(super) writer: Mutex<Writer>,
    /// Bytes on all its connections.
    pub(super) sent: Arc<AtomicU64>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each changes by itself")]
pub(super) struct LinkState {
    pub(super) outbox: Outbox,
    /// Something was taken out, and is not known to be written.
    pub(super) taken: bool,
    /// There is a thread.
    pub(super) has_thread: bool,
    pub(super) closed: bool,
    /// A new connection is wanted even without anything to say.
    pub(super) dial: bool,
    /// The next connection is news to the core.
    pub(super) report: bool,
    /// The present connection, to shut it while a thread waits for it. `None` while there is none to write to.
    pub(super) up: Option<Arc<TcpStream>>,
    /// The connection on which the thread waits for the receiver.
    pub(super) writing: Option<Arc<TcpStream>>,
    /// Connections made so far.
    pub(super) connections: u64,
    /// No dial before this.
    pub(super) dial_at: Option<Instant>,
    /// The last dial got no answer.
    pub(super) failed: bool,
    /// Since when no dial gets an answer.
    pub(super) failing: Option<Instant>,
    /// It is dropped as soon as nothing waits to be written.
    busy: Option<Sender<Infallible>>,
}

#[derive(Default)]
pub(super) struct Writer {
    pub(super) stream: Option<Arc<TcpStream>>,
    /// The connection before, until the receiver ends it.
    pub(super) old: Option<Arc<TcpStream>>,
    pub(super) connection: u64,
    /// What was taken out of the outbox and is not written.
    pub(super) outgoing: Outgoing,
}

/// What becomes of a message that is put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits to be written.
    Waits,
    /// The receiver does not read. What waited is forgotten, and the link starts over.
    Forgotten,
    /// This link has ended: there may be a new one.
    Back(Message),
}

/// What a thread is needed for.
pub(super) enum Task {
    Dial,
    Write,
}

impl LinkState {
    /// What is left for the link's thread to do.
    pub(super) fn task(&self) -> Option<Task> {
        match self.up {
            _ if self.closed => None,
            None => (self.dial || !self.outbox.is_empty()).then_some(Task::Dial),
            Some(_) => (self.taken || !self.outbox.is_empty()).then_some(Task::Write),
        }
    }

    /// Call this where there may be nothing left to write.
    fn settle(&mut self) {
        if self.outbox.is_empty() && (self.up.is_none() || !self.taken) {
            self.busy = None;
        }
    }

    /// The connection ends: forgets what is sent again anyway.
    fn down(&mut self) {
        (self.dial, self.report) = (true, true);
        self.up = None;
        self.outbox.on_break();
        self.settle();
    }
}

impl Link {
    pub(super) fn new(peer: PeerId) -> Self {
        Self { peer, state: Mutex::default(), wake: Condvar::new(), writer: Mutex::default(), sent: Arc::default() }
    }

    /// Takes a message. It logs nothing: the core is locked.
    pub(super) fn put(&self, message: Message) -> Fate {
        let mut state = lock(&self.state);
        if state.closed {
            return Fate::Back(message);
        }
        if state.outbox.put(message) {
            return Fate::Waits;
        }
        // When the core hears of a new connection, it says again what still counts.
        state.outbox.forget();
        self.start_over(&mut state);
        Fate::Forgotten
    }

    /// Logs that the link forgot what waited.
    pub(super) fn tell_forgotten(&self) {
        log::debug!("{} does not read what it is told; dialling again", self.peer);
    }

    pub(super) fn serve(&self, serve: Serve) {
        lock(&self.state).outbox.serve(serve);
    }

    /// Goes over to a new connection, and carries nothing over: if the last one broke off in the middle of a message,
    /// the rest of that would make no sense. Returns the number of the connection, or `None` if the link has ended. The
    /// next dial is not before `dial_at`.
    pub(super) fn begin_on(&self, stream: &Arc<TcpStream>, outgoing: Outgoing, dial_at: Instant) -> Option<u64> {
        let mut writer = lock(&self.writer);
        let mut state = lock(&self.state);
        if state.closed {
            net::hang_up(stream);
            return None;
        }
        // The receiver ends the old connection once it has read `HELLO` on this one. If it were ended here, the
        // receiver could notice that first, take it for a loss, answer with a new connection, and so on.
        let old = writer.stream.replace(Arc::clone(stream));
        if let Some(older) = std::mem::replace(&mut writer.old, old) {
            net::hang_up(&older);
        }
        writer.outgoing = outgoing.counted(&self.sent);
        state.taken = false;
        state.connections += 1;
        writer.connection = state.connections;
        // It is to be made again, if that was asked for meanwhile.
        state.up = (!state.dial).then(|| Arc::clone(stream));
        state.dial_at = Some(dial_at);
        Some(state.connections)
    }

    /// Starts over on another connection.
    pub(super) fn redial(&self) {
        self.start_over(&mut lock(&self.state));
    }

    fn start_over(&self, state: &mut LinkState) {
        state.down();
        if let Some(stuck) = state.writing.take() {
            // The thread waits for a receiver that does not read, so the receiver does not notice this end too early.
            net::hang_up(&stuck);
        }
        self.wake.notify_one();
    }

    /// The other side refused this link, so what waited or was under way is lost. The next message dials, and the core
    /// hears of that connection, but not before `pause` is over. Returns whether there was a link until now.
    pub(super) fn rest(&self, pause: Duration) -> bool {
        let mut state = lock(&self.state);
        if state.closed {
            return false;
        }
        state.outbox.give_up();
        (state.dial, state.report, state.dial_at) = (false, true, Some(Instant::now() + pause));
        let ends: Vec<_> = state.up.take().into_iter().chain(state.writing.take()).collect();
        state.settle();
        for stream in ends {
            net::hang_up(&stream);
        }
        self.wake.notify_one();
        true
    }

    /// A connection broke.
    pub(super) fn on_end(&self, connection: u64) {
        let mut state = lock(&self.state);
        if state.connections == connection && state.up.is_some() {
            state.down();
            self.wake.notify_one();
        }
    }

    /// The core hears now that there is a new connection after a break.
    pub(super) fn renewed(&self) {
        lock(&self.state).outbox.renewed();
    }

    /// Lets the thread see what there is to do. True: it has to be started.
    pub(super) fn lacks_thread(&self) -> bool {
        // The lock is held, so that the signal does not fall between the thread's last look and its sleep.
        let mut state = lock(&self.state);
        if state.task().is_none() {
            return false;
        }
        self.wake.notify_one();
        !std::mem::replace(&mut state.has_thread, true)
    }

    pub(super) fn thread_name(&self) -> String {
        format!("tx-{}", self.peer)
    }

    /// Ends the connection and the thread.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.outbox = Outbox::default();
        for stream in state.up.take().into_iter().chain(state.writing.take()) {
            net::hang_up(&stream);
        }
        state.settle();
        self.wake.notify_one();
    }

    /// Whether there is neither a connection nor anything to say.
    pub(super) fn is_over(&self) -> bool {
        let state = lock(&self.state);
        state.up.is_none() && !state.dial && !state.report && state.outbox.is_empty()
    }

    /// A channel that ends as soon as nothing waits to be written. One at a time.
    pub(super) fn when_idle(&self) -> Receiver<Infallible> {
        let (busy, idle) = bounded(0);
        let mut state = lock(&self.state);
        state.busy = Some(busy);
        state.settle();
        idle
    }

    /// Writes what it can without waiting. False: the rest is left to the thread.
    pub(super) fn pump<D: ReadDisk>(&self, log: &LogReader<D>) -> bool {
        let Some(mut writer) = try_lock(&self.writer).filter(|_| net::CAN_SEND_NOW) else { return false };
        writer.outgoing.is_empty() && writer.stream.is_some() && self.write_now(&mut writer, log)
    }

    /// False: something is left. The receiver has to read first, or the disk has to be read, or the connection broke.
    fn write_now<D: ReadDisk>(&self, writer: &mut Writer, log: &LogReader<D>) -> bool {
        while self.load(writer, log) {
            let Writer { stream: Some(stream), outgoing, .. } = writer else { return false };
            if !matches!(outgoing.write_now(stream), Ok(true)) {
                return false;
            }
        }
        lock(&self.state).task().is_none()
    }

    /// Takes out of the outbox what may be written now, except log batches that are not in memory. All that was taken
    /// out before must be written. False: there is nothing.
    pub(super) fn load<D: ReadDisk>(&self, writer: &mut Writer, log: &LogReader<D>) -> bool {
        let Parcel { messages, serving, last_word } = {
            let mut state = lock(&self.state);
            if state.up.is_none() || state.connections != writer.connection {
                return false;
            }
            let parcel = state.outbox.take();
            state.taken = !parcel.messages.is_empty() || parcel.last_word.is_some();
            state.settle();
            parcel
        };
        for message in messages {
            self.say(message, writer);
        }
        if let Some(part) = serving {
            let read = log.read_memory(part.after, part.up_to, part.cuts, SERVE_BYTES);
            self.load_batches(read, &part, writer);
        }
        if let Some(message) = last_word {
            self.say(message, writer);
        }
        !writer.outgoing.is_empty()
    }

    fn say(&self, message: Message, writer: &mut Writer) {
        talk::said(Some(&self.peer), Way::Connection, &message);
        writer.outgoing.put(message);
    }

    /// Adds log batches as `ORDERED`, and notes how far they reach. False: there was nothing.
    pub(super) fn load_batches(&self, read: Read, part: &Serving, writer: &mut Writer) -> bool {
        let last = match read {
            Read::Frames(frames) => {
                let last = frames.last().map(Frame::last);
                for frame in frames {
                    self.say(Message::Ordered { term: part.term.clone(), frame }, writer);
                }
                last
            }
            Read::Nothing => return false,
            Read::Cut | Read::Removed => None,
        };
        let mut state = lock(&self.state);
        state.outbox.served(part, last);
        state.taken |= last.is_some();
        state.settle();
        true
    }
}

/// Closes the connections when the last owner drops the link: another thread may be waiting for that.
impl Drop for Link {
    fn drop(&mut self) {
        self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).hang_up();
    }
}

impl Writer {
    fn hang_up(&mut self) {
        for stream in self.stream.take().into_iter().chain(self.old.take()) {
            net::hang_up(&stream);
        }
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests;
