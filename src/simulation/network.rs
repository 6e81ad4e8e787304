//! Connections of the virtual network: first in, first out, cut short when they break.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ids::PeerId;
use crate::protocol::Time;
use crate::simulation::closed::Channel;
use crate::threads::outbox::Outbox;
use crate::wire::{Hello, Message};

/// How many messages are under way on a connection before its sender has to wait for the receiver.
pub const IN_FLIGHT_MAX: usize = 24;

/// What travels on a connection.
#[derive(Debug, Clone)]
pub enum Item {
    Hello(Hello),
    Message(Message),
    /// In a closed group: either of these, or a damaged one.
    Sealed(Arc<[u8]>),
    End,
}

/// What a datagram is on the network.
#[derive(Debug, Clone)]
pub enum Datagram {
    Open(Message),
    Bytes(Arc<[u8]>),
}

impl Item {
    /// What the item says, where that is not sealed.
    pub(crate) fn message(&self) -> Option<Message> {
        match self {
            Self::Hello(hello) => Some(Message::Hello(hello.clone())),
            Self::Message(message) => Some(message.clone()),
            Self::Sealed(_) | Self::End => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Not admitted yet: nothing is read.
    Waiting,
    Open,
    Over,
}

/// One TCP connection, from the process that dialled to the one that accepted.
#[derive(Debug)]
pub struct Connection {
    pub from: usize,
    pub to: usize,
    /// The peer of the link; `None`: a question to a `--join` address.
    pub link: Option<PeerId>,
    pub pipe: VecDeque<Item>,
    /// In a closed group: its keys.
    pub(crate) channel: Option<Channel>,
    /// Its `HELLO` came.
    pub greeted: bool,
    /// Items that came before it was admitted.
    pub held: usize,
    pub reading: Reading,
    /// The sender can write.
    pub writable: bool,
    pub last_arrival: Time,
    /// When the kernel sends again what a cut lost: it waits twice as long after each try.
    pub stalled_until: Option<Time>,
}

/// The link of a process to one peer.
#[derive(Debug, Clone, Default)]
pub struct Link {
    pub outbox: Outbox,
    pub state: LinkState,
    /// The next successful dial is news.
    pub report: bool,
    /// The unique number of the last dial, which tells its answer from answers to earlier dials, even of the link
    /// before.
    pub attempt: u64,
    /// The old connection, which is closed when the new one is up.
    pub old: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    #[default]
    Idle,
    Dialing,
    Up(u64),
}
