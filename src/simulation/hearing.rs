//! The liar hears: what honest processes ask at its addresses, and what comes on their connections to it.

use std::net::SocketAddr;

use rand::RngExt;

use crate::ids::{Incarnation, PeerId};
use crate::protocol::{Answer, Input, Question, Standing};
use crate::simulation::event::Event;
use crate::simulation::liar::{self, KnownToken, Liar, Line, LIAR};
use crate::simulation::lies::well_formed;
use crate::simulation::network::Item;
use crate::simulation::world::World;
use crate::wire::{Contact, Message, Refusal};

impl World {
    /// An honest process dialled the liar.
    pub(crate) fn dialed_the_liar(&mut self, number: usize, peer: &PeerId, attempt: u64) {
        let patience = self.plan.answer_patience();
        let Some(liar) = &mut self.liar else { return };
        if !liar.talks && liar.habits.goes_dark {
            return self.after(patience, Event::DialedInVain { process: number, peer: peer.clone(), attempt });
        }
        let refuses = !liar.talks || liar.rng.random_bool(0.1);
        let rejects = liar.rng.random_bool(0.1);
        let process = &mut self.processes[number];
        let hello = process.peer.hello(Some(peer));
        let link = process.links.get_mut(peer).expect("just seen");
        let old = link.old.take();
        if refuses {
            self.close_all(old);
            self.rest(number, peer);
            return self.step(number, Input::Refused { peer: peer.clone() });
        }
        let id = self.come_up(number, peer, LIAR, hello, old);
        if rejects {
            let why = Some(self.refusal_for(number));
            let delay = self.delay();
            self.after(delay, Event::Broken { process: number, peer: peer.clone(), connection: id, why });
        }
        self.flush(number, peer);
    }

    /// What an honest process wrote to the liar.
    pub(crate) fn arrive_at_the_liar(&mut self, id: u64) {
        let Some(liar) = &self.liar else { return };
        let deaf = !liar.talks && liar.habits.goes_dark;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (from, link) = (connection.from, connection.link.clone());
        if deaf {
            return;
        }
        match connection.pipe.pop_front() {
            Some(Item::Hello(hello)) => {
                let asked = self.processes.iter().rposition(|process| Some(process.id()) == hello.addressee.as_ref());
                if let Some(to) = asked {
                    self.liar().tokens.push(KnownToken { owner: hello.peer, to, token: hello.token });
                }
            }
            Some(Item::Message(message)) => {
                let home = link.as_ref() == Some(&liar::own_name(Liar::home()));
                if home && self.liar().talks && !self.liar().is_stranger() {
                    self.act_as_insider(from, message);
                }
            }
            Some(Item::Sealed(_)) => unreachable!("who is in a closed group dials no liar"),
            Some(Item::End) => drop(self.connections.remove(&id)),
            None => {}
        }
        if let (true, Some(peer)) = (self.processes[from].alive, link) {
            self.flush(from, &peer);
        }
    }

    /// Whether this peer serves. Only then is it told that its name is in use, or its quorum wrong: a starting peer
    /// would end.
    fn serves(&self, number: usize) -> bool {
        matches!(self.processes[number].peer.standing(), Standing::Leader | Standing::Member)
    }

    fn refusal_for(&mut self, number: usize) -> Refusal {
        let (hosts, serves) = (self.plan.hosts, self.serves(number));
        let own = self.liar().endpoint(hosts);
        let rng = &mut self.liar().rng;
        let victim = SocketAddr::new(liar::address_of(rng.random_range(0..hosts)), 7001);
        match rng.random_range(0..6) {
            0 => Refusal::IdInUse(Some(own)),
            1 => Refusal::IdInUse(Some(victim)),
            2 => Refusal::IdInUse(None),
            3 => Refusal::WrongAddressee,
            4 if serves => Refusal::WrongQuorum { group: Some(7), newcomer: None },
            _ => Refusal::Itself,
        }
    }

    /// What the liar answers to a question at one of its addresses; `None`: nothing.
    pub(crate) fn liar_answers(&mut self, from: usize, to: SocketAddr, question: &Question) -> Option<Answer> {
        let liar = self.liar.as_ref()?;
        if !liar.talks {
            return (!liar.habits.goes_dark).then_some(Answer::Refused);
        }
        let made = question.dialled.and_then(|(token, _)| {
            let mine = |line: &&Line| line.hello.token == token && line.hello.endpoint == to;
            liar.lines.values().find(mine).map(|line| (line.hello.peer.clone(), line.hello.incarnation))
        });
        let host = liar::victim_at(to);
        if let (None, Some((token, _)), Some(host)) = (&made, question.dialled, host) {
            let owner = self.id_of(host);
            self.liar().tokens.push(KnownToken { owner, to: from, token });
        }
        let always = made.is_some() && self.liar().rng.random_bool(0.9);
        match self.liar().rng.random_range(0..12) {
            0 if !always => return None,
            1 if !always => return Some(Answer::Refused),
            2 if !always => return Some(Answer::Error(self.refusal_for(from))),
            _ => {}
        }
        let contact = self.face(from, to, made);
        let dialled = always || self.liar().rng.random_bool(0.5);
        let here = self.lies().here(contact, from, question.nonce, dialled);
        match well_formed(&Message::Here(Box::new(here)))? {
            Message::Here(here) => Some(Answer::Here(here)),
            other => unreachable!("{other:?} was no answer"),
        }
    }

    /// The contact that it claims to be at one of its addresses.
    fn face(&mut self, asker: usize, at: SocketAddr, made: Option<(PeerId, Incarnation)>) -> Contact {
        if let Some((id, incarnation)) = made {
            return Contact { id, priority: 0, incarnation, endpoint: at };
        }
        let name = liar::victim_at(at).map_or_else(|| liar::own_name(at), |host| self.id_of(host));
        // Two such answers would end a starting peer.
        let starts = name == *self.processes[asker].id() && !self.serves(asker);
        let name = if starts { liar::own_name(at) } else { name };
        self.lies().contact(&name, at)
    }
}
