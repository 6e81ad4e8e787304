//! Files and directories from the time when names were just the ids. They get their present names at a start, one
//! atomic step each: a crash between leaves some of either kind, and the next start does the rest.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::earlier;
use super::previous::{check_owner, names, sync_all, unvouched};
use super::{check_own, Others};
use crate::ids::{PeerId, SensorId};
use crate::storage::disk::occupant::Lock;
use crate::storage::disk::set_aside;
use crate::storage::disk::Disk;
use crate::storage::error::{failed, StorageError};
use crate::storage::file_names::{csv_name, name_of, sensor_of_earlier};
use crate::storage::repair::CsvRenamed;

/// What became of a directory that an earlier version named, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EarlierDirectory {
    Renamed { from: PathBuf, to: PathBuf },
    LeftAlone { path: PathBuf, used: PathBuf },
}

impl fmt::Display for EarlierDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renamed { from, to } => {
                let (from, to) = (from.display(), to.display());
                write!(f, "{from}, as an earlier version named it, is {to} now: see docs/files.md")
            }
            Self::LeftAlone { path, used } => {
                let (path, used) = (path.display(), used.display());
                write!(f, "{path}, as an earlier version named it, is left alone: this peer uses {used}; move one of them away")
            }
        }
    }
}

/// Renames the CSV files. `None` where there is none to rename.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn rename_csv<D: Disk>(disk: &D) -> Result<Option<CsvRenamed>, StorageError> {
    let names = disk.list("").map_err(failed(disk, "list", ""))?;
    let earlier = |name: &String| Some((name.clone(), sensor_of_earlier(name)?));
    let earlier: Vec<(String, SensorId)> = names.iter().filter_map(earlier).collect();
    if earlier.is_empty() {
        return Ok(None);
    }
    let mut done = CsvRenamed::new(disk.full_path(""));
    for (name, sensor) in earlier {
        let new = csv_name(sensor.as_str());
        if names.binary_search(&new).is_ok() {
            // The file with the present name was written later; all rows are in the journal.
            set_aside::rename(disk, &name)?;
            done.set_aside += 1;
        } else {
            disk.rename(&name, &new).map_err(failed(disk, "rename", &name))?;
            done.name(&name, &new);
        }
    }
    // This comes before anything else takes one of these names: otherwise a power loss could leave a file under both.
    disk.sync_names("").map_err(failed(disk, "sync", ""))?;
    Ok(Some(done))
}

/// Renames the directory of a peer, and what an interrupted move left of it. Returns what was done, if it is there.
///
/// # Errors
/// Where it is in use, cannot be renamed, or holds anything but a peer's files; then it is as it was.
pub fn rename_directory(data_dir: &Path, id: &PeerId) -> Result<Option<EarlierDirectory>, StorageError> {
    let (old, new) = (data_dir.join(id.as_str()), data_dir.join(name_of(id.as_str())));
    if old == new {
        return Ok(None);
    }
    let failed = |source| StorageError::directory(&old, &old, source);
    let is_there = is_named(&old)? && check_owner(&old, id).is_ok();
    let is_to_move = is_there && !exists(&new);
    if is_to_move {
        check_own(&old, Others::Stay)?;
        unvouched(&old)?;
        // Nobody uses it now. The lock is let go, since not every system renames a directory with open files.
        drop(Lock::take(&old)?);
    }
    let (part, new_part) = (earlier::part_of(&old), earlier::part_of(&new));
    if is_named(&part)? && !exists(&new_part) {
        fs::rename(&part, &new_part).map_err(failed)?;
    }
    if is_to_move {
        fs::rename(&old, &new).and_then(|()| sync_all([data_dir])).map_err(failed)?;
        return Ok(Some(EarlierDirectory::Renamed { from: old, to: new }));
    }
    Ok(is_there.then_some(EarlierDirectory::LeftAlone { path: old, used: new }))
}

/// Whether there is a directory of exactly this name, and not one that differs by case.
pub(in crate::storage) fn is_named(path: &Path) -> Result<bool, StorageError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
    let is_dir = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    Ok(is_dir && names(parent, "")?.iter().any(|there| name == there.as_str()))
}

