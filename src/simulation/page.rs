//! A run as one page: a space-time diagram with everything in it, which asks no other host for anything.

use serde::Serialize;

use crate::protocol::Time;
use crate::simulation::fault::Fault;
use crate::simulation::record::{verb, Way, What};
use crate::simulation::run::Outcome;
use crate::simulation::telling::{in_a_line, standing, Story};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPTS: [&str; 4] = [
    include_str!("page/run.js"),
    include_str!("page/drawing.js"),
    include_str!("page/words.js"),
    include_str!("page/page.js"),
];

/// What the page is made of; times are in seconds from the beginning, hosts are numbers.
#[derive(Serialize)]
struct Run<'a> {
    scenario: &'a str,
    names: &'a [String],
    end: f64,
    broken: Option<&'a str>,
    messages: Vec<Message<'a>>,
    states: Vec<State>,
    lines: Vec<Line>,
    faults: Vec<Trouble<'a>>,
}

#[derive(Serialize)]
struct Message<'a> {
    sent: f64,
    /// `None`: it is lost, or under way at the end.
    arrived: Option<f64>,
    from: usize,
    to: usize,
    way: &'static str,
    verb: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct State {
    at: f64,
    host: usize,
    is: &'static str,
    term: Option<String>,
    members: String,
    taken: u64,
    log: u64,
    committed: u64,
    delivered: u64,
}

/// What a peer logged.
#[derive(Serialize)]
struct Line {
    at: f64,
    host: usize,
    text: String,
}

#[derive(Serialize)]
struct Trouble<'a> {
    at: f64,
    until: Option<f64>,
    text: &'a str,
    /// `None`: all of them.
    host: Option<usize>,
    /// Of each host, where the network falls into sides.
    sides: Option<&'a [u8]>,
}

/// In seconds, to the microsecond.
fn seconds(time: Time) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// The whole page.
pub(crate) fn page(scenario: &str, story: &Story, outcome: &Outcome) -> String {
    let mut run = Run {
        scenario,
        names: &story.names,
        end: seconds(outcome.ended),
        broken: outcome.broken.as_deref(),
        messages: Vec::new(),
        states: Vec::new(),
        lines: Vec::new(),
        faults: Vec::new(),
    };
    for moment in &story.record.moments {
        let at = seconds(moment.at);
        match &moment.what {
            What::Fault { text, fault, until } => {
                let sides = match fault {
                    Fault::Part(split, _) => split.sides.get(..story.names.len()),
                    _ => None,
                };
                let until = until.map(seconds);
                run.faults.push(Trouble { at, until, text, host: fault.host(), sides });
            }
            What::Sent { number, from, to, way, text } if from != to => run.messages.push(Message {
                sent: at,
                arrived: story.arrival(*number).map(seconds),
                from: *from,
                to: *to,
                way: match way {
                    Way::Connection => "connection",
                    Way::Datagram => "datagram",
                    Way::Question => "question",
                },
                verb: verb(text),
                text,
            }),
            What::Became { host, state } => run.states.push(State {
                at,
                host: *host,
                is: standing(state.standing),
                term: state.term_in_words(),
                members: state.members_in_words(),
                taken: state.taken,
                log: state.last,
                committed: state.committed,
                delivered: state.delivered,
            }),
            What::Told { host, event } => run.lines.push(Line { at, host: *host, text: in_a_line(event) }),
            What::Sent { .. } | What::Arrived { .. } | What::Broken(_) => {}
        }
    }
    // No text may end the element that it is in.
    let json = serde_json::to_string(&run).expect("texts and numbers").replace('<', "\\u003c");
    PAGE.replace("{{style}}", STYLE).replace("{{scripts}}", &SCRIPTS.concat()).replace("{{run}}", &json)
}
