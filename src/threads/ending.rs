//! The end of a peer: its last words, and what its exit means.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::inbox::StorageItem;
use super::link::Link;
use super::lock::read;
use super::marks::Marks;
use super::node::Node;
use crate::config::Config;
use crate::fatal::Fatal;
use crate::protocol::Exit;

/// How long the last messages may take to go out, and the last rows to be written. With the half second in which the
/// core waits for commits, this keeps the end within a second.
const FAREWELL: Duration = Duration::from_millis(250);

/// Lets the last messages go out and the last rows be written, within reason.
pub(super) fn farewell(node: &Node, marks: Option<&Marks>) {
    let until = Instant::now() + FAREWELL;
    if let Some(marks) = marks {
        marks.settle(FAREWELL);
    }
    let (written, wait) = bounded(1);
    if node.storage.send(StorageItem::Finish(written)).is_ok() {
        // What is not written by then is not lost: it is in the other peers' files.
        let _ = wait.recv_deadline(until);
    }
    let links: Vec<Arc<Link>> = read(&node.links).values().cloned().collect();
    for link in links {
        // Nothing ever comes on it, but it ends when the link has written everything.
        let _ = link.when_idle().recv_deadline(until);
    }
}

/// What a peer that ended in this way tells its caller.
pub(super) fn conclude(exit: &Exit, config: &Config, failure: Option<String>) -> Result<(), Fatal> {
    match exit {
        Exit::Stopped => {
            log::info!(event = "stopped"; "Stopped");
            Ok(())
        }
        Exit::StoppedWith { uncommitted } => {
            let advice = if config.resume { "--resume goes on with them" } else { "give them again if they matter" };
            log::warn!(
                event = "stopped", uncommitted = uncommitted;
                "Stopped; readings taken in and not known to be committed: {uncommitted}; {advice}"
            );
            Ok(())
        }
        Exit::Duplicate { endpoint } => Err(Fatal::Duplicate { id: config.peer_id.clone(), endpoint: *endpoint }),
        Exit::Disk => Err(Fatal::Storage(failure.unwrap_or_else(|| "the storage ended".to_owned()))),
    }
}
