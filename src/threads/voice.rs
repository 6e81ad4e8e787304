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
    /// Few come: a step tells of what changed, and what others can cause again and again is mostly only counted. No
    /// line holds up those behind it for long, since the log drops what nobody reads.
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
    use crate::log_lines::captured;

    fn voice() -> (Voice, Complaints) {
        (Voice::new(Watch::start(&Arc::default())), Complaints::default())
    }

    fn joined(name: &str) -> Event {
        Event::Joined { peer: name.parse().unwrap() }
    }

    fn misbehaved(name: &str) -> Event {
        Event::Misbehaved { peer: name.parse().unwrap(), what: "lies", at: 1 }
    }

    #[test]
    fn lines_are_written_in_their_order_and_once() {
        let (voice, complaints) = voice();
        let ((), lines) = captured(|| {
            voice.put(joined("p"));
            voice.put(Event::LeaderFailed { leader: "q".parse().unwrap() });
        });
        assert_eq!(lines, [""; 0], "the core is locked");
        let ((), lines) = captured(|| voice.say(joined("r"), &complaints));
        let events: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        assert_eq!(events, ["INFO joined", "WARN leader_gone", "INFO joined"]);
        assert!(lines[0].ends_with(&joined("p").to_string()) && lines[2].ends_with(&joined("r").to_string()));
        assert_eq!(captured(|| voice.write(&complaints)).1, [""; 0]);
    }

    #[test]
    fn a_thread_that_finds_another_one_writing_leaves_its_line_to_that() {
        let (voice, complaints) = voice();
        let writing = lock(&voice.writing);
        assert_eq!(captured(|| voice.say(joined("p"), &complaints)).1, [""; 0]);
        drop(writing);
        assert_eq!(captured(|| voice.write(&complaints)).1.len(), 1);
    }

    #[test]
    fn the_watch_notes_what_is_said() {
        let counts = Arc::default();
        let voice = Voice::new(Watch::start(&counts));
        voice.say(Event::Merging { leader: "p".parse().unwrap(), readings: 3 }, &Complaints::default());
        assert_eq!(counts.merged.load(std::sync::atomic::Ordering::Relaxed), 3);
    }

    #[test]
    fn what_others_can_cause_again_and_again_is_complained_of() {
        let (voice, complaints) = voice();
        let ((), lines) = captured(|| (0..3).for_each(|_| voice.say(misbehaved("p"), &complaints)));
        assert_eq!(lines.iter().filter(|line| line.starts_with("WARN")).count(), 1, "{lines:?}");
        let peer = Subject::Peer("p".parse().unwrap());
        let case = (peer, Kind::new("misbehaved", "lies"), misbehaved("p").to_string());
        assert_eq!(complaints.heard(), vec![case; 3]);
        let ((), lines) = captured(|| voice.say(Event::Reachable { peer: "p".parse().unwrap() }, &complaints));
        assert_eq!(lines, [""; 0], "it may not last");
    }

    #[test]
    fn a_case_is_of_the_peer_that_it_is_about() {
        let peer = || "p".parse().unwrap();
        let endpoint = "127.0.0.1:1".parse().unwrap();
        let origin = || "p/1".parse().unwrap();
        for event in [
            misbehaved("p"),
            Event::Unreachable { peer: peer(), endpoint, heard: true, why: String::new() },
            Event::Reachable { peer: peer() },
            Event::NotReached { peer: peer(), endpoint },
            Event::Reached { peer: peer() },
            Event::Lost { origin: origin(), first: 1, last: 2 },
            Event::Forged { origin: origin(), first: 1, last: 2 },
        ] {
            assert_eq!(case_of(&event).0, Subject::Peer(peer()), "{event:?}");
        }
        for event in [Event::Stuck, Event::Refused { why: String::new() }] {
            assert_eq!(case_of(&event).0, Subject::Own(String::new()), "{event:?}");
        }
    }

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
