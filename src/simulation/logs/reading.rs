//! Reads the JSON lines of peers' logs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::{Asked, LogsError};
use crate::protocol::Standing;
use crate::simulation::page::StateEntry;
use crate::simulation::record::Way;

/// All that logs tell, each kind in the order of the files; times are microseconds since 1970, hosts are places in `names`.
#[derive(Debug, Default)]
pub(super) struct Logs {
    pub(super) names: Vec<String>,
    pub(super) said: Vec<Said>,
    pub(super) heard: Vec<Heard>,
    pub(super) stands: Vec<Stands>,
    pub(super) lines: Vec<LogLine>,
    /// The last line of each host.
    pub(super) last: Vec<i64>,
    /// Whether the log of each host also has messages, in the life of the peer that is being read.
    pub(super) talks: Vec<bool>,
    /// Hosts whose clocks were changed while they logged; of two, it may be one.
    pub(super) changed: Vec<usize>,
    /// Lines that are not of a peer's log.
    pub(super) others: u64,
}

#[derive(Debug)]
pub(super) struct Said {
    pub(super) at: i64,
    pub(super) host: usize,
    /// `None` where that is not known.
    pub(super) to: Option<usize>,
    pub(super) way: Way,
    pub(super) text: String,
    /// The place in `heard` of the message that it arrived as.
    pub(super) heard: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Heard {
    pub(super) at: i64,
    pub(super) host: usize,
    pub(super) from: Option<usize>,
    pub(super) way: Way,
    pub(super) text: String,
}

/// What a host is from then on, for the page, which counts times in its own way.
#[derive(Debug)]
pub(super) struct Stands {
    pub(super) at: i64,
    pub(super) state: StateEntry,
}

#[derive(Debug)]
pub(super) struct LogLine {
    pub(super) at: i64,
    pub(super) host: usize,
    pub(super) text: String,
}

/// Reads all files.
pub(super) fn read(asked: &Asked) -> Result<Logs, LogsError> {
    let (mut logs, mut hosts) = (Logs::default(), BTreeMap::new());
    let mut files = asked.files.iter().map(|path| Ok((begin(path)?, path))).collect::<Result<Vec<_>, LogsError>>()?;
    // One of a peer may go on in the next.
    files.sort();
    let range = asked.from.saturating_mul(1000)..=asked.to.saturating_mul(1000);
    for (_, path) in files {
        for_each_line(path, |bytes| {
            match entry(bytes) {
                Some(entry) if range.contains(&entry.at) => logs.take(&entry, &mut hosts),
                Some(_) => {}
                None => logs.others += 1,
            }
            true
        })?;
    }
    logs.sort_hosts();
    Ok(logs)
}

/// Hands over line after line, until one is enough.
fn for_each_line(path: &Path, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), LogsError> {
    let cause = |cause| LogsError::Read { path: path.to_owned(), cause };
    let mut file = BufReader::new(File::open(path).map_err(cause)?);
    let mut bytes = Vec::new();
    while file.read_until(b'\n', &mut bytes).map_err(cause)? > 0 && take(&bytes) {
        bytes.clear();
    }
    Ok(())
}

/// When a log begins.
fn begin(path: &Path) -> Result<i64, LogsError> {
    let mut begin = None;
    for_each_line(path, |bytes| {
        begin = entry(bytes).map(|entry| entry.at);
        begin.is_none()
    })?;
    begin.ok_or_else(|| LogsError::NoLog { path: path.to_owned() })
}

/// A line of a log.
struct Entry {
    at: i64,
    peer: String,
    object: Value,
}

impl Entry {
    fn text(&self, name: &str) -> Option<&str> {
        self.object.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.object.get(name)?.as_u64()
    }

    fn members(&self) -> Option<Vec<&str>> {
        self.object.get("members")?.as_array().map(|members| members.iter().filter_map(Value::as_str).collect())
    }
}

/// `None`: it is not a line of a peer's log in JSON. The journal of systemd has a priority before each.
fn entry(bytes: &[u8]) -> Option<Entry> {
    let begin = bytes.iter().take(4).position(|byte| *byte == b'{')?;
    let object: Value = serde_json::from_slice(&bytes[begin..]).ok()?;
    let time: Timestamp = object.get("ts")?.as_str()?.parse().ok()?;
    let peer = object.get("peer")?.as_str()?.to_owned();
    let micros = object.get("micros").and_then(Value::as_i64).filter(|at| Timestamp::from_microsecond(*at).is_ok());
    Some(Entry { at: micros.unwrap_or_else(|| time.as_microsecond()), peer, object })
}

impl Logs {
    fn host(&mut self, name: &str, hosts: &mut BTreeMap<String, usize>) -> usize {
        if let Some(host) = hosts.get(name) {
            return *host;
        }
        hosts.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.last.push(i64::MIN);
        self.talks.push(false);
        self.names.len() - 1
    }

