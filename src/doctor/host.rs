//! What this host has for a peer: open files, a disk, networks, a port.

use std::io::{self, Write};
use std::net::TcpListener;

use super::findings::Findings;
use super::others::Running;
use super::Asked;
use crate::descriptors::{Budget, Uses};
use crate::net;
use crate::status::report::LOW_DISK_BYTES;
use crate::storage::Room;

/// Room for fewer peers than this is a warning.
const PEERS_ENOUGH: usize = 32;

pub(super) fn limits(findings: &mut Findings) -> io::Result<()> {
    match Budget::of_process(Uses::default()) {
        Ok(budget) if budget.peers < PEERS_ENOUGH => findings.warned(
            "limits",
            &format!("open files are enough for {} peers; raise the limit (ulimit -n) for more", budget.peers),
        ),
        Ok(budget) => findings.fine("limits", &format!("open files are enough for {} peers", budget.peers)),
        Err(error) => findings.failed("limits", &error.to_string()),
    }
}

pub(super) fn disk(asked: &Asked, findings: &mut Findings) -> io::Result<()> {
    let dir = &asked.data_dir;
    let shown = dir.display();
    // A directory that does not exist yet is made below one that does.
    let there = dir.ancestors().find(|path| path.exists()).filter(|path| !path.as_os_str().is_empty());
    let there = there.unwrap_or_else(|| std::path::Path::new("."));
    if !there.is_dir() {
        return findings.failed("disk", &format!("{} is no directory; give another --data-dir", there.display()));
    }
    if let Err(error) = tempfile::tempfile_in(there).and_then(|mut probe| probe.write_all(b"x")) {
        let text = format!(
            "nothing can be written to {}: {error}; check its owner, or give another --data-dir",
            there.display()
        );
        return findings.failed("disk", &text);
    }
    match Room::of(there) {
        Ok(disk) if disk.free < LOW_DISK_BYTES => {
            findings.warned("disk", &format!("{} MiB are left for {shown}; make room", disk.free >> 20))
        }
        Ok(disk) => findings.fine("disk", &format!("{} MiB are left for {shown}", disk.free >> 20)),
        Err(_) => findings.fine("disk", &format!("{shown} can be written")),
    }
}

pub(super) fn networks(asked: &Asked, findings: &mut Findings) -> io::Result<()> {
    if asked.bind.is_ipv6() && asked.broadcast_address.is_none() {
        let text = format!("{} is IPv6, which has no broadcast: peers find each other by --join only", asked.bind);
        return findings.fine("networks", &text);
    }
    match net::broadcast_networks() {
        Ok(networks) if networks.is_empty() => findings.warned(
            "networks",
            "no network with broadcast is up: only peers of this host find each other, others by --join",
        ),
        Ok(networks) => {
            let all: Vec<String> =
                networks.iter().map(|(local, broadcast)| format!("{local} (to {broadcast})")).collect();
            findings.fine("networks", &all.join(", "))
        }
        Err(error) => findings.failed("networks", &format!("they cannot be listed: {error}")),
    }
}

/// Listens as a peer would; at another port where a running peer has the wanted one.
pub(super) fn tcp(asked: &Asked, running: &[Running], findings: &mut Findings) -> io::Result<Option<TcpListener>> {
    let first = net::listen(asked.bind, asked.port);
    let (listener, endpoint) = match first {
        Ok(listening) => listening,
        Err(error) => {
            let owner = running.iter().find(|peer| peer.endpoint.port() == asked.port);
            if let Some(peer) = owner {
                findings.fine("tcp", &format!("port {} is peer {}'s", asked.port, peer.name))?;
            } else {
                let text = format!(
                    "cannot listen at {} port {}: {error}; give another --port or --bind",
                    asked.bind, asked.port
                );
                findings.failed("tcp", &text)?;
            }
            match net::listen(asked.bind, 0) {
                Ok(listening) => listening,
                Err(_) => return Ok(None),
            }
        }
    };
    if asked.port == 0 {
        let text =
            format!("a port is free ({}); behind a firewall give peers a fixed --port and open it", endpoint.port());
        findings.fine("tcp", &text)?;
    } else if endpoint.port() == asked.port {
        findings.fine("tcp", &format!("listens at {endpoint}"))?;
    }
    Ok(Some(listener))
}
