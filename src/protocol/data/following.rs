//! What a peer knows while it follows a leader.

use super::view::Members;
use crate::ids::{PeerId, Sequence, Term};
use crate::protocol::input::Time;
use crate::wire::ViewChange;

#[derive(Debug, Clone)]
pub(crate) struct Following {
    pub(crate) term: Term,
    pub(crate) leader: PeerId,
    pub(crate) change: u64,
    /// Empty for a learner.
    pub(crate) members: Members,
    /// The leader's last sequence when its term started.
    pub(crate) start: Sequence,
    /// The last sign of life of the leader.
    pub(crate) heard: Time,
    /// How far the log is committed, as the leader says: perhaps further than this peer's log goes yet.
    pub(crate) leader_commit: Sequence,
    /// The last `STORED` of this term that left.
    pub(crate) stored_said: Sequence,
    /// A `FETCH` from here is under way; 0: what it brought came too early and was dropped.
    pub(crate) fetched_from: Sequence,
}

impl Following {
    pub(crate) fn new(view: &ViewChange, members: Members, now: Time) -> Self {
        Self {
            term: view.term.clone(),
            leader: view.term.leader.clone(),
            change: view.change,
            members,
            start: view.start.last,
            heard: now,
            leader_commit: 0,
            stored_said: 0,
            fetched_from: 0,
        }
    }
}
