//! Everything here is sent to loopback only. What would go to networks is checked before it is sent.

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A receiver on a port that the system picks, and the port.
fn receiver(bind: IpAddr) -> (Receiver, u16) {
    let receiver = Receiver::bind(bind, None, 0).unwrap();
    let port = receiver.socket.local_addr().unwrap().port();
    (with_patience(receiver), port)
}

fn with_patience(receiver: Receiver) -> Receiver {
    receiver.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    receiver
}

/// The next datagram, and the address it came from.
fn next(receiver: &Receiver) -> (Vec<u8>, IpAddr) {
    let mut buffer = [0; 32];
    let (length, source) = receiver.recv(&mut buffer).unwrap();
    (buffer[..length].to_vec(), source.ip())
}

fn send(sender: &mut Sender, text: &str) {
    let unsent = sender.send_each(Instant::now(), |local| format!("{text} {local}").into_bytes());
    assert!(unsent.is_empty(), "{unsent:?}");
}

#[test]
fn all_peers_of_a_host_hear_each_datagram() {
    let (first, port) = receiver(LOOPBACK);
    let second = with_patience(Receiver::bind(LOOPBACK, None, port).unwrap());
    let everywhere = with_patience(Receiver::bind(Ipv4Addr::UNSPECIFIED.into(), None, port).unwrap());
    let mut sender = Sender::new(LOOPBACK, None, port);
    for text in ["one", "two"] {
        send(&mut sender, text);
        for receiver in [&first, &second, &everywhere] {
            assert_eq!(next(receiver), (format!("{text} 127.0.0.1").into_bytes(), LOOPBACK));
        }
    }
}

#[test]
fn a_peer_of_loopback_does_not_listen_to_the_network() {
    let bound = |bind: Ipv4Addr| Receiver::bind(bind.into(), None, 0).unwrap().socket.local_addr().unwrap().ip();
    assert_eq!(bound(Ipv4Addr::UNSPECIFIED), Ipv4Addr::UNSPECIFIED);
    if cfg!(target_os = "linux") {
        assert_eq!(bound(Ipv4Addr::LOCALHOST), LOOPBACK_BROADCAST);
    }
}

#[test]
fn a_receiver_that_hears_nothing_in_time_says_so() {
    let (receiver, port) = receiver(LOOPBACK);
    let mut buffer = [0; 32];
    assert_eq!(receiver.recv_within(&mut buffer, Duration::from_millis(5)).unwrap(), None);
    send(&mut Sender::new(LOOPBACK, None, port), "now");
    let came = receiver.recv_within(&mut buffer, Duration::from_secs(10)).unwrap();
    assert_eq!(came.map(|(length, from)| (&buffer[..length], from.ip())), Some((&b"now 127.0.0.1"[..], LOOPBACK)));
}

#[test]
fn a_datagram_bears_the_address_that_the_peer_listens_on() {
    let (receiver, port) = receiver(LOOPBACK);
    let bind: IpAddr = "127.0.0.7".parse().unwrap();
    send(&mut Sender::new(bind, None, port), "here");
    assert_eq!(next(&receiver), (b"here 127.0.0.7".to_vec(), bind));
}

#[test]
fn an_address_given_for_discovery_is_used_with_the_local_address_towards_it() {
    let (receiver, port) = receiver(LOOPBACK);
    for bind in ["0.0.0.0", "::", "::1"] {
        send(&mut Sender::new(bind.parse().unwrap(), Some(LOOPBACK_BROADCAST.into()), port), "given");
        assert_eq!(next(&receiver), (b"given 127.0.0.1".to_vec(), LOOPBACK), "{bind}");
    }
}

#[test]
fn a_datagram_that_does_not_fit_is_passed_over() {
    let (receiver, port) = receiver(LOOPBACK);
    let mut sender = Sender::new(LOOPBACK, None, port);
    send(&mut sender, "much too long to be of any interest");
    send(&mut sender, "short");
    assert_eq!(next(&receiver).0, b"short 127.0.0.1");
}

