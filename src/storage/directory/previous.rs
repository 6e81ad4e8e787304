//! Files in a peer's directory without a `state`. They may be all that is left of something, so they are never cleared:
//! they are set aside if they look like a peer's, and refused otherwise.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::is_harmless;
use crate::durable;
use crate::ids::PeerId;
use crate::reading::HEADER_LINE;
use crate::storage::csv_files::beside;
use crate::storage::disk::making::make_dir;
use crate::storage::disk::occupant::is_of_process;
use crate::storage::error::StorageError;
use crate::storage::journal::names::is_unfinished;
use crate::storage::state::{self, base, StateFile};
use crate::storage::{journal, pending};

/// What was set aside, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::storage) struct SetAside {
    pub from: PathBuf,
    pub to: PathBuf,
    pub files: usize,
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, them) = if self.files == 1 { ("file", "it is") } else { ("files", "they are") };
        write!(
            f,
            "{} held {} {files} and no state of a peer, so nothing there was cleared: {them} in {} now",
            self.from.display(),
            self.files,
            self.to.display()
        )
    }
}

/// Counts the files that nothing vouches for: none where a peer's `state` says that the directory is its own. Empty
/// files do not count.
///
/// # Errors
/// Names a file that is not a peer's, or says what cannot be read. Nothing is changed.
pub(in crate::storage) fn unvouched(root: &Path) -> Result<usize, StorageError> {
    if belongs_to_a_peer(root)? {
        return Ok(0);
    }
    count_files(root)
}

/// Counts the files that hold something, or may.
///
/// # Errors
/// Names a file that is no peer's, or says what cannot be read.
pub(in crate::storage) fn count_files(root: &Path) -> Result<usize, StorageError> {
    let mut files = 0;
    for name in names(root, "")? {
        let unfinished =
            ["state.tmp", "base.tmp", pending::COMPACTED_PATH].contains(&name.as_str()) || beside::is_beside(&name);
        if unfinished || is_harmless(&name) || is_of_process(&name) || name == journal::DIR {
            continue;
        }
        check_head(root, &name)?;
        files += 1;
    }
    for name in names(root, journal::DIR)?.into_iter().filter(|name| !is_unfinished(name)) {
        check_head(root, &format!("{}/{name}", journal::DIR))?;
        files += 1;
    }
    Ok(files)
}

/// Refuses a directory whose `state` is another peer's.
///
/// # Errors
/// Names that peer, or says what cannot be read.
pub(in crate::storage) fn check_owner(root: &Path, id: &PeerId) -> Result<(), StorageError> {
    match StateFile::parse(&head(root, state::PATH, state::BYTES_MAX + 1)?) {
        Some(StateFile { id: found, .. }) if found != *id => {
            Err(StorageError::OtherPeer { path: root.to_owned(), found: found.to_string() })
        }
        _ => Ok(()),
    }
}

/// Whether there is a peer's `state`, whole or damaged.
fn belongs_to_a_peer(root: &Path) -> Result<bool, StorageError> {
    let state = head(root, state::PATH, state::BYTES_MAX + 1)?;
    Ok(StateFile::parse(&state).is_some() || state::facts(&state).starts_with(b"id:"))
}

/// Refuses a file that does not begin as a peer's of that name does. An empty one is nobody's.
fn check_head(root: &Path, path: &str) -> Result<(), StorageError> {
    let extension = Path::new(path).extension().map(|extension| extension.to_string_lossy().into_owned());
    let begins = match extension.as_deref() {
        // It was damaged when a peer gave it that name.
        Some("damaged") => return Ok(()),
        Some("csv") => HEADER_LINE.to_owned(),
        Some("log") => "BATCH:".to_owned(),
        Some("pack") => "PACKED:".to_owned(),
        _ if path == pending::PATH => format!("{}:", pending::VERB),
        _ if path == base::PATH => format!("{}:", base::VERB),
        _ => "id:".to_owned(),
    };
    let head = head(root, path, state::LATER.len() + begins.len())?;
    let facts = if path == state::PATH { state::facts(&head) } else { &head };
    if head.is_empty() || facts.starts_with(begins.as_bytes()) {
        return Ok(());
    }
    Err(StorageError::Foreign { path: root.to_owned(), name: path.to_owned() })
}

