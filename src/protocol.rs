//! The pure core: docs/protocol.md as a state machine. No clock, socket, file, thread, log or hash order; `Peer::step`
//! takes what happened and says what to do.
//!
//! | room | what is in it | may call |
//! | --- | --- | --- |
//! | `input`, `effect`, `event` | all that goes in, and all that comes out | nothing |
//! | `data/` | what a peer keeps; each type has its own methods | other data, `input`, `effect` |
//! | `turn` | the time of a step, and the effects that it hands out | `input`, `effect`, `event` |
//! | `peer`, `deadlines` | the one `match` over inputs, and when the next alarm is due | every mechanism |
//! | `receive` | the gate that each message of another peer passes | every mechanism |
//! | `picture`, `standing` | what others may see of a peer; they change nothing | data |
//! | `notices` | what was logged once, and is not logged again while it stays so | data |
//! | `addresses`, `admission`, `calls`, `conflict`, `connections`, `credibility`, `cuts`, `discovery`, `doubt`, `dropping`, `election`, `heartbeat`, `membership`, `merge`, `ordering`, `reach`, `recovery`, `replication`, `retention`, `stopping`, `unreachable`, `views` | one mechanism each, as methods of `Peer` | data, and other mechanisms |
//!
//! Mechanisms call each other, and in circles: a lost leader starts an election, a won election proposes, a failed
//! proposal seeks, and so on. There are no layers among them. Three rules keep that in hand.
//!
//! - A call that may change the role is the last thing that a function does with the role: what follows looks at
//!   `Peer::role` again.
//! - A mechanism hands effects to its `Turn`, in the order in which they must happen, and reads none back.
//! - Data that one mechanism alone needs is private in its file (`Calls`, `Doubts`, `Visitors`). What several need is in
//!   `data/`, which imports types of `input` and `effect`, and knows no `Peer`.
//!
#![doc = include_str!("../docs/protocol.md")]
#![forbid(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

mod addresses;
mod admission;
mod calls;
mod conflict;
mod connections;
mod credibility;
mod cuts;
mod data;
mod deadlines;
mod discovery;
mod doubt;
mod dropping;
pub mod effect;
mod election;
pub mod event;
mod heartbeat;
pub mod input;
mod membership;
mod merge;
mod notices;
mod ordering;
pub mod peer;
pub mod picture;
mod reach;
mod receive;
mod recovery;
mod replication;
mod retention;
mod standing;
mod stopping;
#[cfg(test)]
mod trial;
mod turn;
mod unreachable;
mod views;

pub use data::follower::AHEAD_READINGS;
pub use data::pending::{PENDING_READINGS_MAX, WINDOW_READINGS};
pub use data::standing::Standing;
pub use data::token::Secret;
pub use effect::{Admission, Call, Effect, Effects, Exit, Serve, State, Store};
pub use event::Event;
pub use input::{Alarm, Answer, ConnectionId, Done, Found, Input, Question, Time};
pub use peer::{Peer, Settings};
pub use picture::Picture;
