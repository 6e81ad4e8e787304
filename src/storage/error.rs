//! What can go wrong with a peer's files, in words that say what to do. For the state every variant means the same:
//! what was asked for does not count, and nothing more can be stored.

pub(super) mod fault;

use std::io;
use std::path::{Path, PathBuf};

use self::fault::Fault;
use super::disk::ReadDisk;
use super::file_names::name_of;
use crate::ids::Sequence;
use crate::version::Newer;

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error(
        "cannot use the directory {}: {fault}; {}",
        path.display(), fault.advice("make it writable or choose another --data-dir")
    )]
    Directory { path: PathBuf, fault: Fault },
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
        "cannot set aside what {} holds: {fault}; {}",
        path.display(), fault.advice("move it away, or choose another --data-dir or --peer-id")
    )]
    SetAside { path: PathBuf, fault: Fault },
    #[error("{} is in use by another live peer (process {process}); stop it or choose another --peer-id", path.display())]
    InUse { path: PathBuf, process: String },
    #[error(
        "{} belongs to the peer {found}; name that directory {} again, or choose another --data-dir",
        path.display(), name_of(found)
    )]
    OtherPeer { path: PathBuf, found: String },
    #[error("{} {newer}: a newer peer wrote it; nothing was touched; upgrade this peer", path.display())]
    Newer { path: PathBuf, newer: Newer },
    #[error(
        "{} was kept under --quorum {kept}, and was started with {}: rows that others delivered could change; give \
         --quorum {kept}, or start without --resume to fetch everything again",
        path.display(), given.map_or("none".to_owned(), |given| given.to_string())
    )]
    OtherQuorum { path: PathBuf, kept: u32, given: Option<u32> },
    #[error("cannot {doing} {}: {fault}; {} and start again", path.display(), fault.advice("check the disk"))]
    Io { path: PathBuf, doing: &'static str, fault: Fault },
    #[error(
        "{} is damaged: {why}; check the disk, and start without --resume to fetch everything from the group",
        path.display()
    )]
    Damaged { path: PathBuf, why: String },
    #[error(
        "the group's log is to be cut after sequence {to}, but rows up to {delivered} are delivered, which no leader under \
         --quorum may take back; nothing was changed; check that every peer has the same --quorum, and start again"
    )]
    CutsDelivered { to: Sequence, delivered: Sequence },
    #[error(
        "{} was moved, removed or replaced while this peer ran, and what was written there is lost; stop a peer before its \
         files are touched, and start it again", path.display()
    )]
    Gone { path: PathBuf },
    #[error("{} is there already, and not empty; remove it or give another directory", path.display())]
    Occupied { path: PathBuf },
    #[error("{} is within {}, which is to be copied; give another directory", path.display(), of.display())]
    Inside { path: PathBuf, of: PathBuf },
    #[error("{} changed again and again while it was copied; try again when the group is at rest", path.display())]
    Unsteady { path: PathBuf },
    #[error("reading {sequence} names no valid sensor, so it has no file; check the versions of the group's peers")]
    Sensor { sequence: u64 },
}

impl StorageError {
    /// Whether something is used up, so that another try makes sense only once somebody makes room.
    #[must_use]
    pub fn is_want(&self) -> bool {
        match self {
            Self::Directory { fault, .. } | Self::SetAside { fault, .. } | Self::Io { fault, .. } => fault.is_want(),
            _ => false,
        }
    }

    /// What cannot be read, and why, for a program that only looks and does not care what a peer would do about it.
    #[must_use]
    pub fn to_reader(&self) -> String {
        match self {
            Self::Io { path, doing, fault } => format!("cannot {doing} {}: {fault}", path.display()),
            Self::Damaged { path, why } => format!(
                "{} is damaged: {why}; 'peer verify' tells what holds, a start with --resume mends it",
                path.display()
            ),
            error => error.to_string(),
        }
    }

