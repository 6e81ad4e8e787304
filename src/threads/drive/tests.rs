//! What becomes of each effect, and of a step.

use std::time::Duration;

use super::super::trial::{accept, contact, frame, id, listener, nobody, ok, steps, Trial, LOOPBACK, PATIENCE};
use super::*;
use crate::log_lines::captured;
use crate::net;
use crate::protocol::{Admission, ConnectionId, Event, Exit, Question, Serve, State};
use crate::wire::{Base, Lines, Refusal, Request, Token};

const CONNECTION: ConnectionId = ConnectionId(7);

/// Hands on one effect of the core.
fn hands_on(trial: &Trial, effect: Effect) -> Afterwards {
    let mut afterwards = Afterwards::default();
    trial.node.hand_on(&lock(&trial.node.core), effect, &mut afterwards);
    afterwards
}

fn links(afterwards: &Afterwards) -> Vec<&str> {
    afterwards.links.iter().map(|link| link.peer.as_str()).collect()
}

fn sends(trial: &Trial, to: &str) -> Afterwards {
    hands_on(trial, Effect::Send { to: id(to), message: ok() })
}

#[test]
fn a_message_goes_into_the_link_of_its_peer_which_is_made_for_the_first() {
    let trial = Trial::new();
    let afterwards = sends(&trial, "b");
    assert_eq!(links(&afterwards), ["b"]);
    let link = trial.node.link(&id("b")).unwrap();
    assert!(Arc::ptr_eq(&link, &afterwards.links[0]) && !afterwards.too_many_links);
    assert_eq!(lock(&link.state).outbox.take().messages, [ok()]);
    sends(&trial, "b");
    assert!(Arc::ptr_eq(&link, &trial.node.link(&id("b")).unwrap()));
    // A link that ended just now is replaced by a new one.
    let node = Arc::clone(&trial.node);
    write(&node.links).remove(&id("b"));
    link.close();
    sends(&trial, "b");
    assert!(!Arc::ptr_eq(&link, &trial.node.link(&id("b")).unwrap()));
}

#[test]
fn a_link_that_several_effects_touch_is_looked_after_once() {
    let trial = Trial::new();
    let mut afterwards = Afterwards::default();
    let core = lock(&trial.node.core);
    for to in ["b", "c", "b"] {
        trial.node.hand_on(&core, Effect::Send { to: id(to), message: ok() }, &mut afterwards);
    }
    assert_eq!(links(&afterwards), ["b", "c"]);
}

#[test]
fn no_line_is_written_under_the_core_and_those_of_a_step_keep_their_order() {
    let trial = Trial::new();
    let mut afterwards = Afterwards::default();
    let ((), lines) = captured(|| {
        let core = lock(&trial.node.core);
        afterwards.news = trial.node.stood.news(&core, Duration::ZERO);
        while afterwards.forgot.is_empty() {
            trial.node.hand_on(&core, Effect::Send { to: id("b"), message: ok() }, &mut afterwards);
        }
        trial.node.hand_on(&core, Effect::Redial { peer: id("b") }, &mut afterwards);
    });
    assert_eq!(lines, [""; 0]);
    // A thread would dial; this says that there is one.
    lock(&trial.node.link(&id("b")).unwrap().state).has_thread = true;
    let ((), mut lines) = captured(|| trial.node.finish(afterwards));
    let of = |effect: Effect| format!("TRACE: -> {effect:?}");
    let (sent, again) = (of(Effect::Send { to: id("b"), message: ok() }), of(Effect::Redial { peer: id("b") }));
    let before = lines.len();
    lines.retain(|line| *line != sent);
    assert!(before - lines.len() > 256, "{lines:?}");
    let last = "DEBUG: b does not read what it is told; dialling again";
    assert_eq!(lines, [&*again, "TRACE stands: seeks", last]);
}

#[test]
fn there_are_no_more_links_than_this_peer_may_have() {
    let trial = Trial::new().changed(|node| node.peers_max = 2);
    assert!(["b", "c", "b"].iter().all(|to| !sends(&trial, to).too_many_links));
    let afterwards = sends(&trial, "d");
    assert!(afterwards.too_many_links && afterwards.links.is_empty() && trial.node.link(&id("d")).is_none());
    trial.node.finish(afterwards);
    let text = "More than 2 peers to talk to; what is for others is dropped".to_owned();
    assert_eq!(trial.complaints(), [("too_many_peers", text)]);
}

