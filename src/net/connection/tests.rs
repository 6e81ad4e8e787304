//! What two ends of a connection on loopback see of each other.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::thread;

use socket2::{Domain, Socket, Type};

use super::super::{listen, Outgoing, CAN_SEND_NOW};
use super::*;
use crate::wire::{encode, Frame, Lines, Request};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);

fn listener() -> (TcpListener, SocketAddr) {
    listen(LOOPBACK, 0).unwrap()
}

/// The two ends of a connection: the dialler's, then the listener's.
fn pair() -> (Arc<TcpStream>, Arc<TcpStream>) {
    let (listener, endpoint) = listener();
    let dialled = dial(endpoint, PATIENCE, LOOPBACK).unwrap();
    (Arc::new(dialled), Arc::new(listener.accept().unwrap().0))
}

fn commit(up_to: u64) -> Message {
    Message::Commit { term: "1@a/1".parse().unwrap(), up_to }
}

/// A request of `count` readings.
fn request(count: u64) -> Request {
    let text = "DATA|s|2013-01-01T06:00:00Z|20.5||1012\n".repeat(usize::try_from(count).unwrap()).into_bytes();
    Request { origin: "a/1".parse().unwrap(), first: 1, lines: Lines::new(text, count) }
}

fn ordered(count: u64) -> Message {
    let term: crate::ids::Term = "1@a/1".parse().unwrap();
    Message::Ordered { term: term.clone(), frame: Frame::build(term, 1, &[request(count)]) }
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}

#[test]
fn messages_written_together_arrive_in_order_and_then_the_end() {
    let (ours, theirs) = pair();
    let term = "1@a/1".parse().unwrap();
    let messages =
        [commit(1), ordered(1000), ordered(3), Message::SequencerRequest { term, request: request(900) }, commit(2)];
    let sent = messages.to_vec();
    let writer = thread::spawn(move || {
        let mut outgoing = Outgoing::default();
        for _ in 0..50 {
            sent.iter().cloned().for_each(|message| outgoing.put(message));
            // First what can be written without waiting, and then the rest.
            if !(CAN_SEND_NOW && outgoing.write_now(&ours).unwrap()) {
                outgoing.write_all(&ours).unwrap();
            }
            assert!(outgoing.is_empty());
        }
        outgoing.write_all(&ours).unwrap();
    });
    let mut incoming = Incoming::new(theirs);
    for _ in 0..50 {
        for message in &messages {
            assert_eq!(incoming.read_message().unwrap().as_ref(), Some(message));
        }
    }
    assert!(incoming.read_message().unwrap().is_none());
    writer.join().unwrap();
}

#[test]
fn what_a_connection_takes_is_written_without_waiting_and_the_rest_is_kept() {
    if !CAN_SEND_NOW {
        return;
    }
    let (ours, _theirs) = pair();
    let mut outgoing = Outgoing::default();
    outgoing.put(commit(1));
    assert!(outgoing.write_now(&ours).unwrap() && outgoing.is_empty());
    outgoing.put(ordered(1000));
    while outgoing.write_now(&ours).unwrap() {
        outgoing.put(ordered(1000));
    }
    assert!(!outgoing.is_empty());
}

#[test]
fn what_came_together_is_there_without_another_read() {
    let (ours, theirs) = pair();
    let mut outgoing = Outgoing::default();
    (1..=3).for_each(|up_to| outgoing.put(commit(up_to)));
    outgoing.write_all(&ours).unwrap();
    let mut incoming = Incoming::new(theirs);
    assert_eq!(incoming.buffered_message().unwrap(), None);
    assert_eq!(incoming.read_message().unwrap(), Some(commit(1)));
    assert_eq!(incoming.buffered_message().unwrap(), Some(commit(2)));
    assert_eq!(incoming.buffered_message().unwrap(), Some(commit(3)));
    assert_eq!(incoming.buffered_message().unwrap(), None);
}

#[test]
fn a_reader_knows_what_it_holds_and_whether_there_is_more() {
    let (ours, theirs) = pair();
    let mut incoming = Incoming::new(Arc::clone(&theirs));
    assert_eq!((incoming.held(), incoming.has_more()), (0, false));
    assert_eq!(incoming.stream().local_addr().unwrap(), theirs.local_addr().unwrap());
    let text = [encoded(&commit(1)), encoded(&commit(2))].concat();
    (&*ours).write_all(&text[..text.len() - 1]).unwrap();
    assert_eq!(incoming.read_message().unwrap(), Some(commit(1)));
    assert!(incoming.has_more() && incoming.held() > 1);
    (&*ours).write_all(b"\n").unwrap();
    assert_eq!(incoming.read_message().unwrap(), Some(commit(2)));
    assert!(!incoming.has_more());
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_whose_other_side_acknowledges_nothing_is_given_up() {
    let (ours, _theirs) = pair();
    give_up_after(&ours, PATIENCE);
    assert_eq!(SockRef::from(&*ours).tcp_user_timeout().unwrap(), Some(PATIENCE));
}

#[test]
fn errors_of_a_dial_say_what_is_known_of_the_other_side() {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, TimedOut};
    let of = |kind: io::ErrorKind| DialError::from(io::Error::from(kind));
    assert!(matches!(of(ConnectionRefused), DialError::Refused) && matches!(of(ConnectionReset), DialError::Refused));
    assert!(matches!(of(TimedOut), DialError::TimedOut));
    assert!(matches!(of(HostUnreachable), DialError::Other(error) if error.kind() == HostUnreachable));
}

