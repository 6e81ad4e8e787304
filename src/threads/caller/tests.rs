//! What is asked, and what counts as an answer to it.

use std::io::{Read, Write};
use std::thread::JoinHandle;
use std::time::Instant;

use socket2::SockRef;

use super::super::lock::lock;
use super::super::trial::{after_all, answering, contact, id, nobody, process, steps, Trial, PATIENCE};
use super::*;
use crate::keys::session::HANDSHAKE_BYTES;
use crate::wire::{Belongs, Here, Refusal, Token};

fn question(nonce: u64) -> Question {
    let hint = Some(Message::NewPeerRequest(contact("c", "127.0.0.1:7000".parse().unwrap())));
    Question { nonce: Token(nonce), hint, dialled: None }
}

fn here(nonce: u64, endpoint: &str) -> Message {
    let contact = contact("b", endpoint.parse().unwrap());
    let (nonce, belongs) = (Token(nonce), Belongs::Nowhere);
    Message::Here(Box::new(Here { nonce, contact, seeking: true, serves: false, dialled: false, belongs }))
}

fn error(text: &str) -> Message {
    Message::Error { why: Refusal::Other(text.to_owned()) }
}

/// Asks this process.
fn asks<T>(trial: &Trial, (to, process): (SocketAddr, JoinHandle<T>)) -> (Result<Answer, DialError>, T) {
    let hello = lock(&trial.node.core).hello(None);
    let answer = ask(&trial.node, to, question(7), hello, 1000);
    (answer, process.join().unwrap())
}

#[test]
fn a_question_goes_out_after_a_greeting_and_a_hint_and_its_answer_names_where_it_came_from() {
    let trial = Trial::new();
    let (answer, said) = asks(&trial, answering(here(7, "0.0.0.0:70")));
    let Ok(Answer::Here(here)) = answer else { panic!("{answer:?}") };
    assert_eq!((here.contact.id, here.contact.endpoint), (id("b"), "127.0.0.1:70".parse().unwrap()));
    let Question { nonce, hint, dialled } = question(7);
    let [Message::Hello(hello), said @ ..] = &said[..] else { panic!("{said:?}") };
    assert_eq!((&hello.peer, &hello.addressee), (&id("a"), &None));
    assert_eq!(said, [hint.unwrap(), Message::Who { nonce, dialled }]);
}

#[test]
fn what_comes_instead_of_an_answer_is_told_apart() {
    let trial = Trial::new();
    let Answer::Error(why) = asks(&trial, answering(error("no"))).0.unwrap() else { panic!("no refusal") };
    assert_eq!(why, Refusal::Other("no".to_owned()));
    let resets = after_all(|stream| SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap());
    assert_eq!(asks(&trial, resets).0.unwrap(), Answer::Refused, "its process ended");
    for (process, why) in [
        (after_all(drop), "it hangs up"),
        (after_all(|mut stream| stream.write_all(b"x\n").unwrap()), "it talks nonsense"),
        (after_all(|mut stream| stream.write_all(&[b'x'; 2000]).unwrap()), "it says too much"),
    ] {
        let begun = Instant::now();
        assert_eq!(asks(&trial, process).0.unwrap(), Answer::Silent, "{why}");
        assert!(begun.elapsed() < PATIENCE, "{why}, and nothing more is waited for");
    }
    let impatient = Trial::new().with_patience(Duration::from_millis(20));
    let (done, waits) = crossbeam_channel::bounded::<()>(0);
    let (silent, process) = process(move |stream| drop((waits.recv(), stream)));
    let hello = || lock(&trial.node.core).hello(None);
    assert_eq!(ask(&impatient.node, silent, question(7), hello(), 1000).unwrap(), Answer::Silent);
    drop(done);
    process.join().unwrap();
    let refused = ask(&trial.node, nobody(), question(7), hello(), 1000);
    assert!(matches!(refused, Err(DialError::Refused)), "{refused:?}");
}

/// Makes the thread that asks do so here, and returns what the core is told.
fn answers(trial: &Trial, to: SocketAddr, urgent: bool) -> Vec<String> {
    let hello = lock(&trial.node.core).hello(None);
    trial.node.questions.put(Call { to, question: question(7), urgent }, hello);
    steps(|| run(&trial.node)).1
}

fn told(to: SocketAddr, answer: &Answer) -> String {
    format!("<- {:?}", Input::Answered { nonce: Token(7), from: to, answer: answer.clone() })
}

#[test]
fn the_core_hears_what_came_of_each_question() {
    let trial = Trial::new();
    for urgent in [false, true] {
        let long = "x".repeat(5000);
        let (to, process) = answering(error(&long));
        let answer = Answer::Error(Refusal::Other(long));
        assert_eq!(answers(&trial, to, urgent), [told(to, &answer)]);
        process.join().unwrap();
        let to = nobody();
        assert_eq!(answers(&trial, to, urgent), [told(to, &Answer::Refused)]);
    }
}

#[test]
fn a_process_with_another_key_is_complained_of_and_counts_as_silent() {
    let trial = Trial::closed(1);
    let (to, process) = process(|mut stream| stream.read_exact(&mut [0; HANDSHAKE_BYTES]).unwrap());
    assert_eq!(answers(&trial, to, false), [told(to, &Answer::Silent)]);
    process.join().unwrap();
    assert_eq!(trial.events(), ["other_key"]);
}

#[test]
fn each_question_has_a_thread_until_there_are_enough_and_one_without_room_counts_as_unanswered() {
    let trial = Trial::new();
    let calls = |urgent| Call { to: nobody(), question: question(7), urgent };
    let hello = lock(&trial.node.core).hello(None);
    // What these are answered cannot be told while the core is held.
    let core = lock(&trial.node.core);
    let ((), said_meanwhile) = steps(|| (0..16).for_each(|_| call(&trial.node, calls(true), hello.clone())));
    assert_eq!(said_meanwhile, [""; 0]);
    assert_eq!(trial.node.questions.put(calls(true), hello.clone()), Put::Waits);
    drop(core);

    let trial = Trial::new();
    while trial.node.questions.put(calls(false), hello.clone()) != Put::NoRoom {}
    let unasked = calls(false);
    let to = unasked.to;
    let ((), told_of_it) = steps(|| call(&trial.node, unasked, hello));
    assert_eq!(told_of_it, [told(to, &Answer::Silent)]);
}
