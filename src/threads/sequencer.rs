//! `sequencer`: drains the requests of all peers, at most as many as a batch holds, and has the core order them in one
//! step. It never waits for more.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::inbox::SequencerItem;
use super::lock::{lock, wait};
use super::node::Node;
use crate::protocol::Input;
use crate::wire::batch::READINGS_MAX;

pub(super) fn run(node: &Arc<Node>, inbox: &Receiver<SequencerItem>) {
    let mut next = None;
    while let Some(item) = next.take().or_else(|| inbox.recv().ok()) {
        match item {
            SequencerItem::Ended(connection) => node.step(Input::Ended { connection }),
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
