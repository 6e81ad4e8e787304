//! Where a process is dialled: a name belongs to the life that answered under it first, and its address is the one where it
//! answers or speaks from. A process may have several addresses, and another process may have borrowed its name.

use std::net::SocketAddr;

use super::data::contacts::{Claim, Known};
use super::data::leading::TakenIn;
use super::data::role::Role;
use super::effect::Effect;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{Incarnation, PeerId};
use crate::wire::Contact;

impl Peer {
    /// A process that was silent is heard again, or it made another connection (`dials`). What the link to it wrote
    /// meanwhile may be lost, and the kernel may wait as long as the silence lasted before it sends that again. So the
    /// link is made again, too.
    pub(super) fn renew_link(&mut self, contact: &Contact, dials: bool, turn: &mut Turn) {
        let interval = self.settings.timing.heartbeat_interval;
        let known = self.contacts.get(&contact.id).filter(|known| known.incarnation == contact.incarnation);
        let is_due = |known: &Known| {
            let was_renewed = known.linked.is_some_and(|at| turn.now < at + interval);
            let was_silent = turn.now >= known.vouched + interval * 3 / 2;
            // A process that never made a connection has nothing to hear yet.
            known.connection.is_some() && !was_renewed && (was_silent || dials)
        };
        if known.is_some_and(is_due) {
            self.redial(&contact.id, turn);
        }
    }

    /// Notes the address of a process that answered there. A process that lately showed itself at another address keeps
    /// that address, wherever else it answers: another process may have borrowed its name. Returns the contact that
    /// counts, if any.
    pub(super) fn place(&mut self, contact: Contact, turn: &mut Turn) -> Option<Contact> {
        self.renew_link(&contact, false, turn);
        let Contact { id, incarnation, .. } = &contact;
        let known = self.contacts.get(id).filter(|known| !known.dead && known.incarnation == *incarnation);
        let patience = self.settings.timing.heartbeat_timeout;
        let keeps = |known: &&Known| {
            known.endpoint != contact.endpoint && turn.now < known.vouched + patience && self.trusts(id)
        };
        if let Some(endpoint) = known.filter(keeps).map(|known| known.endpoint) {
            let contact = Contact { endpoint, ..contact };
            return self.learn(&contact, true, turn).then_some(contact);
        }
        let before = self.contacts.get(id).map(|known| (known.incarnation, known.endpoint));
        self.contacts.settle(&contact, turn.now);
        self.close_if_moved(&contact.id, before, turn);
        self.contacts.is_proven(&contact).then_some(contact)
    }

    /// A process speaks from another of its addresses, and said so at the known one: it is still the very process that
    /// was taken in.
    pub(super) fn note_move(&mut self, contact: &Contact) {
        let Claim::Moved { endpoint } = self.contacts.claim(contact) else { return };
        let Role::Leader(leading) = &mut self.role else { return };
        let of_it =
            |taken_in: &&mut TakenIn| (taken_in.incarnation, taken_in.endpoint) == (contact.incarnation, endpoint);
        if let Some(taken_in) = leading.taken_in.get_mut(&contact.id).filter(of_it) {
            taken_in.endpoint = contact.endpoint;
        }
    }

    /// Notes a contact. A link to another life of it, or to another address, does not reach this one.
    pub(super) fn learn(&mut self, contact: &Contact, proven: bool, turn: &mut Turn) -> bool {
        let before = self.contacts.get(&contact.id).map(|known| (known.incarnation, known.endpoint));
        let counts = self.contacts.learn(contact, proven, turn.now);
        self.close_if_moved(&contact.id, before, turn);
        counts
    }

    /// The life or the address of a peer changed since `before`: a link to the old one reaches nobody, and is dialled
    /// again or closed.
    pub(super) fn close_if_moved(&mut self, peer: &PeerId, before: Option<(Incarnation, SocketAddr)>, turn: &mut Turn) {
        let now = self.contacts.get(peer).map(|known| (known.incarnation, known.endpoint));
        match (before, now) {
            (Some((life, _)), Some((same, _))) if life == same && before != now => self.redial(peer, turn),
            (Some(_), _) if before != now => self.close(peer, turn),
            _ => {}
        }
    }

    /// Dials the address of a peer again, where there is a link to it. `Input::LinkUp` says when the peer can be told
    /// what it needs.
    pub(super) fn redial(&mut self, peer: &PeerId, turn: &mut Turn) {
        self.promises.forget_link(peer);
        turn.out.push(Effect::Redial { peer: peer.clone() });
    }
}

#[cfg(test)]
mod tests;
