//! Which ways of the network are cut, and until when.

use std::collections::BTreeMap;

use peer::protocol::Time;

use crate::fault::Traffic;

/// Ways from one host to another.
type Ways = BTreeMap<(usize, usize), Time>;

#[derive(Debug, Default)]
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

    /// When all is whole again.
    pub(crate) fn end(&self) -> Option<Time> {
        self.tcp.values().chain(self.datagrams.values()).copied().max()
    }
}