/// The first bytes of a file. A missing file has none: another process may be setting it aside.
pub(in crate::storage) fn head(root: &Path, path: &str, bytes: usize) -> Result<Vec<u8>, StorageError> {
    let mut head = Vec::new();
    let path = root.join(path);
    let read = File::open(&path).and_then(|file| file.take(bytes as u64).read_to_end(&mut head));
    match read {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StorageError::directory(root, &path, error)),
        _ => Ok(head),
    }
}

pub(in crate::storage) fn names(root: &Path, dir: &str) -> Result<Vec<String>, StorageError> {
    let path = root.join(dir);
    let failed = |error| StorageError::directory(root, &path, error);
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let names: io::Result<Vec<String>> = entries.map(name).collect();
    names.map_err(failed)
}

/// Moves all but the files of the process out of a directory whose `lock` is held, into a new one beside it. The lock stays in its place,
/// so that a second peer can never have the directory. What a crash leaves is set aside at the next start.
///
/// # Errors
/// Where that cannot be done; then everything is where it was, if it could be moved back.
pub(in crate::storage) fn set_aside(root: &Path, files: usize) -> Result<SetAside, StorageError> {
    let failed = |source| StorageError::set_aside(root, source);
    let to = make_room(root).map_err(failed)?;
    let mut moved: Vec<String> = Vec::new();
    for name in names(root, "")?.into_iter().filter(|name| !is_of_process(name)) {
        if let Err(error) = fs::rename(root.join(&name), to.join(&name)) {
            for name in &moved {
                // If this fails, the file is not lost either.
                let _ = fs::rename(to.join(name), root.join(name));
            }
            let _ = fs::remove_dir(&to);
            return Err(failed(error));
        }
        moved.push(name);
    }
    let parent = to.parent().unwrap_or(root);
    sync_all([parent, &to, root]).map_err(failed)?;
    Ok(SetAside { from: root.to_owned(), to, files })
}

/// Puts the names in these directories on the platter.
pub(in crate::storage) fn sync_all<const N: usize>(directories: [&Path; N]) -> io::Result<()> {
    directories.into_iter().try_for_each(durable::sync_dir)
}

