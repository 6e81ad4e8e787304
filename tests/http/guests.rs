//! Guests that do their worst: many, slow, silent, never reading. The group goes on, and others are answered.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::client::{get, get_until, start, Events};
use crate::harness::{assert_same_rows, Group};

/// How many connections a page takes.
const CONNECTIONS: usize = 32;

#[test]
fn connections_that_say_nothing_or_little_hold_nobody_up() {
    let group = Group::new();
    let (mut peer, address) = start(&group, "a", &[]);
    let mut other = group.start_with("b", &["--sensor", "stdin"]);
    peer.wait_for_view(&["a", "b"]);
    let silent: Vec<TcpStream> = (0..2 * CONNECTIONS).map(|_| TcpStream::connect(&address).expect("taken")).collect();
    for mut stream in &silent {
        // Connections that were turned away are closed.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n");
    }
    peer.feed_numbered(0, 1000);
    other.feed_numbered(0, 1000);
    assert_same_rows(&[&peer, &other], 2000);
    // Heads that do not come in time make room.
    let answer = get_until(&address, "/healthz", |answer| answer.status == 200);
    assert_eq!(answer.body, "ok\n");
    drop(silent);
}

#[test]
fn a_connection_too_many_gets_a_reason() {
    let group = Group::new();
    let (_peer, address) = start(&group, "a", &[]);
    let held: Vec<TcpStream> = (0..CONNECTIONS).map(|_| TcpStream::connect(&address).expect("taken")).collect();
    let mut late = TcpStream::connect(&address).expect("the system takes it");
    let mut text = String::new();
    late.read_to_string(&mut text).expect("an answer and an end");
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("Retry-After"), "{text}");
    drop(held);
}

#[test]
fn followers_that_never_read_cost_the_group_nothing() {
    let group = Group::new();
    let (mut peer, address) = start(&group, "a", &[]);
    let mut other = group.start_with("b", &["--sensor", "stdin"]);
    peer.wait_for_view(&["a", "b"]);
    let deaf: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("taken");
            write!(stream, "GET /api/v1/stream HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("taken");
            stream
        })
        .collect();
    let mut events = Events::open(&address);
    for round in 0..5 {
        peer.feed_numbered(round * 1000, (round + 1) * 1000);
        other.feed_numbered(round * 1000, (round + 1) * 1000);
    }
    assert_same_rows(&[&peer, &other], 10_000);
    events.wait_for("status", |status| status["readings"]["delivered"] == 10_000);
    drop(deaf);
}

#[test]
fn followers_beyond_the_limit_are_sent_away() {
    let group = Group::new();
    let (_peer, address) = start(&group, "a", &[]);
    let followers: Vec<Events> = (0..16).map(|_| Events::open(&address)).collect();
    let answer = get(&address, "/api/v1/stream");
    assert_eq!(answer.status, 503);
    assert_eq!(
        get_until(&address, "/", |answer| answer.status == 200).status,
        200,
        "the page is answered all the same"
    );
    drop(followers);
}
