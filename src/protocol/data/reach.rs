//! Reach: which peers this one hears of and where, what comes of questions there, and which stay outside of the view.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::budget::Budget;
use crate::ids::PeerId;
use crate::protocol::input::Time;
use crate::wire::Contact;

/// How many addresses are remembered, and how many peers that do not reach this one. Of others nothing is logged.
pub(crate) const REMEMBERED_MAX: usize = 256;

/// How many peers outside of the view are noted. The next waits until one of them is silent.
const OUTSIDERS_MAX: usize = 16;

/// How often a member may take over, or go over to others, in a period: a peer that made it do so in vain may return
/// under other names.
const STEPS_MAX: u32 = 4;

#[derive(Debug, Clone)]
pub(crate) struct Reach {
    heard: BTreeMap<SocketAddr, Heard>,
    /// Peers that say that they cannot reach this one.
    pub(crate) deaf: BTreeMap<PeerId, Deaf>,
    pub(crate) look: Option<Look>,
    /// How often this peer may take over, or go over to others.
    pub(crate) steps: Budget,
}

/// A peer that is said to listen at an address.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) peer: PeerId,
    /// When it last said so itself.
    pub(crate) said: Option<Time>,
    /// Since when questions there fail, and whether the operator knows.
    pub(crate) failing: Option<Time>,
    pub(crate) reported: bool,
    outside: Option<Outside>,
}

/// A peer heard of that is in no view here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outside {
    /// Outside of the present term since, and last heard of.
    pub(crate) since: Time,
    pub(crate) heard: Time,
    /// Terms that left it outside, and looks that found no larger group with it.
    pub(crate) in_vain: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Deaf {
    pub(crate) since: Time,
    pub(crate) at: Time,
    pub(crate) reported: bool,
}

/// Everybody was asked.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) since: Time,
    pub(crate) open: BTreeSet<SocketAddr>,
    /// Peers that answered and would be asked for a promise.
    pub(crate) answered: BTreeSet<PeerId>,
    /// Leaders of others that answered, and how many members they have.
    pub(crate) leaders: BTreeMap<PeerId, (usize, Contact)>,
}

impl Default for Reach {
    fn default() -> Self {
        Self { heard: BTreeMap::new(), deaf: BTreeMap::new(), look: None, steps: Budget::new(STEPS_MAX) }
    }
}

impl Heard {
    fn new(peer: &PeerId) -> Self {
        Self { peer: peer.clone(), said: None, failing: None, reported: false, outside: None }
    }

    /// Whether the peer said within `patience` that it listens there.
    pub(crate) fn is_fresh(&self, now: Time, patience: Time) -> bool {
        self.said.is_some_and(|said| now.saturating_sub(said) < patience)
    }
}

impl Reach {
    /// What is known of a peer at an address. `None`: there is no room for more.
    fn at(&mut self, peer: &PeerId, at: SocketAddr, now: Time, patience: Time) -> Option<&mut Heard> {
        if self.heard.len() >= REMEMBERED_MAX {
            self.heard.retain(|_, heard| heard.outside.is_some() || heard.is_fresh(now, patience));
        }
        if self.heard.len() >= REMEMBERED_MAX && !self.heard.contains_key(&at) {
            return None;
        }
        let heard = self.heard.entry(at).or_insert_with(|| Heard::new(peer));
        if heard.peer != *peer {
            *heard = Heard::new(peer);
        }
        Some(heard)
    }

    /// A peer said itself that it listens there. After a silence, earlier failures do not count.
    pub(crate) fn note_said(&mut self, peer: &PeerId, at: SocketAddr, now: Time, patience: Time) {
        let Some(heard) = self.at(peer, at, now, patience) else { return };
        if !heard.is_fresh(now, patience) {
            (heard.failing, heard.reported) = (None, false);
        }
        heard.said = Some(now);
    }

    /// A peer outside of the view is said to listen there. A peer that is known at another address keeps its time.
    pub(crate) fn note_outside(&mut self, peer: &PeerId, at: SocketAddr, now: Time, patience: Time) {
        let elsewhere = self.heard.iter().find(|(_, heard)| heard.peer == *peer && heard.outside.is_some());
        let elsewhere = elsewhere.map(|(known, _)| *known);
        if elsewhere.is_none() && self.outsiders().count() >= OUTSIDERS_MAX {
            self.drop_silent_outsiders(now, patience);
            if self.outsiders().count() >= OUTSIDERS_MAX {
                return;
            }
        }
        let before = elsewhere.and_then(|known| self.heard.get_mut(&known)?.outside.take());
        let outside = before.unwrap_or(Outside { since: now, heard: now, in_vain: 0 });
        if let Some(heard) = self.at(peer, at, now, patience) {
            heard.outside = Some(Outside { heard: now, ..outside });
        }
    }

    pub(crate) fn heard_at(&mut self, at: SocketAddr) -> Option<&mut Heard> {
        self.heard.get_mut(&at)
    }

    /// Peers outside of the view, and where each was heard of last.
    pub(crate) fn outsiders(&self) -> impl Iterator<Item = (SocketAddr, &Outside)> {
        self.heard.iter().filter_map(|(at, heard)| Some((*at, heard.outside.as_ref()?)))
    }

    pub(crate) fn outsiders_mut(&mut self) -> impl Iterator<Item = &mut Outside> {
        self.heard.values_mut().filter_map(|heard| heard.outside.as_mut())
    }

    /// Drops outsiders that were not heard of for longer than it takes to tell.
    pub(crate) fn drop_silent_outsiders(&mut self, now: Time, patience: Time) {
        let silent = now.saturating_sub(patience * 2);
        self.keep_outsiders(|_, outsider| outsider.heard >= silent);
    }

    /// Drops outsiders for which this does not hold.
    pub(crate) fn keep_outsiders(&mut self, keeps: impl Fn(&PeerId, &Outside) -> bool) {
        for heard in self.heard.values_mut() {
            heard.outside = heard.outside.filter(|outside| keeps(&heard.peer, outside));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_remembered_up_to_a_bound_and_those_that_are_known_stay() {
        let (patience, peer) = (Time::from_secs(10), "a".parse().unwrap());
        let at = |n: usize| SocketAddr::from(([127, 0, 0, 1], u16::try_from(n).unwrap() + 1));
        let mut reach = Reach::default();
        for n in 0..2 * REMEMBERED_MAX {
            reach.note_said(&peer, at(n), Time::from_secs(1), patience);
        }
        assert_eq!(reach.heard.len(), REMEMBERED_MAX);
        reach.note_said(&peer, at(0), Time::from_secs(2), patience);
        assert_eq!(reach.heard_at(at(0)).and_then(|heard| heard.said), Some(Time::from_secs(2)));
        // Those that fell silent give room, but not one that is outside of the view.
        reach.note_outside(&peer, at(7), Time::from_secs(2), patience);
        reach.note_said(&peer, at(3 * REMEMBERED_MAX), Time::from_secs(11), patience);
        assert!([0, 7].iter().all(|n| reach.heard_at(at(*n)).is_some()) && reach.heard_at(at(1)).is_none());
        assert!(reach.heard_at(at(3 * REMEMBERED_MAX)).is_some());
    }
}
