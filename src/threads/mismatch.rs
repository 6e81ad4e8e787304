//! Complaints of processes that have another key, or another version of the protocol, wherever this peer meets them.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use super::node::Node;
use crate::complaints::{Kind, Subject};
use crate::ids::PeerId;
use crate::keys::Fingerprint;

/// A process with another key listens where a peer of this group is expected.
pub(super) fn complain_of_key(node: &Node, endpoint: SocketAddr) {
    let text = format!("Peer at {endpoint} has another key than this one, or none; give both the same --key-file");
    node.complaints.complain(Subject::host(endpoint.ip()), Kind::new("other_key", "dial").seldom(), &text);
}

/// A peer that belongs to the group speaks with another key than this one: a change of the key is under way, or was
/// forgotten at one of the two.
pub(super) fn complain_of_old_key(node: &Node, peer: &PeerId, key: Fingerprint) {
    let Some(own) = node.keys().map(|keys| keys.speaks()).filter(|own| *own != key) else { return };
    let text = format!(
        "Peer {peer} speaks with key {key}, and this peer with {own}: the first line of their key files differs"
    );
    node.complaints.complain(Subject::Peer(peer.clone()), Kind::from("old_key").seldom(), &text);
}

/// A peer of this network speaks another version of the protocol.
pub(super) fn complain_of_version(node: &Node, from: IpAddr, error: &dyn Error) {
    let text = format!("Peer at {from} cannot be understood: {error}");
    node.complaints.complain(Subject::host(from), Kind::from("other_version").seldom(), &text);
}
