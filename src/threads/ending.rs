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
    if let Some(marks) = marks {
        marks.settle(FAREWELL);
    }
    let until = Instant::now() + FAREWELL;
    let (written, wait) = bounded(1);
    let finished = node.storage.send(StorageItem::Finish(written)).is_ok() && wait.recv_deadline(until).is_ok();
    if !finished && node.config.flush_interval.is_some() {
        // Otherwise the few that are not written are in the other peers' files.
        log::warn!(
            event = "rows_unwritten";
            "The disk is slow or refuses: rows that waited may not be in the CSV files; the journal has them, and a start with \
             --resume writes them"
        );
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
