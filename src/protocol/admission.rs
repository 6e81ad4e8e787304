//! Which connections may speak. An incoming connection names a process and an address. It counts once that process,
//! asked at that address, says that it made the connection. There is one living process for each `PeerId`: of two that
//! claim an id, the known one stays while it answers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::calls::Purpose;
use super::data::budget::Budget;
use super::data::contacts::Claim;
use super::dropping::Loss;
use super::effect::{Admission, Effect};
use super::input::{Answer, ConnectionId, Question, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::{Contact, Hello, Here, Message, Refusal};

/// How many connections of strangers are looked at in a row, and the time in which as many are looked at again. A
/// connection costs its maker as much as the question back costs this peer.
const BURST: u32 = 256;
const REFILL: Time = Time::from_secs(4);

/// Connections that wait to be admitted. Beyond that, the oldest of a stranger is closed.
const VISITORS_MAX: usize = 64;

/// A connection that has not been admitted.
#[derive(Debug, Clone)]
struct Visitor {
    hello: Hello,
    /// The address that it was made to.
    at: SocketAddr,
    /// It comes from the peer that it names.
    proven: bool,
    /// The known process of its name has until then to answer.
    until: Time,
    /// When the known process is to be asked again.
    ask_at: Option<Time>,
}

#[derive(Debug, Clone)]
pub(super) struct Visitors {
    waiting: BTreeMap<ConnectionId, Visitor>,
    budget: Budget,
}

impl Default for Visitors {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), budget: Budget::new(BURST) }
    }
}

impl Visitors {
    /// When a visitor has waited long enough, or another question is due.
    pub(super) fn due(&self) -> Option<Time> {
        let due = |visitor: &Visitor| visitor.ask_at.or((!visitor.proven).then_some(visitor.until));
        self.waiting.values().filter_map(due).min()
    }

    fn that(&self, is: impl Fn(&Visitor) -> bool) -> Vec<ConnectionId> {
        self.waiting.iter().filter(|(_, visitor)| is(visitor)).map(|(connection, _)| *connection).collect()
    }
}

impl Peer {
    /// docs/protocol.md, 2.2: nothing on a connection counts before its maker is proven. So this peer asks back at the
    /// address that `HELLO` names: only the process that made the connection knows its token and can say yes. Strangers
    /// cause a bounded number of such questions, and familiar addresses go first.
    pub(super) fn on_hello(
        &mut self,
        connection: ConnectionId,
        from: IpAddr,
        at: SocketAddr,
        hello: Hello,
        turn: &mut Turn,
    ) {
        if let Err(why) = self.check_hello(&hello).and_then(|()| self.check_link(from, &hello)) {
            return refuse(connection, why, turn);
        }
        let waits = |visitor: &Visitor| visitor.hello.endpoint == hello.endpoint;
        let urgent = self.is_familiar(&hello.peer, hello.endpoint) && !self.visitors.waiting.values().any(waits);
        if self.visitors.waiting.len() >= VISITORS_MAX {
            self.make_room(turn);
        }
        let (to, token) = (hello.endpoint, hello.token);
        if !urgent && (self.calls.looks_into_enough() || !self.visitors.budget.spend(turn.now, REFILL)) {
            return refuse(connection, other("too many strangers at the same time; try again"), turn);
        }
        self.call_back(to, Purpose::Visitor(connection), (token, at), urgent, turn);
        let until = turn.now + self.settings.timing.heartbeat_timeout;
        self.visitors.waiting.insert(connection, Visitor { hello, at, proven: false, until, ask_at: None });
    }

    /// docs/protocol.md, 2.2: checks that this is a peer of this group, and means to speak to this one. If the quorums
    /// of two peers differed, both sides of a split could commit.
    fn check_hello(&self, hello: &Hello) -> Result<(), Refusal> {
        let Hello { group, quorum, addressee, .. } = hello;
        if *group != self.settings.group {
            return Err(Refusal::Other(format!("wrong group: this peer is of group {}", self.settings.group)));
        }
        if addressee.as_ref().is_some_and(|id| *id != self.settings.id) {
            return Err(Refusal::WrongAddressee);
        }
        if *quorum != self.settings.quorum {
            return Err(Refusal::WrongQuorum { group: self.settings.quorum, newcomer: *quorum });
        }
        Ok(())
    }

