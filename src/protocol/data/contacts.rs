//! Which processes this peer knows: where they listen, which of their lives is the current one, on which connection they
//! speak. There is one living process for each `PeerId`: which of two counts is decided here.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::budget::Budget;
use crate::ids::{Incarnation, PeerId};
use crate::protocol::input::{ConnectionId, Time};
use crate::wire::{Contact, Limits};

#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) incarnation: Incarnation,
    pub(crate) priority: i64,
    pub(crate) endpoint: SocketAddr,
    /// It answered there itself; otherwise the leader of a view named it.
    pub(crate) proven: bool,
    /// The incoming connection that counts.
    pub(crate) connection: Option<ConnectionId>,
    /// The address at which the process confirmed that it made that connection.
    home: SocketAddr,
    /// When the process last showed that this is its address: it answered there, or spoke on the connection that it made
    /// from there.
    pub(crate) vouched: Time,
    /// Its process is gone.
    pub(crate) dead: bool,
    /// When a dial was refused, while its connection is still read.
    pub(crate) refused: Option<Time>,
    /// When it was last heard of.
    pub(crate) at: Time,
    /// When it last said that it seeks.
    pub(crate) sought: Option<Time>,
    /// When the link to it was last dialled again with success.
    pub(crate) linked: Option<Time>,
    /// How much it is told to keep, as it last said.
    pub(crate) limits: Option<Limits>,
    /// How often it may still ask to join.
    joins: Budget,
}

/// An incoming connection may end this soon after the link to its maker was dialled again: the other side answers the
/// end of the old link. To dial again then would go back and forth for ever. If its process is gone, the link tells.
const REDIAL_PAUSE: Time = Time::from_millis(100);

/// Connections of processes that belong to nothing. Beyond that, the one that was silent longest is closed.
pub(crate) const STRANGERS_MAX: usize = 48;

/// How often a peer is taken in within a heartbeat timeout: an answer may be lost, and it asks again.
const JOINS_MAX: u32 = 8;

/// What a claim to an id comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It counts.
    Current,
    /// Another life, or the same one at another address, is known, and not known to be gone.
    Moved { endpoint: SocketAddr },
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Contacts {
    known: BTreeMap<PeerId, Known>,
    connections: BTreeMap<ConnectionId, PeerId>,
    /// Open connections that no longer count. Left open, such a connection would be a link into nowhere: its maker goes
    /// on speaking, and nobody hears it.
    unheard: Vec<ConnectionId>,
}

impl Known {
    /// Whether it was not dialled again just now.
    pub(crate) fn may_redial(&self, now: Time) -> bool {
        self.linked.is_none_or(|at| now.checked_sub(at).unwrap() >= REDIAL_PAUSE)
    }

    /// When a dial was refused, if that was within `period`: a refusal may pass, as while a firewall starts.
    pub(crate) fn was_refused(&self, now: Time, period: Time) -> Option<Time> {
        self.refused.filter(|at| now < *at + period)
    }
}

impl Contacts {
    pub(crate) fn get(&self, id: &PeerId) -> Option<&Known> {
        self.known.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &PeerId) -> Option<&mut Known> {
        self.known.get_mut(id)
    }

    /// Forgets a process.
    pub(crate) fn remove(&mut self, id: &PeerId) {
        self.known.remove(id);
    }

    pub(crate) fn is_dead(&self, id: &PeerId) -> bool {
        self.known.get(id).is_some_and(|known| known.dead)
    }

    /// Notes a contact that the process itself proved (`proven`), or that the leader of this peer's view named. Returns
    /// whether it counts.
    pub(crate) fn learn(&mut self, contact: &Contact, proven: bool, now: Time) -> bool {
        if self.claim(contact) != Claim::Current {
            // A leader's word about a process may be older than its open connection, which counts more. Of two words of
            // leaders the later counts, whichever life it names: clocks go back.
            if self.known.get(&contact.id).is_some_and(|known| known.connection.is_some() || known.proven) {
                return false;
            }
            self.known.remove(&contact.id);
        }
        let fresh = || Known {
            incarnation: contact.incarnation,
            priority: contact.priority,
            endpoint: contact.endpoint,
            proven,
            connection: None,
            home: contact.endpoint,
            vouched: now,
            dead: false,
            refused: None,
            at: now,
            sought: None,
            linked: None,
            limits: None,
            joins: Budget::new(JOINS_MAX),
        };
        let known = self.known.entry(contact.id.clone()).or_insert_with(fresh);
        if known.incarnation != contact.incarnation {
            if let Some(connection) = std::mem::replace(known, fresh()).connection {
                self.connections.remove(&connection);
                self.unheard.push(connection);
            }
        }
        if known.dead {
            // It may listen elsewhere now than when it was thought gone.
            (known.endpoint, known.dead) = (contact.endpoint, !proven);
        }
        // What a process said of itself counts for more than what a leader says of it.
        if proven || !known.proven {
            known.priority = contact.priority;
        }
        (known.at, known.proven) = (now, known.proven || proven);
        true
    }

