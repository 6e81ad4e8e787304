//! The networks that this host is on, and how one datagram reaches all hosts of each.

use std::io;
use std::net::Ipv4Addr;

use if_addrs::IfAddr;

/// One IPv4 network with broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    /// This host's address there.
    pub(super) local: Ipv4Addr,
    pub(super) broadcast: Ipv4Addr,
}

/// The networks of all interfaces that are up, loopback aside. Each network is listed once, however many addresses this
/// host has there: one of them is enough to be found by.
pub(super) fn networks() -> io::Result<Vec<Network>> {
    let mut networks: Vec<Network> = Vec::new();
    for interface in if_addrs::get_if_addrs()? {
        if !interface.is_oper_up() || interface.is_p2p() || interface.is_loopback() {
            continue;
        }
        let IfAddr::V4(address) = interface.addr else { continue };
        let found = broadcast(address.ip, address.prefixlen, address.broadcast);
        if let Some(broadcast) = found.filter(|found| networks.iter().all(|network| network.broadcast != *found)) {
            networks.push(Network { local: address.ip, broadcast });
        }
    }
    Ok(networks)
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

    #[test]
    fn the_networks_of_this_host_are_listed_once_each_and_loopback_is_none_of_them() {
        let networks = networks().unwrap();
        for (at, network) in networks.iter().enumerate() {
            assert!(!network.local.is_loopback() && network.local != network.broadcast, "{network:?}");
            assert!(networks[..at].iter().all(|other| other.broadcast != network.broadcast), "{networks:?}");
        }
    }
}
