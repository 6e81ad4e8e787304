//! `peer sim`: plays a scenario, tells it, checks the promises, and finds the shortest scenario that breaks one.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use thiserror::Error;

use crate::protocol::Time;
use crate::simulation::page;
use crate::simulation::plan::Mode;
use crate::simulation::record::Record;
use crate::simulation::run::Outcome;
use crate::simulation::sabotage::Sabotage;
use crate::simulation::scenario::{Scenario, ScenarioError};
use crate::simulation::shrinking::{shrink, Shrunk};
use crate::simulation::stepping;
use crate::simulation::telling::{clock, Detail, Story};
use crate::simulation::{diagram, shiviz};

/// What is to be played, and what to be made of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// A scenario in lines; without it what the seed draws.
    pub file: Option<PathBuf>,
    pub seed: Option<u64>,
    pub mode: Option<Mode>,
    pub peers: Option<usize>,
    pub length: Option<Time>,
    pub sabotage: Option<Sabotage>,
    pub detail: Detail,
    pub only: Option<u8>,
    pub step: bool,
    pub keep: bool,
    pub html: Option<PathBuf>,
    pub shiviz: Option<PathBuf>,
    pub mermaid: Option<PathBuf>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    Held,
    Broken,
}

impl Judgement {
    /// The exit status that says so.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Broken => 1,
        }
    }
}

#[derive(Debug, Error)]
pub enum SimError {
    #[error("cannot read {}: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{}: {error}", path.display())]
    Scenario { path: PathBuf, error: ScenarioError },
    #[error("{0}")]
    Options(String),
    #[error("cannot write {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
    /// Nobody reads any more, as with `| head`.
    #[error("cannot write: {0}")]
    Out(#[from] io::Error),
}

impl SimError {
    /// The exit status that says so.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Scenario { .. } | Self::Options(_) => 2,
            Self::Read { .. } | Self::Write { .. } | Self::Out(_) => 1,
        }
    }
}

/// Lists the deliberate faults, a line each.
///
/// # Errors
///
/// Nobody reads the list.
pub fn list_faults(out: &mut impl Write) -> io::Result<()> {
    Sabotage::ALL.into_iter().try_for_each(|sabotage| writeln!(out, "{}", sabotage.name()))?;
    out.flush()
}

impl Asked {
    /// No file takes the place of the scenario.
    fn keep_scenario(&self) -> Result<(), SimError> {
        let files = [("--html", &self.html), ("--shiviz", &self.shiviz), ("--mermaid", &self.mermaid)];
        for (option, path) in files.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
            if page::is_one_of(path, self.file.as_slice()) {
                return Err(SimError::Options(format!("{option} {} is the scenario", path.display())));
            }
        }
        Ok(())
    }

    fn scenario(&self) -> Result<Scenario, SimError> {
        let mut scenario = match &self.file {
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|cause| SimError::Read { path: path.clone(), cause })?;
                Scenario::parse(&text).map_err(|error| SimError::Scenario { path: path.clone(), error })?
            }
            None => Scenario::drawn(Mode::Default, self.seed.unwrap_or(1)),
        };
        if let (Some(seed), Some(_)) = (self.seed, &self.file) {
            scenario.draw = scenario.draw.map(|_| seed);
            scenario.seed = seed;
        }
        scenario.mode = self.mode.unwrap_or(scenario.mode);
        if let Some(length) = self.length {
            scenario.shorten(length);
        }
        scenario.sabotage = self.sabotage.unwrap_or(scenario.sabotage);
        if self.peers.is_some() {
            scenario.peers = self.peers;
        }
        // The same rules as for lines: `--peers` may leave a step without its peer.
        Scenario::parse(&scenario.to_string())
            .map_err(|error| SimError::Options(format!("the options do not fit the scenario: {error}")))?;
        Ok(scenario)
    }
}

/// Plays it.
///
/// # Errors
///
/// A file that cannot be read or written, or is no scenario.
pub fn run(asked: &Asked, input: &mut impl BufRead, out: &mut impl Write) -> Result<Judgement, SimError> {
    asked.keep_scenario()?;
    let scenario = asked.scenario()?;
    let mut outcome = scenario.play(true, asked.only);
    let names = (0..scenario.hosts()).map(|host| scenario.name(host)).collect();
    let record = outcome.record.take().unwrap_or_default();
    let story = Story::new(&record, names);
    write_files(asked, &scenario, &story, &outcome)?;
    if asked.step {
        stepping::walk(&story, asked.detail, input, out)?;
    } else {
        for (_, line) in story.lines(asked.detail) {
            writeln!(out, "{line}")?;
        }
    }
    let verdict = conclude(asked, &scenario, outcome, &record, out)?;
    out.flush()?;
    Ok(verdict)
}

fn conclude(
    asked: &Asked,
    scenario: &Scenario,
    outcome: Outcome,
    record: &Record,
    out: &mut impl Write,
) -> Result<Judgement, SimError> {
    let (hosts, readings) = (scenario.hosts(), outcome.readings);
    let events = record.moments.len();
    let Some(why) = outcome.broken.clone() else {
        let which = asked.only.map_or("all promises hold".to_owned(), |only| format!("promise {only} holds"));
        writeln!(out, "OK: {which}: {hosts} peers, {readings} readings, {events} events in{} s", clock(outcome.ended))?;
        return Ok(Judgement::Held);
    };
    writeln!(out, "BROKEN: {why}")?;
    if asked.keep {
        return Ok(Judgement::Broken);
    }
    out.flush()?;
    let Shrunk { scenario, outcome, runs } = shrink(scenario, outcome, asked.only);
    let why = outcome.broken.unwrap_or_default();
    writeln!(out, "\nThe shortest scenario found that breaks it, after {runs} runs:\n\n# {why}\n{scenario}")?;
    Ok(Judgement::Broken)
}

fn write_files(asked: &Asked, scenario: &Scenario, story: &Story, outcome: &Outcome) -> Result<(), SimError> {
    let write = |path: &Option<PathBuf>, text: &dyn Fn() -> String| match path {
        Some(path) => fs::write(path, text()).map_err(|cause| SimError::Write { path: path.clone(), cause }),
        None => Ok(()),
    };
    write(&asked.html, &|| page::page(&scenario.written_out().to_string(), story, outcome))?;
    write(&asked.shiviz, &|| shiviz::log(story))?;
    write(&asked.mermaid, &|| diagram::sequence(story, asked.detail))
}