#[test]
fn what_concerns_a_link_needs_one() {
    let trial = Trial::new();
    let serve = Serve { term: "1@a/1".parse().unwrap(), cuts: 0, restart: Some(0), up_to: 7 };
    let effects = || {
        [
            Effect::Serve { to: id("b"), serve: serve.clone() },
            Effect::Redial { peer: id("b") },
            Effect::Close { peer: id("b") },
        ]
    };
    for effect in effects() {
        assert_eq!(links(&hands_on(&trial, effect)), [""; 0]);
        assert!(trial.node.link(&id("b")).is_none());
    }
    sends(&trial, "b");
    let link = trial.node.link(&id("b")).unwrap();
    let [serves, redials, closes] = effects();
    assert_eq!(links(&hands_on(&trial, serves)), ["b"]);
    assert_eq!(lock(&link.state).outbox.next_part().map(|part| part.up_to), Some(7));
    assert_eq!(links(&hands_on(&trial, redials)), ["b"]);
    assert!(lock(&link.state).dial);
    assert_eq!(links(&hands_on(&trial, closes)), [""; 0]);
    assert!(trial.node.link(&id("b")).is_none() && lock(&link.state).closed);
}

#[test]
fn word_of_a_connection_goes_to_the_listener_and_one_that_is_read_is_ended() {
    let trial = Trial::new();
    hands_on(&trial, Effect::Admit { connection: CONNECTION, admission: Admission::Accept });
    hands_on(&trial, Effect::Answer { connection: CONNECTION, message: ok() });
    hands_on(&trial, Effect::Drop { connection: CONNECTION });
    let words = trial.node.porter.take();
    assert!(words.iter().all(|(connection, _)| *connection == CONNECTION));
    let [(_, first), (_, second), (_, third)] = &words[..] else { panic!("{}", words.len()) };
    assert!(matches!(first, Word::Admission(Admission::Accept)));
    assert!(matches!(second, Word::Answer(message) if *message == ok()) && matches!(third, Word::Drop));

    let (listener, endpoint) = listener();
    let stream = Arc::new(std::net::TcpStream::connect(endpoint).unwrap());
    let mut other = accept(&listener);
    lock(&trial.node.connections).insert(CONNECTION, stream);
    hands_on(&trial, Effect::Drop { connection: CONNECTION });
    assert!(trial.node.porter.take().is_empty());
    assert_eq!(std::io::Read::read(&mut other, &mut [0]).unwrap(), 0);
}

#[test]
fn what_is_stored_is_known_to_links_before_it_is_on_the_disk() {
    let trial = Trial::new();
    let tail = || {
        let tail = lock(&trial.node.tail);
        (tail.last(), tail.cuts())
    };
    let state = State::default();
    let base = Base { last: 20, ..Base::default() };
    for (store, expected) in [
        (Store::Append(frame(1, 3)), (3, 0)),
        (Store::Append(frame(4, 2)), (5, 0)),
        (Store::Deliver { up_to: 1 }, (5, 0)),
        (Store::Cut { to: 3, state }, (3, 1)),
        (Store::Begin(base), (20, 1)),
    ] {
        hands_on(&trial, Effect::Store(store.clone()));
        assert_eq!(tail(), expected, "{store:?}");
        let Ok(StorageItem::Store(handed)) = trial.for_storage.try_recv() else { panic!("not handed on") };
        assert_eq!(handed, store);
    }
}

#[test]
fn the_first_reason_to_end_counts() {
    let trial = Trial::new();
    hands_on(&trial, Effect::Exit(Exit::Stopped));
    hands_on(&trial, Effect::Exit(Exit::Disk));
    assert_eq!(trial.exits.try_iter().collect::<Vec<_>>(), [Exit::Stopped]);
}

#[test]
fn what_is_told_sent_and_asked_comes_after_the_step() {
    let trial = Trial::with(|config| config.join = vec!["127.0.0.1:1".to_owned()]);
    let receiver = net::Receiver::bind(LOOPBACK, None, trial.node.config.broadcast_port).unwrap();
    let why = "another quorum".to_owned();
    hands_on(&trial, Effect::Tell(Event::Refused { why }));
    let question = || Question { nonce: Token(7), hint: None, dialled: None };
    let call = hands_on(&trial, Effect::Call(Call { to: nobody(), question: question(), urgent: true }));
    assert_eq!(call.calls.len(), 1);
    hands_on(&trial, Effect::Ask(question()));
    assert_eq!(trial.node.askers[0].next().map(|(question, _)| question), Some(question()));
    assert_eq!(trial.complaints(), []);
    let message = Message::NewPeerRequest(contact("a", "0.0.0.0:70".parse().unwrap()));
    trial.node.finish(hands_on(&trial, Effect::Broadcast(message)));
    assert_eq!(trial.complaints()[0].0, "refused");
    let mut buffer = [0; 2048];
    assert!(receiver.recv_within(&mut buffer, PATIENCE).unwrap().is_some());
}

