//! Says that a test was skipped, and why, also where what passing tests print is not shown.

use std::io::{stderr, Write};

pub(crate) fn skipped(what: &str, why: &str) {
    let why = why.trim().replace('\n', "; ");
    // What is written past the macros is not held back; and nobody is there to be told that it could not be.
    let _ = writeln!(stderr(), "SKIPPED: {what}: {why}");
}
