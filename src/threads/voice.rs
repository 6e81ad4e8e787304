//! The lines for the operator, in the order in which things happened, on whatever thread. They are never written under
//! the core's lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use log::Level;

use super::lock::{lock, try_lock};
use super::watch::Watch;
use crate::complaints::{Complaints, Kind, Subject};
use crate::json::{array, quoted, Object};
use crate::protocol::event::{Field, Loudness};
use crate::protocol::Event;

/// Lines that wait to be written. The thread that comes first writes for all.
#[derive(Debug)]
pub(super) struct Voice {
    waiting: Mutex<VecDeque<Event>>,
    writing: Mutex<()>,
    /// The watch hears of an event first, so that a line never tells what a report does not show yet.
    watch: Arc<Watch>,
}

impl Voice {
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        Self { waiting: Mutex::default(), writing: Mutex::default(), watch }
    }

    /// Puts an event after those before it. Called under the core's lock, which gives the order.
    pub(super) fn put(&self, event: Event) {
        lock(&self.waiting).push_back(event);
    }

    /// Says what a thread found out itself, without the core's lock.
    pub(super) fn say(&self, event: Event, complaints: &Complaints) {
        self.put(event);
        self.write(complaints);
    }

    /// Writes what waits, unless another thread is at it: that one writes it all.
    pub(super) fn write(&self, complaints: &Complaints) {
        while !lock(&self.waiting).is_empty() {
            let Some(writing) = try_lock(&self.writing) else { return };
            loop {
                let next = lock(&self.waiting).pop_front();
                let Some(event) = next else { break };
                self.watch.note(&event);
                say(&event, complaints);
            }
            drop(writing);
        }
    }
}

fn say(event: &Event, complaints: &Complaints) {
    let text = event.to_string();
    let level = match event.loudness() {
        Loudness::Info => Level::Info,
        Loudness::Alert => Level::Warn,
        Loudness::Warning => {
            let (subject, kind) = case_of(event);
            return complaints.complain(subject, kind, &text);
        }
        Loudness::Over => return complaints.over(&case_of(event).0, &[event.name()], &text),
    };
    let mut fields = Object::new();
    for (name, field) in event.fields() {
        match field {
            Field::Text(text) => fields.text(name, &text),
            Field::Number(number) => fields.raw(name, &number.to_string()),
            Field::Flag(flag) => fields.raw(name, &flag.to_string()),
            Field::List(list) => fields.raw(name, &array(list.iter().map(|item| quoted(item)))),
        }
    }
    log::log!(level, event = event.name(), lines = true, fields = fields.members(); "{text}");
}

/// What others can cause again and again, as one case of a complaint.
fn case_of(event: &Event) -> (Subject, Kind) {
    let subject = match event {
        Event::Misbehaved { peer, .. }
        | Event::Unreachable { peer, .. }
        | Event::Reachable { peer }
        | Event::NotReached { peer, .. }
        | Event::Reached { peer } => Subject::Peer(peer.clone()),
        Event::Lost { origin, .. } | Event::Forged { origin, .. } => Subject::Peer(origin.peer.clone()),
        _ => Subject::Own(String::new()),
    };
    let detail = match event {
        Event::OtherKnob { name, .. } => name,
        Event::Misbehaved { what, .. } => what,
        _ => "",
    };
    let kind = Kind::new(event.name(), detail);
    // What somebody has to go and mend, on this host or another: it takes a while, and is not mended sooner by more lines.
    let seldom = matches!(
        event,
        Event::OtherKnob { .. } | Event::Refused { .. } | Event::Unreachable { .. } | Event::NotReached { .. }
    );
    (subject, if seldom { kind.seldom() } else { kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_to_change_is_told_seldom() {
        let peer = || "p".parse().unwrap();
        let knob = Event::OtherKnob { name: "heartbeat timeout", leader: "5 s".to_owned(), own: "1 s".to_owned() };
        assert_eq!(case_of(&knob).1, Kind::new("timing_differs", "heartbeat timeout").seldom());
        assert_eq!(case_of(&Event::Refused { why: String::new() }).1, Kind::from("refused").seldom());
        let endpoint = "127.0.0.1:1".parse().unwrap();
        for event in [
            Event::NotReached { peer: peer(), endpoint },
            Event::Unreachable { peer: peer(), endpoint, heard: true, why: String::new() },
        ] {
            assert_eq!(case_of(&event).1, Kind::from(event.name()).seldom());
        }
        let misbehaved = Event::Misbehaved { peer: peer(), what: "lies", at: 1 };
        assert_eq!(case_of(&misbehaved).1, Kind::new("misbehaved", "lies"));
    }
}