/// Makes `<root>.previous`, or one with the lowest free number.
fn make_room(root: &Path) -> io::Result<PathBuf> {
    let mut name = root.as_os_str().to_owned();
    name.push(".previous");
    let mut to = PathBuf::from(&name);
    for number in 2_u64.. {
        match make_dir(&to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| to),
        }
        let mut numbered = name.clone();
        numbered.push(format!(".{number}"));
        to = PathBuf::from(numbered);
    }
    unreachable!("there are not so many")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{CSV_HEADER, HEADER_LINE};
    use crate::storage::directory::{claim, claim_cleared};
    use crate::storage::tests::support::TempDir;

    /// Every path below a directory, with what it holds.
    fn tree(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.push((path.clone(), Vec::new()));
                found.extend(tree(&path));
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
        found.sort();
        found
    }

    /// A data directory in which the directory `p` holds these files.
    fn holding(files: &[(&str, &str)]) -> (TempDir, PathBuf, PeerId) {
        let temp = TempDir::new();
        let root = temp.path().join("p");
        fs::create_dir(&root).unwrap();
        for (name, text) in files {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), text).unwrap();
        }
        (temp, root, "p".parse().unwrap())
    }

    fn rows() -> String {
        format!("{HEADER_LINE}1,,a,,,\n")
    }

    #[test]
    fn files_that_no_peer_began_are_refused_and_stay_as_they_are() {
        for (name, text) in [
            ("a.csv", "time,value\n1,2\n"),
            ("a.csv", &CSV_HEADER[..20]),
            ("a.csv", &format!("{CSV_HEADER},more\n")),
            ("pending", "milk, bread"),
            ("state", "fine"),
            ("journal/00000000000000000001.log", "Dear diary"),
            ("base", "milk"),
        ] {
            let (temp, _, id) = holding(&[("b.csv", &rows()), ("b.csv.damaged", "x"), (name, text)]);
            let before = tree(temp.path());
            let error = claim_cleared(temp.path(), &id).unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}, which is no file of a peer; nothing was touched")), "{error}");
            assert_eq!(tree(temp.path()), before, "{name}");
        }
    }

    #[test]
    fn what_looks_like_a_peers_is_set_aside_under_a_free_name_and_loses_nothing() {
        let kept = [
            ("a.csv", rows()),
            ("empty.csv", String::new()),
            ("b.csv.damaged", "x".to_owned()),
            ("pending", "PENDING:…".to_owned()),
            ("journal/00000000000000000001.log", "BATCH:…".to_owned()),
            ("journal/00000000000000000002.pack", "PACKED:…".to_owned()),
            ("base", "BASE:…".to_owned()),
        ];
        let files: Vec<(&str, &str)> = kept.iter().map(|(name, text)| (*name, text.as_str())).collect();
        for taken in [&[][..], &["p.previous"], &["p.previous", "p.previous.2"]] {
            let (temp, root, id) = holding(&files);
            for name in taken {
                fs::write(temp.path().join(name), "taken").unwrap();
            }
            let (disk, aside) = claim_cleared(temp.path(), &id).unwrap();
            let to = temp.path().join(["p.previous", "p.previous.2", "p.previous.3"][taken.len()]);
            let aside = aside.unwrap();
            assert_eq!(aside, SetAside { from: root.clone(), to: to.clone(), files: kept.len() }.to_string());
            assert!(aside.contains("held 7 files and no state"), "{aside}");
            for (name, text) in &kept {
                assert_eq!(fs::read_to_string(to.join(name)).unwrap(), *text);
            }
            assert_eq!(tree(&root).len(), 1, "only the lock is left");
            drop(disk);
            assert_eq!(claim_cleared(temp.path(), &id).unwrap().1, None);
        }
    }

    #[test]
    fn what_a_crash_in_the_middle_left_is_set_aside_as_well() {
        let (temp, _, id) = holding(&[("lock", "7"), ("b.csv", &rows())]);
        let first = temp.path().join("p.previous");
        fs::create_dir(&first).unwrap();
        fs::write(first.join("a.csv"), rows()).unwrap();
        let (_disk, aside) = claim_cleared(temp.path(), &id).unwrap();
        let second = temp.path().join("p.previous.2");
        assert!(aside.unwrap().contains(&second.display().to_string()));
        assert_eq!(fs::read_to_string(first.join("a.csv")).unwrap(), rows());
    }

    #[test]
    fn a_directory_with_a_peers_state_is_its_own_whatever_else_it_holds() {
        let state = StateFile::new("p".parse().unwrap(), 1, None);
        for text in [state.to_text(), "id:p\nwith a damaged rest".to_owned()] {
            let (temp, _, id) = holding(&[("a.csv", "time,value\n"), ("state", &text)]);
            assert_eq!(claim_cleared(temp.path(), &id).unwrap().1, None);
        }
    }

    #[test]
    fn what_a_first_start_left_when_it_crashed_is_nothing() {
        let (temp, _, id) = holding(&[("lock", "7"), ("state.tmp", "id:p\ninc")]);
        assert_eq!(claim_cleared(temp.path(), &id).unwrap().1, None);
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_what_is_missing() {
        let (_temp, root, _) = holding(&[("file", "")]);
        fs::create_dir(root.join("state")).unwrap();
        assert!(names(&root, "file").is_err() && names(&root, "none").unwrap().is_empty());
        assert!(head(&root, "state", 9).is_err() && head(&root, "none", 9).unwrap().is_empty());
        #[cfg(unix)]
        assert!(sync_all([&root, &root.join("none")]).is_err(), "it cannot be synced");
    }

    #[test]
    fn a_directory_that_a_process_has_claimed_is_not_moved() {
        let (temp, _, id) = holding(&[("a.csv", &rows())]);
        let _disk = claim(temp.path(), &id).unwrap();
        let before = tree(temp.path());
        let error = claim_cleared(temp.path(), &id).unwrap_err();
        assert!(matches!(error, StorageError::InUse { .. }), "{error}");
        assert_eq!(tree(temp.path()), before);
    }

    #[test]
    fn what_cannot_be_set_aside_stays_where_it_is() {
        let (temp, root, _) = holding(&[("a.csv", &rows())]);
        // A name that is too long with anything after it.
        let long = temp.path().join("x".repeat(250));
        fs::rename(&root, &long).unwrap();
        let error = set_aside(&long, 1).unwrap_err().to_string();
        assert!(error.contains("cannot set aside") && error.contains("move it away"), "{error}");
        assert_eq!(fs::read_to_string(long.join("a.csv")).unwrap(), rows());
    }
}
