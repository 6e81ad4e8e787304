//! What was logged and is not logged again while it stays so.

use crate::ids::PeerId;
use crate::wire::{Limits, Refusal, Timing};

#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is said by itself")]
pub(crate) struct Notices {
    /// An election was won, and no view came of it yet.
    pub(crate) won: bool,
    /// There are too few peers for the quorum.
    pub(crate) suspended: bool,
    /// The leader's timing.
    pub(crate) timing: Option<Timing>,
    /// Followers of this leader that keep another amount than it does.
    pub(crate) limits: Vec<(PeerId, Option<Limits>)>,
    /// Why a peer with another configuration refused this one.
    pub(crate) refusal: Option<Refusal>,
    /// Nothing old goes, since what is left of it would be too much.
    pub(crate) too_much: bool,
    /// The clock went back.
    pub(crate) clock: bool,
}
