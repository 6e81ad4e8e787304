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

/// A request, whose connection it came on, and the term it was sent in.
pub(super) type Asked = (ConnectionId, Term, Request);

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
    while !core.keeps_up() {
        core = node.room.wait(core).unwrap_or_else(PoisonError::into_inner);
    }
}
