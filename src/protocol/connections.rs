//! Connections and processes: what comes on them, who is gone, what a new link restarts (docs/protocol.md, 2.2, 4.5,
//! 5.1). Which of them may speak is in `admission.rs`.

use std::net::SocketAddr;

use super::data::role::Role;
use super::dropping::Loss;
use super::effect::Effect;
use super::event::Event;
use super::input::ConnectionId;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{Incarnation, PeerId};
use crate::wire::{Contact, Message, Refusal, Seat, Timing};

impl Peer {
    /// A message counts from the process that its connection was proven to come from. After a `LEAVE` nothing on the
    /// connection counts.
    pub(super) fn on_received(&mut self, connection: ConnectionId, message: Message, turn: &mut Turn) {
        let Some((from, moves)) = self.contacts.hear(connection, turn.now) else { return };
        let from = from.clone();
        if moves {
            self.redial(&from, turn);
        }
        let last_word = matches!(message, Message::Leave { .. });
        self.receive(&from, message, turn);
        if last_word {
            // Requests that still wait elsewhere come after it, and must not bring its process back to life.
            self.contacts.silence(connection);
        }
    }

    /// docs/protocol.md, 5.1: a connection that breaks is a reason to dial, since its process may be gone. If nobody
    /// listens there any more, the refusal says so within milliseconds. If a dial was refused before, the process is
    /// gone now that all its words are read.
    pub(super) fn on_ended(&mut self, connection: ConnectionId, turn: &mut Turn) {
        if self.forget_visitor(connection) {
            return;
        }
        let Some(from) = self.contacts.ended(connection) else { return };
        let Some(known) = self.contacts.get(&from) else { return };
        if known.was_refused(turn.now, self.settings.timing.heartbeat_timeout).is_some() {
            self.bury(&from, turn);
        } else if known.may_redial(turn.now) {
            // Perhaps its process is gone: the dial will tell.
            self.redial(&from, turn);
        }
    }

    /// Closes connections that no longer count: each maker finds out, and dials again.
    pub(super) fn drop_unheard(&mut self, turn: &mut Turn) {
        let unheard = self.contacts.take_unheard();
        turn.out.extend(unheard.into_iter().map(|connection| Effect::Drop { connection }));
    }

    /// docs/protocol.md, 5.1: nobody listens at the address of this peer, so its process is gone. This is how a killed
    /// process is noticed within milliseconds; only a hung one takes the heartbeat timeout.
    pub(super) fn on_refused(&mut self, peer: &PeerId, turn: &mut Turn) {
        if *peer == self.settings.id {
            return self.contacts.remove(peer);
        }
        let Timing { heartbeat_interval: interval, heartbeat_timeout: timeout, .. } = self.settings.timing;
        match self.contacts.get_mut(peer) {
            // What its connection still holds is read first. A host that lost power ends no connection: when its
            // address refuses a second time later, nothing more will come.
            Some(known) if known.connection.is_some() => {
                let first = known.was_refused(turn.now, timeout).unwrap_or(turn.now);
                known.refused = Some(first);
                if turn.now.checked_sub(first).unwrap() >= interval {
                    self.bury(peer, turn);
                }
            }
            Some(_) => self.bury(peer, turn),
            None => {}
        }
    }

    /// Nobody listens there any more, so the link is over, too: another life begins with a new one.
    fn bury(&mut self, peer: &PeerId, turn: &mut Turn) {
        self.close(peer, turn);
        self.gone(peer, Loss::Failed, turn);
    }

    /// A process no longer listens where its connection says it does.
    pub(super) fn on_gone_at(&mut self, peer: &PeerId, incarnation: Incarnation, at: SocketAddr, turn: &mut Turn) {
        if self.contacts.get(peer).is_some_and(|known| (known.incarnation, known.endpoint) == (incarnation, at)) {
            self.on_refused(peer, turn);
        }
    }

