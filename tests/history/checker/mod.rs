//! Decides from outside whether a run of real peers kept what docs/guarantees.md promises. It reads what was fed and when, what
//! was seen in files on the way, the files in the end and the logs. It knows nothing of the code: the standard library is all
//! that it uses.

mod lines;
mod looks;
mod loss;
mod order;
mod record;
mod rows;
mod verdict;

use std::path::Path;

pub(crate) use verdict::Verdict;

/// The record of a run, in the directory to which its other paths lead.
pub(crate) const HISTORY: &str = "history.txt";

/// Reads the record of a run and the files that it names, and decides.
///
/// # Errors
/// Says why nothing can be decided: the record is malformed, or two readings cannot be told apart.
pub(crate) fn check(directory: &Path) -> Result<Verdict, String> {
    let history = record::read(directory)?;
    let mut verdict = Verdict::default();
    let held = rows::read(directory, &history, &mut verdict)?;
    order::check(&history, &held, &mut verdict);
    loss::check(&history, &held, &mut verdict);
    looks::check(&history, &held, &mut verdict);
    Ok(verdict)
}