    fn take(&mut self, entry: &Entry, hosts: &mut BTreeMap<String, usize>) {
        let (at, host) = (entry.at, self.host(&entry.peer, hosts));
        self.last[host] = self.last[host].max(at);
        let Some(event) = entry.text("event") else { return };
        let way = entry.text("way").and_then(Way::named);
        match (event, way) {
            ("said", Some(way)) => {
                self.talks[host] = true;
                let to = entry.text("to").map(|to| self.host(to, hosts));
                let text = entry.text("text").unwrap_or_default().to_owned();
                self.said.push(Said { at, host, to, way, text, heard: None });
            }
            ("heard", Some(way)) => {
                self.talks[host] = true;
                let from = entry.text("from").map(|from| self.host(from, hosts));
                let text = entry.text("text").unwrap_or_default().to_owned();
                self.heard.push(Heard { at, host, from, way, text });
            }
            _ => {
                if matches!(event, "peer_id" | "stopped" | "fatal") {
                    // Another life may be logged at another level.
                    self.talks[host] = false;
                }
                // If each change is logged, what follows from other events is not needed.
                let talks = self.talks[host];
                let state = state(entry, host, event).filter(|state| state.log.is_some() || !talks);
                self.stands.extend(state.map(|state| Stands { at, state }));
                let quiet = matches!(entry.text("level"), Some("debug" | "trace"));
                if let Some(text) = entry.text("message").filter(|_| !quiet) {
                    self.lines.push(LogLine { at, host, text: text.replace('\n', " · ") });
                }
            }
        }
    }

    /// Hosts come in the order of their names, however files were given.
    fn sort_hosts(&mut self) {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by_key(|host| &self.names[*host]);
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, host)| places[*host] = place);
        self.names = order.iter().map(|host| self.names[*host].clone()).collect();
        self.last = order.iter().map(|host| self.last[*host]).collect();
        self.talks = order.iter().map(|host| self.talks[*host]).collect();
        for said in &mut self.said {
            (said.host, said.to) = (places[said.host], said.to.map(|to| places[to]));
        }
        for heard in &mut self.heard {
            (heard.host, heard.from) = (places[heard.host], heard.from.map(|from| places[from]));
        }
        self.stands.iter_mut().for_each(|stands| stands.state.host = places[stands.state.host]);
        self.lines.iter_mut().for_each(|line| line.host = places[line.host]);
    }

    /// Sets back what the clock of each host is ahead, in microseconds.
    pub(super) fn set_back(&mut self, ahead: &[i64]) {
        self.said.iter_mut().for_each(|said| said.at = said.at.saturating_sub(ahead[said.host]));
        self.heard.iter_mut().for_each(|heard| heard.at = heard.at.saturating_sub(ahead[heard.host]));
        self.stands.iter_mut().for_each(|stands| stands.at = stands.at.saturating_sub(ahead[stands.state.host]));
        self.lines.iter_mut().for_each(|line| line.at = line.at.saturating_sub(ahead[line.host]));
        self.last.iter_mut().zip(ahead).for_each(|(last, ahead)| *last = last.saturating_sub(*ahead));
    }

    /// The first time and the last one.
    pub(super) fn span(&self) -> Option<(i64, i64)> {
        let said = self.said.iter().map(|said| said.at);
        let heard = self.heard.iter().map(|heard| heard.at);
        let stands = self.stands.iter().map(|stands| stands.at);
        let all = said.chain(heard).chain(stands).chain(self.lines.iter().map(|line| line.at));
        let (first, last) = all.fold((i64::MAX, i64::MIN), |(first, last), at| (first.min(at), last.max(at)));
        (first <= last).then_some((first, last))
    }
}

/// What an event says about its peer: at `trace` each change, otherwise what follows from the lines about the group.
fn state(entry: &Entry, host: usize, event: &str) -> Option<StateEntry> {
    let plain = |is| Some(StateEntry { host, is, ..StateEntry::default() });
    match event {
        "stands" => Some(StateEntry {
            is: Standing::ALL.map(Standing::word).into_iter().find(|word| entry.text("is") == Some(word))?,
            term: entry.text("term").map(str::to_owned),
            members: entry.members()?.join(" "),
            taken: entry.number("taken"),
            log: entry.number("last"),
            committed: entry.number("committed"),
            delivered: entry.number("delivered"),
            ..plain("")?
        }),
        "view" => {
            let leads = entry.object.get("leads").and_then(Value::as_bool)?;
            let term = entry.number("term").zip(entry.text("leader")).map(|(term, leader)| format!("{term}@{leader}"));
            let members = entry.members()?.into_iter().rev().collect::<Vec<_>>().join(" ");
            Some(StateEntry { term, members, ..plain(if leads { "leads" } else { "member" })? })
        }
        "peer_id" | "suspended" => plain("seeks"),
        "leader_silent" | "leader_gone" => plain("elects"),
        "coordinator_heard" => plain("promised"),
        "election_won" => plain("proposes"),
        "stopped" | "fatal" => plain("down"),
        _ => None,
    }
}
