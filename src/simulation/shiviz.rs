//! A run in the form that `ShiViz` reads: each event of a host with its vector clock.
//!
//! The regular expression for it is `(?<host>\S*) (?<clock>{.*})\n(?<event>.*)`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::simulation::record::What;
use crate::simulation::telling::{in_a_line, standing, Story};

type Clock = BTreeMap<usize, u64>;

/// All events that have a host, in order: messages, faults of a host, and what became of it.
#[must_use]
pub fn log(story: &Story) -> String {
    let mut clocks: Vec<Clock> = (0..story.names.len()).map(|host| Clock::from([(host, 0)])).collect();
    let mut underway: BTreeMap<u64, (Clock, usize, &str)> = BTreeMap::new();
    let mut text = String::new();
    for moment in &story.record.moments {
        let (host, event) = match &moment.what {
            What::Sent { number, from, to, text, .. } if from != to && story.arrival(*number).is_some() => {
                tick(&mut clocks[*from], *from);
                underway.insert(*number, (clocks[*from].clone(), *to, text));
                (*from, format!("to {}: {text}", story.name(*to)))
            }
            What::Arrived { number } => {
                let Some((clock, host, text)) = underway.remove(number) else { continue };
                for (other, count) in clock {
                    let known = clocks[host].entry(other).or_default();
                    *known = count.max(*known);
                }
                tick(&mut clocks[host], host);
                (host, format!("gets {text}"))
            }
            What::Became { host, state } => {
                tick(&mut clocks[*host], *host);
                (*host, format!("{}, log {}, in files {}", standing(state.standing), state.last, state.delivered))
            }
            What::Logged { host, event } => {
                tick(&mut clocks[*host], *host);
                (*host, in_a_line(event))
            }
            What::Fault { text, fault, .. } => {
                let Some(host) = fault.host().filter(|host| *host < clocks.len()) else { continue };
                tick(&mut clocks[host], host);
                (host, text.clone())
            }
            What::Sent { .. } | What::Broken(_) => continue,
        };
        let clock: Vec<String> =
            clocks[host].iter().map(|(host, count)| format!("\"{}\":{count}", story.name(*host))).collect();
        writeln!(text, "{} {{{}}}\n{event}", story.name(host), clock.join(", ")).expect("a string takes all");
    }
    text
}

fn tick(clock: &mut Clock, host: usize) {
    *clock.entry(host).or_default() += 1;
}
