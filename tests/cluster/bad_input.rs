//! Garbage from the network and from sources: one clear line, and the group goes on.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use crate::harness::{assert_same_rows, Group};

#[test]
fn garbage_datagrams_are_ignored_with_one_line() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    socket.set_broadcast(true).expect("broadcast");
    let target = ("127.255.255.255", group.broadcast_port);
    for datagram in
        [&b"\xff\xfe garbage"[..], b"", b"GET / HTTP/1.1\r\n\r\n", b"PEER:9:sensors:-\nLEADER\n", &[b'x'; 4000]]
    {
        for _ in 0..20 {
            socket.send_to(datagram, target).expect("sent");
        }
    }
    peers[1].wait_for("Datagram from 127.0.0.1 on the discovery port ignored");
    peers[1].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1]], 100);
    let complaints = peers[1].log().iter().filter(|line| line.contains("Datagram from")).count();
    assert!(complaints <= 5, "said once each: {complaints}");
}

#[test]
fn foreign_connections_are_told_why_they_are_closed() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let address = peers[0].address();
    for (line, why) in [
        ("GET / HTTP/1.1\r\n", "does not begin with a verb"),
        ("HELLO:9:sensors:-:x:1:127.0.0.1:1:a:00000000000000aa\n", "wrong version: 2 in the group, 9 at the newcomer"),
        ("HELLO:2:kitchen:-:x:1:127.0.0.1:1:a:00000000000000aa\n", "wrong group"),
        ("HELLO:2:sensors:3:x:1:127.0.0.1:1:a:00000000000000aa\n", "wrong quorum"),
        ("HELLO:2:sensors:-:x:1:127.0.0.1:1:nobody:00000000000000aa\n", "wrong addressee"),
        ("HELLO:2:sensors:-:x:1:127.0.0.2:1:a:00000000000000aa\n", "it comes from 127.0.0.1"),
        ("HELLO:2:sensors:-:x:1:127.0.0.1:1:a:00000000000000aa\n", "nobody listens where it says it does"),
        ("COMMIT:1@a/1:7\n", "not HELLO"),
    ] {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(line.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers and closes");
        assert!(answer.starts_with("ERROR:") && answer.contains(why), "{line:?}: {answer:?}");
    }
    peers[1].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1]], 100);
}

#[test]
fn endless_lines_and_broken_messages_close_their_connection_only() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let address = peers[0].address();
    let endless = vec![b'x'; 200_000];
    let hello = b"HELLO:2:sensors:-:x:1:127.0.0.1:1:a:00000000000000aa\nORDERED:1@x/1:50\nBATCH:nonsense\n0123456789012345678901234567890123456789";
    for bytes in [&endless[..], hello] {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        // The peer may close before all is written.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
    peers[1].feed_numbered(0, 100);
    assert_same_rows(&[&peers[0], &peers[1]], 100);
}

#[test]
fn malformed_readings_are_refused_with_line_field_and_reason() {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed("DATA|a|2013-01-01T06:00:00Z|1|2|3\nDATA|../x|2013-01-01T06:00:00Z|1|2|3\nDATA|a|2013-01-01T06:00:00Z|warm|2|3\n");
    peer.feed("DATA|a||4|5|6\n");
    peer.end_input();
    peer.wait_for("End of input, 2 readings delivered");
    let log = peer.log();
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    assert!(warnings[0].contains('2') && warnings[0].contains("sensor_id"), "{warnings:?}");
    assert_eq!(peer.rows().len(), 2);
    assert!(!group.directory.join("data/x.csv").exists());
}

#[test]
fn a_value_for_not_measured_spoils_no_reading() {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed("DATA|a|2013-01-01T06:00:00Z|1|nan|3\nDATA|a|2013-01-01T06:00:00Z|2|NaN|N/A\n");
    peer.end_input();
    peer.wait_for("Line 1 of standard input: humidity says that it was not measured, and is left empty");
    peer.wait_for("(the last of 1 like this in");
    peer.wait_for("Standard input ended; lines refused: 0, values left empty: 3");
    peer.wait_for("End of input, 2 readings delivered");
    let rows: Vec<String> = peer.rows().into_values().collect();
    assert_eq!(rows, ["2013-01-01T06:00:00Z,a,1,,3", "2013-01-01T06:00:00Z,a,2,,"]);
}

#[test]
fn what_was_only_counted_is_logged_at_the_stop() {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    let line = |number: u32| format!("DATA|a|2013-01-01T06:00:00Z|{number}|nan|3\n");
    peer.feed(&(0..1000).map(line).collect::<String>());
    peer.wait_for_rows(1000);
    peer.signal("-TERM");
    assert!(peer.wait_for_exit().success());
    let told: Vec<String> = peer.log().into_iter().filter(|line| line.contains("not measured")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains("Line 1000 of") && told[1].contains("(the last of 999 like this in "), "{told:?}");
}

#[test]
fn peers_of_another_group_stay_by_themselves() {
    let group = Group::new();
    let here = group.start("a");
    here.wait_for_view(&["a"]);
    let there = group.start_with("b", &["--sensor", "none", "--group", "kitchen"]);
    there.wait_for_view(&["b"]);
    here.wait_for(
        "Peers of the group kitchen are heard on the discovery port (from 127.0.0.1), this one is of sensors",
    );
    there.wait_for("Peers of the group sensors are heard");
    assert!(here.leads() && there.leads());
}

#[test]
fn joining_a_peer_of_another_group_is_refused_with_a_line_that_says_so() {
    let group = Group::new();
    let here = group.start("a");
    here.wait_for_view(&["a"]);
    let address = here.address();
    let there = group.start_with("b", &["--sensor", "none", "--group", "kitchen", "--join", &address]);
    there.wait_for(&format!("--join {address} refuses this peer: wrong group"));
    there.wait_for_view(&["b"]);
    assert!(here.leads());
}
