//! How far a peer is in stopping.

use crate::protocol::input::Time;

#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    /// Set while the peer stops: the time by which pending readings have to be committed.
    pub(crate) until: Option<Time>,
    /// It has said its last word.
    pub(crate) over: bool,
}