    /// What the claim of this process to its id comes to.
    pub(crate) fn claim(&self, contact: &Contact) -> Claim {
        match self.known.get(&contact.id) {
            Some(known) if known.dead => Claim::Current,
            Some(known) if (known.incarnation, known.endpoint) != (contact.incarnation, contact.endpoint) => {
                Claim::Moved { endpoint: known.endpoint }
            }
            _ => Claim::Current,
        }
    }

    /// Whether this very process proved that it is there.
    pub(crate) fn is_proven(&self, contact: &Contact) -> bool {
        self.known.get(&contact.id).is_some_and(|known| {
            known.proven
                && !known.dead
                && (known.incarnation, known.endpoint) == (contact.incarnation, contact.endpoint)
        })
    }

    /// From now on this connection speaks for a process, which proved that it made the connection.
    pub(crate) fn connect(&mut self, contact: &Contact, connection: ConnectionId, now: Time) {
        if let Some(before) = self.known.get(&contact.id).and_then(|known| known.connection) {
            self.silence(before);
        }
        if self.known.get(&contact.id).is_some_and(|known| known.incarnation != contact.incarnation) {
            self.known.remove(&contact.id);
        }
        self.settle(contact, now);
        let known = self.known.get_mut(&contact.id).expect("just learned");
        (known.connection, known.home) = (Some(connection), contact.endpoint);
        self.connections.insert(connection, contact.id.clone());
    }

    /// This life listens at this address: it answered there.
    pub(crate) fn settle(&mut self, contact: &Contact, now: Time) {
        if let Some(known) = self.known.get_mut(&contact.id).filter(|known| known.incarnation == contact.incarnation) {
            (known.endpoint, known.dead, known.refused) = (contact.endpoint, false, None);
        }
        self.learn(contact, true, now);
        if let Some(known) = self.known.get_mut(&contact.id) {
            known.vouched = now;
        }
    }

    /// Something comes on this connection. Returns whose it is, and whether its process gets back the address that it
    /// made the connection from: to speak from an address counts more than to answer at another.
    pub(crate) fn hear(&mut self, connection: ConnectionId, now: Time) -> Option<(&PeerId, bool)> {
        let id = self.connections.get(&connection)?;
        let Some(known) = self.known.get_mut(id) else { return Some((id, false)) };
        let moves = std::mem::replace(&mut known.endpoint, known.home) != known.home;
        (known.at, known.vouched) = (now, now);
        Some((id, moves))
    }

    /// A connection was read to its end. Returns whose it was, if it counted.
    pub(crate) fn ended(&mut self, connection: ConnectionId) -> Option<PeerId> {
        let id = self.connections.remove(&connection)?;
        let known = self.known.get_mut(&id)?;
        if known.connection != Some(connection) {
            return None;
        }
        known.connection = None;
        Some(id)
    }

    /// What comes on this connection no longer counts.
    pub(crate) fn silence(&mut self, connection: ConnectionId) {
        let Some(id) = self.connections.remove(&connection) else { return };
        self.unheard.push(connection);
        if let Some(known) = self.known.get_mut(&id).filter(|known| known.connection == Some(connection)) {
            known.connection = None;
        }
    }

    /// Connections to be closed.
    pub(crate) fn take_unheard(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.unheard)
    }

    /// Seekers heard of since `since` that are not known to be gone.
    pub(crate) fn seekers(&self, since: Time) -> impl Iterator<Item = &PeerId> {
        let fresh = move |known: &Known| !known.dead && known.sought.is_some_and(|at| at >= since);
        self.known.iter().filter(move |(_, known)| fresh(known)).map(|(id, _)| id)
    }

    /// Whether this peer may ask to join once more within `period`.
    pub(crate) fn may_join(&mut self, id: &PeerId, now: Time, period: Time) -> bool {
        self.known.get_mut(id).is_some_and(|known| known.joins.spend(now, period))
    }

    /// Peers that speak, when each was last heard of, and on which connection.
    pub(crate) fn connected(&self) -> impl Iterator<Item = (&PeerId, Time, ConnectionId)> {
        self.known.iter().filter_map(|(id, known)| known.connection.map(|connection| (id, known.at, connection)))
    }

    /// Forgets processes that were not heard of since `since` and are not `needed`, and returns them.
    pub(crate) fn forget(&mut self, since: Time, needed: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let stays = |id: &PeerId, known: &Known| known.at >= since || needed(id);
        let strangers = self.known.iter().filter(|(id, known)| !stays(id, known));
        let strangers: Vec<PeerId> = strangers.map(|(id, _)| id.clone()).collect();
        for id in &strangers {
            if let Some(connection) = self.known.remove(id).and_then(|known| known.connection) {
                self.silence(connection);
            }
        }
        strangers
    }
}

#[cfg(test)]
mod tests;
