//! Who is heard and cannot be reached, or cannot reach this peer: behind a firewall two groups form, and nothing else tells
//! why. Only told of; what is done does not depend on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::event::Event;
use super::input::{Answer, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::Refusal;

/// So many are remembered of either sort; of others nothing is told.
const REMEMBERED_MAX: usize = 256;

/// Somebody who was heard of.
#[derive(Debug)]
struct Heard {
    peer: PeerId,
    at: Time,
    /// Since when questions there come to nothing.
    failing: Option<Time>,
    told: bool,
}

/// Somebody who says that it cannot reach this peer.
#[derive(Debug)]
struct Deaf {
    since: Time,
    at: Time,
    told: bool,
}

#[derive(Debug, Default)]
pub(super) struct Reach {
    heard: BTreeMap<SocketAddr, Heard>,
    deaf: BTreeMap<PeerId, Deaf>,
}

impl Peer {
    /// Somebody said that it listens there.
    pub(super) fn note_heard(&mut self, peer: &PeerId, endpoint: SocketAddr, now: Time) {
        let patience = self.settings.timing.heartbeat_timeout;
        let heard = &mut self.calls.reach.heard;
        if heard.len() >= REMEMBERED_MAX {
            heard.retain(|_, heard| now.saturating_sub(heard.at) < patience);
        }
        if heard.len() < REMEMBERED_MAX || heard.contains_key(&endpoint) {
            let fresh = || Heard { peer: peer.clone(), at: now, failing: None, told: false };
            let known = heard.entry(endpoint).or_insert_with(fresh);
            if known.peer != *peer || now.saturating_sub(known.at) >= patience {
                *known = fresh();
            }
            known.at = now;
        }
    }

    /// What came of a question there. Who is heard for a heartbeat timeout, and does not answer, is told of.
    pub(super) fn note_answer(&mut self, from: SocketAddr, answer: &Answer, turn: &mut Turn) {
        let patience = self.settings.timing.heartbeat_timeout;
        let Some(heard) = self.calls.reach.heard.get_mut(&from) else { return };
        let refused = match answer {
            Answer::Refused => true,
            Answer::Silent => false,
            Answer::Here(_) | Answer::Error(_) => {
                heard.failing = None;
                if std::mem::take(&mut heard.told) {
                    turn.tell(Event::Reachable { peer: heard.peer.clone() });
                }
                return;
            }
        };
        let since = *heard.failing.get_or_insert(turn.now);
        let lives = turn.now.saturating_sub(heard.at) < patience;
        if lives && turn.now.saturating_sub(since) >= patience {
            heard.told = true;
            turn.tell(Event::Unreachable { peer: heard.peer.clone(), endpoint: from, refused });
        }
    }

    /// A peer that was dialled says that it got no answer here.
    pub(super) fn note_rejection(&mut self, peer: &PeerId, why: &Refusal, turn: &mut Turn) {
        if !matches!(why, Refusal::NoAnswer | Refusal::NobodyListens) {
            return;
        }
        let patience = self.settings.timing.heartbeat_timeout;
        let deaf = &mut self.calls.reach.deaf;
        if deaf.len() >= REMEMBERED_MAX {
            deaf.retain(|_, deaf| turn.now.saturating_sub(deaf.at) < patience * 2);
        }
        if deaf.len() >= REMEMBERED_MAX && !deaf.contains_key(peer) {
            return;
        }
        let fresh = Deaf { since: turn.now, at: turn.now, told: false };
        let known = deaf.entry(peer.clone()).or_insert(fresh);
        known.at = turn.now;
        if turn.now.saturating_sub(known.since) >= patience {
            known.told = true;
            turn.tell(Event::NotReached { peer: peer.clone(), endpoint: self.settings.endpoint });
        }
    }

    /// Somebody who says that it is this peer asked something here.
    pub(super) fn note_reached(&mut self, peer: &PeerId, turn: &mut Turn) {
        if self.calls.reach.deaf.remove(peer).is_some_and(|deaf| deaf.told) {
            turn.tell(Event::Reached { peer: peer.clone() });
        }
    }
}
