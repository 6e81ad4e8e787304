//! The version of a peer's directory. A directory of version 1 bears none; a later one says so in the first line of
//! `state`, which is written before anything else of a later form is. `pending` and the segments may begin with that
//! line, too, for a directory that has lost its `state`. A directory is of version 2 where it has, or may have, files of
//! months, or a log that does not begin with 1, and of version 1 otherwise.

use std::path::Path;

use crate::storage::disk::read_only::ReadOnlyDisk;
use crate::storage::disk::ReadDisk;
use crate::storage::error::StorageError;
use crate::storage::{journal, pending, state};
use crate::version;

/// The latest that this program writes and reads.
const VERSION: u64 = 2;

/// Looks for anything of a later version in the directory `root`. Nothing is locked or changed. What cannot be read is
/// passed over: what needs it says so.
///
/// # Errors
/// [`StorageError::Newer`] names the first such file.
pub fn check_version(root: &Path) -> Result<(), StorageError> {
    check(&ReadOnlyDisk::new(root.to_owned()))
}

fn check<D: ReadDisk>(disk: &D) -> Result<(), StorageError> {
    check_file(disk, state::PATH)?;
    check_file(disk, pending::PATH)?;
    let segments = disk.list(journal::DIR).unwrap_or_default();
    segments.iter().try_for_each(|name| check_file(disk, &format!("{}/{name}", journal::DIR)))
}

fn check_file<D: ReadDisk>(disk: &D, path: &str) -> Result<(), StorageError> {
    let head = disk.read(path, 0, version::HEAD_BYTES).unwrap_or_default();
    version::check(&head, VERSION).map_err(|newer| StorageError::Newer { path: disk.full_path(path), newer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::memory::MemoryDisk;
    use crate::storage::disk::Disk;

    #[test]
    fn any_file_of_a_later_version_is_found() {
        let disk = MemoryDisk::default();
        check(&disk).unwrap();
        for path in ["state", "pending", "journal/00000000000000000001.log", "journal/00000000000000000009.log"] {
            disk.append(path, b"version:2\n").unwrap();
            check(&disk).unwrap();
            disk.replace(path, b"version:3\nid:p\n", false).unwrap();
            let error = check(&disk).unwrap_err().to_string();
            let expected = format!("{path} is of version 3, and this program reads up to version 2: ");
            assert!(error.contains(&expected) && error.contains("nothing was touched; upgrade this peer"), "{error}");
            disk.replace(path, b"id:p\n", false).unwrap();
        }
    }
}
