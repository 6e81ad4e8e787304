//! What others do wrong is said a few times: neither can they fill the log, nor use up the lines that others would need.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Instant;

use super::ledger::{with_held, Ledger, Limits};
use super::node::lock;

/// Of what comes from the network. One source varies its texts as it likes: what counts is the kind.
const STRANGERS: Limits = Limits { same: 1, source: 4, kind: 16, total: 64 };

/// Of this host's own troubles, which no stranger makes more of: each text is a kind.
const OWN: Limits = Limits { same: 1, source: 64, kind: 1, total: 64 };

#[derive(Debug)]
pub(super) struct Complaints {
    started: Instant,
    strangers: Mutex<Ledger<IpAddr, &'static str>>,
    own: Mutex<Ledger<(), String>>,
}

impl Default for Complaints {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            strangers: Mutex::new(Ledger::new(STRANGERS)),
            own: Mutex::new(Ledger::new(OWN)),
        }
    }
}

impl Complaints {
    /// Warns of what is wrong here, or with what this peer was told to use: the same text once an hour.
    pub(super) fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        let said = lock(&self.own).ask(&(), &text, self.started.elapsed());
        say(&text, said);
    }

    /// Warns of what came from an address: each kind once an hour, whatever the text is.
    pub(super) fn warn_of(&self, source: IpAddr, kind: &'static str, text: &str) {
        let said = lock(&self.strangers).ask(&host(source), &kind, self.started.elapsed());
        say(text, said);
    }
}

fn say(text: &str, said: Option<u64>) {
    match said {
        Some(held) => log::warn!("{}", with_held(text, held)),
        None => log::debug!("{text}"),
    }
}

/// The address as which a host counts: on IPv6 it has as many as it likes in its network of 64 bits.
fn host(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
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
            assert_eq!(host(one.parse().unwrap()) == host(other.parse().unwrap()), same, "{one} {other}");
        }
    }
}
