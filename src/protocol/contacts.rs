//! Which processes this peer knows: where they listen, which of their lives is the current one, on which connection they
//! speak. One living process a `PeerId`: who of two counts is decided here.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::input::{ConnectionId, Time};
use crate::ids::{Incarnation, PeerId};
use crate::wire::Contact;

#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) incarnation: Incarnation,
    pub(super) priority: i64,
    pub(super) endpoint: SocketAddr,
    /// The incoming connection that counts.
    pub(super) connection: Option<ConnectionId>,
    /// Its process is gone.
    pub(super) dead: bool,
    /// When a dial was refused while its connection is still being read.
    pub(super) refused: Option<Time>,
    /// When it was last heard of.
    pub(super) at: Time,
    /// When it last said that it seeks.
    pub(super) sought: Option<Time>,
    /// When it was last told over TCP that this peer seeks.
    pub(super) told: Option<Time>,
    /// When its address was last dialled to see whether it lives.
    pub(super) probed: Option<Time>,
    /// When the own link to it was last dialled anew with success.
    pub(super) linked: Option<Time>,
}

/// A process that claims the id of a known one with a later incarnation, and waits until that one is found gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer {
    pub(super) connection: ConnectionId,
    /// Is this connection its link to this peer, and not just a question?
    pub(super) link: bool,
    pub(super) incarnation: Incarnation,
    pub(super) endpoint: SocketAddr,
    /// The old one has until then to answer.
    pub(super) until: Time,
    /// The old address could be dialled again: whoever speaks for the old incarnation now is alive.
    pub(super) old_is_there: bool,
}

/// What a claim to an id comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// It counts.
    Current,
    /// A later life speaks, and the earlier one is not known to be gone.
    Newer,
    /// A later life is known.
    Superseded,
}

#[derive(Debug, Default)]
pub(super) struct Contacts {
    known: BTreeMap<PeerId, Known>,
    connections: BTreeMap<ConnectionId, PeerId>,
    newcomers: BTreeMap<PeerId, Newcomer>,
}

impl Contacts {
    pub(super) fn get(&self, id: &PeerId) -> Option<&Known> {
        self.known.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &PeerId) -> Option<&mut Known> {
        self.known.get_mut(id)
    }

    /// Forgets a process at once.
    pub(super) fn remove(&mut self, id: &PeerId) {
        self.known.remove(id);
    }

    pub(super) fn is_dead(&self, id: &PeerId) -> bool {
        self.known.get(id).is_some_and(|known| known.dead)
    }

    /// Whose words come on this connection, if it still counts.
    pub(super) fn speaker(&self, connection: ConnectionId) -> Option<&PeerId> {
        self.connections.get(&connection)
    }

    /// Who is meant by a contact that somebody else gave, or that came as a datagram.
    pub(super) fn learn(&mut self, contact: &Contact, now: Time) -> Claim {
        let claim = self.claim(&contact.id, contact.incarnation);
        if claim != Claim::Current {
            return claim;
        }
        let fresh = Known {
            incarnation: contact.incarnation,
            priority: contact.priority,
            endpoint: contact.endpoint,
            connection: None,
            dead: false,
            refused: None,
            at: now,
            sought: None,
            told: None,
            probed: None,
            linked: None,
        };
        let known = self.known.entry(contact.id.clone()).or_insert_with(|| fresh.clone());
        if known.incarnation < contact.incarnation {
            *known = fresh;
            self.newcomers.remove(&contact.id);
        } else {
            known.priority = contact.priority;
            known.at = now;
            // A first-hand address stays while it works.
            if !contact.endpoint.ip().is_unspecified() && known.connection.is_none() {
                known.endpoint = contact.endpoint;
            }
        }
        Claim::Current
    }

    /// Would this life of `id` count?
    pub(super) fn claim(&self, id: &PeerId, incarnation: Incarnation) -> Claim {
        match self.known.get(id) {
            Some(known) if incarnation < known.incarnation => Claim::Superseded,
            Some(known) if incarnation > known.incarnation && !known.dead => Claim::Newer,
            _ => Claim::Current,
        }
    }

