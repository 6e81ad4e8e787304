//! Which message that was said arrived as which that was heard, and by how much the clocks of hosts differ.

use std::collections::{BTreeMap, VecDeque};

use super::reading::{Heard, Logs, Said};
use crate::simulation::record::Way;

/// By how many microseconds a message may still arrive before it is said once clocks are set right: the two ways do not
/// take the same time.
const TOLERATED: i64 = 10_000;

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
        // Its first fields name its sender.
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
/// others; 0 where no message shows a difference, or where that changed.
pub(super) fn ahead(logs: &mut Logs) -> Vec<i64> {
    on_connections(logs);
    questions(logs);
    let (ahead, changed) = differences(logs);
    logs.changed = changed;
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

/// From which host to which, and the time of the quickest message.
type Quickest = BTreeMap<(usize, usize), i64>;

/// Clocks are set right only if a message would arrive before it is said. The quickest message each way is assumed to
/// take the same time. Returns by how much each is ahead, and which were changed while the logs were written.
fn differences(logs: &Logs) -> (Vec<i64>, Vec<usize>) {
    let mut quickest = Quickest::new();
    for said in &logs.said {
        let (Some(to), Some(heard), Way::Connection) = (said.to, said.heard, said.way) else { continue };
        let took = logs.heard[heard].at.saturating_sub(said.at);
        quickest.entry((said.host, to)).and_modify(|least| *least = took.min(*least)).or_insert(took);
    }
    let hosts = logs.names.len();
    let mut changed = Vec::new();
    if quickest.values().all(|took| *took >= 0) {
        return (vec![0; hosts], changed);
    }
    // Something is known only where messages went both ways.
    let both = quickest.iter().filter(|((from, to), _)| quickest.contains_key(&(*to, *from)));
    let mut quickest: Quickest = both.map(|(way, took)| (*way, *took)).collect();
    loop {
        let ahead = set_right(&quickest, hosts);
        let mut wrong = vec![0; hosts];
        for ((from, to), took) in &quickest {
            if took.saturating_add(ahead[*from]).saturating_sub(ahead[*to]) < -TOLERATED {
                wrong[*from] += 1;
                wrong[*to] += 1;
            }
        }
        let most = wrong.iter().copied().max().unwrap_or(0);
        if most == 0 {
            changed.sort_unstable();
            return (ahead, changed);
        }
        // Nobody can tell which of two was changed.
        let left_alone: Vec<usize> = (0..hosts).filter(|host| wrong[*host] == most).collect();
        quickest.retain(|(from, to), _| !left_alone.contains(from) && !left_alone.contains(to));
        changed.extend(left_alone);
    }
}

/// By how much the clock of each host is ahead of those that it talks with, from the first host on.
fn set_right(quickest: &Quickest, hosts: usize) -> Vec<i64> {
    let (mut ahead, mut known) = (vec![0; hosts], vec![false; hosts]);
    for first in 0..hosts {
        let mut next = VecDeque::from_iter((!std::mem::replace(&mut known[first], true)).then_some(first));
        while let Some(host) = next.pop_front() {
            for other in 0..hosts {
                let both = quickest.get(&(host, other)).zip(quickest.get(&(other, host)));
                if let Some((there, back)) = both.filter(|_| !known[other]) {
                    known[other] = true;
                    ahead[other] = i64::saturating_add(ahead[host], there.saturating_sub(*back) / 2);
                    next.push_back(other);
                }
            }
        }
    }
    ahead
}
