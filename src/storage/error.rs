//! What can go wrong with a peer's files, in words that say what to do. Every variant means the same for the state:
//! what was asked for does not count, and nothing more can be stored.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use crate::descriptors;
use crate::ids::Sequence;

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(
        "cannot use the directory {}: {source}; make it writable or choose another --data-dir", path.display()
    )]
    Directory { path: PathBuf, source: io::Error },
    #[error(
        "{} is a symbolic link or no directory; move it away or choose another --data-dir or --peer-id",
        path.display()
    )]
    NotDirectory { path: PathBuf },
    #[error(
        "{} holds {name:?}, which is no file of a peer; nothing was touched; move it away or choose another --data-dir \
         or --peer-id",
        path.display()
    )]
    Foreign { path: PathBuf, name: String },
    #[error(
        "cannot set aside what {} holds: {source}; move it away, or choose another --data-dir or --peer-id",
        path.display()
    )]
    SetAside { path: PathBuf, source: io::Error },
    #[error("{} is in use by another live peer (process {process}); stop it or choose another --peer-id", path.display())]
    InUse { path: PathBuf, process: String },
    #[error(
        "{} belongs to the peer {found}; move its directory back to that name or choose another --data-dir",
        path.display()
    )]
    OtherPeer { path: PathBuf, found: String },
    #[error(
        "{} was kept under --quorum {kept}, and was started with {}: rows that others delivered could change; give \
         --quorum {kept}, or start without --resume to fetch everything anew",
        path.display(), given.map_or("none".to_owned(), |given| given.to_string())
    )]
    OtherQuorum { path: PathBuf, kept: u32, given: Option<u32> },
    #[error("the disk is full: cannot {doing} {}: {source}; make room and start again", path.display())]
    Full { path: PathBuf, doing: &'static str, source: io::Error },
    #[error("cannot {doing} {}: {what} and start again", path.display())]
    Descriptors { path: PathBuf, doing: &'static str, what: String },
    #[error("cannot {doing} {}: {source}; check the disk and start again", path.display())]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
    #[error(
        "{} is damaged: {why}; check the disk, and start without --resume to fetch everything from the group",
        path.display()
    )]
    Damaged { path: PathBuf, why: String },
    #[error(
        "the group's log is to be cut behind sequence {to}, but rows up to {delivered} are delivered, which no leader under \
         --quorum may take back; nothing was changed; check that every peer has the same --quorum, and start again"
    )]
    CutsDelivered { to: Sequence, delivered: Sequence },
    #[error(
        "{} was moved, removed or replaced while this peer ran, and what was written there is lost; stop a peer before its \
         files are touched, and start it again", path.display()
    )]
    Gone { path: PathBuf },
    #[error("reading {sequence} names no valid sensor, so it has no file; check the versions of the group's peers")]
    Sensor { sequence: u64 },
}

impl StorageError {
    /// What is wrong where a peer's directory cannot be used at all.
    pub(super) fn directory(path: &Path, source: io::Error) -> Self {
        if descriptors::ran_out(&source) {
            return Self::Descriptors { path: path.to_owned(), doing: "use", what: descriptors::explain(&source) };
        }
        Self::Directory { path: path.to_owned(), source }
    }
}

/// Makes an error of the disk one of the storage, which names the file and what was tried with it.
pub(super) fn failed<'a, D: Disk>(
    disk: &'a D,
    doing: &'static str,
    path: &'a str,
) -> impl FnOnce(io::Error) -> StorageError + use<'a, D> {
    move |source| {
        let path = disk.full_path(path);
        if descriptors::ran_out(&source) {
            return StorageError::Descriptors { path, doing, what: descriptors::explain(&source) };
        }
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::Full { path, doing, source },
            _ => StorageError::Io { path, doing, source },
        }
    }
}

/// A file that does not hold what it must.
pub(super) fn damaged<D: Disk>(disk: &D, path: &str, why: impl Into<String>) -> StorageError {
    StorageError::Damaged { path: disk.full_path(path), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::super::memory_disk::MemoryDisk;
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_disk_that_fails_for_want_of_descriptors_is_not_called_a_broken_one() {
        let (disk, cause) = (MemoryDisk::default(), || io::Error::from_raw_os_error(24));
        for error in [failed(&disk, "append to", "a.csv")(cause()), StorageError::directory(Path::new("p"), cause())] {
            let text = error.to_string();
            assert!(text.contains("raise the limit (ulimit -n) and start again") && !text.contains("check"), "{text}");
        }
    }
}
