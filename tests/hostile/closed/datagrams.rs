//! Thousands of sealed datagrams, sent again whole, cut and changed; and datagrams from everywhere.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use peer::keys::datagram::{is_sealed, MAGIC};
use peer::keys::Keys;
use peer::net::Receiver;
use peer::wire::Message;

use super::super::adversary::Adversary;
use super::super::harness::Group;
use super::super::siege::Siege;
use super::{assert_unmoved, begin, end, join, key_path, make_keys, own_address, reread, Decoy};

/// How many datagrams of each kind there are.
const DATAGRAMS: usize = 10_000;

/// How many are sent between two pauses, so that few are lost.
const IN_A_ROW: usize = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// How many of the group's own datagrams are recorded.
const HEARD: usize = 6;

/// What the peers of the group say to each other.
fn listen(siege: &Siege) -> Vec<Vec<u8>> {
    let port = siege.group.broadcast_port;
    let ear = Receiver::bind(Ipv4Addr::LOCALHOST.into(), None, port).expect("the port is shared");
    let mut buffer = vec![0; 4096];
    let mut one = || {
        let (length, _) = ear.recv(&mut buffer).expect("peers broadcast");
        buffer[..length].to_vec()
    };
    (0..HEARD).map(|_| one()).collect()
}

/// A datagram that says that this decoy seeks a group, sealed as by a peer with the key.
fn sealed(voice: &Adversary, keys: &Keys, counter: u64, decoy: &Decoy) -> Vec<u8> {
    keys.seal_datagram(counter, &voice.datagram(&Message::NewPeerRequest(decoy.contact.clone())))
}

fn cast_many(voice: &Adversary, datagram: impl Fn(usize) -> Vec<u8>) {
    for number in 0..DATAGRAMS {
        voice.cast_raw(&datagram(number));
        if number % IN_A_ROW == 0 {
            thread::park_timeout(PAUSE);
        }
    }
}

/// Waits until all peers have read all datagrams so far: a new one, which counts, comes after them.
fn wait_until_read(siege: &Siege, voice: &Adversary, keys: &Arc<Keys>, id: &str) {
    let (marker, mut counter) = (Decoy::new(id, keys), 0);
    marker.wait_for_callers(siege.peers.len(), || {
        counter += 1;
        voice.cast_raw(&sealed(voice, keys, counter, &marker));
    });
}

#[test]
fn sealed_datagrams_count_once_and_changed_ones_never() {
    let (mut siege, keys) = begin();
    let voice = siege.adversary("voice");
    // This one has the key and is believed: each peer asks at its address.
    let decoy = Decoy::new("decoy", &keys);
    let once = sealed(&voice, &keys, 1, &decoy);
    decoy.wait_for_callers(siege.peers.len(), || voice.cast_raw(&once));
    wait_until_read(&siege, &voice, &keys, "first");
    let calls = decoy.calls();
    let mut recorded = listen(&siege);
    assert!(recorded.iter().all(|datagram| is_sealed(datagram)));
    recorded.push(once);
    let any = |number: usize| &recorded[number % recorded.len()];
    cast_many(&voice, |number| any(number).clone());
    cast_many(&voice, |number| {
        let datagram = any(number);
        datagram[..number / recorded.len() % datagram.len()].to_vec()
    });
    cast_many(&voice, |number| {
        let mut datagram = any(number).clone();
        let at = number / recorded.len() % (8 * datagram.len());
        datagram[at / 8] ^= 1 << (at % 8);
        datagram
    });
    wait_until_read(&siege, &voice, &keys, "last");
    assert_eq!(decoy.calls(), calls, "a recording is answered: {:?}", decoy.callers());
    assert_unmoved(&siege);
    join(&mut siege, "d");
    end(siege);
}

/// Peer b leads, so that it alone goes on sending datagrams.
#[test]
fn a_datagram_played_back_does_not_say_that_its_sender_speaks_with_an_old_key() {
    let group = Group::new();
    let (old, new) = (make_keys(&group, "old"), make_keys(&group, "new"));
    let line = |name: &str| fs::read_to_string(key_path(&group, name)).expect("its owner's");
    let (old_first, new_first) = (line("old") + &line("new"), line("new") + &line("old"));
    let start = |id: &str, lines: &str| {
        let path = key_path(&group, id);
        fs::copy(key_path(&group, "old"), &path).expect("its mode is kept");
        fs::write(path, lines).expect("its owner's");
        group.start_with(id, &["--sensor", "none", "--key-file", id])
    };
    let b = start("b", &old_first);
    b.wait_for_view(&["b"]);
    let ear = Receiver::bind(Ipv4Addr::LOCALHOST.into(), None, group.broadcast_port).expect("the port is shared");
    let a = start("a", &old_first);
    let mut buffer = vec![0; 4096];
    let recorded = loop {
        let (length, _) = ear.recv(&mut buffer).expect("it asks who is there");
        let opened = old.open_datagram(&buffer[..length]).expect("of this group");
        if opened.datagram.windows(20).any(|text| text == b"NEW_PEER_REQUEST:a:0") {
            break buffer[..length].to_vec();
        }
    };
    b.wait_for_view(&["a", "b"]);
    for peer in [&b, &a] {
        fs::write(key_path(&group, &peer.id), &new_first).expect("its owner's");
        reread(peer, &format!("key {}, and understands 2 keys", new.speaks()));
    }
    let voice = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    voice.set_broadcast(true).expect("a datagram socket");
    voice.send_to(&recorded, ("127.255.255.255", group.broadcast_port)).expect("it goes");
    // What it asks comes after that.
    let c = start("c", &new_first);
    b.wait_for_view(&["a", "b", "c"]);
    let log = b.log();
    assert!(!log.iter().any(|line| line.contains("Peer a speaks with key")), "{log:#?}");
    drop((a, c));
}

#[test]
fn datagrams_from_everywhere_move_nobody_and_a_newcomer_joins() {
    let (mut siege, keys) = begin();
    let discovery = SocketAddr::from(([127, 255, 255, 255], siege.group.broadcast_port));
    let recorded = listen(&siege);
    for number in 0..DATAGRAMS {
        let voice = UdpSocket::bind(own_address(number)).expect("all of 127.0.0.0/8 is this host's");
        voice.set_broadcast(true).expect("a datagram socket");
        let bytes = match number % 4 {
            0 => recorded[number % recorded.len()].clone(),
            1 => [MAGIC, &number.to_be_bytes(), &[0; 100]].concat(),
            2 => format!("PEER:2:sensors:-\nNEW_PEER_REQUEST:x{number}:0:1:{}:1\n", own_address(number).ip())
                .into_bytes(),
            _ => format!("PEER:2:group{number}:-\nLEADER:9@x/1:9:1:x:0:1:127.0.0.1:1\n").into_bytes(),
        };
        // Losses from a flood do not matter.
        let _ = voice.send_to(&bytes, discovery);
        if number % IN_A_ROW == 0 {
            thread::park_timeout(PAUSE);
        }
    }
    let voice = siege.adversary("voice");
    wait_until_read(&siege, &voice, &keys, "last");
    assert_unmoved(&siege);
    join(&mut siege, "d");
    end(siege);
}
