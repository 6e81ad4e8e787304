//! What a later version wrote or says is refused by name, at both ends, and nothing is touched.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;

use crate::harness::{Group, PATIENCE};
use crate::recorded::{copy, entries, releases};

fn ends_with_error(group: &Group, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let output = command.env_clear().current_dir(&group.directory).args(arguments).output().expect("it was built");
    assert!(!output.status.success(), "peer {arguments:?}");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Marks a file as one of version 3; for a later peer, that is its first line.
fn mark(path: &Path) {
    let rest = fs::read(path).expect("recorded");
    fs::write(path, [b"version:3\n", &rest[..]].concat()).expect("the test's own");
}

#[test]
fn a_directory_of_a_later_version_is_named_and_left_as_it_is() {
    let release = releases().remove(0);
    for file in ["state", "pending", "journal/00000000000000000001.log"] {
        let group = Group::new();
        let data = group.directory.join("data");
        copy(&release.join("data"), &data);
        mark(&group.data_of("Lab").join(file));
        // A later version may have files that this one does not know.
        fs::write(group.data_of("Lab").join("journal/00000000000000000031.zst"), "").expect("the test's own");
        let names = || entries(&group.data_of("Lab")).into_iter().map(|path| (fs::read(&path).ok(), path));
        let before: Vec<_> = names().collect();
        let said = format!(
            "data/Lab+1/{file} is of version 3, and this program reads up to version 2: a newer peer wrote it; nothing was touched; upgrade this peer"
        );
        for resume in [&["--resume"][..], &[]] {
            let mut peer = group.start_with("Lab", &[&["--sensor", "none"], resume].concat());
            assert_eq!(peer.wait_for_exit().code(), Some(1));
            let line = peer.log().into_iter().find(|line| line.contains("ERROR") || line.contains("error"));
            let line = line.expect("it says why");
            assert!(line.contains(&said), "{line}");
        }
        for command in [
            &["verify", "Lab"][..],
            &["tail", "Lab"],
            &["export", "--format", "csv", "Lab"],
            &["snapshot", "Lab", "backup"],
        ] {
            let why = ends_with_error(&group, command);
            assert!(why.contains(&said), "{command:?}: {why}");
        }
        assert_eq!(names().collect::<Vec<_>>(), before, "nothing was touched");
    }
}

#[test]
fn cursors_and_positions_of_a_later_version_are_named_and_left_as_they_are() {
    let group = Group::new();
    copy(&releases()[0].join("data"), &group.directory.join("data"));
    let (cursor, positions) = (group.directory.join("cursor"), group.directory.join("positions"));
    fs::write(&cursor, "peer-rows 2\nanything\n").expect("the test's own");
    fs::write(&positions, "version:2\nanything\n").expect("the test's own");
    let why = ends_with_error(&group, &["tail", "--cursor", "cursor", "Lab"]);
    let of = "is of version 2, and this program reads up to version 1";
    assert!(why.contains("cursor is no cursor (it ") && why.contains(of) && why.contains("left as it is"), "{why}");
    let mut peer = group.start_with("Lab", &["--resume", "--sensor", "stdin", "--once", "positions"]);
    assert_eq!(peer.wait_for_exit().code(), Some(1));
    assert!(peer.said(&format!("--once positions: it {of}")), "{:?}", peer.log());
    assert_eq!(fs::read_to_string(&cursor).expect("there"), "peer-rows 2\nanything\n");
    assert_eq!(fs::read_to_string(&positions).expect("there"), "version:2\nanything\n");
}

/// Says this to a peer, and returns the answer.
fn answer(address: &str, words: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a duration");
    stream.write_all(words.as_bytes()).expect("it reads");
    stream.shutdown(Shutdown::Write).expect("connected");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers, and hangs up");
    answer
}

#[test]
fn a_peer_of_another_version_is_named_at_both_ends() {
    let group = Group::new();
    let peer = group.start("a");
    peer.wait_for_view(&["a"]);
    let own = peer::wire::PROTOCOL_VERSION;
    for (version, older) in [(own + 1, "those of the group"), (own - 1, "the newcomer")] {
        let said = answer(&peer.address(), &format!("HELLO:{version}:what another version says\n"));
        let expected = format!("ERROR:wrong version: {own} in the group, {version} at the newcomer; upgrade {older}\n");
        assert_eq!(said, expected);
    }
    peer.wait_for(&format!(
        "Peer at 127.0.0.1 cannot be understood: it speaks protocol version {}, this peer speaks version {own}; upgrade this peer",
        own + 1
    ));
}

#[test]
fn a_datagram_of_another_version_is_told() {
    let group = Group::new();
    let peer = group.start("a");
    peer.wait_for_view(&["a"]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    socket.set_broadcast(true).expect("a socket");
    let own = peer::wire::PROTOCOL_VERSION;
    let datagram = format!("PEER:{}:sensors:-\nWHAT:another version says\n", own - 1);
    socket.send_to(datagram.as_bytes(), ("127.255.255.255", group.broadcast_port)).expect("loopback");
    peer.wait_for(&format!("it speaks protocol version {}, this peer speaks version {own}; upgrade that one", own - 1));
}

#[test]
fn a_peer_that_is_refused_for_its_version_says_so() {
    let group = Group::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    let later = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it asks");
        let mut heard = [0; 7];
        stream.read_exact(&mut heard).expect("HELLO");
        assert_eq!(&heard, b"HELLO:2", "another version writes its own recording, and its number here");
        stream
            .write_all(b"ERROR:wrong version: 3 in the group, 2 at the newcomer; upgrade the newcomer\n")
            .expect("it reads");
        // An end with something unread is a reset, which may overtake what was written.
        stream.shutdown(std::net::Shutdown::Write).expect("it is connected");
        std::io::copy(&mut stream, &mut std::io::sink()).expect("it ends");
    });
    let peer = group.start_with("a", &["--sensor", "none", "--join", &address]);
    peer.wait_for("A peer refused this one: wrong version: 3 in the group, 2 at the newcomer; upgrade the newcomer");
    later.join().expect("it was asked");
}