fn readings(count: u64) -> Input {
    let line = b"DATA|s|2013-01-01T06:00:00Z|1||\n";
    Input::Readings(Lines::new(line.repeat(usize::try_from(count).unwrap()), count))
}

#[test]
fn a_step_says_whether_readings_were_taken_in_and_a_peer_that_stops_takes_none() {
    let trial = Trial::new();
    assert!(trial.node.takes_in(readings(3)));
    assert!(!trial.node.takes_in(Input::Alarm(Alarm::Heartbeat)));
    assert_eq!(lock(&trial.node.core).taken(), 3);
    trial.node.step(Input::Stop);
    assert!(!trial.node.takes_in(readings(1)));
    assert_eq!(lock(&trial.node.core).taken(), 3);
}

#[test]
fn a_link_may_take_requests_again_once_the_core_hears_of_its_connection() {
    let trial = Trial::new();
    sends(&trial, "b");
    let link = trial.node.link(&id("b")).unwrap();
    lock(&link.state).outbox.give_up();
    let lines = Lines::new(b"DATA|s||1||\n".to_vec(), 1);
    let request = || {
        let request = Request { origin: "a/1".parse().unwrap(), first: 1, lines: lines.clone() };
        Message::SequencerRequest { term: "1@b/1".parse().unwrap(), request }
    };
    assert_eq!(link.put(request()), Fate::Waits);
    trial.node.step(Input::LinkUp { peer: id("b") });
    assert!(lock(&link.state).outbox.is_empty(), "its numbers would come before the lost ones");
    assert_eq!(link.put(request()), Fate::Waits);
    assert!(!lock(&link.state).outbox.is_empty());
}

#[test]
fn what_is_sent_from_outside_a_step_is_written_and_what_cannot_be_is_left_to_a_thread() {
    let trial = Trial::new();
    trial.meets_b(nobody());
    sends(&trial, "b");
    let link = trial.node.link(&id("b")).unwrap();
    // A thread would dial; this says that there is one.
    lock(&link.state).has_thread = true;
    let (listener, endpoint) = listener();
    let stream = Arc::new(std::net::TcpStream::connect(endpoint).unwrap());
    link.begin_on(&stream, net::Outgoing::default(), Instant::now());
    trial.node.send(&id("b"), Message::Leave { term: None });
    let mut said = [0; 13];
    std::io::Read::read_exact(&mut accept(&listener), &mut said).unwrap();
    assert_eq!(String::from_utf8_lossy(&said), "OK:-\nLEAVE:-\n");
    assert!(lock(&link.state).outbox.is_empty());
}

#[test]
fn a_link_that_has_something_to_say_gets_a_thread_and_one_that_has_nothing_gets_none() {
    let trial = Trial::new();
    let (listener, endpoint) = listener();
    trial.meets_b(endpoint);
    trial.node.send(&id("b"), ok());
    // The thread dials, and says what waits after its greeting.
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(accept(&listener)));
    assert!(said.next().unwrap().unwrap().starts_with("HELLO:"));
    assert_eq!(said.next().unwrap().unwrap(), "OK:-");

    let silent = Arc::new(Link::new(id("c")));
    let links = vec![Arc::clone(&silent)];
    trial.node.finish(Afterwards { links, ..Afterwards::default() });
    assert!(!lock(&silent.state).has_thread);
}

#[test]
fn the_first_failure_of_the_disk_is_kept_and_ends_the_peer() {
    let trial = Trial::new();
    let error = |why: &str| StorageError::Damaged { path: "x".into(), why: why.to_owned() };
    let ((), steps) = steps(|| trial.node.disk_failed(&error("torn")));
    assert!(steps.contains(&"<- DiskFailed".to_owned()), "{steps:?}");
    trial.node.disk_failed(&error("again"));
    assert_eq!(*lock(&trial.node.failure), Some(error("torn").to_string()));
    assert_eq!(trial.exits.try_recv(), Ok(Exit::Disk));
}

#[test]
fn a_refusal_is_no_reason_to_answer() {
    let trial = Trial::new();
    let why = Refusal::Itself;
    hands_on(&trial, Effect::Admit { connection: CONNECTION, admission: Admission::Refuse { why: why.clone() } });
    let words = trial.node.porter.take();
    assert!(matches!(&words[..], [(_, Word::Admission(Admission::Refuse { why: told }))] if *told == why));
}
