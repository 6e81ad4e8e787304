//! What is handed to the `storage` and to the `sequencer`. A step must not wait, so both inboxes take all that comes;
//! what bounds each is said with its items.

use crossbeam_channel::Sender;

use super::share::Kept;
use crate::ids::Term;
use crate::protocol::{ConnectionId, Store};
use crate::wire::Request;

/// An item of the storage's inbox. The core bounds what waits there: batches by `AHEAD_READINGS`, because a leader orders
/// no more ahead of its storage (the sequencer waits) and serves no more ahead of what a member says it has stored; readings
/// to be kept by the windows of `protocol::pending`. All else is a few bytes, and follows from one of these, from a
/// message that was read, or from a deadline.
pub(super) enum StorageItem {
    Store(Store),
    /// Everything before it is to be written; answers when it is.
    Finish(Sender<()>),
}

/// An item of the sequencer's inbox. What waits there is bounded in bytes (`share.rs`): for each connection above what an
/// honest peer has under way (`protocol::pending`), and for all together. Readers do not wait for room in it: they would
/// not read what comes after it, signs of life among it, for as long as this peer's disk is slow. A connection that sends
/// more is closed.
pub(super) enum SequencerItem {
    /// A request, which connection it came on, and the term it was sent in.
    Request((ConnectionId, Term, Request), Kept),
    /// A connection was read to its end: what came on it before counts first.
    Ended(ConnectionId),
}
