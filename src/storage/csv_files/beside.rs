//! A CSV file that loses rows, or is restored, is not changed: a new file is written beside it and takes its name. A
//! reader of the old file keeps it whole, and a program that follows the name sees a new file.

use crate::reading::HEADER_LINE;
use crate::storage::disk::{Disk, Stamp};
use crate::storage::error::{failed, StorageError};
use crate::storage::READ_BYTES;

/// The suffix of a file that is to take the place of a CSV file.
pub(in crate::storage) const SUFFIX: &str = ".tmp";

/// The path of the file that is to take the place of this one.
pub(in crate::storage) fn path_of(path: &str) -> String {
    format!("{path}{SUFFIX}")
}

/// Replaces a file by one of its first `kept` bytes.
///
/// # Errors
/// The disk's; then the old one is still there.
pub(in crate::storage) fn cut<D: Disk>(disk: &D, path: &str, kept: u64, careful: bool) -> Result<Stamp, StorageError> {
    let new = path_of(path);
    disk.copy(path, &new, kept).map_err(failed(disk, "copy", path))?;
    take_place(disk, path, careful)?;
    disk.stamp(path).map_err(failed(disk, "look at", path))
}

/// Replaces a file by its header and what it has from the byte `from` on.
///
/// # Errors
/// The disk's; then the old one is still there.
pub(in crate::storage) fn keep_from<D: Disk>(
    disk: &D,
    path: &str,
    mut from: u64,
    careful: bool,
) -> Result<Stamp, StorageError> {
    let new = path_of(path);
    // What an earlier try left.
    disk.remove(&new).map_err(failed(disk, "remove", &new))?;
    let mut block = HEADER_LINE.as_bytes().to_vec();
    while !block.is_empty() {
        disk.append(&new, &block).map_err(failed(disk, "append to", &new))?;
        block = disk.read(path, from, READ_BYTES).map_err(failed(disk, "read", path))?;
        from += block.len() as u64;
    }
    take_place(disk, path, careful)?;
    disk.stamp(path).map_err(failed(disk, "look at", path))
}

/// Gives what was written beside a file its name.
///
/// # Errors
/// The disk's; then the old one is still there.
pub(in crate::storage) fn take_place<D: Disk>(disk: &D, path: &str, careful: bool) -> Result<(), StorageError> {
    let new = path_of(path);
    if careful {
        // The old rows may have been on the platter for long: the new ones have to be there, too, before the old ones
        // go.
        disk.sync(&new).map_err(failed(disk, "sync", &new))?;
    }
    disk.rename(&new, path).map_err(failed(disk, "replace", path))
}

/// Removes files that an earlier life could not give their name any more.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn remove_leftovers<D: Disk>(disk: &D) -> Result<(), StorageError> {
    for name in disk.list("").map_err(failed(disk, "list", ""))? {
        if is_beside(&name) {
            disk.remove(&name).map_err(failed(disk, "remove", &name))?;
        }
    }
    Ok(())
}

/// Whether this is the name of a file that was to take the place of a CSV file.
pub(in crate::storage) fn is_beside(name: &str) -> bool {
    name.strip_suffix(SUFFIX).is_some_and(|name| name.strip_suffix(".csv").is_some())
}
