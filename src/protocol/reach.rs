//! A member that reaches more peers than its leader does (docs/protocol.md, 7.4). If not all peers reach each other,
//! the one in the middle leads, or goes over to the larger group. docs/reachability.md has the rules, and what they are
//! for.
//!
//! A member that goes on hearing of a peer outside of its view, for longer than a merge takes, asks everybody whether
//! they answer. Only these answers count: it proposes a term if more answer than its view has members. Each such step
//! makes the largest group larger, so the steps come to an end. A step that brought nobody in is repeated more and more
//! rarely.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::data::reach::{Look, Outside};
use super::data::role::Role;
use super::event::Event;
use super::input::{Answer, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::{Belongs, Contact, Here};

/// How often the time to the next look doubles, each time that a look brought nothing.
const DOUBLINGS_MAX: u32 = 10;

/// The period in which a member may take over, or go over to others, a few times: this many times as long as a merge.
const STEPS_PERIOD: u32 = 64;

/// How many members of higher rank get half an election timeout each to be first.
const HIGHER_MAX: u32 = 8;

impl Peer {
    /// Somebody seeks, or leads, outside of this peer's view. It is only noted: joins and merges come first, and need
    /// no look if they take it in.
    pub(super) fn note_outsider(&mut self, contact: &Contact, now: Time) {
        let inside = match &self.role {
            Role::Member(following) => following.members.contains_key(&contact.id),
            Role::Leader(leading) => leading.has(&contact.id),
            _ => return,
        };
        if !inside {
            self.reach.note_outside(&contact.id, contact.endpoint, now, self.settings.timing.heartbeat_timeout);
        }
    }

    /// The view is new, and its members are not outsiders. If the term is new, too, it did not bring in the others, and
    /// they get as much time as it takes to join. A view of the same term gives them none: a peer that joins and leaves
    /// in a loop would put off each look.
    pub(super) fn begin_to_look(&mut self, term: bool, now: Time) {
        self.reach.look = None;
        self.reach.keep_outsiders(|id, _| !self.group.last_view.contains_key(id));
        if !term {
            return;
        }
        for outsider in self.reach.outsiders_mut() {
            (outsider.since, outsider.in_vain) = (now, outsider.in_vain + 1);
        }
    }

    /// When the next look is due, or the present one is over. Members of higher rank get some time each to be first: of
    /// two members that took over at the same time, one would do so in vain.
    pub(super) fn look_due(&self) -> Option<Time> {
        let Role::Member(following) = &self.role else { return None };
        if let Some(look) = &self.reach.look {
            return Some(look.since + self.settings.timing.heartbeat_timeout);
        }
        let own = self.rank();
        let higher = following.members.iter().filter(|(id, seat)| **id != following.leader && seat.rank(id) > own);
        let higher = u32::try_from(higher.count()).unwrap_or(HIGHER_MAX).min(HIGHER_MAX);
        let (patience, election_timeout) = (self.merge_time(), self.settings.timing.election_timeout);
        let due =
            |(_, outsider): (_, &Outside)| outsider.since + patience * 2u32.pow(outsider.in_vain.min(DOUBLINGS_MAX));
        self.reach.outsiders().map(due).min().map(|due| due + election_timeout * higher / 2)
    }

    /// As long as two groups that reach each other take to become one.
    fn merge_time(&self) -> Time {
        let timing = self.settings.timing;
        timing.heartbeat_interval * 3 + timing.election_timeout * 2
    }

    /// Asks everybody, if it is time: a look costs a question to each, so it comes only after a peer stayed outside for
    /// longer than a merge takes.
    pub(super) fn look_around(&mut self, turn: &mut Turn) {
        if self.look_due().is_none_or(|due| turn.now < due) {
            return;
        }
        if self.reach.look.is_some() {
            return self.decide_who_reaches_more(turn);
        }
        self.reach.drop_silent_outsiders(turn.now, self.settings.timing.heartbeat_timeout);
        let members: Vec<SocketAddr> = self.members().iter().filter_map(|id| self.endpoint_of(id)).collect();
        let others: Vec<SocketAddr> = self.reach.outsiders().map(|(at, _)| at).collect();
        if others.is_empty() {
            return;
        }
        let open = members.iter().chain(&others).copied().collect();
        self.reach.look = Some(Look { since: turn.now, open, answered: BTreeSet::new(), leaders: BTreeMap::new() });
        for (to, urgent) in members.into_iter().map(|to| (to, true)).chain(others.into_iter().map(|to| (to, false))) {
            self.ask_in_a_look(to, urgent, turn);
        }
    }

    /// A peer answered a look, or did not. Once nobody is left to answer, the look is over: a process that is gone
    /// refuses immediately, and only silence takes time.
    pub(super) fn on_looked(&mut self, from: SocketAddr, answer: Answer, turn: &mut Turn) {
        let Some(look) = &mut self.reach.look else { return };
        if !look.open.remove(&from) {
            return;
        }
        let over = look.open.is_empty();
        if let Answer::Here(here) = answer {
            self.count(from, &here);
            self.on_here(from, *here, turn);
        }
        if over {
            self.decide_who_reaches_more(turn);
        }
    }

    /// Counts a process that answered: one that is where its view says, a seeker, or the leader of others. A process
    /// that follows another leader does not count, since its leader decides for it.
    fn count(&mut self, at: SocketAddr, here: &Here) {
        let contact = Contact { endpoint: at, ..here.contact.clone() };
        let trusted = self.trusts_contact(&contact) && !self.has_waited_enough();
        let own = &self.settings.id;
        let Role::Member(following) = &self.role else { return };
        let inside = |leader: &PeerId| {
            let seat = following.members.get(&contact.id);
            *leader == following.leader && seat.is_some_and(|seat| seat.incarnation == contact.incarnation)
        };
        let outside = trusted && !following.members.contains_key(&contact.id);
        let (answers, leads) = match &here.belongs {
            Belongs::Follows(leader) => (inside(&leader.id), None),
            Belongs::Leads(_) if inside(&contact.id) => (true, None),
            Belongs::Leads(view) => {
                let start = &view.start;
                let lacks = view.members.contains_key(own) || self.would_cut_committed(&start.runs, start.last);
                (false, Some(view.members.len()).filter(|_| outside && !lacks))
            }
            Belongs::Nowhere => (outside && here.seeking, None),
        };
        let Some(look) = &mut self.reach.look else { return };
        if answers {
            look.answered.insert(contact.id);
        } else if let Some(size) = leads {
            look.leaders.insert(contact.id.clone(), (size, contact));
        }
    }

    /// The larger group wins: the one that this peer can make, or the largest that answered. So every step makes the
    /// larger group larger, and the steps come to an end.
    fn decide_who_reaches_more(&mut self, turn: &mut Turn) {
        let Some(look) = self.reach.look.take() else { return };
        let Role::Member(following) = &self.role else { return };
        let (size, leader) = (following.members.len(), following.leader.clone());
        let asked = look.answered.len() + 1;
        let reached = asked + look.leaders.len();
        let largest = look.leaders.into_values().max_by(|(a, x), (b, y)| (a, x.rank()).cmp(&(b, y.rank())));
        let theirs = largest.as_ref().map_or(0, |(size, _)| *size);
        // Other leaders that answered would yield to this peer, as in any merge, so they count as reached.
        let takes_over = reached > size.max(theirs) && asked >= self.quorum();
        let goes_over = theirs > size && theirs >= self.quorum();
        let period = self.merge_time() * STEPS_PERIOD;
        let steps = (takes_over || goes_over) && self.reach.steps.spend(turn.now, period);
        for outsider in self.reach.outsiders_mut() {
            outsider.since = turn.now;
            // A step leads to a new term, which counts by itself.
            outsider.in_vain += u32::from(!steps);
        }
        if !steps {
            return;
        }
        if takes_over {
            turn.tell(Event::TakesOver { leader, reached, size });
            self.propose(look.answered, 0, None, turn);
            if let Role::Proposing(proposing) = &mut self.role {
                proposing.takes_over = true;
            }
        } else if let Some((_, contact)) = largest {
            self.group.merging = true;
            self.seek(Some(&contact), turn);
        }
    }
}

#[cfg(test)]
mod tests;
