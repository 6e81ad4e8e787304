//! What comes of a dial, and of what is heard on its connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::super::lock::{read, write};
use super::super::trial::{id, inputs, listener, nobody, process, steps, Trial};
use super::*;
use crate::keys::session::HANDSHAKE_BYTES;
use crate::net::Outgoing;
use crate::wire::Refusal;

/// A process that takes one connection, and keeps it until its thread is joined.
fn keeps() -> (SocketAddr, thread::JoinHandle<TcpStream>) {
    process(|stream| stream)
}

/// The link to `b`, which listens there; it is among the links.
fn link_to(trial: &Trial, endpoint: SocketAddr) -> Arc<Link> {
    let link = trial.meets_b(endpoint);
    write(&trial.node.links).insert(id("b"), Arc::clone(&link));
    link
}

/// Dials, and returns what the core is told.
fn dials(trial: &Trial, link: &Arc<Link>) -> Vec<String> {
    inputs(|| link.dial(&trial.node)).1
}

/// The next dial is not before this long after now; `before` was taken before that was decided.
fn dials_after(link: &Link, before: Instant, pause: Duration) -> bool {
    let at = lock(&link.state).dial_at.unwrap();
    (before + pause..=Instant::now() + pause).contains(&at)
}

#[test]
fn a_first_connection_says_hello_and_is_no_news() {
    let trial = Trial::new();
    let (endpoint, process) = keeps();
    let link = link_to(&trial, endpoint);
    let before = Instant::now();
    assert_eq!(dials(&trial, &link), [""; 0]);
    assert!(dials_after(&link, before, DIAL_PAUSE), "one that is accepted and closed must not keep a processor busy");
    let state = lock(&link.state);
    assert!(state.up.is_some() && state.connections == 1 && !state.dial && !state.failed);
    drop(state);
    let mut hello = String::new();
    BufReader::new(process.join().unwrap()).read_line(&mut hello).unwrap();
    assert!(hello.starts_with("HELLO:2:") && hello.contains(":a:") && hello.contains(":b:"), "{hello}");
    assert!(!hello.contains("0000000000000000"), "only b is told this token: {hello}");
}

#[test]
fn the_core_hears_of_a_connection_after_a_break_and_of_a_refused_dial() {
    let trial = Trial::new();
    let (endpoint, process) = keeps();
    let link = link_to(&trial, endpoint);
    lock(&link.state).report = true;
    assert_eq!(dials(&trial, &link), [format!("<- {:?}", Input::LinkUp { peer: id("b") })]);
    assert!(!lock(&link.state).report && lock(&link.state).up.is_some());
    process.join().unwrap();

    let trial = Trial::new();
    let link = link_to(&trial, nobody());
    let before = Instant::now();
    assert_eq!(dials(&trial, &link), [format!("<- {:?}", Input::Refused { peer: id("b") })]);
    assert!(dials_after(&link, before, DIAL_PAUSE) && lock(&link.state).report);
    link.close();
    assert_eq!(dials(&trial, &link), [""; 0], "it is over");
}

#[test]
fn a_link_to_a_peer_that_nobody_knows_ends() {
    let trial = Trial::new();
    let link = Arc::new(Link::new(id("c")));
    write(&trial.node.links).insert(id("c"), Arc::clone(&link));
    assert_eq!(dials(&trial, &link), [""; 0]);
    assert!(read(&trial.node.links).is_empty() && lock(&link.state).closed);
}

#[test]
fn a_link_that_was_closed_while_it_dialled_is_not_used() {
    let trial = Trial::new();
    let (endpoint, process) = keeps();
    let link = link_to(&trial, endpoint);
    link.close();
    lock(&link.state).report = true;
    assert_eq!(dials(&trial, &link), [""; 0]);
    assert_eq!(lock(&link.state).connections, 0);
    assert_eq!(process.join().unwrap().read(&mut [0]).unwrap(), 0, "nothing was said");
}

#[test]
fn a_dial_without_an_answer_comes_again_soon_and_then_later() {
    let trial = Trial::closed(1).with_patience(Duration::from_millis(20));
    // It accepts in the system, and shows no key.
    let (_listener, endpoint) = listener();
    let link = link_to(&trial, endpoint);
    lock(&link.state).report = true;
    for pause in [DIAL_PAUSE, RETRY_PAUSE, RETRY_PAUSE] {
        let before = Instant::now();
        assert_eq!(dials(&trial, &link), [""; 0]);
        assert!(dials_after(&link, before, pause));
        assert!(lock(&link.state).failed && lock(&link.state).failing.is_some());
    }
    assert_eq!(trial.complaints(), [], "a heartbeat timeout is not over");
}

