//! The address by which others know a peer that does not know it itself: a peer that listens on all addresses of its
//! host says `0.0.0.0` or `::`, which means "the address you see me at".
//!
//! Link-local IPv6 addresses mean something only together with the interface that they are seen on. The side that sees
//! one keeps its interface, so that it can answer. A third peer that is told such an address cannot use it, unless its
//! interfaces happen to have the same numbers. Groups beyond one link need other addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use crate::wire::Message;

/// A message as this peer sends it where its own address is `local`.
#[must_use]
pub fn announced(mut message: Message, local: IpAddr) -> Message {
    if let Some(endpoint) = own_endpoint(&mut message) {
        *endpoint = endpoint_announced(*endpoint, local);
    }
    message
}

/// A message that came from `source`, with the sender's endpoint in a form that can be dialled from here.
#[must_use]
pub fn seen(mut message: Message, source: SocketAddr) -> Message {
    if let Some(endpoint) = own_endpoint(&mut message) {
        *endpoint = endpoint_seen(*endpoint, source);
    }
    message
}

/// The endpoint at which the sender of a message says that it listens.
fn own_endpoint(message: &mut Message) -> Option<&mut SocketAddr> {
    match message {
        Message::Hello(hello) => Some(&mut hello.endpoint),
        Message::NewPeerRequest(contact) => Some(&mut contact.endpoint),
        Message::Leader(leadership) => Some(&mut leadership.leader.endpoint),
        Message::Here(here) => Some(&mut here.contact.endpoint),
        _ => None,
    }
}

/// The endpoint that a peer announces where its own address is `local`.
#[must_use]
pub fn endpoint_announced(endpoint: SocketAddr, local: IpAddr) -> SocketAddr {
    let address = if endpoint.ip().is_unspecified() { local } else { endpoint.ip() };
    SocketAddr::new(address.to_canonical(), endpoint.port())
}

/// The endpoint that a peer announced, as it can be dialled from here; the announcement came from `source`.
#[must_use]
pub fn endpoint_seen(endpoint: SocketAddr, source: SocketAddr) -> SocketAddr {
    let address = if endpoint.ip().is_unspecified() { source.ip() } else { endpoint.ip() };
    match (address.to_canonical(), source) {
        (IpAddr::V6(address), SocketAddr::V6(source)) if address.is_unicast_link_local() => {
            SocketAddrV6::new(address, endpoint.port(), 0, source.scope_id()).into()
        }
        (address, _) => SocketAddr::new(address, endpoint.port()),
    }
}

/// The one form of an endpoint: IPv4 as IPv4, although a socket for both gives it as IPv6.
#[must_use]
pub fn canonical(endpoint: SocketAddr) -> SocketAddr {
    match endpoint.ip().to_canonical() {
        IpAddr::V4(address) => SocketAddr::new(address.into(), endpoint.port()),
        IpAddr::V6(_) => endpoint,
    }
}

/// The endpoints that `HOST:PORT` names, at least one. Waits for the system's name service.
///
/// # Errors
/// The system's, where the name is not known or the text has no port.
pub fn resolve(text: &str) -> io::Result<Vec<SocketAddr>> {
    let endpoints: Vec<SocketAddr> = text.to_socket_addrs()?.map(canonical).collect();
    if endpoints.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(endpoints)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Belongs, Contact, Decoder, Here, Leadership, Token};

    fn endpoint(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_unspecified_address_is_announced_as_the_local_one() {
        for (own, local, expected) in [
            ("0.0.0.0:70", "192.168.1.5", "192.168.1.5:70"),
            ("[::]:70", "192.168.1.5", "192.168.1.5:70"),
            ("[::]:70", "::ffff:192.168.1.5", "192.168.1.5:70"),
            ("[::]:70", "fd00::2", "[fd00::2]:70"),
            ("10.0.0.1:70", "192.168.1.5", "10.0.0.1:70"),
        ] {
            assert_eq!(
                endpoint_announced(endpoint(own), local.parse().unwrap()),
                endpoint(expected),
                "{own} at {local}"
            );
        }
    }

    #[test]
    fn an_unspecified_address_is_seen_as_the_source() {
        for (told, source, expected) in [
            ("0.0.0.0:70", "192.168.1.5:4711", "192.168.1.5:70"),
            ("[::]:70", "[::ffff:192.168.1.5]:4711", "192.168.1.5:70"),
            ("[::]:70", "[fe80::2%3]:4711", "[fe80::2%3]:70"),
            ("[fe80::7]:70", "[fe80::2%3]:4711", "[fe80::7%3]:70"),
            ("[fd00::7%5]:70", "[fe80::2%3]:4711", "[fd00::7]:70"),
            ("10.0.0.1:70", "192.168.1.5:4711", "10.0.0.1:70"),
        ] {
            assert_eq!(endpoint_seen(endpoint(told), endpoint(source)), endpoint(expected), "{told} from {source}");
        }
    }

    #[test]
    fn every_message_that_names_its_sender_has_the_address_filled_in() {
        let contact =
            || Contact { id: "a".parse().unwrap(), priority: 0, incarnation: 1, endpoint: endpoint("[::]:70") };
        let hello = "HELLO:2:sensors:-:a:1:[::]:70::0000000000000001\n".as_bytes();
        let mut decoder = Decoder::new();
        decoder.space()[..hello.len()].copy_from_slice(hello);
        decoder.filled(hello.len());
        let nonce = Token(1);
        let here =
            Here { nonce, contact: contact(), seeking: true, serves: false, dialled: false, belongs: Belongs::Nowhere };
        let leadership = Leadership { term: "1@a/1".parse().unwrap(), leader: contact(), size: 1, last: 0 };
        for message in [
            decoder.next_message().unwrap().unwrap(),
            Message::NewPeerRequest(contact()),
            Message::Leader(leadership),
            Message::Here(Box::new(here)),
        ] {
            let filled = [
                announced(message.clone(), "192.168.1.5".parse().unwrap()),
                seen(message, endpoint("192.168.1.5:4711")),
            ];
            for mut message in filled {
                let own = own_endpoint(&mut message).copied();
                assert_eq!(own, Some(endpoint("192.168.1.5:70")), "{message:?}");
            }
        }
        let ok = Message::Ok { term: None };
        assert_eq!(announced(ok.clone(), "192.168.1.5".parse().unwrap()), ok);
    }

    #[test]
    fn an_endpoint_has_one_form() {
        for (told, expected) in [
            ("[::ffff:10.0.0.1]:70", "10.0.0.1:70"),
            ("[fe80::2%3]:70", "[fe80::2%3]:70"),
            ("10.0.0.1:70", "10.0.0.1:70"),
        ] {
            assert_eq!(canonical(endpoint(told)), endpoint(expected), "{told}");
        }
    }

    #[test]
    fn names_and_addresses_are_resolved_and_nonsense_is_an_error() {
        assert_eq!(resolve("127.0.0.1:70").unwrap(), [endpoint("127.0.0.1:70")]);
        assert_eq!(resolve("[::1]:70").unwrap(), [endpoint("[::1]:70")]);
        assert!(resolve("localhost:70").unwrap().iter().all(|found| found.ip().is_loopback() && found.port() == 70));
        for wrong in ["127.0.0.1", "127.0.0.1:70000", ":", ""] {
            assert!(resolve(wrong).is_err(), "{wrong}");
        }
    }
}
