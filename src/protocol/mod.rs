//! THE PURE CORE: PROTOCOL.md as a state machine. No clock, socket, file, thread, log or hash order; `Peer::step` takes
//! what happened and says what to do.

mod connections;
mod contacts;
mod discovery;
pub mod effect;
mod election;
pub mod event;
mod heartbeat;
pub mod input;
mod leader_check;
mod log;
mod membership;
mod merge;
mod ordering;
pub mod peer;
pub mod pending;
mod receive;
mod recovery;
pub mod replication;
mod role;
mod sequencer;
mod standing;
mod stopping;
mod turn;
pub mod view;

pub use effect::{Effect, Effects, Exit, Serve, State, Store, Verdict};
pub use event::Event;
pub use input::{Alarm, ConnectionId, Done, Found, Input, Time};
pub use peer::{Peer, Settings};
pub use standing::Standing;
