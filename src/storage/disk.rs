//! What the storage asks of a disk: a few operations on the files of one peer's directory. The other files here know
//! what they mean.

#[cfg(test)]
pub(super) mod folding;
pub(super) mod intact;
pub(super) mod making;
#[cfg(any(test, feature = "simulation"))]
pub(super) mod memory;
pub(super) mod occupant;
#[cfg(any(test, feature = "simulation"))]
mod platter;
pub(super) mod read_only;
pub(super) mod real;
#[cfg(test)]
pub(super) mod recording;
pub(super) mod room;
pub(super) mod set_aside;

use std::fs::Metadata;
use std::io;
use std::path::PathBuf;

use crate::identity::Identity;

/// Which file a name means, and how long it is: by this a name is compared with the file that was written to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    pub file: Identity,
    pub bytes: u64,
}

impl Stamp {
    pub(super) fn new((file, found): (Identity, Metadata)) -> Self {
        Self { file, bytes: found.len() }
    }
}

/// Treats a missing file as an empty one.
pub(super) fn or_empty<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        result => result,
    }
}

/// Looks at the files of one peer, by paths relative to its directory: `state`, `journal/<segment>.log`, and the files
/// of sensors, named by `file_names.rs`. A disk that is only read can do no more.
///
/// Implementations synchronise themselves, so that one thread may read while another appends.
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

/// Changes the files of one peer. On such a disk a missing directory holds no files, and a missing file is empty, since
/// a write makes it.
pub trait Disk: ReadDisk {
    /// Which file has a name now, whatever is open: to compare with what [`Self::append`] returned.
    ///
    /// # Errors
    /// The disk's.
    fn stamp(&self, path: &str) -> io::Result<Stamp>;

    /// Adds bytes to the end of a file, which is made where it is missing, with its directory. Returns the stamp of the
    /// file afterwards: an open file may have lost its name since.
    ///
    /// # Errors
    /// The disk's; then nothing was added.
    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<Stamp>;

    /// Makes `to` a new file of the first `len` bytes of `from`, which has that many.
    ///
    /// # Errors
    /// The disk's.
    fn copy(&self, from: &str, to: &str, len: u64) -> io::Result<()>;

    /// Shortens a file to `len` bytes.
    ///
    /// # Errors
    /// The disk's.
    fn truncate(&self, path: &str, len: u64) -> io::Result<()>;

    /// Replaces the file of that name by one of these bytes: after a crash there is either the old file or the new.
    /// With `durable` that holds for a power loss, too, and the new file is on the platter on return.
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
    /// The disk's. A system reports it once: the next sync may succeed without these bytes, so nothing may be built on
    /// them any more.
    fn sync(&self, path: &str) -> io::Result<()>;

    /// Returns once what was appended to a file is on the platter, whatever becomes of names. If that fails, all other
    /// files and names are as they were.
    ///
    /// # Errors
    /// The disk's.
    fn sync_bytes(&self, path: &str) -> io::Result<()>;

    /// Returns once the names in a directory are on the platter: what was made, renamed or removed.
    ///
    /// # Errors
    /// The disk's.
    fn sync_names(&self, dir: &str) -> io::Result<()>;
}
