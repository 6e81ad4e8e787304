//! Text <-> messages. Pure: no sockets, no clock.

pub mod batch;
mod cursor;
mod error;
pub mod message;
pub mod refusal;

pub use batch::{Frame, Lines, Range, Request};
pub use cursor::Cursor;
pub use error::WireError;
pub use message::{
    Contact, Hello, Leadership, Message, RunList, Seat, TermStart, Timing, ViewChange, PROTOCOL_VERSION,
};
