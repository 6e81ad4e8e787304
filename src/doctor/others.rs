//! Other peers: on this host, heard, or named. Each is asked over TCP what it knows. Also compares their clocks.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use super::ear::Heard;
use super::findings::Findings;
use super::Asked;
use crate::elapsed::Elapsed;
use crate::inquiry;
use crate::keys::Keys;
use crate::net;
use crate::selection::peers_below;
use crate::status::Report;
use crate::storage::occupant;

/// Clocks that differ by more are a warning.
const CLOCKS_MAX_SECONDS: f64 = 5.0;

/// A peer of this host.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) name: String,
    pub(super) endpoint: SocketAddr,
}

pub(super) fn of_this_host(asked: &Asked, keys: Option<&Keys>, findings: &mut Findings) -> io::Result<Vec<Running>> {
    let mut running = Vec::new();
    let directories =
        if asked.data_dir.exists() { peers_below(&asked.data_dir).unwrap_or_default() } else { Vec::new() };
    for directory in directories {
        let Some(endpoint) = occupant(&directory).and_then(|occupant| occupant.endpoint) else { continue };
        let at = inquiry::here(endpoint);
        match inquiry::ask(at, keys) {
            Ok(report) => {
                findings.fine("here", &format!("{} runs: {}", report.peer, report.summary))?;
                running.push(Running { name: report.peer, endpoint });
            }
            Err(why) => {
                let name = directory.display().to_string();
                findings.warned("here", &format!("the peer of {name} runs, and does not answer: {why}"))?;
                running.push(Running { name, endpoint });
            }
        }
    }
    Ok(running)
}

/// Asks each peer that was heard, at the address where it says that it listens.
pub(super) fn over_tcp(asked: &Asked, keys: Option<&Keys>, heard: &Heard, findings: &mut Findings) -> io::Result<()> {
    if heard.peers.is_empty() {
        let text = format!(
            "nobody of the group {} is heard; where others run, their broadcasts do not come here: open UDP {} on both hosts, or \
             use --join",
            asked.group, asked.broadcast_port
        );
        return if asked.join.is_empty() { findings.warned("peers", &text) } else { findings.fine("peers", &text) };
    }
    let mut reached = BTreeSet::new();
    for (id, endpoint) in &heard.peers {
        match inquiry::ask(*endpoint, keys) {
            Ok(report) => {
                reached.insert(endpoint.ip());
                findings.fine("peers", &format!("{id} is heard, and answers at {endpoint}: {}", report.summary))?;
                clock(&report, findings)?;
            }
            Err(why) => {
                let text = format!(
                    "{id} is heard, and cannot be reached at {endpoint} over TCP: {why}; give it a fixed --port and open it there"
                );
                findings.failed("peers", &text)?;
            }
        }
    }
    back(&reached, heard, findings)
}

/// Do the peers that this host reaches also reach it? A leader that hears a seeker asks it over TCP.
fn back(reached: &BTreeSet<IpAddr>, heard: &Heard, findings: &mut Findings) -> io::Result<()> {
    if heard.callers.is_empty() {
        // If nobody is reached, another line says so.
        if reached.is_empty() {
            return Ok(());
        }
        let text = "nobody asked back over TCP: a firewall of this host may drop what comes in; give peers a fixed --port and open it";
        return findings.warned("back", text);
    }
    let from: Vec<String> = heard.callers.iter().map(ToString::to_string).collect();
    findings.fine("back", &format!("asked over TCP from {}", from.join(", ")))
}

/// The option of a peer, in words.
pub(super) fn with_quorum(quorum: Option<u32>) -> String {
    quorum.map_or_else(|| "no --quorum".to_owned(), |quorum| format!("--quorum {quorum}"))
}

/// Asks the peers that `--join` names.
pub(super) fn joined(asked: &Asked, keys: Option<&Keys>, findings: &mut Findings) -> io::Result<()> {
    for address in &asked.join {
        let endpoints = match net::resolve(address) {
            Ok(endpoints) => endpoints,
            Err(error) => {
                findings.failed("join", &format!("{address}: {error}; check the name, or give the address"))?;
                continue;
            }
        };
        let mut why = "no address".to_owned();
        let answer =
            endpoints.into_iter().find_map(|endpoint| inquiry::ask(endpoint, keys).map_err(|error| why = error).ok());
        match answer {
            Some(report) if report.group != asked.group => {
                let text = format!(
                    "{address} is of the group {}, not of {}; give the same --group",
                    report.group, asked.group
                );
                findings.failed("join", &text)?;
            }
            Some(report) if report.quorum != asked.quorum => {
                let text = format!("{address} runs with {}; give all peers the same", with_quorum(report.quorum));
                findings.failed("join", &text)?;
            }
            Some(report) => {
                findings.fine("join", &format!("{address} answers: {} of {}", report.peer, report.summary))?;
                clock(&report, findings)?;
            }
            None => findings.failed("join", &format!("{address}: {why}"))?,
        }
    }
    Ok(())
}

/// The order does not depend on clocks; the times of readings that come without one do.
fn clock(report: &Report, findings: &mut Findings) -> io::Result<()> {
    let (Ok(theirs), Ok(ours)) = (report.now.parse::<jiff::Timestamp>(), jiff::Timestamp::try_from(SystemTime::now()))
    else {
        return Ok(());
    };
    let seconds = ours.duration_since(theirs).as_secs_f64();
    if seconds.abs() <= CLOCKS_MAX_SECONDS {
        return Ok(());
    }
    let by = Elapsed(std::time::Duration::from_secs_f64(seconds.abs()));
    let which = if seconds > 0.0 { "behind" } else { "ahead of" };
    findings.warned("clock", &format!("the clock of {} is {by} {which} this host's; set them by NTP", report.peer))
}
