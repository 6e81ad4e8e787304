//! Text to messages and back. Pure: no sockets, no clock.
//!
//! The grammar, and a reading's way in bytes, are in docs/protocol.md 2: tests/tidy.rs holds each verb to it.

#![forbid(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod base;
pub mod batch;
mod cursor;
pub mod datagram;
pub mod decoder;
mod encode;
mod error;
pub mod frame;
mod limits;
pub mod message;
mod parse;
mod refusal;

pub use base::Base;
pub use batch::{Lines, Range, Request};
pub use cursor::Cursor;
pub use datagram::Community;
pub use decoder::Decoder;
pub use encode::{encode, encode_head, readings};
pub use error::WireError;
pub use frame::Frame;
pub use limits::Limits;
pub use message::{
    Belongs, Contact, Hello, Here, Leadership, Message, RunList, Seat, TermStart, Timing, Token, ViewChange,
    PROTOCOL_VERSION,
};
pub use refusal::Refusal;

#[cfg(test)]
mod tests;
