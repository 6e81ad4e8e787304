//! Sockets, all of them blocking: discovery datagrams, and TCP connections that carry messages one way.
//!
//! It knows how messages are written, not what they mean. The caller has threads and deadlines, and knows what an error
//! means for the group. Any thread can end a connection with [`hang_up`], which wakes its reader and its writer.

mod address;
mod broadcast;
mod connection;
mod dialled;
mod interfaces;
mod listen;
mod outgoing;
mod send_now;
mod uninterrupted;

pub use address::{announced, canonical, endpoint_announced, endpoint_seen, resolve, seen};
pub use broadcast::{Receiver, Sender, REUSE_PORT};
pub use connection::{dial, give_up_after, hang_up, DialError, Incoming, ReadError};
pub use dialled::Dialled;
pub use interfaces::broadcast_networks;
pub use listen::{listen, probe};
pub use outgoing::Outgoing;
pub use send_now::CAN_SEND_NOW;
pub use uninterrupted::uninterrupted;
