//! Promise 8: the CSV files are exactly the delivered log, sorted into sensors.

use crate::process::Process;

/// After each report of the storage. The files are those of the log that the storage has, cuts that wait not yet made.
pub(super) fn check(process: &mut Process) -> Result<(), String> {
    let shelf = &mut process.shelf;
    let disk = shelf.disk().clone();
    shelf.rows.check(&disk).map_err(|why| format!("promise 8: {}: {why}", process.origin))
}

/// At the end of a run: everything once more, from the files as they are.
pub(crate) fn check_whole(process: &mut Process) -> Result<(), String> {
    let shelf = &mut process.shelf;
    let disk = shelf.disk().clone();
    shelf.rows.check_whole(&disk).map_err(|why| format!("promise 8: {}: {why}", process.origin))
}