    /// Refuses what needs no question: a connection from elsewhere than `HELLO` says, and one in this peer's own name.
    fn check_link(&self, from: IpAddr, hello: &Hello) -> Result<(), Refusal> {
        if hello.endpoint.ip() != from {
            return Err(Refusal::Other(format!("it comes from {from} and names {}", hello.endpoint)));
        }
        if hello.peer == self.settings.id {
            let itself = hello.incarnation == self.settings.incarnation;
            return Err(if itself { Refusal::Itself } else { Refusal::IdInUse(Some(self.settings.endpoint)) });
        }
        Ok(())
    }

    /// Whether this is the known address of a peer that belongs to this group or is about to, or that answered this
    /// peer's question and seeks. Its connection goes before those of strangers, however many these are.
    fn is_familiar(&self, peer: &PeerId, endpoint: SocketAddr) -> bool {
        let Some(known) = self.contacts.get(peer).filter(|known| known.endpoint == endpoint) else { return false };
        self.belongs(peer) || self.group.last_view.contains_key(peer) || (known.proven && known.sought.is_some())
    }

    /// Closes the oldest connection of a stranger: of those that wait it is the least likely to be proven, and a
    /// familiar peer must find room.
    fn make_room(&mut self, turn: &mut Turn) {
        let strangers = self.visitors.waiting.iter().filter(|(_, visitor)| {
            let Hello { peer, endpoint, .. } = &visitor.hello;
            !self.is_familiar(peer, *endpoint)
        });
        if let Some(connection) = strangers.map(|(connection, _)| *connection).next() {
            self.visitors.waiting.remove(&connection);
            turn.out.push(Effect::Drop { connection });
        }
    }

    /// docs/protocol.md, 2.2: the address that `HELLO` names answered, or did not. Only a yes from the very life that
    /// is named proves the connection. Any other answer closes it, since its maker may have borrowed the name. A
    /// refusal also shows that the named process is gone.
    pub(super) fn on_visitor_answer(
        &mut self,
        connection: ConnectionId,
        from: SocketAddr,
        answer: Answer,
        turn: &mut Turn,
    ) {
        let Some(visitor) = self.visitors.waiting.get(&connection) else { return };
        let peer = visitor.hello.peer.clone();
        self.note_heard(&peer, from, turn.now);
        self.note_answer(from, &answer, turn);
        let Some(visitor) = self.visitors.waiting.get_mut(&connection) else { return };
        let Contact { id, incarnation, priority, .. } = match answer {
            Answer::Here(here) if here.dialled => here.contact,
            Answer::Refused => {
                let (peer, incarnation) = (visitor.hello.peer.clone(), visitor.hello.incarnation);
                self.dismiss(connection, Refusal::NobodyListens, turn);
                return self.on_gone_at(&peer, incarnation, from, turn);
            }
            Answer::Here(_) => return self.dismiss(connection, other("its process did not make it"), turn),
            Answer::Silent | Answer::Error(_) => {
                return self.dismiss(connection, Refusal::NoAnswer, turn);
            }
        };
        if id != visitor.hello.peer || incarnation != visitor.hello.incarnation {
            return self.dismiss(connection, other("another process listens where it says it does"), turn);
        }
        visitor.proven = true;
        let contact = Contact { id, priority, incarnation, endpoint: from };
        self.settle_claim(connection, &contact, turn);
    }

    /// docs/protocol.md, 3.7: admits a proven connection, unless another process is known under its name: that process
    /// is asked first, and stays while it answers. Two lives of one peer could promise two things.
    fn settle_claim(&mut self, connection: ConnectionId, contact: &Contact, turn: &mut Turn) {
        match self.contacts.claim(contact) {
            Claim::Current => self.admit(connection, contact, turn),
            // One address cannot have two owners: the earlier one is gone.
            Claim::Moved { endpoint } if endpoint == contact.endpoint => {
                self.gone(&contact.id, Loss::Failed, turn);
                // If that did not admit it already.
                self.admit_visitor(connection, turn);
            }
            Claim::Moved { .. } => self.ask_the_elder(connection, turn),
        }
    }

