//! Connections and processes: who may speak, who is gone, what a new link restarts (PROTOCOL.md 2, 3.7, 5.1).

use super::contacts::{Claim, Known, Newcomer};
use super::effect::{Effect, Exit, Verdict};
use super::event::Event;
use super::input::{ConnectionId, Time};
use super::peer::Peer;
use super::role::Role;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::{refusal, Contact, Hello, Message};

/// An incoming connection that ends so shortly after the own link was dialled anew is the other side's answer to the end of
/// the own one before: dialling again would go back and forth without end. If its process is gone, the link tells.
const REDIAL_PAUSE: Time = Time::from_millis(100);

impl Peer {
    pub(super) fn on_hello(&mut self, connection: ConnectionId, hello: &Hello, turn: &mut Turn) {
        if let Err(why) = self.check_hello(hello) {
            return refuse(connection, &why, turn);
        }
        if hello.peer == self.settings.id {
            return self.on_twin(connection, hello, turn);
        }
        match self.contacts.claim(&hello.peer, hello.incarnation) {
            Claim::Superseded => return refuse(connection, refusal::SUPERSEDED, turn),
            Claim::Newer => {
                // One address cannot have two owners: the earlier one is gone.
                let known = self.contacts.get(&hello.peer).expect("there is an earlier life");
                if known.endpoint != hello.endpoint {
                    return self.wait_for_the_older(connection, hello, turn);
                }
                self.gone(&hello.peer, false, turn);
            }
            Claim::Current => {}
        }
        self.admit(connection, hello, turn);
    }

    /// Is this a peer of this group, and does it mean to speak to this one?
    fn check_hello(&self, hello: &Hello) -> Result<(), String> {
        let Hello { group, quorum, addressee, .. } = hello;
        if *group != self.settings.group {
            return Err(format!("wrong group: this peer is of group {}", self.settings.group));
        }
        if addressee.as_ref().is_some_and(|id| *id != self.settings.id) {
            return Err(refusal::WRONG_ADDRESSEE.to_owned());
        }
        if *quorum != self.settings.quorum {
            return Err(refusal::wrong_quorum(self.settings.quorum, *quorum));
        }
        Ok(())
    }

    fn admit(&mut self, connection: ConnectionId, hello: &Hello, turn: &mut Turn) {
        let from = &hello.peer;
        if hello.addressee.is_none() {
            // From a `--join` address: a question, beside the link that this peer may have.
            let priority = self.priority_of(from);
            let (incarnation, endpoint) = (hello.incarnation, hello.endpoint);
            let contact = Contact { id: from.clone(), priority, incarnation, endpoint };
            self.contacts.visit(&contact, connection, turn.now);
            turn.out.push(Effect::Admit { connection, verdict: Verdict::Accept });
            return;
        }
        let later = |known: &Known| known.incarnation == hello.incarnation && known.connection > Some(connection);
        if self.contacts.get(from).is_some_and(later) {
            // Its greeting was overtaken by that of the connection which replaced it.
            return turn.out.push(Effect::Drop { connection });
        }
        if let Some(before) = self.contacts.connect(from, hello.incarnation, hello.endpoint, connection, turn.now) {
            turn.out.push(Effect::Drop { connection: before });
        }
        turn.out.push(Effect::Admit { connection, verdict: Verdict::Accept });
        // A link from the leader is new: what was under way on the one before may be lost.
        if self.following().is_some_and(|following| following.leader == *from) {
            self.fetch(turn);
        }
    }

    /// Somebody speaks with this peer's own id.
    fn on_twin(&mut self, connection: ConnectionId, hello: &Hello, turn: &mut Turn) {
        let own = self.settings.incarnation;
        if hello.incarnation == own {
            return refuse(connection, refusal::ITSELF, turn);
        }
        if hello.incarnation > own {
            return refuse(connection, refusal::ID_IN_USE, turn);
        }
        if matches!(self.role, Role::Seeking(_)) {
            refuse(connection, "the older of the two stays", turn);
            self.end(Exit::Duplicate { endpoint: Some(hello.endpoint) }, turn);
        } else {
            refuse(connection, refusal::SUPERSEDED, turn);
        }
    }

    /// A later life of a peer speaks while the earlier one may still live: the earlier one is dialled, and the later one
    /// waits, without a verdict, until it is found gone.
    fn wait_for_the_older(&mut self, connection: ConnectionId, hello: &Hello, turn: &mut Turn) {
        let (incarnation, endpoint, link) = (hello.incarnation, hello.endpoint, hello.addressee.is_some());
        let Some(before) = self.contacts.newcomer(&hello.peer).copied() else {
            let until = turn.now + self.settings.timing.heartbeat_timeout;
            let newcomer = Newcomer { connection, link, incarnation, endpoint, until, old_is_there: false };
            self.contacts.set_newcomer(&hello.peer, newcomer);
            return self.probe(&hello.peer, turn);
        };
        if incarnation < before.incarnation {
            return refuse(connection, refusal::SUPERSEDED, turn);
        }
        // The earlier life is asked already, and has no more time because the newcomer asks again.
        if incarnation == before.incarnation && before.link && !link {
            turn.out.push(Effect::Drop { connection });
            return;
        }
        turn.out.push(Effect::Drop { connection: before.connection });
        self.contacts.set_newcomer(&hello.peer, Newcomer { connection, link, incarnation, endpoint, ..before });
    }

