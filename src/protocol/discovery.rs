//! Finding a group: seeking, asking, founding (docs/protocol.md 3.1, 3.2, 3.5).

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use rand::RngExt;

use super::data::contacts::{Claim, Known};
use super::data::role::{Proposing, Role, Seeking};
use super::data::token::proof_of;
use super::dropping::Loss;
use super::effect::Effect;
use super::event::Event;
use super::input::{Question, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Rank};
use crate::wire::{Belongs, Contact, Hello, Here, Leadership, Message, TermStart, ViewChange};

/// How many seekers of higher rank this seeker makes itself known to each time.
const TOLD_MAX: usize = 16;

impl Peer {
    /// Goes back to seeking. Promise, log and pending readings stay (docs/protocol.md, 1): others may rely on the
    /// promise, and the log is what it can contribute. `target`: a leader that a peer named that this one heeds; it is
    /// asked before it is joined.
    pub(super) fn seek(&mut self, target: Option<&Contact>, turn: &mut Turn) {
        self.let_go(target, turn);
        self.role = Role::Seeking(Seeking::new(turn.now, self.settings.first_gap()));
        self.group.asking.clear();
        self.group.merging &= target.is_some();
        self.pending.restart();
        if let Some(target) = target.filter(|target| target.id != self.settings.id) {
            self.ask_for_group(target.endpoint, None, (true, Time::ZERO), turn);
        }
    }

    /// docs/protocol.md, 3.2: joins a leader that answered. `JOIN` bears the promise, so that the leader can lift its term.
    pub(super) fn ask(&mut self, leader: &PeerId, turn: &mut Turn) {
        let Role::Seeking(seeking) = &mut self.role else { return };
        seeking.asked = Some((leader.clone(), turn.now));
        self.say_join(leader, turn);
    }

    /// docs/protocol.md, 3.2, 4.5: `JOIN`. It is repeated on each new link until the leader answers, since the first
    /// may be lost with its link.
    pub(super) fn say_join(&self, leader: &PeerId, turn: &mut Turn) {
        let (promised, runs, last) = (self.promises.promised.clone(), self.log.runs().clone(), self.log.last());
        turn.say(
            leader,
            Message::Join { promised, priority: self.settings.priority, runs, last, limits: self.settings.limits },
        );
    }

    /// docs/protocol.md, 3.1, 3.5: asks again, gives up a leader that does not answer, or founds a group.
    pub(super) fn on_discovery_alarm(&mut self, turn: &mut Turn) {
        self.look_after_visitors(turn);
        self.ask_for_second_proof(turn);
        self.look_around(turn);
        let Role::Seeking(seeking) = &self.role else { return };
        let election_timeout = self.settings.timing.election_timeout;
        if turn.now >= seeking.request_at {
            self.request(turn);
        }
        let Role::Seeking(seeking) = &self.role else { return };
        match &seeking.asked {
            Some((_, asked)) if self.late(*asked + election_timeout) => self.stop_waiting_for_an_answer(turn),
            None if self.late(seeking.since + election_timeout) => self.found_or_wait(turn),
            Some(_) | None => {}
        }
    }

    /// docs/protocol.md, 3.1: broadcasts that this peer seeks, asks at `--join` addresses, and sets when to do it
    /// again. The pauses grow, so that seekers that find nobody do not fill the network.
    fn request(&mut self, turn: &mut Turn) {
        let timing = self.settings.timing;
        self.forget_strangers(turn);
        // A peer that cannot found a group must not be waited for. It hears of a group from others.
        if !self.promises.stuck {
            turn.out.push(Effect::Broadcast(Message::NewPeerRequest(self.me())));
            if self.settings.joins {
                self.ask_joins(Message::NewPeerRequest(self.me()), turn);
            }
        }
        // Peers that started together must not speak together for ever.
        let jitter = timing.election_timeout.mul_f64(self.rng.random_range(0.0..0.05));
        let Role::Seeking(seeking) = &mut self.role else { return };
        seeking.request_at = turn.now + seeking.gap + jitter;
        seeking.gap = (seeking.gap * 2).min(timing.heartbeat_interval).min(timing.election_timeout);
    }

