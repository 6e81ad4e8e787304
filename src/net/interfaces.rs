//! The networks that this host is on, and how one datagram reaches all hosts of each.

use std::io;
use std::net::Ipv4Addr;

use if_addrs::{IfAddr, Interface};

/// One IPv4 network with broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    /// This host's address there.
    pub(super) local: Ipv4Addr,
    pub(super) broadcast: Ipv4Addr,
}

/// The networks that this host is on.
pub(super) fn networks() -> io::Result<Vec<Network>> {
    if_addrs::get_if_addrs().map(networks_of)
}

/// The networks of all interfaces that are up, loopback aside. Each network is listed once, however many addresses this
/// host has there: one of them is enough to be found by.
fn networks_of(interfaces: Vec<Interface>) -> Vec<Network> {
    let mut networks: Vec<Network> = Vec::new();
    for interface in interfaces {
        if !interface.is_oper_up() || interface.is_p2p() || interface.is_loopback() {
            continue;
        }
        let IfAddr::V4(address) = interface.addr else { continue };
        let found = broadcast(address.ip, address.prefixlen, address.broadcast);
        if let Some(broadcast) = found.filter(|found| networks.iter().all(|network| network.broadcast != *found)) {
            networks.push(Network { local: address.ip, broadcast });
        }
    }
    networks
}

/// This host's address and the broadcast address of each network that discovery goes to.
///
/// # Errors
/// The system's.
pub fn broadcast_networks() -> io::Result<Vec<(Ipv4Addr, Ipv4Addr)>> {
    Ok(networks()?.into_iter().map(|network| (network.local, network.broadcast)).collect())
}

/// The broadcast address of the network of `local`: the one that the interface states, or else the highest address of
/// the network. Some systems state none, or the host's own address, unless it was configured by hand.
fn broadcast(local: Ipv4Addr, prefix: u8, stated: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
    let highest = || (1..31).contains(&prefix).then(|| Ipv4Addr::from_bits(local.to_bits() | (u32::MAX >> prefix)));
    stated.filter(|stated| *stated != local && !stated.is_unspecified()).or_else(highest)
}

#[cfg(test)]
mod tests {
    #[cfg(not(windows))]
    use std::net::Ipv6Addr;

    #[cfg(not(windows))]
    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    #[test]
    fn the_broadcast_address_is_the_stated_one_or_else_the_highest_of_the_network() {
        let given = |stated: &str| Some(stated.parse().unwrap());
        for (local, prefix, stated, expected) in [
            ("192.168.1.5", 24, given("192.168.1.255"), Some("192.168.1.255")),
            ("192.168.1.5", 24, given("192.168.255.255"), Some("192.168.255.255")),
            ("192.168.1.5", 24, given("192.168.1.5"), Some("192.168.1.255")),
            ("192.168.1.5", 24, given("0.0.0.0"), Some("192.168.1.255")),
            ("172.16.9.1", 12, None, Some("172.31.255.255")),
            ("10.0.0.4", 30, None, Some("10.0.0.7")),
            ("10.0.0.4", 31, None, None),
            ("10.0.0.4", 32, given("10.0.0.4"), None),
            ("10.0.0.4", 0, None, None),
        ] {
            let found = broadcast(local.parse().unwrap(), prefix, stated).map(|found| found.to_string());
            assert_eq!(found.as_deref(), expected, "{local}/{prefix} {stated:?}");
        }
    }

    /// An interface that is up.
    #[cfg(not(windows))]
    fn interface(local: &str) -> Interface {
        let (ip, prefixlen) = (local.parse().unwrap(), 24);
        let addr = IfAddr::V4(Ifv4Addr { ip, netmask: Ipv4Addr::new(255, 255, 255, 0), prefixlen, broadcast: None });
        Interface { name: "x".to_owned(), addr, index: None, oper_status: IfOperStatus::Up, is_p2p: false }
    }

    #[cfg(not(windows))]
    #[test]
    fn a_network_counts_once_and_only_where_it_can_be_heard() {
        let of_ipv6 =
            Ifv6Addr { ip: "fd00::7".parse().unwrap(), netmask: Ipv6Addr::UNSPECIFIED, prefixlen: 64, broadcast: None };
        let interfaces = vec![
            Interface { oper_status: IfOperStatus::Down, ..interface("10.0.1.2") },
            Interface { is_p2p: true, ..interface("10.0.2.2") },
            interface("127.0.0.1"),
            Interface { addr: IfAddr::V6(of_ipv6), ..interface("10.0.3.2") },
            interface("10.0.4.2"),
            interface("10.0.5.2"),
            interface("10.0.4.9"),
        ];
        let found = networks_of(interfaces);
        let found: Vec<String> =
            found.iter().map(|network| format!("{} {}", network.local, network.broadcast)).collect();
        assert_eq!(found, ["10.0.4.2 10.0.4.255", "10.0.5.2 10.0.5.255"]);
    }

    #[test]
    fn the_networks_of_this_host_are_those_of_its_interfaces() {
        let listed = || networks_of(if_addrs::get_if_addrs().unwrap());
        let addresses = |networks: &[Network]| {
            networks.iter().map(|network| (network.local, network.broadcast)).collect::<Vec<_>>()
        };
        // One may come or go meanwhile.
        let agree =
            |found: &[Network]| networks().unwrap() == found && broadcast_networks().unwrap() == addresses(found);
        assert!((0..10).any(|_| agree(&listed())));
    }
}
