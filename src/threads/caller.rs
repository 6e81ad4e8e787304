//! `call`: asks one address a question, on a connection for that alone. Few threads, each for a moment.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::dial;
use super::mismatch::complain_of_key;
use super::node::Node;
use super::questions::Put;
use super::talk::{self, Way};
use crate::net::{self, DialError, Dialled, ReadError};
use crate::protocol::{Answer, Call, Input, Question};
use crate::wire::{Hello, Message};

/// Longest wait for a connection, and then for the answer; a heartbeat interval where that is shorter. A busy host must not
/// change what tests see.
const ANSWER_TIME: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 1 });

/// How long a stranger's answer may be, in bytes: a view of some 5,000 members and a list of runs as long as that.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Asks soon; where there is no room for the question, it counts as unanswered.
pub(super) fn call(node: &Arc<Node>, call: Call, hello: Hello) {
    let (nonce, to, urgent) = (call.question.nonce, call.to, call.urgent);
    let asked = match node.questions.put(call, hello) {
        Put::Waits => true,
        Put::NeedsThread => {
            let shared = Arc::clone(node);
            node.try_spawn("call".to_owned(), move || run(&shared)) || node.questions.without_thread(urgent)
        }
        Put::NoRoom => false,
    };
    if !asked {
        node.step(Input::Answered { nonce, from: to, answer: Answer::Silent });
    }
}

fn run(node: &Arc<Node>) {
    while let Some((Call { to, question, urgent }, hello)) = node.questions.next() {
        let nonce = question.nonce;
        let most = if urgent { usize::MAX } else { ANSWER_BYTES_MAX };
        let answer = ask(node, to, question, hello, most).unwrap_or_else(|error| match error {
            DialError::Refused => Answer::Refused,
            DialError::Key => {
                complain_of_key(node, to);
                Answer::Silent
            }
            DialError::TimedOut | DialError::Other(_) => Answer::Silent,
        });
        node.questions.done(urgent);
        node.step(Input::Answered { nonce, from: to, answer });
    }
}

/// Asks one address, and reads at most this many bytes.
///
/// # Errors
/// [`DialError`] says why nobody was asked.
pub(super) fn ask(
    node: &Node,
    to: SocketAddr,
    question: Question,
    hello: Hello,
    most: usize,
) -> Result<Answer, DialError> {
    let patience = node.config.timing.heartbeat_interval.min(ANSWER_TIME);
    let mut dialled = dial::reach(node, to, patience)?;
    if put(&mut dialled, question, hello).is_err() {
        return Ok(Answer::Silent);
    }
    let answer = dialled.incoming.at_most(most).message_within(patience);
    if let Ok(Some(message)) = &answer {
        talk::heard(None, Way::Question, message);
    }
    Ok(match answer.map(|message| message.map(|message| net::seen(message, to))) {
        Ok(Some(Message::Here(here))) => Answer::Here(here),
        Ok(Some(Message::Error { why })) => Answer::Error(why),
        // A process that ends resets what it has not read.
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset => Answer::Refused,
        Ok(_) | Err(_) => Answer::Silent,
    })
}

fn put(connection: &mut Dialled, question: Question, hello: Hello) -> io::Result<()> {
    let local = connection.stream.local_addr()?.ip();
    let Question { nonce, hint, dialled } = question;
    let who = Message::Who { nonce, dialled };
    talk::said(None, Way::Question, &who);
    for message in [Message::Hello(hello)].into_iter().chain(hint).chain([who]) {
        connection.outgoing.put(net::announced(message, local));
    }
    connection.outgoing.write_last(&connection.stream)
}

#[cfg(test)]
mod tests;
