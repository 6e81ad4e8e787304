//! What a datagram means, and how one leaves.

use super::super::trial::{contact, id, inputs, Trial, LOOPBACK, PATIENCE};
use super::*;
use crate::keys::tests::key;
use crate::keys::Keys;
use crate::wire::{Community, Leadership};

fn from(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 4711)
}

fn request() -> Message {
    Message::NewPeerRequest(contact("b", "0.0.0.0:70".parse().unwrap()))
}

fn leader(endpoint: &str) -> Message {
    let leader = contact("b", endpoint.parse().unwrap());
    Message::Leader(Leadership { term: "1@b/1".parse().unwrap(), leader, size: 1, last: 0 })
}

/// A datagram comes from there: what the core is told, and what is complained of.
fn hears(trial: &Trial, windows: &mut Windows, bytes: &[u8], address: &str) -> (Option<String>, Vec<&'static str>) {
    let before = trial.events().len();
    let ((), told) = inputs(|| hear(&trial.node, windows, bytes, from(address)));
    (told.into_iter().next(), trial.events().split_off(before))
}

fn told(message: Message, address: &str) -> String {
    let message = net::seen(message, from(address));
    format!("<- {:?}", Input::Datagram { from: from(address).ip().to_canonical(), message })
}

#[test]
fn a_datagram_of_the_group_goes_to_the_core_and_any_other_is_complained_of() {
    let trial = Trial::new();
    let community = |group: &str, quorum| Community { group: group.to_owned(), quorum };
    let own = &trial.node.community;
    let of_version = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replacen(":2:", ":9:", 1).into_bytes();
    let other_quorum = Input::OtherQuorum { why: Refusal::WrongQuorum { group: Some(2), newcomer: None } };
    let other_quorum = Some(format!("<- {other_quorum:?}"));
    for (bytes, address, expected) in [
        (own.encode(&request()), "192.0.2.7", (Some(told(request(), "192.0.2.7")), vec![])),
        (own.encode(&request()), "::ffff:192.0.2.7", (Some(told(request(), "192.0.2.7")), vec![])),
        (community("g", None).encode(&request()), "192.0.2.7", (None, vec!["other_group"])),
        (of_version(own.encode(&request())), "192.0.2.7", (None, vec!["other_version"])),
        (b"x".to_vec(), "192.0.2.7", (None, vec!["datagram_ignored"])),
        // A group with another quorum refuses a peer that wants to join, where its leader says so itself. It is told once.
        (
            community(&own.group, Some(2)).encode(&leader("0.0.0.0:70")),
            "192.0.2.7",
            (other_quorum.clone(), vec!["refused"]),
        ),
        (community(&own.group, Some(2)).encode(&leader("192.0.2.7:70")), "192.0.2.7", (other_quorum, vec![])),
        (community(&own.group, Some(2)).encode(&leader("192.0.2.8:70")), "192.0.2.7", (None, vec![])),
        (community(&own.group, Some(2)).encode(&request()), "192.0.2.7", (None, vec!["datagram_ignored"])),
        // Of a closed group.
        (Keys::new(&[key(1)], "g").seal_datagram(1, b"x"), "192.0.2.7", (None, vec!["other_key"])),
        (b"PEER+9\nx".to_vec(), "192.0.2.7", (None, vec!["datagram_ignored"])),
    ] {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(hears(&trial, &mut Windows::default(), &bytes, address), expected, "{text} from {address}");
    }
}

