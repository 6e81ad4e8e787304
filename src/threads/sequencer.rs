//! `sequencer`: drains the requests of all peers, as many as a batch holds and never waiting for more, and has the core
//! order them in one step.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::node::Node;
use crate::ids::Term;
use crate::protocol::{ConnectionId, Input};
use crate::wire::batch::READINGS_MAX;
use crate::wire::Request;

/// A request, whose connection it came on, and the term it was sent in.
pub(super) type Asked = (ConnectionId, Term, Request);

/// Requests that wait here; then readers wait. Windows keep each peer's share small, so this is rarely full.
pub(super) const INBOX_REQUESTS: usize = 1024;

pub(super) fn run(node: &Arc<Node>, inbox: &Receiver<Asked>) {
    while let Ok(first) = inbox.recv() {
        let mut readings = first.2.lines.count();
        let mut requests = vec![first];
        while readings < READINGS_MAX {
            let Ok(next) = inbox.try_recv() else { break };
            readings += next.2.lines.count();
            requests.push(next);
        }
        node.step(Input::Requests(requests));
    }
}
