//! What others may see of a peer, for links, status lines and checks.

use std::net::SocketAddr;

use super::data::follower::AHEAD_READINGS;
use super::data::role::Role;
use super::data::standing::Standing;
use super::data::view;
use super::peer::Peer;
use crate::ids::{Incarnation, Number, PeerId, Sequence, Term};
use crate::wire::{Hello, Range, RunList, Token, PROTOCOL_VERSION};

impl Peer {
    /// Where to dial this peer.
    #[must_use]
    pub fn endpoint_of(&self, peer: &PeerId) -> Option<SocketAddr> {
        self.contacts.get(peer).map(|known| known.endpoint)
    }

    /// The known life of a peer, 0 where none is known.
    pub(super) fn incarnation_of(&self, peer: &PeerId) -> Incarnation {
        self.contacts.get(peer).map_or(0, |known| known.incarnation)
    }

    /// The first line of a connection to this peer (`None`: to an address whose peer is not known). By its token the
    /// other side can have this process confirm that it made the connection (docs/protocol.md, 2.2).
    #[must_use]
    pub fn hello(&self, to: Option<&PeerId>) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            group: self.settings.group.clone(),
            quorum: self.settings.quorum,
            peer: self.settings.id.clone(),
            incarnation: self.settings.incarnation,
            endpoint: self.settings.endpoint,
            addressee: to.cloned(),
            token: to
                .and_then(|to| Some(self.settings.secret.token_for(to, self.endpoint_of(to)?)))
                .unwrap_or(Token(0)),
        }
    }

    /// Whether the storage is near the end of this peer's log. If it is slower than the storage of a majority it falls
    /// back, and then a leader must be given nothing more to order.
    #[must_use]
    pub fn keeps_up(&self) -> bool {
        self.log.last().saturating_sub(self.log.stable()) < AHEAD_READINGS
    }

    /// How many readings sources may hand in now; 0: wait until a later step makes room (docs/protocol.md, 4.1). A peer
    /// that nobody can reach must not fill memory and disk with what it cannot hand on.
    #[must_use]
    pub fn room(&self) -> u64 {
        if self.ending.until.is_some() || self.ending.over || !self.keeps_up() {
            0
        } else {
            self.pending.room()
        }
    }

    #[must_use]
    pub fn standing(&self) -> Standing {
        self.role.standing()
    }

    #[must_use]
    pub fn promised(&self) -> Option<&Term> {
        self.promises.promised.as_ref()
    }

    #[must_use]
    pub fn synced(&self) -> Option<&Term> {
        self.promises.synced.as_ref()
    }

    /// The sequence that the log has to reach, or it was damaged; [`NEEDS_ALL`](crate::ids::NEEDS_ALL) where it was.
    #[must_use]
    pub fn needs(&self) -> Sequence {
        self.promises.needs
    }

    /// The term whose view this peer has acted on.
    #[must_use]
    pub fn installed(&self) -> Option<&Term> {
        match &self.role {
            Role::Leader(leading) => Some(&leading.term),
            _ => self.following().map(|following| &following.term),
        }
    }

    #[must_use]
    pub fn leader(&self) -> Option<&PeerId> {
        match &self.role {
            Role::Leader(_) => Some(&self.settings.id),
            _ => self.following().map(|following| &following.leader),
        }
    }

    /// Members of the installed view, sorted by priority; empty while there is none.
    #[must_use]
    pub fn members(&self) -> Vec<PeerId> {
        match &self.role {
            Role::Leader(leading) => view::ordered_peer_list(&leading.members),
            _ => self.following().map_or_else(Vec::new, |following| view::ordered_peer_list(&following.members)),
        }
    }

    /// Whether this peer was taken into the term that this one leads. Only then are its readings ordered.
    #[must_use]
    pub fn takes_readings_of(&self, peer: &PeerId) -> bool {
        matches!(&self.role, Role::Leader(leading) if leading.taken_in.contains_key(peer))
    }

    #[must_use]
    pub fn runs(&self) -> RunList {
        self.log.runs().clone()
    }

    /// The log begins after this: what was before was removed.
    #[must_use]
    pub fn base(&self) -> Sequence {
        self.log.base()
    }

    /// The last sequence of the log.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.log.last()
    }

    #[must_use]
    pub fn committed(&self) -> Sequence {
        self.log.committed()
    }

    /// The number of the last reading that this life took in.
    #[must_use]
    pub fn taken(&self) -> Number {
        self.pending.taken()
    }

    /// The number of the first reading of this life that is not committed.
    #[must_use]
    pub fn first_pending(&self) -> Option<Number> {
        self.pending.first_own()
    }

    /// Readings taken in or cut that are not committed in this peer's log.
    #[must_use]
    pub fn pending(&self) -> Vec<Range> {
        self.pending.ranges()
    }
}

#[cfg(test)]
mod tests;
