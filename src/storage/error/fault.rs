//! Why the system refused an operation on a disk. The system's own word is too short: it does not tell a disk without
//! room from one without inodes, or a file of another user from one that nobody may write.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::descriptors;

/// What an error of the system means, for the operator.
#[derive(Debug)]
pub enum Fault {
    /// There is no room.
    Full(io::Error),
    /// There is room, but for no further file.
    Inodes(io::Error),
    /// There is room, but not for this user.
    Quota(io::Error),
    /// No further file may be open.
    Descriptors(io::Error),
    /// Another user's.
    Owner { source: io::Error, owned: Box<Owned> },
    /// The system's own words say it best.
    Other(io::Error),
}

impl Fault {
    /// What an error means that concerns `path`: the peer's `directory`, a file in it, or one of its parents. It asks
    /// the disk as it is now.
    pub(in crate::storage) fn of(directory: &Path, path: &Path, source: io::Error) -> Self {
        Self::meant(source, || lacks_inodes(path), || owner::other_than_this(directory, path))
    }

    fn meant(
        source: io::Error,
        lacks_inodes: impl FnOnce() -> bool,
        other_owner: impl FnOnce() -> Option<Owned>,
    ) -> Self {
        match source.kind() {
            _ if descriptors::ran_out(&source) => Self::Descriptors(source),
            io::ErrorKind::StorageFull if lacks_inodes() => Self::Inodes(source),
            io::ErrorKind::StorageFull => Self::Full(source),
            io::ErrorKind::QuotaExceeded => Self::Quota(source),
            io::ErrorKind::PermissionDenied => match other_owner() {
                Some(owned) => Self::Owner { source, owned: Box::new(owned) },
                None => Self::Other(source),
            },
            _ => Self::Other(source),
        }
    }

    /// What was asked for is not there.
    pub(in crate::storage) fn is_missing(&self) -> bool {
        matches!(self, Self::Other(source) if source.kind() == io::ErrorKind::NotFound)
    }

    /// Something is used up, and stays so until somebody makes room.
    pub(in crate::storage) fn is_want(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Inodes(_) | Self::Quota(_) | Self::Descriptors(_))
    }

    /// What to do about it; `otherwise` where the system only says that it failed.
    #[must_use]
    pub fn advice(&self, otherwise: &str) -> String {
        match self {
            Self::Full(_) => "make room".to_owned(),
            Self::Inodes(_) => {
                "remove files that nobody needs (df -i counts inodes), or make the file system again with more"
                    .to_owned()
            }
            Self::Quota(_) => "make room within the quota, or have it raised".to_owned(),
            Self::Descriptors(source) => descriptors::advice(source),
            Self::Owner { owned, .. } => owned.command.clone().unwrap_or_else(|| otherwise.to_owned()),
            Self::Other(_) => otherwise.to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(source) => write!(f, "the disk is full ({source})"),
            Self::Inodes(source) => write!(f, "the disk has room, and no inode is left for another file ({source})"),
            Self::Quota(source) => write!(f, "the quota of this user is used up ({source})"),
            Self::Owner { source, owned } => {
                let Owned { what, owner, user, .. } = &**owned;
                write!(f, "{source}: {} belongs to {owner}, and this peer runs as {user}", what.display())
            }
            Self::Descriptors(source) | Self::Other(source) => write!(f, "{source}"),
        }
    }
}

/// What belongs to another user, to whom, and the command that gives it to this user.
#[derive(Debug)]
pub struct Owned {
    what: PathBuf,
    owner: String,
    user: String,
    command: Option<String>,
}

/// The directory in which a relative path begins has no name.
#[cfg(unix)]
fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    }
}

/// Whether the file system of this path has room, but no inode. Some make inodes as they are needed, and count none.
#[cfg(unix)]
fn lacks_inodes(path: &Path) -> bool {
    // What could not be made cannot be asked.
    let room = path.ancestors().find_map(|path| rustix::fs::statvfs(here(path)).ok());
    room.is_some_and(|room| is_without_inodes(room.f_files, room.f_favail, room.f_bavail))
}

/// Whether a file system with this many inodes, of which this many are free, has room for bytes alone.
#[cfg(unix)]
fn is_without_inodes(inodes: u64, free: u64, free_blocks: u64) -> bool {
    inodes > 0 && free == 0 && free_blocks > 0
}

#[cfg(not(unix))]
fn lacks_inodes(_path: &Path) -> bool {
    false
}

#[cfg(unix)]
mod owner {
    use std::fs;
    use std::io::ErrorKind;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use super::{here, Owned};

    /// What is nearest to `path` and belongs to another user than this process, up to the peer's `directory`, or to the
    /// parent in which that would be made.
    pub(super) fn other_than_this(directory: &Path, path: &Path) -> Option<Owned> {
        other_than(rustix::process::geteuid().as_raw(), directory, path)
    }

    /// The same for any user.
    pub(super) fn other_than(user: u32, directory: &Path, path: &Path) -> Option<Owned> {
        // As a person writes it: without a slash at the end.
        let directory = directory.components().as_path();
        let whose = |path: &Path| fs::symlink_metadata(here(path)).ok().map(|metadata| metadata.uid());
        let within = path.ancestors().take_while(|path| path.starts_with(directory));
        let above = directory.ancestors().find(|above| whose(above).is_some())?;
        let foreign = |path| whose(path).filter(|owner| *owner != user).map(|owner| (here(path), owner));
        let (what, owner) = within.chain([above, path]).find_map(foreign)?;
        let (named, quoted) = (name_of(user), quoted(directory));
        // If one may not even look, nobody knows what is there.
        let missing = || fs::symlink_metadata(directory).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let command = if what.starts_with(directory) {
            Some(format!("run chown -R {named} {quoted} as root"))
        } else if missing() {
            Some(format!("run install -d -o {named} {quoted} as root, or choose another --data-dir"))
        } else {
            None
        };
        Some(Owned { what: what.to_owned(), owner: name_of(owner), user: named, command })
    }

