//! `call-<address>`: asks one address a question, on a connection for that alone. Few threads, each for a moment; what
//! concerns members goes first.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::discovery::{announced, seen};
use super::node::{lock, Node};
use crate::net::{self, DialError, Incoming, ReadError};
use crate::protocol::{Answer, Call, Input, Question};
use crate::wire::{encode, Hello, Message};

/// Longest wait for a connection, and then for the answer; a heartbeat interval where that is shorter.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Questions under way at a time.
const THREADS_MAX: usize = 16;

/// Of these, those to strangers: whoever names an address where nothing answers does not keep members waiting.
const STRANGERS_MAX: usize = 8;

/// Questions that wait. What is beyond is reported as unanswered.
const WAITING_MAX: usize = 4096;

#[derive(Default)]
pub(super) struct Caller(Mutex<State>);

#[derive(Default)]
struct State {
    urgent: VecDeque<(Call, Hello)>,
    others: VecDeque<(Call, Hello)>,
    threads: usize,
    /// Threads that ask strangers.
    with_strangers: usize,
}

impl State {
    fn next(&mut self) -> Option<(Call, Hello)> {
        if let Some(next) = self.urgent.pop_front() {
            return Some(next);
        }
        if self.with_strangers >= STRANGERS_MAX {
            return None;
        }
        let next = self.others.pop_front()?;
        self.with_strangers += 1;
        Some(next)
    }
}

impl Node {
    /// Asks soon.
    pub(super) fn call(self: &Arc<Self>, call: Call, hello: Hello) {
        let mut state = lock(&self.caller.0);
        let queue = if call.urgent { &mut state.urgent } else { &mut state.others };
        if queue.len() >= WAITING_MAX {
            return;
        }
        queue.push_back((call, hello));
        if state.threads >= THREADS_MAX {
            return;
        }
        state.threads += 1;
        drop(state);
        let node = Arc::clone(self);
        if !super::try_spawn("call".to_owned(), move || run(&node)) {
            lock(&self.caller.0).threads -= 1;
        }
    }
}

fn run(node: &Arc<Node>) {
    loop {
        let mut state = lock(&node.caller.0);
        let Some((Call { to, question, urgent }, hello)) = state.next() else {
            state.threads -= 1;
            return;
        };
        drop(state);
        let nonce = question.nonce;
        let answer = ask(node, to, question, hello);
        if !urgent {
            lock(&node.caller.0).with_strangers -= 1;
        }
        node.step(Input::Answered { nonce, from: to, answer });
    }
}

/// Asks one address.
pub(super) fn ask(node: &Node, to: SocketAddr, question: Question, hello: Hello) -> Answer {
    let patience = node.config.timing.heartbeat_interval.min(ANSWER_TIME);
    let stream = match net::dial(to, patience) {
        Ok(stream) => stream,
        Err(DialError::Refused) => return Answer::Refused,
        Err(DialError::TimedOut | DialError::Other(_)) => return Answer::Silent,
    };
    let stream = Arc::new(stream);
    if put(&stream, question, hello).is_err() {
        return Answer::Silent;
    }
    match Incoming::new(stream).first_message(patience) {
        Ok(Some(Message::Here(mut here))) => {
            here.contact.endpoint = net::seen(here.contact.endpoint, to);
            Answer::Here(here)
        }
        Ok(Some(Message::Error { why })) => Answer::Error(why),
        // A process that ends resets what it has not read.
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset => Answer::Refused,
        Ok(_) | Err(_) => Answer::Silent,
    }
}

fn put(mut stream: &std::net::TcpStream, question: Question, mut hello: Hello) -> io::Result<()> {
    let local = stream.local_addr()?.ip();
    hello.endpoint = net::announced(hello.endpoint, local);
    let mut bytes = Vec::new();
    encode(&Message::Hello(hello), &mut bytes);
    if let Some(hint) = question.hint {
        encode(&announced(hint, local), &mut bytes);
    }
    encode(&Message::Who { nonce: question.nonce, dialled: question.dialled }, &mut bytes);
    stream.write_all(&bytes)?;
    stream.shutdown(Shutdown::Write)
}

/// The question that such a hint belongs to, as it is seen here.
pub(super) fn heard(hint: Option<Message>, from: SocketAddr) -> Option<Message> {
    hint.map(|hint| seen(hint, from))
}
