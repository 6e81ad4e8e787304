//! Puts damaged files out of the way, under a name of their own: they may be all that is left of something.

use std::path::PathBuf;

use super::Disk;
use crate::storage::error::{failed, StorageError};

/// What is copied in one step, in bytes.
const COPY_BYTES: usize = 1024 * 1024;

/// Renames a file; returns where it is now. On return its new name is on the platter: a file that is made under the old
/// name could otherwise be there without it.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn rename<D: Disk>(disk: &D, path: &str) -> Result<PathBuf, StorageError> {
    let aside = free_name(disk, path)?;
    disk.rename(path, &aside).map_err(failed(disk, "set aside", path))?;
    let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
    disk.sync_names(dir).map_err(failed(disk, "sync", dir))?;
    Ok(disk.full_path(&aside))
}

/// Copies a file of which a part is still needed; returns where the copy is. On return it is on the platter, since the
/// original may lose next what the copy holds.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn copy<D: Disk>(disk: &D, path: &str) -> Result<PathBuf, StorageError> {
    copy_from(disk, path, 0)
}

/// The same, of what a file holds from this byte on.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn copy_from<D: Disk>(disk: &D, path: &str, mut at: u64) -> Result<PathBuf, StorageError> {
    let aside = free_name(disk, path)?;
    loop {
        let block = disk.read(path, at, COPY_BYTES).map_err(failed(disk, "read", path))?;
        disk.append(&aside, &block).map_err(failed(disk, "append to", &aside))?;
        at += block.len() as u64;
        if block.len() < COPY_BYTES {
            disk.sync(&aside).map_err(failed(disk, "sync", &aside))?;
            return Ok(disk.full_path(&aside));
        }
    }
}

/// `<path>.damaged`, or the first free name with a number before that ending. To lose an empty file of that name is no
/// loss.
fn free_name<D: Disk>(disk: &D, path: &str) -> Result<String, StorageError> {
    let mut aside = format!("{path}.damaged");
    let mut number = 1;
    while disk.len(&aside).map_err(failed(disk, "look at", &aside))? > 0 {
        number += 1;
        aside = format!("{path}.{number}.damaged");
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::memory::MemoryDisk;
    use crate::storage::disk::ReadDisk;

    #[test]
    fn a_copy_of_a_long_file_is_whole() {
        let (disk, bytes) = (MemoryDisk::new(), b"0123456789\n".repeat(200_000));
        assert!(bytes.len() > COPY_BYTES && bytes.len() % COPY_BYTES > 0);
        disk.append("a.csv", &bytes).unwrap();
        copy_from(&disk, "a.csv", 3).unwrap();
        assert!(disk.files()["a.csv.damaged"] == bytes[3..], "{}", disk.len("a.csv.damaged").unwrap());
        copy(&disk, "a.csv").unwrap();
        assert!(disk.files()["a.csv.2.damaged"] == bytes, "{}", disk.len("a.csv.2.damaged").unwrap());
    }
}
