//! `tx-<id>`: the thread of a link. It dials where there is something to say, and writes what waits. Only this thread
//! ever waits for the receiver.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Link, Writer, SERVE_BYTES};
use super::lock::{lock, wait};
use super::node::Node;

enum Task {
    Close,
    Dial,
    Write,
}

/// Starts the thread of a new link. False: the system gives none.
pub(super) fn start(node: &Arc<Node>, link: &Arc<Link>) -> bool {
    let (link, shared) = (Arc::clone(link), Arc::clone(node));
    node.try_spawn(format!("tx-{}", link.peer), move || link.run(&shared))
}

impl Link {
    fn run(self: &Arc<Self>, node: &Arc<Node>) {
        loop {
            match self.next_task() {
                Task::Close => return lock(&self.writer).hang_up(),
                Task::Dial => self.dial(node),
                Task::Write => self.write(node),
            }
        }
    }

    /// Waits until there is something to do.
    fn next_task(&self) -> Task {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return Task::Close;
            }
            let mut pause = None;
            if state.up.is_none() && (state.dial || !state.outbox.is_empty()) {
                match state.dial_at.map(|at| at.saturating_duration_since(Instant::now())) {
                    None | Some(Duration::ZERO) => return Task::Dial,
                    left => pause = left,
                }
            } else if state.up.is_some() && (!state.outbox.is_empty() || state.taken) {
                return Task::Write;
            }
            state = wait(&self.wake, state, pause);
        }
    }

    /// Writes all that waits, and waits for the receiver where it must.
    fn write(&self, node: &Arc<Node>) {
        loop {
            let mut guard = lock(&self.writer);
            let writer = &mut *guard;
            if writer.outgoing.is_empty() && !self.load(writer, &node.log) {
                drop(guard);
                if self.load_from_disk(node) {
                    continue;
                }
                return;
            }
            let Writer { stream: Some(stream), outgoing, connection, .. } = writer else { return };
            let connection = *connection;
            lock(&self.state).writing = Some(Arc::clone(stream));
            let result = outgoing.write_all(stream);
            lock(&self.state).writing = None;
            if result.is_err() {
                drop(guard);
                return self.on_end(connection);
            }
        }
    }

    /// Reads the part of the log from the disk that is not in memory, for the next write. It does not hold the writer:
    /// threads that have something else to say meanwhile, a heartbeat above all, do not wait for the disk. False: there
    /// is nothing to read.
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
        // If this part is no longer current, serving started over elsewhere.
        !current || self.load_batches(read, &part, &mut writer)
    }
}
