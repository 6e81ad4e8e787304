//! `sequencer`: drains the requests of all peers, as many as a batch holds and never waiting for more, and has the core
//! order them in one step.

use std::sync::{Arc, PoisonError};

use crossbeam_channel::Receiver;

use super::node::{lock, Node};
use crate::ids::Term;
use crate::protocol::replication::AHEAD_READINGS;
use crate::protocol::{ConnectionId, Input};
use crate::wire::batch::READINGS_MAX;
use crate::wire::Request;

/// A request, whose connection it came on, and the term it was sent in.
pub(super) type Asked = (ConnectionId, Term, Request);

/// Requests that wait here; then readers wait. Windows keep each peer's share small, so this is rarely full.
pub(super) const INBOX_REQUESTS: usize = 1024;

/// Entries that may wait for the own storage before more are ordered: what a follower may be ahead, too.
pub(super) const BACKLOG_MAX: u64 = AHEAD_READINGS;

pub(super) fn run(node: &Arc<Node>, inbox: &Receiver<Asked>) {
    while let Ok(first) = inbox.recv() {
        let mut readings = first.2.lines.count();
        let mut requests = vec![first];
        while readings < READINGS_MAX {
            let Ok(next) = inbox.try_recv() else { break };
            readings += next.2.lines.count();
            requests.push(next);
        }
        wait_for_storage(node);
        node.step(Input::Requests(requests));
    }
}

/// Where others store faster than this peer, their majority commits and more keeps coming: it waits here, not in memory.
fn wait_for_storage(node: &Node) {
    let mut core = lock(&node.core);
    while core.backlog() >= BACKLOG_MAX {
        core = node.room.wait(core).unwrap_or_else(PoisonError::into_inner);
    }
}
