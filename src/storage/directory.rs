//! A peer's directory on the real disk. One process at a time claims it, and never a directory that holds anything
//! else.

pub(super) mod ages;
pub(super) mod earlier;
pub(super) mod earlier_names;
pub(super) mod previous;
pub(super) mod version;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::earlier_names::is_named;
use self::version::check_version;
use super::csv_files::beside;
use super::disk::making::make_dir;
use super::disk::occupant::{is_of_process, Lock};
use super::disk::real::RealDisk;
use super::error::StorageError;
use super::file_names::{name_of, sensor_of, sensor_of_earlier};
use super::journal::names::{is_unfinished, parse_segment_name};
use super::{journal, state};
use crate::durable;
use crate::ids::PeerId;

/// Where the files of a peer are.
#[must_use]
pub fn directory_of(data_dir: &Path, id: &PeerId) -> PathBuf {
    data_dir.join(name_of(id.as_str()))
}

/// The directory of a peer, if it is there: by its present name, or the one that an earlier version gave it.
#[must_use]
pub fn find_directory(data_dir: &Path, id: &PeerId) -> Option<PathBuf> {
    let (now, earlier) = (directory_of(data_dir, id), data_dir.join(id.as_str()));
    if now.is_dir() {
        return Some(now);
    }
    is_named(&earlier).is_ok_and(|is_there| is_there).then_some(earlier)
}

/// Creates the directory of a peer where it is missing and takes it for this process, until the disk is dropped.
///
/// # Errors
/// Where it cannot be used, is in use, or is of a later version, or is not this peer's and holds anything but a peer's
/// files (then it is left as it was).
pub fn claim(data_dir: &Path, id: &PeerId) -> Result<RealDisk, StorageError> {
    let root = own_directory(data_dir, id, true)?;
    let lock = Arc::new(Lock::take(&root)?);
    earlier::take_back(&root)?;
    Ok(RealDisk::new(root, lock))
}

/// As [`claim`], for a peer that begins without its earlier rows. Those rows, and files without a peer's `state`, are
/// set aside; what was done is returned in words for the operator.
///
/// # Errors
/// As for [`claim`]; and where a file is not what its name says, or cannot be set aside.
pub fn claim_cleared(data_dir: &Path, id: &PeerId) -> Result<(RealDisk, Option<String>), StorageError> {
    let root = own_directory(data_dir, id, false)?;
    // This comes before the lock, so that a refused directory has none afterwards; and again with the lock, since
    // another process may have come and gone between.
    previous::unvouched(&root)?;
    let lock = Arc::new(Lock::take(&root)?);
    let aside = match previous::unvouched(&root)? {
        0 => earlier::keep(&root)?.map(|kept| kept.to_string()),
        files => Some(previous::set_aside(&root, files)?.to_string()),
    };
    Ok((RealDisk::new(root, lock), aside))
}

/// The directory of a peer, made where it is missing. Foreign files are refused. With `resumes` they are not, if the
/// directory is this peer's by its `state`: a home directory that `--data-dir` names by mistake has no `state`.
fn own_directory(data_dir: &Path, id: &PeerId, resumes: bool) -> Result<PathBuf, StorageError> {
    let root = directory_of(data_dir, id);
    let unusable = |source| StorageError::directory(&root, &root, source);
    match fs::symlink_metadata(&root) {
        Ok(metadata) if metadata.is_dir() => {
            // A later version may have other files here.
            check_version(&root)?;
            let others = if resumes && root.join(state::PATH).is_file() { Others::Stay } else { Others::Refused };
            check_own(&root, others)?;
            previous::check_owner(&root, id)?;
        }
        Ok(_) => return Err(StorageError::NotDirectory { path: root }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(&root).map_err(unusable)?;
        }
        Err(error) => return Err(unusable(error)),
    }
    Ok(root)
}

/// Makes a directory and its parents. Without their names on the platter nothing in it would be there either.
pub(super) fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = durable::parent(directory);
    make(parent)?;
    // Another peer may have made it meanwhile.
    make_dir(directory).or_else(|error| if directory.is_dir() { Ok(()) } else { Err(error) })?;
    durable::sync_dir(parent)
}

/// What happens to foreign files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    Refused,
    /// They stay, unless they have the name of a file that a peer makes.
    Stay,
}

/// Refuses a directory with anything in it that is not a peer's.
pub(super) fn check_own(root: &Path, others: Others) -> Result<(), StorageError> {
    check_entries(root, "", &|name, is_file, is_dir| match name {
        "journal" => is_dir,
        _ if is_own(name) => is_file,
        _ => is_harmless(name) || others == Others::Stay,
    })?;
    let is_segment = |name: &str, is_file, _| {
        is_file && (parse_segment_name(name).is_some() || is_unfinished(name) || set_aside(name))
    };
    if root.join("journal").exists() {
        check_entries(root, "journal", &is_segment)?;
    }
    Ok(())
}

