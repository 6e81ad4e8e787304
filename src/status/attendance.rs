//! Which peers are in the view, which are missing, and since when, by the events of the group.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::ids::PeerId;
use crate::protocol::Event;

/// How many missing peers are remembered; beyond that, the one missing for longest is forgotten.
const MISSING_MAX: usize = 100;

/// A peer that is missing for this long is not expected back: most have a fresh id at each start.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// Why a peer is no longer in the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// It does not answer, or the leader no longer counts it.
    Failed,
    /// It said that it goes.
    Left,
    /// It is out of reach as part of a split.
    Cut,
}

/// A peer that was in a view of this life and is not in the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    pub since: SystemTime,
    pub why: Why,
}

#[derive(Debug, Default)]
pub struct Attendance {
    /// When the present view was installed.
    view_since: Option<SystemTime>,
    /// Since when each is in the view without a break.
    present: BTreeMap<PeerId, SystemTime>,
    missing: BTreeMap<PeerId, Missing>,
    /// What was said of peers that are about to fall out of the view.
    reasons: BTreeMap<PeerId, Why>,
    /// The disk of this peer stores nothing, so it gave up leading.
    stuck: bool,
}

impl Attendance {
    /// Takes in what happened at `now`.
    pub fn note(&mut self, event: &Event, now: SystemTime) {
        match event {
            Event::View { members, .. } => self.view(members, now),
            Event::MemberLeft { peer, .. } => self.reason(peer, Why::Left),
            Event::Split { away, .. } => away.iter().for_each(|peer| self.reason(peer, Why::Cut)),
            Event::Stuck => self.stuck = true,
            _ => {}
        }
    }

    /// Notes why a peer is gone; this comes before the view without it, or after.
    fn reason(&mut self, peer: &PeerId, why: Why) {
        match self.missing.get_mut(peer) {
            Some(missing) => missing.why = why,
            None if self.present.contains_key(peer) => drop(self.reasons.insert(peer.clone(), why)),
            None => {}
        }
    }

    fn view(&mut self, members: &[PeerId], now: SystemTime) {
        self.view_since = Some(now);
        self.stuck = false;
        let before = std::mem::take(&mut self.present);
        self.present = members.iter().map(|id| (id.clone(), before.get(id).copied().unwrap_or(now))).collect();
        let mut reasons = std::mem::take(&mut self.reasons);
        for id in before.into_keys().filter(|id| !self.present.contains_key(id)) {
            let why = reasons.remove(&id).unwrap_or(Why::Failed);
            self.missing.insert(id, Missing { since: now, why });
        }
        self.missing.retain(|id, missing| !self.present.contains_key(id) && !is_forgotten(missing, now));
        while self.missing.len() > MISSING_MAX {
            let oldest = self.missing.iter().min_by_key(|(_, missing)| missing.since).map(|(id, _)| id.clone());
            oldest.map(|id| self.missing.remove(&id));
        }
    }

    #[must_use]
    pub fn view_since(&self) -> Option<SystemTime> {
        self.view_since
    }

    /// Since when a peer is in the view without a break.
    #[must_use]
    pub fn present_since(&self, id: &PeerId) -> Option<SystemTime> {
        self.present.get(id).copied()
    }

    /// The missing peers, sorted by id.
    pub fn missing(&self, now: SystemTime) -> impl Iterator<Item = (&PeerId, Missing)> {
        self.missing.iter().filter(move |(_, missing)| !is_forgotten(missing, now)).map(|(id, missing)| (id, *missing))
    }

    /// Whether this peer's disk hung, and no view has come since.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.stuck
    }
}

fn is_forgotten(missing: &Missing, now: SystemTime) -> bool {
    now.duration_since(missing.since).is_ok_and(|long| long > FORGOTTEN_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> PeerId {
        name.parse().unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn view(names: &[&str]) -> Event {
        let members = names.iter().map(|name| id(name)).collect();
        Event::View { term: "1@a/1".parse().unwrap(), change: 1, members, leader_here: true }
    }

    fn missing(attendance: &Attendance, now: SystemTime) -> Vec<(String, u64, Why)> {
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        attendance.missing(now).map(|(id, it)| (id.to_string(), seconds(it.since), it.why)).collect()
    }

    #[test]
    fn a_peer_that_falls_out_of_a_view_is_missing_until_it_is_back() {
        let mut attendance = Attendance::default();
        attendance.note(&view(&["a", "b", "c", "d"]), at(1));
        attendance.note(&Event::MemberLeft { peer: id("c"), members: vec![] }, at(5));
        attendance.note(&view(&["a", "b"]), at(5));
        attendance.note(&Event::Split { away: vec![id("d")], of: 4, left: 2 }, at(5));
        assert_eq!(missing(&attendance, at(6)), [("c".to_owned(), 5, Why::Left), ("d".to_owned(), 5, Why::Cut)]);
        attendance.note(&view(&["a", "d"]), at(9));
        assert_eq!(missing(&attendance, at(9)), [("b".to_owned(), 9, Why::Failed), ("c".to_owned(), 5, Why::Left)]);
        assert_eq!(attendance.present_since(&id("a")), Some(at(1)));
        assert_eq!(attendance.present_since(&id("d")), Some(at(9)));
        assert_eq!(attendance.view_since(), Some(at(9)));
    }

    #[test]
    fn missing_peers_are_forgotten_in_time_and_their_number_is_bounded() {
        let mut attendance = Attendance::default();
        attendance.note(&view(&["a", "b"]), at(1));
        attendance.note(&view(&["a"]), at(2));
        assert_eq!(missing(&attendance, at(2) + FORGOTTEN_AFTER).len(), 1);
        assert_eq!(missing(&attendance, at(3) + FORGOTTEN_AFTER).len(), 0);
        for number in 0..2 * MISSING_MAX as u64 {
            attendance.note(&view(&["a", &format!("x{number}")]), at(10 + number));
        }
        assert_eq!(missing(&attendance, at(300)).len(), MISSING_MAX);
    }
}
