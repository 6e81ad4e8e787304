//! What strangers send, and how the log shows it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

use serde_json::Value;

use crate::harness::Group;

/// Answers each question with an `ERROR` that would rewrite a terminal.
fn answer_with_escapes() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all("ERROR:go away\u{1b}[2J\rINFO all is well\u{202e}\n".as_bytes());
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    address
}

#[test]
fn control_characters_that_strangers_send_never_reach_the_log() {
    let group = Group::new();
    let join = answer_with_escapes();
    let peer = group.start_with("a", &["--sensor", "none", "--log-level", "trace", "--join", &join]);
    peer.wait_for_view(&["a"]);
    let bytes = b"HELLO:1:sensors:-:x\x1b[31m\r:1:127.0.0.1:1:\n";
    let mut stream = TcpStream::connect(peer.address()).expect("it listens");
    stream.write_all(bytes).expect("it reads");
    let _ = stream.read_to_end(&mut Vec::new());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    socket.set_broadcast(true).expect("broadcast");
    socket.send_to(bytes, ("127.255.255.255", group.broadcast_port)).expect("sent");
    peer.wait_for("refuses this peer: go away\\x1b[2J\\x0dINFO all is well\\u{202e}");
    peer.wait_for("Datagram from 127.0.0.1");
    let dangerous = |line: &String| line.contains(|c: char| c.is_control() || c == '\u{202e}');
    assert!(!peer.log().iter().any(dangerous), "{:?}", peer.log());
}

#[test]
fn a_stranger_that_varies_what_it_sends_gets_a_handful_of_lines() {
    let group = Group::new();
    let mut peer = group.start("a");
    peer.wait_for_view(&["a"]);
    for number in 0..400 {
        let mut stream = TcpStream::connect(peer.address()).expect("it listens");
        // Each time it is another version, and so another text.
        stream.write_all(format!("HELLO:{}:sensors\n", number + 1000).as_bytes()).expect("it reads");
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let warnings: Vec<String> = peer.log().into_iter().filter(|line| line.contains(" WARN ")).collect();
    assert!((1..=4).contains(&warnings.len()), "{warnings:?}");
    assert!(peer.is_running());
}

#[test]
fn for_programs_each_line_is_an_object_with_its_peer_and_its_event() {
    let group = Group::new();
    let peer = group.start_with("a", &["--sensor", "none", "--log-format", "json", "--log-level", "trace"]);
    peer.wait_for("\"event\":\"view\"");
    peer.signal("-TERM");
    peer.wait_for("\"event\":\"stopped\"");
    let lines: Vec<Value> = peer.log().iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        assert_eq!(line["peer"], "a", "{line}");
        assert!(["ts", "level", "thread", "message"].iter().all(|name| line[name].is_string()), "{line}");
    }
    let of = |event: &str| lines.iter().find(|line| line["event"] == event).expect("it is there");
    assert_eq!(of("view")["members"], serde_json::json!(["a"]));
    assert_eq!((&of("view")["leads"], &of("view")["term"]), (&true.into(), &1.into()));
    assert_eq!(of("view")["message"], "View 1.1@a: [a]\nIs Group Leader: True");
}
