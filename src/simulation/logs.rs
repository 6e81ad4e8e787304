//! `peer log2html`: the JSON logs of a real group as the page that `peer sim` makes of a run. `logs/reading.rs` reads
//! them, `logs/matching.rs` finds which message arrived as which, and by how much clocks differ.

mod matching;
mod reading;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use thiserror::Error;

use self::reading::{read, LogLine, Logs, Said, Stands};
use crate::simulation::page::{document, refuses_to_replace, Line, Message, Run, StateEntry};
use crate::simulation::record::verb;

/// Messages on a page: with more it is too long for a browser.
const MESSAGES_MAX: usize = 200_000;

/// A log that ends this long before the others, in microseconds, is that of a peer that was killed: by default a sign
/// of life comes every five seconds, and is missed after ten.
const SILENT: i64 = 12_000_000;

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct Asked {
    pub files: Vec<PathBuf>,
    pub html: PathBuf,
    /// What is earlier or later is left out; milliseconds since 1970.
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Error)]
pub enum LogsError {
    #[error("cannot read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{} holds no line of a peer's log in JSON; peers write such lines with --log-format json", path.display())]
    NoLog { path: PathBuf },
    #[error("no line is between these times")]
    Nothing,
    #[error(
        "{count} messages are too many for a page, which takes {MESSAGES_MAX}; --from and --to take a part of them"
    )]
    TooMany { count: usize },
    #[error("--html {} is not written: {why}", path.display())]
    Kept { path: PathBuf, why: &'static str },
    #[error("cannot write {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
    /// Nobody reads any more.
    #[error("cannot write: {0}")]
    Out(#[from] io::Error),
}

/// Draws the page, and says in a line what is on it.
///
/// # Errors
/// A file that cannot be read or written, or is no log; too much for a page.
pub fn run(asked: &Asked, out: &mut impl Write) -> Result<(), LogsError> {
    // As with --html *.log, of which the first one is taken for the page.
    if let Some(why) = refuses_to_replace(&asked.html, &asked.files) {
        return Err(LogsError::Kept { path: asked.html.clone(), why });
    }
    let mut logs = read(asked)?;
    let ahead = matching::ahead(&mut logs);
    logs.set_back(&ahead);
    let (began, ended) = logs.span().ok_or(LogsError::Nothing)?;
    let count = logs.said.iter().filter(|said| said.to.is_some()).count();
    if count > MESSAGES_MAX {
        return Err(LogsError::TooMany { count });
    }
    let about = about(&logs, &ahead, began);
    let page = document(&on_page(&logs, &about, began, ended));
    fs::write(&asked.html, page).map_err(|cause| LogsError::Write { path: asked.html.clone(), cause })?;
    let length = seconds(ended.saturating_sub(began));
    writeln!(out, "{}: {} peers, {count} messages in {length:.1} s", asked.html.display(), logs.names.len())?;
    if count == 0 {
        writeln!(out, "No messages: peers log them with RUST_LOG=info,peer::threads::talk=trace")?;
    }
    Ok(out.flush()?)
}

/// What a reader of the page has to know.
fn about(logs: &Logs, ahead: &[i64], began: i64) -> String {
    let time = Timestamp::from_microsecond(began).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
    let mut text = format!("From the logs of {}.\n0 s is {time}.\n", logs.names.join(", "));
    if logs.others > 0 {
        writeln!(text, "{} lines are none of a peer's log in JSON.", logs.others).expect("a string takes all");
    }
    for (name, ahead) in logs.names.iter().zip(ahead) {
        if *ahead != 0 {
            let way = if *ahead > 0 { "ahead of" } else { "behind" };
            let by = seconds(ahead.saturating_abs());
            writeln!(text, "The clock of {name} is {by:.4} s {way} others, as messages show; set right here.")
                .expect("a string takes all");
        }
    }
    let changed: Vec<&str> = logs.changed.iter().map(|host| &logs.names[*host][..]).collect();
    text + &match &changed[..] {
        [] => String::new(),
        [name] => format!("The clock of {name} was changed meanwhile, as messages show; it is left as it is.\n"),
        names => format!(
            "Clocks of {} were changed meanwhile, of all or some of them, as messages show; they are left as they are.\n",
            names.join(", ")
        ),
    }
}

fn on_page<'a>(logs: &'a Logs, about: &'a str, began: i64, ended: i64) -> Run<'a> {
    let at = |time: i64| seconds(time.saturating_sub(began));
    let message = |said: &'a Said| {
        Some(Message {
            sent: at(said.at),
            arrived: said.heard.map(|heard| at(logs.heard[heard].at)),
            from: said.host,
            to: said.to?,
            way: said.way.name(),
            verb: verb(&said.text),
            text: &said.text,
        })
    };
    let state = |stands: &Stands| StateEntry { at: at(stands.at), ..stands.state.clone() };
    let mut states: Vec<StateEntry> = logs.stands.iter().map(state).collect();
    for (host, last) in logs.last.iter().enumerate() {
        let is_last = logs.stands.iter().rev().find(|stands| stands.state.host == host);
        if logs.talks[host]
            && ended.saturating_sub(*last) > SILENT
            && is_last.is_some_and(|stands| stands.state.is != "down")
        {
            states.push(StateEntry { at: at(*last), host, is: "down", ..StateEntry::default() });
        }
    }
    let mut messages: Vec<Message> = logs.said.iter().filter_map(message).collect();
    messages.sort_by(|a, b| a.sent.total_cmp(&b.sent));
    states.sort_by(|a, b| a.at.total_cmp(&b.at));
    let line = |line: &LogLine| Line { at: at(line.at), host: line.host, text: line.text.clone() };
    let mut lines: Vec<Line> = logs.lines.iter().map(line).collect();
    lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    Run {
        scenario: about,
        names: &logs.names,
        end: at(ended),
        played: false,
        broken: None,
        messages,
        states,
        lines,
        faults: Vec::new(),
    }
}

/// Of microseconds.
#[expect(clippy::cast_precision_loss, reason = "2^52 microseconds are 142 years")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests;
