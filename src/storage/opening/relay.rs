//! Replaces CSV files of one layout by those of the other, at a start. They are checked and mended as at any start, those of
//! the wanted layout are written from the journal, and then the others go.
//!
//! `state` says at each moment which files count, for programs that only look and for the next start. Wherever a crash
//! interrupts this, those files are whole, or are mended as after any crash, and the next start does the rest.

use super::csv_check::CsvCheck;
use super::csv_mend;
use super::start::save;
use crate::ids::Sequence;
use crate::storage::disk::Disk;
use crate::storage::error::{failed, StorageError};
use crate::storage::journal::JournalReader;
use crate::storage::repair::{CsvRelaid, CsvRepair, Repair};
use crate::storage::state::layout::Layout;
use crate::storage::state::StateFile;

/// Mends the files of the wanted layout, and replaces the others. `found` is the `state` of the life before. Returns what
/// was done.
///
/// # Errors
/// The disk's, or where the journal is damaged.
pub(super) fn mend<D: Disk>(
    disk: &D,
    found: Option<&StateFile>,
    check: &mut CsvCheck<D>,
    journal: &JournalReader<D>,
    (last, delivered): (Sequence, Sequence),
) -> Result<Vec<Repair>, StorageError> {
    if !check.has_others() {
        let done = csv_mend::mend(disk, check, journal, last, delivered)?;
        return Ok(mended(done));
    }
    if let Some(found) = found {
        // An earlier version takes files of months for somebody else's: it has to refuse the directory before there is one.
        say(disk, found, found.layout())?;
    }
    let mut done = csv_mend::mend(disk, check, journal, last, delivered)?;
    let mut relaid =
        CsvRelaid { path: disk.full_path(""), layout: check.layout, files: 0, rows: done.rows, removed: 0 };
    done.rows = 0;
    let holds_rows = |name: &str| disk.len(name).map(|bytes| bytes > 0).map_err(failed(disk, "look at", name));
    for file in check.files.iter().filter(|file| file.is_of(check.layout)) {
        if holds_rows(&file.path)? {
            disk.sync(&file.path).map_err(failed(disk, "sync", &file.path))?;
            relaid.files += 1;
        }
    }
    disk.sync_names("").map_err(failed(disk, "sync", ""))?;
    found.map_or(Ok(()), |found| say(disk, found, check.layout))?;
    for file in check.files.iter().filter(|file| !file.is_of(check.layout)) {
        csv_mend::replace(disk, file, last, &mut done)?;
        relaid.removed += 1;
    }
    // What is gone must not come back once `state` says nothing of it.
    disk.sync_names("").map_err(failed(disk, "sync", ""))?;
    Ok([vec![Repair::Relaid(relaid)], mended(done)].concat())
}

fn mended(done: CsvRepair) -> Vec<Repair> {
    if done.is_nothing() {
        Vec::new()
    } else {
        vec![Repair::Csv(done)]
    }
}

/// Notes in `state` which files count while files of both layouts are there.
fn say<D: Disk>(disk: &D, found: &StateFile, layout: Layout) -> Result<(), StorageError> {
    save(disk, &StateFile { rotate: Some(layout), ..found.clone() }, true)
}
