//! `tx-<id>`: what this peer says to one other. Its thread dials where there is something to say, and writes what waits in
//! the outbox; `dial.rs` knows of connections that come and go.
//!
//! Whoever puts something in writes it himself if the connection takes it at once; only what it does not take is left to
//! the link's thread, which waits for the receiver. So a message needs no change of threads on its way out, and nobody but
//! the link's thread ever waits for a slow peer.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::node::{lock, Node};
use super::outbox::{Outbox, Parcel, Serving};
use crate::ids::PeerId;
use crate::net::{self};
use crate::protocol::Serve;
use crate::storage::Read;
use crate::wire::{encode, Message};

/// Log bytes written at once: enough for few system calls, little enough to let control messages in between.
const SERVE_BYTES: usize = 256 * 1024;

pub(super) struct Link {
    pub(super) peer: PeerId,
    pub(super) state: Mutex<State>,
    /// The thread has something to do.
    pub(super) wake: Condvar,
    /// Taken for as long as somebody writes; before `state`.
    pub(super) writer: Mutex<Writer>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) outbox: Outbox,
    pub(super) closed: bool,
    /// A new connection is wanted even without anything to say.
    pub(super) dial: bool,
    /// The next connection is news to the core.
    pub(super) report: bool,
    /// The present connection; to shut it while somebody waits for it. `None` while there is none to write to.
    pub(super) up: Option<Arc<TcpStream>>,
    /// The connection on which the thread waits for the receiver.
    pub(super) writing: Option<Arc<TcpStream>>,
    /// Connections made so far.
    pub(super) connections: u64,
    /// No dial before this.
    pub(super) dial_at: Option<Instant>,
    /// Since when each dial gets no answer.
    pub(super) failing: Option<Instant>,
}

#[derive(Default)]
pub(super) struct Writer {
    pub(super) stream: Option<Arc<TcpStream>>,
    /// The connection before, until the receiver ends it.
    pub(super) old: Option<Arc<TcpStream>>,
    pub(super) connection: u64,
    /// What was taken out of the outbox and is not written.
    pub(super) buffer: Vec<u8>,
    pub(super) written: usize,
}

enum Next {
    Close,
    Dial,
    Write,
}

/// What became of an attempt to write.
enum Wrote {
    All,
    /// The receiver has to read first.
    Some,
    Broken,
}

impl Link {
    /// Starts the link's thread, which dials when there is something to say. `None`: the system gives none.
    pub(super) fn start(node: &Arc<Node>, peer: &PeerId) -> Option<Arc<Self>> {
        let link = Arc::new(Self {
            peer: peer.clone(),
            state: Mutex::default(),
            wake: Condvar::new(),
            writer: Mutex::default(),
        });
        let (run, shared) = (Arc::clone(&link), Arc::clone(node));
        node.try_spawn(format!("tx-{peer}"), move || run.run(&shared)).then_some(link)
    }

    /// Takes a message, or gives it back where this link has ended: there may be a new one.
    pub(super) fn put(&self, message: Message) -> Option<Message> {
        let mut state = lock(&self.state);
        if state.closed {
            return Some(message);
        }
        if !state.outbox.put(message) {
            // It does not read. What the core hears of a new connection makes it say anew what still counts.
            log::debug!("{} does not read what it is told; dialling anew", self.peer);
            state.outbox.forget();
            self.begin_anew(&mut state);
        }
        None
    }

    pub(super) fn serve(&self, serve: Serve) {
        lock(&self.state).outbox.serve(serve);
    }

    /// Begins anew on another connection.
    pub(super) fn redial(&self) {
        self.begin_anew(&mut lock(&self.state));
    }

    fn begin_anew(&self, state: &mut State) {
        (state.dial, state.report) = (true, true);
        state.up = None;
        state.outbox.on_break();
        if let Some(stuck) = state.writing.take() {
            // The thread waits for a receiver that does not read; so the end of it is not noticed there too early.
            net::hang_up(&stuck);
        }
        self.wake.notify_one();
    }

    /// The core hears now that there is a new connection after a break.
    pub(super) fn renewed(&self) {
        lock(&self.state).outbox.renewed();
    }

