//! A run, or what the logs of a real group tell, as one page: a space-time diagram with everything in it, which asks no
//! other host for anything.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::protocol::Time;
use crate::simulation::fault::Fault;
use crate::simulation::record::{verb, What};
use crate::simulation::run::Outcome;
use crate::simulation::telling::{in_a_line, standing, Story};

const PAGE: &str = include_str!("page/page.html");
/// What shows that a file is a page, and among how many of its first bytes it is.
const TITLE: &[u8] = b"<title>A run of a group</title>";
const TITLE_WITHIN: u64 = 1000;
const STYLE: &str = include_str!("page/page.css");
const SCRIPTS: [&str; 4] = [
    include_str!("page/run.js"),
    include_str!("page/drawing.js"),
    include_str!("page/words.js"),
    include_str!("page/page.js"),
];

/// What the page is made of; times are in seconds from the beginning, hosts are numbers.
#[derive(Serialize)]
pub(super) struct Run<'a> {
    pub(super) scenario: &'a str,
    pub(super) names: &'a [String],
    pub(super) end: f64,
    /// A run of the simulator, whose promises were checked.
    pub(super) played: bool,
    pub(super) broken: Option<&'a str>,
    pub(super) messages: Vec<Message<'a>>,
    pub(super) states: Vec<StateEntry>,
    pub(super) lines: Vec<Line>,
    pub(super) faults: Vec<Trouble<'a>>,
}

#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) sent: f64,
    /// `None`: it is lost, or under way at the end.
    pub(super) arrived: Option<f64>,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) way: &'static str,
    pub(super) verb: &'a str,
    pub(super) text: &'a str,
}

/// Numbers that are not known are `None`.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct StateEntry {
    pub(super) at: f64,
    pub(super) host: usize,
    pub(super) is: &'static str,
    pub(super) term: Option<String>,
    pub(super) members: String,
    pub(super) taken: Option<u64>,
    pub(super) log: Option<u64>,
    pub(super) committed: Option<u64>,
    pub(super) delivered: Option<u64>,
}

/// What a peer logged.
#[derive(Serialize)]
pub(super) struct Line {
    pub(super) at: f64,
    pub(super) host: usize,
    pub(super) text: String,
}

#[derive(Serialize)]
pub(super) struct Trouble<'a> {
    pub(super) at: f64,
    pub(super) until: Option<f64>,
    pub(super) text: &'a str,
    /// `None`: all of them.
    pub(super) host: Option<usize>,
    /// Of each host, where the network falls into sides.
    pub(super) sides: Option<&'a [u8]>,
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
        played: true,
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
                way: way.name(),
                verb: verb(text),
                text,
            }),
            What::Became { host, state } => run.states.push(StateEntry {
                at,
                host: *host,
                is: standing(state.standing),
                term: state.term_in_words(),
                members: state.members_in_words(),
                taken: Some(state.taken),
                log: Some(state.last),
                committed: Some(state.committed),
                delivered: Some(state.delivered),
            }),
            What::Logged { host, event } => run.lines.push(Line { at, host: *host, text: in_a_line(event) }),
            What::Sent { .. } | What::Arrived { .. } | What::Broken(_) => {}
        }
    }
    document(&run)
}

/// Why no page is written there: it is one of these files that are read, or another file that is not a page.
pub(super) fn refuses_to_replace(path: &Path, read: &[PathBuf]) -> Option<&'static str> {
    if is_one_of(path, read) {
        return Some("it is one of the files to be read");
    }
    if !path.is_file() {
        return None;
    }
    let mut begin = Vec::new();
    // A file that cannot be read is told by whatever writes it.
    drop(File::open(path).and_then(|file| file.take(TITLE_WITHIN).read_to_end(&mut begin)));
    let is_page = begin.is_empty() || memchr::memmem::find(&begin, TITLE).is_some();
    (!is_page).then_some("it is there, and is no page")
}

/// Whether this file is one of those, by whatever name.
pub(super) fn is_one_of(path: &Path, files: &[PathBuf]) -> bool {
    let same =
        |file: &PathBuf| fs::canonicalize(path).is_ok_and(|path| fs::canonicalize(file).is_ok_and(|file| file == path));
    files.iter().any(same)
}

/// The page of this.
pub(super) fn document(run: &Run) -> String {
    // No text may end the element that it is in.
    let json = serde_json::to_string(run).expect("texts and numbers").replace('<', "\\u003c");
    PAGE.replace("{{style}}", STYLE).replace("{{scripts}}", &SCRIPTS.concat()).replace("{{run}}", &json)
}
