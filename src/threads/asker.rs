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

#[cfg(test)]
mod tests {
    use super::super::lock::lock;
    use super::super::trial::Trial;
    use super::*;
    use crate::wire::Token;

    #[test]
    fn a_newer_question_replaces_one_that_waits() {
        let trial = Trial::new();
        let asker = Asker::new("x:1".to_owned());
        for nonce in [1, 2, 3] {
            let question = Question { nonce: Token(nonce), hint: None, dialled: None };
            asker.ask(&question, lock(&trial.node.core).hello(None));
        }
        assert_eq!(asker.next().map(|(question, _)| question.nonce), Some(Token(3)));
        assert!(asker.waiting.is_empty());
    }
}