    /// docs/protocol.md, 3.2: the leader that was asked to take this peer in did not answer. It may be gone, or a lie,
    /// so others get their turn.
    fn stop_waiting_for_an_answer(&mut self, turn: &mut Turn) {
        let Role::Seeking(seeking) = &mut self.role else { return };
        if let Some((leader, _)) = seeking.asked.take() {
            self.distrust(&leader, 1, turn);
        }
    }

    /// docs/protocol.md, 3.5: nobody leads. The highest of the seekers makes a group of all of them, by an election's
    /// promises, since each of them may bring a log; the others wait once more. If each founded a group, all of them
    /// would have to merge. A higher seeker that makes no group in time is passed over: it may not exist.
    fn found_or_wait(&mut self, turn: &mut Turn) {
        let own = self.rank();
        let mut seekers = self.fresh_seekers();
        let waits = !self.has_waited_enough();
        let ranked = seekers.iter().filter(|id| waits && !self.is_passed_over(id));
        let ranked = ranked.map(|id| self.rank_of(id));
        let higher = ranked.max().filter(|highest| *highest > own).map(|highest| highest.id.clone());
        seekers.remove(&self.settings.id);
        let have = seekers.len() + usize::from(self.has_a_vote());
        if have < self.quorum() {
            self.tell_suspended(have, turn);
        }
        if higher.is_some() || have < self.quorum() || self.promises.stuck {
            if !self.promises.stuck {
                if let Some(higher) = higher {
                    self.wait_for_higher(&higher, have >= self.quorum(), turn);
                }
                self.tell_the_higher(&seekers, turn);
            }
            if let Role::Seeking(seeking) = &mut self.role {
                seeking.since = turn.now;
            }
            return;
        }
        if seekers.is_empty() {
            turn.tell(Event::Alone);
        } else {
            self.tell_won(turn);
        }
        self.propose(seekers, 0, None, turn);
    }

    /// docs/protocol.md, 3.5: with a quorum, seekers of higher rank hear of this one directly, even those that it no
    /// longer waits for. Broadcast may reach one way only: without this they would never know of enough peers.
    fn tell_the_higher(&mut self, seekers: &BTreeSet<PeerId>, turn: &mut Turn) {
        if self.settings.quorum.is_none() {
            return;
        }
        let own = self.rank();
        let mut higher: Vec<Rank> = seekers.iter().map(|id| self.rank_of(id)).collect();
        higher.retain(|rank| *rank > own);
        // Peers of the last view made up the quorum, so they come first: names that a stranger invents do not take
        // their turn.
        higher.sort_by_key(|rank| Reverse((self.group.last_view.contains_key(rank.id), *rank)));
        for Rank { id, .. } in higher.into_iter().take(TOLD_MAX) {
            let Some(to) = self.endpoint_of(id) else { continue };
            let hint = Some(Message::NewPeerRequest(self.me()));
            self.ask_for_group(to, hint, (true, Time::ZERO), turn);
        }
    }

    /// docs/protocol.md, 3.5: peers heard of lately that seek. One that fell silent may be gone, or have joined others:
    /// a proposal would wait for its answer.
    pub(super) fn fresh_seekers(&self) -> BTreeSet<PeerId> {
        let since = self.now().saturating_sub(self.settings.timing.election_timeout * 2);
        self.contacts.seekers(since).cloned().collect()
    }

    /// docs/protocol.md, 3.2: hearsay is a reason to ask, and nothing more: anybody may say anything. What a process
    /// says of itself has to come from the address that it names. Otherwise a stranger could send the questions of all
    /// peers to an address of its choice.
    pub(super) fn on_hearsay(&mut self, from: IpAddr, message: Message, turn: &mut Turn) {
        let (Message::NewPeerRequest(contact) | Message::Leader(Leadership { leader: contact, .. })) = &message else {
            return;
        };
        if contact.endpoint.ip() != from {
            return;
        }
        if contact.id == self.settings.id {
            if contact.incarnation != self.settings.incarnation {
                self.on_namesake(contact.endpoint, turn);
            }
            return;
        }
        self.note_heard(&contact.id, contact.endpoint, turn.now);
        match message {
            Message::NewPeerRequest(contact) => self.on_seeker_heard(&contact, turn),
            Message::Leader(leadership) => self.on_leader_heard(leadership, turn),
            _ => {}
        }
    }