    /// docs/protocol.md, 2.2: the receiver of a link says why it refuses the link. Its words end nothing here. But a
    /// wrong addressee counts as a refused dial: the port has another owner now.
    pub(super) fn on_rejected(&mut self, peer: &PeerId, why: &Refusal, turn: &mut Turn) {
        if *why == Refusal::WrongAddressee {
            self.on_refused(peer, turn);
        } else {
            self.note_rejection(peer, why, turn);
            self.on_question_refused(why, turn);
        }
        // docs/protocol.md, 4.5: all that was under way on the link is lost, and the next one says what still counts.
        // If the receiver's own question had no answer, nothing else might be said for a long time.
        let (belongs, known) = (self.belongs(peer), self.contacts.get(peer));
        if belongs && *why == Refusal::NoAnswer && known.is_some_and(|known| known.may_redial(turn.now)) {
            self.redial(peer, turn);
        }
    }

    /// A process is gone: a dial was refused, it said `LEAVE`, or a later life took its place.
    pub(super) fn gone(&mut self, peer: &PeerId, loss: Loss, turn: &mut Turn) {
        if *peer == self.settings.id {
            return self.contacts.remove(peer);
        }
        if let Some(known) = self.contacts.get_mut(peer) {
            (known.dead, known.refused, known.sought) = (true, None, None);
        }
        self.group.forget(peer);
        self.promises.forget_link(peer);
        self.lose(peer, loss, turn);
        // The leader may have named its successor already.
        if let Some(seat) = self.group.last_view.get(peer).cloned() {
            let Seat { priority, incarnation, endpoint } = seat;
            if self.contacts.get(peer).is_some_and(|known| known.incarnation != incarnation) {
                self.learn(&Contact { id: peer.clone(), priority, incarnation, endpoint }, false, turn);
            }
        }
        self.admit_successor(peer, turn);
    }

    /// docs/protocol.md, 5.1 to 5.5: each role waits for some process, and must not wait for one that is gone. A leader
    /// drops it, an election goes on without it, a follower elects, a learner seeks.
    fn lose(&mut self, peer: &PeerId, loss: Loss, turn: &mut Turn) {
        match &mut self.role {
            Role::Leader(_) => self.remove_follower(peer, loss, turn),
            Role::Electing(_) => self.on_election_loss(peer, turn),
            Role::Proposing(_) => self.on_proposal_loss(peer, turn),
            Role::Promised(promised) if promised.proposer == *peer => self.elect(None, turn),
            Role::Learner(following) if following.leader == *peer => self.seek(None, turn),
            Role::Member(following) if following.leader == *peer => {
                turn.tell(Event::LeaderFailed { leader: peer.clone() });
                self.elect(None, turn);
            }
            _ => {}
        }
    }

    /// docs/protocol.md, 4.5: what was under way on the old link may be lost. A leader sends its view first and waits
    /// until the follower says where its log ends. A follower fetches, and sends what is pending again.
    pub(super) fn on_link_up(&mut self, peer: &PeerId, turn: &mut Turn) {
        self.promises.forget_link(peer);
        if let Some(known) = self.contacts.get_mut(peer) {
            known.linked = Some(turn.now);
        }
        if let Role::Leader(leading) = &mut self.role {
            let Some(follower) = leading.followers.get_mut(peer) else { return };
            follower.halt();
            let member = leading.members.contains_key(peer);
            if member {
                self.say_view(peer, turn);
            } else {
                self.say_added(peer, turn);
            }
        } else if self.following().is_some_and(|following| following.leader == *peer) {
            self.restart(turn);
        } else if matches!(&self.role, Role::Seeking(seeking) if seeking.has_asked(peer)) {
            self.say_join(peer, turn);
        } else {
            self.on_link_up_in_a_proposal(peer, turn);
        }
    }

    /// Closes the link to a silent peer, so that a healed network is not waited for. The next message to it dials again,
    /// and nobody reports that: the caller sees to what a new link must be told.
    pub(super) fn close(&mut self, peer: &PeerId, turn: &mut Turn) {
        self.promises.forget_link(peer);
        turn.out.push(Effect::Close { peer: peer.clone() });
    }

    /// Begins again where this peer's log ends: what was under way to or from the leader may be lost.
    pub(super) fn restart(&mut self, turn: &mut Turn) {
        self.pending.restart();
        self.fetch(turn);
        self.pump(turn);
    }
}

#[cfg(test)]
mod tests;
