//! `peer doctor`, with and without other peers, and where something keeps peers apart.

use std::net::TcpListener;
use std::process::Command;

use peer::keys::file;

use crate::harness::Group;

/// The exit status of `peer doctor`, and its words on this group.
fn doctor(group: &Group, more: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_peer"))
        .args(["doctor", "--bind", "127.0.0.1", "--listen-for", "1500ms"])
        .args(["--broadcast-port", &group.broadcast_port.to_string()])
        .args(more)
        .current_dir(&group.directory)
        .env_clear()
        .output()
        .expect("the binary was built");
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

#[track_caller]
fn says(text: &str, mark: &str, what: &str, part: &str) {
    let is_it = |line: &str| line.starts_with(mark) && line[4..].trim_start().starts_with(what) && line.contains(part);
    assert!(text.lines().any(is_it), "no line {mark} {what} … {part} in\n{text}");
}

#[test]
fn a_healthy_group_is_reported_as_that_and_not_disturbed() {
    let group = Group::new();
    let peers = ["a", "b"].map(|id| group.start(id));
    for peer in &peers {
        peer.wait_for_view(&["a", "b"]);
    }
    let views = peers.each_ref().map(|peer| peer.log().iter().filter(|line| line.contains(": View ")).count());
    let (status, text) = doctor(&group, &[]);
    assert_eq!(status, Some(0), "{text}");
    says(&text, "ok", "here", "a runs: ");
    says(&text, "ok", "discovery", "is heard here");
    says(&text, "ok", "peers", "is heard, and answers at 127.0.0.1:");
    says(&text, "ok", "back", "asked over TCP from 127.0.0.1");
    assert!(text.ends_with("Nothing is wrong here.\n"), "{text}");
    for (peer, before) in peers.iter().zip(views) {
        let log = peer.log();
        assert_eq!(log.iter().filter(|line| line.contains(": View ")).count(), before, "{log:?}");
        assert!(!log.iter().any(|line| line.contains(" WARN ")), "{log:?}");
    }
}

#[test]
fn what_keeps_peers_apart_is_named() {
    let group = Group::new();
    file::create(&group.directory.join("key")).expect("a new file");
    let other = group.start_with("x", &["--sensor", "none", "--group", "elsewhere"]);
    other.wait_for_view(&["x"]);
    let closed = group.start_with("y", &["--sensor", "none", "--key-file", "key"]);
    closed.wait_for_view(&["y"]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let (status, text) = doctor(&group, &["--port", &port, "--join", &other.address(), "--data-dir", "nothing/here"]);
    assert_eq!(status, Some(1), "{text}");
    says(&text, "FAIL", "tcp", "cannot listen at 127.0.0.1 port");
    says(&text, "look", "group", "peers of the group elsewhere are there");
    says(&text, "look", "key", "a closed group is there");
    says(&text, "FAIL", "join", "is of the group elsewhere, not of sensors");
    let (status, text) = doctor(&group, &["--group", "elsewhere", "--quorum", "2", "--join", &other.address()]);
    assert_eq!(status, Some(1), "{text}");
    says(&text, "FAIL", "join", "runs with no --quorum; give all peers the same");
    let (status, text) = doctor(&group, &["--key-file", "key", "--data-dir", "data"]);
    assert!(status == Some(6) || status == Some(0), "{text}");
    says(&text, "ok", "key", "speaks with key ");
    says(&text, "ok", "peers", "y is heard");
    let (status, text) = doctor(&group, &["--join", "127.0.0.1:1", "--data-dir", "nothing"]);
    assert_eq!(status, Some(1), "{text}");
    says(&text, "FAIL", "join", "nobody listens at 127.0.0.1:1");
}