    /// docs/protocol.md, 3.7: asks the known life of a peer whether it lives, and whether it made this connection
    /// itself. Two lives of one peer could promise two things.
    fn ask_the_elder(&mut self, connection: ConnectionId, turn: &mut Turn) {
        let Some(visitor) = self.visitors.waiting.get_mut(&connection) else { return };
        visitor.ask_at = None;
        let (peer, dialled) = (visitor.hello.peer.clone(), (visitor.hello.token, visitor.at));
        // A process that was not heard of for long is forgotten by now.
        let Some(endpoint) = self.endpoint_of(&peer) else { return self.admit_visitor(connection, turn) };
        self.call_back(endpoint, Purpose::Elder(peer, connection), dialled, true, turn);
    }

    /// docs/protocol.md, 3.7: the known life of a peer answered, or did not. While it answers, the newcomer is refused.
    /// Silence counts only after the heartbeat timeout, and only if the known life was not heard lately: a busy host
    /// must not lose its name.
    pub(super) fn on_elder_answer(&mut self, peer: &PeerId, connection: ConnectionId, answer: Answer, turn: &mut Turn) {
        let Some(visitor) = self.visitors.waiting.get_mut(&connection) else { return };
        let known = self.contacts.get(peer).map(|known| (known.incarnation, known.endpoint));
        let is_elder =
            |here: &Here| here.contact.id == *peer && known.is_some_and(|(life, _)| life == here.contact.incarnation);
        let one = |here: &Here| here.dialled && here.contact.incarnation == visitor.hello.incarnation;
        match answer {
            // It is one process with several addresses.
            Answer::Here(here) if is_elder(&here) && one(&here) => {}
            Answer::Here(here) if is_elder(&here) => {
                let why = Refusal::IdInUse(known.map(|(_, endpoint)| endpoint));
                return self.dismiss(connection, why, turn);
            }
            Answer::Here(_) => self.gone(peer, Loss::Failed, turn),
            // What the elder's connection still holds is read first; then this one is admitted.
            Answer::Refused => {
                visitor.ask_at = Some(turn.now + self.settings.timing.heartbeat_interval / 2);
                return self.on_refused(peer, turn);
            }
            Answer::Silent | Answer::Error(_) if turn.now < visitor.until => {
                visitor.ask_at = Some((turn.now + self.settings.timing.heartbeat_interval / 2).min(visitor.until));
                return;
            }
            // Its listener may be overrun while its words still arrive.
            Answer::Silent | Answer::Error(_) if self.was_heard_lately(peer) => {
                let why = Refusal::IdInUse(known.map(|(_, endpoint)| endpoint));
                return self.dismiss(connection, why, turn);
            }
            Answer::Silent | Answer::Error(_) => {
                self.close(peer, turn);
                self.gone(peer, Loss::Failed, turn);
            }
        }
        self.admit_visitor(connection, turn);
    }

    /// A process whose words still arrive lives, even if its listener is too busy to answer a question.
    fn was_heard_lately(&self, peer: &PeerId) -> bool {
        let patience = self.settings.timing.heartbeat_timeout;
        self.contacts.get(peer).is_some_and(|known| known.connection.is_some() && self.now() < known.vouched + patience)
    }

    /// docs/protocol.md, 3.7: another life takes the place of the known one. That one was asked, and its answer shows
    /// whether it is gone.
    pub(super) fn on_predecessor_answer(&mut self, peer: &PeerId, answer: &Answer, turn: &mut Turn) {
        let Some(known) = self.contacts.get(peer) else { return };
        let gone = match answer {
            Answer::Here(here) => here.contact.id != *peer || here.contact.incarnation != known.incarnation,
            Answer::Silent | Answer::Error(_) => !self.was_heard_lately(peer),
            Answer::Refused => true,
        };
        if gone {
            self.close(peer, turn);
            self.gone(peer, Loss::Failed, turn);
        }
    }

    fn admit_visitor(&mut self, connection: ConnectionId, turn: &mut Turn) {
        let Some(visitor) = self.visitors.waiting.get(&connection).filter(|visitor| visitor.proven) else { return };
        let Hello { peer, incarnation, endpoint, .. } = visitor.hello.clone();
        let priority = self.priority_of(&peer);
        self.admit(connection, &Contact { id: peer, priority, incarnation, endpoint }, turn);
    }

