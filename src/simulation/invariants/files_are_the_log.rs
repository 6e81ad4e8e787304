//! Promise 8: the CSV files are exactly the delivered log, sorted into sensors.

use crate::simulation::process::Process;

/// The check after each report of the storage. The files follow the storage's log, in which waiting cuts are not made
/// yet.
pub(super) fn check(process: &mut Process) -> Result<(), String> {
    let shelf = &mut process.shelf;
    let disk = shelf.disk().clone();
    shelf.rows.check(&disk).map_err(|why| format!("promise 8: {}: {why}", process.origin))
}

/// The check at the end of a run: everything once more, from the files as they are.
///
/// # Errors
///
/// Promise 8 is broken; the text says how.
pub fn check_whole(process: &mut Process) -> Result<(), String> {
    let shelf = &mut process.shelf;
    let disk = shelf.disk().clone();
    shelf.rows.check_whole(&disk).map_err(|why| format!("promise 8: {}: {why}", process.origin))
}