    /// Dials the known address of a peer, to see whether its process is there and whether it answers.
    fn probe(&mut self, peer: &PeerId, turn: &mut Turn) {
        if let Some(known) = self.contacts.get_mut(peer) {
            known.probed = Some(turn.now);
        }
        turn.send(peer, Message::NewPeerRequest(self.me()));
        turn.out.push(Effect::Redial { peer: peer.clone() });
    }

    /// The earlier life of a peer spoke after it could be dialled: the later one has to go.
    pub(super) fn refuse_newcomer(&mut self, peer: &PeerId, turn: &mut Turn) {
        if self.contacts.newcomer(peer).is_some_and(|newcomer| newcomer.old_is_there) {
            let newcomer = self.contacts.take_newcomer(peer).expect("just seen");
            refuse(newcomer.connection, &refusal::id_in_use(self.endpoint_of(peer)), turn);
        }
    }

    /// The earlier life is gone: the later one counts.
    fn admit_newcomer(&mut self, peer: &PeerId, turn: &mut Turn) {
        let Some(newcomer) = self.contacts.take_newcomer(peer) else { return };
        let hello = Hello {
            peer: peer.clone(),
            incarnation: newcomer.incarnation,
            endpoint: newcomer.endpoint,
            addressee: newcomer.link.then(|| self.settings.id.clone()),
            ..self.hello(None)
        };
        self.admit(newcomer.connection, &hello, turn);
    }

