//! `tx-<id>`: the thread of a link. It dials when there is something to say, and writes what waits. Only this thread
//! ever waits for the receiver. It ends when there is nothing to do, and is started again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Link, Task, Writer, SERVE_BYTES};
use super::lock::{lock, wait};
use super::node::Node;
use crate::net;

/// How long the thread of a link stays for the next task.
const LINGER: Duration = Duration::from_secs(1);

/// Makes the thread of a link do what there is to do for it, and starts one if there is none.
pub(super) fn rouse(node: &Arc<Node>, link: &Arc<Link>) {
    if !link.lacks_thread() {
        return;
    }
    let (own, shared) = (Arc::clone(link), Arc::clone(node));
    if !node.try_spawn(link.thread_name(), move || own.run(&shared)) {
        // What waits goes out with the next message, which tries again.
        lock(&link.state).has_thread = false;
    }
}

impl Link {
    fn run(self: &Arc<Self>, node: &Arc<Node>) {
        while let Some(task) = self.next_task() {
            match task {
                Task::Dial => self.dial(node),
                Task::Write => self.write(node),
            }
        }
    }

    /// Waits for something to do. `None`: there has been nothing for some time, and the thread ends.
    fn next_task(&self) -> Option<Task> {
        // Where every write may wait, it is needed for each message.
        let stay = net::CAN_SEND_NOW.then_some(LINGER);
        let mut rested = false;
        let mut state = lock(&self.state);
        loop {
            let pause = match state.task() {
                Some(Task::Write) => return Some(Task::Write),
                Some(Task::Dial) => match state.dial_at.map(|at| at.saturating_duration_since(Instant::now())) {
                    None | Some(Duration::ZERO) => return Some(Task::Dial),
                    left => left,
                },
                None if state.closed || rested => {
                    state.has_thread = false;
                    return None;
                }
                None => {
                    rested = stay.is_some();
                    stay
                }
            };
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
            {
                // Starting over hangs up what is being written to, and must be seen here if it came before.
                let mut state = lock(&self.state);
                if state.up.is_none() || state.connections != connection {
                    return;
                }
                state.writing = Some(Arc::clone(stream));
            }
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

#[cfg(test)]
mod tests;
