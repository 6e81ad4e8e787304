//! Sockets, all of them blocking: discovery datagrams, and TCP connections that carry messages one way.
//!
//! Knows how messages are written, not what they mean. Threads, deadlines and what an error means for the group are the
//! caller's; a connection is ended from any thread with [`hang_up`], which wakes its reader and its writer.

mod address;
mod broadcast;
mod connection;
mod dialled;
mod interfaces;
mod listen;
mod outgoing;
mod send_now;

pub use address::{announced, canonical, endpoint_announced, endpoint_seen, resolve, seen};
pub use broadcast::{Receiver, Sender, REUSE_PORT};
pub use connection::{dial, give_up_after, hang_up, DialError, Incoming, ReadError};
pub use dialled::Dialled;
pub use interfaces::broadcast_networks;
pub use listen::{listen, probe};
pub use outgoing::Outgoing;
pub use send_now::CAN_SEND_NOW;
