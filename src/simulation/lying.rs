//! The liar speaks: datagrams, questions, and connections to honest processes.

use std::net::IpAddr;

use rand::RngExt;

use crate::ids::PeerId;
use crate::protocol::{Admission, ConnectionId, Input, Question};
use crate::simulation::event::Event;
use crate::simulation::liar::{self, Liar, Line, LIAR};
use crate::simulation::lies::Lies;
use crate::simulation::plan::pick;
use crate::simulation::sabotage::Sabotage;
use crate::simulation::world::World;
use crate::wire::{Contact, Hello, Message, Token, PROTOCOL_VERSION};

/// How many messages may wait on a connection for its admission.
const HELD_MAX: usize = 3;

/// How many connections it has open at a time.
const LINES_MAX: usize = 24;

impl World {
    pub(crate) fn liar(&mut self) -> &mut Liar {
        self.liar.as_mut().expect("there is a liar")
    }

    /// What it makes up from the present world.
    pub(crate) fn lies(&mut self) -> Lies<'_> {
        let (liar, processes, timing) =
            (self.liar.as_mut().expect("there is a liar"), &self.processes, self.plan.timing);
        Lies { rng: &mut liar.rng, processes, level: liar.habits.level, timing }
    }

    /// Whether this process runs, and is not stopped.
    pub(crate) fn is_reached_by_the_liar(&self, number: usize) -> bool {
        let process = &self.processes[number];
        process.alive && process.paused_until.is_none_or(|until| until <= self.now)
    }

    pub(crate) fn lie(&mut self) {
        let Some(liar) = self.liar.as_mut().filter(|liar| liar.talks) else { return };
        let gap = self.plan.faults_end / liar.habits.lies;
        let gap = gap.mul_f64(liar.rng.random_range(0.1..1.9));
        self.after(gap, Event::Lie);
        let reached: Vec<usize> = (0..self.processes.len()).filter(|n| self.is_reached_by_the_liar(*n)).collect();
        if reached.is_empty() {
            return;
        }
        let to = *pick(&mut self.liar().rng, &reached);
        match self.liar().rng.random_range(0..20) {
            0..=2 => self.lie_by_datagram(to, &reached),
            3 | 4 => self.lie_by_question(to),
            5..=8 => self.open_a_line(to),
            9 => self.end_a_line(),
            _ => self.speak(),
        }
        if !self.liar().is_stranger() && self.liar().rng.random_bool(0.3) {
            self.join_as_insider();
        }
    }

    fn lie_by_datagram(&mut self, to: usize, reached: &[usize]) {
        if self.plan.join_only {
            return;
        }
        let hosts = self.plan.hosts;
        let own = self.liar().endpoint(hosts);
        let (contact, message) = self.lies().datagram(to, own);
        let from = if self.liar().rng.random_bool(0.9) { contact.endpoint.ip() } else { own.ip() };
        let all = self.liar().rng.random_bool(0.3);
        for process in reached.iter().filter(|process| all || **process == to) {
            self.step(*process, Input::Datagram { from, message: message.clone() });
        }
    }

    fn lie_by_question(&mut self, to: usize) {
        let hosts = self.plan.hosts;
        let own = self.liar().endpoint(hosts);
        let (contact, message) = self.lies().datagram(to, own);
        let at = self.processes[to].endpoint;
        let told = self.token_told(to, &contact.id);
        let rng = &mut self.liar().rng;
        let hint = rng.random_bool(0.8).then_some(message);
        let token = told.unwrap_or(Token(rng.random()));
        let dialled = rng.random_bool(0.3).then_some((token, at));
        let from = if rng.random_bool(0.8) { contact.endpoint.ip() } else { own.ip() };
        let nonce = Token(rng.random());
        self.scheduled += 1;
        let connection = ConnectionId(self.scheduled);
        let hello = self.hello_to(to, &contact, token);
        self.step(to, Input::Asked { connection, from, hello, question: Question { nonce, hint, dialled } });
        self.answer = None;
    }

    pub(crate) fn hello_to(&self, to: usize, contact: &Contact, token: Token) -> Hello {
        let process = &self.processes[to];
        let Hello { group, quorum, .. } = process.peer.hello(None);
        let Contact { id, incarnation, endpoint, .. } = contact.clone();
        let addressee = Some(process.id().clone());
        Hello { version: PROTOCOL_VERSION, group, quorum, peer: id, incarnation, endpoint, addressee, token }
    }

    /// The token that the process of this name gave to this one, if the liar was asked with it.
    fn token_told(&self, to: usize, owner: &PeerId) -> Option<Token> {
        let tokens = &self.liar.as_ref()?.tokens;
        tokens.iter().rfind(|known| known.to == to && known.owner == *owner).map(|known| known.token)
    }

    /// Dials under its own name, under another's from its own address, or under another's from that one's address.
    fn open_a_line(&mut self, to: usize) {
        if self.liar().lines.len() >= LINES_MAX {
            return self.end_a_line();
        }
        let hosts = self.plan.hosts;
        let own = self.liar().endpoint(hosts);
        let kind = self.liar().rng.random_range(0..10);
        let processes = self.processes.len();
        let mut victim = self.liar().rng.random_range(0..processes);
        if self.liar().rng.random_bool(0.3) {
            // The leader that it follows.
            let leader = self.processes[to].peer.leader();
            victim = self.processes.iter().rposition(|process| Some(process.id()) == leader).unwrap_or(victim);
        }
        let victim = (self.processes[victim].origin.clone(), self.processes[victim].endpoint);
        let (id, endpoint) = match kind {
            0..=4 => (liar::own_name(own), own),
            5 | 6 => (victim.0.peer.clone(), own),
            _ => (victim.0.peer.clone(), victim.1),
        };
        let mut contact = self.lies().contact(&id, endpoint);
        if kind > 6 && self.liar().rng.random_bool(0.8) {
            contact.incarnation = victim.0.incarnation;
        }
        let token = self.token_told(to, &id).unwrap_or(Token(0));
        let rng = &mut self.liar().rng;
        let token = if kind > 6 && token != Token(0) { token } else { Token(rng.random()) };
        let from = if rng.random_bool(0.95) { endpoint.ip() } else { own.ip() };
        let mut hello = self.hello_to(to, &contact, token);
        if self.liar().rng.random_bool(0.05) {
            hello.addressee = None;
        }
        self.open(to, from, hello);
    }

    pub(crate) fn open(&mut self, to: usize, from: IpAddr, hello: Hello) {
        self.scheduled += 1;
        let (id, at) = (self.scheduled, self.processes[to].endpoint);
        self.liar().lines.insert(id, Line { to, hello: hello.clone(), open: false, held: Vec::new() });
        self.step(to, Input::Hello { connection: ConnectionId(id), from, at, hello });
    }

    /// One of its connections is admitted or refused.
    pub(crate) fn admit_the_liar(&mut self, id: u64, admission: &Admission) {
        let Some(liar) = &mut self.liar else { return };
        if let Admission::Refuse { .. } = admission {
            liar.lines.remove(&id);
            return;
        }
        let Some(line) = liar.lines.get_mut(&id) else { return };
        line.open = true;
        if liar::listens_at(line.hello.endpoint) || self.sabotage == Sabotage::ProvenByAnybody {
            return;
        }
        let (who, victim) = (self.processes[line.to].id(), &line.hello.peer);
        let breach = format!("{who} takes the liar for {victim} at {}", line.hello.endpoint);
        self.fail(Err(breach));
    }

    fn any_line(&mut self) -> Option<u64> {
        let processes = &self.processes;
        let liar = self.liar.as_mut()?;
        liar.lines.retain(|_, line| processes[line.to].alive);
        let ids: Vec<u64> = liar.lines.keys().copied().collect();
        (!ids.is_empty()).then(|| *pick(&mut liar.rng, &ids))
    }

    fn end_a_line(&mut self) {
        let Some(id) = self.any_line() else { return };
        if let Some(line) = self.liar().lines.remove(&id) {
            self.step(line.to, Input::Ended { connection: ConnectionId(id) });
        }
    }

    /// Says one or several things on one of its connections.
    fn speak(&mut self) {
        let Some(id) = self.any_line() else { return };
        let Some(line) = self.liar().lines.get_mut(&id) else { return };
        let (to, open, held) = (line.to, line.open, std::mem::take(&mut line.held));
        let (me, endpoint) = (line.hello.peer.clone(), line.hello.endpoint);
        if !self.is_reached_by_the_liar(to) {
            return;
        }
        let mut messages = held;
        for _ in 0..self.liar().rng.random_range(1..5) {
            messages.extend(self.lies().message(to, &me, endpoint));
        }
        if open {
            for message in messages {
                self.say_on(id, message);
            }
        } else if let Some(line) = self.liar().lines.get_mut(&id) {
            messages.truncate(HELD_MAX);
            line.held = messages;
        }
    }

    pub(crate) fn say_on(&mut self, id: u64, message: Message) {
        let Some(line) = self.liar().lines.get(&id) else { return };
        let (to, connection) = (line.to, ConnectionId(id));
        if self.sabotage == Sabotage::ProvenByAnybody && !matches!(message, Message::Ordered { .. }) {
            // Other lies would break other promises first.
            return;
        }
        let input = match message {
            Message::SequencerRequest { term, request } => Input::Requests(vec![(connection, term, request)]),
            message => Input::Received { connection, message },
        };
        self.step(to, input);
    }

    /// The liar says nothing more.
    pub(crate) fn hush_the_liar(&mut self) {
        let Some(liar) = self.liar.as_mut() else { return };
        liar.talks = false;
        let lines = std::mem::take(&mut liar.lines);
        if liar.habits.goes_dark {
            return;
        }
        for (id, line) in lines {
            self.step(line.to, Input::Ended { connection: ConnectionId(id) });
        }
        let own: Vec<u64> = self.connections.iter().filter(|(_, c)| c.to == LIAR).map(|(id, _)| *id).collect();
        self.close_all(own);
    }
}
