//! The gate that every message of another peer passes: what its coming alone tells, whether its term still counts, and
//! which handler it goes to.

use super::data::role::{LogState, Role};
use super::dropping::Loss;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::Message;

impl Peer {
    /// docs/protocol.md, 2.4: a message of a lower term than the promised one has no effect and is answered `STALE`. So
    /// a peer that slept through an election learns of it from the first peer that it talks to, and an old leader
    /// commits nothing with this one. That a message came at all shows that its process lives.
    pub(super) fn receive(&mut self, from: &PeerId, message: Message, turn: &mut Turn) {
        if let Some(known) = self.contacts.get_mut(from) {
            known.dead = false;
        }
        let term = message.term();
        // The next proposal of this peer has to be above every term that it may believe (docs/protocol.md, 5.4).
        if let Some(term) = term.filter(|_| self.heeds(from)) {
            self.note_counter(term.counter);
        }
        // A peer whose promise was won by lies may be taken in below it (docs/trust.md).
        let old = term < self.promises.promised.as_ref()
            && !counts_whatever_was_promised(&message)
            && !matches!(&message, Message::Added { view, .. } if self.may_install(view));
        // It looks at the term itself: an older term is not shown to work (docs/protocol.md, 5.1).
        self.note_life(from, &message, turn);
        if old {
            return self.stale(from, turn);
        }
        self.dispatch(from, message, turn);
    }

    /// Whether that peer matters to what this one does. It does as a member of this view or the last one, as leader, as
    /// a peer that was asked to take this one in, as a proposer with its promise, or as a peer that was asked for a
    /// promise. Terms are learnt from nobody else: a stranger could raise them beyond what elections can reach
    /// (docs/trust.md).
    pub(super) fn heeds(&self, from: &PeerId) -> bool {
        let in_role = match &self.role {
            Role::Seeking(seeking) => seeking.has_asked(from),
            Role::Promised(promised) => promised.proposer == *from,
            Role::Proposing(proposing) => proposing.invited.contains(from),
            Role::Leader(leading) => leading.has(from),
            _ => self.following().is_some_and(|following| following.leader == *from),
        };
        in_role || self.group.last_view.contains_key(from)
    }

    /// docs/protocol.md, 2.2, 2.4: what passed the gate goes to its mechanism, which looks at role and term again: a
    /// message may have been under way while both changed.
    fn dispatch(&mut self, from: &PeerId, message: Message, turn: &mut Turn) {
        match message {
            Message::Leader(leadership) if self.heeds(from) => self.on_leader_heard(leadership, turn),
            Message::Join { promised, priority, limits, .. } => {
                self.note_limits(from, limits);
                self.on_join(from, promised, priority, turn);
            }
            Message::Added { view, incarnation } => self.on_added(from, &view, incarnation, turn),
            Message::ViewChange(view) => self.on_view_change(from, view, turn),
            Message::Heartbeat { term, committed } => self.on_heartbeat(from, &term, committed, turn),
            Message::HeartbeatAck { term, stored } | Message::Stored { term, last: stored } => {
                self.on_stored(from, &term, stored, turn);
            }
            Message::Election { term, .. } => self.on_election(from, term.as_ref(), turn),
            Message::Ok { .. } => self.on_ok(from, turn),
            Message::Coordinator { term } => self.on_coordinator(from, &term, turn),
            Message::LogState { term, synced, runs, last, limits } => {
                self.note_limits(from, limits);
                self.on_log_state(from, &term, LogState { synced, runs, last }, turn);
            }
            Message::Fetch { term, from: first } => self.on_fetch(from, &term, first, turn),
            Message::SequencerRequest { term, request } => self.on_request(from, &term, &request, turn),
            Message::Base { term, base } => self.on_base(from, &term, &base, turn),
            Message::Ordered { term, frame } => self.on_ordered(from, &term, frame, turn),
            Message::Commit { term, up_to } => self.on_commit(from, &term, up_to, turn),
            Message::Stale { term, leader } => self.on_stale(from, term.as_ref(), leader, turn),
            Message::Yield { term, leader } => self.on_yield(from, &term, leader, turn),
            Message::Leave { .. } => self.gone(from, Loss::Left, turn),
            // These begin a connection, answer it, or answer a question; or they come from a peer without a part here.
            Message::Hello(_)
            | Message::Error { .. }
            | Message::Who { .. }
            | Message::Status
            | Message::Report { .. }
            | Message::Here(_)
            | Message::NewPeerRequest(_)
            | Message::Leader(_) => {}
        }
    }
}

/// docs/protocol.md, 2.4: whether this message counts under any promise. Its sender asks, offers or says goodbye, and
/// may know less than this peer. If it were only answered `STALE`, peers with different promises could never become one
/// group (3.2, 3.3).
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
            | Message::Who { .. }
            | Message::Status
            | Message::Report { .. }
            | Message::Here(_)
    )
}

#[cfg(test)]
mod tests;
