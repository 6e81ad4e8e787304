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
    let receiver = listener.accept().unwrap().0;
    receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    (Arc::new(sender), Arc::new(receiver))
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
    assert_eq!(link.put(message), Fate::Waits);
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

/// The state of a link: whether a thread has to dial or to write, and whether the core is to hear of the next connection.
fn needs(link: &Link) -> (Option<&'static str>, bool) {
    let state = lock(&link.state);
    let task = state.task().map(|task| match task {
        Task::Dial => "dial",
        Task::Write => "write",
    });
    (task, state.report)
}

#[test]
fn a_link_dials_for_what_it_has_to_say_or_where_it_is_told_to() {
    let log = log();
    let link = Link::new("a".parse().unwrap());
    assert_eq!((needs(&link), link.is_over()), ((None, false), true));
    say(&link, lasting_message(), &log);
    assert_eq!((needs(&link), link.is_over()), ((Some("dial"), false), false), "a first connection is no news");
    let (sender, receiver) = connection();
    link.begin_on(&sender, Outgoing::default(), Instant::now()).unwrap();
    assert_eq!(needs(&link), (Some("write"), false));
    link.pump(&log);
    assert_eq!((needs(&link), link.is_over()), ((None, false), false));
    link.redial();
    assert_eq!((needs(&link), link.is_over()), ((Some("dial"), true), false));
    lock(&link.state).dial = false;
    let (again, _receiver) = connection();
    link.begin_on(&again, Outgoing::default(), Instant::now()).unwrap();
    lock(&link.state).report = false;
    assert_eq!(needs(&link), (None, false));
    lock(&link.writer).hang_up();
    assert_eq!(read_all(receiver), (vec![lasting_message()], true));
    link.close();
    link.redial();
    assert_eq!(needs(&link).0, None, "it is over");
    assert_eq!(link.put(short_message()), Fate::Back(short_message()));
    assert_eq!(link.begin_on(&connection().0, Outgoing::default(), Instant::now()), None);
}

#[test]
fn a_connection_that_is_to_be_made_again_is_not_written_on() {
    let log = log();
    let link = Link::new("a".parse().unwrap());
    link.redial();
    let (sender, receiver) = connection();
    assert_eq!(link.begin_on(&sender, Outgoing::default(), Instant::now()), Some(1));
    say(&link, lasting_message(), &log);
    assert_eq!(needs(&link).0, Some("dial"));
    lock(&link.writer).hang_up();
    assert_eq!(read_all(receiver), (vec![], true));
}

#[test]
fn only_the_end_of_the_present_connection_counts() {
    let link = Link::new("a".parse().unwrap());
    let connections = [connection(), connection(), connection()];
    let mut begin = connections.iter().map(|(sender, _)| {
        lock(&link.state).dial = false;
        link.begin_on(sender, Outgoing::default(), Instant::now())
    });
    assert_eq!((begin.next().flatten(), begin.next().flatten()), (Some(1), Some(2)));
    let still_open = |receiver: &TcpStream| {
        receiver.set_nonblocking(true).unwrap();
        let read = receiver.peek(&mut [0]);
        receiver.set_nonblocking(false).unwrap();
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    assert!(still_open(&connections[0].1), "its receiver ends it");
    link.on_end(1);
    assert_eq!(needs(&link), (None, false));
    link.on_end(2);
    assert_eq!(needs(&link), (Some("dial"), true));
    assert_eq!(begin.next().flatten(), Some(3));
    link.on_end(2);
    assert_eq!(needs(&link).0, None);
    // One that its receiver did not end goes with the second after it.
    assert_eq!(read_all(Arc::clone(&connections[0].1)), (vec![], true));
}

#[test]
fn a_thread_is_started_for_what_nobody_else_does_and_one_at_a_time() {
    let link = Link::new("a".parse().unwrap());
    assert!(!link.lacks_thread());
    link.redial();
    assert!(link.lacks_thread() && !link.lacks_thread());
    lock(&link.state).has_thread = false;
    assert!(link.lacks_thread());
    assert_eq!(link.thread_name(), "tx-a");
}

#[test]
fn a_link_is_idle_once_nothing_waits_to_be_written() {
    let log = log();
    let ended = |idle: &Receiver<Infallible>| idle.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected);
    assert!(ended(&Link::new("a".parse().unwrap()).when_idle()));
    let (link, receiver) = half_way(&log);
    let idle = link.when_idle();
    assert!(!ended(&idle));
    let reader = std::thread::spawn(move || read_all(receiver));
    let mut writer = lock(&link.writer);
    let Writer { stream: Some(stream), outgoing, .. } = &mut *writer else { panic!("it has a connection") };
    outgoing.write_all(stream).unwrap();
    drop(writer);
    assert!(!ended(&idle), "nobody has seen yet that nothing is left");
    link.pump(&log);
    assert!(ended(&idle));
    let (waits, _) = half_way(&log);
    let idle = waits.when_idle();
    waits.close();
    assert!(ended(&idle), "it is over");
    lock(&link.writer).hang_up();
    reader.join().unwrap();
}

#[test]
fn a_link_that_rests_waits_before_it_dials() {
    let link = Link::new("a".parse().unwrap());
    let before = Instant::now();
    assert!(link.rest(Duration::from_secs(60)));
    let at = lock(&link.state).dial_at.unwrap();
    assert!(at >= before + Duration::from_secs(60) && at <= Instant::now() + Duration::from_secs(60));
    assert!(!link.is_over(), "the core is to hear of its next connection");
}

#[test]
fn a_permission_that_proved_void_is_dropped() {
    let link = Link::new("a".parse().unwrap());
    let serve = |restart, up_to| link.serve(Serve { term: term(), cuts: 0, restart, up_to });
    let mut writer = Writer::default();
    serve(Some(2), 9);
    let part = lock(&link.state).outbox.next_part().unwrap();
    assert!(!link.load_batches(Read::Nothing, &part, &mut writer));
    assert_eq!(lock(&link.state).outbox.next_part(), Some(part.clone()));
    for void in [Read::Cut, Read::Removed] {
        serve(Some(2), 9);
        let part = lock(&link.state).outbox.next_part().unwrap();
        assert!(link.load_batches(void, &part, &mut writer));
        assert_eq!(lock(&link.state).outbox.next_part(), None);
        assert!(writer.outgoing.is_empty() && !lock(&link.state).taken);
    }
    let Message::SequencerRequest { request, .. } = request(3) else { unreachable!("that is one") };
    serve(Some(2), 9);
    let part = lock(&link.state).outbox.next_part().unwrap();
    assert!(link.load_batches(Read::Frames(vec![Frame::build(term(), 3, &[request])]), &part, &mut writer));
    assert_eq!(lock(&link.state).outbox.next_part().map(|part| part.after), Some(5));
    assert!(!writer.outgoing.is_empty() && lock(&link.state).taken);
}
