//! Datagrams: out on every network, in to the core.

use std::sync::Arc;
use std::time::Instant;

use super::node::{lock, Node};
use crate::complaints::{Kind, Subject};
use crate::net;
use crate::protocol::Input;
use crate::wire::datagram::DATAGRAM_BYTES_MAX;
use crate::wire::{refusal, Message, WireError};

/// `discovery-rx`: reads datagrams for ever.
pub(super) fn run(node: &Arc<Node>, receiver: &net::Receiver) {
    // One byte more, so that what is too long shows.
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
    loop {
        let (length, from) = match receiver.recv(&mut buffer) {
            Ok(datagram) => datagram,
            Err(error) => {
                let text = format!("Cannot read from the discovery port: {error}");
                node.complaints.warn("discovery_unreadable", &text);
                super::pause(std::time::Duration::from_millis(50));
                continue;
            }
        };
        match node.community.parse(&buffer[..length]) {
            Ok(message) => {
                node.step(Input::Datagram { from: from.ip().to_canonical(), message: seen(message, from) });
            }
            Err(WireError::OtherGroup { group }) => {
                let text = format!(
                    "Peers of the group {group} are heard on the discovery port (from {}), this one is of {}; if they belong \
                     together, give all the same --group",
                    from.ip(),
                    node.community.group
                );
                node.complaints.complain(Subject::Group(group), Kind::from("other_group").once(), &text);
            }
            Err(error @ WireError::Version { .. }) => {
                let text =
                    format!("Peer at {} cannot be understood: {error}; run the same version everywhere", from.ip());
                node.complaints.complain(Subject::host(from.ip()), Kind::from("other_version").seldom(), &text);
            }
            // A group that is there refuses who wants to be part of it.
            Err(WireError::OtherQuorum { quorum, leader: Some(endpoint) }) => {
                if net::seen(endpoint, from).ip() == from.ip().to_canonical() {
                    node.step(Input::OtherQuorum { why: refusal::wrong_quorum(quorum, node.community.quorum) });
                }
            }
            Err(error) => {
                let text = format!("Datagram from {} on the discovery port ignored: {error}", from.ip());
                node.complaints.complain(Subject::host(from.ip()), "datagram_ignored", &text);
            }
        }
    }
}

/// Who does not know its own address speaks from the one it is seen at.
pub(super) fn seen(mut message: Message, from: std::net::SocketAddr) -> Message {
    match &mut message {
        Message::NewPeerRequest(contact) => contact.endpoint = net::seen(contact.endpoint, from),
        Message::Leader(leadership) => leadership.leader.endpoint = net::seen(leadership.leader.endpoint, from),
        _ => {}
    }
    message
}

/// Names the address that is right where this goes out.
#[must_use]
pub fn announced(mut message: Message, local: std::net::IpAddr) -> Message {
    match &mut message {
        Message::NewPeerRequest(contact) => contact.endpoint = net::announced(contact.endpoint, local),
        Message::Leader(leadership) => leadership.leader.endpoint = net::announced(leadership.leader.endpoint, local),
        Message::Here(here) => here.contact.endpoint = net::announced(here.contact.endpoint, local),
        _ => {}
    }
    message
}

impl Node {
    /// Sends to every network, naming on each the address that is right there.
    pub(super) fn broadcast(&self, message: &Message) {
        let Some(sender) = &self.datagrams else { return };
        let failed =
            lock(sender).send_each(Instant::now(), |local| self.community.encode(&announced(message.clone(), local)));
        for (target, error) in failed {
            let text = format!("Discovery cannot send to {target}: {error}");
            self.complaints.complain(Subject::Own(target.to_string()), "discovery_unsendable", &text);
        }
    }
}
