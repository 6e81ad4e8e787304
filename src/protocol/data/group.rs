//! What this peer remembers of the group that it belongs to, or belonged to.

use std::collections::BTreeSet;

use super::view::Members;
use crate::ids::PeerId;
use crate::protocol::input::Time;

#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    /// Members of the last view installed, whatever became of it.
    pub(crate) last_view: Members,
    /// Peers that fell out of a view of this leader's and may still live.
    pub(crate) lost: BTreeSet<PeerId>,
    /// Peers that asked to join while this peer proposes.
    pub(crate) asking: BTreeSet<PeerId>,
    /// This peer is leaving a view for the group of another leader.
    pub(crate) merging: bool,
    /// It was a member, or a leader, in this life.
    pub(crate) served: bool,
}

impl Group {
    /// The process of this peer is gone: it asks for nothing any more, and nobody looks for it.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.asking.remove(peer);
        self.lost.remove(peer);
    }

    /// Looks for at most this many lost peers: those `heard` of last.
    pub(crate) fn bound_lost(&mut self, most: usize, heard: impl Fn(&PeerId) -> Option<Time>) {
        let Some(excess) = self.lost.len().checked_sub(most).filter(|excess| *excess > 0) else { return };
        let mut by_age: Vec<(Option<Time>, PeerId)> = self.lost.iter().map(|id| (heard(id), id.clone())).collect();
        by_age.sort_unstable();
        for (_, id) in by_age.drain(..excess) {
            self.lost.remove(&id);
        }
    }
}
