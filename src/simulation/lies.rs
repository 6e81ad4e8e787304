//! What a liar says: messages of every kind, made from the truth about the honest peers and changed. All are well
//! formed, since they are read back from their text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;

use rand::rngs::SmallRng;
use rand::RngExt;

use crate::ids::{Origin, PeerId, Sequence, Term, NUMBER_MAX};
use crate::protocol::Standing;
use crate::simulation::liar::{self, Level, LIFE, MARK};
use crate::simulation::plan::pick;
use crate::simulation::process::Process;
use crate::wire::{
    encode, Belongs, Contact, Decoder, Frame, Here, Leadership, Lines, Message, Refusal, Request, RunList, Seat,
    TermStart, Timing, Token, ViewChange,
};

/// What a liar knows when it makes something up.
pub(crate) struct Lies<'a> {
    pub rng: &'a mut SmallRng,
    pub processes: &'a [Process],
    pub level: Level,
    pub timing: Timing,
}

/// The message as a decoder reads it; `None` where that refuses it.
pub(crate) fn well_formed(message: &Message) -> Option<Message> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    let mut decoder = Decoder::new();
    for piece in bytes.chunks(16 * 1024) {
        decoder.space()[..piece.len()].copy_from_slice(piece);
        decoder.filled(piece.len());
    }
    decoder.next_message().ok().flatten()
}

