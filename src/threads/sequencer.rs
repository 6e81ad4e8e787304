//! `sequencer`: drains the requests of all peers, at most as many as a batch holds, and has the core order them in one
//! step. It never waits for more.
//!
//! A request that comes alone while nothing is before it is ordered by the thread that read it, which saves a change of
//! threads. What comes together, or meanwhile, goes to the sequencer, and so into one batch, as most of it does under load.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::inbox::SequencerItem;
use super::lock::{lock, wait};
use super::node::Node;
use super::share::Kept;
use crate::ids::Term;
use crate::protocol::{ConnectionId, Input};
use crate::wire::batch::READINGS_MAX;
use crate::wire::Request;

impl Node {
    /// Orders a request, or hands it to the sequencer where something is before it, `more` was read with it, or the storage
    /// is behind.
    pub(super) fn order(self: &Arc<Self>, request: (ConnectionId, Term, Request), kept: Kept, more: bool) {
        let keeps_up = !more && lock(&self.core).keeps_up();
        if keeps_up && self.queue.begin() {
            self.step(Input::Requests(vec![request]));
            self.queue.end(1);
        } else {
            self.hand_to_sequencer(SequencerItem::Request(request, kept));
        }
    }

    pub(super) fn hand_to_sequencer(&self, item: SequencerItem) {
        self.queue.add(1);
        // Without its sequencer the peer is ending.
        let _ = self.sequencer.send(item);
    }
}

pub(super) fn run(node: &Arc<Node>, inbox: &Receiver<SequencerItem>) {
    let mut next = None;
    while let Some(item) = next.take().or_else(|| inbox.recv().ok()) {
        match item {
            SequencerItem::Ended(connection) => {
                node.step(Input::Ended { connection });
                node.queue.end(1);
            }
            SequencerItem::Request(request, kept) => {
                let mut readings = request.2.lines.count();
                let (mut requests, mut keeps) = (vec![request], vec![kept]);
                while readings < READINGS_MAX && next.is_none() {
                    match inbox.try_recv() {
                        Ok(SequencerItem::Request(request, kept)) => {
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
                node.queue.end(keeps.len());
                drop(keeps);
            }
        }
    }
}

/// Waits while others store faster than this peer: their majority commits, and more keeps coming. It must not pile up
/// in memory.
fn wait_for_storage(node: &Node) {
    let mut core = lock(&node.core);
    while !core.keeps_up() {
        core = wait(&node.room, core, None);
    }
}

#[cfg(test)]
mod tests;
