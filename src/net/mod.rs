//! Sockets, all of them blocking: discovery datagrams, and TCP connections that carry messages one way.
//!
//! Knows how messages are written, not what they mean. Threads, deadlines and what an error means for the group are the
//! caller's.

mod address;
mod broadcast;
mod interfaces;
mod listen;

pub use address::{announced, resolve, seen};
pub use broadcast::{Receiver, Sender, REUSE_PORT};
pub use listen::{accept, listen};
