//! What this peer remembers of the group that it belongs to, or belonged to.

use std::collections::BTreeSet;

use super::view::Members;
use crate::ids::PeerId;

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
}