    /// A peer's directory cannot be used at all, because of this `path` in it.
    pub(super) fn directory(directory: &Path, path: &Path, source: io::Error) -> Self {
        Self::Directory { path: directory.to_owned(), fault: Fault::of(directory, path, source) }
    }

    /// Something cannot be done with a file of a peer's directory.
    pub(super) fn io(directory: &Path, path: &Path, doing: &'static str, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), doing, fault: Fault::of(directory, path, source) }
    }

    /// The files of an earlier life cannot be moved out of a peer's directory.
    pub(super) fn set_aside(directory: &Path, source: io::Error) -> Self {
        let beside = directory.parent().unwrap_or(directory);
        Self::SetAside { path: directory.to_owned(), fault: Fault::of(directory, beside, source) }
    }
}

/// Turns an error of the disk into one of the storage, which names the file and what was tried with it.
pub(super) fn failed<'a, D: ReadDisk>(
    disk: &'a D,
    doing: &'static str,
    path: &'a str,
) -> impl FnOnce(io::Error) -> StorageError + use<'a, D> {
    move |source| StorageError::io(&disk.full_path(""), &disk.full_path(path), doing, source)
}

/// A file that does not hold what it must.
pub(super) fn damaged<D: ReadDisk>(disk: &D, path: &str, why: impl Into<String>) -> StorageError {
    StorageError::Damaged { path: disk.full_path(path), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::memory::MemoryDisk;

    /// Each way in which a disk refuses something.
    fn refused(kind: io::ErrorKind) -> [StorageError; 3] {
        let (p, x) = (Path::new("data/p"), Path::new("data/p/x"));
        [
            StorageError::directory(p, x, kind.into()),
            StorageError::io(p, x, "read", kind.into()),
            StorageError::set_aside(p, kind.into()),
        ]
    }

    #[test]
    fn an_error_names_what_it_is_about() {
        let texts = refused(io::ErrorKind::ReadOnlyFilesystem).map(|error| error.to_string());
        for (text, begins, ends) in [
            (&texts[0], "cannot use the directory data/p: ", "; make it writable or choose another --data-dir"),
            (&texts[1], "cannot read data/p/x: ", "; check the disk and start again"),
            (
                &texts[2],
                "cannot set aside what data/p holds: ",
                "; move it away, or choose another --data-dir or --peer-id",
            ),
        ] {
            assert!(text.starts_with(begins) && text.ends_with(ends), "{text}");
        }
    }

    #[test]
    fn only_what_is_used_up_is_waited_for() {
        assert!(refused(io::ErrorKind::StorageFull).iter().all(StorageError::is_want));
        let broken = StorageError::Damaged { path: "x".into(), why: "y".into() };
        assert!(!refused(io::ErrorKind::NotFound).iter().chain([&broken]).any(StorageError::is_want));
    }

    #[test]
    fn a_program_that_only_looks_is_told_no_more_than_why() {
        let disk = MemoryDisk::default();
        for (error, told) in [
            (failed(&disk, "read", "x")(io::Error::other("it burns")), "cannot read x: it burns"),
            (
                damaged(&disk, "x", "it is torn"),
                "x is damaged: it is torn; 'peer verify' tells what holds, a start with --resume mends it",
            ),
            (
                StorageError::Unsteady { path: "x".into() },
                "x changed again and again while it was copied; try again when the group is at rest",
            ),
        ] {
            assert_eq!(error.to_reader(), told);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_disk_that_fails_for_want_of_descriptors_is_not_called_a_broken_one() {
        let (disk, cause) = (MemoryDisk::default(), || io::Error::from_raw_os_error(24));
        for error in [
            failed(&disk, "append to", "a.csv")(cause()),
            StorageError::directory(Path::new("p"), Path::new("p"), cause()),
        ] {
            let text = error.to_string();
            assert!(text.contains("raise the limit (ulimit -n)") && !text.contains("check"), "{text}");
        }
    }
}
