//! What comes of each answer at a `--join` address.

use super::super::lock::lock;
use super::super::trial::{after_all, answering, nobody, steps, until, Trial};
use super::*;
use crate::wire::{Message, Token};

/// Asks at an address, and returns what came of it, what the core was told, and what was complained of.
fn asks(trial: &Trial, address: &str) -> (Result<(), String>, Vec<String>, Vec<&'static str>) {
    let question = Question { nonce: Token(7), hint: None, dialled: None };
    let hello = lock(&trial.node.core).hello(None);
    let (result, steps) = steps(|| put(&trial.node, address, &question, &hello));
    (result, steps, trial.events())
}

#[test]
fn an_answer_goes_to_the_core_and_a_refusal_to_the_operator_too_unless_this_peer_refused_itself() {
    for (why, complaints) in
        [(Refusal::Itself, vec![]), (Refusal::Other("another group".to_owned()), vec!["join_refused"])]
    {
        let trial = Trial::new();
        let (from, process) = answering(Message::Error { why: why.clone() });
        let told = format!("<- {:?}", Input::Answered { nonce: Token(7), from, answer: Answer::Error(why) });
        assert_eq!(asks(&trial, &from.to_string()), (Ok(()), vec![told], complaints));
        process.join().unwrap();
    }
}

#[test]
fn it_says_why_nobody_answered() {
    let trial = Trial::new();
    let (silent, process) = after_all(drop);
    for (address, why) in [
        (nobody().to_string(), "nobody listens there"),
        (silent.to_string(), "no answer in time"),
        ("127.0.0.1:70000".to_owned(), "invalid port value"),
    ] {
        assert_eq!(asks(&trial, &address), (Err(why.to_owned()), vec![], vec![]), "{address}");
    }
    process.join().unwrap();
}

#[test]
fn the_operator_hears_that_nobody_answered() {
    let address = nobody().to_string();
    let trial = Trial::with(|config| config.join = vec![address.clone()]);
    let node = Arc::clone(&trial.node);
    std::thread::spawn(move || run(&node, 0));
    let hello = lock(&trial.node.core).hello(None);
    trial.node.askers[0].ask(&Question { nonce: Token(7), hint: None, dialled: None }, hello);
    until(|| !trial.complaints().is_empty());
    let text = format!("--join {address}: nobody listens there; asking again");
    assert_eq!(trial.complaints(), [("join_unanswered", text)]);
}