    /// The known life of a peer is gone: admits the newest connection that waited for that.
    pub(super) fn admit_successor(&mut self, peer: &PeerId, turn: &mut Turn) {
        let of = |(_, visitor): &(&ConnectionId, &Visitor)| visitor.proven && visitor.hello.peer == *peer;
        let newest = self.visitors.waiting.iter().rev().find(of).map(|(connection, _)| *connection);
        if let Some(connection) = newest {
            self.admit_visitor(connection, turn);
        }
    }

    /// Asks elders again that did not answer, and admits visitors whose elder had time enough.
    pub(super) fn look_after_visitors(&mut self, turn: &mut Turn) {
        let now = turn.now;
        for connection in self.visitors.that(|visitor| !visitor.proven && now >= visitor.until) {
            self.dismiss(connection, Refusal::NoAnswer, turn);
        }
        for connection in self.visitors.that(|visitor| visitor.ask_at.is_some_and(|at| now >= at)) {
            self.ask_the_elder(connection, turn);
        }
    }

    /// From here on what comes on this connection counts, and what comes on an older one of the same life does not. A
    /// connection of the leader is a new link, so this peer says again where its log ends (docs/protocol.md, 4.5).
    fn admit(&mut self, connection: ConnectionId, contact: &Contact, turn: &mut Turn) {
        self.visitors.waiting.remove(&connection);
        let later = self
            .contacts
            .get(&contact.id)
            .is_some_and(|known| known.incarnation == contact.incarnation && known.connection > Some(connection));
        if later {
            // The `HELLO` of the connection that replaced it was faster.
            return turn.out.push(Effect::Drop { connection });
        }
        let known = self.contacts.get(&contact.id).map(|known| (known.incarnation, known.endpoint));
        self.note_move(contact);
        self.renew_link(contact, true, turn);
        self.contacts.connect(contact, connection, turn.now);
        self.close_if_moved(&contact.id, known, turn);
        turn.out.push(Effect::Admit { connection, admission: Admission::Accept });
        self.bound_strangers(turn);
        // The leader's connection is new: what was under way on the one before may be lost.
        if self.following().is_some_and(|following| following.leader == contact.id) {
            self.fetch(turn);
        }
    }

    /// Bounds the connections of strangers: the one that was silent longest is closed first. Each takes memory here,
    /// and anybody can make many.
    fn bound_strangers(&mut self, turn: &mut Turn) {
        let mut strangers: Vec<(Time, PeerId, ConnectionId)> = self
            .contacts
            .connected()
            .filter(|(id, ..)| {
                !self.belongs(id) && !self.group.last_view.contains_key(*id) && !self.group.asking.contains(*id)
            })
            .map(|(id, at, connection)| (at, id.clone(), connection))
            .collect();
        if strangers.len() <= super::data::contacts::STRANGERS_MAX {
            return;
        }
        strangers.sort_unstable();
        let (_, stranger, connection) = strangers.swap_remove(0);
        self.contacts.silence(connection);
        self.close(&stranger, turn);
    }

    fn dismiss(&mut self, connection: ConnectionId, why: Refusal, turn: &mut Turn) {
        self.visitors.waiting.remove(&connection);
        refuse(connection, why, turn);
    }

    /// Forgets a connection that waited to be admitted. Returns whether it waited.
    pub(super) fn forget_visitor(&mut self, connection: ConnectionId) -> bool {
        self.visitors.waiting.remove(&connection).is_some()
    }

    /// Answers a question: who listens here, and did this process dial the asker?
    pub(super) fn on_asked(
        &mut self,
        connection: ConnectionId,
        from: IpAddr,
        hello: &Hello,
        question: Question,
        turn: &mut Turn,
    ) {
        let refused = self.check_hello(hello).err();
        if refused.is_none() {
            self.note_reached(&hello.peer, turn);
        }
        let message = match &refused {
            Some(why) => Message::Error { why: why.clone() },
            None => Message::Here(Box::new(self.here(hello, &question))),
        };
        turn.out.push(Effect::Answer { connection, message });
        if let (None, Some(hint)) = (refused, question.hint) {
            self.on_hearsay(from, hint, turn);
        }
    }
}

fn refuse(connection: ConnectionId, why: Refusal, turn: &mut Turn) {
    turn.out.push(Effect::Admit { connection, admission: Admission::Refuse { why } });
}

fn other(why: &str) -> Refusal {
    Refusal::Other(why.to_owned())
}

#[cfg(test)]
mod tests;
