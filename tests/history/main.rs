//! A program of its own that decides whether a run of real peers kept what docs/guarantees.md promises: `rustc` alone builds it. As a
//! test target it checks itself on made-up runs. What it reads is described in `tests/history/checker/record.rs`; tests of real
//! processes write it.

mod checker;
#[cfg(test)]
mod made_up;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod program;

use std::path::PathBuf;
use std::process::ExitCode;

/// Checks the run whose directory is the argument. The status is 1 where a promise was broken, 2 where nothing can be decided.
fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: history DIRECTORY");
        return ExitCode::from(2);
    };
    match checker::check(&directory) {
        Ok(verdict) => {
            println!("{verdict}");
            ExitCode::from(u8::from(!verdict.holds()))
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}