    /// Ends the connection and the thread.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.outbox = Outbox::default();
        for stream in state.up.take().into_iter().chain(state.writing.take()) {
            net::hang_up(&stream);
        }
        self.wake.notify_one();
    }

    /// Nothing waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let leftover = !writer.buffer.is_empty();
        drop(writer);
        let state = lock(&self.state);
        // The thread may have looked just then, and seen nothing to do.
        self.wake.notify_one();
        state.outbox.is_empty() && (state.up.is_none() || !leftover)
    }

    /// Writes what waits as far as that goes without waiting, and leaves the rest to the thread.
    pub(super) fn pump(&self, node: &Node) {
        if let Ok(mut writer) = self.writer.try_lock() {
            if net::CAN_SEND_NOW && writer.buffer.is_empty() && writer.stream.is_some() {
                if let Wrote::All = self.write_now(&mut writer, node) {
                    return;
                }
            }
        }
        // Under the lock, so that it does not fall between the thread's last look and its sleep.
        let state = lock(&self.state);
        self.wake.notify_one();
        drop(state);
    }

    fn write_now(&self, writer: &mut Writer, node: &Node) -> Wrote {
        loop {
            if !self.load(writer, node) {
                let done = lock(&self.state).outbox.is_empty();
                return if done { Wrote::All } else { Wrote::Some };
            }
            let Writer { stream: Some(stream), buffer, written, .. } = writer else { return Wrote::Some };
            match net::send_now(stream, &buffer[*written..]) {
                Ok(sent) if *written + sent == buffer.len() => writer.clear(),
                Ok(sent) => {
                    *written += sent;
                    return Wrote::Some;
                }
                Err(_) => return Wrote::Broken,
            }
        }
    }

    /// Takes out of the outbox what may be written now, as bytes, but for log batches that are not in memory. `false`: there
    /// is nothing.
    fn load(&self, writer: &mut Writer, node: &Node) -> bool {
        let parcel = {
            let mut state = lock(&self.state);
            if state.up.is_none() || state.connections != writer.connection {
                return false;
            }
            state.outbox.take()
        };
        let Parcel { messages, serving, last_word } = parcel;
        for message in &messages {
            encode(message, &mut writer.buffer);
        }
        if let Some(part) = serving {
            let read = node.log.read_memory(part.after, part.up_to, part.cuts, SERVE_BYTES);
            self.load_batches(read, &part, writer);
        }
        if let Some(message) = &last_word {
            encode(message, &mut writer.buffer);
        }
        !writer.buffer.is_empty()
    }

    /// Appends log batches as `ORDERED`, and notes how far that went. `false`: there was nothing.
    fn load_batches(&self, read: Read, part: &Serving, writer: &mut Writer) -> bool {
        let last = match read {
            Read::Frames(frames) => {
                for frame in &frames {
                    let message = Message::Ordered { term: part.term.clone(), frame: frame.clone() };
                    encode(&message, &mut writer.buffer);
                }
                frames.last().map(crate::wire::Frame::last)
            }
            Read::Nothing => return false,
            Read::Cut => None,
        };
        lock(&self.state).outbox.served(part, last);
        true
    }

    /// Reads from the disk what is not in memory of the log, for the next write. Without the writer: whoever has something
    /// else to say meanwhile, a heartbeat above all, does not wait for the disk. `false`: there is nothing to read.
    fn load_from_disk(&self, node: &Arc<Node>) -> bool {
        let part = {
            let state = lock(&self.state);
            state.up.as_ref().and_then(|_| state.outbox.next_part())
        };
        let Some(part) = part else { return false };
        let read = match node.log.read(part.after, part.up_to, part.cuts, SERVE_BYTES) {
            Ok(read) => read,
            Err(error) => {
                node.disk_failed(&error);
                return false;
            }
        };
        let mut writer = lock(&self.writer);
        let current = {
            let state = lock(&self.state);
            state.up.is_some() && state.connections == writer.connection && state.outbox.is_next(&part)
        };
        // What is not current any more began anew elsewhere.
        !current || self.load_batches(read, &part, &mut writer)
    }

    /// Is there neither a connection nor anything to say?
    pub(super) fn is_over(&self) -> bool {
        let state = lock(&self.state);
        state.up.is_none() && !state.dial && !state.report && state.outbox.is_empty()
    }

    fn run(self: &Arc<Self>, node: &Arc<Node>) {
        loop {
            match self.wait() {
                Next::Close => return lock(&self.writer).hang_up(),
                Next::Dial => self.dial(node),
                Next::Write => self.write(node),
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&self) -> Next {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return Next::Close;
            }
            let mut pause = None;
            if state.up.is_none() && (state.dial || !state.outbox.is_empty()) {
                match state.dial_at.map(|at| at.saturating_duration_since(Instant::now())) {
                    None | Some(Duration::ZERO) => return Next::Dial,
                    left => pause = left,
                }
            } else if state.up.is_some() && (!state.outbox.is_empty() || self.has_leftover(&state)) {
                return Next::Write;
            }
            state = match pause {
                Some(pause) => self.wake.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Is something taken out and not written? Asked with `state` locked, so without waiting for the writer: whoever
    /// writes wakes the thread when it leaves something.
    fn has_leftover(&self, _state: &MutexGuard<State>) -> bool {
        self.writer.try_lock().is_ok_and(|writer| !writer.buffer.is_empty())
    }

    /// Writes all that waits, and waits for the receiver where it must.
    fn write(&self, node: &Arc<Node>) {
        loop {
            let mut guard = lock(&self.writer);
            let writer = &mut *guard;
            if writer.buffer.is_empty() && !self.load(writer, node) {
                drop(guard);
                if self.load_from_disk(node) {
                    continue;
                }
                return;
            }
            let Writer { stream: Some(stream), buffer, written, connection, .. } = writer else { return };
            let connection = *connection;
            lock(&self.state).writing = Some(Arc::clone(stream));
            let result = (&**stream).write_all(&buffer[*written..]);
            lock(&self.state).writing = None;
            writer.clear();
            if result.is_err() {
                drop(guard);
                return self.on_end(connection);
            }
        }
    }
}

impl Writer {
    pub(super) fn hang_up(&mut self) {
        for stream in self.stream.take().into_iter().chain(self.old.take()) {
            net::hang_up(&stream);
        }
    }

    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(2 * SERVE_BYTES);
        self.written = 0;
    }
}