impl<'a> Lies<'a> {
    /// A process that lives, or lived.
    fn anybody(&mut self) -> &'a Process {
        &self.processes[self.rng.random_range(0..self.processes.len())]
    }

    /// A number near this one, or far from it.
    fn number(&mut self, near: u64) -> u64 {
        match self.rng.random_range(0..10) {
            0 => 0,
            1..=3 => near,
            4 | 5 => near + 1,
            6 => near.saturating_sub(self.rng.random_range(1..20)),
            7 => near + self.rng.random_range(1..1000),
            8 => near + (1 << 20),
            // The last is the highest counter of a leader that is joined.
            _ => *pick(self.rng, &[1 << 48, NUMBER_MAX - 1, 1 << 40, 1 << 44]),
        }
    }

    /// A term: the receiver's or another peer's, or one near it, or far. `me` leads it, or its true leader.
    fn term(&mut self, to: &Process, me: &PeerId) -> Term {
        let mine = Term { counter: 1, leader: me.clone(), incarnation: LIFE };
        let other = self.anybody().peer.promised().cloned();
        let known = to.peer.installed().or(to.peer.promised()).cloned();
        if let Some(term) = known.clone().filter(|_| self.rng.random_bool(0.4)) {
            return term;
        }
        let base = if self.rng.random_bool(0.8) { known } else { other }.unwrap_or(mine);
        let counter = if self.rng.random_bool(0.5) { base.counter } else { self.number(base.counter) };
        let own = self.rng.random_bool(0.4);
        let leader = if own { me.clone() } else { base.leader };
        Term { counter, leader, incarnation: base.incarnation }
    }

    pub(crate) fn contact(&mut self, id: &PeerId, endpoint: SocketAddr) -> Contact {
        let known = self.processes.iter().rfind(|process| process.id() == id).map(|process| process.origin.incarnation);
        let incarnation = match known {
            Some(life) if self.rng.random_bool(0.7) => life,
            Some(life) => self.number(life),
            None => LIFE,
        };
        Contact { id: id.clone(), priority: *pick(self.rng, &[0, 0, 5, -5]), incarnation, endpoint }
    }

    /// An honest peer, or one of its own names, at the true address or at one of its own.
    fn somebody(&mut self, own: SocketAddr) -> Contact {
        if self.rng.random_bool(0.3) {
            let id = liar::own_name(own);
            return self.contact(&id, own);
        }
        let process = self.anybody();
        let at = if self.rng.random_bool(0.7) { process.endpoint } else { own };
        self.contact(process.id(), at)
    }

    /// The log of a peer, or one made up.
    fn log(&mut self, to: &Process, me: &PeerId) -> (RunList, Sequence) {
        let process = if self.rng.random_bool(0.6) { to } else { self.anybody() };
        let (runs, last) = (process.peer.runs(), process.peer.last());
        if self.rng.random_bool(0.6) {
            return (runs, last);
        }
        let term = self.term(to, me);
        let last = self.number(last);
        let mut made_up = runs;
        made_up.truncate(self.rng.random_range(0..=made_up.len()));
        if made_up.last().is_none_or(|(before, first)| *before < term && *first <= last) {
            made_up.push((term, last.max(1)));
        }
        (made_up, last)
    }

    /// A view that some peer leads, with or without the receiver.
    fn view(&mut self, term: Term, to: &Process, me: &PeerId, own: SocketAddr) -> ViewChange {
        let mut members = BTreeMap::new();
        let seat = |contact: Contact| {
            let Contact { priority, incarnation, endpoint, .. } = contact;
            Seat { priority, incarnation, endpoint }
        };
        for _ in 0..*pick(self.rng, &[0, 1, 3, 9]) {
            let contact = self.somebody(own);
            members.insert(contact.id.clone(), seat(contact));
        }
        for n in 0..*pick(self.rng, &[0, 0, 0, 40]) {
            let contact = self.contact(&format!("m{n}-liar").parse().expect("a name"), own);
            members.insert(contact.id.clone(), seat(contact));
        }
        if self.rng.random_bool(0.6) {
            let endpoint = to.endpoint;
            members.insert(to.id().clone(), Seat { priority: 0, incarnation: to.origin.incarnation, endpoint });
        }
        members.insert(term.leader.clone(), Seat { priority: 0, incarnation: term.incarnation, endpoint: own });
        let (runs, last) = self.log(to, me);
        let change = self.number(3);
        ViewChange { term, change, members, timing: self.timing, start: TermStart { runs, last } }
    }

    /// Readings under any origin, which may or may not follow what its log holds.
    fn request(&mut self, me: &PeerId) -> Request {
        let process = self.anybody();
        // A peer may hand in readings of any absent origin: there an insider is trusted.
        let spares = self.level != Level::Stranger && process.alive;
        let own = spares || self.rng.random_bool(0.3);
        let origin = if own { Origin { peer: me.clone(), incarnation: LIFE } } else { process.origin.clone() };
        let first = self.number(if own { 1 } else { process.taken }).clamp(1, NUMBER_MAX / 2);
        let count = self.rng.random_range(1..4);
        let mut text = String::new();
        for n in 0..count {
            writeln!(text, "DATA|{MARK}-{}|2013-01-01T06:00:00Z|{n}||0", first % 3).expect("a string takes all");
        }
        Request { origin, first, lines: Lines::new(text.into_bytes(), count) }
    }

    /// A batch, and the term in which it is sent. Half of the batches continue the receiver's log in its term.
    fn batch(&mut self, to: &Process, me: &PeerId) -> Message {
        let request = self.request(me);
        let fitting = to.peer.installed().cloned().filter(|_| self.rng.random_bool(0.5));
        if let Some(term) = fitting {
            let frame = Frame::build(term.clone(), to.peer.last() + 1, &[request]);
            return Message::Ordered { term, frame };
        }
        let (sent, term) = (self.term(to, me), self.term(to, me));
        let first = self.number(to.peer.last()).clamp(1, NUMBER_MAX / 2);
        Message::Ordered { term: sent, frame: Frame::build(term, first, &[request]) }
    }

    /// A stranger proposes terms with even counters and shows views with odd ones: a peer that promised its term finds
    /// nobody to follow. An insider does not propose.
    fn proposal(&mut self, to: &Process, me: &PeerId) -> Option<Message> {
        if self.level != Level::Stranger {
            return None;
        }
        let near = to.peer.promised().map_or(0, |term| term.counter);
        let counter = self.number(near + 1) & !1;
        let incarnation = if self.rng.random_bool(0.8) { LIFE } else { self.number(LIFE) };
        Some(Message::Coordinator { term: Term { counter, leader: me.clone(), incarnation } })
    }

    fn view_message(&mut self, to: &Process, me: &PeerId, own: SocketAddr) -> Message {
        let mut term = self.term(to, me);
        if liar::listens_at(own) && term.leader == *me {
            term.counter |= 1;
        }
        let view = self.view(term, to, me, own);
        if self.rng.random_bool(0.5) {
            return Message::ViewChange(view);
        }
        // A peer that asked it to join gets no useful answer.
        let waits = matches!(to.peer.standing(), Standing::Seeking | Standing::Promised | Standing::Electing);
        let life = to.origin.incarnation;
        let incarnation = if waits && liar::listens_at(own) { life + 1 } else { self.number(life) };
        Message::Added { view, incarnation }
    }

    /// What a peer says only if it wants to join. A liar that is to stay a stranger must not say it.
    fn application(&mut self, to: &Process, me: &PeerId) -> Message {
        let (runs, last) = self.log(to, me);
        let promised = self.rng.random_bool(0.7).then(|| self.term(to, me));
        if self.rng.random_bool(0.7) {
            return Message::Join { promised, priority: 0, runs, last, limits: None };
        }
        let term = self.term(to, me);
        let synced = promised;
        Message::LogState { term, synced, runs, last, limits: None }
    }

    /// A message on a connection that was made under this name, from one of its own addresses or not.
    pub(crate) fn message(&mut self, to: usize, me: &PeerId, own: SocketAddr) -> Option<Message> {
        let to = &self.processes[to];
        let term = self.term(to, me);
        let (last, committed) = (to.peer.last(), to.peer.committed());
        let message = match self.rng.random_range(0..20) {
            0 => self.proposal(to, me)?,
            1 | 2 => self.view_message(to, me, own),
            3 | 4 => Message::Heartbeat { term, committed: self.number(committed) },
            5 => Message::HeartbeatAck { term, stored: self.number(last) },
            6 => Message::Stored { term, last: self.number(last) },
            7 => Message::Election { term: self.rng.random_bool(0.8).then_some(term), from: me.clone() },
            8 => Message::Ok { term: self.rng.random_bool(0.8).then_some(term) },
            9 => Message::Fetch { term, from: self.number(last) },
            10 | 11 => Message::SequencerRequest { term, request: self.request(me) },
            12 | 13 => self.batch(to, me),
            14 => Message::Commit { term, up_to: self.number(committed) },
            15 => {
                let leader = self.rng.random_bool(0.7).then(|| self.somebody(own));
                Message::Stale { term: Some(term), leader }
            }
            16 => {
                let leader = self.rng.random_bool(0.7).then(|| self.somebody(own));
                Message::Yield { term, leader }
            }
            17 => Message::Leave { term: self.rng.random_bool(0.8).then_some(term) },
            18 => self.rumour(to, own).1,
            // It asks to join only as somebody else, since that fails.
            _ if !liar::listens_at(own) => self.application(to, me),
            _ => Message::Error { why: Refusal::Other("no".to_owned()) },
        };
        well_formed(&message)
    }

    /// What a datagram or a hint says, and the contact in it.
    pub(crate) fn datagram(&mut self, to: usize, own: SocketAddr) -> (Contact, Message) {
        self.rumour(&self.processes[to], own)
    }

    fn rumour(&mut self, to: &Process, own: SocketAddr) -> (Contact, Message) {
        let contact = self.somebody(own);
        if self.rng.random_bool(0.4) {
            return (contact.clone(), Message::NewPeerRequest(contact));
        }
        let counter = self.term(to, &contact.id).counter;
        let term = Term { counter, leader: contact.id.clone(), incarnation: contact.incarnation };
        let (size, last) = (*pick(self.rng, &[1, 2, 9, 1000]), self.number(to.peer.last()));
        (contact.clone(), Message::Leader(Leadership { term, leader: contact, size, last }))
    }

    /// What it answers under this name: that it seeks, follows anybody, or leads anything.
    pub(crate) fn here(&mut self, contact: Contact, to: usize, nonce: Token, dialled: bool) -> Here {
        let (to, own) = (&self.processes[to], contact.endpoint);
        let (seeking, serves) = (self.rng.random_bool(0.4), self.rng.random_bool(0.5));
        let belongs = match self.rng.random_range(0..3) {
            0 => Belongs::Nowhere,
            1 => Belongs::Follows(self.somebody(own)),
            _ => {
                let counter = self.term(to, &contact.id).counter;
                let term = Term { counter, leader: contact.id.clone(), incarnation: contact.incarnation };
                let me = contact.id.clone();
                Belongs::Leads(self.view(term, to, &me, own))
            }
        };
        Here { nonce, contact, seeking, serves, dialled, belongs }
    }
}