    /// docs/protocol.md, 3.2: a seeker was heard. A leader makes itself known to it. Others ask it: where there is no
    /// leader it has to be counted, or asked for a promise soon.
    fn on_seeker_heard(&mut self, contact: &Contact, turn: &mut Turn) {
        let pause = self.settings.question_pause();
        self.note_outsider(contact, turn.now);
        let proven = self.contacts.is_proven(contact);
        // Its broadcasts may come from where it cannot be reached: a peer that counted it for them would wait in vain.
        let patience = self.settings.timing.heartbeat_timeout;
        let answers = |known: &Known| turn.now < known.vouched + patience;
        let reached = proven && self.contacts.get(&contact.id).is_some_and(answers);
        if reached {
            self.note_seeker(contact, turn.now);
        }
        match &self.role {
            Role::Seeking(_) | Role::Electing(_) | Role::Promised(_) if !reached => {
                self.ask_for_group(contact.endpoint, None, (proven, pause), turn);
            }
            // It may have to be asked for its promise soon: where a quorum is needed, or where only the leader spoke of
            // it so far.
            Role::Member(_)
                if !reached && (self.settings.quorum.is_some() || self.group.last_view.contains_key(&contact.id)) =>
            {
                self.ask_for_group(contact.endpoint, None, (proven, pause), turn);
            }
            Role::Leader(_) | Role::Proposing(_) => {
                if let Some(leadership) = self.leadership() {
                    let hint = Some(Message::Leader(leadership));
                    self.ask_for_group(contact.endpoint, hint, (proven, pause), turn);
                }
            }
            _ => {}
        }
    }

    /// docs/protocol.md, 3.5: seekers heard of lately are counted, and are asked for their promises. A seeker that is
    /// not reached would make a quorum in name only.
    fn note_seeker(&mut self, contact: &Contact, now: Time) {
        if let Some(known) = self.contacts.get_mut(&contact.id) {
            (known.sought, known.at) = (Some(now), now);
        }
    }

    /// docs/protocol.md, 3.2, 7.2: a leader was heard. A seeker asks it, a member tells its own leader, a leader
    /// compares the groups. The words have no other effect: anybody can say them.
    pub(super) fn on_leader_heard(&mut self, leadership: Leadership, turn: &mut Turn) {
        let pause = self.settings.question_pause();
        let leader = &leadership.leader;
        self.note_outsider(leader, turn.now);
        match &self.role {
            Role::Seeking(seeking) if seeking.asked.is_none() && self.trusts_contact(leader) => {
                self.ask_for_group(leader.endpoint, None, (self.contacts.is_proven(leader), pause), turn);
            }
            Role::Member(_) | Role::Learner(_) => self.pass_on(leadership, turn),
            Role::Leader(_) => self.compare_hearsay(&leadership, turn),
            _ => {}
        }
    }

    /// docs/protocol.md, 7.2: a member heard of another group: it tells its leader, which asks. The leader may not have
    /// heard it, since a datagram may reach one of several peers on a machine, or one way only.
    fn pass_on(&mut self, leadership: Leadership, turn: &mut Turn) {
        let Some(following) = self.following() else { return };
        let who = &leadership.leader.id;
        if *who == following.leader || following.members.contains_key(who) {
            return;
        }
        let leader = following.leader.clone();
        // However many are said to lead, the leader hears of a few.
        if self.calls.passes.spend(turn.now, self.settings.timing.heartbeat_interval) {
            turn.send(&leader, Message::Leader(leadership));
        }
    }

    /// docs/protocol.md, 3.2: what a process answered at the address that this peer dialled. This is evidence about
    /// that process, and what anybody else says of it is not. If another life is known under its name, that life is
    /// asked first (docs/protocol.md, 3.7).
    pub(super) fn on_here(&mut self, at: SocketAddr, here: Here, turn: &mut Turn) {
        let contact = Contact { endpoint: at, ..here.contact };
        if contact.id == self.settings.id {
            if contact.incarnation != self.settings.incarnation {
                self.on_namesake(at, turn);
            }
            return;
        }
        if let Claim::Moved { endpoint } = self.contacts.claim(&contact) {
            // One address cannot have two owners, so the earlier one is gone. Of two addresses, the known one is asked.
            if endpoint == at {
                self.gone(&contact.id, Loss::Failed, turn);
            } else if here.contact.incarnation != self.incarnation_of(&contact.id) {
                return self.ask_predecessor(&contact.id, turn);
            }
        }
        let Some(contact) = self.place(contact, turn) else { return };
        let seeks = matches!(self.role, Role::Seeking(_));
        match here.belongs {
            Belongs::Leads(view) if is_of(&view, &contact) => self.on_leader_found(&contact, &view, turn),
            Belongs::Follows(leader) if seeks && leader.id != self.settings.id && self.trusts_contact(&leader) => {
                let pause = self.settings.question_pause();
                self.ask_for_group(leader.endpoint, None, (false, pause), turn);
            }
            Belongs::Nowhere if here.seeking => self.note_seeker(&contact, turn.now),
            _ => {}
        }
    }

