//! What is wrong, logged so that nobody drowns in it and nothing is kept quiet. The first complaint of a kind is logged
//! immediately. After a minute, ten minutes, an hour, and every hour after that, a line has their number and the last
//! of them. An end is logged once.
//!
//! Each [`Subject`] and [`Kind`] is a separate case. What comes from the network has few cases: it can neither fill the
//! log nor use up the lines that others need.

mod ledger;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::ledger::{Ledger, Limits, Line};
use crate::ids::PeerId;

/// What a complaint is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// This host, or what this peer was told to use: a sensor, a file, an address; empty where the kind says enough.
    Own(String),
    /// A peer, or a process that says that it is one.
    Peer(PeerId),
    /// A process without a name that counts.
    Address(IpAddr),
    /// A group that is not this one.
    Group(String),
}

/// The limits for this host's own troubles.
const OWN: Limits = Limits { subject: 64, kind: 64, total: 128 };

/// The limits for peers and strangers. A source varies its texts as it likes, so only the kind counts.
const PEERS: Limits = Limits { subject: 8, kind: 16, total: 64 };
const STRANGERS: Limits = Limits { subject: 4, kind: 16, total: 64 };

impl Subject {
    /// The address that counts for a host: on IPv6 it has as many as it likes in its network of 64 bits.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        })
    }

    fn pool(&self) -> usize {
        match self {
            Self::Own(_) => 0,
            Self::Peer(_) => 1,
            Self::Address(_) | Self::Group(_) => 2,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(what) | Self::Group(what) => f.write_str(what),
            Self::Peer(peer) => peer.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What is wrong: a member of a closed set, whatever the text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The stable name under which programs know it.
    pub event: &'static str,
    /// Which of several kinds of this name.
    pub detail: &'static str,
    pace: Pace,
}

/// How often it is logged that something goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pace {
    /// After a minute, ten minutes, an hour, and each hour on.
    Often,
    /// Not within ten minutes.
    Seldom,
    /// It may well be intended.
    Once,
}

impl Kind {
    /// Logged again after a minute, ten minutes, an hour, and every hour after that.
    #[must_use]
    pub fn new(event: &'static str, detail: &'static str) -> Self {
        Self { event, detail, pace: Pace::Often }
    }

    /// Logged again after ten minutes at the earliest.
    #[must_use]
    pub fn seldom(self) -> Self {
        Self { pace: Pace::Seldom, ..self }
    }

    /// Logged once.
    #[must_use]
    pub fn once(self) -> Self {
        Self { pace: Pace::Once, ..self }
    }
}

impl From<&'static str> for Kind {
    fn from(event: &'static str) -> Self {
        Self::new(event, "")
    }
}

/// All complaints of a peer, of all threads.
#[derive(Debug)]
pub struct Complaints {
    started: Instant,
    pools: Mutex<[Ledger; 3]>,
    /// How many there were of each event and detail.
    counts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    /// Signalled when something may be due earlier than before.
    sooner: Condvar,
    /// All complaints, for tests of code that complains.
    #[cfg(test)]
    heard: Mutex<Vec<(Subject, Kind, String)>>,
}

impl Default for Complaints {
    fn default() -> Self {
        let pools = [OWN, PEERS, STRANGERS].map(Ledger::new);
        Self {
            started: Instant::now(),
            pools: Mutex::new(pools),
            counts: Mutex::default(),
            sooner: Condvar::new(),
            #[cfg(test)]
            heard: Mutex::default(),
        }
    }
}

impl Complaints {
    /// Warns, now or later by count. At the level `debug` each complaint is logged.
    pub fn complain(&self, subject: Subject, kind: impl Into<Kind>, text: &str) {
        let kind = kind.into();
        #[cfg(test)]
        self.heard.lock().unwrap().push((subject.clone(), kind, text.to_owned()));
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry((kind.event, kind.detail)).or_default() += 1;
        let about = subject.to_string();
        let noted = self.lock()[subject.pool()].complain(subject, kind, text, self.started.elapsed());
        if noted.first {
            log::warn!(event = kind.event, about = about; "{text}");
        } else {
            log::debug!(event = kind.event, about = about; "{text}");
        }
        if noted.opened {
            self.sooner.notify_one();
        }
    }

    /// How many there were of each event and detail, logged or only counted.
    #[must_use]
    pub fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((event, detail), count)| (*event, *detail, *count)).collect()
    }

    /// Complains of this peer's own trouble, where there is only one of the kind.
    pub fn warn(&self, kind: impl Into<Kind>, text: &str) {
        self.complain(Subject::Own(String::new()), kind, text);
    }

    /// All is well again: `text` says so once that has lasted for a minute.
    pub fn over(&self, subject: &Subject, events: &[&str], text: &str) {
        let noted = self.lock()[subject.pool()].over(subject, events, text, self.started.elapsed());
        if noted {
            self.sooner.notify_one();
        }
    }

    /// Logs now what was only counted of these events, which will not come again.
    pub fn conclude(&self, events: &[&str]) {
        self.settle(|kind| events.contains(&kind.event));
    }

    /// Logs now all that was only counted: this peer stops.
    pub fn end(&self) {
        self.settle(|_| true);
    }

    fn settle(&self, which: impl Fn(Kind) -> bool) {
        let now = self.started.elapsed();
        let lines: Vec<Line> = self.lock().iter_mut().flat_map(|pool| pool.settle(&which, now)).collect();
        lines.iter().for_each(say);
    }

    /// Logs what is due, for ever.
    pub fn tell(&self) -> ! {
        loop {
            let now = self.started.elapsed();
            let mut pools = self.lock();
            let lines: Vec<Line> = pools.iter_mut().flat_map(|pool| pool.due(now)).collect();
            if lines.is_empty() {
                let next = pools.iter().filter_map(Ledger::next_due).min();
                let wait = next.map_or(Duration::from_secs(3600), |next| next.saturating_sub(now));
                // Whatever woke it, it looks again at what is due.
                let _ = self.sooner.wait_timeout(pools, wait);
                continue;
            }
            drop(pools);
            lines.iter().for_each(say);
        }
    }

    /// All there were.
    #[cfg(test)]
    pub(crate) fn heard(&self) -> Vec<(Subject, Kind, String)> {
        self.heard.lock().unwrap().clone()
    }

    fn lock(&self) -> MutexGuard<'_, [Ledger; 3]> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(line: &Line) {
    let Line { event, about, text, count, over } = line;
    if *over {
        log::info!(event = event, about = about, over = true; "{text}");
    } else {
        log::warn!(event = event, about = about, count = count; "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_source_however_many_addresses_it_has() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
        ] {
            let host = |address: &str| Subject::host(address.parse().unwrap());
            assert_eq!(host(one) == host(other), same, "{one} {other}");
        }
    }
}
