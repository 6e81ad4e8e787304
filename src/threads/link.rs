//! `tx-<id>`: the own connection to one peer. It dials, dials again, and writes what waits in the outbox.
//!
//! Whoever puts something in writes it himself if the connection takes it at once; only what it does not take is left to
//! the link's thread, which waits for the receiver. So a message needs no change of threads on its way out, and nobody but
//! the link's thread ever waits for a slow peer.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::node::{lock, Node};
use super::outbox::{Outbox, Parcel};
use crate::ids::PeerId;
use crate::net::{self, DialError, Incoming};
use crate::protocol::{Input, Serve};
use crate::storage::{Read, StorageError};
use crate::wire::{encode, Hello, Message};

/// Log bytes written at once: enough for few system calls, little enough to let control messages in between.
const SERVE_BYTES: usize = 256 * 1024;

/// Shortest time between two dials: a listener that accepts and closes shall not keep a processor busy.
const DIAL_PAUSE: Duration = Duration::from_millis(20);

/// After a dial that failed without an answer, the next one waits so long.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Longest wait for an answer to a dial; a heartbeat interval where that is shorter.
const DIAL_TIME_MAX: Duration = Duration::from_secs(1);

pub(super) struct Link {
    peer: PeerId,
    state: Mutex<State>,
    /// The thread has something to do.
    wake: Condvar,
    /// Taken for as long as somebody writes; before `state`.
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct State {
    outbox: Outbox,
    closed: bool,
    /// A new connection is wanted even without anything to say.
    dial: bool,
    /// The next connection is news to the core.
    report: bool,
    /// The present connection; to shut it while somebody waits for it. `None` while there is none to write to.
    up: Option<Arc<TcpStream>>,
    /// Connections made so far.
    connections: u64,
    /// No dial before this.
    dial_at: Option<Instant>,
}

#[derive(Default)]
struct Writer {
    stream: Option<Arc<TcpStream>>,
    /// The connection before, until the receiver ends it.
    old: Option<Arc<TcpStream>>,
    connection: u64,
    /// What was taken out of the outbox and is not written.
    buffer: Vec<u8>,
    written: usize,
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
    /// Starts the link's thread. It dials when there is something to say.
    pub(super) fn start(node: &Arc<Node>, peer: &PeerId) -> Arc<Self> {
        let link = Arc::new(Self {
            peer: peer.clone(),
            state: Mutex::default(),
            wake: Condvar::new(),
            writer: Mutex::default(),
        });
        let (run, node) = (Arc::clone(&link), Arc::clone(node));
        super::spawn(format!("tx-{peer}"), move || run.run(&node));
        link
    }

    pub(super) fn put(&self, message: Message) {
        lock(&self.state).outbox.put(message);
    }

    pub(super) fn serve(&self, serve: Serve) {
        lock(&self.state).outbox.serve(serve);
    }

    /// Begins anew on another connection.
    pub(super) fn redial(&self) {
        let mut state = lock(&self.state);
        (state.dial, state.report) = (true, true);
        state.up = None;
        state.outbox.on_break();
        self.wake.notify_one();
    }

    /// Ends the connection and the thread.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.outbox = Outbox::default();
        if let Some(stream) = state.up.take() {
            net::hang_up(&stream);
        }
        self.wake.notify_one();
    }

