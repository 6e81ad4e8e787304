//! THE PURE CORE: docs/protocol.md as a state machine. No clock, socket, file, thread, log or hash order; `Peer::step`
//! takes what happened and says what to do.
//!
#![doc = include_str!("../docs/protocol.md")]

mod about;
mod addresses;
mod admission;
mod budget;
mod calls;
mod conflict;
mod connections;
mod contacts;
mod cuts;
mod discovery;
mod doubt;
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
mod reach;
mod receive;
mod recovery;
pub mod replication;
mod role;
mod sequencer;
mod standing;
mod stopping;
mod token;
mod turn;
mod unreachable;
pub mod view;

pub use about::About;
pub use effect::{Call, Effect, Effects, Exit, Serve, State, Store, Verdict};
pub use event::Event;
pub use input::{Alarm, Answer, ConnectionId, Done, Found, Input, Question, Time};
pub use peer::{Peer, Settings};
pub use standing::Standing;
pub use token::Secret;
