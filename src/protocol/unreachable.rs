//! Peers that are heard and cannot be reached, or cannot reach this one: if a firewall is in the way, two groups form,
//! and nothing else tells why. The core only logs them, and does nothing else about them. What a group does in such a
//! network is in `reach.rs` and docs/reachability.md.

use std::net::SocketAddr;

use super::data::reach::{Deaf, REMEMBERED_MAX};
use super::event::Event;
use super::input::{Answer, Time};
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::PeerId;
use crate::wire::Refusal;

impl Peer {
    /// A peer said that it listens there. If others alone say so, a failed question shows nothing: their word may be
    /// old.
    pub(super) fn note_heard(&mut self, peer: &PeerId, endpoint: SocketAddr, now: Time) {
        self.reach.note_said(peer, endpoint, now, self.settings.timing.heartbeat_timeout);
    }

    /// Notes the outcome of a question. A peer that is heard for a heartbeat timeout and does not answer is logged: its
    /// words come through, and connections to it do not. A single lost answer shows nothing.
    pub(super) fn note_answer(&mut self, from: SocketAddr, answer: &Answer, turn: &mut Turn) {
        let patience = self.settings.timing.heartbeat_timeout;
        let Some(heard) = self.reach.heard_at(from) else { return };
        let why = match answer {
            Answer::Refused => "nobody listens there",
            Answer::Silent => "no answer",
            Answer::Here(_) | Answer::Error(_) => {
                heard.failing = None;
                if std::mem::take(&mut heard.reported) {
                    turn.tell(Event::Reachable { peer: heard.peer.clone() });
                }
                return;
            }
        };
        let since = *heard.failing.get_or_insert(turn.now);
        if heard.is_fresh(turn.now, patience) && turn.now.saturating_sub(since) >= patience {
            heard.reported = true;
            let (peer, why) = (heard.peer.clone(), why.to_owned());
            turn.tell(Event::Unreachable { peer, endpoint: from, heard: true, why });
        }
    }

    /// A peer that was dialled says that it got no answer here, when it asked back (docs/protocol.md, 2.2). It may only
    /// be slow, so it is logged after a heartbeat timeout. A bounded number of such peers is remembered, since
    /// strangers may come under ever new names.
    pub(super) fn note_rejection(&mut self, peer: &PeerId, why: &Refusal, turn: &mut Turn) {
        if !matches!(why, Refusal::NoAnswer | Refusal::NobodyListens) {
            return;
        }
        let patience = self.settings.timing.heartbeat_timeout;
        let deaf = &mut self.reach.deaf;
        if deaf.len() >= REMEMBERED_MAX {
            deaf.retain(|_, deaf| turn.now.saturating_sub(deaf.at) < patience * 2);
        }
        if deaf.len() >= REMEMBERED_MAX && !deaf.contains_key(peer) {
            return;
        }
        let fresh = Deaf { since: turn.now, at: turn.now, reported: false };
        let known = deaf.entry(peer.clone()).or_insert(fresh);
        known.at = turn.now;
        if turn.now.saturating_sub(known.since) >= patience {
            known.reported = true;
            turn.tell(Event::NotReached { peer: peer.clone(), endpoint: self.settings.endpoint });
        }
    }

    /// A process that calls itself `peer` asked something here, so its questions arrive. If the operator was warned of
    /// the opposite, the warning ends with a line of its own.
    pub(super) fn note_reached(&mut self, peer: &PeerId, turn: &mut Turn) {
        if self.reach.deaf.remove(peer).is_some_and(|deaf| deaf.reported) {
            turn.tell(Event::Reached { peer: peer.clone() });
        }
    }
}

#[cfg(test)]
mod tests;