fn check_entries(root: &Path, dir: &str, own: &dyn Fn(&str, bool, bool) -> bool) -> Result<(), StorageError> {
    let path = root.join(dir);
    let unusable = |source| StorageError::directory(root, &path, source);
    for entry in fs::read_dir(&path).map_err(unusable)? {
        let entry = entry.map_err(unusable)?;
        // The kind of the entry itself: a symbolic link is neither.
        let kind = entry.file_type().map_err(unusable)?;
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| own(name, kind.is_file(), kind.is_dir())) {
            let name = Path::new(dir).join(name).to_string_lossy().into_owned();
            return Err(StorageError::Foreign { path: root.to_owned(), name });
        }
    }
    Ok(())
}

/// Whether this is the name of a file that a peer makes in its directory.
pub(super) fn is_own(name: &str) -> bool {
    let is_csv = sensor_of(name).or_else(|| sensor_of_earlier(name)).is_some();
    is_csv
        || beside::is_beside(name)
        || set_aside(name)
        || matches!(name, "state" | "state.tmp" | "base" | "base.tmp" | "pending" | "pending.tmp")
        || is_of_process(name)
}

/// Whether this is what desktops, editors and file systems leave in any directory that somebody opens. It is nobody's
/// data: a peer neither needs it nor touches it.
pub(super) fn is_harmless(name: &str) -> bool {
    const NAMES: [&str; 5] = [".DS_Store", ".directory", "Thumbs.db", "desktop.ini", "lost+found"];
    const BEGINNINGS: [&str; 5] = [".~lock.", "._", ".nfs", ".fuse_hidden", ".Trash"];
    let is_swap = name.starts_with('.') && [".swp", ".swo"].iter().any(|end| name.ends_with(end));
    NAMES.contains(&name) || BEGINNINGS.iter().any(|start| name.starts_with(start)) || name.ends_with('~') || is_swap
}

/// Names in a peer's directory that are not a peer's.
///
/// # Errors
/// Where it cannot be read.
pub fn others(data_dir: &Path, id: &PeerId) -> Result<Vec<String>, StorageError> {
    let mut names = previous::names(&directory_of(data_dir, id), "")?;
    names.retain(|name| name != journal::DIR && !is_own(name));
    names.sort_unstable();
    Ok(names)
}

