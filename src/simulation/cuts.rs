//! Which ways of the network are cut, until when, and what that does to connections: what was under way arrives when
//! the kernel tries again.

use std::collections::BTreeMap;

use rand::RngExt;

use crate::protocol::Time;
use crate::simulation::event::Event;
use crate::simulation::fault::Traffic;
use crate::simulation::world::World;

/// The longest pause before a kernel sends again what was not acknowledged.
const RETRANSMISSION_MAX: Time = Time::from_secs(120);

/// Ways from one host to another.
type Ways = BTreeMap<(usize, usize), Time>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Cuts {
    tcp: Ways,
    datagrams: Ways,
}

impl Cuts {
    pub(crate) fn cut(&mut self, from: usize, to: usize, what: Traffic, until: Time) {
        let shut = |ways: &mut Ways| {
            let known = ways.entry((from, to)).or_insert(until);
            *known = until.max(*known);
        };
        if what != Traffic::Datagrams {
            shut(&mut self.tcp);
        }
        if what != Traffic::Tcp {
            shut(&mut self.datagrams);
        }
    }

    /// Until when no segment gets from one host to another.
    pub(crate) fn tcp(&self, from: usize, to: usize, now: Time) -> Option<Time> {
        self.tcp.get(&(from, to)).copied().filter(|until| *until > now)
    }

    pub(crate) fn drops_datagrams(&self, from: usize, to: usize, now: Time) -> bool {
        self.datagrams.get(&(from, to)).is_some_and(|until| *until > now)
    }

    /// The ways that are cut now: from, to, and until when.
    pub(crate) fn shut(&self, now: Time) -> impl Iterator<Item = (usize, usize, Time)> + '_ {
        let ways = self.tcp.iter().chain(&self.datagrams).filter(move |(_, until)| **until > now);
        ways.map(|((from, to), until)| (*from, *to, *until))
    }

    /// When no way is cut any more.
    pub(crate) fn end(&self) -> Option<Time> {
        self.tcp.values().chain(self.datagrams.values()).copied().max()
    }
}

impl World {
    /// Until when no segment gets through from one host to another.
    pub(crate) fn cut(&self, from: usize, to: usize) -> Option<Time> {
        self.cuts.tcp(from, to, self.now)
    }

    /// Until when the way of this event is cut.
    pub(crate) fn cut_off(&self, event: &Event) -> Option<Time> {
        let (from, to) = match event {
            Event::Arrive(connection) => {
                let connection = self.connections.get(connection)?;
                (connection.from, connection.to)
            }
            // The receiver tells the sender.
            Event::Broken { connection, .. } => {
                let connection = self.connections.get(connection)?;
                (connection.to, connection.from)
            }
            _ => return None,
        };
        // Nothing cuts the liar off.
        self.cut(self.processes.get(from)?.host, self.processes.get(to)?.host)
    }

    /// When the kernel sends this again and the way is free for the first time, after `until`.
    pub(crate) fn sent_again(&mut self, event: &Event, until: Time) -> Time {
        let Event::Arrive(id) = event else { return until };
        let waited = until.saturating_sub(self.now).min(RETRANSMISSION_MAX);
        let pause = waited.mul_f64(self.rng.random_range(0.0..1.0));
        let Some(connection) = self.connections.get_mut(id) else { return until };
        let stalled = connection.stalled_until.filter(|stalled| *stalled >= until);
        *connection.stalled_until.insert(stalled.unwrap_or(until + pause))
    }

    /// Until when nothing comes on this connection, although the way is free.
    pub(crate) fn stalled(&self, event: &Event) -> Option<Time> {
        let Event::Arrive(connection) = event else { return None };
        self.connections.get(connection)?.stalled_until.filter(|until| *until > self.now)
    }
}
