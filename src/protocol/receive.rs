//! The gate that every message of another peer passes: what it tells by coming at all, whether its term still counts, and
//! whose handler it is for.

use super::peer::Peer;
use super::role::LogState;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::Message;

impl Peer {
    pub(super) fn receive(&mut self, from: &PeerId, message: Message, turn: &mut Turn) {
        if let Some(known) = self.contacts.get_mut(from) {
            known.dead = false;
        }
        let term = message.term();
        self.counter = self.counter.max(term.map_or(0, |term| term.counter));
        let old = term < self.promised.as_ref() && !counts_whatever_was_promised(&message);
        self.note_life(from, &message, turn);
        if old {
            return self.stale(from, turn);
        }
        self.dispatch(from, message, turn);
    }

    fn dispatch(&mut self, from: &PeerId, message: Message, turn: &mut Turn) {
        match message {
            Message::NewPeerRequest(contact) => self.on_tcp_request(from, &contact, turn),
            Message::Leader(leadership) => self.on_leader(from, leadership, turn),
            Message::Join { promised, priority, .. } => self.on_join(from, promised, priority, turn),
            Message::Added { view, incarnation } => self.on_added(from, &view, incarnation, turn),
            Message::ViewChange(view) => self.on_view_change(from, view, turn),
            Message::Heartbeat { term, committed } => self.on_heartbeat(from, &term, committed, turn),
            Message::HeartbeatAck { term, stored } | Message::Stored { term, last: stored } => {
                self.on_stored(from, &term, stored, turn);
            }
            Message::Election { .. } => self.on_election(from, turn),
            Message::Ok { .. } => self.on_ok(turn),
            Message::Coordinator { term } => self.on_coordinator(from, &term, turn),
            Message::LogState { term, synced, runs, last } => {
                self.on_log_state(from, &term, LogState { synced, runs, last }, turn);
            }
            Message::Fetch { term, from: first } => self.on_fetch(from, &term, first, turn),
            Message::SequencerRequest { term, request } => self.on_request(&term, &request, turn),
            Message::Ordered { term, frame } => self.on_ordered(from, &term, frame, turn),
            Message::Commit { term, up_to } => self.on_commit(&term, up_to, turn),
            Message::Stale { term, leader } => self.on_stale(from, term.as_ref(), leader, turn),
            Message::Yield { term, leader } => self.on_yield(from, &term, leader, turn),
            Message::Leave { .. } => self.gone(from, true, turn),
            // Said by the connection itself, not on it.
            Message::Hello(_) | Message::Error { .. } => {}
        }
    }
}

/// Who asks, offers or says goodbye may know less than this peer does.
fn counts_whatever_was_promised(message: &Message) -> bool {
    matches!(
        message,
        Message::NewPeerRequest(_)
            | Message::Leader(_)
            | Message::Join { .. }
            | Message::Election { .. }
            | Message::Ok { .. }
            | Message::Stale { .. }
            | Message::Leave { .. }
            | Message::Hello(_)
            | Message::Error { .. }
    )
}
