//! What the storage asks of a disk: few operations, on the files of one peer's directory. What the files mean is left to
//! the others here.

#[cfg(test)]
pub(super) mod folding;
pub(super) mod memory;
mod platter;
pub(super) mod read_only;
pub(super) mod real;
#[cfg(test)]
pub(super) mod recording;

use std::io;
use std::path::PathBuf;

/// Which file a name means, and how long it is: by this a name is compared with the file that was written to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// What the system tells files apart by: on Unix device and inode.
    pub file: (u64, u64),
    pub bytes: u64,
}

/// Makes a missing file one of no bytes.
pub(super) fn or_empty<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        result => result,
    }
}

/// Looks at the files of one peer, by paths relative to its directory: `state`, `journal/<segment>.log`, and those of
/// sensors, whose names `file_names.rs` makes. This is all that a disk can do which is only looked at.
///
/// Implementations synchronise themselves, so that one thread may read while another one appends.
pub trait ReadDisk: Send + Sync + 'static {
    /// The names of the files in a directory (`""` or `"journal"`), sorted.
    ///
    /// # Errors
    /// The disk's.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Bytes of a file.
    ///
    /// # Errors
    /// The disk's.
    fn len(&self, path: &str) -> io::Result<u64>;

    /// Reads `len` bytes from `offset` on, fewer where the file ends before.
    ///
    /// # Errors
    /// The disk's.
    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Where a file is, for the operator.
    fn full_path(&self, path: &str) -> PathBuf;
}

/// Changes the files of one peer. On such a disk a missing directory holds no files, and a file that does not exist is one of
/// no bytes, since a write makes it.
pub trait Disk: ReadDisk {
    /// What is under a name now, whatever is open: to be compared with what [`Self::append`] says that it wrote to.
    ///
    /// # Errors
    /// The disk's.
    fn stamp(&self, path: &str) -> io::Result<Stamp>;

    /// Adds bytes to the end of a file, which is created where it is missing, with its directory. Returns which file that
    /// was, as long as it was known to be afterwards: a file that is open may have lost its name since.
    ///
    /// # Errors
    /// The disk's; then nothing was added.
    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<Stamp>;

    /// Makes `to` a new file of the first `len` bytes of `from`, which has as many.
    ///
    /// # Errors
    /// The disk's.
    fn copy(&self, from: &str, to: &str, len: u64) -> io::Result<()>;

    /// Shortens a file to `len` bytes.
    ///
    /// # Errors
    /// The disk's.
    fn truncate(&self, path: &str, len: u64) -> io::Result<()>;

    /// Puts a file of these bytes in the place of the one of that name: after a crash there is either the old or the new.
    /// With `durable` that holds for a power loss, too, and the new one is on the platter on return.
    ///
    /// # Errors
    /// The disk's; then the old one is still there.
    fn replace(&self, path: &str, bytes: &[u8], durable: bool) -> io::Result<()>;

    /// Puts the file `from` in the place of `to`.
    ///
    /// # Errors
    /// The disk's; then both are as they were.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// The disk's.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Returns once what was appended to a file, and its name, are on the platter.
    ///
    /// # Errors
    /// The disk's.
    fn sync(&self, path: &str) -> io::Result<()>;

    /// Returns once it is on the platter which files there are in a directory: what was created, renamed or removed.
    ///
    /// # Errors
    /// The disk's.
    fn sync_names(&self, dir: &str) -> io::Result<()>;
}