    /// This connection speaks for `id` from now on. Returns the one that did before.
    pub(super) fn connect(
        &mut self,
        id: &PeerId,
        incarnation: Incarnation,
        endpoint: SocketAddr,
        connection: ConnectionId,
        now: Time,
    ) -> Option<ConnectionId> {
        let priority = self.known.get(id).map_or(0, |known| known.priority);
        let contact = Contact { id: id.clone(), priority, incarnation, endpoint };
        let before = self.known.get_mut(id).and_then(|known| known.connection.take());
        self.learn(&contact, now);
        let known = self.known.get_mut(id).expect("just learned");
        (known.connection, known.endpoint, known.at) = (Some(connection), endpoint, now);
        (known.dead, known.refused) = (false, None);
        self.connections.insert(connection, id.clone());
        if let Some(before) = before {
            self.connections.remove(&before);
        }
        before
    }

    /// This connection speaks for `id` beside the one that counts: it was dialled without knowing who listens here.
    pub(super) fn visit(&mut self, contact: &Contact, connection: ConnectionId, now: Time) {
        self.learn(contact, now);
        self.connections.insert(connection, contact.id.clone());
    }

    /// A connection was read to its end. Returns whose it was, if it counted.
    pub(super) fn ended(&mut self, connection: ConnectionId) -> Option<PeerId> {
        self.newcomers.retain(|_, newcomer| newcomer.connection != connection);
        let id = self.connections.remove(&connection)?;
        let known = self.known.get_mut(&id)?;
        if known.connection != Some(connection) {
            return None;
        }
        known.connection = None;
        Some(id)
    }

    /// Nothing more counts that comes on this connection: its speaker said goodbye.
    pub(super) fn silence(&mut self, connection: ConnectionId) {
        let Some(id) = self.connections.remove(&connection) else { return };
        if let Some(known) = self.known.get_mut(&id).filter(|known| known.connection == Some(connection)) {
            known.connection = None;
        }
    }

    /// Seekers heard of since `since` that are not known to be gone.
    pub(super) fn seekers(&self, since: Time) -> impl Iterator<Item = &PeerId> {
        let fresh = move |known: &Known| !known.dead && known.sought.is_some_and(|at| at >= since);
        self.known.iter().filter(move |(_, known)| fresh(known)).map(|(id, _)| id)
    }

    /// Who waits for this peer's earlier life to be found gone.
    pub(super) fn newcomer(&self, id: &PeerId) -> Option<&Newcomer> {
        self.newcomers.get(id)
    }

    pub(super) fn newcomer_mut(&mut self, id: &PeerId) -> Option<&mut Newcomer> {
        self.newcomers.get_mut(id)
    }

    pub(super) fn newcomers(&self) -> impl Iterator<Item = (&PeerId, &Newcomer)> {
        self.newcomers.iter()
    }

    pub(super) fn set_newcomer(&mut self, id: &PeerId, newcomer: Newcomer) {
        self.newcomers.insert(id.clone(), newcomer);
    }

    pub(super) fn take_newcomer(&mut self, id: &PeerId) -> Option<Newcomer> {
        self.newcomers.remove(id)
    }

    /// When the first newcomer that waits has waited enough.
    pub(super) fn newcomer_due(&self) -> Option<Time> {
        self.newcomers.values().map(|newcomer| newcomer.until).min()
    }

    /// Forgets processes that do not speak, were not heard of since `since` and are not `needed`. Returns them.
    pub(super) fn forget(&mut self, since: Time, needed: impl Fn(&PeerId) -> bool) -> Vec<PeerId> {
        let newcomers = &self.newcomers;
        let stays = |id: &PeerId, known: &Known| {
            known.connection.is_some() || newcomers.contains_key(id) || known.at >= since || needed(id)
        };
        let strangers: Vec<PeerId> =
            self.known.iter().filter(|(id, known)| !stays(id, known)).map(|(id, _)| id.clone()).collect();
        for id in &strangers {
            self.known.remove(id);
        }
        strangers
    }
}
