//! What the words of a peer claim about its files.

use peer::ids::{Sequence, Term};

use crate::platter::parsed;

/// What a message claims about the files of its sender.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) incarnation: Option<u64>,
    pub(super) promised: Option<Term>,
    pub(super) synced: Option<Term>,
    pub(super) log: Option<Sequence>,
}

/// Reads them out of a line of the wire.
pub(super) fn claims(line: &str) -> Claims {
    let fields: Vec<&str> = line.split(':').collect();
    let none = Claims::default();
    match &fields[..] {
        ["HELLO", _, _, _, _, incarnation, ..] => Claims { incarnation: Some(parsed(incarnation)), ..none },
        ["COORDINATOR", _, term] | ["FETCH", term, _] => Claims { promised: Some(parsed(term)), ..none },
        ["JOIN", term, _, last, ..] => Claims { promised: term_or_none(term), log: Some(parsed(last)), ..none },
        ["LOG_STATE", term, synced, last, ..] => {
            let (promised, log) = (Some(parsed(term)), Some(parsed(last)));
            Claims { promised, synced: term_or_none(synced), log, ..none }
        }
        ["VIEW_CHANGE" | "ADDED TO NETWORK", ..] => {
            let term = Some(term_of_view(line));
            Claims { promised: term.clone(), synced: term, ..none }
        }
        // Nothing was told yet: it is a sign of life, and waits for nothing (2.5).
        ["HEARTBEAT_ACK", _, "0"] => none,
        ["STORED" | "HEARTBEAT_ACK", term, last] => {
            Claims { promised: Some(parsed(term)), log: Some(parsed(last)), ..none }
        }
        _ => none,
    }
}

fn term_or_none(text: &str) -> Option<Term> {
    (text != "-").then(|| parsed(text))
}

/// `[<ids>]-[<seats>]-<counter>.<change>@<leader>:<incarnation>:…`
fn term_of_view(line: &str) -> Term {
    let (_, view) = line.rsplit_once("]-").expect("a view");
    let (counter, rest) = view.split_once('.').expect("a change");
    let (_, leader) = rest.split_once('@').expect("a leader");
    let fields: Vec<&str> = leader.split(':').collect();
    parsed(&format!("{counter}@{}/{}", fields[0], fields[1]))
}

/// How many words said something of these. A check of none proves nothing.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) life: usize,
    pub(super) promises: usize,
    pub(super) synced: usize,
    pub(super) log: usize,
}

impl Said {
    pub(super) fn count(&mut self, claims: &Claims) {
        self.life += usize::from(claims.incarnation.is_some());
        self.promises += usize::from(claims.promised.is_some());
        self.synced += usize::from(claims.synced.is_some());
        self.log += usize::from(claims.log.is_some_and(|last| last > 0));
    }
}