#[test]
fn a_peer_that_answers_no_dial_for_a_heartbeat_timeout_is_told_of_and_its_answer_too() {
    let (endpoint, process) = keeps();
    let patient = Trial::new();
    let link = link_to(&patient, endpoint);
    (0..2).for_each(|_| link.unreached(&patient.node, endpoint, &DialError::TimedOut));
    assert_eq!(patient.complaints(), [], "a heartbeat timeout is not over");
    let trial = Trial::new().changed(|node| node.config.timing.heartbeat_timeout = Duration::ZERO);
    let link = link_to(&trial, endpoint);
    link.unreached(&trial.node, endpoint, &DialError::TimedOut);
    let complaints = trial.complaints();
    assert_eq!(complaints.len(), 1);
    assert_eq!(complaints[0].0, "unreachable");
    assert_eq!(dials(&trial, &link), [""; 0]);
    assert!(lock(&link.state).failing.is_none());
    process.join().unwrap();
}

#[test]
fn a_link_to_another_key_complains_and_comes_again() {
    let trial = Trial::closed(1);
    let (endpoint, process) = process(|mut stream| stream.read_exact(&mut [0; HANDSHAKE_BYTES]).unwrap());
    let link = link_to(&trial, endpoint);
    lock(&link.state).report = true;
    let before = Instant::now();
    assert_eq!(dials(&trial, &link), [""; 0]);
    process.join().unwrap();
    let text = format!("Peer at {endpoint} has another key than this one, or none; give both the same --key-file");
    assert_eq!(trial.complaints(), [("other_key", text)]);
    assert!(dials_after(&link, before, DIAL_PAUSE) && lock(&link.state).failing.is_none());
    assert!(read(&trial.node.links).contains_key(&id("b")), "the core is to hear of its next connection");
    lock(&link.state).report = false;
    link.dial_again(&DialError::Key);
    assert!(link.is_over());
}

/// A link that is up on its connection of this number.
fn up(trial: &Trial) -> (Arc<Link>, TcpStream) {
    let (endpoint, process) = keeps();
    let link = link_to(trial, endpoint);
    link.dial(&trial.node);
    // Nobody dials again while the test looks.
    lock(&link.state).has_thread = true;
    (link, process.join().unwrap())
}

#[test]
fn an_error_on_a_link_goes_to_the_core_and_an_end_dials_again() {
    let trial = Trial::new();
    let (link, _receiver) = up(&trial);
    let error = || Ok(Some(Message::Error { why: Refusal::Itself }));
    let hears = |said, connection| steps(|| link.hears(&trial.node, said, connection)).1;
    assert_eq!(hears(error(), 7), [""; 0]);
    assert!(lock(&link.state).up.is_some(), "that was another connection");
    let before = Instant::now();
    let why = Refusal::Itself;
    assert_eq!(hears(error(), 1)[0], format!("<- {:?}", Input::Rejected { peer: id("b"), why }));
    assert!(lock(&link.state).up.is_none() && dials_after(&link, before, RETRY_PAUSE));

    for said in [Ok(None), Err(ReadError::Io(std::io::ErrorKind::ConnectionReset.into()))] {
        let trial = Trial::new();
        let (link, _receiver) = up(&trial);
        assert_eq!(steps(|| link.hears(&trial.node, said, 1)).1, [""; 0]);
        let state = lock(&link.state);
        assert!(state.up.is_none() && state.dial && state.report);
    }
}

#[test]
fn a_connection_of_no_use_is_made_again_after_a_pause() {
    let trial = Trial::new();
    let (link, _receiver) = up(&trial);
    let before = Instant::now();
    link.lost(&trial.node, 1);
    assert!(dials_after(&link, before, RETRY_PAUSE) && lock(&link.state).up.is_none());
}

/// Its connection is neither the present one nor being written to when it is dialled again, so nobody else ends it.
#[test]
fn a_receiver_that_says_half_a_word_does_not_keep_a_link_that_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let (mut receiver, _) = listener.accept().unwrap();
    let link = Arc::new(Link::new("b".parse().unwrap()));
    link.begin_on(&stream, Outgoing::default(), Instant::now()).unwrap();
    let weak = Arc::downgrade(&link);
    let waiting = thread::spawn(move || word(&weak, Incoming::new(stream)).is_none());
    receiver.write_all(b"ERR").unwrap();
    link.redial();
    link.close();
    drop(link);
    assert!(waiting.join().unwrap());
}
