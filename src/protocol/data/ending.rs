//! How far a peer is in stopping.

use crate::protocol::input::Time;

#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// Stopping: until then, what is pending may yet be committed.
    pub(crate) until: Option<Time>,
    /// It said its last word.
    pub(crate) over: bool,
}
