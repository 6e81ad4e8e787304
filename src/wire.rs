//! Text <-> messages. Pure: no sockets, no clock.
//!
//! Lines of UTF-8 that end in LF, a verb first, fields behind colons; an IPv6 address stands in brackets. What grows with
//! history follows its line as a block, whose length in bytes the line states. `<term>` is `<counter>@<leader>/<incarnation>`,
//! `<term|->` may be absent, `<contact>` is `<peer id>:<priority>:<incarnation>:<address>:<port>`, `<origin>` is
//! `<peer id>/<incarnation>`, `<runs>` is the length of a block of lines `<term>:<first sequence>`.
//!
//! | line | block |
//! | --- | --- |
//! | `HELLO:<version>:<group>:<quorum or ->:<peer id>:<incarnation>:<address>:<port>:<addressee or nothing>:<token>` | |
//! | `ERROR:<why>` | |
//! | `NEW_PEER_REQUEST:<contact>` | |
//! | `LEADER:<term>:<size>:<last>:<contact>` | |
//! | `WHO:<nonce>:<token>:<address>:<port>`, `WHO:<nonce>:-` | |
//! | `HERE:<nonce>:<seeking>:<serves>:<dialled>:<contact>:<view, leader's contact or ->:<runs>` | runs |
//! | `JOIN:<promised or ->:<priority>:<last>:<runs>` | runs |
//! | `ADDED TO NETWORK:<receiver's incarnation>:<view>:<runs>` | runs |
//! | `VIEW_CHANGE:<view>:<runs>` | runs |
//! | `HEARTBEAT:<term>:<committed>`, `HEARTBEAT_ACK:<term>:<stored>` | |
//! | `ELECTION:<peer id>:<term or ->`, `OK:<term or ->`, `COORDINATOR:<peer id>:<term>` | |
//! | `LOG_STATE:<term>:<synced or ->:<last>:<runs>` | runs |
//! | `FETCH:<term>:<from>`, `STORED:<term>:<last>`, `COMMIT:<term>:<up to>` | |
//! | `SEQUENCER_REQUEST:<term>:<origin>:<first number>:<count>:<bytes>:<CRC-32>` | payload lines |
//! | `ORDERED:<term>:<bytes>` | a batch, see [`frame`] |
//! | `STALE:<promised or ->:<contact or ->`, `YIELD:<term>:<contact or ->`, `LEAVE:<term or ->` | |
//!
//! `<view>` is `[<ids>]-[<seats>]-<counter>.<change>@<leader>:<leader's incarnation>:<heartbeat interval>:<heartbeat
//! timeout>:<election timeout>:<last at the term's start>`, ids sorted by priority, seats
//! `<id>=<priority>/<address>:<port>/<incarnation>`, both separated by commas, durations in milliseconds.
//!
//! Tokens and nonces are 16 hex digits, facts (`<seeking>`, `<serves>`, `<dialled>`) `1` or `0`.
//!
//! A datagram is a line `PEER:<version>:<group>:<quorum or ->` and one line of `NEW_PEER_REQUEST` or `LEADER`.

pub mod batch;
mod cursor;
pub mod datagram;
pub mod decoder;
mod encode;
mod error;
pub mod frame;
pub mod message;
mod parse;
pub mod refusal;

pub use batch::{Lines, Range, Request};
pub use cursor::Cursor;
pub use datagram::Community;
pub use decoder::Decoder;
pub use encode::{encode, encode_head, readings};
pub use error::WireError;
pub use frame::Frame;
pub use message::{
    Belongs, Contact, Hello, Here, Leadership, Message, RunList, Seat, TermStart, Timing, Token, ViewChange,
    PROTOCOL_VERSION,
};

#[cfg(test)]
mod tests;
