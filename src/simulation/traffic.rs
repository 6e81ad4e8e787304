//! Links, connections and datagrams, as the daemon's threads and the kernel treat them.

use std::collections::VecDeque;
use std::mem;

use rand::RngExt;

use crate::ids::PeerId;
use crate::protocol::{Admission, ConnectionId, Input, Time};
use crate::simulation::event::Event;
use crate::simulation::liar::{self, LIAR};
use crate::simulation::network::{Connection, Item, LinkState, Reading, IN_FLIGHT_MAX};
use crate::simulation::record::Way;
use crate::simulation::world::World;
use crate::wire::{Hello, Message, Refusal};

impl World {
    pub(crate) fn broadcast(&mut self, from: usize, message: &Message) {
        if self.plan.join_only {
            return;
        }
        let to: Vec<usize> = (0..self.processes.len()).filter(|n| self.processes[*n].alive).collect();
        let datagram = self.datagram(from, message);
        for process in to {
            let (host, other) = (self.processes[from].host, self.processes[process].host);
            let wrong_way = host != other && self.plan.one_way.is_some_and(|up| up != (host < other));
            if wrong_way || self.cuts.drops_datagrams(host, other, self.now) {
                continue;
            }
            let loss = self.plan.datagram_loss_one_in;
            if process != from && loss > 0 && self.rng.random_range(0..loss) == 0 {
                continue;
            }
            let delay = self.delay();
            let number = self.note_sent(from, process, Way::Datagram, message);
            let (from, datagram) = (self.processes[from].endpoint.ip(), datagram.clone());
            self.after(delay, Event::Datagram { process, from, datagram, number });
        }
    }

    pub(crate) fn send(&mut self, from: usize, to: &PeerId, message: Message) {
        let message = self.sabotage.message(message);
        let Some(mut message) = message else { return };
        if let Some(counts) = &mut self.counts {
            counts.message(&message);
        }
        if let Some(receiver) = self.processes.iter().find(|process| process.alive && process.id() == to) {
            message = self.sabotage.to(&receiver.peer, message);
        }
        let process = &mut self.processes[from];
        let link = process.links.entry(to.clone()).or_default();
        if !link.outbox.put(message) {
            // The receiver does not read.
            link.outbox.forget();
            self.redial(from, to);
        } else if link.state == LinkState::Idle {
            self.dial(from, to);
        }
        self.flush(from, to);
    }

    pub(crate) fn redial(&mut self, number: usize, peer: &PeerId) {
        let Some(link) = self.processes[number].links.get_mut(peer) else { return };
        link.outbox.on_break();
        link.report = true;
        if let LinkState::Up(connection) = link.state {
            link.old = Some(connection);
        }
        self.dial(number, peer);
    }

    fn dial(&mut self, number: usize, peer: &PeerId) {
        let Some(link) = self.processes[number].links.get_mut(peer) else { return };
        if let Some(counts) = &mut self.counts {
            counts.dial();
        }
        self.scheduled += 1;
        let attempt = self.scheduled;
        (link.attempt, link.state) = (attempt, LinkState::Dialing);
        let delay = self.delay() * 2;
        self.after(delay, Event::Dialed { process: number, peer: peer.clone(), attempt });
    }

    /// Whether the address of a peer is silent.
    fn is_out_of_reach(&self, number: usize, peer: &PeerId) -> bool {
        let process = &self.processes[number];
        let Some(endpoint) = process.peer.endpoint_of(peer) else { return false };
        if self.left.contains(&endpoint) {
            return true;
        }
        let host = self.processes.iter().find(|p| p.endpoint == endpoint).map_or(process.host, |p| p.host);
        self.dark[host] || self.cut(process.host, host).or(self.cut(host, process.host)).is_some()
    }

    /// The other side refused this link, so what waited or was under way is lost. The next message dials, and the core
    /// hears of that connection.
    pub(crate) fn rest(&mut self, number: usize, peer: &PeerId) {
        let Some(link) = self.processes[number].links.get_mut(peer) else { return };
        link.outbox.give_up();
        link.report = true;
        if let LinkState::Up(id) = mem::take(&mut link.state) {
            self.close(id);
        }
    }

    /// A dial is given up, and repeated if there is something to say.
    pub(crate) fn dialed_in_vain(&mut self, number: usize, peer: &PeerId, attempt: u64) {
        let process = &mut self.processes[number];
        let Some(link) = process.links.get_mut(peer).filter(|link| process.alive && link.attempt == attempt) else {
            return;
        };
        if link.outbox.is_empty() {
            link.state = LinkState::Idle;
        } else {
            self.dial(number, peer);
        }
    }

