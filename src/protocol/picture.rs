//! What a peer knows of its group and of itself, copied for people and programs that look at it. Nothing here decides.

use std::net::SocketAddr;

use super::data::role::Role;
use super::data::standing::Standing;
use super::data::view::{self, Members};
use super::input::Time;
use super::peer::Peer;
use crate::ids::{PeerId, Sequence, Term};

/// A peer and its group at one moment, as the peer sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub standing: Standing,
    /// The installed term, where there is one.
    pub term: Option<Term>,
    /// The view's number within its term; 0 where there is none.
    pub change: u64,
    pub leader: Option<PeerId>,
    /// Members and learners, lowest rank first, with this peer.
    pub members: Vec<Member>,
    /// How many members there are, and how many it takes, where the quorum is missing.
    pub suspended: Option<(usize, usize)>,
    /// Entries up to here were removed.
    pub base: Sequence,
    /// CSV rows are written up to here.
    pub delivered: Sequence,
    /// A majority has stored the log up to here, as far as this peer knows.
    pub committed: Sequence,
    /// The end of this peer's log.
    pub last: Sequence,
    /// This peer's storage has reached this.
    pub stored: Sequence,
    /// How far the log is committed, as the leader says: perhaps further than this peer's log goes yet.
    pub leader_committed: Sequence,
    /// Readings that were taken in, or cut, and are not committed.
    pub waiting: u64,
}

/// A member or learner of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: PeerId,
    pub priority: i64,
    pub endpoint: SocketAddr,
    /// It catches up, and is not counted yet.
    pub learner: bool,
    /// How long ago it was last heard; `None` where this peer does not listen to it, and for itself.
    pub silent: Option<Time>,
    /// Entries of the leader's log that it has not stored; `None` where this peer does not know.
    pub lag: Option<u64>,
}

impl Peer {
    /// A copy of what is known at `now`.
    #[must_use]
    pub fn picture(&self, now: Time) -> Picture {
        let following = self.following();
        let (change, leader_committed) = match &self.role {
            Role::Leader(leading) => (leading.change, self.log.committed()),
            _ => following.map_or((0, 0), |following| (following.change, following.leader_commit)),
        };
        let members = self.members_of_picture(now);
        let have = members.iter().filter(|member| !member.learner).count().max(1);
        let need = self.quorum();
        Picture {
            standing: self.standing(),
            term: self.installed().cloned(),
            change,
            leader: self.leader().cloned(),
            suspended: (self.settings.quorum.is_some() && have < need).then_some((have, need)),
            members,
            base: self.log.base(),
            delivered: self.delivery.up_to,
            committed: self.log.committed(),
            last: self.log.last(),
            stored: self.log.stable(),
            leader_committed: leader_committed.max(self.log.committed()),
            waiting: self.pending.len(),
        }
    }

    fn members_of_picture(&self, now: Time) -> Vec<Member> {
        let nobody = Members::new();
        let members = match &self.role {
            Role::Leader(leading) => &leading.members,
            _ => self.following().map_or(&nobody, |following| &following.members),
        };
        let mut shown: Vec<Member> = view::ordered_peer_list(members)
            .into_iter()
            .map(|id| {
                let seat = &members[&id];
                self.member_of_picture(&id, (seat.priority, seat.endpoint), now)
            })
            .collect();
        if let Role::Leader(leading) = &self.role {
            for id in leading.learners.keys() {
                if let Some(contact) = self.contact(id) {
                    let learner = self.member_of_picture(id, (contact.priority, contact.endpoint), now);
                    shown.push(Member { learner: true, ..learner });
                }
            }
        }
        shown
    }

    fn member_of_picture(&self, id: &PeerId, (priority, endpoint): (i64, SocketAddr), now: Time) -> Member {
        let own = *id == self.settings.id;
        let endpoint = if own { self.settings.endpoint } else { self.endpoint_of(id).unwrap_or(endpoint) };
        let (silent, lag) = match &self.role {
            Role::Leader(_) if own => (None, Some(self.log.last() - self.log.stable())),
            Role::Leader(leading) => leading.followers.get(id).map_or((None, None), |follower| {
                (Some(now.saturating_sub(follower.heard)), Some(self.log.last().saturating_sub(follower.stored)))
            }),
            _ => match self.following() {
                Some(following) if own => {
                    let end = following.leader_commit.max(self.log.last());
                    (None, Some(end - self.log.stable()))
                }
                Some(following) if following.leader == *id => (Some(now.saturating_sub(following.heard)), None),
                _ => (None, None),
            },
        };
        Member { id: id.clone(), priority, endpoint, learner: false, silent, lag }
    }
}

#[cfg(test)]
mod tests;
