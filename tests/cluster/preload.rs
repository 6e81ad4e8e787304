//! Small libraries in C, loaded between a peer and the system. They need Linux and a C compiler. If one of these is
//! missing, the tests that want them say so and pass.

use std::process::Command;

use crate::harness::{skipped, Group};

/// Compiles `tests/cluster/<name>.c` for a test; prints the reason where this system does not allow it. Without it,
/// `what` cannot be done.
pub(super) fn library(group: &Group, name: &str, what: &str) -> Option<String> {
    let library = group.directory.join(format!("{name}.so")).to_string_lossy().into_owned();
    let source = format!("{}/tests/cluster/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o", &library, &source, "-ldl"]).output();
    let why = match compiled {
        Ok(output) if output.status.success() && cfg!(target_os = "linux") => return Some(library),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("cc: {error}"),
    };
    skipped(what, &why);
    None
}
