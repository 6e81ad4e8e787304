//! Datagrams: out on every network, in to the core.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::keyring::Keyring;
use super::lock::lock;
use super::mismatch::{complain_of_old_key, complain_of_version};
use super::node::Node;
use super::talk::{self, Way};
use crate::complaints::{Kind, Subject};
use crate::keys::datagram::{is_sealed, other_seal, Opened, Windows, SEAL_BYTES};
use crate::net;
use crate::protocol::Input;
use crate::wire::datagram::DATAGRAM_BYTES_MAX;
use crate::wire::{Message, Refusal, WireError};

/// The pause after an error of the system.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// `discovery-rx`: reads datagrams for ever.
pub(super) fn run(node: &Arc<Node>, receiver: &net::Receiver) {
    // There is one byte more, which shows that a datagram is too long.
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX + SEAL_BYTES + 1];
    let mut windows = Windows::default();
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
        hear(node, &mut windows, &buffer[..length], from);
    }
}

/// What a datagram means.
fn hear(node: &Arc<Node>, windows: &mut Windows, bytes: &[u8], from: SocketAddr) {
    let Some((datagram, opened)) = unseal(node, bytes, from.ip()) else { return };
    match node.community.parse(&datagram) {
        Ok(message) => {
            if opened.is_some_and(|opened| !counts(node, windows, &message, &opened)) {
                log::debug!("a datagram from {} came before", from.ip());
                return;
            }
            talk::heard(None, Way::Datagram, &message);
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
        Err(error @ WireError::Version { .. }) => complain_of_version(node, from.ip(), &error),
        // An existing group refuses a peer that wants to join.
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

/// The text of a datagram, and in a closed group how it was sealed. `None`: it is not of this group.
fn unseal<'a>(node: &Node, bytes: &'a [u8], from: IpAddr) -> Option<(Cow<'a, [u8]>, Option<Opened>)> {
    if let Some(other) = other_seal(bytes).filter(|_| node.keyring.is_some()) {
        complain_of_version(node, from, &other);
        return None;
    }
    let (detail, why) = match (node.keys(), is_sealed(bytes)) {
        (None, false) => return Some((Cow::Borrowed(bytes), None)),
        (Some(keys), true) => match keys.open_datagram(bytes) {
            Some(mut opened) => return Some((Cow::Owned(std::mem::take(&mut opened.datagram)), Some(opened))),
            None => ("sealed", "Peers of a closed group with another key, or another name, are heard"),
        },
        (Some(_), false) => ("open", "Datagrams that are not sealed are heard"),
        (None, true) => ("sealed", "Peers of a closed group are heard"),
    };
    let text =
        format!("{why} on the discovery port (from {from}); if they belong together, give all the same --key-file");
    node.complaints.complain(Subject::host(from), Kind::new("other_key", detail).seldom(), &text);
    None
}

/// Whether this datagram of the group counts. It does not if it was heard before.
fn counts(node: &Node, windows: &mut Windows, message: &Message, opened: &Opened) -> bool {
    let sender = match message {
        Message::NewPeerRequest(contact) => contact,
        Message::Leader(leadership) => &leadership.leader,
        _ => return true,
    };
    let is_new = windows.is_new(&sender.id, sender.incarnation, opened.counter);
    // A recording says nothing of the key that its sender speaks with now.
    if is_new {
        complain_of_old_key(node, &sender.id, opened.fingerprint);
    }
    is_new
}

/// Sends to every network, with the address by which this peer is reached there.
pub(super) fn broadcast(node: &Node, message: &Message) {
    let Some(sender) = &node.datagrams else { return };
    // The keys come first: no other lock is taken under that of the sockets.
    let seal = node.keyring.as_ref().map(Keyring::seal);
    let encode = |local| {
        let message = net::announced(message.clone(), local);
        talk::said(None, Way::Datagram, &message);
        let datagram = node.community.encode(&message);
        match &seal {
            Some(seal) => seal(&datagram),
            None => datagram,
        }
    };
    let failed = lock(sender).send_each(Instant::now(), encode);
    for (target, error) in failed {
        let text = format!("Discovery cannot send to {target}: {error}");
        node.complaints.complain(Subject::Own(target.to_string()), "discovery_unsendable", &text);
    }
}

#[cfg(test)]
mod tests;