    /// docs/protocol.md, 3.2, 7.2: a leader shows its view and its log. A seeker joins it, a leader compares the
    /// groups. A member stays with its own leader, which decides for all of them.
    fn on_leader_found(&mut self, leader: &Contact, view: &ViewChange, turn: &mut Turn) {
        if self.is_beyond_joining(view.term.counter) {
            return;
        }
        if let Some(known) = self.contacts.get_mut(&leader.id) {
            known.sought = None;
        }
        let trusted = self.trusts_contact(leader);
        match &mut self.role {
            Role::Seeking(seeking) if trusted && seeking.asked.is_none() => {
                seeking.since = turn.now;
                self.ask(&leader.id, turn);
            }
            Role::Leader(_) => self.compare_groups(leader, view, turn),
            _ => {}
        }
    }

    /// docs/protocol.md, 3.2: what this peer answers to a question. It confirms a connection only by the token that it
    /// told the asker, and nobody else.
    pub(super) fn here(&self, asker: &Hello, question: &Question) -> Here {
        let dialled = question.dialled.is_some_and(|(token, at)| {
            token == proof_of(self.settings.secret.token_for(&asker.peer, at), question.nonce)
        });
        let belongs = match &self.role {
            Role::Leader(_) | Role::Proposing(_) => self.shown_view().map_or(Belongs::Nowhere, Belongs::Leads),
            Role::Member(following) | Role::Learner(following) => {
                self.contact(&following.leader).map_or(Belongs::Nowhere, Belongs::Follows)
            }
            _ => Belongs::Nowhere,
        };
        // A peer that cannot store its promise must not be counted for a quorum.
        let seeking = matches!(self.role, Role::Seeking(_)) && !self.promises.stuck;
        Here { nonce: question.nonce, contact: self.me(), seeking, serves: self.group.served, dialled, belongs }
    }

    /// The view that this peer leads, even while it lifts its term for a joiner (docs/protocol.md, 3.3), and its
    /// present log. A seeker that saw no group meanwhile would make one of its own.
    fn shown_view(&self) -> Option<ViewChange> {
        let (term, change, members) = match &self.role {
            Role::Leader(leading) => (leading.term.clone(), leading.change, leading.members.clone()),
            Role::Proposing(Proposing { lifting: Some(_), .. }) => {
                (self.promises.promised.clone()?, 0, self.group.last_view.clone())
            }
            _ => return None,
        };
        let start = TermStart { runs: self.log.runs().clone(), last: self.log.last() };
        Some(ViewChange { term, change, members, timing: self.settings.timing, start })
    }

    /// What this peer says of the group that it leads, even while it lifts its term for a joiner.
    pub(super) fn leadership(&self) -> Option<Leadership> {
        let (term, size) = match &self.role {
            Role::Leader(leading) => (leading.term.clone(), leading.members.len()),
            Role::Proposing(proposing) => (self.promises.promised.clone()?, proposing.lifting?),
            _ => return None,
        };
        Some(Leadership { term, leader: self.me(), size: size as u64, last: self.log.last() })
    }
}

/// Whether such a leader can have this view. The view has to name the very life that answered as its leader: anybody
/// could show the view of another.
fn is_of(view: &ViewChange, leader: &Contact) -> bool {
    let seat = view.members.get(&leader.id);
    view.term.leader == leader.id
        && view.term.incarnation == leader.incarnation
        && seat.is_some_and(|seat| seat.incarnation == leader.incarnation)
}

#[cfg(test)]
mod tests;
