//! A running `peer bridge`, as a process whose log is read.

use std::path::Path;
use std::process::{Command, Output};

use crate::harness::Peer;

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
    let Output { status, stderr, .. } = command(directory, arguments).output().expect("the binary was built");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}