#[test]
fn a_failure_to_send_is_returned_and_the_sender_goes_on() {
    let (receiver, port) = receiver(LOOPBACK);
    let mut sender = Sender::new(LOOPBACK, None, port);
    // No datagram of IPv4 holds that much.
    let unsent = sender.send_each(Instant::now(), |_| vec![b'x'; 70_000]);
    assert_eq!(unsent.len(), 1);
    assert_eq!(unsent[0].0, SocketAddr::from((LOOPBACK_BROADCAST, port)));
    send(&mut sender, "again");
    assert_eq!(next(&receiver).0, b"again 127.0.0.1");
}

#[test]
fn an_address_that_no_interface_has_is_a_failure_each_time() {
    // TEST-NET-3, which nobody uses.
    let bind: IpAddr = "203.0.113.77".parse().unwrap();
    let mut sender = Sender::new(bind, None, 9);
    for _ in 0..2 {
        let unsent = sender.send_each(Instant::now(), |_| unreachable!("there is nobody to send to"));
        assert_eq!((unsent[0].0, unsent[0].1.kind()), (SocketAddr::new(bind, 9), io::ErrorKind::AddrNotAvailable));
    }
}

#[test]
fn the_address_listened_on_implies_where_discovery_goes() {
    let network = |(local, broadcast): (&str, &str)| Network {
        local: local.parse().unwrap(),
        broadcast: broadcast.parse().unwrap(),
    };
    let (lan, wlan) = (("192.168.1.5", "192.168.1.255"), ("10.0.0.4", "10.0.0.255"));
    let loopback = ("127.0.0.1", "127.255.255.255");
    for (bind, broadcast, expected) in [
        ("0.0.0.0", None, vec![lan, wlan]),
        ("10.0.0.4", None, vec![wlan]),
        ("10.0.0.4", Some("255.255.255.255"), vec![("10.0.0.4", "255.255.255.255")]),
        ("127.0.0.1", None, vec![loopback]),
        ("127.0.0.1", Some("10.9.9.9"), vec![("127.0.0.1", "10.9.9.9")]),
        ("0.0.0.0", Some("127.255.255.255"), vec![loopback]),
        ("::", None, vec![]),
        ("::1", None, vec![]),
    ] {
        let given = broadcast.map(|address: &str| address.parse().unwrap());
        let found = targets(bind.parse().unwrap(), given, || Ok([lan, wlan].map(network).to_vec())).unwrap();
        assert_eq!(found, expected.into_iter().map(network).collect::<Vec<_>>(), "{bind} {broadcast:?}");
    }
    // A host without networks still has its own peers.
    assert_eq!(targets(Ipv4Addr::UNSPECIFIED.into(), None, || Ok(Vec::new())).unwrap(), [network(loopback)]);
}

#[test]
fn networks_that_stay_keep_their_socket() {
    let network = |last| Network { local: Ipv4Addr::new(127, 0, 0, last), broadcast: LOOPBACK_BROADCAST };
    let mut sender = Sender::new(Ipv4Addr::UNSPECIFIED.into(), None, 9);
    sender.keep(&[network(1), network(2)]);
    for target in &mut sender.targets {
        target.socket = Some(socket_at(target.network.local).unwrap());
    }
    sender.keep(&[network(3), network(2)]);
    let has: Vec<_> = sender.targets.iter().map(|target| (target.network, target.socket.is_some())).collect();
    assert_eq!(has, [(network(2), true), (network(3), false)]);
}

#[test]
fn networks_are_listed_again_after_a_while_and_not_before() {
    let (_receiver, port) = receiver(LOOPBACK);
    let mut sender = Sender::new(LOOPBACK, None, port);
    let start = Instant::now();
    for (after, listed) in [(0, 0), (9, 0), (10, 10), (12, 10), (11, 10), (20, 20)] {
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(sender.send_each(at(after), |_| Vec::new()).is_empty());
        assert_eq!(sender.listed, Some(at(listed)), "after {after} s");
    }
}
