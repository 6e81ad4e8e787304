//! The place in which a question for one `--join` address waits for its thread.

use crossbeam_channel::{bounded, Receiver, Sender, TrySendError};

use crate::protocol::Question;
use crate::wire::Hello;

type Waiting = (Question, Hello);

/// Holds one question: a newer one replaces it.
pub(super) struct Asker {
    pub(super) address: String,
    questions: Sender<Waiting>,
    waiting: Receiver<Waiting>,
}

impl Asker {
    pub(super) fn new(address: String) -> Self {
        let (questions, waiting) = bounded(1);
        Self { address, questions, waiting }
    }

    pub(super) fn ask(&self, question: &Question, hello: Hello) {
        let question = (question.clone(), hello);
        if let Err(TrySendError::Full(question)) = self.questions.try_send(question) {
            // Only a step puts in, and there is one at a time.
            let _ = self.waiting.try_recv();
            let _ = self.questions.try_send(question);
        }
    }

    /// The next question; waits for it.
    pub(super) fn next(&self) -> Option<Waiting> {
        self.waiting.recv().ok()
    }
}
