//! Who reaches more peers than its leader does: where some reach each other and others do not, the one in the middle leads,
//! or goes over to the larger group.
//!
//! A member that goes on hearing of a peer outside of its view, for longer than a merge takes, asks everybody whether they
//! answer. Only what it finds in that way counts: it proposes a term if more answer than its view has members. So each step
//! makes the largest group larger, and there is an end to them. What brought nobody in is tried ever more seldom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::data::budget::Budget;
use super::data::role::Role;
use super::event::Event;
use super::input::{Answer, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Rank};
use crate::wire::{Belongs, Contact, Here};

/// Peers outside of the view that are noted. What is beyond waits until one of them is silent.
const OUTSIDERS_MAX: usize = 16;

/// Each time that nothing came of it, the next look comes after twice the time, up to so many times.
const DOUBLINGS_MAX: u32 = 10;

/// So often in so many times what a merge takes a member may take over, or go over to others: whoever made it do so in vain
/// may come again under other names.
const STEPS_MAX: u32 = 4;
const STEPS_PERIOD: u32 = 64;

/// Members of higher priority are left so many half election timeouts to be first.
const HIGHER_MAX: u32 = 8;

/// Somebody heard of who is in no view here.
#[derive(Debug)]
struct Outsider {
    at: SocketAddr,
    /// Outside of the present view since, and last heard of.
    since: Time,
    heard: Time,
    /// Terms that left it outside, and looks that found no larger group with it.
    in_vain: u32,
}

/// Everybody was asked.
#[derive(Debug)]
struct Look {
    since: Time,
    open: BTreeSet<SocketAddr>,
    /// Who answered and would be asked for a promise.
    answered: BTreeSet<PeerId>,
    /// Leaders of others that answered, and how many members they have.
    leaders: BTreeMap<PeerId, (usize, Contact)>,
}

#[derive(Debug)]
pub(super) struct Outsiders {
    heard: BTreeMap<PeerId, Outsider>,
    look: Option<Look>,
    steps: Budget,
}

impl Default for Outsiders {
    fn default() -> Self {
        Self { heard: BTreeMap::new(), look: None, steps: Budget::new(STEPS_MAX) }
    }
}

impl Peer {
    /// Somebody seeks, or leads, outside of the own view.
    pub(super) fn note_outsider(&mut self, contact: &Contact, now: Time) {
        let inside = match &self.role {
            Role::Member(following) => following.members.contains_key(&contact.id),
            Role::Leader(leading) => leading.has(&contact.id),
            _ => return,
        };
        let known = self.outsiders.heard.contains_key(&contact.id);
        if inside || (!known && self.outsiders.heard.len() >= OUTSIDERS_MAX) {
            return;
        }
        let new = Outsider { at: contact.endpoint, since: now, heard: now, in_vain: 0 };
        let outsider = self.outsiders.heard.entry(contact.id.clone()).or_insert(new);
        (outsider.at, outsider.heard) = (contact.endpoint, now);
    }

    /// The view is another: who is in it is no outsider, and who is not gets as much time as it takes to come in. `term`: the
    /// term is new, too, and whoever it leaves outside was not brought in by that.
    pub(super) fn begin_to_look(&mut self, term: bool, now: Time) {
        let members: BTreeSet<PeerId> = self.group.last_view.keys().cloned().collect();
        let Outsiders { heard, look, .. } = &mut self.outsiders;
        *look = None;
        heard.retain(|id, _| !members.contains(id));
        for outsider in heard.values_mut() {
            outsider.since = now;
            outsider.in_vain += u32::from(term);
        }
    }

    /// When the next look is due, or the one that goes on is over.
    pub(super) fn look_due(&self) -> Option<Time> {
        let Role::Member(following) = &self.role else { return None };
        if let Some(look) = &self.outsiders.look {
            return Some(look.since + self.settings.timing.heartbeat_timeout);
        }
        let own = self.rank();
        let higher = following
            .members
            .iter()
            .filter(|(id, seat)| **id != following.leader && (Rank { priority: seat.priority, id }) > own);
        let higher = u32::try_from(higher.count()).unwrap_or(HIGHER_MAX).min(HIGHER_MAX);
        let (patience, election_timeout) = (self.merge_time(), self.settings.timing.election_timeout);
        let due = |outsider: &Outsider| outsider.since + patience * 2u32.pow(outsider.in_vain.min(DOUBLINGS_MAX));
        self.outsiders.heard.values().map(due).min().map(|due| due + election_timeout * higher / 2)
    }

    /// As long as two groups that reach each other take to become one.
    fn merge_time(&self) -> Time {
        let timing = self.settings.timing;
        timing.heartbeat_interval * 3 + timing.election_timeout * 2
    }

    /// Asks everybody, if it is time.
    pub(super) fn look_around(&mut self, turn: &mut Turn) {
        if self.look_due().is_none_or(|due| turn.now < due) {
            return;
        }
        if self.outsiders.look.is_some() {
            return self.decide_who_reaches_more(turn);
        }
        let silent = turn.now.saturating_sub(self.settings.timing.heartbeat_timeout * 2);
        self.outsiders.heard.retain(|_, outsider| outsider.heard >= silent);
        if self.outsiders.heard.is_empty() {
            return;
        }
        let members: Vec<SocketAddr> = self.members().iter().filter_map(|id| self.endpoint_of(id)).collect();
        let others: Vec<SocketAddr> = self.outsiders.heard.values().map(|outsider| outsider.at).collect();
        let open = members.iter().chain(&others).copied().collect();
        self.outsiders.look = Some(Look { since: turn.now, open, answered: BTreeSet::new(), leaders: BTreeMap::new() });
        for (to, urgent) in members.into_iter().map(|to| (to, true)).chain(others.into_iter().map(|to| (to, false))) {
            self.ask_for_reach(to, urgent, turn);
        }
    }

    /// Somebody answered a look, or did not.
    pub(super) fn on_looked(&mut self, from: SocketAddr, answer: Answer, turn: &mut Turn) {
        let Some(look) = &mut self.outsiders.look else { return };
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

    /// Whoever is where its view says, or seeks, or leads others, is one more.
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
        let Some(look) = &mut self.outsiders.look else { return };
        if answers {
            look.answered.insert(contact.id);
        } else if let Some(size) = leads {
            look.leaders.insert(contact.id.clone(), (size, contact));
        }
    }

    /// The larger group wins: the one that this peer can make, or the largest that answered.
    fn decide_who_reaches_more(&mut self, turn: &mut Turn) {
        let Some(look) = self.outsiders.look.take() else { return };
        let Role::Member(following) = &self.role else { return };
        let (size, leader) = (following.members.len(), following.leader.clone());
        let asked = look.answered.len() + 1;
        let reached = asked + look.leaders.len();
        let largest = look.leaders.into_values().max_by(|(a, x), (b, y)| (a, x.rank()).cmp(&(b, y.rank())));
        let theirs = largest.as_ref().map_or(0, |(size, _)| *size);
        let takes_over = reached > size.max(theirs) && asked >= self.quorum();
        let goes_over = theirs > size && theirs >= self.quorum();
        let period = self.merge_time() * STEPS_PERIOD;
        let steps = (takes_over || goes_over) && self.outsiders.steps.spend(turn.now, period);
        for outsider in self.outsiders.heard.values_mut() {
            outsider.since = turn.now;
            // The term that a step leads to counts by itself.
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
