//! `peer status`: asks running peers what they know of themselves and their group, and shows it. Peers of this host are
//! found by their directories, others by their addresses. It joins no group and changes nothing.
//!
//! `ask` puts the question, `wanted` says what a script waits for, and `status` puts reports into words.

mod ask;
mod wanted;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::elapsed::Elapsed;
use crate::keys::{self, Keys};
use crate::status::words::{self, Reply, Unanswered};
use crate::status::Report;
pub(crate) use ask::{here, put as ask, PATIENCE};
pub use wanted::{Condition, ConditionError};

/// The pause between two looks: while it waits for something, and while it shows the answer again and again.
const WAIT_PAUSE: Duration = Duration::from_millis(100);
const WATCH_PAUSE: Duration = Duration::from_secs(1);

/// What is asked, and which peers are asked.
#[derive(Debug)]
pub struct Asked {
    /// Addresses, ids, and directories of peers or of their data. Empty: `data_dirs`.
    pub places: Vec<String>,
    pub data_dirs: Vec<PathBuf>,
    pub group: String,
    pub key_file: Option<PathBuf>,
    pub json: bool,
    pub watch: bool,
    /// All conditions to wait for, and for how long at most.
    pub wait: Vec<Condition>,
    pub timeout: Duration,
}

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupHealth {
    /// All peers that were asked answer, agree, and lack nothing.
    Healthy,
    /// A peer that was named does not answer, or none does.
    Unreachable,
    /// Something is not as it should be, or a condition was not met.
    Degraded,
}

impl GroupHealth {
    /// The exit status that says so.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Unreachable => 3,
            Self::Degraded => 6,
        }
    }
}

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum InquiryError {
    #[error("{0}")]
    Place(String),
    #[error("--key-file {0}")]
    Key(#[from] keys::file::KeyFileError),
    #[error("cannot write the answer: {0}")]
    Out(#[from] io::Error),
}

/// As JSON.
#[derive(Serialize)]
struct Answer<'a> {
    /// All that answered see one group.
    agree: bool,
    reports: Vec<&'a Report>,
    silent: Vec<Silent<'a>>,
}

#[derive(Serialize)]
struct Silent<'a> {
    place: &'a str,
    why: &'a str,
}

/// Asks, and writes what comes of it.
///
/// # Errors
/// [`InquiryError`]: a place does not exist, a key file is not usable, or the output takes nothing.
pub fn run(asked: &Asked, out: &mut impl Write) -> Result<GroupHealth, InquiryError> {
    let keys = match &asked.key_file {
        Some(path) => Some(Keys::new(&keys::file::read(path)?, &asked.group)),
        None => None,
    };
    let look = || ask::all(asked, keys.as_ref()).map_err(InquiryError::Place);
    if asked.watch {
        loop {
            show(asked, &look()?, true, out)?;
            thread::sleep(WATCH_PAUSE);
        }
    }
    let until = Instant::now() + asked.timeout;
    loop {
        let late = asked.wait.is_empty() || Instant::now() >= until;
        let found = match look() {
            // The directory may still come.
            Err(InquiryError::Place(_)) if !late => Vec::new(),
            found => found?,
        };
        let lacks = wanted::silent(asked, &found)
            .into_iter()
            .chain(asked.wait.iter().filter_map(|condition| condition.lacks(&found)))
            .next();
        if !asked.wait.is_empty() && lacks.is_none() {
            show(asked, &found, false, out)?;
            return Ok(GroupHealth::Healthy);
        }
        if late {
            show(asked, &found, false, out)?;
            return match lacks.filter(|_| !asked.wait.is_empty()) {
                Some(lacks) => {
                    writeln!(out, "Waited for {} in vain: {lacks}", Elapsed(asked.timeout))?;
                    Ok(GroupHealth::Degraded)
                }
                None => Ok(verdict(asked, &found)),
            };
        }
        thread::sleep(WAIT_PAUSE);
    }
}

fn verdict(asked: &Asked, found: &[Reply]) -> GroupHealth {
    let mut reports = found.iter().filter_map(|found| found.answer.as_deref().ok()).peekable();
    let is_lost = |found: &Reply| match &found.answer {
        Ok(_) => false,
        // A stopped peer counts only if it was named: some of those with a directory here may be stopped.
        Err(Unanswered::Stopped) => !asked.places.is_empty(),
        Err(Unanswered::Unreachable(_)) => true,
    };
    if reports.peek().is_none() || found.iter().any(is_lost) {
        return GroupHealth::Unreachable;
    }
    if words::agree(found) && reports.all(|report| report.health.ok) {
        GroupHealth::Healthy
    } else {
        GroupHealth::Degraded
    }
}

fn show(asked: &Asked, found: &[Reply], again: bool, out: &mut impl Write) -> io::Result<()> {
    if asked.json {
        serde_json::to_writer(&mut *out, &answer(found))?;
        writeln!(out)?;
    } else {
        let text = words::all(found);
        let text = if text.is_empty() { nobody(asked) } else { text };
        // From the top of a cleared screen.
        let clear = if again && io::stdout().is_terminal() { "\x1b[H\x1b[2J" } else { "" };
        write!(out, "{clear}{text}")?;
        if again && clear.is_empty() {
            writeln!(out)?;
        }
    }
    out.flush()
}

fn answer(found: &[Reply]) -> Answer<'_> {
    Answer {
        agree: words::agree(found),
        reports: found.iter().filter_map(|found| found.answer.as_deref().ok()).collect(),
        silent: found
            .iter()
            .filter_map(|found| {
                let why = match &found.answer {
                    Ok(_) => return None,
                    Err(Unanswered::Stopped) => "not running",
                    Err(Unanswered::Unreachable(why)) => why,
                };
                Some(Silent { place: &found.place, why })
            })
            .collect(),
    }
}

fn nobody(asked: &Asked) -> String {
    let dirs: Vec<String> = asked.data_dirs.iter().map(|dir| dir.display().to_string()).collect();
    format!(
        "No peer runs here: there is no peer's directory in {}. Start one with 'peer', name another --data-dir, or the \
         address of one on another host: 'peer status HOST:PORT'\n",
        dirs.join(", ")
    )
}
