//! A link on real connections with a receiver that does not read. Nothing here waits: this thread writes what goes out.

use std::net::TcpListener;

use socket2::SockRef;

use super::*;
use crate::ids::Term;
use crate::net::Incoming;
use crate::storage::{MemoryDisk, Options, Storage};
use crate::wire::{Lines, Request};

/// The buffers of a connection, in bytes: with all that the system adds, they hold far less than [`long_request`].
const BUFFER_BYTES: usize = 4 * 1024;

fn term() -> Term {
    "1@a/1".parse().unwrap()
}

/// Both ends of a connection.
fn connection() -> (Arc<TcpStream>, Arc<TcpStream>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    SockRef::from(&listener).set_recv_buffer_size(BUFFER_BYTES).unwrap();
    let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    SockRef::from(&sender).set_send_buffer_size(BUFFER_BYTES).unwrap();
    (Arc::new(sender), Arc::new(listener.accept().unwrap().0))
}

/// This many readings, each of about 140 bytes.
fn request(readings: u64) -> Message {
    let (sensor, value) = ("s".repeat(40), format!("1.{}", "0".repeat(22)));
    let line = format!("DATA|{sensor}|2013-01-01T06:00:00Z|{value}|{value}|{value}\n");
    let lines = Lines::new(line.repeat(usize::try_from(readings).unwrap()).into_bytes(), readings);
    Message::SequencerRequest { term: term(), request: Request { origin: "b/1".parse().unwrap(), first: 1, lines } }
}

fn long_request() -> Message {
    request(1_000)
}

fn short_message() -> Message {
    Message::Commit { term: term(), up_to: 3 }
}

/// A message that is said on the next connection if it was not on the one before.
fn lasting_message() -> Message {
    Message::Fetch { term: term(), from: 7 }
}

/// A log without entries.
fn log() -> LogReader<MemoryDisk> {
    let (id, options) = ("b".parse().unwrap(), Options::default());
    Storage::open(Arc::new(MemoryDisk::new()), &id, 1, options).unwrap().0.log_reader()
}

fn say(link: &Link, message: Message, log: &LogReader<MemoryDisk>) {
    assert_eq!(link.put(message), None);
    link.pump(log);
}

fn has_written_all(link: &Link) -> bool {
    lock(&link.writer).outgoing.is_empty()
}

/// A link that has written a short message and the beginning of a long one, and its receiver.
fn half_way(log: &LogReader<MemoryDisk>) -> (Link, Arc<TcpStream>) {
    let link = Link::new("a".parse().unwrap());
    let (sender, receiver) = connection();
    link.begin_on(&sender, Outgoing::default(), Instant::now()).unwrap();
    say(&link, short_message(), log);
    assert!(has_written_all(&link));
    say(&link, long_request(), log);
    assert!(!has_written_all(&link));
    (link, receiver)
}

/// All messages that come until the connection ends. True: it ends after a whole one.
fn read_all(receiver: Arc<TcpStream>) -> (Vec<Message>, bool) {
    let (mut incoming, mut messages) = (Incoming::new(receiver), Vec::new());
    loop {
        match incoming.read_message() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, true),
            Err(_) => return (messages, false),
        }
    }
}

#[test]
fn a_new_connection_does_not_continue_a_message_of_the_old_one() {
    let log = log();
    let (link, before) = half_way(&log);
    say(&link, lasting_message(), &log);
    link.redial();
    lock(&link.state).dial = false;
    let (sender, receiver) = connection();
    link.begin_on(&sender, Outgoing::default(), Instant::now()).unwrap();
    link.renewed();
    say(&link, request(3), &log);
    assert!(has_written_all(&link));
    lock(&link.writer).hang_up();
    assert_eq!(read_all(receiver), (vec![lasting_message(), request(3)], true));
    assert_eq!(read_all(before), (vec![short_message()], false), "it ended in the middle of the long one");
}

#[test]
fn a_link_that_is_not_taken_forgets_what_waited_and_reports_its_next_connection() {
    let log = log();
    let (link, before) = half_way(&log);
    say(&link, lasting_message(), &log);
    say(&link, Message::Leave { term: None }, &log);
    assert!(link.rest(Duration::ZERO));
    let (dial, report, waits) = {
        let state = lock(&link.state);
        (state.dial, state.report, !state.outbox.is_empty())
    };
    assert!(report && !dial && !waits, "it dials with the next message");
    assert_eq!(read_all(before), (vec![short_message()], false));
    say(&link, request(3), &log);
    assert!(lock(&link.state).task().is_none(), "these would go out before the lost ones");
    say(&link, short_message(), &log);
    assert!(matches!(lock(&link.state).task(), Some(Task::Dial)) && !link.is_over());
    link.close();
    assert!(!link.rest(Duration::ZERO));
}

#[test]
fn the_rest_of_a_message_comes_before_anything_else_on_its_connection() {
    let log = log();
    let (link, receiver) = half_way(&log);
    say(&link, lasting_message(), &log);
    let reader = std::thread::spawn(move || read_all(receiver));
    // This is what the link's thread does: it waits for the receiver.
    let mut writer = lock(&link.writer);
    let Writer { stream: Some(stream), outgoing, .. } = &mut *writer else { panic!("it has a connection") };
    outgoing.write_all(stream).unwrap();
    drop(writer);
    link.pump(&log);
    assert!(has_written_all(&link));
    lock(&link.writer).hang_up();
    assert_eq!(reader.join().unwrap(), (vec![short_message(), long_request(), lasting_message()], true));
}
