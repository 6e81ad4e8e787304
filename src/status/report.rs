//! The report: what `docs/http.md` describes as `/api/v1/status`, and what is sent for `STATUS`.

use std::net::SocketAddr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::attendance::{Attendance, Missing, Why};
use super::written;
use crate::ids::PeerId;
use crate::protocol::picture::Member;
use crate::protocol::{Picture, Standing, AHEAD_READINGS};
use crate::size::Size;

/// A disk with less room than this is low: readings of some hours under load, of months at a trickle.
pub const LOW_DISK_BYTES: u64 = 64 * 1024 * 1024;

/// Below how many bytes the disk is low if this many are kept free.
#[must_use]
pub fn low_disk_bytes(min_free: u64) -> u64 {
    LOW_DISK_BYTES.max(min_free.saturating_mul(2))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub peer: String,
    pub version: String,
    pub group: String,
    /// The group has a key.
    pub closed: bool,
    pub quorum: Option<u32>,
    pub resume: bool,
    /// Where it listens; an unspecified address means all of the host's.
    pub address: String,
    /// Where the page is, if there is one.
    pub http: Option<String>,
    pub started: String,
    pub now: String,
    pub state: PeerState,
    /// The state in words.
    pub summary: String,
    pub term: Option<u64>,
    pub change: u64,
    pub leader: Option<String>,
    pub view_since: Option<String>,
    /// Highest rank first.
    pub members: Vec<Seat>,
    pub missing: Vec<Absent>,
    pub suspended: Option<Suspended>,
    pub readings: Readings,
    pub disk: Option<Disk>,
    pub health: Health,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerState {
    /// It has no group yet.
    Seeking,
    /// It catches up with a leader.
    Learning,
    Member,
    Electing,
    Leads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Leads,
    Member,
    Learner,
}

/// A member of the view, or a learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    pub peer: String,
    /// The highest wins elections; 1 is the lowest.
    pub rank: usize,
    pub priority: i64,
    pub role: Role,
    #[serde(rename = "self")]
    pub own: bool,
    pub address: String,
    pub heard_ms: Option<u64>,
    pub lag: Option<u64>,
    pub since: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    pub peer: String,
    pub address: Option<String>,
    pub since: String,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    pub have: usize,
    pub need: usize,
    pub waiting: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readings {
    /// The log begins here. Earlier versions do not say it, and remove nothing.
    #[serde(default = "from_the_beginning")]
    pub first: u64,
    pub delivered: u64,
    pub committed: u64,
    pub ordered: u64,
    pub waiting: u64,
}

/// The file system of the data directory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub free: u64,
    pub total: u64,
    /// What is kept free: below it, sources wait.
    #[serde(default)]
    pub min_free: u64,
    #[serde(default)]
    pub sources_wait: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// There is no reason to look.
    pub ok: bool,
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub reason: ReasonName,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonName {
    NoView,
    Suspended,
    DiskStuck,
    DiskLow,
    SourcesWait,
    Behind,
    MemberMissing,
}

/// What a peer was started with: the core's picture does not hold it.
#[derive(Debug, Clone)]
pub struct Given {
    pub peer: PeerId,
    pub group: String,
    pub closed: bool,
    pub quorum: Option<u32>,
    pub resume: bool,
    pub address: SocketAddr,
    pub http: Option<String>,
    pub started: SystemTime,
}

impl Report {
    /// A report of what the core knows at `now`. `addresses`: where missing peers were last.
    #[must_use]
    pub fn new(
        given: &Given,
        picture: &Picture,
        attendance: &Attendance,
        (disk, now): (Option<Disk>, SystemTime),
        address_of: impl Fn(&PeerId) -> Option<SocketAddr>,
    ) -> Self {
        let suspended = picture.suspended.map(|(have, need)| Suspended { have, need, waiting: picture.waiting });
        let missing: Vec<Absent> = attendance
            .missing(now)
            .map(|(id, Missing { since, why })| Absent {
                peer: id.to_string(),
                address: address_of(id).map(|address| address.to_string()),
                since: written(since),
                why,
            })
            .collect();
        let mut report = Self {
            peer: given.peer.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            group: given.group.clone(),
            closed: given.closed,
            quorum: given.quorum,
            resume: given.resume,
            address: given.address.to_string(),
            http: given.http.clone(),
            started: written(given.started),
            now: written(now),
            state: state(picture.standing),
            summary: String::new(),
            term: picture.term.as_ref().map(|term| term.counter),
            change: picture.change,
            leader: picture.leader.as_ref().map(ToString::to_string),
            view_since: picture.term.as_ref().and(attendance.view_since()).map(written),
            members: seats(given, picture, attendance),
            missing,
            suspended,
            readings: Readings {
                first: picture.base + 1,
                delivered: picture.delivered,
                committed: picture.committed,
                ordered: picture.last,
                waiting: picture.waiting,
            },
            disk,
            health: Health { ok: true, reasons: Vec::new() },
        };
        report.summary = report.in_words(picture);
        report.health.reasons = report.reasons(picture, attendance.is_stuck());
        report.health.ok = report.health.reasons.is_empty();
        report
    }

    /// Whether the peer does its duty. It does even if its group lacks a member.
    #[must_use]
    pub fn works(&self) -> bool {
        self.health.reasons.iter().all(|reason| reason.reason == ReasonName::MemberMissing)
    }

    fn in_words(&self, picture: &Picture) -> String {
        if let Some(Suspended { have, need, waiting }) = self.suspended {
            return format!("Suspended: {have} of {need} members that the quorum needs, {waiting} readings waiting");
        }
        let size = self.members.len();
        let leader = self.leader.as_deref().unwrap_or("nobody");
        match self.state {
            PeerState::Seeking => "Looks for a group".to_owned(),
            PeerState::Electing => "Takes part in an election".to_owned(),
            PeerState::Leads if size == 1 => "Leads a group of its own: nobody else is here".to_owned(),
            PeerState::Leads => format!("Leads a group of {size}"),
            PeerState::Member => format!("Member of a group of {size} that {leader} leads"),
            PeerState::Learning => {
                let behind = picture.leader_committed.saturating_sub(picture.delivered);
                format!("Catches up with the group that {leader} leads: {behind} readings to go")
            }
        }
    }

    fn reasons(&self, picture: &Picture, stuck: bool) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut add = |reason, text: String| reasons.push(Reason { reason, text });
        if self.suspended.is_some() {
            add(ReasonName::Suspended, self.summary.clone());
        } else if matches!(self.state, PeerState::Seeking | PeerState::Electing) {
            add(ReasonName::NoView, self.summary.clone());
        }
        if stuck {
            add(ReasonName::DiskStuck, "The disk of this peer stores nothing".to_owned());
        }
        if let Some(Disk { free, min_free, sources_wait, .. }) = self.disk {
            let (left, reserve) = (Size(free), Size(min_free));
            if sources_wait {
                let text = format!("The disk has {left} left, and {reserve} are kept free: sources wait");
                add(ReasonName::SourcesWait, text);
            } else if free < low_disk_bytes(min_free) {
                add(ReasonName::DiskLow, format!("The disk has {left} left"));
            }
        }
        let behind = picture.leader_committed.saturating_sub(picture.delivered);
        if self.state == PeerState::Learning || behind > 2 * AHEAD_READINGS {
            add(ReasonName::Behind, format!("{behind} readings of the group are not in this peer's files yet"));
        }
        for absent in self.missing.iter().filter(|absent| absent.why != Why::Left) {
            add(ReasonName::MemberMissing, format!("{} has been missing since {}", absent.peer, absent.since));
        }
        reasons
    }
}

fn from_the_beginning() -> u64 {
    1
}

fn state(standing: Standing) -> PeerState {
    match standing {
        Standing::Seeking => PeerState::Seeking,
        Standing::Learner => PeerState::Learning,
        Standing::Member => PeerState::Member,
        Standing::Electing | Standing::Promised | Standing::Proposing => PeerState::Electing,
        Standing::Leader => PeerState::Leads,
    }
}

fn seats(given: &Given, picture: &Picture, attendance: &Attendance) -> Vec<Seat> {
    let seat = |(below, member): (usize, &Member)| Seat {
        peer: member.id.to_string(),
        rank: below + 1,
        priority: member.priority,
        role: match picture.leader.as_ref() {
            Some(leader) if *leader == member.id => Role::Leads,
            _ if member.learner => Role::Learner,
            _ => Role::Member,
        },
        own: member.id == given.peer,
        address: member.endpoint.to_string(),
        heard_ms: member.silent.map(|silent| u64::try_from(silent.as_millis()).unwrap_or(u64::MAX)),
        lag: member.lag,
        since: attendance.present_since(&member.id).map(written),
    };
    picture.members.iter().enumerate().map(seat).rev().collect()
}

#[cfg(test)]
pub(super) mod tests;