    pub(crate) fn dialed(&mut self, number: usize, peer: &PeerId, attempt: u64) {
        let process = &self.processes[number];
        let current = process.links.get(peer).is_some_and(|link| link.attempt == attempt);
        if !process.alive || !current {
            return;
        }
        if self.is_out_of_reach(number, peer) {
            let patience = self.plan.answer_patience();
            return self.after(patience, Event::DialedInVain { process: number, peer: peer.clone(), attempt });
        }
        let endpoint = process.peer.endpoint_of(peer);
        if endpoint.is_some_and(liar::listens_at) {
            return self.dialed_the_liar(number, peer, attempt);
        }
        let listener = self.processes.iter().position(|p| p.alive && Some(p.endpoint) == endpoint);
        let hello = process.hello(Some(peer));
        let link = self.processes[number].links.get_mut(peer).expect("just seen");
        let old = link.old.take();
        let Some(listener) = listener else {
            self.close_all(old);
            self.rest(number, peer);
            return self.step(number, Input::Refused { peer: peer.clone() });
        };
        self.come_up(number, peer, listener, hello, old);
        self.flush(number, peer);
    }

    /// A dial is answered by a process: the connection is up, greeted, and takes the place of the `old` one. Returns its
    /// number.
    pub(crate) fn come_up(&mut self, number: usize, peer: &PeerId, to: usize, hello: Hello, old: Option<u64>) -> u64 {
        let link = self.processes[number].links.get_mut(peer).expect("it dialled");
        let report = mem::take(&mut link.report);
        let delay = self.delay();
        let id = self.connect(number, to, Some(peer.clone()), delay);
        self.processes[number].links.get_mut(peer).expect("just seen").state = LinkState::Up(id);
        self.write(id, Item::Hello(hello));
        self.close_all(old);
        if report {
            if let Some(link) = self.processes[number].links.get_mut(peer) {
                link.outbox.renewed();
            }
            self.step(number, Input::LinkUp { peer: peer.clone() });
        }
        id
    }

    pub(crate) fn connect(&mut self, from: usize, to: usize, link: Option<PeerId>, delay: Time) -> u64 {
        self.scheduled += 1;
        let (pipe, last_arrival) = (VecDeque::default(), self.now + delay);
        let connection = Connection {
            from,
            to,
            link,
            pipe,
            channel: self.closed.as_mut().map(|closed| closed.connect().0),
            greeted: false,
            held: 0,
            reading: Reading::Waiting,
            writable: true,
            last_arrival,
            stalled_until: None,
        };
        self.connections.insert(self.scheduled, connection);
        self.scheduled
    }

    pub(crate) fn write(&mut self, id: u64, item: Item) {
        let noted = self.record.as_ref().and_then(|_| item.message());
        if let (Some(message), Some(connection)) = (noted, self.connections.get(&id)) {
            let (from, to) = (connection.from, connection.to);
            self.note_written(id, from, to, &message);
        }
        let (delay, item) = (self.delay(), self.sealed(id, item));
        let connection = self.connections.get_mut(&id).expect("an open connection");
        connection.pipe.push_back(item);
        connection.last_arrival = connection.last_arrival.max(self.now + delay);
        let at = connection.last_arrival;
        self.at(at, Event::Arrive(id));
    }

    /// Writes what waits, as far as the connection takes it.
    pub(crate) fn flush(&mut self, number: usize, peer: &PeerId) {
        loop {
            let process = &mut self.processes[number];
            let Some(link) = process.links.get_mut(peer) else { return };
            let LinkState::Up(id) = link.state else { return };
            let room = self.connections.get(&id).is_some_and(|c| c.writable && c.pipe.len() < IN_FLIGHT_MAX);
            if !room || link.outbox.is_empty() {
                return;
            }
            let parcel = link.outbox.take();
            let mut frames = Vec::new();
            if let Some(part) = &parcel.serving {
                let read = process.shelf.read(part.after, part.up_to, part.cuts);
                let last = read.as_ref().and_then(|frames| frames.last().map(crate::wire::Frame::last));
                link.outbox.served(part, last);
                let ordered = |frame| Message::Ordered { term: part.term.clone(), frame };
                frames = read.unwrap_or_default().into_iter().map(ordered).collect();
            }
            for message in parcel.messages.into_iter().chain(frames).chain(parcel.last_word) {
                let message = self.sabotage.written(message);
                self.write(id, Item::Message(message));
            }
        }
    }

    pub(crate) fn arrive(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (number, from, link) = (connection.to, connection.from, connection.link.clone());
        if number == LIAR {
            return self.arrive_at_the_liar(id);
        }
        if !self.processes[number].alive {
            if !self.dark[self.processes[number].host] {
                connection.pipe.clear();
                self.close(id);
            }
            return;
        }
        let is_first = match connection.pipe.front() {
            Some(Item::Hello(_)) => true,
            Some(Item::Sealed(_)) => !connection.greeted,
            _ => false,
        };
        if connection.reading == Reading::Waiting && !is_first {
            connection.held += 1;
            return;
        }
        let Some(item) = connection.pipe.pop_front() else { return };
        let over = connection.reading == Reading::Over;
        connection.greeted = true;
        let Some(item) = self.opened(id, item) else { return self.makes_no_sense(id) };
        if let Some(message) = self.record.as_ref().and_then(|_| item.message()) {
            self.note_read(id, &message);
        }
        match item {
            Item::Hello(hello) => {
                let (from, at) = (self.processes[from].endpoint.ip(), self.processes[number].endpoint);
                self.step(number, Input::Hello { connection: ConnectionId(id), from, at, hello });
            }
            Item::Message(_) | Item::Sealed(_) if over => {}
            Item::Sealed(_) => unreachable!("it was opened"),
            Item::Message(Message::SequencerRequest { term, request }) => {
                self.processes[number].inbox.push((ConnectionId(id), term, request));
                let delay = self.rng.random_range(1..200);
                self.after(Time::from_micros(delay), Event::Sequence(number));
            }
            Item::Message(message) => {
                if self.sabotage.is_said_by_a_member_too(&message) {
                    self.say_as_a_member(number, id, message.clone());
                }
                self.step(number, Input::Received { connection: ConnectionId(id), message });
            }
            Item::End => {
                self.connections.remove(&id);
                let process = &mut self.processes[number];
                if !over && process.inbox.is_empty() {
                    self.step(number, Input::Ended { connection: ConnectionId(id) });
                } else if !over {
                    process.ended.push(ConnectionId(id));
                }
            }
        }
        if let (true, Some(peer)) = (self.processes[from].alive, link) {
            self.flush(from, &peer);
        }
    }

