//! `join-<address>`: asks one `--join` address, a connection for each question.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{bounded, Receiver, Sender, TrySendError};

use super::node::Node;
use crate::net::{self, Incoming};
use crate::protocol::Input;
use crate::wire::{encode, refusal, Hello, Message};

/// Longest wait for a connection, and then for what the other side says to a question: nothing, or `ERROR`.
const ANSWER_TIME: Duration = Duration::from_secs(1);

type Question = (Message, Hello);

/// Where questions for one address go. A newer one replaces one that still waits.
pub(super) struct Asker {
    address: String,
    questions: Sender<Question>,
    waiting: Receiver<Question>,
}

impl Asker {
    pub(super) fn new(address: String) -> Self {
        let (questions, waiting) = bounded(1);
        Self { address, questions, waiting }
    }

    pub(super) fn ask(&self, message: &Message, hello: Hello) {
        let question = (message.clone(), hello);
        if let Err(TrySendError::Full(question)) = self.questions.try_send(question) {
            // Only a step puts in, and there is one at a time.
            let _ = self.waiting.try_recv();
            let _ = self.questions.try_send(question);
        }
    }
}

pub(super) fn run(node: &Arc<Node>, index: usize) {
    let asker = &node.askers[index];
    while let Ok(question) = asker.waiting.recv() {
        if let Err(why) = put(node, &asker.address, question) {
            node.complaints.warn(format!("--join {}: {why}; asking again", asker.address));
        }
    }
}

/// Asks, and hears what is said against it.
fn put(node: &Arc<Node>, address: &str, (mut message, mut hello): Question) -> std::io::Result<()> {
    let mut unanswered = None;
    for endpoint in net::resolve(address)? {
        let mut stream = match net::dial(endpoint, ANSWER_TIME) {
            Ok(stream) => stream,
            Err(error) => {
                unanswered = Some(error);
                continue;
            }
        };
        let local = stream.local_addr()?.ip();
        hello.endpoint = net::announced(hello.endpoint, local);
        match &mut message {
            Message::NewPeerRequest(contact) => contact.endpoint = net::announced(contact.endpoint, local),
            Message::Leader(leadership) => {
                leadership.leader.endpoint = net::announced(leadership.leader.endpoint, local);
            }
            _ => {}
        }
        let mut bytes = Vec::new();
        encode(&Message::Hello(hello), &mut bytes);
        encode(&message, &mut bytes);
        stream.write_all(&bytes)?;
        stream.shutdown(Shutdown::Write)?;
        if let Ok(Some(Message::Error { why })) = Incoming::new(Arc::new(stream)).first_message(ANSWER_TIME) {
            if !why.starts_with(refusal::ITSELF) {
                node.complaints.warn(format!("--join {address} refuses this peer: {why}"));
            }
            node.step(Input::Rejected { peer: None, why });
        }
        return Ok(());
    }
    if let Some(error) = unanswered {
        // Said once; perhaps that peer is only started later.
        node.complaints.warn(format!("--join {address}: {error}; asking again"));
    }
    Ok(())
}
