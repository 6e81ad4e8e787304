//! When the thread of a link is there, and what it does.

use std::net::TcpStream;

use super::super::trial::{accept, frame, id, listener, ok, until, Trial, PATIENCE};
use super::*;
use crate::ids::Term;
use crate::net::{Incoming, Outgoing};
use crate::protocol::Serve;
use crate::wire::Message;

fn term() -> Term {
    "1@a/1".parse().unwrap()
}

/// A link that is up, and its receiver.
fn up() -> (Arc<Link>, Incoming) {
    let link = Arc::new(Link::new(id("b")));
    (Arc::clone(&link), up_again(&link))
}

fn up_again(link: &Arc<Link>) -> Incoming {
    let (listener, endpoint) = listener();
    let stream = Arc::new(TcpStream::connect(endpoint).unwrap());
    lock(&link.state).dial = false;
    link.begin_on(&stream, Outgoing::default(), Instant::now()).unwrap();
    Incoming::new(Arc::new(accept(&listener)))
}

fn hears(incoming: &mut Incoming) -> Option<Message> {
    incoming.message_within(PATIENCE).unwrap()
}

#[test]
fn the_thread_of_a_link_does_what_there_is_and_ends() {
    let trial = Trial::new();
    let (link, mut receiver) = up();
    rouse(&trial.node, &link);
    assert!(!lock(&link.state).has_thread, "there is nothing to do");
    link.put(ok());
    rouse(&trial.node, &link);
    assert_eq!(hears(&mut receiver), Some(ok()));
    // It lingers for the next task, and then ends.
    until(|| !lock(&link.state).has_thread);
    link.put(ok());
    rouse(&trial.node, &link);
    assert_eq!(hears(&mut receiver), Some(ok()));
    link.close();
    until(|| !lock(&link.state).has_thread);
}

#[test]
fn the_next_task_is_to_write_or_to_dial_and_a_closed_link_has_none() {
    let (link, _receiver) = up();
    link.put(ok());
    assert!(matches!(link.next_task(), Some(Task::Write)));
    link.redial();
    lock(&link.state).dial_at = None;
    assert!(matches!(link.next_task(), Some(Task::Dial)));
    // A dial waits for its time; to close the link ends the wait.
    lock(&link.state).dial_at = Some(Instant::now() + Duration::from_secs(3600));
    lock(&link.state).has_thread = true;
    let (own, (ends, ended)) = (Arc::clone(&link), crossbeam_channel::bounded(1));
    std::thread::spawn(move || ends.send(own.next_task().is_none()).unwrap());
    link.close();
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));
    assert!(!lock(&link.state).has_thread);
}

#[test]
fn a_thread_that_finds_nothing_to_do_ends_after_a_while() {
    let (link, _receiver) = up();
    lock(&link.state).has_thread = true;
    assert!(link.next_task().is_none());
    assert!(!lock(&link.state).has_thread);
}

#[test]
fn what_is_written_on_a_connection_before_is_not_continued_on_the_next() {
    let trial = Trial::new();
    let (link, mut first) = up();
    link.put(ok());
    assert!(link.load(&mut lock(&link.writer), &trial.node.log));
    // The connection was replaced while the thread had not begun to write.
    lock(&link.state).connections += 1;
    link.write(&trial.node);
    assert!(lock(&link.state).writing.is_none());
    lock(&link.state).connections -= 1;
    lock(&link.state).up = None;
    link.write(&trial.node);
    drop(link);
    assert_eq!(hears(&mut first), None, "nothing was written");
}

#[test]
fn a_connection_that_breaks_while_it_is_written_to_is_dialled_again() {
    let trial = Trial::new();
    let (link, receiver) = up();
    receiver.stream().shutdown(std::net::Shutdown::Both).unwrap();
    drop(receiver);
    until(|| {
        link.put(ok());
        link.write(&trial.node);
        lock(&link.state).up.is_none()
    });
    let state = lock(&link.state);
    assert!(state.dial && state.report && state.writing.is_none());
}

#[test]
fn entries_that_are_not_in_memory_come_from_the_disk() {
    let mut trial = Trial::new();
    for first in [1, 4] {
        trial.storage.append(&frame(first, 3)).unwrap();
    }
    // As after a start: none of it is in memory.
    lock(&trial.node.tail).begin_after(6);
    let serve = |restart, up_to| Serve { term: term(), cuts: 0, restart, up_to };
    let (link, mut receiver) = up();
    assert!(!link.load_from_disk(&trial.node), "there is nothing to send");
    link.serve(serve(Some(0), 6));
    assert!(!link.load(&mut lock(&link.writer), &trial.node.log), "it is not in memory");
    link.write(&trial.node);
    for first in [1, 4] {
        assert_eq!(hears(&mut receiver), Some(Message::Ordered { term: term(), frame: frame(first, 3) }));
    }
    assert_eq!(lock(&link.state).outbox.next_part(), None);
    link.serve(serve(Some(6), 9));
    assert!(!link.load_from_disk(&trial.node), "the log does not go so far");
    // While there is no connection, nothing is read.
    link.serve(serve(Some(0), 6));
    lock(&link.state).up = None;
    assert!(!link.load_from_disk(&trial.node));
}

#[test]
fn what_was_read_for_a_permission_from_before_is_not_sent() {
    let mut trial = Trial::new();
    trial.storage.append(&frame(1, 3)).unwrap();
    lock(&trial.node.tail).begin_after(3);
    let serve = |restart| Serve { term: term(), cuts: 0, restart: Some(restart), up_to: 3 };
    for change in
        [|link: &Arc<Link>| lock(&link.writer).connection += 1, |link: &Arc<Link>| lock(&link.state).connections += 1]
    {
        let (link, _receiver) = up();
        link.serve(serve(0));
        change(&link);
        assert!(link.load_from_disk(&trial.node), "there may be more");
        assert!(lock(&link.writer).outgoing.is_empty());
        assert!(lock(&link.state).outbox.next_part().is_some());
    }
}
