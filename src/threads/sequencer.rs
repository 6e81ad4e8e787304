//! `sequencer`: drains the requests of all peers, as many as a batch holds and never waiting for more, and has the core
//! order them in one step.
//!
//! What waits in its inbox is bounded in bytes (`share.rs`): for each connection above what a peer has under way
//! (`protocol::pending`), and for all together. Readers do not wait for room in it: they would not read what comes behind,
//! signs of life among it, for as long as this peer's disk stands still. Whoever sends more loses its connection.

use std::sync::{Arc, PoisonError};

use crossbeam_channel::Receiver;

use super::node::{lock, Node};
use super::share::Kept;
use crate::ids::Term;
use crate::protocol::{ConnectionId, Input};
use crate::wire::batch::READINGS_MAX;
use crate::wire::Request;

pub(super) enum Asked {
    /// A request, which connection it came on, and the term it was sent in.
    Request((ConnectionId, Term, Request), Kept),
    /// A connection was read to its end: what came on it before counts first.
    Ended(ConnectionId),
}

pub(super) fn run(node: &Arc<Node>, inbox: &Receiver<Asked>) {
    let mut next = None;
    while let Some(asked) = next.take().or_else(|| inbox.recv().ok()) {
        match asked {
            Asked::Ended(connection) => node.step(Input::Ended { connection }),
            Asked::Request(request, kept) => {
                let mut readings = request.2.lines.count();
                let (mut requests, mut keeps) = (vec![request], vec![kept]);
                while readings < READINGS_MAX && next.is_none() {
                    match inbox.try_recv() {
                        Ok(Asked::Request(request, kept)) => {
                            readings += request.2.lines.count();
                            requests.push(request);
                            keeps.push(kept);
                        }
                        Ok(ended) => next = Some(ended),
                        Err(_) => break,
                    }
                }
                wait_for_storage(node);
                node.step(Input::Requests(requests));
                drop(keeps);
            }
        }
    }
}

/// Where others store faster than this peer, their majority commits and more keeps coming: it waits here, not in memory.
fn wait_for_storage(node: &Node) {
    let mut core = lock(&node.core);
    while !core.keeps_up() {
        core = node.room.wait(core).unwrap_or_else(PoisonError::into_inner);
    }
}
