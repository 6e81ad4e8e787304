//! Questions, each on a connection of its own: to one address, or to all that `--join` names.

use std::net::SocketAddr;

use crate::net::announced;
use crate::protocol::{Answer, ConnectionId, Input, Question};
use crate::simulation::event::Event;
use crate::simulation::liar;
use crate::simulation::record::Way;
use crate::simulation::sabotage::Sabotage;
use crate::simulation::world::World;
use crate::wire::Message;

impl World {
    /// The process that listens at an address.
    pub(crate) fn listener(&self, at: SocketAddr) -> Option<usize> {
        self.processes.iter().position(|process| process.alive && process.endpoint == at)
    }

    /// Asks every host, as `--join` with a list of all does.
    pub(crate) fn ask(&mut self, from: usize, question: &Question) {
        let all: Vec<SocketAddr> = self.alive().map(|process| process.endpoint).collect();
        for to in all {
            self.call(from, to, question.clone());
        }
    }

    pub(crate) fn call(&mut self, from: usize, to: SocketAddr, question: Question) {
        if let Some(counts) = &mut self.counts {
            counts.question();
        }
        // Three ways: there, back, and there again with the question.
        let delay = self.delay() * 3;
        let number = match self.listener(to) {
            Some(listener) => self.note_sent(from, listener, Way::Question, &who(&question)),
            None => 0,
        };
        self.after(delay, Event::Call { from, to, question, number });
    }

    pub(crate) fn called(&mut self, from: usize, to: SocketAddr, question: Question, number: u64) {
        if !self.processes[from].alive {
            return;
        }
        let nonce = question.nonce;
        let delay = self.delay();
        let Some((delay, answer)) = self.answer_of(from, to, question).map(|answer| (delay, answer)) else {
            let patience = self.plan.answer_patience();
            return self.after(
                patience,
                Event::Answered { process: from, nonce, from: to, answer: Answer::Silent, number: 0 },
            );
        };
        self.note_arrived(number);
        let number = match (&answer, self.listener(to)) {
            (Answer::Here(here), Some(listener)) => {
                self.note_sent(listener, from, Way::Question, &Message::Here(here.clone()))
            }
            (Answer::Error(why), Some(listener)) => {
                self.note_sent(listener, from, Way::Question, &Message::Error { why: why.clone() })
            }
            _ => 0,
        };
        self.after(delay, Event::Answered { process: from, nonce, from: to, answer, number });
    }

    /// The answer from an address; `None`: there is none.
    fn answer_of(&mut self, from: usize, to: SocketAddr, question: Question) -> Option<Answer> {
        if liar::listens_at(to) {
            return self.liar_answers(from, to, &question);
        }
        if self.left.contains(&to) {
            return None;
        }
        let host = self.processes.iter().find(|process| process.endpoint == to).map(|process| process.host)?;
        let own = self.processes[from].host;
        if self.dark[host] || self.cut(own, host).or(self.cut(host, own)).is_some() {
            return None;
        }
        let Some(listener) = self.listener(to) else { return Some(Answer::Refused) };
        if self.processes[listener].paused_until.is_some_and(|until| until > self.now) {
            return None;
        }
        self.scheduled += 1;
        let (connection, hello) = (ConnectionId(self.scheduled), self.processes[from].hello(None));
        let own = self.processes[from].endpoint.ip();
        let question = Question { hint: question.hint.map(|hint| announced(hint, own)), ..question };
        let (hello, question, back) = self.carry_question(hello, question);
        let input = Input::Asked { connection, from: self.processes[from].endpoint.ip(), hello, question };
        self.answer = None;
        self.step(listener, input);
        let answer = self.answer.take()?;
        match self.carry_answer(back, answer) {
            Message::Here(mut here) => {
                here.dialled |= self.sabotage == Sabotage::ProvenByAnybody;
                here.contact.endpoint = to;
                Some(Answer::Here(here))
            }
            Message::Error { why } => Some(Answer::Error(why)),
            other => panic!("{other:?} is no answer"),
        }
    }
}

/// A question as it is written.
fn who(question: &Question) -> Message {
    Message::Who { nonce: question.nonce, dialled: question.dialled }
}