    /// Earlier lives that said nothing for the heartbeat timeout are gone.
    pub(super) fn give_up_on_silent_elders(&mut self, turn: &mut Turn) {
        let due = self.contacts.newcomers().filter(|(_, newcomer)| self.late(newcomer.until));
        for peer in due.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.close(&peer, turn);
            self.gone(&peer, false, turn);
        }
    }

    pub(super) fn on_received(&mut self, connection: ConnectionId, message: Message, turn: &mut Turn) {
        let Some(from) = self.contacts.speaker(connection).cloned() else { return };
        if let Some(known) = self.contacts.get_mut(&from) {
            known.at = turn.now;
        }
        self.refuse_newcomer(&from, turn);
        let last_word = matches!(message, Message::Leave { .. });
        self.receive(&from, message, turn);
        if last_word {
            // Requests that waited elsewhere come after it, and would bring its process back to life.
            self.contacts.silence(connection);
        }
    }

    pub(super) fn on_ended(&mut self, connection: ConnectionId, turn: &mut Turn) {
        let Some(from) = self.contacts.ended(connection) else { return };
        let Some(known) = self.contacts.get(&from) else { return };
        if known.refused.is_some() {
            self.gone(&from, false, turn);
        } else if known.linked.is_none_or(|at| turn.now.checked_sub(at).unwrap() >= REDIAL_PAUSE) {
            // Perhaps its process is gone: the dial will tell.
            turn.out.push(Effect::Redial { peer: from });
        }
    }

    pub(super) fn on_refused(&mut self, peer: &PeerId, turn: &mut Turn) {
        if *peer == self.settings.id {
            return self.contacts.remove(peer);
        }
        let interval = self.settings.timing.heartbeat_interval;
        match self.contacts.get_mut(peer) {
            // What its connection still holds is read first. A host that lost power ends none: when its address is refused
            // again later, nothing more is to come.
            Some(known) if known.connection.is_some() => {
                let first = *known.refused.get_or_insert(turn.now);
                if turn.now.checked_sub(first).unwrap() >= interval {
                    self.gone(peer, false, turn);
                }
            }
            Some(_) => self.gone(peer, false, turn),
            None => {}
        }
    }

    pub(super) fn on_rejected(&mut self, peer: Option<PeerId>, why: String, turn: &mut Turn) {
        if why.starts_with(refusal::WRONG_ADDRESSEE) {
            if let Some(peer) = peer {
                self.on_refused(&peer, turn);
            }
        } else if why.starts_with(refusal::ID_IN_USE) {
            // Said by the other process itself, or by somebody who knows where it listens.
            let twin = peer.filter(|peer| *peer == self.settings.id).and_then(|peer| self.endpoint_of(&peer));
            self.end(Exit::Duplicate { endpoint: twin.or_else(|| refusal::endpoint_in_use(&why)) }, turn);
        } else if why.starts_with(refusal::SUPERSEDED) {
            self.end(Exit::Superseded, turn);
        } else if why.starts_with(refusal::WRONG_QUORUM) {
            // Who is new here has to be as the others are; who belongs to a group, or knows others of its kind that seek one,
            // does not go because of a stranger.
            let new = matches!(self.role, Role::Seeking(_)) && self.promised().is_none();
            if new && self.fresh_seekers().is_empty() {
                self.end(Exit::Rejected { why }, turn);
            } else if self.warned_of_refusal.as_ref() != Some(&why) {
                self.warned_of_refusal = Some(why.clone());
                turn.tell(Event::Refused { why });
            }
        }
    }

    /// A process is gone: a dial refused, a `LEAVE`, a later life in its place.
    pub(super) fn gone(&mut self, peer: &PeerId, left: bool, turn: &mut Turn) {
        if *peer == self.settings.id {
            return self.contacts.remove(peer);
        }
        if let Some(known) = self.contacts.get_mut(peer) {
            (known.dead, known.refused, known.sought) = (true, None, None);
        }
        self.asking.remove(peer);
        self.lost.remove(peer);
        self.stale_said.retain(|(id, _)| id != peer);
        self.lose(peer, left, turn);
        self.admit_newcomer(peer, turn);
    }

    /// What the loss of a process means to what this peer is doing.
    fn lose(&mut self, peer: &PeerId, left: bool, turn: &mut Turn) {
        match &mut self.role {
            Role::Leader(leading) => {
                leading.learners.remove(peer);
                if leading.members.contains_key(peer) {
                    self.drop_member(peer, left, turn);
                } else {
                    leading.followers.remove(peer);
                }
            }
            Role::Electing(electing) => {
                // Who was drawn in by another's election learns only now why.
                let leads = electing.following.as_ref().is_some_and(|following| following.leader == *peer);
                if leads && !std::mem::replace(&mut electing.told, true) {
                    turn.tell(Event::LeaderFailed);
                }
                electing.higher.remove(peer);
                if electing.higher.is_empty() && !electing.got_ok {
                    self.win(turn);
                }
            }
            Role::Proposing(_) => self.on_proposal_loss(peer, turn),
            Role::Promised(promised) if promised.proposer == *peer => self.elect(None, turn),
            Role::Learner(following) if following.leader == *peer => self.seek(None, turn),
            Role::Member(following) if following.leader == *peer => {
                turn.tell(Event::LeaderFailed);
                self.elect(None, turn);
            }
            _ => {}
        }
    }

    pub(super) fn on_link_up(&mut self, peer: &PeerId, turn: &mut Turn) {
        self.stale_said.retain(|(id, _)| id != peer);
        if let Some(known) = self.contacts.get_mut(peer) {
            known.linked = Some(turn.now);
        }
        if let Some(newcomer) = self.contacts.newcomer_mut(peer) {
            newcomer.old_is_there = true;
            turn.send(peer, Message::NewPeerRequest(self.me()));
        }
        if let Role::Leader(leading) = &mut self.role {
            let Some(follower) = leading.followers.get_mut(peer) else { return };
            follower.halt();
            let member = leading.members.contains_key(peer);
            if member {
                self.say_view(peer, turn);
            } else {
                self.say_added(peer, turn);
            }
        } else if self.following().is_some_and(|following| following.leader == *peer) {
            self.restart(turn);
        }
    }

    /// Closes the link to a silent peer, so that a healed network is not waited for. The next message to it dials anew, and
    /// nobody reports that: what must be said on a new link is for the caller to see to.
    pub(super) fn close(&mut self, peer: &PeerId, turn: &mut Turn) {
        self.stale_said.retain(|(id, _)| id != peer);
        turn.out.push(Effect::Close { peer: peer.clone() });
    }

    /// What was under way to or from the leader may be lost: begins anew where the own log ends.
    pub(super) fn restart(&mut self, turn: &mut Turn) {
        self.pending.restart();
        self.fetch(turn);
        self.pump(turn);
    }

    /// Somebody gave a contact: by datagram, or on behalf of a third. Is it one to talk to?
    pub(super) fn learn(&mut self, contact: &Contact, turn: &mut Turn) -> bool {
        if contact.id == self.settings.id {
            return false;
        }
        match self.contacts.learn(contact, turn.now) {
            Claim::Current => true,
            Claim::Superseded => false,
            Claim::Newer => {
                // However many say so, or lie, one dial an interval tells.
                let interval = self.settings.timing.heartbeat_interval;
                let probed = self.contacts.get(&contact.id).and_then(|known| known.probed);
                if probed.is_none_or(|at| turn.now.checked_sub(at).unwrap() >= interval) {
                    self.probe(&contact.id, turn);
                }
                false
            }
        }
    }
}

fn refuse(connection: ConnectionId, why: &str, turn: &mut Turn) {
    let verdict = Verdict::Refuse { why: why.to_owned() };
    turn.out.push(Effect::Admit { connection, verdict });
}