fn exists(path: &Path) -> bool {
    !fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::HEADER_LINE;
    use crate::storage::directory::{claim, claim_cleared};
    use crate::storage::state::StateFile;
    use crate::storage::tests::support::TempDir;

    fn id() -> PeerId {
        "Lab".parse().unwrap()
    }

    /// A directory with a `state` of this peer, and one row.
    fn used(temp: &TempDir, name: &str, id: &str) -> PathBuf {
        let root = temp.path().join(name);
        fs::create_dir_all(&root).unwrap();
        let state = StateFile::new(id.parse().unwrap(), 7, None);
        fs::write(root.join("state"), state.to_text()).unwrap();
        fs::write(root.join("Temp.csv"), format!("{HEADER_LINE}1,,Temp,,,\n")).unwrap();
        root
    }

    fn listed(temp: &TempDir) -> Vec<String> {
        let mut names = names(temp.path(), "").unwrap();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_no_directory_of_that_name() {
        let temp = TempDir::new();
        fs::write(temp.path().join("file"), "").unwrap();
        fs::create_dir(temp.path().join("directory")).unwrap();
        let named = ["file", "directory", "nothing"].map(|name| is_named(&temp.path().join(name)).unwrap());
        assert_eq!(named, [false, true, false]);
    }

    #[test]
    fn a_directory_of_an_earlier_version_is_renamed_once_and_told_of() {
        let temp = TempDir::new();
        assert_eq!(rename_directory(&temp.path().join("none"), &id()).unwrap(), None);
        used(&temp, "Lab", "Lab");
        let told = rename_directory(temp.path(), &id()).unwrap().unwrap();
        let (from, to) = (temp.path().join("Lab"), temp.path().join("Lab+1"));
        let said = format!("{}, as an earlier version named it, is {} now", from.display(), to.display());
        assert!(told.to_string().starts_with(&said), "{told}");
        assert_eq!(told, EarlierDirectory::Renamed { from, to });
        assert_eq!(listed(&temp), ["Lab+1"]);
        assert_eq!(rename_directory(temp.path(), &id()).unwrap(), None);
        claim(temp.path(), &id()).unwrap();
        assert!(temp.path().join("Lab+1/Temp.csv").exists());
    }

    #[test]
    fn what_a_crash_left_between_is_found_and_undone() {
        // As the earlier version left it, and after one of the two steps.
        for (root, part) in [("Lab", ".Lab.previous.part"), ("Lab", ".Lab+1.previous.part")] {
            let temp = TempDir::new();
            let (root, part) = (used(&temp, root, "Lab"), used(&temp, part, "Lab"));
            fs::remove_file(root.join("Temp.csv")).unwrap();
            fs::write(part.join("b.csv"), format!("{HEADER_LINE}2,,b,,,\n")).unwrap();
            assert!(rename_directory(temp.path(), &id()).unwrap().is_some());
            claim(temp.path(), &id()).unwrap();
            assert_eq!(listed(&temp), ["Lab+1"]);
            for name in ["Temp.csv", "b.csv"] {
                assert!(temp.path().join("Lab+1").join(name).exists(), "{name}");
            }
        }
    }

    #[test]
    fn a_directory_that_is_used_or_foreign_stays_and_is_named() {
        let temp = TempDir::new();
        let root = used(&temp, "Lab", "Lab");
        let file = Lock::take(&root).unwrap();
        let error = rename_directory(temp.path(), &id()).unwrap_err();
        assert!(matches!(error, StorageError::InUse { .. }), "{error}");
        drop(file);
        fs::write(root.join("notes.txt"), "mine").unwrap();
        fs::create_dir(root.join("pending")).unwrap();
        let error = rename_directory(temp.path(), &id()).unwrap_err().to_string();
        assert!(error.contains("\"pending\", which is no file of a peer; nothing was touched"), "{error}");
        assert_eq!(listed(&temp), ["Lab"]);
        fs::remove_dir(root.join("pending")).unwrap();
        rename_directory(temp.path(), &id()).unwrap();
        assert!(temp.path().join("Lab+1/notes.txt").is_file());
    }

    #[test]
    fn what_belongs_to_another_peer_or_is_not_needed_is_left_alone() {
        let temp = TempDir::new();
        // This is how it looks where the disk folds case and `lab` came second.
        used(&temp, "Lab", "lab");
        used(&temp, "lab.previous", "lab");
        assert_eq!(rename_directory(temp.path(), &id()).unwrap(), None);
        claim(temp.path(), &id()).unwrap();
        assert_eq!(listed(&temp), ["Lab", "Lab+1", "lab.previous"]);
        used(&temp, "Lab", "Lab");
        let told = rename_directory(temp.path(), &id()).unwrap().unwrap();
        let (path, used) = (temp.path().join("Lab"), temp.path().join("Lab+1"));
        assert!(told.to_string().contains("is left alone"), "{told}");
        assert_eq!(told, EarlierDirectory::LeftAlone { path, used });
        assert_eq!(listed(&temp), ["Lab", "Lab+1", "lab.previous"]);
    }

    #[test]
    fn peers_whose_ids_differ_by_case_or_are_devices_have_directories_of_their_own() {
        let temp = TempDir::new();
        let ids: [PeerId; 4] = ["lab", "Lab", "CON", "lab."].map(|id| id.parse().unwrap());
        let _disks = ids.each_ref().map(|id| claim(temp.path(), id).unwrap());
        assert_eq!(listed(&temp), ["+CON+7", "Lab+1", "lab", "lab.+0"]);
    }

    #[test]
    fn rows_of_an_earlier_start_are_kept_beside_and_replaced_by_the_next() {
        let temp = TempDir::new();
        for _ in 0..2 {
            // Its `state` says whose it is, even where its name is not the id.
            used(&temp, "Lab+1", "Lab");
            claim_cleared(temp.path(), &id()).unwrap().1.unwrap();
        }
        assert_eq!(listed(&temp), ["Lab+1", "Lab+1.previous"]);
    }
}
