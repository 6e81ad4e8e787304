//! A [`Record`] as a person reads it: what happened, line by line.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::protocol::{Event as PeerEvent, Standing, Time};
use crate::simulation::fault::Fault;
use crate::simulation::record::{verb, HostState, Moment, Record, Way, What};

/// How much is told; each level tells all of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Faults, and what peers log.
    Events,
    /// What peers say about the group, and what becomes of them.
    Group,
    /// Also how they find each other, and readings on their way.
    Talk,
    /// Signs of life.
    All,
}

impl Detail {
    pub const NAMES: [&'static str; 4] = ["events", "group", "talk", "all"];

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Events, Self::Group, Self::Talk, Self::All];
        all.into_iter().zip(Self::NAMES).find(|(_, known)| *known == name).map(|(detail, _)| detail)
    }

    /// From which level on a message is told.
    fn of(verb: &str) -> Self {
        match verb {
            "NEW_PEER_REQUEST" | "LEADER" | "WHO" | "HERE" | "HELLO" | "SEQUENCER_REQUEST" | "ORDERED" | "STORED"
            | "COMMIT" => Self::Talk,
            "HEARTBEAT" | "HEARTBEAT_ACK" => Self::All,
            _ => Self::Group,
        }
    }
}

/// A record, and the ids of its hosts.
#[derive(Debug)]
pub struct Story<'a> {
    pub record: &'a Record,
    pub names: Vec<String>,
    arrivals: BTreeMap<u64, Time>,
}

impl<'a> Story<'a> {
    #[must_use]
    pub fn new(record: &'a Record, names: Vec<String>) -> Self {
        let arrived = |moment: &Moment| match moment.what {
            What::Arrived { number } => Some((number, moment.at)),
            _ => None,
        };
        Self { record, names, arrivals: record.moments.iter().filter_map(arrived).collect() }
    }

    /// When a message arrived.
    #[must_use]
    pub fn arrival(&self, number: u64) -> Option<Time> {
        self.arrivals.get(&number).copied()
    }

    #[must_use]
    pub fn name(&self, host: usize) -> &str {
        self.names.get(host).map_or("?", String::as_str)
    }

    /// All lines of this level, each with its moment's place in the record.
    #[must_use]
    pub fn lines(&self, detail: Detail) -> Vec<(usize, String)> {
        let mut states: BTreeMap<usize, &HostState> = BTreeMap::new();
        let mut lines = Vec::new();
        for (at, moment) in self.record.moments.iter().enumerate() {
            let text = match &moment.what {
                What::Became { host, state } => {
                    let before = states.insert(*host, state);
                    let is_new = before.is_none_or(|before| !before.is_like(state));
                    (is_new && detail >= Detail::Group)
                        .then(|| format!("{:<9} {}", self.name(*host), becomes(before, state)))
                }
                // The state after it tells the same.
                What::Fault { fault: Fault::Start { cleared: false, .. }, .. } if detail >= Detail::Group => None,
                // One line for all that hear a broadcast.
                What::Sent { from, way: Way::Datagram, text, .. } if self.is_said_before(at, *from, text) => None,
                what => self.line(at, moment.at, what, detail),
            };
            lines.extend(text.map(|text| (at, format!("{} {text}", clock(moment.at)))));
        }
        lines
    }

    /// Whether the same datagram left for another host just now.
    fn is_said_before(&self, place: usize, by: usize, said: &str) -> bool {
        let before = place.checked_sub(1).map(|place| &self.record.moments[place].what);
        matches!(before, Some(What::Sent { from, way: Way::Datagram, text, .. }) if *from == by && text == said)
    }

    /// All that a broadcast goes to, from this place on.
    fn heard_by(&self, place: usize, by: usize, said: &str) -> Vec<&str> {
        let all = self.record.moments[place..].iter().map_while(|moment| match &moment.what {
            What::Sent { from, to, way: Way::Datagram, text, .. } if *from == by && text == said => Some(*to),
            _ => None,
        });
        all.filter(|to| *to != by).map(|to| self.name(to)).collect()
    }

