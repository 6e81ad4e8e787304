//! What is handed to the `storage` and to the `sequencer`. A step must not wait, so both inboxes take all that comes.
//! What bounds each is said at its items.

use crossbeam_channel::Sender;

use super::share::Kept;
use crate::ids::Term;
use crate::protocol::{ConnectionId, Store};
use crate::wire::Request;

/// An item of the storage's inbox. The core bounds what waits there. `AHEAD_READINGS` bounds batches: a leader orders
/// no further ahead of its storage (the sequencer waits), and serves no further ahead of what a member has stored. The
/// windows of `protocol::pending` bound readings to be kept. All else is a few bytes, and follows from one of these,
/// from a message that was read, or from a deadline.
pub(super) enum StorageItem {
    Store(Store),
    /// Answers when everything before it is on the disk, whatever `--fsync` says. Rows may wait.
    Safe(Sender<()>),
    /// Everything before it is to be written, rows too; answers when it is.
    Finish(Sender<()>),
    /// Nothing is to be done, but the storage has come to it: the watchdog asks, once for a turn.
    Probe,
}

/// An item of the sequencer's inbox. What waits there is bounded in bytes (`share.rs`): for all connections together,
/// and for each at more than an honest peer has under way (`protocol::pending`). Readers do not wait for room: they
/// would miss what comes after, signs of life among it, while this peer's disk is slow. A connection that sends more is
/// closed.
pub(super) enum SequencerItem {
    /// A request, which connection it came on, and the term it was sent in.
    Request((ConnectionId, Term, Request), Kept),
    /// A connection was read to its end: what came on it before counts first.
    Ended(ConnectionId),
}
