//! Questions, each on its own connection: they are carried out as soon as they are asked, and shown with their answer.

use std::fmt::Write;
use std::net::SocketAddr;

use peer::ids::PeerId;
use peer::protocol::{Answer, Call, ConnectionId, Input};
use peer::wire::{Decoder, Message};

use crate::cast::Cast;
use crate::{raw, show, talk};

impl Cast {
    /// Carries out the questions, and further ones that they cause.
    pub(crate) fn ask(&mut self) -> String {
        let mut out = String::new();
        while let Some((who, call)) = self.calls.pop_front() {
            if self.actors.contains_key(&who) {
                out += &self.call(&who, call);
            }
        }
        out
    }

    fn call(&mut self, who: &PeerId, call: Call) -> String {
        let listens = self.actors.iter().find(|(_, actor)| actor.peer.hello(None).endpoint == call.to);
        let Some(other) = listens.map(|(other, _)| other.clone()) else {
            let out = show::question(who.as_str(), &call.to.to_string(), &call.question);
            if self.gone.contains(&call.to) {
                return out + "  ! nobody listens there\n" + &self.answered(who, &call, Answer::Refused);
            }
            self.open.push((who.clone(), call));
            return out;
        };
        let mut out = show::question(who.as_str(), other.as_str(), &call.question);
        if self.deaf.as_ref() == Some(&other) {
            return out + "  ! no answer comes\n" + &self.answered(who, &call, Answer::Silent);
        }
        let hello = self.actors[who].peer.hello(None);
        let (connection, from) = (ConnectionId(u64::MAX), hello.endpoint.ip());
        let came = self.step(&other, Input::Asked { connection, from, hello, question: call.question.clone() });
        let message = talk::carried(&self.answer.take().expect("an answer in the same step"));
        out += &show::message(&format!("! {other} answers:"), &message);
        if !came.is_empty() {
            write!(out, "  {other}, of what it was told:\n{}", talk::indented(&came)).expect("a string takes all");
        }
        out + &self.answered(who, &call, answer(message))
    }

    fn answered(&mut self, who: &PeerId, call: &Call, answer: Answer) -> String {
        self.step(who, Input::Answered { nonce: call.question.nonce, from: call.to, answer })
    }

    /// A stranger answers the last question to its address in these words; `*` is the number of the question.
    pub(crate) fn stranger_answers(&mut self, from: SocketAddr, who: &PeerId, text: &str) -> String {
        let asked = self.open.iter().rposition(|(asker, call)| asker == who && call.to == from);
        let (_, call) = self.open.remove(asked.expect("it was asked"));
        let answer = if text.trim_end() == "nothing" {
            Answer::Silent
        } else {
            let text = text.replacen('*', &call.question.nonce.to_string(), 1);
            answer(raw::decoded(&mut Decoder::new(), &text).0.pop().expect("a message"))
        };
        self.answered(who, &call, answer)
    }
}

fn answer(message: Message) -> Answer {
    match message {
        Message::Here(here) => Answer::Here(here),
        Message::Error { why } => Answer::Error(why),
        other => panic!("{other:?} is no answer"),
    }
}
