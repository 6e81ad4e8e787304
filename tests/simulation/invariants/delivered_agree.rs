//! Promise 5: among peers that have installed the same term, one delivered history is a prefix of the other.

use crate::process::Process;

pub(super) fn check(processes: &[Process], number: usize) -> Result<(), String> {
    let process = &processes[number];
    let Some(term) = process.peer.installed() else { return Ok(()) };
    let committed = process.peer.committed();
    if process.checked.as_ref().is_some_and(|checked| *checked == (term.clone(), committed)) {
        return Ok(());
    }
    for other in processes.iter().filter(|other| other.alive && other.peer.installed() == Some(term)) {
        let common = committed.min(other.peer.committed());
        if process.shelf.digest_at(common) != other.shelf.digest_at(common) {
            return Err(format!(
                "promise 5: {} and {} of {term} differ in what they delivered up to #{common}",
                process.id(),
                other.id()
            ));
        }
    }
    Ok(())
}
