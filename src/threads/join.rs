//! `join-<address>`: asks at one `--join` address, with a connection for each question.

use std::sync::Arc;

use super::caller;
use super::node::Node;
use crate::complaints::Subject;
use crate::net;
use crate::protocol::{Answer, Input, Question};
use crate::wire::{Hello, Refusal};

fn about(address: &str) -> Subject {
    Subject::Own(address.to_owned())
}

pub(super) fn run(node: &Arc<Node>, index: usize) {
    let asker = &node.askers[index];
    while let Some((question, hello)) = asker.next() {
        let address = &asker.address;
        if let Err(why) = put(node, address, &question, &hello) {
            // Perhaps that peer is only started later.
            let text = format!("--join {address}: {why}; asking again");
            node.complaints.complain(about(address), "join_unanswered", &text);
        } else {
            let text = format!("--join {address} answers");
            node.complaints.over(&about(address), &["join_unanswered"], &text);
        }
    }
}

/// Asks the first of its addresses that answers.
fn put(node: &Arc<Node>, address: &str, question: &Question, hello: &Hello) -> Result<(), String> {
    let mut why = "no address".to_owned();
    for endpoint in net::resolve(address).map_err(|error| error.to_string())? {
        let answer = match caller::ask(node, endpoint, question.clone(), hello.clone(), usize::MAX) {
            Ok(answer) => answer,
            Err(error) => {
                why = error.to_string();
                continue;
            }
        };
        match &answer {
            Answer::Refused => {
                "nobody listens there".clone_into(&mut why);
                continue;
            }
            Answer::Silent => {
                "no answer in time".clone_into(&mut why);
                continue;
            }
            Answer::Error(why) if *why != Refusal::Itself => {
                let text = format!("--join {address} refuses this peer: {why}");
                node.complaints.complain(about(address), "join_refused", &text);
            }
            Answer::Error(_) | Answer::Here(_) => {}
        }
        node.step(Input::Answered { nonce: question.nonce, from: endpoint, answer });
        return Ok(());
    }
    Err(why)
}

#[cfg(test)]
mod tests;
