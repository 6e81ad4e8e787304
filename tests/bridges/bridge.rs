//! A running `peer bridge`, as a process whose log is read.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Group, Peer};
use crate::storm::readings;

/// The command in a directory that holds `data`.
pub(crate) fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command.env_clear().current_dir(directory).arg("bridge").args(arguments);
    command
}

/// Starts one. Its name is shown where a test fails.
pub(crate) fn start(name: &str, directory: &Path, arguments: &[&str]) -> Peer {
    Peer::start(name, command(directory, arguments), directory.to_owned())
}

/// What one that cannot work says: its exit status, and its words.
pub(crate) fn refused(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut bridge = start("bridge", directory, arguments);
    let status = bridge.wait_for_exit();
    (status.code(), bridge.log().join("\n"))
}

/// Asserts that it ends so, and that its last line has these parts.
pub(crate) fn assert_says(said: (Option<i32>, String), status: i32, parts: &[&str]) {
    let (code, text) = said;
    assert_eq!(code, Some(status), "{text}");
    // What clap says of a wrong option has several lines.
    let said = if status == 2 { text.as_str() } else { text.lines().last().unwrap_or_default() };
    assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {text}");
}

/// Starts one that has the rows of [`rows`] to hand over, and waits until all are acknowledged: it records no position before.
pub(crate) fn hands_over(directory: &Path, arguments: &[&str]) {
    let position = directory.join("position");
    // There is none yet, or that of an earlier one.
    let _ = fs::remove_file(&position);
    let mut bridge = start("bridge", directory, &[&["--cursor", "position"], arguments].concat());
    let last = format!(" {ROWS}\n");
    bridge.poll("the position", |_| fs::read_to_string(&position).is_ok_and(|kept| kept.contains(&last)));
    bridge.signal("-TERM");
    assert_eq!(bridge.wait_for_exit().code(), Some(0));
}

/// How many rows a group of [`rows`] has.
const ROWS: u64 = 10;

/// A group whose one peer had some rows, and is gone.
pub(crate) fn rows() -> Group {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed(&readings("a", ROWS));
    peer.wait_for_rows(usize::try_from(ROWS).expect("small"));
    group
}