    /// Nothing waits to be written, or nothing can be.
    pub(super) fn is_idle(&self) -> bool {
        let writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let state = lock(&self.state);
        state.up.is_none() || (state.outbox.is_empty() && writer.buffer.is_empty())
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
            if !self.load(writer, node, false) {
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

    /// Takes out of the outbox what may be written now, as bytes. `false`: there is nothing.
    fn load(&self, writer: &mut Writer, node: &Node, may_read_disk: bool) -> bool {
        let parcel = {
            let mut state = lock(&self.state);
            if state.up.is_none() || state.connections != writer.connection {
                return false;
            }
            state.outbox.take()
        };
        if parcel.is_empty() {
            return false;
        }
        let Parcel { messages, serving, last_word } = parcel;
        for message in &messages {
            encode(message, &mut writer.buffer);
        }
        if let Some(part) = serving {
            let read = if may_read_disk {
                node.log.read(part.after, part.up_to, part.cuts, SERVE_BYTES)
            } else {
                node.log.read_memory(part.after, part.up_to, part.cuts, SERVE_BYTES)
            };
            self.load_batches(read, &part, writer);
        }
        if let Some(message) = &last_word {
            encode(message, &mut writer.buffer);
        }
        !writer.buffer.is_empty()
    }

    /// Appends log batches as `ORDERED`, and notes how far that went.
    fn load_batches(&self, read: Result<Read, StorageError>, part: &super::outbox::Serving, writer: &mut Writer) {
        let last = match read {
            Ok(Read::Frames(frames)) => {
                for frame in &frames {
                    let message = Message::Ordered { term: part.term.clone(), frame: frame.clone() };
                    encode(&message, &mut writer.buffer);
                }
                frames.last().map(crate::wire::Frame::last)
            }
            Ok(Read::Nothing) => return,
            Ok(Read::Cut) => None,
            Err(error) => {
                log::error!("cannot read the log for {}: {error}", self.peer);
                None
            }
        };
        lock(&self.state).outbox.served(part, last);
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
    fn write(&self, node: &Node) {
        let mut guard = lock(&self.writer);
        let writer = &mut *guard;
        loop {
            if writer.buffer.is_empty() && !self.load(writer, node, true) {
                return;
            }
            let Writer { stream: Some(stream), buffer, written, connection, .. } = writer else { return };
            let result = (&**stream).write_all(&buffer[*written..]);
            let connection = *connection;
            writer.clear();
            if result.is_err() {
                drop(guard);
                return self.on_end(connection);
            }
        }
    }

    fn dial(self: &Arc<Self>, node: &Arc<Node>) {
        let (endpoint, hello) = {
            let core = lock(&node.core);
            (core.endpoint_of(&self.peer), core.hello(Some(&self.peer)))
        };
        let timeout = node.config.timing.heartbeat_interval.min(DIAL_TIME_MAX);
        let dialed = match endpoint {
            Some(endpoint) => net::dial(endpoint, timeout),
            None => Err(DialError::Refused),
        };
        match dialed {
            Ok(stream) => match greet(&stream, hello) {
                Ok(()) => self.connected(node, Arc::new(stream)),
                // The process went away between accepting and reading: the next dial will be refused.
                Err(error) => self.dial_later(&error, DIAL_PAUSE),
            },
            Err(DialError::Refused) => self.refused(node),
            Err(error) => {
                lock(&self.state).dial = false;
                self.dial_later(&error, RETRY_PAUSE);
            }
        }
    }

    fn dial_later(&self, why: &dyn std::error::Error, pause: Duration) {
        log::debug!("cannot reach {}: {why}", self.peer);
        lock(&self.state).dial_at = Some(Instant::now() + pause);
    }

    /// A connection is up and has said who speaks.
    fn connected(self: &Arc<Self>, node: &Arc<Node>, stream: Arc<TcpStream>) {
        let mut writer = lock(&self.writer);
        let mut state = lock(&self.state);
        // The receiver ends the connection before once it has read who speaks on this one. Ending it here could be noticed
        // there first, be taken for a loss, and be answered with a new connection, and so on.
        let old = writer.stream.replace(Arc::clone(&stream));
        if let Some(older) = std::mem::replace(&mut writer.old, old) {
            net::hang_up(&older);
        }
        writer.clear();
        if state.closed {
            return net::hang_up(&stream);
        }
        state.connections += 1;
        writer.connection = state.connections;
        state.up = Some(Arc::clone(&stream));
        state.dial = false;
        state.dial_at = Some(Instant::now() + DIAL_PAUSE);
        let (report, connection) = (std::mem::take(&mut state.report), state.connections);
        drop(state);
        drop(writer);
        let (link, shared) = (Arc::clone(self), Arc::clone(node));
        super::spawn(format!("tx-{}", self.peer), move || link.watch(&shared, stream, connection));
        if report {
            node.step(Input::LinkUp { peer: self.peer.clone() });
        }
    }

    /// Nobody listens there.
    fn refused(&self, node: &Arc<Node>) {
        lock(&self.writer).hang_up();
        self.forget();
        node.step(Input::Refused { peer: self.peer.clone() });
    }

    /// What waits is for nobody.
    fn forget(&self) {
        let mut state = lock(&self.state);
        state.outbox = Outbox::default();
        state.up = None;
        (state.dial, state.report) = (false, false);
        state.dial_at = Some(Instant::now() + DIAL_PAUSE);
    }

    /// Reads the other direction of the own connection: the receiver only ever says `ERROR` there, or ends it.
    fn watch(&self, node: &Arc<Node>, stream: Arc<TcpStream>, connection: u64) {
        let said = Incoming::new(stream).read_message();
        if lock(&self.state).connections != connection {
            return;
        }
        if let Ok(Some(Message::Error { why })) = said {
            log::debug!("{} refuses this peer: {why}", self.peer);
            self.forget();
            return node.step(Input::Rejected { peer: Some(self.peer.clone()), why });
        }
        self.on_end(connection);
    }

    /// The connection broke.
    fn on_end(&self, connection: u64) {
        let mut state = lock(&self.state);
        if state.connections != connection || state.up.is_none() {
            return;
        }
        state.up = None;
        state.outbox.on_break();
        (state.dial, state.report) = (true, true);
        self.wake.notify_one();
    }
}

/// Says who speaks, from which address.
fn greet(mut stream: &TcpStream, mut hello: Hello) -> std::io::Result<()> {
    hello.endpoint = net::announced(hello.endpoint, stream.local_addr()?.ip());
    let mut line = Vec::new();
    encode(&Message::Hello(hello), &mut line);
    stream.write_all(&line)
}

impl Writer {
    fn hang_up(&mut self) {
        for stream in self.stream.take().into_iter().chain(self.old.take()) {
            net::hang_up(&stream);
        }
    }

    fn clear(&mut self) {
        self.buffer.clear();
        self.written = 0;
    }
}
