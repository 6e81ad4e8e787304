//! Says that a test was skipped, and why, even where the output of passing tests is hidden.

use std::io::{stderr, Write};

pub(crate) fn skipped(what: &str, why: &str) {
    let why = why.trim().replace('\n', "; ");
    // The harness does not capture what is written past the macros. If that fails, nobody is there to tell.
    let _ = writeln!(stderr(), "SKIPPED: {what}: {why}");
}
