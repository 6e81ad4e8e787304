//! What a peer keeps while it runs, apart from what it does with it. A type of this room knows its neighbours here, and
//! never [`Peer`](super::Peer); so it can be read, and tested, alone.

pub(super) mod budget;
pub(super) mod clock;
pub(super) mod contacts;
pub(super) mod delivery;
pub(super) mod ending;
pub(super) mod follower;
pub(super) mod following;
pub(super) mod group;
pub(super) mod leading;
pub(super) mod log;
pub(super) mod notices;
pub(super) mod pending;
pub(super) mod promises;
pub(super) mod reach;
pub(super) mod role;
pub(super) mod sequencer;
pub(super) mod standing;
pub(super) mod token;
pub(super) mod view;
