//! `sequencer`: drains the requests of all peers, as many as a batch holds and never waiting for more, and has the core
//! order them in one step.
//!
//! Its inbox has no bound of its own: what each peer may have under way bounds it (`protocol::pending`). Readers that waited
//! for room in it would not read what comes behind, signs of life among it, for as long as this peer's disk stands still.

use std::sync::{Arc, PoisonError};

use crossbeam_channel::Receiver;

use super::node::{lock, Node};
use crate::ids::Term;
use crate::protocol::{ConnectionId, Input};
use crate::wire::batch::READINGS_MAX;
use crate::wire::Request;

pub(super) enum Asked {
    /// A request, which connection it came on, and the term it was sent in.
    Request(ConnectionId, Term, Request),
    /// A connection was read to its end: what came on it before counts first.
    Ended(ConnectionId),
}

pub(super) fn run(node: &Arc<Node>, inbox: &Receiver<Asked>) {
    let mut next = None;
    while let Some(asked) = next.take().or_else(|| inbox.recv().ok()) {
        match asked {
            Asked::Ended(connection) => node.step(Input::Ended { connection }),
            Asked::Request(connection, term, request) => {
                let mut readings = request.lines.count();
                let mut requests = vec![(connection, term, request)];
                while readings < READINGS_MAX && next.is_none() {
                    match inbox.try_recv() {
                        Ok(Asked::Request(connection, term, request)) => {
                            readings += request.lines.count();
                            requests.push((connection, term, request));
                        }
                        Ok(ended) => next = Some(ended),
                        Err(_) => break,
                    }
                }
                wait_for_storage(node);
                node.step(Input::Requests(requests));
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
