//! Datagrams: out on every network, in to the core.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::lock::lock;
use super::node::Node;
use crate::complaints::{Kind, Subject};
use crate::net;
use crate::protocol::Input;
use crate::wire::datagram::DATAGRAM_BYTES_MAX;
use crate::wire::{Message, Refusal, WireError};

/// After the system gave an error, it is asked again so much later.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

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
                thread::sleep(ERROR_PAUSE);
                continue;
            }
        };
        match node.community.parse(&buffer[..length]) {
            Ok(message) => {
                node.step(Input::Datagram { from: from.ip().to_canonical(), message: net::seen(message, from) });
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
            // A group that is there refuses a peer that wants to be part of it.
            Err(WireError::OtherQuorum { quorum, leader: Some(endpoint) }) => {
                if net::endpoint_seen(endpoint, from).ip() == from.ip().to_canonical() {
                    node.step(Input::OtherQuorum {
                        why: Refusal::WrongQuorum { group: quorum, newcomer: node.community.quorum },
                    });
                }
            }
            Err(error) => {
                let text = format!("Datagram from {} on the discovery port ignored: {error}", from.ip());
                node.complaints.complain(Subject::host(from.ip()), "datagram_ignored", &text);
            }
        }
    }
}

/// Sends to every network, naming on each the address that is right there.
pub(super) fn broadcast(node: &Node, message: &Message) {
    let Some(sender) = &node.datagrams else { return };
    let encode = |local| node.community.encode(&net::announced(message.clone(), local));
    let failed = lock(sender).send_each(Instant::now(), encode);
    for (target, error) in failed {
        let text = format!("Discovery cannot send to {target}: {error}");
        node.complaints.complain(Subject::Own(target.to_string()), "discovery_unsendable", &text);
    }
}
