//! What comes next in the virtual world.

use std::net::{IpAddr, SocketAddr};

use crate::ids::PeerId;
use crate::protocol::{Alarm, Answer, Done, Question};
use crate::simulation::fault::Fault;
use crate::simulation::network::Datagram;
use crate::wire::{Refusal, Token};

/// What comes next.
#[derive(Debug, Clone)]
pub enum Event {
    Arrive(u64),
    Dialed {
        process: usize,
        peer: PeerId,
        attempt: u64,
    },
    /// A dial was not answered: the way there or back is cut.
    DialedInVain {
        process: usize,
        peer: PeerId,
        attempt: u64,
    },
    /// The sender finds its connection broken; `why` where the receiver refused it.
    Broken {
        process: usize,
        peer: PeerId,
        connection: u64,
        why: Option<Refusal>,
    },
    Alarm {
        process: usize,
        alarm: Alarm,
    },
    Work(usize),
    /// The rows that wait have to be written.
    Write(usize),
    /// A storage reports what it has not done.
    Report {
        process: usize,
        done: Done,
    },
    Sequence(usize),
    Datagram {
        process: usize,
        from: IpAddr,
        datagram: Datagram,
        /// In the record; 0: it is not in it.
        number: u64,
    },
    /// A question on its way to the listener at an address.
    Call {
        from: usize,
        to: SocketAddr,
        question: Question,
        number: u64,
    },
    Answered {
        process: usize,
        nonce: Token,
        from: SocketAddr,
        answer: Answer,
        number: u64,
    },
    Readings(usize),
    Fault(Fault),
    /// What a scenario does to the host that leads.
    OnLeader(Fault),
    /// The liar says something.
    Lie,
    /// The outsider does something.
    Meddle,
}
