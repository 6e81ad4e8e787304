//! Hosts and the bridges between them: network namespaces, named after this process, and nothing outside of them.

use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use crate::harness::station::Station;
use crate::harness::{skipped, Group, Peer};

/// How many sides a network falls into at most, with a bridge for each.
pub(crate) const SIDES: usize = 3;

/// An Ethernet address that nobody has: what is sent there is lost without an error.
const NOBODY: &str = "02:00:00:00:00:01";

static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// Removed when dropped, with all that is in it.
pub(crate) struct Network {
    name: String,
    hosts: usize,
}

impl Network {
    /// Hosts 0, 1, … on one bridge. Prints the reason where this system does not allow it.
    pub(crate) fn new(hosts: usize) -> Option<Rc<Self>> {
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let network = Self { name: format!("peer-{}-{number}", std::process::id()), hosts };
        match network.build() {
            Ok(()) => Some(Rc::new(network)),
            Err(why) => {
                skipped("no hosts can be made here", &why);
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        let hub = self.hub();
        ip(&["netns", "add", &hub])?;
        for side in 0..SIDES {
            let bridge = bridge(side);
            ip(&["-n", &hub, "link", "add", &bridge, "type", "bridge"])?;
            ip(&["-n", &hub, "link", "set", &bridge, "up"])?;
        }
        for host in 0..self.hosts {
            let (name, port, address) = (self.host(host), port(host), format!("{}/24", address(host)));
            ip(&["netns", "add", &name])?;
            ip(&["-n", &hub, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &name])?;
            ip(&["-n", &hub, "link", "set", &port, "master", &bridge(0), "up"])?;
            ip(&["-n", &name, "address", "add", &address, "broadcast", "+", "dev", "eth0"])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
            ip(&["-n", &name, "link", "set", "eth0", "up"])?;
        }
        ip(&["netns", "exec", &hub, "true"])
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.name)
    }

    fn host(&self, host: usize) -> String {
        format!("{}-{host}", self.name)
    }

    /// Plugs a host into the bridge of this side. Hosts of different sides cannot reach each other.
    pub(crate) fn plug(&self, host: usize, side: usize) {
        must(&["-n", &self.hub(), "link", "set", &port(host), "master", &bridge(side)]);
    }

    /// From now on, what one host sends to the other alone is lost; broadcasts arrive.
    pub(crate) fn lose(&self, from: usize, to: usize) {
        let to = address(to);
        must(&["-n", &self.host(from), "neigh", "replace", &to, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent"]);
    }

    /// Ends what [`Network::lose`] began.
    pub(crate) fn find(&self, from: usize, to: usize) {
        must(&["-n", &self.host(from), "neigh", "del", &address(to), "dev", "eth0"]);
    }

    /// From now on, these hosts do not reach each other; all others reach all.
    pub(crate) fn keep_apart(&self, hosts: &[usize]) {
        for host in hosts {
            must(&["-n", &self.hub(), "link", "set", &port(*host), "type", "bridge_slave", "isolated", "on"]);
        }
    }

    /// A host gets another address instead of its present one.
    pub(crate) fn renumber(&self, host: usize) {
        let (name, old, new) = (self.host(host), format!("{}/24", address(host)), format!("10.77.0.{}/24", host + 101));
        must(&["-n", &name, "address", "del", &old, "dev", "eth0"]);
        must(&["-n", &name, "address", "add", &new, "broadcast", "+", "dev", "eth0"]);
    }

    /// Sets whether a host hears broadcasts. What it sends arrives in any case.
    pub(crate) fn hear(&self, host: usize, hears: bool) {
        let flood = if hears { "on" } else { "off" };
        must(&["-n", &self.hub(), "link", "set", &port(host), "type", "bridge_slave", "bcast_flood", flood]);
    }

    /// A station on a host. Its peer starts with these options and is fed on standard input.
    pub(crate) fn station(
        self: &Rc<Self>,
        group: &Rc<Group>,
        host: usize,
        id: &str,
        options: &'static [&'static str],
    ) -> Station {
        let (network, group, name) = (Rc::clone(self), Rc::clone(group), id.to_owned());
        let recorder = Arc::clone(&group.recorder);
        Station::new(id, &recorder, move || {
            // `ip` becomes the peer.
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &network.host(host), env!("CARGO_BIN_EXE_peer")]);
            group.complete(&mut command, &name);
            command.args(["--sensor", "stdin"]).args(options);
            Peer::start(&name, command, group.data_of(&name))
        })
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in 0..self.hosts {
            // A host that was not made need not be removed.
            let _ = ip(&["netns", "del", &self.host(host)]);
        }
        let _ = ip(&["netns", "del", &self.hub()]);
    }
}

fn bridge(side: usize) -> String {
    format!("side{side}")
}

fn port(host: usize) -> String {
    format!("port{host}")
}

fn address(host: usize) -> String {
    format!("10.77.0.{}", host + 1)
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output =
        Command::new("ip").args(arguments).stdin(Stdio::null()).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

/// Runs `ip`: what worked when the network was made must still work.
fn must(arguments: &[&str]) {
    ip(arguments).unwrap_or_else(|why| panic!("{why}"));
}
