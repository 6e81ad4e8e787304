//! What is said of environment variables: of one that looks like this program's and is not, since a misspelt one changes nothing,
//! and nobody would notice; and of one whose value is wrong, since nobody who typed no option looks for one.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error};
use clap::Command;

use super::command;

/// How this program's variables begin.
const PREFIX: &str = "PEER_";

/// Names that have less in common are no misspellings of each other: 0 nothing, 1 all.
const LIKE: f64 = 0.5;

/// One line for each of these variables that no option heeds.
#[must_use]
pub fn strange_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<String> {
    let command = command(|_| true);
    let known: Vec<String> = std::iter::once(&command)
        .chain(command.get_subcommands())
        .flat_map(clap::Command::get_arguments)
        .filter_map(|arg| arg.get_env().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    let names = variables.into_iter().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut strange: Vec<String> = names
        .filter(|name| name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)))
        .filter(|name| !known.contains(name))
        .collect();
    strange.sort_unstable();
    strange.iter().map(|name| line(name, &known)).collect()
}

/// The error, where it is about a value that came from a variable, with the variable's name.
pub(super) fn with_variable(
    mut error: Error,
    command: &Command,
    typed: &[OsString],
    is_set: impl Fn(&str) -> bool,
) -> Error {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg) else { return error };
    let option = wrong.split([' ', '=', '[']).next().unwrap_or_default();
    if typed.iter().any(|word| word.to_string_lossy().split('=').next() == Some(option)) {
        return error;
    }
    let args = std::iter::once(command).chain(command.get_subcommands()).flat_map(Command::get_arguments);
    let variable = args
        .filter(|arg| arg.get_long().is_some() && arg.get_long() == option.strip_prefix("--"))
        .filter_map(|arg| arg.get_env().and_then(|name| name.to_str()))
        .find(|name| is_set(name));
    if let Some(variable) = variable {
        let named = format!("{variable}, which is {wrong}");
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    error
}

fn line(name: &str, known: &[String]) -> String {
    let own = name[PREFIX.len()..].to_ascii_uppercase();
    let likeness =
        |other: &String| strsim::normalized_damerau_levenshtein(&own, other.strip_prefix(PREFIX).unwrap_or(other));
    // The beginning of a name is meant for that, and not for another one of its length.
    let begins = |other: &String| other.strip_prefix(PREFIX).unwrap_or(other).starts_with(&own);
    let near = |one: &&String, other: &&String| {
        begins(one).cmp(&begins(other)).then_with(|| likeness(one).total_cmp(&likeness(other)))
    };
    let nearest = known.iter().max_by(near);
    match nearest.filter(|nearest| likeness(nearest) >= LIKE) {
        Some(nearest) => format!("The environment variable {name} is none of this program's; is {nearest} meant?"),
        None => format!("The environment variable {name} is none of this program's; 'peer --help' names them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misspelt_is_told_with_the_nearest_name() {
        let set = ["PEER_SENSR", "PEER_SENSOR", "peer_group", "PEER_SENSOR_INTERVAL", "PEERS", "PATH", "PEER_X"];
        let lines = strange_variables(set.map(|name| (name.into(), "1".into())));
        let told = [
            ("PEER_SENSOR_INTERVAL", "is PEER_SENSOR_INTERVAL_SECONDS meant?"),
            ("PEER_SENSR", "is PEER_SENSOR meant?"),
            ("PEER_X", "'peer --help' names them"),
            ("peer_group", "is PEER_GROUP meant?"),
        ];
        let expected =
            told.map(|(name, rest)| format!("The environment variable {name} is none of this program's; {rest}"));
        assert_eq!(lines, expected);
    }
}