fn set_aside(name: &str) -> bool {
    name.strip_suffix(".damaged").is_some_and(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::HEADER_LINE;
    use crate::storage::state::StateFile;
    use crate::storage::tests::support::TempDir;

    fn tree(root: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn one_process_at_a_time_claims_a_directory() {
        let temp = TempDir::new();
        let id = "p".parse().unwrap();
        let disk = claim(temp.path(), &id).unwrap();
        let error = claim(temp.path(), &id).unwrap_err().to_string();
        let expected = format!("in use by another live peer (process {})", std::process::id());
        assert!(error.contains(&expected), "{error}");
        claim(temp.path(), &"q".parse().unwrap()).unwrap();
        drop(disk);
        claim(temp.path(), &id).unwrap();
    }

    #[test]
    fn the_directory_of_another_peer_is_refused_before_anything_is_moved() {
        // This is how it looks where the disk folds case and an earlier version had a peer `P` there.
        let temp = TempDir::new();
        let root = temp.path().join("p");
        fs::create_dir(&root).unwrap();
        let state = StateFile::new("P".parse().unwrap(), 1, None);
        fs::write(root.join("state"), state.to_text()).unwrap();
        fs::write(root.join("a.csv"), format!("{HEADER_LINE}1,,a,,,\n")).unwrap();
        let id = "p".parse().unwrap();
        for claimed in [claim(temp.path(), &id).map(drop), claim_cleared(temp.path(), &id).map(drop)] {
            let error = claimed.unwrap_err().to_string();
            assert!(error.contains("belongs to the peer P; name that directory P+1 again"), "{error}");
        }
        assert_eq!(
            (tree(temp.path()), tree(&root)),
            (vec!["p".to_owned()], vec!["a.csv".to_owned(), "state".to_owned()])
        );
    }

    #[test]
    fn a_directory_of_a_later_version_is_left_as_it_was() {
        let (temp, id) = (TempDir::new(), "p".parse().unwrap());
        let root = temp.path().join("p");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("state"), "version:3\n").unwrap();
        fs::write(root.join("a.csv"), "kept").unwrap();
        for claimed in [claim(temp.path(), &id).map(drop), claim_cleared(temp.path(), &id).map(drop)] {
            assert!(matches!(claimed, Err(StorageError::Newer { .. })), "{claimed:?}");
            assert_eq!(
                (tree(temp.path()), tree(&root)),
                (vec!["p".to_owned()], vec!["a.csv".to_owned(), "state".to_owned()])
            );
        }
    }

    #[test]
    fn a_directory_with_anything_foreign_in_it_is_left_as_it_was() {
        let id: PeerId = "p".parse().unwrap();
        for foreign in ["notes.txt", "-a.csv", "journal/1.log", "journal/x", "photos/", "state/", ".damaged", "journal"]
        {
            let temp = TempDir::new();
            let root = temp.path().join("p");
            let path = root.join(foreign);
            fs::create_dir_all(if foreign.ends_with('/') { &path } else { path.parent().unwrap() }).unwrap();
            if !foreign.ends_with('/') {
                fs::write(&path, "mine").unwrap();
            }
            fs::write(root.join("a.csv"), "kept").unwrap();
            let before = tree(&root);
            let error = claim(temp.path(), &id).unwrap_err().to_string();
            assert!(error.contains("which is no file of a peer"), "{foreign}: {error}");
            assert_eq!(tree(&root), before);
            assert_eq!(fs::read(root.join("a.csv")).unwrap(), b"kept");
        }
    }

    #[test]
    fn what_desktops_and_file_systems_leave_there_stays_and_is_named() {
        let (temp, id) = (TempDir::new(), "p".parse().unwrap());
        let root = temp.path().join("p");
        fs::create_dir_all(root.join("lost+found")).unwrap();
        let left = [".DS_Store", ".a.csv.swp", ".nfs000001", ".~lock.a.csv#", "Thumbs.db", "a.csv~"];
        for name in left {
            fs::write(root.join(name), "theirs").unwrap();
        }
        drop(claim(temp.path(), &id).unwrap());
        let (_disk, aside) = claim_cleared(temp.path(), &id).unwrap();
        assert_eq!(aside, None);
        let mut expected: Vec<&str> = left.into_iter().chain(["lost+found"]).collect();
        expected.sort_unstable();
        assert_eq!(others(temp.path(), &id).unwrap(), expected);
    }

    #[test]
    fn what_somebody_put_beside_the_rows_of_a_peer_stays_where_it_resumes() {
        let (temp, id) = (TempDir::new(), "p".parse().unwrap());
        let root = temp.path().join("p");
        fs::create_dir_all(root.join("photos")).unwrap();
        fs::write(root.join("notes.txt"), "mine").unwrap();
        let refused = claim(temp.path(), &id).unwrap_err().to_string();
        assert!(refused.contains("which is no file of a peer"), "it is no peer's directory: {refused}");
        fs::write(root.join("state"), "id:p\n").unwrap();
        drop(claim(temp.path(), &id).unwrap());
        assert_eq!(others(temp.path(), &id).unwrap(), ["notes.txt", "photos"]);
        let refused = claim_cleared(temp.path(), &id).unwrap_err().to_string();
        assert!(refused.contains("which is no file of a peer"), "it would have to be moved: {refused}");
        fs::create_dir(root.join("a.csv")).unwrap();
        assert!(claim(temp.path(), &id).is_err(), "it has the name of a file of the peer");
    }

    #[test]
    fn all_of_a_peers_own_files_are_known_as_such() {
        let temp = TempDir::new();
        let root = temp.path().join("p");
        fs::create_dir_all(root.join("journal")).unwrap();
        let own =
            ["a.b-c_1.csv", "state", "state.tmp", "pending", "pending.tmp", "lock", "state.damaged", "a.csv.2.damaged"];
        let of_journal = ["", ".damaged"].map(|end| format!("journal/00000000000000000001.log{end}"));
        let of_journal = of_journal.into_iter().chain(["journal/00000000000000000001.pack.tmp".to_owned()]);
        let left = ["a.csv.tmp", "base", "base.tmp"];
        for name in own.into_iter().chain(left).map(str::to_owned).chain(of_journal) {
            fs::write(root.join(name), "").unwrap();
        }
        check_own(&root, Others::Refused).unwrap();
        claim(temp.path(), &"p".parse().unwrap()).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_directory_is_refused() {
        let temp = TempDir::new();
        fs::write(temp.path().join("file"), "").unwrap();
        fs::create_dir(temp.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(temp.path().join("elsewhere"), temp.path().join("link")).unwrap();
        for name in ["file", "link"] {
            let error = claim(temp.path(), &name.parse().unwrap()).unwrap_err();
            assert!(matches!(error, StorageError::NotDirectory { .. }), "{error}");
        }
        let error = claim(&temp.path().join("file"), &"p".parse().unwrap()).unwrap_err();
        assert!(matches!(error, StorageError::Directory { .. }), "{error}");
        assert!(tree(&temp.path().join("elsewhere")).is_empty());
    }
}
