//! What is said once.

use super::super::trial::{term, view, Trial, TIMING};
use super::super::{Effect, Event, Time};
use crate::wire::{Message, Timing, ViewChange};

/// The options that the leader is said to run with otherwise, after the first view of this term, with these times.
fn told(trial: &mut Trial, counter: u64, timing: Timing) -> Vec<&'static str> {
    let text = format!("{counter}@z/1");
    trial.gets("z", Message::Coordinator { term: term(&text) });
    let view = ViewChange { timing, ..view(&text, &["m", "x", "z"], vec![], 0) };
    let of = |effect: Effect| match effect {
        Effect::Tell(Event::OtherKnob { name, .. }) => Some(name),
        _ => None,
    };
    trial.gets("z", Message::ViewChange(view)).into_iter().filter_map(of).collect()
}

#[test]
fn other_times_of_a_leader_are_told_once() {
    let mut trial = Trial::member(&["x"]);
    let slower = Timing { heartbeat_interval: Time::from_secs(6), ..TIMING };
    let all = Timing { heartbeat_timeout: Time::from_secs(20), election_timeout: Time::from_secs(9), ..slower };
    let none: [&str; 0] = [];
    assert_eq!(told(&mut trial, 4, TIMING), none);
    assert_eq!(told(&mut trial, 5, slower), ["--heartbeat-interval"]);
    assert_eq!(told(&mut trial, 6, slower), none);
    assert_eq!(told(&mut trial, 7, all), ["--heartbeat-interval", "--heartbeat-timeout", "--election-timeout"]);
    assert_eq!(told(&mut trial, 8, TIMING), none);
    assert_eq!(trial.peer.installed(), Some(&term("8@z/1")));
}
