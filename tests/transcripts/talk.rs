//! What peers say to each other: datagrams, connections, messages under way.

use std::fmt::Write;

use peer::ids::PeerId;
use peer::protocol::{ConnectionId, Input, Serve};
use peer::wire::{encode, Decoder, Frame, Leadership, Message};

use crate::cast::Cast;
use crate::show;

/// A conversation with more moves than this goes round in circles.
const MOVES_MAX: usize = 1000;

/// How much of a log is read in one step, in bytes.
const SERVE_BYTES: usize = 1024 * 1024;

/// A message as its receiver reads it.
pub(crate) fn carried(message: &Message) -> Message {
    let (mut bytes, mut decoder) = (Vec::new(), Decoder::new());
    encode(message, &mut bytes);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let space = decoder.space();
        let taken = space.len().min(rest.len());
        space[..taken].copy_from_slice(&rest[..taken]);
        decoder.filled(taken);
        rest = &rest[taken..];
    }
    let read = decoder.next_message().expect("what is written can be read").expect("all of it came");
    assert_eq!(read, *message, "what is read is what was written");
    read
}

impl Cast {
    pub(crate) fn hear(&mut self, who: &PeerId, from: &PeerId) -> String {
        let way = (from.clone(), who.clone());
        let message = self.datagrams.get_mut(&way).and_then(std::collections::VecDeque::pop_front);
        let message = carried(&message.expect("a datagram under way"));
        let (Message::NewPeerRequest(sender) | Message::Leader(Leadership { leader: sender, .. })) = &message else {
            panic!("{message:?} is no datagram");
        };
        let from = sender.endpoint.ip();
        self.step(who, Input::Datagram { from, message }) + &self.ask()
    }

    /// The next message of `from`; a new connection begins with `HELLO`.
    pub(crate) fn receive(&mut self, who: &PeerId, from: &PeerId) -> String {
        let way = (from.clone(), who.clone());
        let message = self.mail.get_mut(&way).and_then(std::collections::VecDeque::pop_front);
        let message = message.expect("a message under way");
        let mut out = String::new();
        if !self.connections.contains_key(&way) {
            let connection = ConnectionId(self.connections.len() as u64 + 1);
            self.connections.insert(way.clone(), connection);
            if let Some(sender) = self.actors.get(from) {
                let hello = sender.peer.hello(Some(who));
                let (from, at) = (hello.endpoint.ip(), self.actors[who].peer.hello(None).endpoint);
                out += &show::message("<", &Message::Hello(hello.clone()));
                out += &self.step(who, Input::Hello { connection, from, at, hello });
                out += &self.ask();
            }
        }
        let connection = self.connections[&way];
        out += &show::message("<", &message);
        out += &self.step(
            who,
            match carried(&message) {
                Message::SequencerRequest { term, request } => Input::Requests(vec![(connection, term, request)]),
                message => Input::Received { connection, message },
            },
        );
        out
    }

    /// Everything moves until nothing does; what `but` would receive waits.
    pub(crate) fn talk(&mut self, but: Option<&PeerId>) -> String {
        self.deaf = but.cloned();
        let out = self.move_all(but);
        self.deaf = None;
        out
    }

    fn move_all(&mut self, but: Option<&PeerId>) -> String {
        let mut out = String::new();
        for _ in 0..MOVES_MAX {
            let here = |who: &PeerId| self.actors.contains_key(who) && but != Some(who);
            let working = self.actors.iter().find(|(who, actor)| here(who) && !actor.work.is_empty());
            if let Some(who) = working.map(|(who, _)| who.clone()) {
                let stored = self.stored(&who) + &self.ask();
                write!(out, "  {who} stored:\n{}", indented(&stored)).expect("a string takes all");
                continue;
            }
            let waiting = |mail: &std::collections::BTreeMap<(PeerId, PeerId), std::collections::VecDeque<Message>>| {
                mail.iter().find(|((_, to), messages)| here(to) && !messages.is_empty()).map(|(way, _)| way.clone())
            };
            if let Some((from, to)) = waiting(&self.datagrams) {
                write!(out, "  {to} hears {from}:\n{}", indented(&self.hear(&to, &from))).expect("a string takes all");
            } else if let Some((from, to)) = waiting(&self.mail) {
                let received = self.receive(&to, &from) + &self.ask();
                write!(out, "  {to} receives {from}:\n{}", indented(&received)).expect("a string takes all");
            } else {
                return out;
            }
        }
        panic!("they never stop talking");
    }

    /// The process of `who` is gone: what it said is read, then `other` finds nobody there.
    pub(crate) fn refuse(&mut self, who: &PeerId, other: &PeerId) -> String {
        self.remove(who);
        let way = (who.clone(), other.clone());
        let mut out = self.step(other, Input::Refused { peer: who.clone() });
        self.mail.remove(&way);
        if let Some(connection) = self.connections.remove(&way) {
            out += &self.step(other, Input::Ended { connection });
        }
        self.mail.retain(|(_, to), _| to != who);
        self.datagrams.retain(|(_, to), _| to != who);
        out
    }

    /// Sends what may be sent of the log.
    pub(crate) fn serve(&mut self, who: &PeerId, to: &PeerId, serve: Serve) -> String {
        let actor = self.actors.get_mut(who).expect("it started");
        let outbox = actor.serving.entry(to.clone()).or_default();
        outbox.serve(serve);
        let mut messages = Vec::new();
        while let Some(part) = outbox.take().serving {
            let read = actor.log.read(part.after, part.up_to, part.cuts, SERVE_BYTES).expect("a disk in memory");
            let peer::storage::Read::Frames(frames) = read else { panic!("there is nothing to serve") };
            outbox.served(&part, frames.last().map(Frame::last));
            messages.extend(frames.into_iter().map(|frame| Message::Ordered { term: part.term.clone(), frame }));
        }
        let mut out = String::new();
        for message in messages {
            out += &show::message(&format!("to {to}:"), &message);
            self.post(who, to, message);
        }
        out
    }
}

pub(crate) fn indented(text: &str) -> String {
    show::prefixed("  ", text.lines())
}