#[test]
fn in_a_closed_group_a_datagram_counts_once_and_only_under_its_key() {
    let trial = Trial::closed(1);
    let (own, group) = (&trial.node.community, trial.node.community.group.clone());
    let text = own.encode(&request());
    let mut windows = Windows::default();
    let mut hears = |bytes: &[u8]| hears(&trial, &mut windows, bytes, "192.0.2.7");
    let sealed = |byte: u8, counter, text: &[u8]| Keys::new(&[key(byte)], &group).seal_datagram(counter, text);
    let came = (Some(told(request(), "192.0.2.7")), vec![]);
    assert_eq!(hears(&sealed(1, 7, &text)), came);
    assert_eq!(hears(&sealed(1, 7, &text)), (None, vec![]), "it came before");
    assert_eq!(hears(&sealed(1, 8, &text)), came);
    // Of a leader, too, which is another sender.
    let leads = leader("192.0.2.7:70");
    assert_eq!(hears(&sealed(1, 8, &own.encode(&leads))), (None, vec![]), "it is the same sender");
    assert_eq!(hears(&sealed(1, 9, &own.encode(&leads))).0, Some(told(leads, "192.0.2.7")));
    for (bytes, event) in [
        (sealed(2, 10, &text), "other_key"),
        (text.clone(), "other_key"),
        (b"PEER+9\nx".to_vec(), "other_version"),
        (sealed(1, 10, b"x"), "datagram_ignored"),
    ] {
        assert_eq!(hears(&bytes), (None, vec![event]));
    }
    let texts: Vec<String> = trial.complaints().into_iter().map(|(_, text)| text).collect();
    assert!(texts[0].starts_with("Peers of a closed group with another key, or another name, are heard"), "{texts:?}");
    assert!(texts[1].starts_with("Datagrams that are not sealed are heard"), "{texts:?}");
}

#[test]
fn a_member_that_speaks_with_an_older_key_is_complained_of() {
    let trial = Trial::closed(1);
    let keys = Keys::new(&[key(1)], "g");
    let opened =
        |counter, byte| Opened { counter, datagram: Vec::new(), fingerprint: Keys::new(&[key(byte)], "g").speaks() };
    let mut windows = Windows::default();
    assert!(counts(&trial.node, &mut windows, &request(), &opened(1, 1)));
    assert_eq!(trial.complaints(), []);
    assert!(counts(&trial.node, &mut windows, &request(), &opened(2, 2)));
    let (old, own) = (Keys::new(&[key(2)], "g").speaks(), keys.speaks());
    let text =
        format!("Peer b speaks with key {old}, and this peer with {own}: the first line of their key files differs");
    assert_eq!(trial.complaints(), [("old_key", text)]);
    assert!(!counts(&trial.node, &mut windows, &request(), &opened(2, 2)));
    assert_eq!(trial.complaints().len(), 1, "a recording says nothing of the key");
}

#[test]
fn a_broadcast_names_the_address_it_leaves_from_and_is_sealed_in_a_closed_group() {
    for trial in [Trial::new(), Trial::closed(1)] {
        let receiver = net::Receiver::bind(LOOPBACK, None, trial.node.config.broadcast_port).unwrap();
        broadcast(&trial.node, &Message::NewPeerRequest(contact("a", "0.0.0.0:70".parse().unwrap())));
        let mut buffer = [0; 2048];
        let (length, source) = receiver.recv_within(&mut buffer, PATIENCE).unwrap().unwrap();
        assert_eq!((source.ip(), is_sealed(&buffer[..length])), (LOOPBACK, trial.node.keyring.is_some()));
        let (text, _) = unseal(&trial.node, &buffer[..length], source.ip()).unwrap();
        let Ok(Message::NewPeerRequest(own)) = trial.node.community.parse(&text) else { panic!("{text:?}") };
        assert_eq!((own.id, own.endpoint), (id("a"), "127.0.0.1:70".parse().unwrap()));
        assert_eq!(trial.complaints(), []);
    }
    let trial = Trial::with(|config| config.bind = "::1".parse().unwrap());
    assert!(trial.node.datagrams.is_none());
    broadcast(&trial.node, &request());
}

#[test]
fn a_broadcast_that_cannot_be_sent_is_complained_of() {
    // TEST-NET-3, which nobody uses.
    let trial = Trial::with(|config| config.bind = "203.0.113.77".parse().unwrap());
    broadcast(&trial.node, &request());
    assert_eq!(trial.complaints()[0].0, "discovery_unsendable");
}
