//! What packages hand out beside the program: the file of settings, the units of systemd, examples for other systems. They name
//! the options that there are, and systemd finds nothing wrong with its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use peer::cli;

#[path = "harness/skip.rs"]
mod skip;

/// What `systemd-analyze security` may give the units, of 100: how much a service could do that it has no use for.
const EXPOSURE_MAX: &str = "20";

fn packaging(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(packaging(file)).unwrap_or_else(|error| panic!("packaging/{file}: {error}"))
}

/// The variables of all options, as the help names them.
fn variables() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_peer")).env_clear().arg("--help").output().expect("it was built");
    let help = String::from_utf8(output.stdout).expect("text");
    let names = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next());
    names.map(str::to_owned).collect()
}

/// The settings of the file, set or shown, with their values.
fn settings() -> Vec<(String, String)> {
    let text = read("default.env");
    let lines = text.lines().map(|line| line.trim_start_matches('#'));
    let settings = lines.filter(|line| line.starts_with("PEER_")).filter_map(|line| line.split_once('='));
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Options of the peer that a unit sets itself.
fn environment(unit: &str) -> BTreeMap<String, String> {
    let text = read(unit);
    let lines = text.lines().filter_map(|line| line.strip_prefix("Environment="));
    let pairs = lines.flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| name.starts_with("PEER_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_file_of_settings_has_each_variable_once_and_no_other() {
    let names: Vec<String> = settings().into_iter().map(|(name, _)| name).collect();
    let once: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(once, variables());
    assert_eq!(names.len(), once.len(), "one is there twice: {names:?}");
}

#[test]
fn each_setting_has_its_explanation_above() {
    let text = read("default.env");
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.trim_start_matches('#').starts_with("PEER_")) {
        assert!(lines[at - 1].starts_with("# "), "{line}");
    }
}

#[test]
fn the_values_that_are_shown_are_what_a_service_has_without_them() {
    let mut of_unit = environment("systemd/peer.service");
    assert_eq!(of_unit.remove("PEER_PEER_ID").as_deref(), Some("%H"));
    let option = |(name, value): (String, String)| {
        let option = format!("--{}", name.trim_start_matches("PEER_").to_ascii_lowercase().replace('_', "-"));
        if value == "true" {
            option
        } else {
            format!("{option}={value}")
        }
    };
    let parse = |settings: Vec<(String, String)>| {
        let arguments = ["peer", "--peer-id=a"].map(str::to_owned).into_iter().chain(settings.into_iter().map(option));
        match cli::parse(arguments.map(OsString::from)).expect("values that can be used") {
            cli::Task::Run(config) => config,
            other => panic!("{other:?}"),
        }
    };
    let shown = settings().into_iter().filter(|(_, value)| !value.is_empty()).collect();
    assert_eq!(parse(shown), parse(of_unit.into_iter().collect()));
}

#[test]
fn what_is_packaged_names_no_variable_that_does_not_exist() {
    let known = variables();
    for file in ["systemd/peer.service", "systemd/peer@.service", "openrc/peer", "launchd/peer.plist", "default.env"] {
        let text = read(file);
        let is_of_name = |c: char| c.is_ascii_uppercase() || c == '_';
        let words = text.split(|c| !is_of_name(c)).filter(|word| word.starts_with("PEER_") && *word != "PEER_");
        for word in words {
            assert!(known.contains(word), "{file} names {word}");
        }
    }
}

#[test]
fn one_peer_and_one_of_several_are_run_alike() {
    let shared = |unit: &str| {
        let own = ["#", "Description=", "Environment=", "EnvironmentFile=", "ExecStart="];
        let text = read(unit);
        let lines = text.lines().filter(|line| !own.iter().any(|start| line.starts_with(start)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(shared("systemd/peer.service"), shared("systemd/peer@.service"));
    let mut environment_of_one = environment("systemd/peer.service");
    environment_of_one.remove("PEER_PEER_ID");
    assert_eq!(environment_of_one, environment("systemd/peer@.service"), "its id is an option, which wins");
}

/// Runs `systemd-analyze`; `None` where there is none.
fn analyze(arguments: &[&str]) -> Option<Output> {
    match Command::new("systemd-analyze").args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            skip::skipped("units are not verified", &format!("systemd-analyze: {error}"));
            None
        }
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    // A root with what the units name, so that nothing has to be installed here.
    let temp = tempfile::tempdir().expect("writable");
    let root = temp.path();
    let units = root.join("usr/lib/systemd/system");
    fs::create_dir_all(&units).expect("writable");
    fs::create_dir_all(root.join("usr/bin")).expect("writable");
    fs::create_dir_all(root.join("bin")).expect("writable");
    for program in ["usr/bin/peer", "bin/kill"] {
        fs::copy(env!("CARGO_BIN_EXE_peer"), root.join(program)).expect("it was built");
    }
    for name in ["peer.service", "peer@.service"] {
        fs::copy(packaging("systemd").join(name), units.join(name)).expect("it is there");
    }
    let root_option = format!("--root={}", root.display());
    for name in ["peer.service", "peer@kitchen.service"] {
        let Some(verified) = analyze(&["verify", "--man=no", "--recursive-errors=no", &root_option, name]) else {
            return;
        };
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        assert!(verified.status.success() && said.is_empty(), "{name}: {}: {said}", verified.status);
    }
    for name in ["peer.service", "peer@.service"] {
        let (threshold, unit) = (format!("--threshold={EXPOSURE_MAX}"), units.join(name));
        let unit = unit.to_str().expect("a temporary directory is text");
        let Some(rated) = analyze(&["security", "--offline=true", "--no-pager", &threshold, unit]) else { return };
        let said = String::from_utf8_lossy(&rated.stdout).into_owned();
        assert!(rated.status.success() && said.contains("Overall exposure level"), "{name}: {said}");
    }
}