    fn line(&self, place: usize, at: Time, what: &What, detail: Detail) -> Option<String> {
        match what {
            What::Fault { text, .. } => Some(format!("!!        {text}")),
            What::Broken(why) => Some(format!("BROKEN    {why}")),
            What::Logged { host, event } => Some(format!("{:<9} \"{}\"", self.name(*host), in_a_line(event))),
            What::Sent { number, from, to, way, text } => {
                let verb = verb(text);
                if Detail::of(verb) > detail {
                    return None;
                }
                if *way == Way::Datagram {
                    let heard_by = self.heard_by(place, *from, text);
                    let pair = format!("{} ~>", self.name(*from));
                    let text = if detail == Detail::All { text } else { verb };
                    let line = format!("{pair:<9} {text} to {}", heard_by.join(" "));
                    return (!heard_by.is_empty()).then_some(line);
                }
                let arrow = if *way == Way::Question { "?>" } else { "->" };
                let arrived = self.arrival(*number).map_or("lost".to_owned(), |then| took(then.saturating_sub(at)));
                let pair = format!("{} {arrow} {}", self.name(*from), self.name(*to));
                let text = if detail == Detail::All { text } else { verb };
                Some(format!("{pair:<9} {text} ({arrived})"))
            }
            What::Arrived { .. } | What::Became { .. } => None,
        }
    }

    /// What each host is after this place in the record.
    #[must_use]
    pub fn states(&self, place: usize) -> Vec<Option<&'a HostState>> {
        let mut states = vec![None; self.names.len()];
        for moment in self.record.moments.iter().take(place + 1) {
            if let What::Became { host, state } = &moment.what {
                if let Some(known) = states.get_mut(*host) {
                    *known = Some(state);
                }
            }
        }
        states
    }

    /// The same as a table.
    #[must_use]
    pub fn table(&self, place: usize) -> String {
        let mut text = format!(
            "{:<9} {:<10} {:<14} {:>8} {:>8} {:>9} {:>9}  members\n",
            "peer", "is", "term", "taken", "log", "committed", "in files"
        );
        for (host, state) in self.states(place).into_iter().enumerate() {
            let Some(state) = state.filter(|state| state.standing.is_some()) else {
                writeln!(text, "{:<9} not running", self.name(host)).expect("a string takes all");
                continue;
            };
            let term = state.term_in_words().unwrap_or("-".to_owned());
            let standing = standing(state.standing);
            let (taken, last, committed, delivered) = (state.taken, state.last, state.committed, state.delivered);
            writeln!(
                text,
                "{:<9} {standing:<10} {term:<14} {taken:>8} {last:>8} {committed:>9} {delivered:>9}  {}",
                self.name(host),
                state.members_in_words()
            )
            .expect("a string takes all");
        }
        text
    }
}

/// What a peer logs, which may be several lines, as one.
pub(crate) fn in_a_line(event: &PeerEvent) -> String {
    event.to_string().replace('\n', " | ")
}

/// In seconds, to the tenth of a millisecond.
#[must_use]
pub fn clock(at: Time) -> String {
    format!("{:>9.4}", at.as_secs_f64())
}

fn took(time: Time) -> String {
    if time >= Duration::from_secs(1) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{:.1} ms", time.as_secs_f64() * 1000.0)
    }
}

/// What a host is, in a word or two.
#[must_use]
pub fn standing(standing: Option<Standing>) -> &'static str {
    standing.map_or("down", Standing::word)
}

fn becomes(before: Option<&HostState>, state: &HostState) -> String {
    let is = match state.standing {
        None => return "is gone".to_owned(),
        Some(_) if before.is_none_or(|before| before.standing.is_none()) => "starts".to_owned(),
        some => standing(some).to_owned(),
    };
    match state.term_in_words() {
        Some(term) if !state.members.is_empty() => format!("{is}, term {term}: {}", state.members_in_words()),
        _ => is,
    }
}
