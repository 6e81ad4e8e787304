//! Closed groups: holders of the key are in, and nobody else. Neither side learns more of the other than that it is
//! there.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Instant;

use peer::keys::session::HANDSHAKE_BYTES;
use peer::keys::{file, Keys};
use peer::net::Receiver;

use crate::harness::tap::Tap;
use crate::harness::{assert_same_rows, Group, Peer};

/// Makes a key file of the group; returns its name.
fn make_key(group: &Group, name: &str) -> PathBuf {
    let path = group.directory.join(name);
    file::create(&path).expect("a new file");
    path
}

fn start(group: &Group, id: &str, key: &str) -> Peer {
    group.start_with(id, &["--sensor", "stdin", "--key-file", key])
}

fn warnings(peer: &Peer, text: &str) -> usize {
    peer.log().iter().filter(|line| line.contains(" WARN ") && line.contains(text)).count()
}

#[test]
fn peers_with_the_key_are_a_group_that_survives_its_leader() {
    let group = Group::new();
    make_key(&group, "key");
    let mut peers = ["a", "b", "c"].map(|id| start(&group, id, "key"));
    for peer in &peers {
        peer.wait_for("Closed group: this peer speaks with key ");
        peer.wait_for_view(&["a", "b", "c"]);
    }
    for peer in &mut peers {
        peer.feed_numbered(0, 1000);
    }
    assert_same_rows(&peers.each_ref(), 3000);
    let leader = peers.iter().position(Peer::leads).expect("one leads");
    peers[leader].kill();
    let mut rest: Vec<&mut Peer> =
        peers.iter_mut().enumerate().filter(|(at, _)| *at != leader).map(|(_, p)| p).collect();
    let ids: Vec<String> = rest.iter().map(|peer| peer.id.clone()).collect();
    rest[0].wait_for_view(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    for peer in &mut rest {
        peer.feed_numbered(1000, 2000);
    }
    assert_same_rows(&rest.iter().map(|peer| &**peer).collect::<Vec<_>>(), 5000);
}

#[test]
fn a_peer_with_another_key_or_none_stays_outside_and_both_sides_say_so_once() {
    let group = Group::new();
    make_key(&group, "key");
    make_key(&group, "other");
    let mut inside = [start(&group, "a", "key"), start(&group, "b", "key")];
    inside[0].wait_for_view(&["a", "b"]);
    let (mut other, mut open) =
        (start(&group, "outsider", "other"), group.start_with("passerby", &["--sensor", "stdin"]));
    for (outside, text) in [
        (&mut other, "Peers of a closed group with another key, or another name, are heard"),
        (&mut open, "Peers of a closed group are heard"),
    ] {
        outside.wait_for(text);
        outside.wait_for("Is Group Leader: True");
        outside.feed_numbered(0, 100);
        outside.wait_for_rows(100);
        assert!(!outside.said("another group") && !outside.said("[a"), "{:?}", outside.log());
    }
    other.wait_for("Datagrams that are not sealed are heard");
    assert_eq!((warnings(&other, "--key-file"), warnings(&open, "--key-file")), (2, 1));
    inside[0].wait_for("Datagrams that are not sealed are heard");
    for peer in &mut inside {
        peer.feed_numbered(0, 100);
    }
    assert_same_rows(&[&inside[0], &inside[1]], 200);
    for peer in &inside {
        assert!(
            !peer.said("outsider") && !peer.said("passerby") && warnings(peer, "--key-file") == 2,
            "{:?}",
            peer.log()
        );
    }
}

#[test]
fn a_peer_that_joins_by_address_with_another_key_is_told_so() {
    let group = Group::new();
    make_key(&group, "key");
    make_key(&group, "other");
    let inside = start(&group, "a", "key");
    let address = inside.address();
    let options = ["--sensor", "none", "--key-file", "other", "--join", &address];
    let outside = group.start_with("outsider", &options);
    outside.wait_for(&format!("--join {address}: it has another key, or none; asking again"));
    inside.wait_for("closed without a word: it has another key, or none");
    assert!(!inside.said("outsider"), "{:?}", inside.log());
}

#[test]
fn the_network_shows_no_id_no_group_and_no_reading() {
    let group = Group::new();
    make_key(&group, "key");
    let ear = Receiver::bind(Ipv4Addr::LOCALHOST.into(), None, group.broadcast_port).expect("the port is shared");
    let secret = ["--sensor", "stdin", "--group", "greenhouse", "--key-file", "key"];
    let mut inside = group.start_with("lighthouse", &secret);
    inside.wait_for("Is Group Leader: True");
    inside.feed_numbered(0, 10);
    let tap = Tap::on(inside.address());
    let joins = [&secret[..], &["--join", &tap.address]].concat();
    let joined = group.start_with("keeper", &joins);
    joined.wait_for_view(&["keeper", "lighthouse"]);
    joined.wait_for_rows(10);
    let mut datagrams = Vec::new();
    for _ in 0..2 {
        let mut buffer = vec![0; 4096];
        let (length, _) = ear.recv(&mut buffer).expect("peers broadcast");
        datagrams.extend(&buffer[..length]);
    }
    let connections =
        tap.heard().iter().flat_map(|(said, answered)| [&said[..], answered].concat()).collect::<Vec<u8>>();
    assert!(connections.len() > 200 && datagrams.len() > 100, "the question and its answer, and two datagrams");
    for word in ["greenhouse", "lighthouse", "keeper", "HELLO", "WHO", "HERE", "PEER:", "LEADER", "DATA|", "127.0.0.1"]
    {
        for (name, bytes) in [("datagrams", &datagrams), ("connections", &connections)] {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{name} show {word}");
        }
    }
}

/// Connects to a peer of this key, and says this in a new session. Returns all that was sent.
fn say(address: &str, keys: &Keys, text: &[u8]) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let (dialling, first) = keys.dial();
    stream.write_all(&first).expect("it reads");
    let mut answer = [0; HANDSHAKE_BYTES];
    stream.read_exact(&mut answer).expect("an answer");
    let mut session = dialling.finish(&answer).expect("the same key");
    let mut sealed = Vec::new();
    session.sealer.seal(text, Instant::now(), &mut sealed);
    stream.write_all(&sealed).expect("it reads");
    (stream, [&first[..], &sealed].concat())
}

