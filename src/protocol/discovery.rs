//! Finding a group: seeking, asking, founding (PROTOCOL.md 3.1, 3.2, 3.5).

use rand::RngExt;

use super::effect::Effect;
use super::event::Event;
use super::input::Time;
use super::peer::Peer;
use super::role::{Role, Seeking};
use super::turn::Turn;
use super::view;
use crate::ids::PeerId;
use crate::wire::{Contact, Leadership, Message};

impl Seeking {
    /// Begins to seek: asks at once, then every `gap` and later.
    pub(super) fn new(now: Time, gap: Time) -> Self {
        Self { since: now, request_at: now, gap, asked: None }
    }
}

impl Peer {
    /// Goes back to seeking: promise, log and pending stay. Asks `target` to join where one is known.
    pub(super) fn seek(&mut self, target: Option<&PeerId>, turn: &mut Turn) {
        self.role = Role::Seeking(Seeking::new(turn.now, self.settings.timing.election_timeout / 5));
        self.asking.clear();
        self.merging &= target.is_some();
        self.pending.restart();
        if let Some(target) = target {
            self.ask(target, turn);
        }
    }

    pub(super) fn ask(&mut self, leader: &PeerId, turn: &mut Turn) {
        let Role::Seeking(seeking) = &mut self.role else { return };
        if *leader == self.settings.id {
            return;
        }
        seeking.asked = Some(turn.now);
        let (promised, runs, last) = (self.promised.clone(), self.log.runs().clone(), self.log.last());
        turn.say(leader, Message::Join { promised, priority: self.settings.priority, runs, last });
    }

    pub(super) fn on_discovery_alarm(&mut self, turn: &mut Turn) {
        self.give_up_on_silent_elders(turn);
        let Role::Seeking(seeking) = &self.role else { return };
        let election_timeout = self.settings.timing.election_timeout;
        if turn.now >= seeking.request_at {
            self.request(turn);
        }
        let Role::Seeking(seeking) = &self.role else { return };
        match seeking.asked {
            Some(asked) if self.late(asked + election_timeout) => self.stop_waiting_for_an_answer(),
            None if self.late(seeking.since + election_timeout) => self.found_or_wait(turn),
            Some(_) | None => {}
        }
    }

    /// Asks everyone for a group, and sets when to do it again.
    fn request(&mut self, turn: &mut Turn) {
        let timing = self.settings.timing;
        self.forget_strangers(turn);
        // Who cannot make a group is not to be waited for; it hears of one.
        if !self.stuck {
            turn.out.push(Effect::Broadcast(Message::NewPeerRequest(self.me())));
            if self.settings.joins {
                turn.out.push(Effect::Ask(Message::NewPeerRequest(self.me())));
            }
        }
        // Peers started together shall not speak together for ever.
        let jitter = timing.election_timeout.mul_f64(self.rng.random_range(0.0..0.05));
        let Role::Seeking(seeking) = &mut self.role else { return };
        seeking.request_at = turn.now + seeking.gap + jitter;
        seeking.gap = (seeking.gap * 2).min(timing.heartbeat_interval).min(timing.election_timeout);
    }

    fn stop_waiting_for_an_answer(&mut self) {
        if let Role::Seeking(seeking) = &mut self.role {
            seeking.asked = None;
        }
    }

    /// Nobody leads: the highest of those who seek makes a group of all of them, the others wait once more.
    fn found_or_wait(&mut self, turn: &mut Turn) {
        let own = view::priority(self.settings.priority, &self.settings.id);
        let mut seekers = self.fresh_seekers();
        let ranked = seekers.iter().map(|id| view::priority(self.priority_of(id), id));
        let higher = ranked.max().filter(|highest| *highest > own).map(|(_, id)| id.clone());
        seekers.remove(&self.settings.id);
        let have = seekers.len() + usize::from(self.has_a_vote());
        if have < self.quorum() {
            self.tell_suspended(have, turn);
        }
        if higher.is_some() || have < self.quorum() || self.stuck {
            if let Some(higher) = higher.filter(|_| self.settings.quorum.is_some() && !self.stuck) {
                // It is to make a group of all, and broadcast may reach one way only: without this it would never know of
                // enough peers for the quorum.
                turn.send(&higher, Message::NewPeerRequest(self.me()));
            }
            if let Role::Seeking(seeking) = &mut self.role {
                seeking.since = turn.now;
            }
            return;
        }
        if seekers.is_empty() {
            turn.tell(Event::Alone);
        } else {
            turn.tell(Event::ElectionWon { peer: self.settings.id.clone() });
        }
        self.propose(seekers, 0, None, turn);
    }

    /// There are too few peers for the quorum: says so once, until there is a view again.
    pub(super) fn tell_suspended(&mut self, have: usize, turn: &mut Turn) {
        if !std::mem::replace(&mut self.suspended, true) {
            let waiting = self.pending.len() + self.log.taken_back();
            turn.tell(Event::Suspended { have, need: self.quorum(), waiting });
        }
    }

    pub(super) fn priority_of(&self, id: &PeerId) -> i64 {
        self.contacts.get(id).map_or(0, |known| known.priority)
    }

    /// Peers heard of lately that seek.
    pub(super) fn fresh_seekers(&self) -> std::collections::BTreeSet<PeerId> {
        let since = self.now().saturating_sub(self.settings.timing.election_timeout * 2);
        self.contacts.seekers(since).cloned().collect()
    }

