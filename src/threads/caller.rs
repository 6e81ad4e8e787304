//! `call-<address>`: asks one address a question, on a connection for that alone. Few threads, each for a moment; what
//! concerns members goes first.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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

/// Questions that wait, to members and to strangers. What is beyond is not asked, and reported as unanswered.
const URGENT_WAITING_MAX: usize = 1024;
const OTHERS_WAITING_MAX: usize = 16;

/// Bytes of a stranger's answer: a view of some 5,000 members and as long a list of runs.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

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
    fn put(&mut self, call: Call, hello: Hello) -> bool {
        let (queue, most) =
            if call.urgent { (&mut self.urgent, URGENT_WAITING_MAX) } else { (&mut self.others, OTHERS_WAITING_MAX) };
        let fits = queue.len() < most;
        if fits {
            queue.push_back((call, hello));
        }
        fits
    }

    fn take_back(&mut self, urgent: bool) -> Option<(Call, Hello)> {
        if urgent { &mut self.urgent } else { &mut self.others }.pop_back()
    }

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
    /// Asks soon. False: there is no room for that.
    pub(super) fn call(self: &Arc<Self>, call: Call, hello: Hello) -> bool {
        let mut state = lock(&self.caller.0);
        let urgent = call.urgent;
        if !state.put(call, hello) {
            return false;
        }
        if state.threads >= THREADS_MAX {
            return true;
        }
        state.threads += 1;
        drop(state);
        let node = Arc::clone(self);
        if self.try_spawn("call".to_owned(), move || run(&node)) {
            return true;
        }
        let mut state = lock(&self.caller.0);
        state.threads -= 1;
        // Other threads may have taken it meanwhile; while there are some, they will.
        state.threads > 0 || state.take_back(urgent).is_none()
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
        let most = if urgent { usize::MAX } else { ANSWER_BYTES_MAX };
        let answer = ask(node, to, question, hello, most);
        if !urgent {
            lock(&node.caller.0).with_strangers -= 1;
        }
        node.step(Input::Answered { nonce, from: to, answer });
    }
}

/// Asks one address, and reads so many bytes at most.
pub(super) fn ask(node: &Node, to: SocketAddr, question: Question, hello: Hello, most: usize) -> Answer {
    let patience = node.config.timing.heartbeat_interval.min(ANSWER_TIME);
    let stream = match net::dial(to, patience, node.config.bind) {
        Ok(stream) => stream,
        Err(DialError::Refused) => return Answer::Refused,
        Err(DialError::TimedOut | DialError::Other(_)) => return Answer::Silent,
    };
    let stream = Arc::new(stream);
    if put(&stream, question, hello).is_err() {
        return Answer::Silent;
    }
    let answer = Incoming::new(stream).at_most(most).message_within(patience);
    match answer.map(|message| message.map(|message| net::seen(message, to))) {
        Ok(Some(Message::Here(here))) => Answer::Here(here),
        Ok(Some(Message::Error { why })) => Answer::Error(why),
        // A process that ends resets what it has not read.
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset => Answer::Refused,
        Ok(_) | Err(_) => Answer::Silent,
    }
}

fn put(mut stream: &std::net::TcpStream, question: Question, hello: Hello) -> io::Result<()> {
    let local = stream.local_addr()?.ip();
    let Question { nonce, hint, dialled } = question;
    let mut bytes = Vec::new();
    for message in [Message::Hello(hello)].into_iter().chain(hint).chain([Message::Who { nonce, dialled }]) {
        encode(&net::announced(message, local), &mut bytes);
    }
    stream.write_all(&bytes)?;
    stream.shutdown(Shutdown::Write)
}
