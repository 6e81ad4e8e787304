//! The options of `peer sim` and their help. What it does is in `simulation`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{value_parser, Args};

use crate::config::value;
use crate::protocol::Time;
use crate::simulation::command::Asked;
use crate::simulation::plan::{Mode, HOSTS_MAX};
use crate::simulation::sabotage::Sabotage;
use crate::simulation::telling::Detail;

const AFTER_HELP: &str = "\
The peers are the real program but for its threads and sockets; network, clocks and disks are
made up. The same scenario and seed give the same run. The promises of docs/protocol.md are
checked as it goes. Nothing of it touches a network, or a file that is not named.

A scenario is plain lines; docs/laboratory.md has all of them:
  peers 5
  rate 20/s
  at 3s split a b | c d e
  at 9s heal
  at 12s kill leader
  at 14s pause b 8s

Examples:
  peer sim switch.txt
      plays a scenario, and tells who said what to whom about the group
  peer sim --seed 7 --mode quorum --detail events
      a drawn run: peers, network, disks and faults
  peer sim switch.txt --html run.html
      and draws it as one page
  peer sim switch.txt --fault commit-too-high
      breaks a rule on purpose; which promise notices?
  peer sim switch.txt --step
      moment by moment, back as well as forward

Exit status: 0 where all promises hold, 1 where one is broken, with the shortest scenario that
breaks it, or where a file cannot be read or written; 2 for wrong options or lines.";

/// Play a group on a made-up network, and check the promises
///
/// Play a whole group on a made-up network, clock and disk: tell what happens, check the promises of the protocol, and find the
/// shortest scenario that breaks one.
///
/// Without a file, peers, network and faults are drawn from a seed.
#[derive(Debug, Args)]
#[command(after_help = "See 'peer sim --help' for scenarios and examples.")]
#[command(after_long_help = AFTER_HELP)]
pub struct Sim {
    /// Draw everything that is not said from this number
    ///
    /// With a FILE: the races that it leaves open. Default: 1.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// default, resume or quorum: the options that all peers have
    #[arg(long, value_name = "MODE", value_parser = modes())]
    pub mode: Option<Mode>,

    /// How many peers there are, 1 to 9
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=HOSTS_MAX as u64))]
    pub peers: Option<u64>,

    /// When faults end, and the group has to come to rest; steps of the file after that are left out
    #[arg(long = "for", value_name = "DURATION", value_parser = value::duration)]
    pub length: Option<Time>,

    /// Plant a deliberate fault; --faults lists them
    #[arg(long, value_name = "NAME", value_parser = faults())]
    pub fault: Option<Sabotage>,

    /// List the deliberate faults
    #[arg(long)]
    pub faults: bool,

    /// events, group, talk or all
    ///
    /// events: faults, and what peers log. group: also what they say about the group, and what becomes of them. talk: also how
    /// they find each other, and readings on their way. all: also signs of life, and messages in full.
    #[arg(long, value_name = "LEVEL", default_value = "group", value_parser = details())]
    pub detail: Detail,

    /// Look at this promise only, 1 to 9
    #[arg(long, value_name = "PROMISE", value_parser = value_parser!(u8).range(1..=9))]
    pub stop_at: Option<u8>,

    /// Show moment after moment, as lines of standard input say
    ///
    /// Enter: the next. b: back. A time: go there. /WORD: the next that has it. q: end.
    #[arg(long)]
    pub step: bool,

    /// Do not look for a shorter scenario where a promise is broken
    #[arg(long)]
    pub no_shrink: bool,

    /// Draw the run as a page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Write the run with vector clocks, for the viewer `ShiViz`
    #[arg(long, value_name = "FILE")]
    pub shiviz: Option<PathBuf>,

    /// Write the run as a Mermaid diagram
    #[arg(long, value_name = "FILE")]
    pub mermaid: Option<PathBuf>,

    /// A scenario
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl Sim {
    /// What is to be played.
    #[must_use]
    pub fn asked(self) -> Asked {
        Asked {
            file: self.file,
            seed: self.seed,
            mode: self.mode,
            peers: self.peers.and_then(|peers| usize::try_from(peers).ok()),
            length: self.length,
            sabotage: self.fault,
            detail: self.detail,
            only: self.stop_at,
            step: self.step,
            keep: self.no_shrink,
            html: self.html,
            shiviz: self.shiviz,
            mermaid: self.mermaid,
        }
    }
}

fn modes() -> impl TypedValueParser<Value = Mode> {
    let named = |name: String| Mode::ALL.into_iter().find(|mode| mode.name() == name).expect("one of them");
    PossibleValuesParser::new(Mode::ALL.map(Mode::name)).map(named)
}

fn details() -> impl TypedValueParser<Value = Detail> {
    PossibleValuesParser::new(Detail::NAMES).map(|name| Detail::named(&name).expect("one of them"))
}

fn faults() -> impl TypedValueParser<Value = Sabotage> {
    let known = |name: &str| Sabotage::named(name).ok_or("no deliberate fault; 'peer sim --faults' lists them");
    clap::builder::StringValueParser::new().try_map(move |name| known(&name))
}