#[test]
fn an_end_in_the_middle_of_a_message_is_an_error() {
    let (ours, theirs) = pair();
    (&*ours).write_all(b"COMMIT:1@a/1:").unwrap();
    drop(ours);
    let end = Incoming::new(theirs).read_message();
    assert!(matches!(end, Err(ReadError::Wire(WireError::Truncated))), "{end:?}");
}

#[test]
fn an_answer_must_come_in_time_and_later_messages_need_not() {
    let (ours, theirs) = pair();
    let mut incoming = Incoming::new(theirs);
    let silence = incoming.message_within(Duration::from_millis(5));
    assert!(matches!(&silence, Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::TimedOut), "{silence:?}");

    (&*ours).write_all(&encoded(&commit(1))).unwrap();
    assert_eq!(incoming.message_within(PATIENCE).unwrap(), Some(commit(1)));
    assert_eq!(incoming.stream.read_timeout().unwrap(), None);
    drop(ours);
    assert!(incoming.message_within(PATIENCE).unwrap().is_none());
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_not_waited_for() {
    let (ours, theirs) = pair();
    let drip = thread::spawn(move || while (&*ours).write_all(b"H").is_ok() {});
    let mut incoming = Incoming::new(theirs);
    assert!(incoming.message_within(Duration::from_millis(50)).is_err());
    drop(incoming);
    drip.join().unwrap();
}

#[test]
fn an_answer_that_is_longer_than_it_may_be_is_not_read() {
    let (ours, theirs) = pair();
    (&*ours).write_all(&encoded(&ordered(1000))).unwrap();
    let end = Incoming::new(theirs).at_most(1000).message_within(PATIENCE);
    assert!(matches!(end, Err(ReadError::Wire(WireError::TooLong { max: 1000 }))), "{end:?}");
}

#[test]
fn only_a_dial_to_another_address_is_bound_to_its_own() {
    let [here, there] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)));
    for (bind, endpoint, expected) in [
        (here, there, Some(here)),
        (here, here, None),
        (IpAddr::V4(Ipv4Addr::UNSPECIFIED), there, None),
        (here, IpAddr::V6(Ipv6Addr::LOCALHOST), None),
    ] {
        assert_eq!(source(bind, SocketAddr::new(endpoint, 7000)), expected, "from {bind} to {endpoint}");
    }
    let (listener, endpoint) = listener();
    let _dialled = dial(endpoint, PATIENCE, LOOPBACK).unwrap();
    assert_eq!(listener.accept().unwrap().1.ip(), LOOPBACK, "the system comes from that address by itself");
}

#[test]
fn a_dial_comes_from_the_address_that_it_is_bound_to() {
    let (listener, endpoint) = listener();
    let own = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7));
    // If loopback has only one address, there is no other to come from.
    let Ok(_dialled) = dial(endpoint, PATIENCE, own) else { return };
    assert_eq!(listener.accept().unwrap().1.ip(), own);
}

#[test]
fn hanging_up_wakes_a_reader_and_a_writer() {
    let (ours, theirs) = pair();
    let reader = thread::spawn({
        let theirs = Arc::clone(&theirs);
        move || Incoming::new(theirs).read_message().map_err(|error| error.to_string())
    });
    hang_up(&theirs);
    assert_eq!(reader.join().unwrap(), Ok(None));
    drop((ours, theirs));

    // Nobody reads, so the writer is stuck, sooner or later.
    let (ours, _theirs) = pair();
    let (started, has_started) = crossbeam_channel::bounded(1);
    let writer = thread::spawn({
        let (ours, mut outgoing) = (Arc::clone(&ours), Outgoing::default());
        move || loop {
            outgoing.put(ordered(1000));
            if outgoing.write_all(&ours).is_err() {
                break;
            }
            let _ = started.try_send(());
        }
    });
    has_started.recv().unwrap();
    hang_up(&ours);
    writer.join().unwrap();
}

#[test]
fn a_port_that_nobody_listens_on_refuses() {
    let (listener, endpoint) = listener();
    drop(listener);
    assert!(matches!(dial(endpoint, PATIENCE, LOOPBACK), Err(DialError::Refused)));
}

#[test]
fn a_listener_that_accepts_nobody_is_given_up() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(LOOPBACK, 0).into()).unwrap();
    socket.listen(0).unwrap();
    let endpoint = socket.local_addr().unwrap().as_socket().unwrap();
    // A few connections wait to be accepted, the next is not answered.
    let mut waiting = Vec::new();
    let gave_up = loop {
        match dial(endpoint, Duration::from_millis(50), LOOPBACK) {
            Ok(stream) if waiting.len() < 100 => waiting.push(stream),
            other => break other,
        }
    };
    if cfg!(target_os = "linux") {
        assert!(matches!(gave_up, Err(DialError::TimedOut)), "{gave_up:?}");
    }
}

#[test]
fn what_is_said_is_sent_without_delay() {
    assert!(pair().0.nodelay().unwrap());
}

#[test]
fn a_socket_that_reached_itself_is_recognized() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(LOOPBACK, 0).into()).unwrap();
    let own = socket.local_addr().unwrap();
    if socket.connect(&own).is_ok() {
        assert!(reached_itself(&socket.into()).unwrap());
    }
    assert!(!reached_itself(&pair().0).unwrap());
}