    pub(super) fn on_datagram(&mut self, message: Message, turn: &mut Turn) {
        match message {
            Message::NewPeerRequest(contact) => self.on_broadcast_request(&contact, turn),
            Message::Leader(mut leadership) if self.heard_by_datagram(&leadership.leader, turn) => {
                // Anybody can send a datagram: it answers no question.
                leadership.asked = false;
                self.on_leader(&leadership.leader.id.clone(), leadership, turn);
            }
            _ => {}
        }
    }

    /// Notes who sent a datagram. Is it another's, and of a life that counts?
    fn heard_by_datagram(&mut self, contact: &Contact, turn: &mut Turn) -> bool {
        if contact.id == self.settings.id {
            if contact.incarnation != self.settings.incarnation {
                self.on_twin_datagram(contact, turn);
            }
            return false;
        }
        if !self.learn(contact, turn) {
            return false;
        }
        if let Some(known) = self.contacts.get_mut(&contact.id) {
            known.dead = false;
        }
        true
    }

    /// Somebody has this peer's id. A datagram may be late, or a lie: dialling its address tells, and ends one of the two: the
    /// newer one while it seeks, and once it belongs to a group the older one, which was found gone then. So whoever is to
    /// end dials, if it can know.
    fn on_twin_datagram(&mut self, contact: &Contact, turn: &mut Turn) {
        let dials = matches!(self.role, Role::Seeking(_)) || contact.incarnation > self.settings.incarnation;
        if dials && contact.endpoint != self.settings.endpoint {
            self.contacts.learn(contact, turn.now);
            turn.send(&contact.id, Message::NewPeerRequest(self.me()));
        }
    }

    fn on_broadcast_request(&mut self, contact: &Contact, turn: &mut Turn) {
        if !self.heard_by_datagram(contact, turn) {
            return;
        }
        self.note_seeker(contact, turn.now);
        if let Some(leadership) = self.leadership(false) {
            turn.send(&contact.id, Message::Leader(leadership));
        }
    }

    fn note_seeker(&mut self, contact: &Contact, now: Time) {
        if let Some(known) = self.contacts.get_mut(&contact.id) {
            known.priority = contact.priority;
            known.sought = Some(now);
        }
    }

    /// Asked over TCP: by a seeker that was told of this peer, or by a leader that heard of a better one.
    pub(super) fn on_tcp_request(&mut self, from: &PeerId, contact: &Contact, turn: &mut Turn) {
        if contact.id != *from {
            return;
        }
        match self.role {
            Role::Leader(_) | Role::Proposing(_) => {
                if let Some(leadership) = self.leadership(true) {
                    turn.send(from, Message::Leader(leadership));
                }
            }
            Role::Member(_) | Role::Learner(_) => self.point_to_leader(from, turn),
            Role::Seeking(_) => self.answer_seeker(from, contact, turn),
            Role::Electing(_) | Role::Promised(_) => {}
        }
    }

    /// Two seekers where broadcast does not reach: each has to know of the other.
    fn answer_seeker(&mut self, from: &PeerId, contact: &Contact, turn: &mut Turn) {
        self.note_seeker(contact, turn.now);
        let pause = self.settings.timing.election_timeout / 5;
        let me = self.me();
        let Some(known) = self.contacts.get_mut(from) else { return };
        // Its answer to the answer needs none.
        if known.told.is_none_or(|at| turn.now.checked_sub(at).unwrap() >= pause) {
            known.told = Some(turn.now);
            turn.send(from, Message::NewPeerRequest(me));
        }
    }

    /// A member that is asked says who leads.
    pub(super) fn point_to_leader(&mut self, to: &PeerId, turn: &mut Turn) {
        let Some(following) = self.following() else { return };
        let Some(leader) = self.contact(&following.leader) else { return };
        let (term, size) = (following.term.clone(), following.members.len() as u64);
        let leadership = Leadership { term, leader, size, last: self.log.last(), asked: false };
        turn.send(to, Message::Leader(leadership));
    }

    /// What this peer says of the group it leads, also while it lifts its term for a joiner.
    pub(super) fn leadership(&self, asked: bool) -> Option<Leadership> {
        let (term, size) = match &self.role {
            Role::Leader(leading) => (leading.term.clone(), leading.members.len()),
            Role::Proposing(proposing) => (self.promised.clone()?, proposing.raising?),
            _ => return None,
        };
        Some(Leadership { term, leader: self.me(), size: size as u64, last: self.log.last(), asked })
    }

    /// A group was heard of, from its leader or from somebody who knows of it.
    pub(super) fn on_leader(&mut self, from: &PeerId, leadership: Leadership, turn: &mut Turn) {
        let who = leadership.leader.id.clone();
        if who == self.settings.id {
            return;
        }
        // Who leads does not seek; and what a third says of it is checked by dialling.
        if *from != who && !self.learn(&leadership.leader, turn) {
            return;
        }
        if let Some(known) = self.contacts.get_mut(&who) {
            (known.sought, known.priority) = (None, leadership.leader.priority);
        }
        self.counter = self.counter.max(leadership.term.counter);
        match &mut self.role {
            Role::Seeking(seeking) => {
                seeking.since = turn.now;
                if seeking.asked.is_none() {
                    self.ask(&who, turn);
                }
            }
            Role::Member(_) | Role::Learner(_) => self.pass_on(&who, leadership, turn),
            Role::Leader(_) => self.compare_groups(&who, &leadership, turn),
            _ => {}
        }
    }

    /// Another group was heard of: the own leader is told.
    fn pass_on(&mut self, who: &PeerId, mut leadership: Leadership, turn: &mut Turn) {
        let Some(following) = self.following() else { return };
        if *who == following.leader || following.members.contains_key(who) {
            return;
        }
        leadership.asked = false;
        let leader = following.leader.clone();
        turn.send(&leader, Message::Leader(leadership));
    }
}