    /// A reader hangs up: what was under way was changed.
    fn makes_no_sense(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.pipe.clear();
        if connection.writable {
            return self.close(id);
        }
        connection.pipe.push_back(Item::End);
        self.at(self.now, Event::Arrive(id));
    }

    /// What a learner says to its leader comes as if from a member, too.
    fn say_as_a_member(&mut self, leader: usize, from: u64, message: Message) {
        let members = self.processes[leader].peer.members();
        let is_member = |c: &Connection| members.contains(self.processes[c.from].id());
        if self.connections.get(&from).is_none_or(is_member) {
            return;
        }
        let counts = |c: &Connection| c.to == leader && c.link.is_some() && c.reading == Reading::Open && is_member(c);
        let member = self.connections.iter().find(|(_, c)| counts(c)).map(|(id, _)| ConnectionId(*id));
        if let Some(connection) = member {
            self.step(leader, Input::Received { connection, message });
        }
    }

    pub(crate) fn admit(&mut self, id: u64, admission: Admission) {
        let Some(connection) = self.connections.get_mut(&id) else { return self.admit_the_liar(id, &admission) };
        let Admission::Refuse { why } = admission else {
            connection.reading = Reading::Open;
            for _ in 0..mem::take(&mut connection.held) {
                self.at(self.now, Event::Arrive(id));
            }
            return;
        };
        connection.reading = Reading::Over;
        connection.writable = false;
        let (from, link) = (connection.from, connection.link.clone());
        let delay = self.delay();
        if let (true, Some(peer)) = (self.processes[from].alive, link) {
            self.after(delay, Event::Broken { process: from, peer, connection: id, why: Some(why) });
        }
    }

    pub(crate) fn drop_connection(&mut self, id: u64) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.reading = Reading::Over;
            connection.pipe.clear();
            self.close(id);
        } else if let Some(liar) = &mut self.liar {
            liar.lines.remove(&id);
        }
    }

    pub(crate) fn close_link(&mut self, number: usize, peer: &PeerId) {
        let Some(link) = self.processes[number].links.remove(peer) else { return };
        let up = if let LinkState::Up(id) = link.state { Some(id) } else { None };
        self.close_all(link.old.into_iter().chain(up));
    }

    pub(crate) fn broken(&mut self, number: usize, peer: &PeerId, connection: u64, why: Option<Refusal>) {
        if !self.processes[number].alive {
            return;
        }
        let Some(link) = self.processes[number].links.get_mut(peer) else { return };
        if link.state != LinkState::Up(connection) {
            return;
        }
        match why {
            None => {
                link.outbox.on_break();
                link.report = true;
                self.dial(number, peer);
            }
            Some(why) => {
                self.rest(number, peer);
                let refused = why == Refusal::WrongAddressee;
                self.trace(|| format!("refused: {why} {refused}"));
                self.step(number, Input::Rejected { peer: peer.clone(), why });
            }
        }
    }

    pub(crate) fn close_all(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.close(id);
        }
    }

    /// Cuts off the end of what is under way.
    pub(crate) fn lose_suffix(&mut self, id: u64) {
        let Some(length) = self.connections.get(&id).map(|connection| connection.pipe.len()) else { return };
        let keep = if self.said.is_some() { 0 } else { self.rng.random_range(0..=length) };
        self.connections.get_mut(&id).expect("just seen").pipe.truncate(keep);
    }

    /// Nothing more is written; the receiver reads to the end, and the sender, if it lives, finds out.
    pub(crate) fn close(&mut self, id: u64) {
        let delay = self.delay();
        let back = self.delay();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.writable {
            return;
        }
        connection.writable = false;
        connection.pipe.push_back(Item::End);
        connection.last_arrival = connection.last_arrival.max(self.now + delay);
        let (at, from, link) = (connection.last_arrival, connection.from, connection.link.clone());
        self.at(at, Event::Arrive(id));
        if let (true, Some(peer)) = (self.processes[from].alive, link) {
            self.after(back, Event::Broken { process: from, peer, connection: id, why: None });
        }
    }
}
