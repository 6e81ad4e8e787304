//! Text <-> messages. Pure: no sockets, no clock.

pub mod batch;
pub mod message;
pub mod refusal;

pub use batch::{Frame, Lines, Range, Request};
pub use message::{
    Contact, Hello, Leadership, Message, RunList, Seat, TermStart, Timing, ViewChange, PROTOCOL_VERSION,
};