#[test]
fn strangers_and_recordings_bring_nothing_about() {
    let group = Group::new();
    let path = make_key(&group, "key");
    let mut peers = [start(&group, "a", "key"), start(&group, "b", "key")];
    for peer in &peers {
        peer.wait_for_view(&["a", "b"]);
    }
    let views = peers.each_ref().map(Peer::last_view);
    let keys = Keys::new(&file::read(&path).expect("a key"), "sensors");
    let address = peers[0].address();
    let (said, recording) = say(&address, &keys, b"HELLO:2:sensors:-:z:1:127.0.0.1:9:a:0000000000000001\n");
    // All of it comes again, on another connection: the handshake is answered, and nothing after it is heard.
    let mut again = TcpStream::connect(&address).expect("it listens");
    again.write_all(&recording).expect("it reads");
    let mut answer = Vec::new();
    // It is closed, or reset where something was left to read.
    let _ = again.read_to_end(&mut answer);
    assert!(answer.len() <= HANDSHAKE_BYTES, "{answer:?}");
    peers[0].wait_for("closed without a word: what came is not what was sent");
    drop(said);
    // Some say nonsense, some a part of a first message, some nothing, and all hold on.
    let mut held = Vec::new();
    for number in 0..300 {
        let Ok(mut stream) = TcpStream::connect(&address) else { continue };
        let _ = stream.write_all(
            &[u8::try_from(number % 251).expect("small"); HANDSHAKE_BYTES][..[0, 10, HANDSHAKE_BYTES][number % 3]],
        );
        held.push(stream);
    }
    for peer in &mut peers {
        peer.feed_numbered(0, 1000);
    }
    assert_same_rows(&peers.each_ref(), 2000);
    assert_eq!(peers.each_ref().map(Peer::last_view), views);
    for peer in &mut peers {
        assert!(peer.is_running() && warnings(peer, "closed without a word") <= 2, "{:?}", peer.log());
    }
    drop(held);
}

#[test]
fn a_key_is_changed_while_its_group_runs() {
    let group = Group::new();
    let (old, new) = (make_key(&group, "old"), make_key(&group, "new"));
    let text = |path: &PathBuf| fs::read_to_string(path).expect("its owner's");
    let (old_line, new_line) = (text(&old), text(&new));
    let fingerprint = |path: &PathBuf| file::read(path).expect("a key")[0].fingerprint();
    let (old_key, new_key) = (fingerprint(&old), fingerprint(&new));
    for id in ["a", "b"] {
        fs::copy(&old, group.directory.join(id)).expect("copied");
    }
    let mut peers = [start(&group, "a", "a"), start(&group, "b", "b")];
    peers[0].wait_for_view(&["a", "b"]);
    let change = |peer: &Peer, lines: String, said: &str| {
        fs::write(group.directory.join(&peer.id), lines).expect("its owner's");
        peer.signal("-HUP");
        peer.wait_until(said, |log| {
            log.iter().rfind(|line| line.contains("Closed group")).is_some_and(|line| line.ends_with(said))
        });
    };
    for peer in &peers {
        change(peer, format!("{old_line}{new_line}"), &format!("speaks with key {old_key}, and understands 2 keys"));
    }
    change(&peers[0], format!("{new_line}{old_line}"), &format!("speaks with key {new_key}, and understands 2 keys"));
    peers[0].wait_for(&format!("Peer b speaks with key {old_key}, and this peer with {new_key}"));
    change(&peers[1], format!("{new_line}{old_line}"), &format!("speaks with key {new_key}, and understands 2 keys"));
    for peer in &peers {
        change(peer, new_line.clone(), &format!("speaks with key {new_key}"));
    }
    // A peer that only knows the new key is one of them.
    let joined = start(&group, "c", "new");
    joined.wait_for_view(&["a", "b", "c"]);
    for peer in &mut peers {
        peer.feed_numbered(0, 500);
    }
    assert_same_rows(&[&peers[0], &peers[1], &joined], 1000);
    for peer in &mut peers {
        assert!(peer.is_running() && !peer.said("updated group"), "{:?}", peer.log());
    }
    // A file that is no longer valid changes nothing.
    fs::write(group.directory.join("a"), "nonsense").expect("its owner's");
    peers[0].signal("-HUP");
    peers[0].wait_for("Asked to read the keys again: ");
    peers[0].feed_numbered(500, 600);
    assert_same_rows(&[&peers[0], &peers[1], &joined], 1100);
}

#[test]
fn a_key_that_others_can_read_ends_the_start_with_the_command_that_mends_it() {
    let group = Group::new();
    let path = make_key(&group, "key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("its owner's");
    let mut peer = start(&group, "a", "key");
    assert_eq!(peer.wait_for_exit().code(), Some(1));
    let log = peer.log();
    assert!(log.len() == 1 && log[0].ends_with("--key-file key can be read by others; run: chmod 600 key"), "{log:?}");
    assert!(!group.data_of("a").exists(), "nothing was made");
}
