//! A peer that speaks on the discovery port and does not answer over TCP, as if a firewall were in between.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use peer::wire::{Community, Contact, Message};

use crate::harness::{Group, PATIENCE, TIMING_SHORT};

#[test]
fn a_peer_behind_a_firewall_is_logged_with_what_to_do() {
    let group = Group::timed(TIMING_SHORT);
    let peer = group.start("a");
    peer.wait_for_view(&["a"]);
    // The system accepts connections, and nobody ever answers.
    let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    let endpoint = behind.local_addr().expect("bound");
    let contact = Contact { id: "b".parse().expect("a name"), priority: 0, incarnation: 1, endpoint };
    let community = Community { group: "sensors".to_owned(), quorum: None };
    let datagram = community.encode(&Message::NewPeerRequest(contact));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
    socket.set_broadcast(true).expect("broadcast");
    let told = format!("Peer b is heard and cannot be reached at {endpoint} over TCP (no answer)");
    let until = Instant::now() + PATIENCE;
    while !peer.said(&told) && Instant::now() < until {
        socket.send_to(&datagram, ("127.255.255.255", group.broadcast_port)).expect("sent");
        thread::sleep(Duration::from_millis(50));
    }
    peer.wait_for(&told);
    assert!(peer.leads(), "the group goes on");
    assert_eq!(peer.log().iter().filter(|line| line.contains("cannot be reached")).count(), 1);
}
