//! Command line and environment -> [`Config`]: the options, their help, and what is said of a wrong one.
//!
//! `config::value` holds what a value may be, `config` what goes together. The options of a peer are in `arguments`, those of
//! each verb in the file of its name.

mod arguments;
mod bridge;
mod doctor;
mod environment;
mod export;
mod kept;
mod key;
#[cfg(feature = "simulation")]
mod log2html;
mod sensors;
#[cfg(feature = "simulation")]
mod sim;
mod snapshot;
mod status;
mod tail;
mod verify;

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, Subcommand};

use crate::config::Config;

use arguments::Arguments;
pub use bridge::Bridge;
pub use doctor::Doctor;
pub use environment::strange_variables;
pub use export::Export;
pub use key::{Key, KeyVerb};
#[cfg(feature = "simulation")]
pub use log2html::Log2Html;
pub use sensors::Sensors;
#[cfg(feature = "simulation")]
pub use sim::Sim;
pub use snapshot::Snapshot;
pub use status::Status;
pub use tail::Tail;
pub use verify::Verify;

/// The other name of the discovery port's environment variable.
const BROADCAST_PORT: &str = "BROADCAST_PORT";

/// What else than running a peer can be asked for.
#[derive(Debug, Subcommand)]
enum Verb {
    Verify(Verify),
    Snapshot(Snapshot),
    Status(Status),
    Doctor(Doctor),
    Sensors(Sensors),
    Tail(Tail),
    Export(Export),
    Bridge(Box<Bridge>),
    Key(Key),
    #[cfg(feature = "simulation")]
    Sim(Sim),
    #[cfg(feature = "simulation")]
    #[command(name = "log2html")]
    Log2Html(Log2Html),
    #[cfg(unix)]
    Guard(Guard),
}

/// Run a command for a peer, and end it with the peer
#[cfg(unix)]
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub struct Guard {
    /// How many files the command may have open
    #[arg(long, value_name = "N")]
    pub open_files: Option<u64>,
    /// A command of the shell
    pub command: String,
}

/// What is asked for.
#[derive(Debug)]
pub enum Task {
    /// Run a peer.
    Run(Box<Config>),
    /// Compare the files of peers.
    Verify(Verify),
    /// Copy the files of peers.
    Snapshot(Snapshot),
    /// Show what running peers know of their group.
    Status(Status),
    /// Find out which step of finding others fails.
    Doctor(Doctor),
    /// List the sensors of this host.
    Sensors(Sensors),
    /// Print rows.
    Tail(Tail),
    /// Write rows for those who analyse them.
    Export(Export),
    /// Hand rows to an engine outside.
    Bridge(Box<Bridge>),
    /// Make a key, or show its fingerprint.
    Key(Key),
    /// Play a group on a made-up network.
    #[cfg(feature = "simulation")]
    Sim(Sim),
    /// Draw what a real group did.
    #[cfg(feature = "simulation")]
    Log2Html(Log2Html),
    /// Be the guard of a command.
    #[cfg(unix)]
    Guard(Guard),
}

/// The command. Which environment variables it heeds depends on whether `is_set` says that they hold something.
fn command(is_set: impl Fn(&str) -> bool) -> Command {
    let heed = |arg: Arg| {
        let Some(name) = arg.get_env().map(|name| name.to_string_lossy().into_owned()) else { return arg };
        let arg = arg.hide_env_values(true);
        if is_set(&name) {
            arg
        } else if arg.get_id() == "broadcast_port" && is_set(BROADCAST_PORT) {
            arg.env(BROADCAST_PORT)
        } else if std::env::var_os(&name).is_some() {
            // Present but empty, as scripts and container files leave them.
            arg.env(Resettable::Reset)
        } else {
            arg
        }
    };
    Arguments::command().mut_args(&heed).mut_subcommands(|verb| verb.mut_args(&heed))
}

/// The command with all its options and verbs, for those who describe them.
#[must_use]
pub fn described() -> Command {
    command(|_| true)
}

/// Reads command line (the program's name first) and environment.
///
/// # Errors
/// Says what is wrong and which option helps. Its exit status is 2; that of help and version, which come this way too, 0.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task, clap::Error> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut command = command(is_set);
    let typed: Vec<OsString> = arguments.into_iter().collect();
    let matches = command
        .try_get_matches_from_mut(&typed)
        .map_err(|error| environment::with_variable(error, &command, &typed, is_set))?;
    let mut typed = Arguments::from_arg_matches(&matches)?;
    match typed.verb.take() {
        Some(Verb::Verify(verify)) => return Ok(Task::Verify(verify)),
        Some(Verb::Snapshot(snapshot)) => return Ok(Task::Snapshot(snapshot)),
        Some(Verb::Status(status)) => return Ok(Task::Status(status)),
        Some(Verb::Doctor(doctor)) => return Ok(Task::Doctor(doctor)),
        Some(Verb::Sensors(sensors)) => return Ok(Task::Sensors(sensors)),
        Some(Verb::Tail(tail)) => return Ok(Task::Tail(tail)),
        Some(Verb::Export(export)) => return Ok(Task::Export(export)),
        Some(Verb::Bridge(bridge)) => return Ok(Task::Bridge(bridge)),
        Some(Verb::Key(key)) => return Ok(Task::Key(key)),
        #[cfg(feature = "simulation")]
        Some(Verb::Sim(sim)) => return Ok(Task::Sim(sim)),
        #[cfg(feature = "simulation")]
        Some(Verb::Log2Html(log2html)) => return Ok(Task::Log2Html(log2html)),
        #[cfg(unix)]
        Some(Verb::Guard(guard)) => return Ok(Task::Guard(guard)),
        None => {}
    }
    let config =
        typed.into_config(names_source(&matches)).map_err(|error| command.error(ErrorKind::ValueValidation, error))?;
    Ok(Task::Run(config.into()))
}

/// Whether somebody named a source of readings.
fn names_source(matches: &ArgMatches) -> bool {
    matches.value_source("sensor") != Some(ValueSource::DefaultValue)
}

#[cfg(test)]
mod tests;
