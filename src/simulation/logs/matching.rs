//! Which message that was said arrived as which that was heard, and by how much the clocks of hosts differ.

use std::collections::{BTreeMap, VecDeque};

use super::reading::{Heard, Logs, Said};
use crate::simulation::record::Way;

/// What is the same where a message is said and where it is heard. Addresses differ: each side knows its own.
fn key(way: Way, text: &str) -> String {
    let parts: Vec<&str> = text.split(':').collect();
    match (way, parts.first()) {
        (Way::Connection, Some(&"HELLO")) => format!("HELLO:{}", parts[parts.len() - 1]),
        (Way::Connection, _) => text.to_owned(),
        // Its nonce, and who answers: one question may go to several addresses.
        (Way::Question, Some(&"HERE")) => {
            [&parts[..parts.len().min(2)], parts.get(5..6).unwrap_or_default()].concat().join(":")
        }
        (Way::Question, _) => parts[..parts.len().min(2)].join(":"),
        // Whose it is.
        (Way::Datagram, _) => parts[..parts.len().min(3)].join(":"),
    }
}

impl Said {
    pub(super) fn key(&self) -> String {
        key(self.way, &self.text)
    }
}

impl Heard {
    pub(super) fn key(&self) -> String {
        key(self.way, &self.text)
    }
}

/// Finds what became of each message, and returns by how many microseconds the clock of each host is ahead of
/// others; 0 where no message shows a difference.
pub(super) fn ahead(logs: &mut Logs) -> Vec<i64> {
    on_connections(logs);
    questions(logs);
    let ahead = differences(logs);
    datagrams(logs, &ahead);
    ahead
}

/// What is said on connections arrives in its order, or not at all.
fn on_connections(logs: &mut Logs) {
    let mut underway: BTreeMap<(usize, usize, String), VecDeque<usize>> = BTreeMap::new();
    for (place, said) in logs.said.iter().enumerate().filter(|(_, said)| said.way == Way::Connection) {
        if let Some(to) = said.to {
            underway.entry((said.host, to, said.key())).or_default().push_back(place);
        }
    }
    let mut arrived: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (number, heard) in logs.heard.iter().enumerate().filter(|(_, heard)| heard.way == Way::Connection) {
        let Some(from) = heard.from else { continue };
        let reached = arrived.entry((from, heard.host)).or_default();
        let Some(same) = underway.get_mut(&(from, heard.host, heard.key())) else { continue };
        // What was said before the last that arrived is lost.
        while same.front().is_some_and(|place| place < reached) {
            same.pop_front();
        }
        if let Some(place) = same.pop_front() {
            *reached = place;
            logs.said[place].heard = Some(number);
        }
    }
}

/// A question that goes to several addresses is heard as what was said last before.
fn questions(logs: &mut Logs) {
    let mut asked: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    // Why somebody is refused has no nonce.
    let has_nonce = |text: &str| text.starts_with("WHO:") || text.starts_with("HERE:");
    for (place, said) in logs.said.iter().enumerate() {
        if said.way == Way::Question && has_nonce(&said.text) {
            asked.entry(said.key()).or_default().push(place);
        }
    }
    for (number, heard) in logs.heard.iter().enumerate().filter(|(_, heard)| heard.way == Way::Question) {
        let Some(places) = asked.get_mut(&heard.key()).filter(|places| !places.is_empty()) else { continue };
        let before = places.partition_point(|place| logs.said[*place].at <= heard.at);
        let said = &mut logs.said[places.remove(before.saturating_sub(1))];
        (said.to, said.heard) = (Some(heard.host), Some(number));
    }
}

/// A datagram goes to all: one arrow for each that hears it, from the last that was said before.
fn datagrams(logs: &mut Logs, ahead: &[i64]) {
    let mut said: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, one) in logs.said.iter().enumerate().filter(|(_, said)| said.way == Way::Datagram) {
        said.entry(one.key()).or_default().push(place);
    }
    let mut more = Vec::new();
    for (number, heard) in logs.heard.iter().enumerate().filter(|(_, heard)| heard.way == Way::Datagram) {
        let Some(places) = said.get(&heard.key()) else { continue };
        let at = heard.at.saturating_sub(ahead[heard.host]);
        let before =
            places.partition_point(|place| logs.said[*place].at.saturating_sub(ahead[logs.said[*place].host]) <= at);
        let one = &logs.said[places[before.saturating_sub(1)]];
        if one.host != heard.host {
            let text = one.text.clone();
            more.push(Said {
                at: one.at,
                host: one.host,
                to: Some(heard.host),
                way: one.way,
                text,
                heard: Some(number),
            });
        }
    }
    logs.said.extend(more);
}

/// Clocks are set right only where a message would arrive before it is said. The quickest message each way is taken to be
/// on its way for the same time.
fn differences(logs: &Logs) -> Vec<i64> {
    let mut quickest: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for said in &logs.said {
        let (Some(to), Some(heard), Way::Connection) = (said.to, said.heard, said.way) else { continue };
        let took = logs.heard[heard].at - said.at;
        quickest.entry((said.host, to)).and_modify(|least| *least = took.min(*least)).or_insert(took);
    }
    let mut ahead = vec![0; logs.names.len()];
    if quickest.values().all(|took| *took >= 0) {
        return ahead;
    }
    let mut known = vec![false; ahead.len()];
    for first in 0..ahead.len() {
        let mut next = VecDeque::from_iter((!std::mem::replace(&mut known[first], true)).then_some(first));
        while let Some(host) = next.pop_front() {
            for other in 0..ahead.len() {
                let both = quickest.get(&(host, other)).zip(quickest.get(&(other, host)));
                if let Some((there, back)) = both.filter(|_| !known[other]) {
                    known[other] = true;
                    ahead[other] = i64::saturating_add(ahead[host], (there - back) / 2);
                    next.push_back(other);
                }
            }
        }
    }
    ahead
}
