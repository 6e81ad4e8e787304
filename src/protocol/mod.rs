//! THE PURE CORE: PROTOCOL.md as a state machine. No clock, socket, file, thread, log or hash order; `Peer::step` takes
//! what happened and says what to do.

pub mod effect;
pub mod event;
pub mod input;
pub mod peer;

pub use effect::{Effect, Effects, Exit, Serve, State, Store, Verdict};
pub use event::Event;
pub use input::{Alarm, ConnectionId, Done, Found, Input, Time};
pub use peer::{Peer, Settings, Standing};