    /// A user's name, where this system keeps it in its own file; the number does everywhere.
    fn name_of(user: u32) -> String {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == user.to_string()).then(|| name.to_owned())
        });
        named.unwrap_or_else(|| user.to_string())
    }

    /// Quoted so that a shell takes it for one word.
    fn quoted(path: &Path) -> String {
        let text = path.display().to_string();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        if text.chars().all(plain) {
            text
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn users_have_names_where_they_are_known_and_paths_are_one_word() {
            assert_eq!((name_of(0), name_of(4_000_000_001)), ("root".to_owned(), "4000000001".to_owned()));
            assert_eq!(quoted(Path::new("data/a-1.x_y")), "data/a-1.x_y");
            assert_eq!(quoted(Path::new("my data/it's")), r"'my data/it'\''s'");
        }
    }
}

/// Elsewhere access does not depend on owners.
#[cfg(not(unix))]
mod owner {
    pub(super) fn other_than_this(_directory: &std::path::Path, _path: &std::path::Path) -> Option<super::Owned> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::support::TempDir;

    fn of(source: impl Into<io::Error>) -> Fault {
        let temp = TempDir::new();
        Fault::of(temp.path(), &temp.path().join("a.csv"), source.into())
    }

    #[test]
    fn each_fault_says_what_it_is_and_what_to_do() {
        for (kind, says, advice) in [
            (io::ErrorKind::StorageFull, "the disk is full (", "make room"),
            (io::ErrorKind::QuotaExceeded, "the quota of this user is used up (", "make room within the quota"),
            // A file of this user is refused for another reason.
            (io::ErrorKind::PermissionDenied, "permission denied", "look at it"),
            (io::ErrorKind::ReadOnlyFilesystem, "read-only", "look at it"),
        ] {
            let fault = of(kind);
            let (text, todo) = (fault.to_string(), fault.advice("look at it"));
            assert!(text.starts_with(says) && todo.starts_with(advice), "{text}; {todo}");
        }
        let inodes = Fault::meant(io::ErrorKind::StorageFull.into(), || true, || None);
        assert!(inodes.to_string().contains("no inode is left") && inodes.advice("").contains("df -i"), "{inodes}");
    }

    #[test]
    #[cfg(unix)]
    fn a_lack_of_descriptors_is_told_from_that_of_the_whole_system() {
        let advice = |code| of(io::Error::from_raw_os_error(code)).advice("look at it");
        assert!(
            advice(24).contains("ulimit -n") && advice(23).contains("fs.file-max"),
            "{} {}",
            advice(24),
            advice(23)
        );
    }

    #[test]
    fn what_is_used_up_is_told_from_what_is_missing_or_broken() {
        use io::ErrorKind::{NotFound, PermissionDenied, QuotaExceeded, StorageFull};
        for (fault, is_missing, is_want) in [
            (of(NotFound), true, false),
            (of(PermissionDenied), false, false),
            (of(StorageFull), false, true),
            (of(QuotaExceeded), false, true),
            (Fault::Inodes(StorageFull.into()), false, true),
            (Fault::Descriptors(NotFound.into()), false, true),
        ] {
            assert_eq!((fault.is_missing(), fault.is_want()), (is_missing, is_want), "{fault:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn inodes_are_missing_where_there_are_any_and_none_is_free_beside_free_blocks() {
        for (inodes, free, free_blocks, expected) in [
            (1, 0, 1, true),
            // Inodes are made as they are needed.
            (0, 0, 1, false),
            (1, 1, 1, false),
            (1, 0, 0, false),
            (0, 0, 0, false),
        ] {
            assert_eq!(is_without_inodes(inodes, free, free_blocks), expected, "{inodes} {free} {free_blocks}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_belongs_to_another_user_is_named_with_its_owner_and_the_command() {
        use std::os::unix::fs::MetadataExt;
        let temp = TempDir::new();
        let uid = std::fs::metadata(temp.path()).unwrap().uid();
        let (directory, inner) = (temp.path().join("p"), temp.path().join("p/journal"));
        std::fs::create_dir_all(&inner).unwrap();
        let asked = |user, directory: &Path, path: &Path| {
            let owned = owner::other_than(user, directory, path)?;
            Some((owned.what, owned.command))
        };
        assert_eq!(asked(uid, &directory, &inner.join("x.log")), None, "it is this user's");
        let other = 4_000_000_001;
        let chown = format!("run chown -R {other} {} as root", directory.display());
        // What is not there belongs to nobody; a slash at the end changes nothing.
        for (directory, path) in [(directory.clone(), inner.join("x.log")), (directory.join(""), inner.clone())] {
            assert_eq!(asked(other, &directory, &path), Some((inner.clone(), Some(chown.clone()))));
        }
        // The directory is to be made in that of another.
        let missing = temp.path().join("q");
        let install = format!("run install -d -o {other} {} as root, or choose another --data-dir", missing.display());
        assert_eq!(asked(other, &missing, &missing), Some((temp.path().to_owned(), Some(install))));
        // Nobody can look below a file.
        let file = temp.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(asked(other, &file.join("p"), &file.join("p")), Some((file, None)));
        let denied = io::ErrorKind::PermissionDenied.into();
        let fault = Fault::meant(denied, || false, || owner::other_than(other, &directory, &inner));
        let says = format!("{} belongs to ", inner.display());
        assert!(fault.to_string().contains(&says) && fault.advice("look at it") == chown, "{fault}");
    }
}
